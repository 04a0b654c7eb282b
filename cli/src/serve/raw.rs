//! The plain socket: whoever connects reads random bytes until he has enough.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::app::App;
use super::listen::{self, UnixSocket};

/// Bytes that are drawn at a time.
const CHUNK: usize = 4096;

/// How long to wait until the devices are asked again after they could not give.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a reader may leave what was written for him.
const IDLE: Duration = Duration::from_secs(300);

/// Serves the socket until it is stopped.
pub(crate) async fn serve(app: Arc<App>, socket: UnixSocket, stopped: watch::Receiver<bool>) {
    listen::accept_unix(socket, stopped, app.settings.connections, move |stream| {
        let app = Arc::clone(&app);
        async move { pour(&app, stream).await }
    })
    .await;
}

async fn pour(app: &App, mut stream: UnixStream) {
    let client = listen::peer(&stream);
    let chunk = CHUNK.min(app.settings.most_bytes);
    loop {
        if let Err(wait) = app.spend(&client, chunk) {
            tokio::time::sleep(wait.min(Duration::from_secs(60))).await;
            continue;
        }
        match app.drawer.draw(chunk, false).await {
            Ok(drawn) => match tokio::time::timeout(IDLE, stream.write_all(&drawn.bytes)).await {
                Ok(Ok(())) => app.metrics.served("raw", chunk),
                _ => return,
            },
            // The reader waits, as he would at a slow device: there is no way to tell him anything.
            Err(_) if listen::is_gone(&stream).await => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
