//! `qhal completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::failure::Outcome;
use crate::report;

pub(crate) fn run(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "qhal", &mut script);
    report::bytes(&script)
}
