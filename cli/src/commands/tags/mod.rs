//! `qhal tags`: what time taggers record.

mod convert;
mod correlate;
mod distill;
mod info;
mod record;

use std::path::Path;

use qhal::Tag;
use qhal_backends::tags::{Format, Recording, load};

use crate::args::{TagsCommand, TagsReadArgs};
use crate::context::Context;
use crate::failure::Outcome;
use crate::{interrupt, report};

/// Runs one command of the group.
pub(crate) fn run(context: &Context, command: &TagsCommand) -> Outcome {
    match command {
        TagsCommand::Record(args) => record::run(context, args),
        TagsCommand::Info(args) => info::run(context, args),
        TagsCommand::Convert(args) => convert::run(context, args),
        TagsCommand::Correlate(args) => correlate::run(context, args),
        TagsCommand::Distill(args) => distill::run(context, args),
    }
}

/// The format of a file that is written: the one that was asked for, else that of its name.
fn format_for(path: &Path, asked: Option<Format>) -> Format {
    let of_name = || path.extension().and_then(|extension| Format::of_extension(extension.to_str()?));
    asked.or_else(of_name).unwrap_or(Format::Tags64)
}

/// Shows progress while `work` passes tags.
fn watched<T>(
    what: &str,
    work: impl FnOnce(&mut dyn FnMut(u64) -> qhal::Result<()>) -> qhal::Result<T>,
) -> qhal::Result<T> {
    let bar = report::spinner(what);
    bar.enable_steady_tick(report::TICK);
    let done = work(&mut |tags| {
        bar.set_message(format!("{what}: {:.1} million tags", tags as f64 / 1e6));
        interrupt::check()
    });
    bar.finish_and_clear();
    done
}

/// The tags of two recordings.
fn load_both(read: &TagsReadArgs, a: &Path, b: &Path) -> qhal::Result<[Vec<Tag>; 2]> {
    let one = |path: &Path| {
        let recording: Recording = read.recording(path);
        watched("reading", |go_on| load(&recording, go_on)).map(|(tags, _)| tags)
    };
    Ok([one(a)?, one(b)?])
}
