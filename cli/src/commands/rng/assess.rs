//! `qhal rng assess`: how much min-entropy a file of raw samples holds, as SP 800-90B estimates it.

use std::io::Write;
use std::num::NonZero;
use std::time::SystemTime;

use qhal::Error;
use qhal_entropy::assess::{self, Assessment, Estimates, IidAssessment, RestartAssessment};
use qhal_entropy::quick::QuickTests;
use serde_json::{Value, json};

use super::record;
use super::report::{Found, Report};
use super::sidecar::Sidecar;
use crate::args::AssessArgs;
use crate::context::Context;
use crate::failure::{Outcome, writing};
use crate::{files, report};

/// A file larger than this is no sample file but a mistake.
const LARGEST: u64 = 1 << 30;

/// Samples and what is known of them.
struct Input {
    /// The file, or the device that was restarted.
    name: String,
    samples: Vec<u8>,
    sidecar: Option<Sidecar>,
}

pub(crate) fn run(context: &Context, args: &AssessArgs) -> Outcome {
    let input = match &args.file {
        Some(file) => {
            let samples = record::samples_in(file, LARGEST)?;
            let sidecar = Sidecar::beside(file, &samples)?;
            Input { name: file.display().to_string(), samples, sidecar }
        }
        None => restarted(context, args)?,
    };
    let data = &input.samples;
    let bits = args.bits.or(input.sidecar.as_ref().map(|sidecar| sidecar.sample_bits));
    let threads = NonZero::new(qhal_backends::machine::processors()).unwrap_or(NonZero::<usize>::MIN);
    let named = |error: Error| error.context(&input.name);
    let spinner = report::spinner("assessing");
    spinner.enable_steady_tick(report::TICK);
    if let Some(initial) = args.restart {
        let result = assess::restart(data, bits, initial, threads).map_err(named)?;
        spinner.finish_and_clear();
        write_report(args, &input, Found::Restart(&result), result.bits)?;
        return restart(context, &input, &result);
    }
    if args.iid {
        let result = assess::iid(data, bits, seed()?, threads).map_err(named)?;
        spinner.finish_and_clear();
        write_report(args, &input, Found::Iid(&result), result.bits)?;
        return iid(context, &input, &result);
    }
    let result = assess::non_iid(data, bits, threads).map_err(named)?;
    spinner.finish_and_clear();
    write_report(args, &input, Found::NonIid(&result), result.bits)?;
    non_iid(context, &input, &result)
}

/// Takes the samples of restart tests from a device.
fn restarted(context: &Context, args: &AssessArgs) -> Outcome<Input> {
    let mut source = record::open_raw(context, args.device.as_ref(), args.policy, args.conditioned)?;
    let recorded = record::Recorded::restarts(&mut *source)?;
    source.close()?;
    Ok(Input {
        name: recorded.sidecar.device.clone(),
        samples: recorded.samples,
        sidecar: Some(recorded.sidecar),
    })
}

