//! The interface of applications, ETSI GS QKD 014 V1.1.1, and the one of other key managers beside it.

mod answer;
mod request;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use qhal::Provenance;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::keystream::StreamMessage;
use crate::peer::{Allotment, Begin, Block, Link, service};
use crate::refusal::Refusal;
use crate::server::{Caller, Shared};
use crate::settings::SupplyKind;
pub(crate) use answer::{document, refused};

use answer::container;
use request::{KeyIds, KeyRequest};

/// The longest body of an application's request, in bytes.
const LONGEST_REQUEST: usize = 1 << 20;
/// The longest body of another key manager's request: a block in base64 with its frame, or a batch of allotments.
const LONGEST_MESSAGE: usize = 16 << 20;

/// All paths of the standard, `/api/v1/openapi.json`, and those of other key managers.
pub(crate) fn router(shared: Shared) -> Router {
    let applications = Router::new()
        .route("/api/v1/keys/{slave}/status", get(status))
        .route("/api/v1/keys/{slave}/enc_keys", get(enc_keys_by_query).post(enc_keys))
        .route("/api/v1/keys/{master}/dec_keys", get(dec_keys_by_query).post(dec_keys))
        .route("/api/v1/openapi.json", get(|| async { document(include_str!("openapi.json").to_owned()) }))
        .layer(DefaultBodyLimit::max(LONGEST_REQUEST));
    let key_managers = Router::new()
        .route("/qhal/v1/begin", post(begin))
        .route("/qhal/v1/alive", post(alive))
        .route("/qhal/v1/blocks", post(append))
        .route("/qhal/v1/allotments", post(allot))
        .route("/qhal/v1/streams", post(about_stream))
        .layer(DefaultBodyLimit::max(LONGEST_MESSAGE));
    applications
        .merge(key_managers)
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            refused(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        .with_state(shared)
}

/// The application at the other end; a certificate that names none is not authorised.
fn sae(caller: &Caller) -> Result<&Arc<str>, Refusal> {
    caller.sae.as_ref().ok_or(Refusal::Unauthorized)
}

fn check_id(id: &str) -> Result<(), Refusal> {
    if id.trim().is_empty() { Err(Refusal::bad("the SAE ID in the path is blank")) } else { Ok(()) }
}

async fn status(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(slave): Path<String>,
) -> Result<Response, Refusal> {
    check_id(&slave)?;
    let manager = &shared.manager;
    let master = sae(&caller)?;
    let link = manager.link_for(master, &slave)?;
    let kme = &manager.settings().kme;
    let state = link.state(manager.key_bytes(kme.key_bits));
    let mut extension = origin(&state.provenance, state.supply);
    if let Some(alarm) = state.alarm {
        extension["qhal_alarm"] = json!(alarm);
    }
    Ok(document(
        json!({
            "source_KME_ID": kme.id,
            "target_KME_ID": state.kme,
            "master_SAE_ID": &**master,
            "slave_SAE_ID": slave,
            "key_size": kme.key_bits,
            "stored_key_count": state.stored_keys.min(kme.max_keys),
            "max_key_count": kme.max_keys,
            "max_key_per_request": kme.max_keys_per_request,
            "max_key_size": kme.max_key_bits,
            "min_key_size": kme.min_key_bits,
            "max_SAE_ID_count": kme.max_additional_slaves,
            "status_extension": extension,
        })
        .to_string(),
    ))
}

/// What is said of the origin of keys, with names of our own as §6.1 asks: a prefix that ends in `_`.
fn origin(provenance: &Option<Provenance>, supply: SupplyKind) -> serde_json::Value {
    let distribution = match supply {
        SupplyKind::Link => "quantum key distribution link",
        SupplyKind::Relay => "relayed over TLS, no quantum link",
        SupplyKind::None => "by the other key manager",
    };
    let provenance = provenance.map_or("none yet".to_owned(), |provenance| provenance.to_string());
    json!({ "qhal_provenance": provenance, "qhal_distribution": distribution })
}

async fn enc_keys_by_query(
    state: State<Shared>,
    caller: Extension<Caller>,
    slave: Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let request = KeyRequest::from_query(query.as_deref().unwrap_or_default())?;
    give(state, caller, slave, request).await
}

async fn enc_keys(
    state: State<Shared>,
    caller: Extension<Caller>,
    slave: Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let request = KeyRequest::from_body(&read(body)?)?;
    give(state, caller, slave, request).await
}

async fn give(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(slave): Path<String>,
    request: KeyRequest,
) -> Result<Response, Refusal> {
    check_id(&slave)?;
    let manager = &shared.manager;
    let master = sae(&caller)?;
    let link = manager.link_for(master, &slave)?;
    let (count, bits) = request.check(&manager.settings().kme, master, &slave)?;
    let keys = manager.give(master, &slave, &request.additional_slaves, count, bits).await?;
    Ok(keys_from(link, &keys, manager.key_bytes(bits)))
}

async fn dec_keys_by_query(
    state: State<Shared>,
    caller: Extension<Caller>,
    master: Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let ids = KeyIds::from_query(query.as_deref().unwrap_or_default())?;
    fetch(state, caller, master, &ids)
}

async fn dec_keys(
    state: State<Shared>,
    caller: Extension<Caller>,
    master: Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let ids = KeyIds::from_body(&read(body)?)?;
    fetch(state, caller, master, &ids)
}

fn fetch(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(master): Path<String>,
    ids: &KeyIds,
) -> Result<Response, Refusal> {
    check_id(&master)?;
    let manager = &shared.manager;
    let slave = sae(&caller)?;
    let ids = ids.check(&manager.settings().kme)?;
    if **slave == *master {
        return Err(Refusal::bad("an application shares no keys with itself"));
    }
    let link = manager.link_of(&master)?;
    let keys = manager.fetch(slave, &master, &ids)?;
    Ok(keys_from(link, &keys, 0))
}

fn keys_from(link: &Arc<Link>, keys: &[crate::manager::NamedKey], key_bytes: u64) -> Response {
    let state = link.state(key_bytes);
    container(keys, &origin(&state.provenance, state.supply))
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    body.map_err(|error| Refusal::bad(format!("the body cannot be read: {}", error.body_text())))
}

/// The link with the key manager that calls.
fn peer<'a>(shared: &'a Shared, caller: &Caller) -> Result<&'a Arc<Link>, Refusal> {
    let name = caller.peer.as_ref().ok_or(Refusal::Unauthorized)?;
    shared.manager.link(name).ok_or(Refusal::Unauthorized)
}

fn message<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    serde_json::from_slice(&read(body)?).map_err(|error| Refusal::bad(format!("not such a message: {error}")))
}

async fn begin(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    service::begin(peer(&shared, &caller)?, &message::<Begin>(body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn alive(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    service::alive(peer(&shared, &caller)?, &message::<Begin>(body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn append(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let link = peer(&shared, &caller)?.clone();
    let block = message::<Block>(body)?;
    // A device of a link may take its time.
    let appended = tokio::task::spawn_blocking(move || {
        service::append(&shared.manager, &link, shared.link_device(link.name()), block)
    });
    appended.await.unwrap_or_else(|_| Err(Refusal::unavailable("the device of the link failed")))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn allot(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let link = peer(&shared, &caller)?;
    let batch = message::<Vec<Allotment>>(body)?;
    let answers = service::allot(&shared.manager, link, batch);
    Ok(axum::Json(answers).into_response())
}

async fn about_stream(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let link = peer(&shared, &caller)?;
    let answer = shared.manager.hear(link, message::<StreamMessage>(body)?)?;
    Ok(axum::Json(answer).into_response())
}
