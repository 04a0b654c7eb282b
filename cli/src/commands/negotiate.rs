//! `qhal negotiate`: which processors could take a piece of work, which would, and why; and leases of them.

use std::time::{Duration, Instant};

use qhal::{Error, ErrorKind, Kind, Provenance};
use qhal_backends::leases::{Answer, Ask, Lease, Ledger};
use qhal_backends::negotiate::{Negotiation, Offer, Request, Work, gather, negotiate};
use serde_json::{Value, json};

use super::run::read_circuit;
use crate::args::NegotiateArgs;
use crate::context::{Context, RUN_POLICY};
use crate::failure::Outcome;
use crate::{interrupt, report, state};

/// How often one who waits asks again.
const AGAIN: Duration = Duration::from_millis(200);

pub(crate) fn run(context: &Context, args: &NegotiateArgs) -> Outcome {
    let ledger = || state::folder().map(|folder| Ledger::new(&folder));
    if let Some(id) = &args.release {
        let lease = ledger()?.change(|book| book.release(id, state::now()))?;
        return if context.json {
            report::json(&json!({"released": document_of(&lease)}))
        } else {
            report::line(format!("{} is free again", lease.device))
        };
    }
    let client = state::client(args.client.as_deref());
    let leases = ledger()?.change(|book| Ok(book.leases(state::now())))?;
    if args.leases {
        return list(context, &leases);
    }
    let registry = context.registry()?;
    let mut found = registry.probe();
    let named = match &args.device {
        None => None,
        Some(spec) => {
            let device = registry.find(spec, &found, Some(Kind::Processor))?;
            let id = device.id.clone();
            if !found.devices.iter().any(|listed| listed.id == id) {
                found.devices.push(device);
            }
            Some(id)
        }
    };
    let request = Request {
        work: match (&args.file, args.qubits) {
            (Some(path), _) => Work::Circuit(read_circuit(path, &[])?),
            (None, qubits) => Work::Layers {
                qubits: qubits.unwrap_or(0),
                depth: args.depth,
                connectivity: args.connectivity,
            },
        },
        shots: args.shots,
        deadline: args.deadline,
        fidelity: args.fidelity,
        strategy: args.strategy,
        policy: args.policy.policy.or(context.config.run.policy).unwrap_or(RUN_POLICY),
        named,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let bar = report::spinner("asking the processors");
    bar.enable_steady_tick(Duration::from_millis(250));
    let others: Vec<Lease> = leases.into_iter().filter(|lease| lease.client != client).collect();
    let candidates = gather(&registry, &found.devices, &request, &others, state::now());
    let negotiation = negotiate(&request, &candidates);
    bar.finish_and_clear();
    let negotiation = negotiation?;
    if negotiation.offers.is_empty() {
        return Err(nobody(&negotiation).into());
    }
    let lease = match args.lease {
        None => None,
        Some(duration) => Some(leased(&ledger()?, &negotiation.offers, duration, &client, args)?),
    };
    if context.json {
        return report::json(&document(&request, &negotiation, lease.as_ref()));
    }
    for_people(&negotiation, lease.as_ref())
}

/// The sentence for a request that nobody takes, with everybody's reasons.
fn nobody(negotiation: &Negotiation) -> Error {
    let reasons: Vec<String> = negotiation
        .refusals
        .iter()
        .map(|refusal| format!("{}: {}", refusal.device, refusal.reasons.join(", ")))
        .collect();
    let message = match reasons.is_empty() {
        true => "there is no processor at all".to_owned(),
        false => format!("no processor takes this: {}", reasons.join("; ")),
    };
    Error::new(ErrorKind::Refused, message)
}

/// The lease of the best offer that is free now, or of the best one after waiting for it.
fn leased(
    ledger: &Ledger,
    offers: &[Offer],
    duration: Duration,
    client: &str,
    args: &NegotiateArgs,
) -> Outcome<Lease> {
    let id = state::new_id()?;
    let ask = |offer: &Offer| Ask {
        id: id.clone(),
        device: offer.device.to_string(),
        client: client.to_owned(),
        priority: args.priority,
        duration: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    };
    let mut why = String::new();
    for offer in offers {
        let answer = ledger.change(|book| {
            let answer = book.ask(ask(offer), state::now())?;
            if matches!(answer, Answer::Waits { .. }) {
                book.withdraw(&id);
            }
            Ok(answer)
        })?;
        match answer {
            Answer::Granted(lease) => return Ok(lease),
            Answer::Waits { held, ahead } => {
                let holder = held.map_or_else(|| "nobody".to_owned(), |lease| lease.client);
                let separator = if why.is_empty() { "" } else { "; " };
                why.push_str(&format!("{separator}{}: {holder} has it, {ahead} wait", offer.device));
            }
        }
    }
    let (Some(best), Some(patience)) = (offers.first(), args.wait) else {
        let message =
            format!("none of the processors that would take this is free ({why}); --wait TIME waits");
        return Err(Error::new(ErrorKind::Busy, message).into());
    };
    let bar = report::spinner("waiting for a lease");
    let begun = Instant::now();
    loop {
        let late = begun.elapsed() >= patience;
        let answer = ledger.change(|book| {
            let answer = book.ask(ask(best), state::now())?;
            if matches!(answer, Answer::Waits { .. }) && (late || interrupt::requested()) {
                book.withdraw(&id);
            }
            Ok(answer)
        })?;
        if let Answer::Granted(lease) = answer {
            bar.finish_and_clear();
            return Ok(lease);
        }
        if late || interrupt::requested() {
            bar.finish_and_clear();
            let message = format!("{} did not become free in time", best.device);
            return Err(Error::new(ErrorKind::TimedOut, message).into());
        }
        bar.tick();
        std::thread::sleep(AGAIN.min(patience.saturating_sub(begun.elapsed())));
    }
}

fn document_of(lease: &Lease) -> Value {
    json!({
        "id": lease.id,
        "device": lease.device,
        "client": lease.client,
        "priority": lease.priority,
        "granted": moment(lease.granted),
        "expires": moment(lease.expires),
    })
}

/// ms since 1970 as people and programs read them.
fn moment(milliseconds: u64) -> String {
    let time = std::time::UNIX_EPOCH + Duration::from_millis(milliseconds);
    humantime::format_rfc3339_millis(time).to_string()
}

fn list(context: &Context, leases: &[Lease]) -> Outcome {
    if context.json {
        let all: Vec<Value> = leases.iter().map(document_of).collect();
        return report::json(&json!({"leases": all}));
    }
    if leases.is_empty() {
        return report::line("nothing is leased");
    }
    let mut rows = vec![["LEASE", "DEVICE", "CLIENT", "UNTIL"].map(str::to_owned).to_vec()];
    rows.extend(leases.iter().map(|lease| {
        vec![lease.id.clone(), lease.device.clone(), lease.client.clone(), moment(lease.expires)]
    }));
    report::table(&rows)
}

fn document(request: &Request, negotiation: &Negotiation, lease: Option<&Lease>) -> Value {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let offers: Vec<Value> = negotiation
        .offers
        .iter()
        .map(|offer| {
            json!({
                "device": offer.device.to_string(),
                "provenance": offer.provenance.as_str(),
                "qubits": offer.qubits,
                "expected_fidelity": offer.expected.fidelity,
                "two_qubit_gates": offer.expected.two_qubit_gates,
                "depth": offer.expected.depth,
                "queue_seconds": seconds(offer.queue),
                "jobs_ahead": offer.jobs_ahead,
                "run_seconds": seconds(offer.expected.run),
                "score": offer.score,
                "why": offer.why,
            })
        })
        .collect();
    let refusals: Vec<Value> = negotiation
        .refusals
        .iter()
        .map(|refusal| json!({"device": refusal.device.to_string(), "reasons": refusal.reasons}))
        .collect();
    let (qubits, depth) = request.size();
    let chosen = negotiation.offers.first();
    let simulated = chosen.is_some_and(|offer| offer.provenance == Provenance::Simulated);
    json!({
        "strategy": request.strategy.as_str(),
        "policy": request.policy.as_str(),
        "request": {"qubits": qubits, "depth": depth, "shots": request.shots},
        "chosen": chosen.map(|offer| offer.device.to_string()),
        "fallback": simulated && request.policy == qhal::Policy::PreferHardware && request.named.is_none(),
        "offers": offers,
        "refusals": refusals,
        "lease": lease.map(document_of),
    })
}

fn for_people(negotiation: &Negotiation, lease: Option<&Lease>) -> Outcome {
    let time = |time: Option<Duration>| match time {
        None => "unknown".to_owned(),
        Some(time) if time.as_secs_f64() >= 1.0 => format!("{:.1} s", time.as_secs_f64()),
        Some(time) => format!("{:.3} ms", time.as_secs_f64() * 1e3),
    };
    let heading = ["PROCESSOR", "PROVENANCE", "FIDELITY", "QUEUE", "RUN", "QUBITS", "WHY"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for offer in &negotiation.offers {
        let mut places: Vec<String> = offer.qubits.iter().take(8).map(u32::to_string).collect();
        if offer.qubits.len() > places.len() {
            places.push("…".to_owned());
        }
        rows.push(vec![
            offer.device.to_string(),
            offer.provenance.as_str().to_owned(),
            offer.expected.fidelity.map_or_else(|| "unknown".to_owned(), |fidelity| format!("{fidelity:.4}")),
            time(offer.queue),
            time(offer.expected.run),
            places.join(" "),
            offer.why.clone(),
        ]);
    }
    report::table(&rows)?;
    for refusal in &negotiation.refusals {
        report::note(format!("{} refuses: {}", refusal.device, refusal.reasons.join("; ")));
    }
    if let Some(lease) = lease {
        report::line(format!(
            "{} is leased to {} until {} as {}; qhal negotiate --release {} gives it back",
            lease.device,
            lease.client,
            moment(lease.expires),
            lease.id,
            lease.id
        ))?;
    }
    Ok(())
}
