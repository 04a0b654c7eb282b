//! What went wrong with a call, in one sentence that says which part of it failed.

use std::io::ErrorKind as Io;

use qhal::{Error, ErrorKind};
use rustls::{AlertDescription, CertificateError};
use ureq::Timeout;

use super::{Answer, Limits, Place};

/// The most that is quoted of what a server says about a refusal, in characters.
const QUOTED: usize = 200;

/// The sentence for a call that got no answer.
pub(super) fn of(error: ureq::Error, place: &Place, limits: &Limits) -> Error {
    match error {
        // Ours, from the resolver or the TLS connector.
        ureq::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::new(ErrorKind::Other, format!("cannot ask {place}")).because(other),
        },
        ureq::Error::Io(cause) => of_io(cause, place),
        ureq::Error::Timeout(which) => timed_out(which, place, limits),
        ureq::Error::HostNotFound => {
            Error::new(ErrorKind::NotFound, format!("the name {} is not known here", place.host))
        }
        ureq::Error::BadUri(why) => {
            Error::new(ErrorKind::InvalidInput, format!("cannot ask {place} for such a path: {why}"))
        }
        ureq::Error::Http(cause) => {
            Error::new(ErrorKind::InvalidInput, format!("cannot send that to {place}")).because(cause)
        }
        other => {
            let message = format!("{place} does not answer as HTTP asks for");
            Error::new(ErrorKind::Protocol, message).because(other)
        }
    }
}

/// The sentence for an error of the connection.
pub(super) fn of_io(cause: std::io::Error, place: &Place) -> Error {
    if let Some(tls) = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(tls, place);
    }
    match cause.kind() {
        Io::ConnectionRefused => {
            Error::new(ErrorKind::NotFound, format!("nobody listens at {place}")).because(cause)
        }
        Io::HostUnreachable | Io::NetworkUnreachable => {
            Error::new(ErrorKind::NotFound, format!("there is no way to {place}")).because(cause)
        }
        Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe => {
            let message = format!("{place} broke the connection off before its answer was complete");
            Error::new(ErrorKind::Disconnected, message).because(cause)
        }
        Io::TimedOut | Io::WouldBlock => {
            Error::new(ErrorKind::TimedOut, format!("{place} did not answer in time")).because(cause)
        }
        _ => Error::from_io(cause, format!("the connection to {place} failed")),
    }
}

fn timed_out(which: Timeout, place: &Place, limits: &Limits) -> Error {
    let message = match which {
        Timeout::Resolve => format!("the name {} was not found within {:?}", place.host, limits.call),
        Timeout::Connect => format!("no connection to {place} came about within {:?}", limits.connect),
        _ => format!("{place} did not answer within {:?}", limits.call),
    };
    Error::new(ErrorKind::TimedOut, message)
}

/// The sentence for a TLS error, during the handshake or later: in TLS 1.3 a server says only after the handshake that it
/// does not take our certificate.
pub(super) fn of_tls(error: &rustls::Error, place: &Place) -> Error {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            let message = format!("the certificate of {place} is not trusted: {}", distrust(why, place));
            Error::new(ErrorKind::Refused, message)
        }
        rustls::Error::AlertReceived(alert) => of_alert(*alert, place),
        rustls::Error::InvalidMessage(_) => {
            Error::new(ErrorKind::Protocol, format!("what answers at {place} does not speak TLS"))
        }
        other => {
            let message = format!("no TLS with {place}");
            Error::new(ErrorKind::Protocol, message).because(other.clone())
        }
    }
}

fn distrust(why: &CertificateError, place: &Place) -> String {
    use CertificateError as Why;
    match why {
        Why::UnknownIssuer => "none of the authorities that were named has signed it".to_owned(),
        Why::Expired | Why::ExpiredContext { .. } => "it has expired".to_owned(),
        Why::NotValidYet | Why::NotValidYetContext { .. } => {
            "it is not valid yet; is the clock of this machine right?".to_owned()
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            format!("it is not for the name {}", place.host)
        }
        Why::Revoked => "it was revoked".to_owned(),
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => "it is not for servers".to_owned(),
        Why::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's; name this very certificate to trust it all the same".to_owned()
        }
        other => other.to_string(),
    }
}

fn of_alert(alert: AlertDescription, place: &Place) -> Error {
    use AlertDescription as Alert;
    let (kind, why) = match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            (ErrorKind::PermissionDenied, "wants a certificate from us, and none is configured".to_owned())
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => {
            (ErrorKind::PermissionDenied, format!("does not take our certificate ({alert:?})"))
        }
        other => (ErrorKind::Protocol, format!("ended TLS with the alert {other:?}")),
    };
    Error::new(kind, format!("{place} {why}"))
}

/// The error for an answer whose status is none of success.
pub(super) fn refusal(answer: &Answer) -> Error {
    let kind = match answer.status {
        401 | 403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        405 | 415 | 501 => ErrorKind::Unsupported,
        408 | 504 => ErrorKind::TimedOut,
        429 | 503 => ErrorKind::Busy,
        400..=499 => ErrorKind::Refused,
        500..=599 => ErrorKind::Other,
        _ => ErrorKind::Protocol,
    };
    let mut message = format!("the server answers {}{}", answer.status, phrase(answer.status));
    if let Some(said) = said(answer) {
        message.push_str(&format!(": {said}"));
    }
    if let Some(seconds) = answer.retry_after_s {
        message.push_str(&format!(" (ask again in {seconds} s)"));
    }
    Error::new(kind, message)
}

/// What statuses are called that people meet (RFC 9110 §15).
fn phrase(status: u16) -> &'static str {
    match status {
        300..=399 => " (a redirection, which is not followed)",
        400 => " (bad request)",
        401 => " (unauthorized)",
        403 => " (forbidden)",
        404 => " (not found)",
        405 => " (method not allowed)",
        408 | 504 => " (time-out)",
        409 => " (conflict)",
        415 => " (unsupported media type)",
        422 => " (unprocessable content)",
        429 => " (too many requests)",
        500 => " (internal server error)",
        502 => " (bad gateway)",
        503 => " (unavailable)",
        _ => "",
    }
}

/// What the server says about a refusal: a text in the places where servers put it, or a short plain text.
fn said(answer: &Answer) -> Option<String> {
    let text = std::str::from_utf8(&answer.body).ok()?.trim();
    let said = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => {
            ["message", "detail", "error", "title"].iter().find_map(|name| match json.get(name)? {
                serde_json::Value::String(text) => Some(text.clone()),
                other @ (serde_json::Value::Object(_) | serde_json::Value::Array(_)) => {
                    Some(other.to_string())
                }
                _ => None,
            })?
        }
        Err(_) if answer.content_type == "text/plain" || answer.content_type.is_empty() => text.to_owned(),
        Err(_) => return None,
    };
    let clean: String =
        said.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(QUOTED).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}
