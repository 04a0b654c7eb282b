//! What this machine offers: memory, processors and seeds.

use std::path::Path;

use qhal::{Error, ErrorKind, Result};

/// Bytes that can be allocated now without swapping: what the system has free, or what the limits of the control groups
/// that this process is in (containers, `systemd` units) leave, whichever is less. 8 GiB where the system does not say.
pub fn available_memory() -> u64 {
    const UNKNOWN: u64 = 8 << 30;
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else { return UNKNOWN };
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok())
        .map_or(UNKNOWN, |kib| kib.saturating_mul(1024));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    left_by_groups(Path::new("/sys/fs/cgroup"), &groups).map_or(free, |left| free.min(left))
}

/// What the memory limits of control groups leave, if there are any: `groups` is the text of `/proc/self/cgroup`, of
/// version 1 or 2; a limit of any group above counts as well (Linux, Documentation/admin-guide/cgroup-v2.rst).
fn left_by_groups(root: &Path, groups: &str) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, limit, used) = match controllers {
            "" => (root.to_owned(), "memory.max", "memory.current"),
            named if named.split(',').any(|controller| controller == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes")
            }
            _ => continue,
        };
        // In a container the path may be that of the host and not exist here: its ancestors do, down to the root.
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let group = root.join(group);
            let number = |name: &str| -> Option<u64> {
                std::fs::read_to_string(group.join(name)).ok()?.trim().parse().ok()
            };
            if let Some(limit) = number(limit) {
                // Files that were read are kept in memory only while nobody needs it.
                let used = number(used).unwrap_or(0).saturating_sub(reclaimable(&group));
                let left = limit.saturating_sub(used);
                least = Some(least.map_or(left, |least: u64| least.min(left)));
            }
        }
    }
    least
}

/// Bytes of cached files that a control group would give up first.
fn reclaimable(group: &Path) -> u64 {
    let text = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let named = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<u64>().ok())
    };
    named("total_inactive_file").or_else(|| named("inactive_file")).unwrap_or(0)
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
    use super::*;

    /// Writes files below a folder.
    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_tightest_control_group_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(
            root,
            &[
                ("a/memory.max", "max\n"),
                ("a/b/memory.max", "1000\n"),
                ("a/b/memory.current", "700\n"),
                ("a/b/memory.stat", "anon 400\ninactive_file 250\nactive_file 50\n"),
                ("a/b/c/memory.max", "5000\n"),
                ("memory/lxc/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/lxc/memory.usage_in_bytes", "10\n"),
                ("memory/lxc/unit/memory.limit_in_bytes", "600\n"),
            ],
        );
        assert_eq!(left_by_groups(root, "0::/a/b/c\n"), Some(550));
        assert_eq!(left_by_groups(root, "0::/a\n"), None);
        assert_eq!(left_by_groups(root, "0::/not/here\n"), None);
        assert_eq!(left_by_groups(root, "5:cpu,memory:/lxc/unit\n1:name=x:/a/b\n"), Some(600));
        assert_eq!(left_by_groups(root, "nonsense\n0:\n"), None);
        write(root, &[("memory.max", "100\n"), ("memory.current", "130\n")]);
        assert_eq!(left_by_groups(root, "0::/gone/elsewhere\n"), Some(0));
    }

    #[test]
    fn there_is_some_memory_and_a_processor() {
        assert!(super::available_memory() > 1 << 20);
        assert!(super::processors() >= 1);
    }
}
