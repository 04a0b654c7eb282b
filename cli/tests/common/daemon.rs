//! `qhal serve` in the background, and a client of HTTP that knows nothing of the server's code.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A running daemon with a folder of its own.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
    /// The JSON line it printed first.
    pub(crate) announced: Value,
    errors: Arc<Mutex<String>>,
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads an answer that ends with its connection.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Some(Self { status, headers, body: bytes[end + 4..].to_vec() })
    }
}

impl Daemon {
    /// Starts it with this `[serve]` and whatever follows in the configuration file; `FOLDER` stands for its folder.
    pub(crate) fn start(config: &str, arguments: &[&str]) -> Self {
        Self::start_with(config, arguments, |_| {})
    }

    /// As `start`, after `prepare` has put files into its folder.
    pub(crate) fn start_with(config: &str, arguments: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let path = folder.path().join("qhal.toml");
        let text = config.replace("FOLDER", &folder.path().display().to_string());
        std::fs::write(&path, format!("[serve]\nlisten = \"127.0.0.1:0\"\n{text}")).unwrap();
        let path = path.display().to_string();
        let mut all = vec!["serve", "--config", &path];
        all.extend(arguments);
        let mut command = super::command(&all);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("NOTIFY_SOCKET", folder.path().join("notify")).env_remove("QHAL_SERVE_TOKENS");
        let mut child = command.spawn().unwrap();
        let errors = Arc::new(Mutex::new(String::new()));
        let (stderr, sink) = (child.stderr.take().unwrap(), Arc::clone(&errors));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut errors = sink.lock().unwrap();
                errors.push_str(&line);
                errors.push('\n');
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: '{line}' and {}", errors.lock().unwrap()));
        Self { child, folder, announced, errors }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has said on standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Host and port of a service.
    pub(crate) fn address(&self, service: &str) -> String {
        let address = self.announced[service].as_str().unwrap();
        address
            .trim_start_matches("http://")
            .trim_start_matches("https://")
            .trim_start_matches("tcp:")
            .to_owned()
    }

    pub(crate) fn connect(&self, service: &str) -> TcpStream {
        let stream = TcpStream::connect(self.address(service)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends these bytes, closes its half, and reads to the end.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect("http");
        // The server may have closed the connection before all of it was sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// `GET` with these further header lines.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: qhal\r\nConnection: close\r\n{headers}\r\n");
        let bytes = self.exchange(request.as_bytes());
        Answer::parse(&bytes).unwrap_or_else(|| panic!("{path}: {:?}", String::from_utf8_lossy(&bytes)))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// Waits until `ready` holds, for as long as a busy machine may need.
    pub(crate) fn wait_until(&self, what: &str, mut ready: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !ready(self) {
            assert!(Instant::now() < deadline, "{what} did not come; said so far:\n{}", self.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until bytes would be given.
    pub(crate) fn wait_until_healthy(&self) {
        self.wait_until("a healthy device", |daemon| daemon.get("/healthz").status == 200);
    }

    /// Asks it to terminate, and waits for its exit status.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let status = self.child.wait().unwrap().code();
        (status, self.errors())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
