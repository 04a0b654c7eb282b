//! What there is to know of an Alea's wire: which endpoint, how much at a time, and how long it may take.

use std::time::Duration;

/// Bytes of one read.
pub const READ: usize = 64;
/// How long Linux's driver waits for a read.
pub const LIMIT: Duration = Duration::from_secs(1);
/// And for the first one.
pub const FIRST_LIMIT: Duration = Duration::from_secs(3);

/// The endpoint random bytes come from: the only one, or the first.
pub fn endpoint(endpoints: &[u8]) -> Option<u8> {
    endpoints.iter().copied().find(|endpoint| endpoint & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_endpoint_from_the_device_is_read() {
        assert_eq!(endpoint(&[0x02, 0x81, 0x82]), Some(0x81));
        assert_eq!(endpoint(&[0x02]), None);
    }
}
