//! `qhal demo`: in one go what this machine has: devices, some randomness, the counts of a real circuit.

use qhal::processor::{Job, Program, Wanted};
use qhal::{Kind, Policy};
use qhal_backends::emulate::{self, Request};
use qhal_backends::random::{Output, Random};
use qhal_backends::{DeviceSpec, choose};

use super::rng::read::{entropy_config, open_source, origin_in_words};
use super::run::{Opened, outcome_bars};
use super::show;
use crate::args::EngineArgs;
use crate::context::{Context, RUN_POLICY};
use crate::failure::{Failure, Outcome};
use crate::report;

/// Grover's search for |101⟩ among three qubits, two rounds: success probability sin²(5 asin(1/√8)) = 0.9453.
const PROGRAM: &str = include_str!("grover.qasm");

pub(crate) fn run(context: &Context) -> Outcome {
    let registry = context.registry()?;
    let listing = registry.probe();
    report::line(report::bold("1. What is attached"))?;
    report::table(&show::device_rows(&listing.devices))?;

    report::line("")?;
    report::line(report::bold("2. Randomness"))?;
    let hardware = choose(&listing.devices, Kind::Entropy, Policy::RequireHardware, None);
    if let Some(device) = &hardware.chosen {
        sample(context, Policy::RequireHardware, &DeviceSpec::Id(device.id.clone()), None)?;
    } else {
        report::line(
            "  no generator that the operating system can vouch for is attached; what there is instead:",
        )?;
    }
    for device in &listing.devices {
        let unchosen = hardware.chosen.as_ref().is_none_or(|chosen| chosen.id != device.id);
        if device.kind == Kind::Entropy && device.access == qhal::Access::Ready && unchosen {
            sample(context, Policy::PreferHardware, &DeviceSpec::Id(device.id.clone()), None)?;
        }
    }
    // The driver of a real device speaks its protocol to the device's emulator over a pseudo-terminal.
    for model in emulate::models().iter().filter(|model| model.name == "qcicada") {
        let emulator = emulate::start(model, &Request::default())?;
        let driver = Some(model.driver.to_owned());
        let spec = DeviceSpec::Address { driver, address: emulator.address().clone() };
        let what = "an emulated device that this demo started: its noise is computed";
        let read = sample(context, Policy::RequireHardware, &spec, Some(what));
        emulator.stop()?;
        read?;
    }

    report::line("")?;
    report::line(report::bold("3. A circuit: Grover's search for 101 among three qubits, 1000 shots"))?;
    let circuit = qhal_compiler::parse(PROGRAM, "grover.qasm", &qhal_compiler::NoIncludes)
        .map_err(qhal::Error::from)?;
    let job = Job {
        program: Program::Circuit(circuit.clone()),
        shots: 1000,
        seed: None,
        wanted: Wanted::default(),
    };
    let engine = EngineArgs { precision: None, threads: None };
    let (descriptor, result) =
        Opened::select(context, engine, RUN_POLICY, None)?.execute(job, None, &circuit)?;
    report::line(format!("  {}, {}", descriptor.id, descriptor.provenance_with_evidence()))?;
    outcome_bars(&circuit, &result)
}

/// Shows 16 bytes of one source; a source that fails is shown failing.
/// `known` is said instead of what the device claims of its physics, where we know better.
fn sample(context: &Context, policy: Policy, spec: &DeviceSpec, known: Option<&str>) -> Outcome {
    let registry = context.registry()?;
    let (source, descriptor) = match open_source(&registry, policy, Some(spec)) {
        Ok(open) => open,
        Err(Failure::Failed(error)) => return report::line(format!("  {spec}: {}", error.chain())),
        Err(other) => return Err(other),
    };
    let mut random = Random::new(source, Output::Drbg, &entropy_config(context)?)?;
    let mut bytes = [0; 16];
    let line = match random.fill(&mut bytes) {
        Ok(()) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let samples = random.statistics().samples;
            let origin = known.unwrap_or_else(|| origin_in_words(&descriptor));
            format!("{hex}  ({origin}; {samples} samples passed the health tests)")
        }
        Err(error) => format!("no bytes: {}", error.chain()),
    };
    report::line(format!("  {}, {}", descriptor.id, descriptor.provenance_with_evidence()))?;
    report::line(format!("    {line}"))?;
    random.close()?;
    Ok(())
}
