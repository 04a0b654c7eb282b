//! `qhal link`: key-distribution links.

mod outcome;
mod simulate;

use crate::args::LinkCommand;
use crate::context::Context;
use crate::failure::Outcome;

pub(super) use outcome::{document, show};

/// Runs one command of the group.
pub(crate) fn run(context: &Context, command: &LinkCommand) -> Outcome {
    match command {
        LinkCommand::Simulate(args) => simulate::run(context, args),
    }
}
