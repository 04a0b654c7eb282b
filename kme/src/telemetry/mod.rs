//! How this key manager is doing, for a controller: the node's model of ETSI GS QKD 015, read over RESTCONF (RFC 8040).

mod figures;
mod node;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

pub(crate) use figures::{Consumer, Consumption, DeviceFigures, Meter};

use crate::etsi014::refused;
use crate::refusal::Refusal;
use crate::server::{Caller, Shared};

/// The resource of the whole node.
const NODE: &str = "/restconf/data/etsi-qkd-sdn-node:qkd_node";

/// The media type of RFC 8040 §11.3.2.
const YANG_JSON: &str = "application/yang-data+json";

/// The node and its parts, for controllers alone.
pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route(NODE, get(whole))
        .route(&format!("{NODE}/"), get(whole))
        .route(&format!("{NODE}/{{part}}"), get(part))
        .route(&format!("{NODE}/{{part}}/"), get(part))
        .with_state(shared)
}

/// A part under its name. Who asks for the media type of RFC 8040 gets its names, with the module before them; controllers in the
/// field ask for nothing and read bare names.
fn document(headers: &HeaderMap, name: &str, value: &Value) -> Response {
    let strict = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let strict = strict.is_some_and(|accept| accept.contains(YANG_JSON));
    let (kind, name) = match strict {
        true => (YANG_JSON, format!("etsi-qkd-sdn-node:{name}")),
        false => ("application/json", name.to_owned()),
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], json!({ name: value }).to_string()).into_response()
}

async fn whole(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    caller.controls()?;
    Ok(document(&headers, "qkd_node", &node::node(&shared.manager)))
}

async fn part(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(part): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    caller.controls()?;
    let node = node::node(&shared.manager);
    Ok(match node.get(&part) {
        Some(found) => document(&headers, &part, found),
        None => refused(StatusCode::NOT_FOUND, "the node has no such part"),
    })
}
