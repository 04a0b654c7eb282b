//! One file a subcommand, one folder a group; here only the way from the command line to it.

mod bench;
mod completions;
mod demo;
mod devices;
mod doctor;
mod emulate;
mod info;
mod jobs;
mod kme;
mod link;
mod native;
mod negotiate;
pub(crate) mod rng;
mod run;
mod serve;
mod show;
mod status;
mod tags;
mod translate;
mod watched;

use crate::args::{Arguments, Command, PolicyArgs};
use crate::context::Context;
use crate::failure::Outcome;
use crate::interrupt;

/// Runs what was asked for.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    // A completion script must come out even where the configuration is broken.
    if let Some(Command::Completions { shell }) = arguments.command {
        return completions::run(shell);
    }
    let context = Context::new(&arguments.global)?;
    interrupt::watch();
    match arguments.command {
        None => status::run(&context, PolicyArgs { policy: None }),
        Some(Command::Status(args)) => status::run(&context, args),
        Some(Command::Devices(args)) => devices::run(&context, &args),
        Some(Command::Info(args)) => info::run(&context, &args),
        Some(Command::Doctor(args)) => doctor::run(&context, &args),
        Some(Command::Emulate(args)) => emulate::run(&context, &args),
        Some(Command::Rng(command)) => rng::run(&context, &command),
        Some(Command::Kme(command)) => kme::run(&context, &command),
        Some(Command::Pki(command)) => kme::pki(&context, &command),
        Some(Command::Link(command)) => link::run(&context, &command),
        Some(Command::Tags(command)) => tags::run(&context, &command),
        Some(Command::Serve(args)) => serve::run(&context, &args),
        Some(Command::Run(args)) => run::run(&context, &args),
        Some(Command::Translate(args)) => translate::run(&context, &args),
        Some(Command::Negotiate(args)) => negotiate::run(&context, &args),
        Some(Command::Jobs { command }) => jobs::run(&context, command.as_ref()),
        Some(Command::Demo) => demo::run(&context),
        Some(Command::Bench(args)) => bench::run(&context, &args),
        // The worker has its own way past all of this.
        Some(Command::QdmiWorker) => Ok(()),
        Some(Command::Completions { shell }) => completions::run(shell),
    }
}
