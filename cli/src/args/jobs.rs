//! The words of `qhal jobs`.

use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub(crate) enum JobsCommand {
    /// List them, the newest first (also bare `qhal jobs`).
    #[command(after_help = "Example: qhal jobs list --json")]
    List,
    /// Show one with its result, as far as it is known here.
    #[command(after_help = "Example: qhal jobs show 1f0c22aa")]
    Show {
        /// The job's id.
        id: String,
    },
    /// Wait for the result of one that goes on, here or on the processor, and show it.
    #[command(after_help = "Example: qhal jobs resume 1f0c22aa")]
    Resume {
        /// The job's id.
        id: String,
    },
    /// Give one up, wherever it runs.
    #[command(after_help = "Example: qhal jobs cancel 1f0c22aa")]
    Cancel {
        /// The job's id.
        id: String,
    },
}
