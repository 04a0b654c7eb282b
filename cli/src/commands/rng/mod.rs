//! `qhal rng`: random numbers.

mod assess;
pub(crate) mod conditioning;
mod feed;
pub(super) mod read;
mod reader;
mod record;
mod report;
pub(super) mod several;
mod sidecar;
mod test;

use crate::args::RngCommand;
use crate::context::Context;
use crate::failure::Outcome;

/// Runs one command of the group.
pub(crate) fn run(context: &Context, command: &RngCommand) -> Outcome {
    match command {
        RngCommand::Read(args) => read::run(context, args),
        RngCommand::Assess(args) => assess::run(context, args),
        RngCommand::Record(args) => record::run(context, args),
        RngCommand::Test(args) => test::run(context, args),
        RngCommand::Feed(args) => feed::run(context, args),
    }
}
