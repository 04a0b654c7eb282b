//! A bearer token: from a file or the environment, wiped when it is dropped, and never shown.

use std::fmt;
use std::path::PathBuf;

use qhal::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// The longest token, in bytes.
const LONGEST: usize = 16 << 10;

/// Where a token is found. The token itself has no place in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The only line of this file, which may be open to its owner and group only.
    File(PathBuf),
    /// The variable of this name in the environment.
    Environment(String),
}

impl TokenSource {
    /// Reads the token.
    ///
    /// # Errors
    /// `NotFound` when there is no such file or variable; `PermissionDenied`; `Refused` for a file that others can read;
    /// `InvalidInput` for what cannot be a token.
    pub fn read(&self) -> Result<Token> {
        match self {
            Self::File(path) => {
                let text = super::tls::read_secret(path)?;
                Token::new(&text).map_err(|error| error.context(path.display()))
            }
            Self::Environment(name) => {
                let value = std::env::var_os(name).ok_or_else(|| {
                    let message = format!("the environment has no variable {name} with the token");
                    Error::new(ErrorKind::NotFound, message)
                })?;
                let value = Zeroizing::new(value.into_encoded_bytes());
                Token::new(&value).map_err(|error| error.context(format!("the variable {name}")))
            }
        }
    }
}

/// A bearer token (RFC 6750).
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token; white space around it does not count.
    ///
    /// # Errors
    /// `InvalidInput` when nothing is left, or more than 16 KiB, or it holds anything but visible ASCII characters.
    pub fn new(text: &[u8]) -> Result<Self> {
        let text = text.trim_ascii();
        let possible = (1..=LONGEST).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        match std::str::from_utf8(text) {
            Ok(text) if possible => Ok(Self(Zeroizing::new(text.to_owned()))),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "it holds no token: a token is one word of visible ASCII characters",
            )),
        }
    }

    /// The token itself. Whoever copies it is responsible for the copy.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of the header field `Authorization`.
    pub(super) fn bearer(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity("Bearer ".len() + self.0.len()));
        text.push_str("Bearer ");
        text.push_str(&self.0);
        text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}
