//! `qhal link`: key-distribution links.

mod keys;
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
        LinkCommand::Status(args) => keys::status(context, args),
        LinkCommand::Get(args) => keys::get(context, args),
        LinkCommand::Fetch(args) => keys::fetch(context, args),
    }
}
