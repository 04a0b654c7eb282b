//! Who may ask: access tokens, compared in constant time and never written anywhere.

use std::fmt;
use std::path::Path;

use qhal::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// The environment variable that may hold tokens instead of a file.
pub(crate) const VARIABLE: &str = "QHAL_SERVE_TOKENS";

/// The fewest characters of a token.
const FEWEST: usize = 16;

/// The clients that may ask, each with the SHA-256 of its token.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    clients: Vec<(String, [u8; 32])>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clients.iter().map(|(name, _)| name)).finish()
    }
}

impl Tokens {
    /// Reads the file if one is named, else the environment variable; neither is no tokens.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied` for the file; `InvalidInput` with the line for what is no `name:token`.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        match file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|cause| {
                    Error::from_io(cause, format!("cannot read the tokens in {}", path.display()))
                })?;
                Self::parse(&Zeroizing::new(text), &path.display().to_string())
            }
            None => match std::env::var(VARIABLE) {
                Ok(text) => Self::parse(&Zeroizing::new(text), VARIABLE),
                Err(_) => Ok(Self::default()),
            },
        }
    }

    /// Lines of `name:token`; empty ones and those that begin with `#` are passed over.
    fn parse(text: &str, source: &str) -> Result<Self> {
        let mut clients: Vec<(String, [u8; 32])> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong =
                |what: &str| Err(Error::new(ErrorKind::InvalidInput, format!("{source}:{number}: {what}")));
            let Some((name, token)) = line.split_once(':') else {
                return wrong("a line has the form name:token");
            };
            if name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            {
                return wrong("a name has letters, digits, '-', '_' and '.'");
            }
            if token.len() < FEWEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return wrong(
                    "a token has at least 16 printable characters without blanks; try: openssl rand -hex 32",
                );
            }
            if clients.iter().any(|(other, _)| other == name) {
                return wrong("there is a client of that name already");
            }
            clients.push((name.to_owned(), Sha256::digest(token).into()));
        }
        Ok(Self { clients })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// The name of the client that `token` belongs to. All are compared, whichever it is.
    pub(crate) fn client(&self, token: &str) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut found = u32::MAX;
        for (at, (_, known)) in (0u32..).zip(&self.clients) {
            let same: Choice = known.as_slice().ct_eq(digest.as_slice());
            found = u32::conditional_select(&found, &at, same);
        }
        self.clients.get(usize::try_from(found).ok()?).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_find_their_client_and_stay_secret() {
        let text = "# clients\n\nalice:0123456789abcdef\nbob:fedcba9876543210:x\n";
        let tokens = Tokens::parse(text, "tokens").unwrap();
        assert_eq!(tokens.client("0123456789abcdef"), Some("alice"));
        assert_eq!(tokens.client("fedcba9876543210:x"), Some("bob"));
        for wrong in ["", "0123456789abcde", "0123456789abcdefg", "fedcba9876543210"] {
            assert_eq!(tokens.client(wrong), None);
        }
        assert_eq!(format!("{tokens:?}"), r#"["alice", "bob"]"#);
        assert_eq!(Tokens::default().client(""), None);
    }

    #[test]
    fn a_wrong_line_is_named_and_its_secret_is_not() {
        for (text, line) in [
            ("alice", 1),
            ("\nalice:short", 2),
            ("a:0123456789abcdef\na:0123456789abcdeF", 2),
            ("a b:0123456789abcdef", 1),
            ("a:0123456789 abcdef", 1),
        ] {
            let error = Tokens::parse(text, "tokens").unwrap_err();
            assert!(error.message().starts_with(&format!("tokens:{line}: ")), "{error}");
            assert!(!error.message().contains("0123456789") && !error.message().contains("short"), "{error}");
        }
    }
}
