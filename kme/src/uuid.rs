//! UUIDs (RFC 9562): random ones for keys (§5.4, version 4), and ones that are made from names (§5.8, version 8).

use qhal::{Error, ErrorKind, KeyId, Result};
use sha2::{Digest, Sha256};

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

/// The name of a thing of this kind that is otherwise called by texts: the first bits of their SHA-256 digest.
pub(crate) fn named(kind: &str, texts: &[&str]) -> KeyId {
    let mut digest = Sha256::new();
    for text in std::iter::once(&kind).chain(texts) {
        // With its length before each, so that no two lists read alike.
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.finalize()).for_each(|(byte, digest)| *byte = digest);
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    KeyId(bytes)
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
    fn names_made_from_texts_differ_as_the_texts_do() {
        let one = named("link", &["kme-a", "kme-b"]);
        assert_eq!(one, named("link", &["kme-a", "kme-b"]));
        for other in
            [named("link", &["kme-ak", "me-b"]), named("pair", &["kme-a", "kme-b"]), named("link", &[])]
        {
            assert_ne!(one, other);
        }
        assert_eq!(&one.to_string()[14..15], "8");
    }

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
