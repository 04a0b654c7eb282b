//! Who asks: the address, the certificate and the token of a request.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::answer::Problem;
use crate::serve::app::App;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) ip: IpAddr,
    /// The SHA-256 of its certificate in hexadecimal digits, where it showed one that was verified.
    pub(crate) certificate: Option<String>,
}

/// Somebody who may ask. The name is that of his quota.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: String,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Extension(peer) = Extension::<Peer>::from_request_parts(parts, app).await.map_err(|_| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the connection has no other end")
        })?;
        if app.settings.tokens.is_empty() {
            return Ok(Self {
                name: match peer.certificate {
                    Some(digest) => format!("certificate:{digest}"),
                    None => peer.ip.to_string(),
                },
            });
        }
        // The scheme's name is not case-sensitive (RFC 9110 §11.1).
        let token = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match token.and_then(|token| app.settings.tokens.client(token)) {
            Some(name) => Ok(Self { name: format!("token:{name}") }),
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "an access token is needed: send 'Authorization: Bearer TOKEN'",
            )),
        }
    }
}
