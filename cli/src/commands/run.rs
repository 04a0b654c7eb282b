//! `qhal run`: an OpenQASM program on a processor; counts, probabilities or the state.

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use qhal::circuit::{BitString, Register};
use qhal::processor::{Counts, Job, JobId, JobResult, JobState, Processor, Program, Wanted};
use qhal::{Circuit, Complex64, Descriptor, Error, ErrorKind, Kind, OpenDevice};
use qhal_backends::simulated::{Engine, within_reach};
use qhal_backends::{catalog, select};
use qhal_compiler::Limits;
use serde_json::{Map, Value, json};

use super::native;
use crate::args::{EngineArgs, RunArgs, Show};
use crate::context::{Context, RUN_POLICY};
use crate::failure::{Failure, Outcome, writing};
use crate::{interrupt, report, state};

pub(crate) use super::watched::Watched;

/// How many outcomes a person is shown; JSON has all.
const ROWS: usize = 16;

pub(crate) fn run(context: &Context, args: &RunArgs) -> Outcome {
    if (args.show == Show::State) != args.out.is_some() {
        return Err(Failure::usage("the state goes to a file: use --show state and -o FILE together"));
    }
    let begun = Instant::now();
    let circuit = read_circuit(&args.file, &args.inputs)?;
    let parse = begun.elapsed();
    if circuit.qubits() == 0 {
        let message =
            format!("{}: the program declares no qubits, so there is nothing to run", args.file.display());
        return Err(Error::new(ErrorKind::InvalidInput, message).into());
    }
    if args.explain {
        let plan = Engine::new(&context.processor(Some(args.engine)))?.explain(&circuit)?;
        return if context.json {
            report::json(&json!({"plan": plan}))
        } else {
            report::line(plan.trim_end())
        };
    }
    let shots = args.shots.or(context.config.run.shots).unwrap_or(1024);
    let wanted = Wanted { probabilities: args.show == Show::Probabilities, state: args.show == Show::State };
    let policy = args.policy.policy.or(context.config.run.policy).unwrap_or(RUN_POLICY);
    let spec = args.device.as_ref().or(context.config.run.device.as_ref());
    let mut opened = Opened::select(context, args.engine, policy, spec)?;
    let native = if args.translate { Some(native::made(opened.processor.as_mut(), &circuit)?) } else { None };
    let program = native.as_ref().map_or_else(|| circuit.clone(), |native| native.circuit.clone());
    let program = within_reach(program, opened.processor.capabilities(), &wanted)?;
    state::check_free(&opened.descriptor.id)?;
    let watched = match spec {
        Some(spec) => Watched::new(spec, &args.file, &program, shots, args.seed),
        None => None,
    };
    let job = Job { program: Program::Circuit(program.clone()), shots, seed: args.seed, wanted };
    if args.detach {
        return opened.detach(context, job, watched);
    }
    let (descriptor, result) = opened.execute(job, watched, &circuit)?;

    if let (Some(path), Some(state)) = (&args.out, &result.state) {
        write_state(path, state)?;
    }
    if context.json {
        let mut document = document(&circuit, &descriptor, &result, parse);
        if let Some(native) = &native {
            document["translation"] = native.figures.clone();
        }
        return report::json(&document);
    }
    for_people(&circuit, &descriptor, &result, parse, args)
}

/// Reads a program from a file, or standard input for `-`, with values for its inputs.
pub(crate) fn read_circuit(path: &Path, inputs: &[(String, String)]) -> Outcome<Circuit> {
    let (bytes, name) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|cause| Error::from_io(cause, "cannot read the program from standard input"))?;
        (bytes, "standard input".to_owned())
    } else {
        let bytes = std::fs::read(path)
            .map_err(|cause| Error::from_io(cause, format!("cannot read {}", path.display())))?;
        (bytes, path.display().to_string())
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidInput, format!("{name}: not a text in UTF-8 from byte {at} on"))
    })?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let includes = qhal_compiler::Folders::new([folder]);
    let inputs = inputs.iter().cloned().collect();
    Ok(qhal_compiler::parse_with(&text, &name, &includes, Limits::default(), &inputs).map_err(Error::from)?)
}

/// A processor that was chosen and opened to run something.
pub(crate) struct Opened {
    pub(crate) processor: Box<dyn Processor>,
    pub(crate) descriptor: Descriptor,
    announcement: Option<String>,
}

impl Opened {
    /// The processor that `policy` and `spec` select.
    pub(crate) fn select(
        context: &Context,
        engine: EngineArgs,
        policy: qhal::Policy,
        spec: Option<&qhal_backends::DeviceSpec>,
    ) -> Outcome<Self> {
        let registry = catalog::registry(&context.options(Some(engine))?);
        let selected = select(&registry, Kind::Processor, policy, spec)?;
        let announcement = selected.announcement();
        let OpenDevice::Processor(processor) = selected.device else {
            return Err(Failure::usage("that device runs no circuits"));
        };
        let descriptor = processor.descriptor().clone();
        Ok(Self { processor, descriptor, announcement })
    }

