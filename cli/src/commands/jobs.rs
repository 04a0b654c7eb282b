//! `qhal jobs`: jobs that were run on a named processor, listed, shown, resumed and cancelled.

use std::time::{Duration, Instant};

use qhal::processor::{Job, JobId, Program, Wanted};
use qhal::{Error, ErrorKind};
use qhal_backends::DeviceSpec;
use serde_json::{Value, json};

use super::run::{self, Opened, Watched};
use crate::args::{EngineArgs, JobsCommand};
use crate::context::{Context, RUN_POLICY};
use crate::failure::Outcome;
use crate::state::jobs::{self, Record, State};
use crate::{interrupt, report};

/// How long a process is given to give up a job.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(50);

pub(crate) fn run(context: &Context, command: Option<&JobsCommand>) -> Outcome {
    match command {
        None | Some(JobsCommand::List) => list(context),
        Some(JobsCommand::Show { id }) => show(context, &jobs::load(id)?),
        Some(JobsCommand::Resume { id }) => resume(context, jobs::load(id)?),
        Some(JobsCommand::Cancel { id }) => cancel(context, jobs::load(id)?),
    }
}

fn moment(milliseconds: u64) -> String {
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_millis(milliseconds)).to_string()
}

fn document(record: &Record) -> Value {
    json!({
        "id": record.id,
        "device": record.device,
        "job": record.job,
        "state": record.word(),
        "file": record.file,
        "shots": record.shots,
        "submitted": moment(record.submitted),
        "ended": record.ended.map(moment),
        "error": record.error,
        "result": record.result,
    })
}

fn list(context: &Context) -> Outcome {
    let (records, broken) = jobs::all()?;
    for error in broken {
        report::warning(error.chain());
    }
    if context.json {
        let all: Vec<Value> = records.iter().map(document).collect();
        return report::json(&json!({"jobs": all}));
    }
    if records.is_empty() {
        return report::line("no job was run on a named processor (qhal run FILE --device …)");
    }
    let mut rows =
        vec![["JOB", "SUBMITTED", "PROCESSOR", "SHOTS", "STATE", "PROGRAM"].map(str::to_owned).to_vec()];
    rows.extend(records.iter().map(|record| {
        vec![
            record.id.clone(),
            moment(record.submitted),
            record.device.clone(),
            record.shots.to_string(),
            record.word().to_owned(),
            record.file.clone(),
        ]
    }));
    report::table(&rows)
}

fn show(context: &Context, record: &Record) -> Outcome {
    if context.json {
        return report::json(&document(record));
    }
    report::line(format!(
        "job {} of {}: {}, {} shots on {}, {}",
        record.id,
        moment(record.submitted),
        record.file,
        record.shots,
        record.device,
        record.word()
    ))?;
    if let Some(error) = &record.error {
        report::line(error)?;
    }
    let counts = record.result.as_ref().and_then(|result| result["counts"].as_object());
    for (outcome, count) in counts.into_iter().flatten() {
        report::line(format!("  {outcome}  {count}"))?;
    }
    Ok(())
}

/// Opens the processor of a job that it keeps, and takes the job up again.
fn reopened(context: &Context, record: &Record) -> Outcome<(Opened, qhal::Circuit)> {
    let Some(text) = &record.program else {
        let message = format!(
            "job {} was no program that can be written down, so its outcomes cannot be read",
            record.id
        );
        return Err(Error::new(ErrorKind::Unsupported, message).into());
    };
    let circuit =
        qhal_compiler::parse(text, &record.file, &qhal_compiler::NoIncludes).map_err(Error::from)?;
    let spec: DeviceSpec = record.named.parse()?;
    let policy = context.config.run.policy.unwrap_or(RUN_POLICY);
    let engine = EngineArgs { precision: None, threads: None };
    let mut opened = Opened::select(context, engine, policy, Some(&spec))?;
    let job = Job {
        program: Program::Circuit(circuit.clone()),
        shots: record.shots,
        seed: record.seed,
        wanted: Wanted::default(),
    };
    opened.processor.resume(&JobId(record.job.clone()), &job)?;
    Ok((opened, circuit))
}

fn resume(context: &Context, mut record: Record) -> Outcome {
    if record.state != State::Running {
        return show(context, &record);
    }
    if record.is_watched() {
        let bar = report::spinner("another process waits for it; so does this one");
        while record.state == State::Running && record.is_watched() && !interrupt::requested() {
            std::thread::sleep(AGAIN);
            bar.tick();
            record = jobs::load(&record.id)?;
        }
        bar.finish_and_clear();
        return show(context, &jobs::load(&record.id)?);
    }
    if !record.kept {
        let message = format!(
            "job {} was lost with the process that ran it, because {} keeps no jobs; run {} again",
            record.id, record.device, record.file
        );
        return Err(Error::new(ErrorKind::NotFound, message).into());
    }
    let (opened, circuit) = reopened(context, &record)?;
    let watched = Watched::again(record)?;
    let (descriptor, result) =
        opened.finish(&JobId(watched.record().job.clone()), Some(watched), &circuit)?;
    if context.json {
        return report::json(&run::document(&circuit, &descriptor, &result, Duration::ZERO));
    }
    run::outcome_bars(&circuit, &result)
}

fn cancel(context: &Context, mut record: Record) -> Outcome {
    if record.state != State::Running {
        let message = format!("job {} is {} already", record.id, record.word());
        return Err(Error::new(ErrorKind::NotFound, message).into());
    }
    if record.is_watched() {
        record.ask_to_cancel()?;
        let begun = Instant::now();
        while record.state == State::Running && record.is_watched() {
            if begun.elapsed() > PATIENCE || interrupt::requested() {
                let message = format!("the process that runs job {} does not answer", record.id);
                return Err(Error::new(ErrorKind::TimedOut, message).into());
            }
            std::thread::sleep(AGAIN);
            record = jobs::load(&record.id)?;
        }
        return show(context, &jobs::load(&record.id)?);
    }
    if record.kept {
        let (mut opened, _) = reopened(context, &record)?;
        opened.processor.cancel(&JobId(record.job.clone()))?;
        opened.processor.close()?;
        record.end(State::Cancelled, None, None)?;
    } else {
        record.end(State::Failed, None, Some("it was lost with the process that ran it".to_owned()))?;
    }
    show(context, &record)
}
