//! Routes that give something random: bytes, integers, UUIDs.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Problem, json, say_origin, visible, with_type};
use super::caller::Caller;
use crate::hex;
use crate::serve::app::App;
use crate::serve::drawer::Drawn;

/// The most integers or UUIDs of one answer.
const MOST_ITEMS: usize = 10_000;

type Asked<T> = Result<Query<T>, QueryRejection>;

/// `GET /api/v1/random`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RandomQuery {
    bytes: usize,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    receipt: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Binary,
    Hex,
    Base64,
}

/// Random bytes, with where they come from in the header, and a receipt if it was asked for.
pub(crate) async fn random(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Problem>,
    asked: Asked<RandomQuery>,
) -> Response {
    finish(&app, "/api/v1/random", async {
        let (caller, Query(asked)) = (caller?, checked(asked)?);
        if !(1..=app.settings.most_bytes).contains(&asked.bytes) {
            return Err(Problem::wrong(format!(
                "bytes={} is not possible: 1 to {}",
                asked.bytes, app.settings.most_bytes
            )));
        }
        let drawn = draw(&app, &caller, asked.bytes, asked.fresh).await?;
        let (kind, body) = match asked.format {
            Format::Binary => ("application/octet-stream", drawn.bytes.to_vec()),
            Format::Hex => ("text/plain; charset=us-ascii", hex::encode(&drawn.bytes).into_bytes()),
            Format::Base64 => ("text/plain; charset=us-ascii", STANDARD.encode(&*drawn.bytes).into_bytes()),
        };
        let mut response = with_type(StatusCode::OK, kind, body);
        say_origin(response.headers_mut(), &app, &drawn.lineage, asked.fresh);
        if asked.receipt {
            let receipt = app.signer.sign(&drawn, &app.settings, asked.fresh, app.now_ms());
            response.headers_mut().insert("qhal-receipt", visible(&receipt.text));
            response.headers_mut().insert("qhal-receipt-signature", visible(&receipt.signature));
        }
        app.metrics.served("http", asked.bytes);
        Ok(response)
    })
    .await
}

/// `GET /api/v1/integers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntegersQuery {
    #[serde(default = "one")]
    count: usize,
    #[serde(default)]
    min: i64,
    max: i64,
    #[serde(default)]
    fresh: bool,
}

/// Integers from min to max, both included, each equally likely.
pub(crate) async fn integers(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Problem>,
    asked: Asked<IntegersQuery>,
) -> Response {
    finish(&app, "/api/v1/integers", async {
        let (caller, Query(asked)) = (caller?, checked(asked)?);
        check_count(asked.count)?;
        if asked.min > asked.max {
            return Err(Problem::wrong(format!("min={} is above max={}", asked.min, asked.max)));
        }
        let span = asked.max.wrapping_sub(asked.min) as u64;
        let mut found: Vec<i64> = Vec::with_capacity(asked.count);
        let mut last: Option<Drawn> = None;
        while found.len() < asked.count {
            // More than every second candidate fits, so a little more than twice as many will do as a rule.
            let wanted = (asked.count - found.len()) * 2 + 8;
            let most = app.settings.most_bytes / width(span);
            let drawn = draw(&app, &caller, wanted.min(most.max(1)) * width(span), asked.fresh).await?;
            app.metrics.served("http", drawn.bytes.len());
            let left = asked.count - found.len();
            found.extend(
                below(&drawn.bytes, span).take(left).map(|value| asked.min.wrapping_add(value as i64)),
            );
            last = Some(drawn);
        }
        let mut response = json(&json!({"integers": found, "min": asked.min, "max": asked.max}));
        if let Some(drawn) = last {
            say_origin(response.headers_mut(), &app, &drawn.lineage, asked.fresh);
        }
        Ok(response)
    })
    .await
}

/// `GET /api/v1/uuids`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UuidsQuery {
    #[serde(default = "one")]
    count: usize,
    #[serde(default)]
    fresh: bool,
}

