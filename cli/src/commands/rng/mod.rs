//! `qhal rng`: random numbers.

mod assess;
pub(super) mod read;

use crate::args::RngCommand;
use crate::context::Context;
use crate::failure::Outcome;

/// Runs one command of the group.
pub(crate) fn run(context: &Context, command: &RngCommand) -> Outcome {
    match command {
        RngCommand::Read(args) => read::run(context, args),
        RngCommand::Assess(args) => assess::run(context, args),
    }
}
