//! Answers in the shapes of ETSI GS QKD 014 §6.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::manager::NamedKey;
use crate::refusal::Refusal;

impl IntoResponse for Refusal {
    /// §5, table 9: 401 has no body.
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
            Self::BadRequest(why) => refused(StatusCode::BAD_REQUEST, &why),
            Self::Conflict(why) => refused(StatusCode::CONFLICT, &why),
            Self::Unavailable(why) | Self::Late(why) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        }
    }
}

/// An "Error" of §6.6.
pub(crate) fn refused(status: StatusCode, why: &str) -> Response {
    (status, document(serde_json::json!({ "message": why }).to_string())).into_response()
}

/// A JSON document that no proxy may keep.
pub(crate) fn document(text: String) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A "Key container" of §6.3.
pub(crate) fn container(keys: &[NamedKey], extension: &serde_json::Value) -> Response {
    let length: usize = keys.iter().map(|(_, key)| key.len() * 4 / 3 + 80).sum();
    // One allocation, so that no copy of a key is left behind when the text grows.
    let mut text = String::with_capacity(length + 256);
    text.push_str(r#"{"keys":["#);
    for (number, (id, key)) in keys.iter().enumerate() {
        let encoded = Zeroizing::new(STANDARD.encode(&**key));
        text.push_str(if number == 0 { r#"{"key_ID":""# } else { r#",{"key_ID":""# });
        text.push_str(&id.to_string());
        text.push_str(r#"","key":""#);
        text.push_str(&encoded);
        text.push_str(r#""}"#);
    }
    text.push_str(r#"],"key_container_extension":"#);
    text.push_str(&extension.to_string());
    text.push('}');
    document(text)
}
