//! The way to another key manager: one kept connection, requests in order, allotments in batches.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::messages::{Acknowledgement, Allotment};
use super::{Begin, Block};
use crate::keystream::{OpenAnswer, StreamMessage};
use crate::refusal::Refusal;

/// How long the other end may take for one answer, connecting included.
const PATIENCE: Duration = Duration::from_secs(3);
/// Allotments in one request.
const BATCH: usize = 256;
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

pub(crate) type Answer = oneshot::Sender<Result<(), Refusal>>;

/// What can be asked of another key manager.
#[derive(Debug)]
pub(crate) enum Request {
    /// Hold keys for your applications.
    Allot(Allotment, Answer),
    /// My stream begins anew.
    Begin(Begin, Answer),
    /// My stream goes on.
    Append(Block, Answer),
    /// Are you there, and is my stream still the one you know?
    Alive(Begin, Answer),
    /// Something about a key stream.
    Stream(StreamMessage, oneshot::Sender<Result<Option<OpenAnswer>, Refusal>>),
}

/// Speaks to one key manager until the queue is closed.
pub(crate) struct Client {
    /// Its name, which its certificate must carry.
    pub(crate) name: Arc<str>,
    /// `address:port`.
    pub(crate) address: String,
    /// The name or address in its certificate.
    pub(crate) server_name: ServerName<'static>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) queue: mpsc::Receiver<Request>,
}

impl Client {
    /// Answers requests in their order.
    pub(crate) async fn run(mut self) {
        let mut connection = None;
        let mut waiting = Vec::new();
        while self.queue.recv_many(&mut waiting, BATCH).await > 0 {
            let mut requests = waiting.drain(..).peekable();
            while let Some(request) = requests.next() {
                match request {
                    Request::Allot(first, answer) => {
                        let (mut batch, mut answers) = (vec![first], vec![answer]);
                        while let Some(Request::Allot(next, answer)) =
                            requests.next_if(|request| matches!(request, Request::Allot(..)))
                        {
                            batch.push(next);
                            answers.push(answer);
                        }
                        let outcome = self.send(&mut connection, "/qhal/v1/allotments", &batch).await;
                        acknowledge(outcome, answers);
                    }
                    Request::Begin(begin, answer) => {
                        let outcome = self.send(&mut connection, "/qhal/v1/begin", &begin).await;
                        let _ = answer.send(outcome.map(drop));
                    }
                    Request::Append(block, answer) => {
                        let outcome = self.send(&mut connection, "/qhal/v1/blocks", &block).await;
                        let _ = answer.send(outcome.map(drop));
                    }
                    Request::Alive(begin, answer) => {
                        let outcome = self.send(&mut connection, "/qhal/v1/alive", &begin).await;
                        let _ = answer.send(outcome.map(drop));
                    }
                    Request::Stream(message, answer) => {
                        let outcome = self.send(&mut connection, "/qhal/v1/streams", &message).await;
                        let _ = answer.send(outcome.and_then(|bytes| about_stream(&bytes)));
                    }
                }
            }
        }
    }

    /// One request and its answer. A request is sent once: whether a lost one arrived cannot be known.
    async fn send(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        path: &'static str,
        body: &impl serde::Serialize,
    ) -> Result<Bytes, Refusal> {
        let body = serde_json::to_vec(body).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let outcome = timeout(PATIENCE, self.exchange(connection, path, body)).await;
        let unreachable = |why: &str| format!("the key manager '{}' cannot be reached: {why}", self.name);
        match outcome {
            Ok(Ok((status, bytes))) if status.is_success() => Ok(bytes),
            Ok(Ok((status, bytes))) => {
                let why = serde_json::from_slice::<serde_json::Value>(&bytes)
                    .ok()
                    .and_then(|json| json["message"].as_str().map(str::to_owned))
                    .unwrap_or_else(|| format!("the key manager '{}' answered {status}", self.name));
                Err(if status == StatusCode::CONFLICT {
                    Refusal::Conflict(why)
                } else {
                    Refusal::Unavailable(why)
                })
            }
            Ok(Err(why)) => {
                *connection = None;
                Err(Refusal::Unavailable(unreachable(&why)))
            }
            Err(_) => {
                // A late answer must not be taken for that of the next request.
                *connection = None;
                Err(Refusal::Late(unreachable("no answer in time")))
            }
        }
    }

    async fn exchange(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), String> {
        if connection.as_ref().is_none_or(SendRequest::is_closed) {
            *connection = Some(self.connect().await?);
        }
        let Some(sender) = connection else { return Err("no connection".to_owned()) };
        sender.ready().await.map_err(|error| error.to_string())?;
        let request = hyper::Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, &self.address)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_ANSWER);
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, bytes))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let stream = TlsConnector::from(self.tls.clone())
            .connect(self.server_name.clone(), stream)
            .await
            .map_err(|error| error.to_string())?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let holder = certificates.first().and_then(|leaf| crate::identity::Holder::of(leaf));
        if holder.is_none_or(|holder| holder.common_name != *self.name) {
            return Err("its certificate is not that key manager's".to_owned());
        }
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Gives each allotment of a batch its own answer.
fn about_stream(answer: &[u8]) -> Result<Option<OpenAnswer>, Refusal> {
    serde_json::from_slice(answer)
        .map_err(|error| Refusal::unavailable(format!("the other key manager's answer is garbled: {error}")))
}

fn acknowledge(outcome: Result<Bytes, Refusal>, answers: Vec<Answer>) {
    let outcome = outcome.and_then(|bytes| {
        let acknowledgements: Vec<Acknowledgement> = serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::unavailable(format!("the other key manager's answer is garbled: {error}"))
        })?;
        if acknowledgements.len() == answers.len() {
            Ok(acknowledgements)
        } else {
            Err(Refusal::unavailable("the other key manager answered less than it was asked"))
        }
    });
    match outcome {
        Ok(acknowledgements) => {
            for (acknowledgement, answer) in acknowledgements.into_iter().zip(answers) {
                let _ = answer.send(match acknowledgement {
                    Acknowledgement { message: None, .. } => Ok(()),
                    Acknowledgement { message: Some(why), conflict: true } => Err(Refusal::Conflict(why)),
                    Acknowledgement { message: Some(why), conflict: false } => Err(Refusal::BadRequest(why)),
                });
            }
        }
        Err(refusal) => {
            for answer in answers {
                let _ = answer.send(Err(refusal.clone()));
            }
        }
    }
}
