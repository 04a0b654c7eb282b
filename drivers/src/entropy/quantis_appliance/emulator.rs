//! The device's side of a Quantis Appliance: an HTTPS service that gives random numbers in several forms.
//!
//! *Unconfirmed*: which members the answers about itself have, how fast it is, and what it answers to a wrong request; the
//! sources tell paths, parameters and the shape of the answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use qhal::Result;
use serde_json::{Value, json};

use super::NAME;
use super::protocol::{BASE, MOST_BYTES};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Quality};
use crate::fault::{self, Condition, Fault as AnyFault, fault_kinds};
use crate::transport::https::lab::{Lab, Leaf};
use crate::transport::https::server::{Clients, Handler, HttpsServer, Reply, Request};

/// The serial number of the emulated unit.
pub const SERIAL: &str = "EMU0000002";

/// What it makes, in bytes a second: 16 Mbit/s.
const BYTES_PER_S: u32 = 2_000_000;
/// Most numbers in one answer.
const MOST_NUMBERS: u64 = 10_000;

fault_kinds! {
    "a Quantis Appliance":
    /// Every byte is the same.
    Stuck = "stuck",
    /// Seven bits in eight are ones.
    Bias = "bias",
    /// It takes requests for bytes and answers nothing.
    Silent = "silent",
    /// It gives fewer bytes than were asked for.
    Short = "short",
    /// It gives more bytes than were asked for.
    Long = "long",
    /// The connection breaks within an answer.
    Cut = "cut",
    /// It answers with something that is not HTTP.
    Garbage = "garbage",
    /// It answers with a page for people, as a login or a proxy does.
    Page = "page",
    /// It says that its generator has failed.
    Failed = "failed",
    /// It says that it is busy.
    Busy = "busy",
    /// Its certificate has expired.
    Expired = "expired-certificate",
    /// Its certificate is for another name.
    OtherName = "other-name",
    /// Its certificate is signed by somebody unknown.
    Stranger = "unknown-authority",
    /// It is switched off.
    Unplug = "unplug" after 2048,
}

/// A Quantis Appliance in software.
#[derive(Debug)]
pub struct Appliance {
    state: Mutex<State>,
    bytes_per_s: u32,
}

#[derive(Debug)]
struct State {
    condition: Condition<FaultKind>,
    noise: Noise,
}

