//! Who is at the other end of a connection: the name that the authority put into the certificate.

use der::Decode;
use x509_cert::Certificate;
use x509_cert::der;
use x509_cert::der::oid::ObjectIdentifier;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The common name of the subject; empty if there is none.
    pub(crate) common_name: String,
    /// The serial number in lower-case hexadecimal digits, without leading zeros.
    pub(crate) serial: String,
}

impl Holder {
    /// Reads a certificate in DER; `None` when it is none, or has several common names.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let body = certificate.tbs_certificate();
        let mut names = body
            .subject()
            .iter()
            .filter(|part| part.oid == COMMON_NAME)
            .map(|part| std::str::from_utf8(part.value.value()).map(str::to_owned));
        let common_name = names.next().unwrap_or(Ok(String::new())).ok()?;
        if names.next().is_some() {
            return None;
        }
        let digits: String =
            body.serial_number().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { common_name, serial: trimmed(&digits).to_owned() })
    }
}

/// Hexadecimal digits without leading zeros.
pub(crate) fn trimmed(digits: &str) -> &str {
    digits.trim_start_matches('0')
}
