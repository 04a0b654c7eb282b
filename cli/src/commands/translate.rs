//! `qhal translate`: a program in the native gates and couplings of a processor, checked before it is written.

use std::path::Path;
use std::time::{Duration, Instant};

use qhal::{Error, Kind, OpenDevice};
use qhal_backends::{DeviceSpec, catalog, select};
use qhal_compiler::translate::{Estimate, Options, Target, Translation, estimate, translate};
use qhal_compiler::{openqasm2, openqasm3, qir};
use serde_json::{Value, json};

use super::native;
use super::run::{read_circuit, write_whole};
use crate::args::{Language, TranslateArgs};
use crate::context::{Context, RUN_POLICY};
use crate::failure::{Failure, Outcome};
use crate::report;

pub(crate) fn run(context: &Context, args: &TranslateArgs) -> Outcome {
    let program = read_circuit(&args.file, &args.inputs)?;
    let target = target(context, &args.to)?;
    let mut options = Options::level(args.optimize);
    options.seed = args.seed;
    options.compare = !args.no_compare;
    options.threads = args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        |threads| usize::try_from(threads).unwrap_or(1),
    );
    let bar = report::spinner("translating");
    bar.enable_steady_tick(Duration::from_millis(250));
    let begun = Instant::now();
    let translation = translate(&program, &target, options);
    let seconds = begun.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let translation = translation?;
    let estimate = estimate(&translation.circuit, &target.capabilities);
    let text = match args.format {
        Language::Openqasm2 => openqasm2::emit(&translation.circuit)?,
        Language::Openqasm3 => openqasm3::emit(&translation.circuit)?,
        Language::Qir => qir::emit(&translation.circuit, qir::Pointers::Opaque)?,
        Language::QirTyped => qir::emit(&translation.circuit, qir::Pointers::Typed)?,
    };
    if let Some(path) = &args.out {
        write_whole(path, |file| file.write_all(text.as_bytes()))?;
    }
    if context.json {
        let mut document = document(&target, &translation, &estimate, seconds);
        if let (None, Some(fields)) = (&args.out, document.as_object_mut()) {
            fields.insert("program".to_owned(), json!(text));
        }
        return report::json(&document);
    }
    if args.out.is_none() {
        report::bytes(text.as_bytes())?;
    }
    for_people(&target, &translation, &estimate, args.out.as_deref())
}

/// A target by name, a description in a file, or what a device says of itself.
fn target(context: &Context, to: &str) -> Outcome<Target> {
    if Target::names().any(|name| name == to) {
        return Ok(Target::named(to)?);
    }
    let path = Path::new(to);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::from_io(cause, format!("cannot read {}", path.display())))?;
        return Ok(Target::from_json(&text).map_err(|error| error.context(path.display()))?);
    }
    let registry = catalog::registry(&context.options(None)?);
    let unknown = |cause: Error| Failure::from(Target::named(to).err().unwrap_or(cause));
    let spec: DeviceSpec = to.parse().map_err(unknown)?;
    let selected = match select(&registry, Kind::Processor, RUN_POLICY, Some(&spec)) {
        Ok(selected) => selected,
        Err(cause) if cause.kind() == qhal::ErrorKind::NotFound && !to.contains(':') => {
            return Err(unknown(cause));
        }
        Err(cause) => return Err(cause.into()),
    };
    let OpenDevice::Processor(processor) = selected.device else {
        return Err(Failure::usage("that device runs no circuits"));
    };
    let target = native::target(processor.as_ref())?;
    processor.close()?;
    Ok(target)
}

fn document(target: &Target, translation: &Translation, estimate: &Estimate, seconds: f64) -> Value {
    let verification = &translation.verification;
    json!({
        "target": target.name,
        "source": target.source,
        "depth": estimate.depth,
        "gates": translation.circuit.len(),
        "two_qubit_gates": estimate.two_qubit_gates,
        "two_qubit_depth": estimate.two_qubit_depth,
        "layout": translation.initial_layout,
        "final_layout": translation.final_layout,
        "global_phase": translation.global_phase,
        "estimated_fidelity": estimate.fidelity,
        "estimated_seconds": estimate.seconds,
        "estimate": {"waiting": estimate.waiting, "readout": estimate.readout},
        "verified": {"by": verification.method(), "error": verification.error()},
        "seconds": seconds,
    })
}

/// Beside the program, so that it can be piped on.
fn for_people(
    target: &Target,
    translation: &Translation,
    estimate: &Estimate,
    out: Option<&Path>,
) -> Outcome {
    let fidelity = match estimate.fidelity {
        Some(fidelity) => format!("estimated fidelity {fidelity:.4}"),
        None => "fidelity unknown: the target has no figures for all its gates".to_owned(),
    };
    let time = estimate.seconds.map_or(String::new(), |seconds| format!(", {:.2} µs", seconds * 1e6));
    let summary = format!(
        "{}: {} two-qubit gates, depth {}{time}, {fidelity}; checked by {} (off by {:.0e})",
        target.name,
        estimate.two_qubit_gates,
        estimate.depth,
        translation.verification.method(),
        translation.verification.error()
    );
    let places = |layout: &[u32]| layout.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let layout = format!(
        "layout {} at the start, {} at the end",
        places(&translation.initial_layout),
        places(&translation.final_layout)
    );
    if let Some(path) = out {
        report::line(summary)?;
        report::line(layout)?;
        return report::line(format!("written to {}", path.display()));
    }
    report::note(summary);
    report::note(layout);
    Ok(())
}
