//! Names of keys: random UUIDs (RFC 9562 §5.4, version 4), and names that belong to a place in a stream (§5.8, version 8).

use qhal::{Error, ErrorKind, KeyId, Result};

/// A random name.
///
/// # Errors
/// `Other` when the operating system gives no random bytes.
pub(crate) fn random() -> Result<KeyId> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Ok(KeyId(bytes))
}

/// Random bytes of the operating system, for names and epochs; never for keys.
///
/// # Errors
/// `Other` when there are none.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(ErrorKind::Other, format!("the operating system gives no random bytes: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_random_uuids_of_version_4() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(&id.to_string()[14..15], "4");
            assert!(matches!(&id.to_string()[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }
}
