//! The interface of encryptors, SKIP: draft-cisco-skip-02 §4, over the same certificates.

use axum::Router;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use qhal::KeyId;
use serde_json::json;
use zeroize::Zeroizing;

use crate::etsi014::{document, refused};
use crate::manager::NamedKey;
use crate::refusal::Refusal;
use crate::server::{Caller, Shared};

/// The most bits of randomness in one answer.
const MOST_ENTROPY: u32 = 65536;

/// The paths of the draft.
pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/capabilities", get(capabilities))
        .route("/key", get(new_key))
        .route("/key/{id}", get(key))
        .route("/entropy", get(entropy))
        .with_state(shared)
}

fn local_system(caller: &Caller) -> Result<&str, Answer> {
    caller.sae.as_deref().ok_or(Answer::NotKnown)
}

async fn capabilities(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Answer> {
    let local = local_system(&caller)?;
    let remote: Vec<String> = shared.manager.partners(local);
    Ok(document(
        json!({
            "entropy": shared.entropy.is_some(),
            "key": true,
            "algorithm": "QKD",
            "localSystemID": local,
            "remoteSystemID": remote,
        })
        .to_string(),
    ))
}

async fn new_key(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Answer> {
    let local = local_system(&caller)?;
    let (remote, size) = parameters(query.as_deref().unwrap_or_default(), "size")?;
    let remote = remote.ok_or_else(|| bad("remoteSystemID is missing"))?;
    let kme = &shared.manager.settings().kme;
    let bits = size.unwrap_or(256);
    if !bits.is_multiple_of(8) || !(kme.min_key_bits..=kme.max_key_bits).contains(&bits) {
        let why = format!("size is a multiple of 8 from {} to {}", kme.min_key_bits, kme.max_key_bits);
        return Err(bad(why));
    }
    let keys = shared.manager.give(local, &remote, &[], 1, bits).await?;
    answer(&keys)
}

async fn key(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Answer> {
    let local = local_system(&caller)?;
    let (remote, _) = parameters(query.as_deref().unwrap_or_default(), "size")?;
    let remote = remote.ok_or_else(|| bad("remoteSystemID is missing"))?;
    let id = key_id(&id).ok_or_else(|| bad("a keyId has 32 hexadecimal digits"))?;
    let keys = shared.manager.fetch(local, &remote, &[id])?;
    answer(&keys)
}

async fn entropy(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Answer> {
    local_system(&caller)?;
    let (_, bits) = parameters(query.as_deref().unwrap_or_default(), "minentropy")?;
    let bits = bits.unwrap_or(256);
    if bits == 0 || bits > MOST_ENTROPY {
        return Err(bad(format!("minentropy is from 1 to {MOST_ENTROPY} bits")));
    }
    let mut bytes = Zeroizing::new(vec![0; bits.div_ceil(8) as usize]);
    shared.random_bytes(&mut bytes).map_err(|error| Answer::NoEntropy(error.chain()))?;
    Ok(document(json!({ "randomStr": &*hexadecimal(&bytes), "minentropy": bits }).to_string()))
}

/// What the draft answers when there is nothing to give.
#[derive(Debug)]
enum Answer {
    /// Whose certificate names no system here; the draft leaves that to the connection.
    NotKnown,
    /// What the request got wrong: 400.
    Bad(String),
    /// What is wrong here: 500.
    Internal(String),
    /// No randomness now: 503.
    NoEntropy(String),
}

fn bad(why: impl Into<String>) -> Answer {
    Answer::Bad(why.into())
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BadRequest(why) => Self::Bad(why),
            Refusal::Unauthorized => bad("no such key for this pair of systems"),
            Refusal::Unavailable(why) | Refusal::Late(why) | Refusal::Conflict(why) => Self::Internal(why),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::NotKnown => StatusCode::UNAUTHORIZED.into_response(),
            Self::Bad(why) => refused(StatusCode::BAD_REQUEST, &why),
            Self::Internal(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
            Self::NoEntropy(why) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        }
    }
}

fn answer(keys: &[NamedKey]) -> Result<Response, Answer> {
    let Some((id, key)) = keys.first() else {
        return Err(Answer::Internal("there is no key".to_owned()));
    };
    Ok(document(json!({ "keyId": &*hexadecimal(&id.0), "key": &*hexadecimal(key) }).to_string()))
}

/// `remoteSystemID` and the one number that the path knows.
fn parameters(query: &str, number: &str) -> Result<(Option<String>, Option<u32>), Answer> {
    let wrong = |why: String| bad(why);
    let (mut remote, mut found) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "remoteSystemID" && remote.is_none() {
            remote = Some(value.into_owned());
        } else if name == number && found.is_none() {
            let parsed = value.parse::<u32>();
            found = Some(parsed.map_err(|_| wrong(format!("{name} is a number of bits, not '{value}'")))?);
        } else {
            return Err(wrong(format!("'{name}' is not expected here, or stands twice")));
        }
    }
    Ok((remote, found))
}

fn hexadecimal(bytes: &[u8]) -> Zeroizing<String> {
    use std::fmt::Write;
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn key_id(text: &str) -> Option<KeyId> {
    if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(|number| KeyId(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_systems_may_be_percent_encoded() {
        let found = parameters("remoteSystemID=KP%5fQKD%20Z&size=128", "size").unwrap();
        assert_eq!(found, (Some("KP_QKD Z".to_owned()), Some(128)));
        for bad in ["size=x", "size=1&size=2", "color=1", "remoteSystemID=a&remoteSystemID=b"] {
            assert!(parameters(bad, "size").is_err(), "{bad}");
        }
    }

    #[test]
    fn key_ids_are_128_bits_in_hexadecimal() {
        let id = KeyId([0xAB; 16]);
        assert_eq!(key_id(&hexadecimal(&id.0)), Some(id));
        for bad in ["", "ab", "zz490419 7d60487fadc14ddcc177c139", "+c4904197d60487fadc14ddcc177c139"] {
            assert_eq!(key_id(bad), None, "{bad}");
        }
    }
}
