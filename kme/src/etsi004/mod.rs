//! The interface of applications that take keys as streams, ETSI GS QKD 004 V2.1.1, over TLS with certificates on both sides.

mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::keystream::Status;
use crate::manager::Manager;
use crate::settings::Alone;

use self::wire::{Call, HEADER, Header};

/// How long the rest of a message may take once it has begun, and an answer until it is read.
const WHOLE_MESSAGE: Duration = Duration::from_secs(10);
/// How long a connection may be without a call.
const IDLE: Duration = Duration::from_secs(3600);

/// Serves the application `sae` until it hangs up, is silent for an hour or says something that is no call.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    manager: Arc<Manager>,
    mut stream: S,
    sae: &str,
) {
    /// Numbers of connections, so that a stream knows which of them has it open.
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    while let Some((header, payload)) = next(&mut stream).await {
        let answer = match header.payload(&payload) {
            Some(call) => answer(&manager, sae, connection, header, call).await,
            None => header.refused(),
        };
        let sent = timeout(WHOLE_MESSAGE, async {
            stream.write_all(&answer).await?;
            stream.flush().await
        });
        if !matches!(sent.await, Ok(Ok(()))) {
            break;
        }
    }
    manager.disconnected(connection);
    let _ = timeout(WHOLE_MESSAGE, stream.shutdown()).await;
}

/// The next message; `None` when there is none any more, or what comes is none.
async fn next<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(Header, Vec<u8>)> {
    let mut head = [0; HEADER];
    // A first byte may take its time, the rest of a message not.
    timeout(IDLE, stream.read_exact(&mut head[..1])).await.ok()?.ok()?;
    let rest = async {
        stream.read_exact(&mut head[1..]).await.ok()?;
        let header = Header::read(head)?;
        let mut payload = vec![0; header.length];
        stream.read_exact(&mut payload).await.ok()?;
        Some((header, payload))
    };
    timeout(WHOLE_MESSAGE, rest).await.ok()?
}

async fn answer(
    manager: &Arc<Manager>,
    sae: &str,
    connection: u64,
    header: Header,
    call: Call,
) -> Zeroizing<Vec<u8>> {
    match call {
        Call::Open(opening) => {
            let mut outcome = manager.open_stream(sae, connection, &opening).await;
            if let Ok(opened) = &mut outcome
                && opened.status == Status::PeerAbsent
                && manager.settings().kme.streams_alone == Alone::Success
            {
                opened.status = Status::Success;
            }
            header.opened(&outcome, &opening)
        }
        Call::GetKey { stream, index, room } => {
            header.chunk(&manager.stream_chunk(sae, &stream, index, room).await, index)
        }
        Call::Close { stream } => header.closed(manager.close_stream(sae, &stream)),
    }
}
