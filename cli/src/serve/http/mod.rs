//! The HTTP API: the routes, and the connections they are served over.

mod answer;
mod caller;
mod random;
mod report;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::app::App;
use super::listen;
use crate::hex;
use caller::Peer;

/// How long a client may take for its handshake, and to send the head of a request.
const DAWDLE: Duration = Duration::from_secs(10);

/// The longest life of a connection: whoever reads more slowly than that is not served to the end.
const LIFE: Duration = Duration::from_secs(600);

/// How long open connections get when the daemon stops.
const GRACE: Duration = Duration::from_secs(2);

/// The most bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;

/// All routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/v1/random", get(random::random))
        .route("/api/v1/integers", get(random::integers))
        .route("/api/v1/uuids", get(random::uuids))
        .route("/api/v1/status", get(report::status))
        .route("/api/v1/receipts/key", get(report::receipt_key))
        .route("/api/v1/openapi.json", get(report::openapi))
        .route("/healthz", get(report::healthz))
        .route("/metrics", get(report::metrics))
        .fallback(report::nothing_here)
        .method_not_allowed_fallback(report::not_allowed)
        .with_state(Arc::clone(app))
}

/// Serves HTTP/1.1, over TLS where it is configured, until it is stopped.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener, stopped: watch::Receiver<bool>) {
    let routes = router(&app);
    let acceptor = app.settings.tls.clone().map(TlsAcceptor::from);
    let ending = stopped.clone();
    let handle = move |stream: TcpStream, peer: std::net::SocketAddr| {
        let (routes, acceptor, ending) = (routes.clone(), acceptor.clone(), ending.clone());
        async move {
            let Some(acceptor) = acceptor else {
                return converse(stream, Peer { ip: peer.ip(), certificate: None }, routes, ending).await;
            };
            let Ok(Ok(stream)) = tokio::time::timeout(DAWDLE, acceptor.accept(stream)).await else { return };
            let first = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let certificate = first.map(|certificate| hex::encode(&Sha256::digest(certificate)));
            converse(stream, Peer { ip: peer.ip(), certificate }, routes, ending).await;
        }
    };
    listen::accept_tcp(listener, stopped, app.settings.connections, GRACE, handle).await;
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    routes: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(routes.layer(Extension(peer)));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DAWDLE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How a connection ended is its client's business: nothing here can be mended, and nothing is logged about it.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = tokio::time::sleep(LIFE) => {}
        () = ended(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Comes to its end when the daemon is stopped.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    // An error says that nobody can stop it any more: it is being stopped.
    let _ = stopped.wait_for(|stop| *stop).await;
}
