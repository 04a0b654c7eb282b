//! `qhal tags convert`: a file of tags in another format.

use qhal_backends::tags::convert;

use super::{format_for, info, watched};
use crate::args::TagsConvertArgs;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::{files, report};

pub(crate) fn run(context: &Context, args: &TagsConvertArgs) -> Outcome {
    let format = format_for(&args.output, args.to);
    if !format.is_written() {
        return Err(Failure::usage(format!("files of the format {format} can be read and not written")));
    }
    let recording = args.read.recording(&args.input);
    let mut file = files::begin(&args.output)?;
    let (_, summary) = watched("converting", |go_on| convert(&recording, file.as_file_mut(), format, go_on))?;
    files::finish(file, &args.output)?;
    if context.json {
        let mut document = info::document(&args.input, &summary);
        document["output"] = serde_json::json!(args.output.display().to_string());
        document["output_format"] = serde_json::json!(format.as_str());
        return report::json(&document);
    }
    report::note(format!("{} tags from {} to {format}", summary.tags, summary.format));
    Ok(())
}