/// The page, where one was asked for.
fn write_report(args: &AssessArgs, input: &Input, found: Found<'_>, bits: u8) -> Outcome {
    let Some(path) = &args.report else { return Ok(()) };
    let mut quick = QuickTests::new(bits)?;
    quick.update(&input.samples)?;
    let page = Report {
        name: &input.name,
        found,
        quick: &quick.finish()?,
        sidecar: input.sidecar.as_ref(),
        samples: &input.samples,
        made_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    let html = page.html()?;
    let name = path.display().to_string();
    files::whole(path, |file| file.write_all(html.as_bytes()).map_err(|cause| writing(cause, &name)))?;
    report::note(format!("{name} shows it in pictures"));
    Ok(())
}

/// What is known of the samples, beside the figures.
fn with_origin(input: &Input, assessed: f64, mut document: Value) -> Value {
    if let Some(sidecar) = &input.sidecar {
        document["device"] = json!(sidecar.device);
        document["provenance"] = json!(sidecar.provenance.as_str());
        document["evidence"] = json!(sidecar.evidence);
        document["origin"] = json!(sidecar.origin);
        document["stage"] = json!(sidecar.stage);
        document["claimed"] = json!(sidecar.claimed_min_entropy);
        document["keeps_claim"] = json!(assessed >= sidecar.claimed_min_entropy);
    }
    document
}

/// For the permutations; they may be different ones every time.
fn seed() -> Outcome<[u8; 32]> {
    Ok(qhal_backends::machine::seed()?)
}

fn non_iid(context: &Context, input: &Input, result: &Assessment) -> Outcome {
    if context.json {
        return report::json(&with_origin(
            input,
            result.assessed,
            json!({
                "track": "non-iid",
                "samples": result.samples,
                "symbols": result.symbols,
                "bits": result.bits,
                "estimates": {
                    "original": estimates(&result.original),
                    "bitstring": result.bitstring.as_ref().map(estimates),
                },
                "h_original": result.h_original,
                "h_bitstring": result.h_bitstring,
                "assessed": result.assessed,
                "warnings": result.warnings,
            }),
        ));
    }
    heading(input, result.samples, result.symbols, result.bits, &result.warnings)?;
    let mut rows = vec![["ESTIMATE", "SAMPLES", "BIT STRING"].map(str::to_owned).to_vec()];
    let figure = |estimate: Option<f64>| estimate.map_or_else(|| "-".to_owned(), |h| format!("{h:.6}"));
    let bitstring = result.bitstring.as_ref().map(Estimates::named);
    for (index, (name, original)) in result.original.named().into_iter().enumerate() {
        let of_bits = bitstring.and_then(|all| all.get(index).and_then(|(_, estimate)| *estimate));
        rows.push(vec![name.replace('_', " "), figure(original), figure(of_bits)]);
    }
    report::table(&rows)?;
    assessed(input, result.assessed, result.bits)
}

fn iid(context: &Context, input: &Input, result: &IidAssessment) -> Outcome {
    let chi = |test: &assess::ChiSquare| json!({"score": test.score, "degrees": test.degrees, "p_value": test.p_value, "passed": test.passed});
    if context.json {
        let permutation: Vec<Value> = result
            .permutation
            .iter()
            .map(|test| {
                json!({
                    "statistic": test.name,
                    "value": test.value,
                    "greater": test.greater,
                    "equal": test.equal,
                    "less": test.less,
                    "passed": test.passed,
                })
            })
            .collect();
        let longest = &result.longest_repeat;
        return report::json(&with_origin(
            input,
            result.assessed,
            json!({
                "track": "iid",
                "samples": result.samples,
                "symbols": result.symbols,
                "bits": result.bits,
                "passed": result.passed,
                "chi_square": {"independence": chi(&result.independence), "goodness_of_fit": chi(&result.goodness_of_fit)},
                "longest_repeat": {"length": longest.length, "probability": longest.probability, "passed": longest.passed},
                "permutation": permutation,
                "permutations": result.permutations,
                "h_original": result.h_original,
                "h_bitstring": result.h_bitstring,
                "assessed": result.assessed,
                "warnings": result.warnings,
            }),
        ));
    }
    heading(input, result.samples, result.symbols, result.bits, &result.warnings)?;
    let mut rows = vec![["TEST", "RESULT"].map(str::to_owned).to_vec()];
    let verdict = |passed: bool| if passed { "passed" } else { "FAILED" }.to_owned();
    rows.push(vec!["chi-square, independence".to_owned(), verdict(result.independence.passed)]);
    rows.push(vec!["chi-square, goodness of fit".to_owned(), verdict(result.goodness_of_fit.passed)]);
    rows.push(vec!["longest repeated substring".to_owned(), verdict(result.longest_repeat.passed)]);
    rows.extend(result.permutation.iter().map(|test| vec![test.name.to_owned(), verdict(test.passed)]));
    report::table(&rows)?;
    if !result.passed {
        report::warning("the samples are not IID: what counts is the non-IID estimate (--non-iid)");
    }
    assessed(input, result.assessed, result.bits)
}

fn restart(context: &Context, input: &Input, result: &RestartAssessment) -> Outcome {
    if context.json {
        return report::json(&with_origin(
            input,
            result.assessed,
            json!({
                "track": "restart",
                "symbols": result.symbols,
                "bits": result.bits,
                "initial": result.initial,
                "cutoff": result.cutoff,
                "highest_in_row": result.highest_in_row,
                "highest_in_column": result.highest_in_column,
                "sane": result.sane,
                "estimates": {"rows": estimates(&result.rows), "columns": estimates(&result.columns)},
                "h_rows": result.h_rows,
                "h_columns": result.h_columns,
                "passed": result.passed,
                "assessed": result.assessed,
                "warnings": result.warnings,
            }),
        ));
    }
    heading(input, assess::RESTARTS * assess::RESTARTS, result.symbols, result.bits, &result.warnings)?;
    report::line(format!(
        "most frequent symbol: {} times in a row, {} times in a column, cut-off {}",
        result.highest_in_row, result.highest_in_column, result.cutoff
    ))?;
    report::line(format!(
        "min-entropy of rows {:.6}, of columns {:.6}, initial estimate {:.6}: {}",
        result.h_rows,
        result.h_columns,
        result.initial,
        if result.passed { "passed" } else { "FAILED" }
    ))?;
    assessed(input, result.assessed, result.bits)
}

fn estimates(estimates: &Estimates) -> Value {
    Value::Object(
        estimates.named().into_iter().map(|(name, estimate)| (name.to_owned(), json!(estimate))).collect(),
    )
}

fn heading(input: &Input, samples: usize, symbols: usize, bits: u8, warnings: &[String]) -> Outcome {
    report::line(format!("{samples} samples of {bits} bits, {symbols} different symbols"))?;
    if let Some(sidecar) = &input.sidecar {
        report::line(sidecar.provenance_in_words())?;
    }
    warnings.iter().for_each(report::warning);
    Ok(())
}

fn assessed(input: &Input, h: f64, bits: u8) -> Outcome {
    report::line(report::bold(&format!("assessed min-entropy: {h:.6} bits in a sample of {bits}")))?;
    match input.sidecar.as_ref().map(|sidecar| sidecar.claimed_min_entropy) {
        Some(claim) if h < claim => {
            report::warning(format!(
                "the device claims {claim:.6} bits, and these samples do not bear it out: set assessed = {:.4} under [rng]",
                (h * 1e4).floor() / 1e4
            ));
            Ok(())
        }
        Some(claim) => report::line(format!("the device claims {claim:.6} bits and keeps that")),
        None => Ok(()),
    }
}
