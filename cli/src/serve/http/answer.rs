//! What goes back: bytes with their provenance in the header, JSON, or a problem (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use qhal::{Error, ErrorKind};
use qhal_backends::ensemble::Lineage;
use serde_json::{Value, json};

use crate::serve::app::App;

/// How long to stay away when nothing better is known, in seconds.
const A_WHILE: u64 = 1;

/// Why there is no better answer.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// The request itself is wrong.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The quota is used up; it will do again after `wait`.
    pub(crate) fn quota(wait: Duration) -> Self {
        let mut problem =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "your quota is used up; nothing was drawn");
        // A whole second more is never too early.
        problem.retry_after = Some(wait.as_secs().saturating_add(1));
        problem
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
            // Whatever stops the devices may be over soon.
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::new(status, error.chain());
        problem.retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(A_WHILE);
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = with_type(self.status, "application/problem+json", document.to_string());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A body with its type, never to be kept by anybody on the way.
pub(crate) fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON document.
pub(crate) fn json(document: &Value) -> Response {
    with_type(StatusCode::OK, "application/json", document.to_string())
}

/// Writes into a header where bytes come from.
pub(crate) fn say_origin(headers: &mut HeaderMap, app: &App, lineage: &Lineage, fresh: bool) {
    let devices: Vec<String> = lineage.devices.iter().map(|device| device.id.to_string()).collect();
    let mut say = |name: &'static str, text: &str| {
        headers.insert(HeaderName::from_static(name), visible(text));
    };
    say("qhal-devices", &devices.join(", "));
    say("qhal-provenance", lineage.provenance.as_str());
    say("qhal-quantum-origin", lineage.origin().as_str());
    say("qhal-fallback", if lineage.fallback { "true" } else { "false" });
    say("qhal-output", app.settings.output.as_str());
    say("qhal-fresh", if fresh { "true" } else { "false" });
}

/// A header's value; what a header cannot hold becomes a question mark.
pub(crate) fn visible(text: &str) -> HeaderValue {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' })
        .collect();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("?"))
}
