//! The server's side of AQT's direct-access interface, in front of whatever machine it is lent.
//!
//! *Unconfirmed*: the status codes of refusals, and what it says of jobs that it does not know.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use qhal::Result;
use serde_json::json;

use super::NAME;
use super::protocol::read_circuit;
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::fault::{self, Condition, fault_kinds};
use crate::processor::machine::{SharedMachine, shots};
use crate::transport::https::lab::{Lab, Leaf};
use crate::transport::https::server::{Clients, Handler, HttpsServer, Reply, Request};

/// How many ions it says that it holds.
pub const IONS: u32 = 12;
/// The most jobs whose results are kept.
const MOST_JOBS: usize = 1024;

fault_kinds! {
    "an AQT processor":
    /// Every job ends as an error.
    Failed = "failed",
    /// Jobs never end.
    Endless = "endless",
    /// Fewer shots come than were asked for.
    FewShots = "few-shots",
    /// Shots have a bit too few.
    ShortShots = "short-shots",
    /// Shots hold numbers that are no bits.
    Levels = "levels",
    /// A status that there is not.
    Status = "status",
    /// The name of a job leads somewhere else.
    Name = "name",
    /// It answers with something that is not JSON.
    Garbage = "garbage",
    /// The connection breaks within a result.
    Cut = "cut",
    /// It does not take our token.
    Denied = "denied",
    /// It is too busy to take jobs.
    Busy = "busy",
    /// It has forgotten every job.
    Forgets = "forgets",
}

/// A processor in software.
#[derive(Debug)]
pub struct Emulator {
    machine: Option<SharedMachine>,
    condition: Condition<FaultKind>,
    jobs: Mutex<Jobs>,
}

/// Results by the names of jobs.
#[derive(Debug, Default)]
struct Jobs {
    results: HashMap<String, std::result::Result<Vec<Vec<u8>>, String>>,
    made: u64,
}

impl Emulator {
    /// A processor that was switched on just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let condition = Condition::new(options.fault()?);
        Ok(Self { machine: options.machine.clone(), condition, jobs: Mutex::default() })
    }

    /// Puts it on a loopback port.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have; those of [`HttpsServer::serve`].
    pub fn serve(options: &EmulatorOptions) -> Result<HttpsServer> {
        HttpsServer::serve(Lab::new()?, Leaf::SelfSigned, Clients::Anybody, Self::new(options)?, Vec::new())
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, request: &Request) -> Reply {
        if self.has(FaultKind::Busy) {
            return Reply::status(503).header("retry-after", "1");
        }
        let (circuit, repetitions) = match read_circuit(&request.body) {
            Ok(read) => read,
            Err(error) => return Reply::json(422, json!({"detail": error.message()}).to_string()),
        };
        let result =
            shots(self.machine.as_ref(), &circuit, repetitions).map_err(|error| error.message().to_owned());
        let mut jobs = self.jobs();
        if jobs.results.len() >= MOST_JOBS {
            jobs.results.clear();
        }
        jobs.made += 1;
        let name = format!("00000000-0000-4000-8000-{:012x}", jobs.made);
        jobs.results.insert(name.clone(), result);
        let told = if self.has(FaultKind::Name) { "../system/name?".to_owned() } else { name };
        Reply::json(200, json!(told).to_string())
    }

    fn result(&self, name: &str) -> Reply {
        let Some(result) = self.jobs().results.get(name).cloned().filter(|_| !self.has(FaultKind::Forgets))
        else {
            return Reply::json(404, json!({"detail": "no such job"}).to_string());
        };
        let payload = match result {
            _ if self.has(FaultKind::Endless) => json!({"status": "ongoing", "finished_count": 0}),
            _ if self.has(FaultKind::Status) => json!({"status": "pondering"}),
            _ if self.has(FaultKind::Failed) => json!({"status": "error", "message": "an ion was lost"}),
            Err(words) => json!({"status": "error", "message": words}),
            Ok(mut shots) => {
                if self.has(FaultKind::FewShots) {
                    shots.pop();
                }
                if self.has(FaultKind::ShortShots) {
                    shots.iter_mut().for_each(|shot| shot.truncate(shot.len().saturating_sub(1)));
                }
                if let (Some(bit), true) =
                    (shots.first_mut().and_then(|shot| shot.first_mut()), self.has(FaultKind::Levels))
                {
                    *bit = 2;
                }
                json!({"status": "finished", "result": shots})
            }
        };
        let reply = Reply::json(200, json!({"job_id": name, "payload": payload}).to_string());
        if self.has(FaultKind::Cut) { reply.cut_after(40) } else { reply }
    }
}

impl Handler for Emulator {
    fn answer(&self, request: &Request) -> Reply {
        if self.has(FaultKind::Denied) {
            return Reply::json(401, json!({"detail": "the token is not valid"}).to_string());
        }
        if self.has(FaultKind::Garbage) {
            return Reply::bytes(200, "text/html", b"<html>Please log in</html>".to_vec());
        }
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["status", "ions"]) => Reply::json(200, json!({"num_ions": IONS}).to_string()),
            ("GET", ["system", "name"]) => Reply::json(200, json!("emulator").to_string()),
            ("PUT", ["circuit"]) => self.submit(request),
            ("GET", ["circuit", "result", name]) => self.result(name),
            _ => Reply::status(404),
        }
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel {
        name: NAME,
        driver: NAME,
        model: "AQT processor".to_owned(),
        serial: None,
        faults: fault::names::<FaultKind>(),
        line: None,
        network: Some(|options| Ok(Box::new(Emulator::serve(options)?))),
    }]
}