/// UUIDs of version 4 (RFC 9562 §5.4).
pub(crate) async fn uuids(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Problem>,
    asked: Asked<UuidsQuery>,
) -> Response {
    finish(&app, "/api/v1/uuids", async {
        let (caller, Query(asked)) = (caller?, checked(asked)?);
        check_count(asked.count)?;
        let drawn = draw(&app, &caller, asked.count * 16, asked.fresh).await?;
        let uuids: Vec<String> = drawn
            .bytes
            .as_chunks::<16>()
            .0
            .iter()
            .map(|bytes| uuid::Builder::from_random_bytes(*bytes).into_uuid().to_string())
            .collect();
        app.metrics.served("http", drawn.bytes.len());
        let mut response = json(&json!({"uuids": uuids}));
        say_origin(response.headers_mut(), &app, &drawn.lineage, asked.fresh);
        Ok(response)
    })
    .await
}

/// Answers, and counts the answer.
async fn finish(
    app: &App,
    route: &'static str,
    work: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let started = Instant::now();
    let response = match work.await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    app.metrics.answered(route, response.status().as_u16(), started.elapsed());
    response
}

fn checked<T>(asked: Asked<T>) -> Result<Query<T>, Problem> {
    asked.map_err(|rejection| Problem::wrong(rejection.body_text()))
}

fn check_count(count: usize) -> Result<(), Problem> {
    if (1..=MOST_ITEMS).contains(&count) {
        return Ok(());
    }
    Err(Problem::wrong(format!("count={count} is not possible: 1 to {MOST_ITEMS}")))
}

async fn draw(app: &App, caller: &Caller, bytes: usize, fresh: bool) -> Result<Drawn, Problem> {
    app.spend(&caller.name, bytes).map_err(Problem::quota)?;
    Ok(app.drawer.draw(bytes, fresh).await?)
}

fn one() -> usize {
    1
}

/// Ones as wide as `span`.
fn mask(span: u64) -> u64 {
    u64::MAX.checked_shr(span.leading_zeros()).unwrap_or(0)
}

/// Bytes that a candidate takes.
fn width(span: u64) -> usize {
    (mask(span).count_ones().div_ceil(8) as usize).max(1)
}

/// Integers from 0 to `span` out of uniform bytes: candidates as wide as `span`, those above it rejected, so that there
/// is no bias of a remainder.
fn below(bytes: &[u8], span: u64) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(width(span)).filter_map(move |candidate| {
        let candidate = candidate.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)) & mask(span);
        (candidate <= span).then_some(candidate)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Over all possible inputs of one or two bytes every value comes equally often: that is what "without bias" means.
    #[test]
    fn every_value_is_equally_likely() {
        for span in [0, 1, 2, 5, 9, 99, 127, 128, 200, 254, 255] {
            let all: Vec<u8> = (0..=255).collect();
            let mut counts = BTreeMap::new();
            below(&all, span).for_each(|value| *counts.entry(value).or_insert(0) += 1);
            assert_eq!(counts.len() as u64, span + 1, "{span}");
            let first = counts[&0];
            assert!(counts.values().all(|count| *count == first), "{span}: {counts:?}");
        }
        let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_be_bytes).collect();
        let mut counts = vec![0; 1000];
        below(&all, 999).for_each(|value| counts[value as usize] += 1);
        assert!(counts.iter().all(|count| *count == 64), "{counts:?}");
    }

    #[test]
    fn the_widest_span_takes_every_candidate() {
        assert_eq!((width(0), width(255), width(256), width(u64::MAX)), (1, 1, 2, 8));
        let bytes = [0xFF; 16];
        assert_eq!(below(&bytes, u64::MAX).collect::<Vec<_>>(), [u64::MAX; 2]);
        assert_eq!(i64::MIN.wrapping_add(u64::MAX as i64), i64::MAX);
    }
}
