//! `qhal pki new`: certificates for a lab, and a configuration for each key manager, ready to run.

use std::fmt::Write;
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use qhal::{Error, ErrorKind};
use qhal_kme::pki::{Authority, Role};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::PkiNewArgs;
use crate::context::Context;
use crate::failure::{Failure, Outcome, writing};
use crate::{files, hex, report};

pub(crate) fn run(context: &Context, args: &PkiNewArgs) -> Outcome {
    let mut names: Vec<&String> = args.kme.iter().chain(&args.sae).chain(&args.controller).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::usage(format!("'{}' is named twice", pair[0])));
    }
    let ports = args.kme.len() + usize::from(args.simulated_link);
    if usize::from(args.port.max(args.streams_port)) + ports > 65_536 {
        return Err(Failure::usage("so many key managers need ports beyond 65535"));
    }
    if args.simulated_link && args.kme.len() != 2 {
        return Err(Failure::usage("--simulated-link needs two key managers: a link has two ends"));
    }
    let authority = Authority::new(&args.dir, this_year())?;
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    hosts.extend(args.host.iter().cloned());
    let mut configurations = Vec::new();
    for (number, kme) in args.kme.iter().enumerate() {
        authority.certify(kme, Role::KeyManager, &hosts)?;
        let path = args.dir.join(format!("{kme}.toml"));
        std::fs::write(&path, configuration(args, number))
            .map_err(|cause| writing(cause, &path.display().to_string()))?;
        configurations.push(path);
    }
    if args.simulated_link {
        link_secret(&args.dir.join(LINK_SECRET))?;
    }
    for sae in args.sae.iter().chain(&args.controller) {
        authority.certify(sae, Role::Application, &[])?;
    }
    if context.json {
        return report::json(&json!({ "dir": args.dir, "configurations": configurations }));
    }
    report::line(format!("{} certificates are in {}", names.len() + 1, args.dir.display()))?;
    for path in &configurations {
        report::line(format!("  qhal kme serve --config {}", path.display()))?;
    }
    if let (Some(slave), Some(master)) = (args.sae.get(1), args.sae.first()) {
        let dir = args.dir.display();
        report::line(format!(
            "  curl --cacert {dir}/ca.pem --cert {dir}/{master}.pem --key {dir}/{master}.key \
             https://localhost:{}/api/v1/keys/{slave}/enc_keys",
            args.port
        ))?;
    }
    Ok(())
}

/// What key manager number `own` needs to know.
fn configuration(args: &PkiNewArgs, own: usize) -> String {
    let name = &args.kme[own];
    let port = |number: usize| usize::from(args.port) + number;
    let mut text = format!(
        "# The key manager {name} of a lab. Paths are relative to this file.\n\n[kme]\nid = \"{name}\"\nlisten = \"127.0.0.1:{}\"\n\
         streams = \"127.0.0.1:{}\"           # ETSI GS QKD 004\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\nca = \"ca.pem\"\nstate = \"{name}.state\"\n\
         policy = \"prefer-hardware\"     # a simulation stands in, openly, where there is no generator\n",
        port(own),
        usize::from(args.streams_port) + own
    );
    if !args.controller.is_empty() {
        // Names are text without control characters, as TOML has it.
        let _ = writeln!(text, "controllers = {:?}", args.controller);
    }
    for (number, peer) in args.kme.iter().enumerate().filter(|(number, _)| *number != own) {
        let supply = if args.simulated_link {
            "supply = \"link\"\nlink = \"simulator:link\""
        } else {
            "supply = \"relay\"               # \"link\" with a key-distribution link"
        };
        // Writing to a string cannot fail.
        let _ =
            write!(text, "\n[[peer]]\nid = \"{peer}\"\naddress = \"127.0.0.1:{}\"\n{supply}\n", port(number));
    }
    for (number, sae) in args.sae.iter().enumerate() {
        let _ = write!(text, "\n[[sae]]\nid = \"{sae}\"\nkme = \"{}\"\n", args.kme[number % args.kme.len()]);
    }
    if args.simulated_link {
        let end = ["transmitter", "receiver"][own % 2];
        let _ = write!(
            text,
            "\n# Photons that are computed: the keys are `Simulated`, and say so.\n[simulated.link]\nend = \"{end}\"\n\
             address = \"127.0.0.1:{}\"       # where the transmitter listens\nsecret_file = \"{LINK_SECRET}\"\ndistance_km = 25\n",
            port(args.kme.len())
        );
    }
    text
}

/// The file with what the ends of a simulated link share.
const LINK_SECRET: &str = "link.secret";

/// Writes a new secret, for its owner alone.
fn link_secret(path: &Path) -> Outcome {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|cause| Failure::Failed(Error::new(ErrorKind::Other, format!("no randomness: {cause}"))))?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(bytes.as_slice())));
    files::whole(path, |file| {
        file.write_all(text.as_bytes()).map_err(|cause| writing(cause, &path.display().to_string()))
    })
}

/// The year of the calendar in UTC, near enough for certificates.
fn this_year() -> i32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    // A Gregorian year has 31 556 952 seconds on average.
    i32::try_from(1970 + seconds / 31_556_952).unwrap_or(i32::MAX)
}
