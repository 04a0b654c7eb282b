//! `qhal rng assess`: how much min-entropy a file of raw samples holds, as SP 800-90B estimates it.

use std::num::NonZero;

use qhal::{Error, ErrorKind};
use qhal_entropy::assess::{self, Assessment, Estimates, IidAssessment, RestartAssessment};
use serde_json::{Value, json};

use crate::args::AssessArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;

/// A file larger than this is no sample file but a mistake.
const LARGEST: u64 = 1 << 30;

pub(crate) fn run(context: &Context, args: &AssessArgs) -> Outcome {
    let path = args.file.display();
    let read = |cause| Error::from_io(cause, format!("cannot read {path}"));
    let size = std::fs::metadata(&args.file).map_err(read)?.len();
    if size > LARGEST {
        let message =
            format!("{path} has {size} bytes; at most 1 GiB is assessed, and 1 000 000 samples are enough");
        return Err(Error::new(ErrorKind::InvalidInput, message).into());
    }
    let data = std::fs::read(&args.file).map_err(read)?;
    let threads = NonZero::new(qhal_backends::machine::processors()).unwrap_or(NonZero::<usize>::MIN);
    let named = |error: Error| error.context(path.to_string());
    if let Some(initial) = args.restart {
        let result = assess::restart(&data, args.bits, initial, threads).map_err(named)?;
        return restart(context, &result);
    }
    if args.iid {
        let result = assess::iid(&data, args.bits, seed()?, threads).map_err(named)?;
        return iid(context, &result);
    }
    let result = assess::non_iid(&data, args.bits, threads).map_err(named)?;
    non_iid(context, &result)
}

/// For the permutations; they may be different ones every time.
fn seed() -> Outcome<[u8; 32]> {
    Ok(qhal_backends::machine::seed()?)
}

fn non_iid(context: &Context, result: &Assessment) -> Outcome {
    if context.json {
        return report::json(&json!({
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
        }));
    }
    heading(result.samples, result.symbols, result.bits, &result.warnings)?;
    let mut rows = vec![["ESTIMATE", "SAMPLES", "BIT STRING"].map(str::to_owned).to_vec()];
    let figure = |estimate: Option<f64>| estimate.map_or_else(|| "-".to_owned(), |h| format!("{h:.6}"));
    let bitstring = result.bitstring.as_ref().map(Estimates::named);
    for (index, (name, original)) in result.original.named().into_iter().enumerate() {
        let of_bits = bitstring.and_then(|all| all.get(index).and_then(|(_, estimate)| *estimate));
        rows.push(vec![name.replace('_', " "), figure(original), figure(of_bits)]);
    }
    report::table(&rows)?;
    assessed(result.assessed, result.bits)
}

fn iid(context: &Context, result: &IidAssessment) -> Outcome {
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
        return report::json(&json!({
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
        }));
    }
    heading(result.samples, result.symbols, result.bits, &result.warnings)?;
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
    assessed(result.assessed, result.bits)
}

fn restart(context: &Context, result: &RestartAssessment) -> Outcome {
    if context.json {
        return report::json(&json!({
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
        }));
    }
    heading(assess::RESTARTS * assess::RESTARTS, result.symbols, result.bits, &result.warnings)?;
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
    assessed(result.assessed, result.bits)
}

fn estimates(estimates: &Estimates) -> Value {
    Value::Object(
        estimates.named().into_iter().map(|(name, estimate)| (name.to_owned(), json!(estimate))).collect(),
    )
}

fn heading(samples: usize, symbols: usize, bits: u8, warnings: &[String]) -> Outcome {
    report::line(format!("{samples} samples of {bits} bits, {symbols} different symbols"))?;
    warnings.iter().for_each(report::warning);
    Ok(())
}

fn assessed(h: f64, bits: u8) -> Outcome {
    report::line(report::bold(&format!("assessed min-entropy: {h:.6} bits in a sample of {bits}")))
}