impl State {
    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let quality = Quality::with(self.has(FaultKind::Stuck), self.has(FaultKind::Bias));
        self.condition.sent(count);
        self.noise.bytes(count, quality)
    }

    fn word(&mut self) -> u64 {
        self.bytes(8).iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

impl Appliance {
    /// An appliance that was switched on just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let state = State { condition: Condition::new(options.fault()?), noise: Noise::new(options.seed) };
        Ok(Self { state: Mutex::new(state), bytes_per_s: options.rate_or(BYTES_PER_S) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts it on a loopback port. Its certificate is one it signed itself, as the real one's usually is, unless that is
    /// what is wrong with it.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have; those of [`HttpsServer::serve`].
    pub fn serve(options: &EmulatorOptions) -> Result<HttpsServer> {
        let fault: Option<AnyFault<FaultKind>> = options.fault()?;
        let leaf = match fault.map(|fault| fault.kind) {
            Some(FaultKind::Expired) => Leaf::Expired,
            Some(FaultKind::OtherName) => Leaf::OtherName,
            Some(FaultKind::Stranger) => Leaf::Stranger,
            _ => Leaf::SelfSigned,
        };
        HttpsServer::serve(Lab::new()?, leaf, Clients::Anybody, Self::new(options)?, Vec::new())
    }

    fn stream(&self, request: &Request) -> Reply {
        let size = request.parameter("size").and_then(|size| size.parse::<usize>().ok());
        let Some(size) = size.filter(|size| (1..=MOST_BYTES).contains(size)) else { return refused("size") };
        let mut state = self.state();
        let bytes = state.bytes(size);
        let changed = match (state.has(FaultKind::Short), state.has(FaultKind::Long)) {
            (true, _) => bytes.get(..size / 2).unwrap_or_default().to_vec(),
            (_, true) => [bytes.as_slice(), &[0]].concat(),
            _ => bytes,
        };
        let reply = Reply::bytes(200, "application/octet-stream", changed).paced(self.bytes_per_s);
        if state.has(FaultKind::Cut) { reply.cut_after(size / 2) } else { reply }
    }

    /// `hexbytes?quantity=N&dataLength=L`: N strings of L bytes in hexadecimal.
    fn hexadecimal(&self, request: &Request) -> Reply {
        let (Some(quantity), Some(length)) = (number(request, "quantity"), number(request, "dataLength"))
        else {
            return refused("quantity and dataLength");
        };
        if length > 1024 {
            return refused("dataLength");
        }
        let mut state = self.state();
        let strings = (0..quantity).map(|_| {
            let digits =
                state.bytes(length as usize).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            json!(digits)
        });
        document(&Value::Array(strings.collect()))
    }

    /// `int?min=&max=&quantity=` and `short`, both ends included.
    fn integers(&self, request: &Request) -> Reply {
        let bound = |name: &str| request.parameter(name).and_then(|text| text.parse::<i64>().ok());
        let (Some(least), Some(most), Some(quantity)) =
            (bound("min"), bound("max"), number(request, "quantity"))
        else {
            return refused("min, max and quantity");
        };
        let Some(span) = most.checked_sub(least).and_then(|span| u64::try_from(span).ok()) else {
            return refused("min and max");
        };
        let mut state = self.state();
        let numbers = (0..quantity).map(|_| {
            let scaled = (u128::from(state.word()) * (u128::from(span) + 1)) >> 64;
            json!(i128::from(least) + scaled as i128)
        });
        let text = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        Reply::json(200, format!("[{text}]"))
    }

    /// `double?min=&max=&quantity=`.
    fn fractions(&self, request: &Request) -> Reply {
        let bound = |name: &str| request.parameter(name).and_then(|text| text.parse::<f64>().ok());
        let (Some(least), Some(most), Some(quantity)) =
            (bound("min"), bound("max"), number(request, "quantity"))
        else {
            return refused("min, max and quantity");
        };
        if !(most - least).is_finite() || most < least {
            return refused("min and max");
        }
        let mut state = self.state();
        let numbers = (0..quantity).map(|_| {
            let unit = (state.word() >> 11) as f64 / (1_u64 << 53) as f64;
            json!(least + unit * (most - least))
        });
        document(&Value::Array(numbers.collect()))
    }
}

fn number(request: &Request, name: &str) -> Option<u64> {
    let number = request.parameter(name)?.parse::<u64>().ok()?;
    (1..=MOST_NUMBERS).contains(&number).then_some(number)
}

fn document(json: &Value) -> Reply {
    Reply::json(200, json.to_string())
}

fn refused(what: &str) -> Reply {
    Reply::json(400, json!({ "message": format!("wrong or missing: {what}") }).to_string())
}

impl Handler for Appliance {
    fn answer(&self, request: &Request) -> Reply {
        let has = |fault| self.state().has(fault);
        if has(FaultKind::Garbage) {
            return Reply::garbage(b"\x00\x01\x02 this is not HTTP \xFF\r\n\r\n".to_vec());
        }
        if has(FaultKind::Page) {
            return Reply::bytes(200, "text/html", b"<html><body>Please log in</body></html>".to_vec());
        }
        if request.method != "GET" {
            return Reply::status(405);
        }
        let path = request.path.strip_prefix(BASE).unwrap_or_default();
        match path {
            "systeminfo" => document(&json!({ "model": "Quantis Appliance", "serialNumber": SERIAL })),
            "firmwareinfo" => document(&json!({ "version": "2.0", "modules": 1 })),
            "softwareinfo" => document(&json!({ "version": "2.0" })),
            "performance" => Reply::json(200, format!("{:.1}", f64::from(self.bytes_per_s) * 8.0 / 1e6)),
            _ if has(FaultKind::Silent) => Reply::silence(),
            _ if has(FaultKind::Failed) => {
                Reply::json(500, json!({ "message": "the generator has failed its test" }).to_string())
            }
            _ if has(FaultKind::Busy) => Reply::status(503).header("retry-after", "1"),
            "streambytes" => self.stream(request),
            "hexbytes" => self.hexadecimal(request),
            "int" | "short" => self.integers(request),
            "double" => self.fractions(request),
            _ => Reply::status(404),
        }
    }

    fn gone(&self) -> bool {
        self.state().has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel {
        name: NAME,
        driver: NAME,
        model: super::MODEL.to_owned(),
        serial: Some(SERIAL.to_owned()),
        faults: fault::names::<FaultKind>(),
        line: None,
        network: Some(|options| Ok(Box::new(Appliance::serve(options)?))),
    }]
}
