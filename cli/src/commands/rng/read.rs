//! `qhal rng read`: random bytes, all of them or none.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use qhal::{Descriptor, EntropySource, Kind, OpenDevice};
use qhal_backends::random::{Output, Random};
use qhal_backends::{Registry, catalog, select};
use qhal_entropy::{Alpha, Config};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{Format, ReadArgs};
use crate::context::{Context, RNG_POLICY};
use crate::failure::{Failure, Outcome, writing};
use crate::{interrupt, report, units};

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
    let output = args.output.or(context.config.rng.output).map_or(Output::Drbg, Output::from);
    let (mut random, descriptor) = open(context, args, output)?;
    match &args.out {
        Some(path) => to_file(&mut random, args.bytes, format, path)?,
        None if context.json => {
            let bytes = produce(&mut random, args.bytes as usize, &report::progress(args.bytes))?;
            let data = String::from_utf8_lossy(&encode(&bytes, format)).trim_end().to_owned();
            let mut document = summary(&random, &descriptor, output, args);
            document["format"] = json!(if format == Format::Hex { "hex" } else { "base64" });
            document["data"] = json!(data);
            report::json(&document)?;
        }
        None => stream(&mut random, args.bytes, format, &mut |bytes| report::bytes(bytes))?,
    }
    if context.json && !to_stdout {
        report::json(&summary(&random, &descriptor, output, args))?;
    }
    let statistics = random.statistics();
    random.close()?;
    let size = units::bytes_for_people(args.bytes);
    report::note(format!(
        "{size} of {} output from {}, {}, {}; {} samples passed the health tests",
        output.as_str(),
        descriptor.id,
        descriptor.provenance_with_evidence(),
        origin_in_words(&descriptor),
        statistics.samples,
    ));
    Ok(())
}

/// Selects and opens the source and puts the tests on it.
fn open(context: &Context, args: &ReadArgs, output: Output) -> Outcome<(Random, Descriptor)> {
    let mut options = context.options(None)?;
    if args.signed {
        options.read_signed()?;
    }
    let policy = args.policy.policy.or(context.config.rng.policy).unwrap_or(RNG_POLICY);
    let spec = args.device.as_ref().or(context.config.rng.device.as_ref());
    let (source, descriptor) = open_source(&catalog::registry(&options), policy, spec)?;
    if args.signed && descriptor.id.driver() != "qcicada" {
        return Err(Failure::usage(format!("{} has no signed reads; QCicada has", descriptor.id)));
    }
    Ok((Random::new(source, output, &entropy_config(context)?)?, descriptor))
}

/// Selects and opens an entropy source, and says so aloud when it is a fallback.
pub(crate) fn open_source(
    registry: &Registry,
    policy: qhal::Policy,
    spec: Option<&qhal_backends::DeviceSpec>,
) -> Outcome<(Box<dyn EntropySource>, Descriptor)> {
    let selected = select(registry, Kind::Entropy, policy, spec)?;
    if let Some(announcement) = selected.announcement() {
        report::warning(announcement);
    }
    match selected.device {
        OpenDevice::Entropy(source) => {
            let descriptor = source.descriptor().clone();
            Ok((source, descriptor))
        }
        other => Err(Failure::usage(format!("a {} device gives no random bytes", other.kind()))),
    }
}

/// The settings of the health tests and the DRBG.
pub(crate) fn entropy_config(context: &Context) -> Outcome<Config> {
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

fn summary(random: &Random, descriptor: &Descriptor, output: Output, args: &ReadArgs) -> serde_json::Value {
    let statistics = random.statistics();
    json!({
        "device": descriptor.id.to_string(),
        "provenance": descriptor.provenance.as_str(),
        "evidence": descriptor.evidence,
        "origin": descriptor.origin.as_str(),
        "output": output.as_str(),
        "bytes": args.bytes,
        "signed": args.signed,
        "health": {"state": "good", "samples": statistics.samples, "failures": statistics.failures()},
    })
}

/// All bytes at once, wiped when dropped.
fn produce(random: &mut Random, count: usize, bar: &indicatif::ProgressBar) -> Outcome<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    for chunk in bytes.chunks_mut(CHUNK) {
        interrupt::check()?;
        random.fill(chunk)?;
        bar.inc(chunk.len() as u64);
    }
    Ok(bytes)
}

/// Block by block; a block is written only once all of it passed.
fn stream(
    random: &mut Random,
    total: u64,
    format: Format,
    write: &mut dyn FnMut(&[u8]) -> Outcome,
) -> Outcome {
    let bar = report::progress(total);
    let mut left = total;
    while left > 0 {
        let count = left.min(HELD_BACK);
        let bytes = produce(random, count as usize, &bar)?;
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
fn to_file(random: &mut Random, total: u64, format: Format, path: &Path) -> Outcome {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.display().to_string();
    // A device or pipe cannot be replaced, only written to.
    if path.exists() && !path.is_file() {
        let mut file =
            std::fs::OpenOptions::new().write(true).open(path).map_err(|cause| writing(cause, &name))?;
        return stream(random, total, format, &mut |bytes| {
            file.write_all(bytes).map_err(|cause| writing(cause, &name))
        });
    }
    // Readable by the owner alone: these may become keys.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|cause| writing(cause, &name))?;
    stream(random, total, format, &mut |bytes| file.write_all(bytes).map_err(|cause| writing(cause, &name)))?;
    file.as_file().sync_all().map_err(|cause| writing(cause, &name))?;
    file.persist(path).map_err(|error| writing(error.error, &name))?;
    Ok(())
}

fn encode(bytes: &[u8], format: Format) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(match format {
        Format::Binary => return Zeroizing::new(bytes.to_vec()),
        Format::Hex => {
            let mut text = Vec::with_capacity(bytes.len() * 2 + 1);
            for byte in bytes {
                text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
            text
        }
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
