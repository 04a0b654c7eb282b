//! `qhal tags record`: what fires at the inputs of a tagger, into a file.

use std::time::Duration;

use qhal::{Kind, OpenDevice};
use qhal_backends::select;
use qhal_backends::tags::TagWriter;
use serde_json::json;

use super::format_for;
use crate::args::TagsRecordArgs;
use crate::context::{Context, TAGS_POLICY};
use crate::failure::{Failure, Outcome};
use crate::{files, interrupt, report};

pub(crate) fn run(context: &Context, args: &TagsRecordArgs) -> Outcome {
    let format = format_for(&args.out, args.format);
    if !format.is_written() {
        return Err(Failure::usage(format!("files of the format {format} can be read and not written")));
    }
    let policy = args.policy.policy.unwrap_or(TAGS_POLICY);
    let selected = select(&context.registry()?, Kind::TimeTagger, policy, args.device.as_ref())?;
    if let Some(announcement) = selected.announcement() {
        report::warning(announcement);
    }
    let OpenDevice::TimeTagger(mut tagger) = selected.device else {
        return Err(Failure::usage("the device is no time tagger"));
    };
    let (descriptor, inputs) = (tagger.descriptor().clone(), tagger.inputs());
    let mut file = files::begin(&args.out)?;
    let mut writer = TagWriter::new(file.as_file_mut(), format)?;
    let mut events = vec![0u64; inputs.count as usize];
    let bar = report::spinner("recording");
    bar.enable_steady_tick(report::TICK);
    let mut passed = 0;
    let recorded = tagger.record(Duration::from_secs_f64(args.seconds), &mut |tags| {
        interrupt::check()?;
        writer.write(tags)?;
        for tag in tags {
            for (input, count) in events.iter_mut().enumerate() {
                *count += tag.channels >> input & 1;
            }
        }
        passed += tags.len() as u64;
        bar.set_message(format!("recording: {passed} tags"));
        Ok(())
    });
    bar.finish_and_clear();
    // The device is told to rest even if the recording failed; what failed first is said.
    let closed = tagger.close();
    let recorded = recorded?;
    closed?;
    writer.finish()?;
    files::finish(file, &args.out)?;
    let rates: Vec<f64> = events.iter().map(|count| *count as f64 / args.seconds).collect();
    if recorded.lost {
        report::warning(
            "the device's memory ran over and events were lost: rates are too low, and gaps are no physics",
        );
    }
    if context.json {
        return report::json(&json!({
            "file": args.out.display().to_string(),
            "format": format.as_str(),
            "device": descriptor.id.to_string(),
            "model": descriptor.model,
            "provenance": descriptor.provenance.as_str(),
            "evidence": descriptor.evidence,
            "seconds": args.seconds,
            "resolution_ps": inputs.resolution_ps,
            "tags": recorded.tags,
            "events": events,
            "rates": rates,
            "lost": recorded.lost,
        }));
    }
    report::note(format!(
        "{} tags in {} s from {}, {}: {} events a second",
        recorded.tags,
        args.seconds,
        descriptor.id,
        descriptor.provenance_with_evidence(),
        rates.iter().map(|rate| format!("{rate:.1}")).collect::<Vec<_>>().join(", ")
    ));
    Ok(())
}
