//! `qhal emulate`: the device's side of a wire, for people who develop without the device.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qhal::ErrorKind;
use qhal_backends::emulate::{self, Request};
use serde_json::json;

use crate::args::EmulateArgs;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::{interrupt, report};

pub(crate) fn run(context: &Context, args: &EmulateArgs) -> Outcome {
    if args.model == "list" {
        return list(context);
    }
    let Some(model) = emulate::models().into_iter().find(|model| model.name == args.model) else {
        let names: Vec<&str> = emulate::models().iter().map(|model| model.name).collect();
        return Err(Failure::usage(format!(
            "there is no emulator '{}': there are {}",
            args.model,
            names.join(", ")
        )));
    };
    let request = Request { fault: args.fault.clone(), seed: args.seed, rate: args.rate, tcp: args.tcp };
    let running = emulate::start(&model, &request).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::Unsupported => Failure::usage(error.message()),
        _ => Failure::from(error),
    })?;
    let mut announced = json!({
        "address": running.address().to_string(),
        "driver": model.driver,
        "model": running.model().model,
        "serial": running.model().serial,
        "provenance": "Unverified",
        "fault": args.fault,
        "seed": running.seed(),
    });
    for (name, detail) in running.details() {
        announced[name] = json!(detail);
    }
    report::json_line(&announced)?;
    report::note(format!(
        "an emulated {} answers at {}@{} until standard input closes or Ctrl-C",
        model.model,
        model.driver,
        running.address()
    ));
    let closed = watch_stdin();
    while !interrupt::requested() && !closed.load(Ordering::Relaxed) && running.is_running() {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.stop()?;
    Ok(())
}

/// Set once standard input has come to its end.
fn watch_stdin() -> Arc<AtomicBool> {
    let closed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        let mut stdin = std::io::stdin().lock();
        while matches!(stdin.read(&mut buffer), Ok(count) if count > 0) {}
        flag.store(true, Ordering::Relaxed);
    });
    closed
}

fn list(context: &Context) -> Outcome {
    let models = emulate::models();
    if context.json {
        let list: Vec<_> = models
            .iter()
            .map(|model| json!({"model": model.name, "driver": model.driver, "faults": model.faults}))
            .collect();
        return report::json(&json!({"models": list}));
    }
    let heading = vec!["MODEL".to_owned(), "FAULTS".to_owned()];
    let rows = models.iter().map(|model| vec![model.name.to_owned(), model.faults.join(" ")]);
    report::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}
