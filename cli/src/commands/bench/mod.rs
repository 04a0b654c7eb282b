//! `qhal bench`: figures of this machine, in a form that other programs can compare.

mod figures;
mod limits;

use std::time::Instant;

use qhal_backends::simulated::Engine;
use serde_json::json;

use super::run::{read_circuit, write_state};
use crate::args::{BenchArgs, BenchCommand, BenchStatevectorArgs};
use crate::context::Context;
use crate::failure::Outcome;
use crate::{interrupt, report};

/// Measures what was asked for; without a word, our own figures beside the limits of the machine.
pub(crate) fn run(context: &Context, args: &BenchArgs) -> Outcome {
    match &args.command {
        None => figures::run(context),
        Some(BenchCommand::Limits(args)) => limits::run(context, args),
        Some(BenchCommand::Statevector(args)) => statevector(context, args),
    }
}

/// Times planning, allocation and gates of one circuit, the program being parsed already.
fn statevector(context: &Context, args: &BenchStatevectorArgs) -> Outcome {
    let circuit = read_circuit(&args.file, &[])?;
    let engine = Engine::new(&context.processor(Some(args.engine)))?;
    let mut seconds = Vec::new();
    let mut last = None;
    for _ in 0..args.reps {
        interrupt::check()?;
        // One state at a time: the last one is given back before the next is made.
        drop(last.take());
        let begun = Instant::now();
        let state = engine.evolve(&circuit)?;
        seconds.push(begun.elapsed().as_secs_f64());
        last = Some(state);
    }
    if let (Some(path), Some(state)) = (&args.state, &last) {
        write_state(path, &state.amplitudes()?)?;
    }
    report::json_line(&json!({"seconds": seconds}))
}
