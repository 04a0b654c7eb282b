//! The protocol of the Entropy Gathering Daemon, over TCP and a Unix socket, for clients that speak nothing else.
//!
//! Commands, numbers big-endian (egd 0.9's documentation; ekeyd and prngd speak the same):
//!
//! | sent | answered |
//! |---|---|
//! | `00` | available bits, 4 bytes |
//! | `01 n` | m ≤ n in one byte, then m bytes, at once |
//! | `02 n` | n bytes, however long it takes |
//! | `03 bb bb n` + n bytes | nothing: what clients believe to be random is read and thrown away |
//! | `04` | a length in one byte, then the process id as text |

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::app::App;
use super::listen::{self, UnixSocket};

/// How long to wait until the devices are asked again for a blocking read.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a blocking read waits before the connection is closed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a client may take to send the rest of a command, or to take an answer.
const DAWDLE: Duration = Duration::from_secs(30);

/// One command of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    /// How many bits are there?
    Available,
    /// At most so many bytes, now.
    Read(u8),
    /// Exactly so many bytes, whenever they are there.
    ReadBlocking(u8),
    /// So many bytes follow, which the client offers as entropy.
    Write(u8),
    /// Which process are you?
    Process,
}

impl Command {
    /// Bytes that follow the first one of a command; `None` when there is no such command.
    fn arguments(first: u8) -> Option<usize> {
        match first {
            0 | 4 => Some(0),
            1 | 2 => Some(1),
            3 => Some(3),
            _ => None,
        }
    }

    /// Reads a command from its first byte and its arguments, of which there are as many as it has.
    fn parse(first: u8, arguments: &[u8]) -> Option<Self> {
        match (first, arguments) {
            (0, []) => Some(Self::Available),
            (1, [count]) => Some(Self::Read(*count)),
            (2, [count]) => Some(Self::ReadBlocking(*count)),
            (3, [_, _, count]) => Some(Self::Write(*count)),
            (4, []) => Some(Self::Process),
            _ => None,
        }
    }
}

/// Serves TCP until it is stopped.
pub(crate) async fn serve_tcp(app: Arc<App>, listener: TcpListener, stopped: watch::Receiver<bool>) {
    listen::accept_tcp(listener, stopped, app.settings.connections, Duration::ZERO, move |stream, peer| {
        let app = Arc::clone(&app);
        async move { converse(&app, stream, &peer.ip().to_string()).await }
    })
    .await;
}

/// Serves a Unix socket until it is stopped.
pub(crate) async fn serve_unix(app: Arc<App>, socket: UnixSocket, stopped: watch::Receiver<bool>) {
    listen::accept_unix(socket, stopped, app.settings.connections, move |stream| {
        let (app, client) = (Arc::clone(&app), listen::peer(&stream));
        async move { converse(&app, stream, &client).await }
    })
    .await;
}

/// Answers commands until the client goes, or sends what is none.
async fn converse(app: &App, mut stream: impl AsyncRead + AsyncWrite + Unpin, client: &str) {
    while let Some(command) = next(&mut stream).await {
        let Some(answer) = answer(app, command, client).await else { return };
        let sent = tokio::time::timeout(DAWDLE, stream.write_all(&answer.bytes)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
        if answer.random > 0 {
            app.metrics.served("egd", answer.random);
        }
    }
}

/// The next command; `None` at the end of the connection, and for what is no command.
async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Option<Command> {
    // A client may keep its connection open and silent between commands.
    let first = stream.read_u8().await.ok()?;
    let rest = async {
        let mut arguments = vec![0; Command::arguments(first)?];
        stream.read_exact(&mut arguments).await.ok()?;
        let command = Command::parse(first, &arguments)?;
        if let Command::Write(count) = command {
            stream.read_exact(&mut vec![0; usize::from(count)]).await.ok()?;
        }
        Some(command)
    };
    tokio::time::timeout(DAWDLE, rest).await.ok()?
}

struct Answer {
    bytes: zeroize::Zeroizing<Vec<u8>>,
    /// How many of them are random.
    random: usize,
}

/// What to send; `None` closes the connection.
async fn answer(app: &App, command: Command, client: &str) -> Option<Answer> {
    let mut answer = Answer { bytes: zeroize::Zeroizing::default(), random: 0 };
    match command {
        Command::Available => {
            let bits = u32::try_from(app.view.ready().saturating_mul(8)).unwrap_or(u32::MAX);
            answer.bytes.extend(bits.to_be_bytes());
        }
        Command::Read(count) => {
            let wanted = usize::from(count);
            let drawn = match app.spend(client, wanted) {
                Ok(()) => app.drawer.draw(wanted, false).await.ok(),
                Err(_) => None,
            };
            let bytes = drawn.as_ref().map(|drawn| drawn.bytes.as_slice()).unwrap_or_default();
            answer.bytes.push(u8::try_from(bytes.len()).unwrap_or(0));
            answer.bytes.extend(bytes);
            answer.random = bytes.len();
        }
        Command::ReadBlocking(count) => {
            let bytes =
                tokio::time::timeout(PATIENCE, persist(app, usize::from(count), client)).await.ok()?;
            answer.bytes.extend(bytes.iter());
            answer.random = bytes.len();
        }
        Command::Write(_) => {}
        Command::Process => {
            let text = std::process::id().to_string();
            answer.bytes.push(u8::try_from(text.len()).unwrap_or(0));
            answer.bytes.extend(text.bytes());
        }
    }
    Some(answer)
}

/// Tries until the quota and the devices give `count` bytes.
async fn persist(app: &App, count: usize, client: &str) -> zeroize::Zeroizing<Vec<u8>> {
    if count == 0 {
        return zeroize::Zeroizing::default();
    }
    loop {
        match app.spend(client, count) {
            Err(wait) => tokio::time::sleep(wait.min(PATIENCE)).await,
            Ok(()) => loop {
                match app.drawer.draw(count, false).await {
                    Ok(drawn) => return drawn.bytes,
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses a whole conversation as `next` does.
    fn commands(bytes: &[u8]) -> Vec<Command> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut stream = bytes;
        runtime.block_on(async {
            let mut found = Vec::new();
            while let Some(command) = next(&mut stream).await {
                found.push(command);
            }
            found
        })
    }

    #[test]
    fn the_five_commands_are_read() {
        use Command::*;
        let bytes = [0, 1, 16, 2, 255, 3, 0, 8, 2, 0xAA, 0xBB, 4, 1, 0];
        assert_eq!(commands(&bytes), [Available, Read(16), ReadBlocking(255), Write(2), Process, Read(0)]);
        for cut in 0..bytes.len() {
            assert!(commands(&bytes[..cut]).len() < 6, "{cut}");
        }
        assert_eq!(commands(&[4, 5, 4]), [Process], "what follows nonsense is not read");
    }

    proptest! {
        /// Whatever comes, it ends: at most one command a byte.
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(commands(&bytes).len() <= bytes.len());
        }
    }
}
