//! `qhal rng read`: random bytes, all of them or none.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use qhal::{Descriptor, EntropySource, Kind, OpenDevice, Provenance};
use qhal_backends::ensemble::Plan;
use qhal_backends::random::Output;
use qhal_backends::{Registry, select};
use qhal_entropy::{Alpha, Config};
use serde_json::json;
use zeroize::Zeroizing;

use super::{conditioning, reader::Reader, several};
use crate::args::{Format, ReadArgs};
use crate::commands::show;
use crate::context::Context;
use crate::failure::{Failure, Outcome, writing};
use crate::{hex, interrupt, report, units};

/// Bytes that are made between two looks at Ctrl-C and the progress bar.
const CHUNK: usize = 64 << 10;

/// Up to this much is held back until all of it is there; more goes out block by block of this size.
const HELD_BACK: u64 = 256 << 20;

pub(crate) fn run(context: &Context, args: &ReadArgs) -> Outcome {
    let to_stdout = args.out.is_none();
    let format = args.format.unwrap_or(if context.json || (to_stdout && report::to_terminal()) {
        Format::Hex
    } else {
        Format::Binary
    });
    if context.json && to_stdout && format == Format::Binary {
        return Err(Failure::usage(
            "raw bytes do not fit a JSON document: use --format hex or base64, or -o FILE",
        ));
    }
    if (context.json && to_stdout || format == Format::Base64) && args.bytes > HELD_BACK {
        let most = units::bytes_for_people(HELD_BACK);
        return Err(Failure::usage(format!("in this form at most {most} can be written at once")));
    }
    let mut options = context.options(None)?;
    if args.signed {
        options.read_signed()?;
    }
    let output = args.output.or(context.config.rng.output).map(Output::from);
    let config = match output {
        Some(Output::Raw) => raw_config(context)?,
        _ => entropy_config(context)?,
    };
    let plan = several::plan(
        context,
        &several::Choice {
            devices: &args.devices,
            combine: args.combine,
            policy: args.policy.policy,
            output,
            config,
        },
    )?;
    let mut reader = Reader::open(&options, &plan, args.signed)?;
    match &args.out {
        Some(path) => to_file(&mut reader, args.bytes, format, path)?,
        None if context.json => {
            let bytes = produce(&mut reader, args.bytes as usize, &report::progress(args.bytes))?;
            let data = String::from_utf8_lossy(&encode(&bytes, format)).trim_end().to_owned();
            let mut document = summary(&reader, &plan, args);
            document["format"] = json!(if format == Format::Hex { "hex" } else { "base64" });
            document["data"] = json!(data);
            report::json(&document)?;
        }
        None => stream(&mut reader, args.bytes, format, &mut |bytes| report::bytes(bytes))?,
    }
    if context.json && !to_stdout {
        report::json(&summary(&reader, &plan, args))?;
    }
    let (samples, _) = reader.figures();
    let devices: Vec<String> = reader
        .devices()
        .iter()
        .map(|device| {
            format!("{}, {}, {}", device.id, device.provenance_with_evidence(), origin_in_words(device))
        })
        .collect();
    let conditioned = conditioning::in_words(&plan.config.conditioning);
    report::note(format!(
        "{} of {} output from {}; {samples} samples passed the health tests{}",
        units::bytes_for_people(args.bytes),
        plan.output.as_str(),
        devices.join(" and "),
        conditioned.map_or_else(String::new, |words| format!("; {words}")),
    ));
    reader.close()?;
    Ok(())
}

/// Selects and opens an entropy source, and says so aloud when it is a fallback.
pub(crate) fn open_source(
    registry: &Registry,
    policy: qhal::Policy,
    spec: Option<&qhal_backends::DeviceSpec>,
) -> Outcome<(Box<dyn EntropySource>, Descriptor)> {
    let selected = select(registry, Kind::Entropy, policy, spec)?;
    if let Some(announcement) = selected.announcement() {
        report::warning_once(announcement);
    }
    match selected.device {
        OpenDevice::Entropy(source) => {
            let descriptor = source.descriptor().clone();
            Ok((source, descriptor))
        }
        other => Err(Failure::usage(format!("a {} device gives no random bytes", other.kind()))),
    }
}

/// The settings of the health tests, the conditioning component and the DRBG.
pub(crate) fn entropy_config(context: &Context) -> Outcome<Config> {
    let conditioning = conditioning::chosen(&context.config.rng)?;
    Ok(Config { conditioning, ..raw_config(context)? })
}

