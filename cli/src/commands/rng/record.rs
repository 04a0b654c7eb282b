//! `qhal rng record`: samples as the device gives them, into a file with a sidecar that says where they come from.

use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use qhal::{EntropySource, Error, ErrorKind, Stage};
use qhal_backends::random::{Output, Random};
use qhal_backends::{DeviceSpec, catalog};
use qhal_entropy::assess::RESTARTS;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::read::{open_source, origin_in_words, raw_config};
use super::sidecar::{Judged, Sidecar};
use crate::args::{PolicyArgs, RecordArgs};
use crate::context::{Context, RNG_POLICY};
use crate::failure::{Failure, Outcome, writing};
use crate::{files, interrupt, report, units};

/// Samples that are read between two looks at Ctrl-C and the progress bar.
const CHUNK: usize = 16 << 10;

pub(crate) fn run(context: &Context, args: &RecordArgs) -> Outcome {
    let count = match (args.samples, args.restarts) {
        (Some(count), false) => count,
        (None, true) => (RESTARTS * RESTARTS) as u64,
        _ => return Err(Failure::usage("say how much with -n SIZE, or take restarts with --restarts")),
    };
    let mut source = open_raw(context, args.device.as_ref(), args.policy, args.conditioned)?;
    let descriptor = source.descriptor().clone();
    let mut file = files::begin(&args.out)?;
    let name = args.out.display().to_string();
    let mut write =
        |samples: &[u8]| -> Outcome { file.write_all(samples).map_err(|cause| writing(cause, &name)) };
    let sidecar = if args.restarts {
        let recorded = Recorded::restarts(&mut *source)?;
        write(&recorded.samples)?;
        source.close()?;
        recorded.sidecar
    } else {
        tested(context, source, count, &mut write)?
    };
    let text = serde_json::to_string_pretty(&sidecar).map_err(|cause| {
        Error::new(ErrorKind::Other, "the sidecar cannot be written as JSON").because(cause)
    })?;
    let beside = Sidecar::path(&args.out);
    // The sidecar first: without its samples it is recognised as that of others, by their digest.
    let name_of_sidecar = beside.display().to_string();
    files::whole(&beside, |file| writeln!(file, "{text}").map_err(|cause| writing(cause, &name_of_sidecar)))?;
    files::finish(file, &args.out)?;
    if context.json {
        let mut document = serde_json::to_value(&sidecar).unwrap_or_default();
        document["file"] = json!(name);
        document["sidecar"] = json!(name_of_sidecar);
        return report::json(&document);
    }
    report::note(format!(
        "{} of {} samples from {}, {}, {}; {name_of_sidecar} tells the rest",
        units::bytes_for_people(count),
        sidecar.stage,
        descriptor.id,
        descriptor.provenance_with_evidence(),
        origin_in_words(&descriptor),
    ));
    Ok(())
}

/// Reads `count` samples, each judged by the health tests before it is written.
fn tested(
    context: &Context,
    mut source: Box<dyn EntropySource>,
    count: u64,
    write: &mut dyn FnMut(&[u8]) -> Outcome,
) -> Outcome<Sidecar> {
    let properties = source.properties()?;
    let mut sidecar = Sidecar::begin(&*source, &properties, now_ms());
    let start = Instant::now();
    let mut digest = Sha256::new();
    let mut tested = Random::new(source, Output::Raw, &raw_config(context)?)?;
    let bar = report::progress(count);
    let mut samples = zeroize::Zeroizing::new(vec![0; CHUNK]);
    let mut left = count;
    while left > 0 {
        interrupt::check()?;
        let part = &mut samples[..left.min(CHUNK as u64) as usize];
        tested.fill(part)?;
        digest.update(&*part);
        write(part)?;
        bar.inc(part.len() as u64);
        left -= part.len() as u64;
    }
    bar.finish_and_clear();
    sidecar.health = Some(Judged::from(&tested.statistics()));
    sidecar.end(count, &digest.finalize(), start.elapsed());
    tested.close()?;
    Ok(sidecar)
}

/// Opens a source so that it gives raw samples if it can; one that gives conditioned bytes only by consent.
pub(super) fn open_raw(
    context: &Context,
    device: Option<&DeviceSpec>,
    policy: PolicyArgs,
    conditioned: bool,
) -> Outcome<Box<dyn EntropySource>> {
    let options = context.options_for_raw_samples()?;
    let policy = policy.policy.or(context.config.rng.policy).unwrap_or(RNG_POLICY);
    let spec = device.or(context.config.rng.device.as_ref());
    let (source, descriptor) = open_source(&catalog::registry(&options), policy, spec)?;
    if source.stage() == Stage::Conditioned && !conditioned {
        let message = "it gives bytes that it has conditioned, which say nothing of its noise source; \
                       --conditioned takes them all the same, marked as such";
        return Err(Error::new(ErrorKind::Unsupported, message).on(&descriptor.id).into());
    }
    Ok(source)
}

/// The samples of restart tests, with their sidecar.
pub(super) struct Recorded {
    pub(super) samples: Vec<u8>,
    pub(super) sidecar: Sidecar,
}

impl Recorded {
    /// Takes 1000 samples after each of 1000 restarts, as they come (SP 800-90B §3.1.4.1).
    pub(super) fn restarts(source: &mut dyn EntropySource) -> Outcome<Self> {
        let properties = source.properties()?;
        let mut sidecar = Sidecar::begin(source, &properties, now_ms());
        let start = Instant::now();
        let bar = report::progress((RESTARTS * RESTARTS) as u64);
        let mut samples = vec![0; RESTARTS * RESTARTS];
        for (number, row) in (1..).zip(samples.chunks_mut(RESTARTS)) {
            interrupt::check()?;
            after_restart(source, row).map_err(|error| match error.kind() {
                ErrorKind::Unsupported => error,
                _ => error.context(format!("restart {number} of {RESTARTS}")),
            })?;
            bar.inc(RESTARTS as u64);
        }
        bar.finish_and_clear();
        sidecar.restarts = Some(RESTARTS as u64);
        sidecar.end(samples.len() as u64, &Sha256::digest(&samples), start.elapsed());
        Ok(Self { samples, sidecar })
    }
}

/// Restarts `source` and fills `row` with the first samples since then.
fn after_restart(source: &mut dyn EntropySource, row: &mut [u8]) -> qhal::Result<()> {
    source.restart()?;
    let mut filled = 0;
    while let Some(rest) = row.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let wanted = rest.len();
        let count = source.read(rest)?;
        if !(1..=wanted).contains(&count) {
            let message = format!("asked for up to {wanted} samples, the source says it gave {count}");
            return Err(Error::new(ErrorKind::Protocol, message).on(&source.descriptor().id));
        }
        filled += count;
    }
    Ok(())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A file of samples for the commands that look at them, of at most `largest` bytes.
///
/// # Errors
/// Those of reading; `InvalidInput` when it is larger.
pub(super) fn samples_in(path: &Path, largest: u64) -> qhal::Result<Vec<u8>> {
    let name = path.display();
    let read = |cause| Error::from_io(cause, format!("cannot read {name}"));
    let size = std::fs::metadata(path).map_err(read)?.len();
    if size > largest {
        let message =
            format!("{name} has {size} bytes; at most {} are taken", units::bytes_for_people(largest));
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    std::fs::read(path).map_err(read)
}
