//! What this machine offers: memory, processors and seeds.

use qhal::{Error, ErrorKind, Result};

/// Bytes that can be allocated now without swapping; 8 GiB where the system does not say.
pub fn available_memory() -> u64 {
    const UNKNOWN: u64 = 8 << 30;
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else { return UNKNOWN };
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok())
        .map_or(UNKNOWN, |kib| kib.saturating_mul(1024));
    cgroup_limit().map_or(free, |limit| free.min(limit))
}

/// What a container's memory limit leaves, if there is one (cgroup v2).
fn cgroup_limit() -> Option<u64> {
    let number = |name: &str| {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current").unwrap_or(0)))
}

/// How many threads run at once.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// 256 bits from the operating system, for what need not be repeatable.
///
/// # Errors
/// `Other` when the operating system gives none.
pub fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|cause| Error::new(ErrorKind::Other, "the operating system gave no seed").because(cause))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_some_memory_and_a_processor() {
        assert!(super::available_memory() > 1 << 20);
        assert!(super::processors() >= 1);
    }
}