    /// Runs a job of `circuit`, or of its translation, and waits for it.
    pub(crate) fn execute(
        mut self,
        job: Job,
        mut watched: Option<Watched>,
        circuit: &Circuit,
    ) -> Outcome<(Descriptor, JobResult)> {
        let id = self.processor.submit(job)?;
        // Said once it is sure that the simulation is what answers, before it does.
        if let Some(announcement) = &self.announcement {
            report::note(format!("note: {announcement}"));
        }
        if let Some(watched) = &mut watched {
            watched.submitted(self.processor.as_ref(), &id);
        }
        self.finish(&id, watched, circuit)
    }

    /// Submits a job and leaves it to the processor.
    fn detach(mut self, context: &Context, job: Job, watched: Option<Watched>) -> Outcome {
        let (true, Some(mut watched)) = (self.processor.keeps_jobs(), watched) else {
            let message = "it keeps no jobs when nobody is connected; run it without --detach";
            return Err(Error::new(ErrorKind::Unsupported, message).on(&self.descriptor.id).into());
        };
        let id = self.processor.submit(job)?;
        watched.submitted(self.processor.as_ref(), &id);
        self.processor.close()?;
        let record = watched.record();
        if context.json {
            return report::json(&json!({"id": record.id, "device": record.device, "job": record.job}));
        }
        report::line(format!(
            "job {} is on {}; qhal jobs resume {} waits for it",
            record.id, record.device, record.id
        ))
    }

    /// Waits for a job that was submitted.
    pub(crate) fn finish(
        mut self,
        id: &JobId,
        mut watched: Option<Watched>,
        circuit: &Circuit,
    ) -> Outcome<(Descriptor, JobResult)> {
        let bar = report::spinner("running");
        let begun = Instant::now();
        let (mut left, mut asked) = (false, begun);
        let keeps = self.processor.keeps_jobs() && watched.is_some();
        let result = loop {
            // A poll a job that is left to the processor ends this loop without cancelling it.
            let mut pause = |_: &qhal::JobState| {
                left = keeps && interrupt::requested();
                if interrupt::requested() {
                    return ControlFlow::Break(());
                }
                if asked.elapsed() > Duration::from_millis(100) {
                    asked = Instant::now();
                    if watched.as_ref().is_some_and(|watched| watched.record().is_to_be_cancelled()) {
                        return ControlFlow::Break(());
                    }
                }
                // Short jobs are answered at once, long ones cost nothing to wait for.
                let waited = begun.elapsed();
                std::thread::sleep((waited / 20).clamp(Duration::from_micros(50), report::TICK));
                if waited > Duration::from_secs(1) {
                    bar.tick();
                }
                ControlFlow::Continue(())
            };
            match self.processor.poll(id)? {
                JobState::Done(result) => break Ok(*result),
                JobState::Failed(error) => break Err(error),
                JobState::Cancelled => {
                    break Err(Error::new(ErrorKind::Refused, format!("job {id} was cancelled"))
                        .on(&self.descriptor.id));
                }
                state if pause(&state).is_break() && !left => {
                    self.processor.cancel(id)?;
                    break Err(Error::new(ErrorKind::TimedOut, format!("job {id} was given up"))
                        .on(&self.descriptor.id));
                }
                _ if left => {
                    let record =
                        watched.as_ref().map(|watched| watched.record().id.clone()).unwrap_or_default();
                    let message =
                        format!("job {record} goes on there; qhal jobs resume {record} waits for it");
                    bar.finish_and_clear();
                    self.processor.close()?;
                    return Err(Error::new(ErrorKind::TimedOut, message).on(&self.descriptor.id).into());
                }
                _ => {}
            }
        };
        bar.finish_and_clear();
        if let Some(watched) = &mut watched {
            let document =
                result.as_ref().map(|result| document(circuit, &self.descriptor, result, Duration::ZERO));
            watched.ended(document);
        }
        let result = result?;
        self.processor.close()?;
        Ok((self.descriptor, result))
    }
}

/// A bit string over all classical bits as Qiskit prints it: registers separated by a space, last declared first.
pub(crate) fn by_register(bits: &BitString, registers: &[Register]) -> String {
    let parts: Vec<String> = registers
        .iter()
        .rev()
        .map(|register| {
            let digit = |index| if bits.get(register.start + index) { '1' } else { '0' };
            (0..register.size).rev().map(digit).collect()
        })
        .collect();
    parts.join(" ")
}

/// Counts as one JSON object.
pub(crate) fn counts(counts: &Counts, registers: &[Register]) -> Value {
    let entries = counts.iter().map(|(bits, count)| (by_register(bits, registers), json!(count)));
    Value::Object(entries.collect::<Map<_, _>>())
}

