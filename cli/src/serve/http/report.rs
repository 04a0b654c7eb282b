//! Routes that say how the daemon is: status, health, metrics, the receipt key, the description of the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use qhal_backends::ensemble::Seat;
use serde_json::{Value, json};

use super::answer::{Problem, json, with_type};
use super::caller::Caller;
use crate::commands::rng::conditioning;
use crate::serve::app::App;

/// The description of the API in OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

fn seat(seat: &Seat) -> Value {
    let device = seat.device.as_ref();
    json!({
        "name": seat.name,
        "serving": seat.serving,
        "device": device.map(|device| device.id.to_string()),
        "provenance": device.map(|device| device.provenance.as_str()),
        "evidence": device.map(|device| device.evidence.as_str()),
        "quantum_origin": device.map(|device| device.origin.as_str()),
        "model": device.map(|device| device.model.as_str()),
        "error": seat.error,
        "samples": seat.totals.samples,
        "admissions": seat.totals.admissions,
        "health_failures": seat.totals.failures,
        "losses": seat.totals.losses,
        "blocks": seat.totals.blocks,
    })
}

/// `GET /api/v1/status`.
pub(crate) async fn status(State(app): State<Arc<App>>, caller: Result<Caller, Problem>) -> Response {
    if let Err(problem) = caller {
        return problem.into_response();
    }
    let lineage = app.view.lineage();
    json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": app.uptime().as_secs(),
        "output": app.settings.output.as_str(),
        "conditioner": conditioning::summary(&app.settings.conditioning, None),
        "devices": app.view.seats().iter().map(seat).collect::<Vec<_>>(),
        "provenance": lineage.as_ref().map(|lineage| lineage.provenance.as_str()),
        "quantum_origin": lineage.as_ref().map(|lineage| lineage.origin().as_str()),
        "fallback": lineage.as_ref().map(|lineage| lineage.fallback),
        "ready_bytes": app.view.ready(),
        "fail_overs": app.view.dismissals(),
        "most_bytes": app.settings.most_bytes,
    }))
}

/// `GET /healthz`: whether bytes would be given now. Open to everybody, and says nothing else.
pub(crate) async fn healthz(State(app): State<Arc<App>>) -> Response {
    if app.view.serves() {
        return with_type(StatusCode::OK, "text/plain; charset=us-ascii", "ok\n");
    }
    with_type(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=us-ascii", "too few healthy devices\n")
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(app): State<Arc<App>>, caller: Result<Caller, Problem>) -> Response {
    match caller {
        Ok(_) => {
            with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", app.metrics.text(&app))
        }
        Err(problem) => problem.into_response(),
    }
}

/// `GET /api/v1/receipts/key`: what receipts are verified with.
pub(crate) async fn receipt_key(State(app): State<Arc<App>>) -> Response {
    match app.signer.public_pem() {
        Ok(pem) => json(&json!({
            "algorithm": "Ed25519",
            "public_key": app.signer.public_hex(),
            "public_key_pem": pem,
        })),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn openapi() -> Response {
    with_type(StatusCode::OK, "application/json", OPENAPI)
}

/// Whatever else is asked for.
pub(crate) async fn nothing_here(State(app): State<Arc<App>>, uri: Uri) -> Problem {
    let problem = Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing at {}; /api/v1/openapi.json says what there is", uri.path()),
    );
    app.metrics.answered("other", problem.status().as_u16(), std::time::Duration::ZERO);
    problem
}

/// Any method but GET and HEAD.
pub(crate) async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET is served")
}
