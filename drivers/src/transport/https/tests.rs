//! The client against the server of this folder, over loopback: what works, and the sentence for everything that can fail.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::lab::{Lab, Leaf};
use super::server::{Clients, Handler, HttpsServer, Reply};
use super::*;

/// Answers by the path.
struct Paths;

impl Handler for Paths {
    fn answer(&self, request: &server::Request) -> Reply {
        match request.path.as_str() {
            "/hello" => Reply::json(200, r#"{"hello": "you"}"#),
            "/echo" => Reply::bytes(201, "text/plain; charset=utf-8", request.body.to_vec()),
            "/who" => {
                let words = [
                    request.client.as_deref().unwrap_or("nobody"),
                    request.header("authorization").unwrap_or("no token"),
                    request.parameter("q").as_deref().unwrap_or("no question"),
                ]
                .map(str::to_owned);
                Reply::bytes(200, "text/plain", words.join("|").into_bytes())
            }
            "/large" => Reply::bytes(200, "application/octet-stream", vec![7; 300_000]),
            "/cut" => Reply::bytes(200, "text/plain", vec![b'x'; 1000]).cut_after(10),
            "/silent" => Reply::silence(),
            "/garbage" => Reply::garbage(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
            "/slow" => Reply::bytes(200, "text/plain", vec![b'x'; 100_000]).paced(1000),
            "/elsewhere" => Reply::status(302).header("location", "https://example.org/"),
            "/busy" => Reply::json(503, r#"{"message": "no\nkeys"}"#).header("retry-after", "7"),
            "/no" => Reply::bytes(401, "text/html", b"<html>go away</html>".to_vec()),
            "/empty" => Reply::status(204),
            _ => Reply::status(404),
        }
    }
}

fn serve(mut lab: Lab, leaf: Leaf, clients: Clients) -> (HttpsServer, Trust) {
    // What is trusted may be the server's own certificate, which is made when it starts.
    let authority = lab.trust();
    let client = lab.client("host", false).unwrap();
    let server = HttpsServer::serve(
        lab,
        leaf,
        clients,
        Paths,
        vec![("certificate", client.certificate.display().to_string())],
    )
    .unwrap();
    let details = details_of(&server);
    let trust = if leaf == Leaf::SelfSigned { Trust::File(details[0].1.clone().into()) } else { authority };
    (server, trust)
}

fn details_of(server: &HttpsServer) -> Vec<(&'static str, String)> {
    crate::transport::Served::details(server)
}

fn open(server: &HttpsServer, trust: Trust) -> Https {
    Https::new(&server.address(), &Settings::new(trust)).unwrap()
}

fn fails(https: &Https, path: &str) -> Error {
    https.call(&Call::get(path)).unwrap_err()
}

#[test]
fn requests_and_answers_go_both_ways_on_one_connection() {
    let (server, trust) = serve(Lab::new().unwrap(), Leaf::Good, Clients::Anybody);
    let https = open(&server, trust);
    assert_eq!(https.provenance(), (Provenance::Unverified, "not asked yet".to_owned()));
    let answer = https.call(&Call::get("/hello")).unwrap().success().unwrap();
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    assert_eq!(answer.body[..], *br#"{"hello": "you"}"#);
    for length in [0, 1, 4095, 4096, 70_000, 1_000_000] {
        let text = "x".repeat(length);
        let answer = https.call(&Call::post("/echo").json(&text)).unwrap();
        assert_eq!((answer.status, answer.content_type.as_str()), (201, "text/plain"));
        assert_eq!(answer.body[..], *text.as_bytes());
    }
    assert_eq!(https.call(&Call::get("/empty")).unwrap().status, 204);
    let question = format!("/who?q={}", percent_encoded("what & why?"));
    let answer = https.call(&Call::get(&question)).unwrap();
    assert_eq!(answer.body[..], *b"nobody|no token|what & why?");
    assert_eq!(https.seen.lock().unwrap().handshakes, 1, "the connection was not kept");
    assert_eq!(https.provenance(), (Provenance::Unverified, "HTTPS over loopback".to_owned()));
    Box::new(server).service_ends();
}

impl HttpsServer {
    fn service_ends(self: Box<Self>) {
        crate::transport::Served::stop(self).unwrap();
    }
}

#[test]
fn a_token_is_sent_and_never_shown() {
    let (server, trust) = serve(Lab::new().unwrap(), Leaf::Good, Clients::Anybody);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret-word\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let token = Some(TokenSource::File(path.clone()));
    let settings = Settings { token, ..Settings::new(trust.clone()) };
    let https = Https::new(&server.address(), &settings).unwrap();
    let answer = https.call(&Call::get("/who")).unwrap();
    assert_eq!(answer.body[..], *b"nobody|Bearer s3cret-word|no question");
    for shown in
        [format!("{https:?}"), format!("{settings:?}"), format!("{answer:?}"), format!("{:?}", https.token)]
    {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Https::new(&server.address(), &settings).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    let variable = TokenSource::Environment("QHAL_TEST_HAS_NO_SUCH_VARIABLE".to_owned());
    assert_eq!(variable.read().unwrap_err().kind(), ErrorKind::NotFound);
    for bad in ["", " \n", "two words", "ümlaut", "a\r\nX-Evil: 1"] {
        assert_eq!(Token::new(bad.as_bytes()).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
    }
}

#[test]
fn servers_are_believed_by_their_certificate_alone() {
    for (leaf, why) in [
        (Leaf::Good, None),
        (Leaf::SelfSigned, None),
        (Leaf::Expired, Some("it has expired")),
        (Leaf::OtherName, Some("it is not for the name 127.0.0.1")),
        (Leaf::Stranger, Some("none of the authorities that were named has signed it")),
    ] {
        let (server, trust) = serve(Lab::new().unwrap(), leaf, Clients::Anybody);
        let https = open(&server, trust);
        let answer = https.call(&Call::get("/hello"));
        match why {
            None => assert_eq!(answer.unwrap().status, 200, "{leaf:?}"),
            Some(why) => {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Refused, "{leaf:?}: {error}");
                assert!(error.message().contains(why), "{leaf:?}: {error}");
                assert_eq!(https.provenance().1, "not asked yet");
            }
        }
    }
    // A certificate of its own that is not the one that was named.
    let (server, _) = serve(Lab::new().unwrap(), Leaf::SelfSigned, Clients::Anybody);
    let (_other, trust) = serve(Lab::new().unwrap(), Leaf::SelfSigned, Clients::Anybody);
    assert_eq!(fails(&open(&server, trust), "/hello").kind(), ErrorKind::Refused);
    // Nor does the operating system know anything of it. Where it trusts nobody at all, that is the error.
    match Https::new(&server.address(), &Settings::new(Trust::System)) {
        Ok(https) => assert_eq!(fails(&https, "/hello").kind(), ErrorKind::Refused),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
    }
}

#[test]
fn clients_are_known_by_their_certificate() {
    let mut lab = Lab::new().unwrap();
    let ours = lab.client("alice", false).unwrap();
    let stranger = lab.client("mallory", true).unwrap();
    let (server, trust) = serve(lab, Leaf::Good, Clients::Certified);
    let with = |identity: Option<Identity>| {
        let settings = Settings { identity, ..Settings::new(trust.clone()) };
        Https::new(&server.address(), &settings).unwrap().call(&Call::get("/who"))
    };
    assert_eq!(with(Some(ours.clone())).unwrap().body[..], *b"alice|no token|no question");
    let nobody = with(None).unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::PermissionDenied, "{}", nobody.chain());
    assert!(nobody.message().contains("wants a certificate from us"), "{nobody}");
    let other = with(Some(stranger)).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::PermissionDenied, "{}", other.chain());
    assert!(other.message().contains("does not take our certificate"), "{other}");
    // Key and certificate that do not belong together, and files that are something else.
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "nothing").unwrap();
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).unwrap();
    for identity in [
        Identity { certificate: empty.clone(), key: ours.key.clone() },
        Identity { certificate: ours.certificate.clone(), key: empty },
    ] {
        let settings = Settings { identity: Some(identity), ..Settings::new(trust.clone()) };
        let error = Https::new(&server.address(), &settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let missing = Settings::new(Trust::File("/no/such/file".into()));
    let error = Https::new(&server.address(), &missing).unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.message().contains("/no/such/file"), "{error}");
}

#[test]
fn every_failure_says_what_failed() {
    let (server, trust) = serve(Lab::new().unwrap(), Leaf::Good, Clients::Anybody);
    let limits = Limits { connect: Duration::from_secs(5), call: Duration::from_millis(300), body: 200_000 };
    let settings = Settings { limits, ..Settings::new(trust.clone()) };
    let patient = Limits { call: Duration::from_secs(30), ..limits };
    let patient = Settings { limits: patient, ..settings.clone() };
    let short = Https::new(&server.address(), &settings).unwrap();
    let long = Https::new(&server.address(), &patient).unwrap();
    for (https, path, kind, words) in [
        (&short, "/silent", ErrorKind::TimedOut, "did not answer within 300ms"),
        (&short, "/slow", ErrorKind::TimedOut, "did not answer within 300ms"),
        (&long, "/cut", ErrorKind::Disconnected, "before its answer was complete"),
        (&long, "/garbage", ErrorKind::Protocol, "does not answer as HTTP"),
        (&long, "/large", ErrorKind::Protocol, "more than the 200000 bytes"),
        (&long, "/with blank", ErrorKind::InvalidInput, "path"),
    ] {
        let error = fails(https, path);
        assert_eq!(error.kind(), kind, "{path}: {}", error.chain());
        assert!(error.message().contains(words), "{path}: {}", error.chain());
    }
    // The same server answers the next request.
    assert_eq!(long.call(&Call::get("/hello")).unwrap().status, 200);

    let at = |address: &str| Https::new(&address.parse().unwrap(), &patient).unwrap();
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = fails(&at(&format!("https://{free}")), "/");
    assert!(
        refused.kind() == ErrorKind::NotFound && refused.message().contains("nobody listens"),
        "{refused}"
    );
    // RFC 6761 §6.4: names under `invalid` do not exist.
    let unknown = fails(&at("https://qhal.invalid:443"), "/");
    // Where the system's own look-up has nobody to ask, it may take longer than we wait.
    assert!(matches!(unknown.kind(), ErrorKind::NotFound | ErrorKind::TimedOut), "{}", unknown.chain());
    assert!(unknown.message().contains("qhal.invalid"), "{unknown}");
    // Somebody who accepts and says nothing, and somebody who does not speak TLS.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let hasty = Limits { connect: Duration::from_millis(200), ..patient.limits };
    let hasty = Settings { limits: hasty, ..patient.clone() };
    let address = format!("https://{}", mute.local_addr().unwrap()).parse().unwrap();
    let error = fails(&Https::new(&address, &hasty).unwrap(), "/");
    assert!(error.kind() == ErrorKind::TimedOut && error.message().contains("200ms"), "{}", error.chain());
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    let speaker = std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the other side has seen it and closed.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.read(&mut [0; 4096]);
    });
    let error = fails(&at(&format!("https://{address}")), "/");
    assert!(
        error.kind() == ErrorKind::Protocol && error.message().contains("does not speak TLS"),
        "{}",
        error.chain()
    );
    speaker.join().unwrap();
    assert_eq!(
        Https::new(&"tcp:127.0.0.1:1".parse().unwrap(), &settings).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_status_becomes_a_kind_with_what_the_server_says() {
    let (server, trust) = serve(Lab::new().unwrap(), Leaf::Good, Clients::Anybody);
    let https = open(&server, trust);
    let refusal = |path| https.call(&Call::get(path)).unwrap().success().unwrap_err();
    let busy = refusal("/busy");
    assert_eq!(busy.kind(), ErrorKind::Busy);
    assert_eq!(busy.message(), "the server answers 503 (unavailable): no keys (ask again in 7 s)");
    assert_eq!(refusal("/no").to_string(), "the server answers 401 (unauthorized)");
    let moved = refusal("/elsewhere");
    assert!(moved.kind() == ErrorKind::Protocol && moved.message().contains("not followed"), "{moved}");
    assert_eq!(refusal("/nowhere").kind(), ErrorKind::NotFound);
}

#[test]
fn an_unplugged_server_stops_answering() {
    let (server, trust) = serve(Lab::new().unwrap(), Leaf::Good, Clients::Anybody);
    let https = open(&server, trust);
    assert_eq!(https.call(&Call::get("/hello")).unwrap().status, 200);
    Box::new(server).service_ends();
    assert!(matches!(fails(&https, "/hello").kind(), ErrorKind::NotFound | ErrorKind::Disconnected));
}

proptest! {
    #[test]
    fn any_text_survives_a_path(text in ".{0,40}") {
        let encoded = percent_encoded(&text);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
        prop_assert_eq!(percent_decoded(&encoded), Some(text));
    }

    #[test]
    fn broken_encodings_are_no_text(text in "[%0-9a-g]{0,12}") {
        if let Some(decoded) = percent_decoded(&text) {
            prop_assert_eq!(percent_decoded(&percent_encoded(&decoded)), Some(decoded));
        }
    }
}