pub(crate) fn document(
    circuit: &Circuit,
    descriptor: &Descriptor,
    result: &JobResult,
    parse: Duration,
) -> Value {
    let mut document = json!({
        "device": descriptor.id.to_string(),
        "provenance": result.provenance.as_str(),
        "method": result.method,
        "shots": result.shots,
        "counts": counts(&result.counts, circuit.bit_registers()),
        "qubits": circuit.qubits(),
        "seconds": {
            "parse": parse.as_secs_f64(),
            "compile": result.timings.compile.as_secs_f64(),
            "execute": result.timings.execute.as_secs_f64(),
            "sample": result.timings.sample.as_secs_f64(),
        },
    });
    if let Some(probabilities) = &result.probabilities {
        let entries = probabilities.iter().map(|(bits, probability)| (bits.to_string(), json!(probability)));
        document["probabilities"] = Value::Object(entries.collect());
    }
    document
}

fn for_people(
    circuit: &Circuit,
    descriptor: &Descriptor,
    result: &JobResult,
    parse: Duration,
    args: &RunArgs,
) -> Outcome {
    let from = format!("{}, {}", descriptor.id, descriptor.provenance_with_evidence());
    match (&result.probabilities, &args.out) {
        (Some(probabilities), _) => {
            report::line(format!(
                "{} basis states on {} qubits from {from}",
                probabilities.len(),
                circuit.qubits()
            ))?;
            bars(probabilities.iter().map(|(bits, p)| (bits.to_string(), *p, format!("{p:.6}"))).collect())?;
        }
        (None, Some(path)) => {
            let amplitudes = result.state.as_ref().map_or(0, Vec::len);
            report::line(format!("{amplitudes} amplitudes from {from} written to {}", path.display()))?;
        }
        (None, None) if circuit.bits() == 0 => {
            report::line(format!("{} shots on {from}", result.shots))?;
            report::note(
                "the program declares no classical bits, so there is nothing to count; --show probabilities",
            );
        }
        (None, None) => {
            report::line(format!("{} shots of {} qubits on {from}", result.shots, circuit.qubits()))?;
            outcome_bars(circuit, result)?;
        }
    }
    if let Some(method) = &result.method {
        report::note(format!("computed by {method}"));
    }
    let seconds = |time: Duration| time.as_secs_f64();
    let timings = result.timings;
    report::note(format!(
        "parse {:.4} s, compile {:.4} s, execute {:.4} s, sample {:.4} s",
        seconds(parse),
        seconds(timings.compile),
        seconds(timings.execute),
        seconds(timings.sample)
    ));
    Ok(())
}

/// Counts as a picture.
pub(crate) fn outcome_bars(circuit: &Circuit, result: &JobResult) -> Outcome {
    let share = |count: u64| count as f64 / result.shots.max(1) as f64;
    let rows = result
        .counts
        .iter()
        .map(|(bits, count)| (by_register(bits, circuit.bit_registers()), share(*count), count.to_string()));
    bars(rows.collect())
}

/// Labels with a bar each, the largest first.
fn bars(mut rows: Vec<(String, f64, String)>) -> Outcome {
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let largest = rows.first().map_or(1.0, |row| row.1).max(f64::MIN_POSITIVE);
    let figure_width = rows.iter().take(ROWS).map(|row| row.2.len()).max().unwrap_or(0);
    for (label, share, figure) in rows.iter().take(ROWS) {
        let bar = "█".repeat((share / largest * 30.0).round().max(1.0) as usize);
        report::line(format!("  {label}  {figure:>figure_width$}  {bar}"))?;
    }
    if rows.len() > ROWS {
        report::line(format!("  … and {} more (--json has all)", rows.len() - ROWS))?;
    }
    Ok(())
}

/// Raw little-endian complex128.
pub(crate) fn write_state(path: &Path, state: &[Complex64]) -> Outcome {
    write_whole(path, |file| {
        for amplitude in state {
            file.write_all(&amplitude.re.to_le_bytes())?;
            file.write_all(&amplitude.im.to_le_bytes())?;
        }
        Ok(())
    })
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Outcome {
    let name = path.display().to_string();
    let failed = |cause| writing(cause, &name);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file =
        tempfile::Builder::new().permissions(plain_permissions()).tempfile_in(folder).map_err(failed)?;
    let mut buffer = std::io::BufWriter::with_capacity(1 << 20, file);
    write(&mut buffer).map_err(failed)?;
    let file = buffer.into_inner().map_err(|error| failed(error.into_error()))?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A state is no secret: the file is readable like any other.
fn plain_permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_written_in_qiskits_order() {
        let mut circuit = Circuit::new();
        circuit.add_qubits("q", 3).unwrap();
        circuit.add_bits("first", 1).unwrap();
        circuit.add_bits("second", 2).unwrap();
        // first = 1, second = 0b10.
        let bits = BitString::from_u64(3, 0b101);
        assert_eq!(by_register(&bits, circuit.bit_registers()), "10 1");
    }
}
