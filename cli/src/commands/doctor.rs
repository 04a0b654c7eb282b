//! `qhal doctor`: what stands in the way, and the command that mends it.

use qhal_backends::doctor::{self, Finding, State};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;

pub(crate) fn run(context: &Context, args: &DoctorArgs) -> Outcome {
    if args.udev_rules {
        return report::bytes(doctor::udev_rules().as_bytes());
    }
    let findings = doctor::examine(&context.registry()?);
    if context.json {
        let list: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({
                    "area": finding.area,
                    "state": word(finding.state),
                    "finding": finding.what,
                    "mend": finding.mend,
                })
            })
            .collect();
        return report::json(&json!({"findings": list}));
    }
    for Finding { area, state, what, mend } in &findings {
        report::line(format!("{}  {area}: {what}", mark(*state)))?;
        if let Some(mend) = mend {
            report::line(format!("      mend: {mend}"))?;
        }
    }
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Fine => "fine",
        State::Notice => "notice",
        State::Problem => "problem",
    }
}

fn mark(state: State) -> String {
    let (text, colour) = match state {
        State::Fine => ("ok  ", anstyle::AnsiColor::Green),
        State::Notice => ("note", anstyle::AnsiColor::Yellow),
        State::Problem => ("FAIL", anstyle::AnsiColor::Red),
    };
    let style = colour.on_default().bold();
    format!("{style}{text}{style:#}")
}