/// The settings where nothing is conditioned, so that no seed is looked for either.
pub(super) fn raw_config(context: &Context) -> Outcome<Config> {
    let section = &context.config.rng;
    let mut config = Config { assessed: section.assessed, ..Config::default() };
    if let Some(exponent) = section.alpha_exponent {
        config.alpha = Alpha::new(exponent)?;
    }
    if let Some(bytes) = section.reseed_bytes {
        config.reseed_bytes = bytes;
    }
    Ok(config)
}

/// Whether the physics is quantum, as a phrase.
pub(crate) fn origin_in_words(descriptor: &Descriptor) -> &'static str {
    match descriptor.origin {
        qhal::QuantumOrigin::Quantum => "of quantum origin",
        qhal::QuantumOrigin::Claimed => "of claimed quantum origin",
        qhal::QuantumOrigin::NotQuantum => "not quantum",
        qhal::QuantumOrigin::Model => "a model of a quantum source",
    }
}

fn summary(reader: &Reader, plan: &Plan, args: &ReadArgs) -> serde_json::Value {
    let devices = reader.devices();
    let joined = |word: &dyn Fn(&Descriptor) -> String| {
        let words: Vec<String> = devices.iter().map(word).collect();
        words.join(" + ")
    };
    let (samples, failures) = reader.figures();
    let mut document = json!({
        "device": joined(&|device| device.id.to_string()),
        "provenance": Provenance::weakest(devices.iter().map(|device| device.provenance)).map(Provenance::as_str),
        "evidence": joined(&|device| device.evidence.clone()),
        "origin": joined(&|device| device.origin.to_string()),
        "output": plan.output.as_str(),
        "bytes": args.bytes,
        "signed": args.signed,
        "health": {"state": "good", "samples": samples, "failures": failures},
    });
    if plan.output != Output::Raw {
        document["conditioner"] = conditioning::summary(&plan.config.conditioning, reader.conditioner());
    }
    if devices.len() > 1 {
        document["combine"] = json!(plan.combine.as_str());
        document["devices"] = devices.iter().map(show::descriptor).collect();
    }
    document
}

/// All bytes at once, wiped when dropped.
fn produce(reader: &mut Reader, count: usize, bar: &indicatif::ProgressBar) -> Outcome<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    for chunk in bytes.chunks_mut(CHUNK) {
        interrupt::check()?;
        reader.fill(chunk)?;
        bar.inc(chunk.len() as u64);
    }
    Ok(bytes)
}

/// Block by block; a block is written only once all of it passed.
fn stream(
    reader: &mut Reader,
    total: u64,
    format: Format,
    write: &mut dyn FnMut(&[u8]) -> Outcome,
) -> Outcome {
    let bar = report::progress(total);
    let mut left = total;
    while left > 0 {
        let count = left.min(HELD_BACK);
        let bytes = produce(reader, count as usize, &bar)?;
        left -= count;
        if format == Format::Binary {
            write(&bytes)?;
        } else {
            let mut text = encode(&bytes, format);
            if left > 0 {
                // Hex digits of several blocks stay on one line.
                text.pop();
            }
            write(&text)?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Into a file beside the target, which takes its place once everything is written.
fn to_file(reader: &mut Reader, total: u64, format: Format, path: &Path) -> Outcome {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.display().to_string();
    // A device or pipe cannot be replaced, only written to.
    if path.exists() && !path.is_file() {
        let mut file =
            std::fs::OpenOptions::new().write(true).open(path).map_err(|cause| writing(cause, &name))?;
        return stream(reader, total, format, &mut |bytes| {
            file.write_all(bytes).map_err(|cause| writing(cause, &name))
        });
    }
    // Readable by the owner alone: these may become keys.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|cause| writing(cause, &name))?;
    stream(reader, total, format, &mut |bytes| file.write_all(bytes).map_err(|cause| writing(cause, &name)))?;
    file.as_file().sync_all().map_err(|cause| writing(cause, &name))?;
    file.persist(path).map_err(|error| writing(error.error, &name))?;
    Ok(())
}

fn encode(bytes: &[u8], format: Format) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(match format {
        Format::Binary => return Zeroizing::new(bytes.to_vec()),
        Format::Hex => hex::encode(bytes).into_bytes(),
        Format::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes).into_bytes(),
    });
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_text() {
        assert_eq!(&**encode(&[0x00, 0x9f, 0xff], Format::Hex), b"009fff\n");
        // RFC 4648 §10.
        assert_eq!(&**encode(b"foob", Format::Base64), b"Zm9vYg==\n");
    }
}
