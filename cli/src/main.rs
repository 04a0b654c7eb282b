//! The command `qhal`: parses the arguments, runs one subcommand, and turns its outcome into an exit status.

mod args;
mod audit;
mod commands;
mod config;
mod context;
mod failure;
mod files;
mod hex;
mod interrupt;
mod report;
mod serve;
mod state;
mod units;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    // It knows no configuration and prints nothing: its library does.
    if matches!(arguments.command, Some(args::Command::QdmiWorker)) {
        return qhal_backends::qdmi::worker();
    }
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(),
    }
}
