//! `qhal rng test`: quick statistics of a file, FIPS 140-2 blocks, and a picture of its bit planes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use qhal::{Error, ErrorKind};
use qhal_entropy::quick::{QuickReport, QuickTests};
use serde_json::{Value, json};

use super::report::planes::{self, Planes};
use super::sidecar::Sidecar;
use crate::args::TestArgs;
use crate::context::Context;
use crate::failure::{Failure, Outcome, writing};
use crate::{files, interrupt, report, units};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

pub(crate) fn run(context: &Context, args: &TestArgs) -> Outcome {
    let name = args.file.display().to_string();
    let named = |error: Error| error.context(&name);
    let bits = match args.bits {
        Some(bits) => bits,
        None => Sidecar::bits_beside(&args.file).unwrap_or(8),
    };
    let kind = args.out.as_deref().map(picture_kind).transpose()?;
    let mut file = open(&args.file)?;
    let mut tests = QuickTests::new(bits)?;
    let bar = report::progress(file.metadata().map_or(0, |metadata| metadata.len()));
    let mut chunk = vec![0; CHUNK];
    let mut head = Vec::new();
    loop {
        interrupt::check()?;
        let read = file.read(&mut chunk);
        let count = read.map_err(|cause| Error::from_io(cause, format!("cannot read {name}")))?;
        let Some(samples) = chunk.get(..count).filter(|samples| !samples.is_empty()) else { break };
        if head.len() < planes::SAMPLES {
            head.extend(samples.iter().take(planes::SAMPLES - head.len()));
        }
        tests.update(samples).map_err(named)?;
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    let found = tests.finish().map_err(named)?;
    if let (Some(out), Some(kind)) = (&args.out, kind) {
        let picture = Planes::new(&head, bits);
        let content = match kind {
            Picture::Png => picture.png()?,
            Picture::Svg => picture.svg()?.into_bytes(),
        };
        let out_name = out.display().to_string();
        files::whole(out, |file| {
            std::io::Write::write_all(file, &content).map_err(|cause| writing(cause, &out_name))
        })?;
    }
    if context.json { report::json(&document(&found)) } else { show(&found) }
}

/// How the picture is written.
#[derive(Clone, Copy)]
enum Picture {
    Png,
    Svg,
}

fn picture_kind(path: &Path) -> Outcome<Picture> {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("png") => Ok(Picture::Png),
        Some("svg") => Ok(Picture::Svg),
        _ => Err(Failure::usage(format!(
            "{} is a picture of which kind? Let it end in .png or .svg",
            path.display()
        ))),
    }
}

fn open(path: &Path) -> qhal::Result<File> {
    let name = path.display();
    let file = File::open(path).map_err(|cause| Error::from_io(cause, format!("cannot open {name}")))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{name} is a folder, not a file of samples"),
        ));
    }
    Ok(file)
}

/// The figures as JSON; also those of the report.
pub(super) fn document(found: &QuickReport) -> Value {
    let (fips, values) = (&found.fips, &found.values);
    let failures: serde_json::Map<String, Value> =
        fips.named().into_iter().map(|(name, failed)| (name.to_owned(), json!(failed))).collect();
    json!({
        "samples": values.samples,
        "bits": found.bits,
        "fips_140_2": {"blocks": fips.blocks, "failed": fips.failed, "failures": failures, "suspicious": fips.suspicious()},
        "values": {
            "counts": values.counts,
            "mean": values.mean,
            "entropy": values.entropy,
            "min_entropy_of_counts": values.min_entropy,
            "chi_square": {
                "score": values.chi_square.score,
                "degrees": values.chi_square.degrees,
                "p_value": values.chi_square.p_value,
            },
            "serial_correlation": values.serial_correlation,
            "ones_by_bit": values.ones,
        },
        "autocorrelation": found.autocorrelation,
        "correlated_samples": found.correlated,
        "suspicious": found.suspicious(),
    })
}

fn show(found: &QuickReport) -> Outcome {
    let (fips, values) = (&found.fips, &found.values);
    let size = units::bytes_for_people(values.samples);
    report::line(format!("{} samples of {} bits ({size})", values.samples, found.bits))?;
    let row = |cells: [String; 3]| cells.to_vec();
    let mut rows = vec![row(["FIPS 140-2", "FAILED", "OF BLOCKS"].map(str::to_owned))];
    let of = |failed: u64| match fips.blocks {
        0 => "-".to_owned(),
        blocks => format!("{:.4} %", 100.0 * failed as f64 / blocks as f64),
    };
    for (name, failed) in fips.named() {
        rows.push(row([name.replace('_', " "), failed.to_string(), of(failed)]));
    }
    rows.push(row([format!("any, of {} blocks", fips.blocks), fips.failed.to_string(), of(fips.failed)]));
    report::table(&rows)?;
    let chi_square = &values.chi_square;
    let serial = values.serial_correlation.map_or_else(|| "undefined".to_owned(), |r| format!("{r:.6}"));
    let highest = found.autocorrelation.iter().copied().map(f64::abs).fold(0.0, f64::max);
    let ones: Vec<String> = values.ones.iter().map(|share| format!("{share:.4}")).collect();
    let mut figures = vec![["FIGURE", "VALUE"].map(str::to_owned).to_vec()];
    for (name, value) in [
        ("mean", format!("{:.6}", values.mean)),
        ("Shannon entropy of values", format!("{:.6} bits", values.entropy)),
        ("min-entropy of values", format!("{:.6} bits", values.min_entropy)),
        (
            "chi-square",
            format!(
                "{:.2} of {} degrees, p = {:.4}",
                chi_square.score, chi_square.degrees, chi_square.p_value
            ),
        ),
        ("serial correlation", serial),
        ("highest correlation", format!("{highest:.6} at distances up to {}", found.autocorrelation.len())),
        ("ones by bit, highest first", ones.join(" ")),
    ] {
        figures.push(vec![name.to_owned(), value]);
    }
    report::line("")?;
    report::table(&figures)?;
    let suspicious = found.suspicious();
    if suspicious.is_empty() {
        return report::line("nothing here would surprise in uniform, independent bits");
    }
    for sentence in &suspicious {
        report::warning(sentence);
    }
    Ok(())
}
