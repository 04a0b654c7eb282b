//! `qhal rng feed`: gives the kernel's generator entropy of a device, with credit for what is assessed and no more.

use std::time::{Duration, Instant};

use qhal::{Descriptor, Error, ErrorKind, Provenance};
use qhal_backends::catalog;
use qhal_backends::kernel_pool::KernelPool;
use qhal_backends::random::{Output, Random};
use qhal_entropy::Conditioning;
use serde_json::json;
use zeroize::Zeroizing;

use super::conditioning;
use super::read::{entropy_config, open_source, origin_in_words};
use crate::args::FeedArgs;
use crate::context::{Context, RNG_POLICY};
use crate::failure::{Failure, Outcome};
use crate::{interrupt, report};

/// Bytes of one feeding: conditioned, so each holds eight bits of the min-entropy that the device's assessment backs, or a
/// little less where the component is not vetted. The kernel keeps no more than 256 bits.
const BYTES: usize = 32;

/// How often Ctrl-C is looked at between two feedings.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn run(context: &Context, args: &FeedArgs) -> Outcome {
    let config = entropy_config(context)?;
    let most = most(&config.conditioning);
    if args.credit.is_some_and(|bits| bits > most) {
        return Err(Failure::usage(format!(
            "at most {most} bits can be credited: {BYTES} bytes are given at a time, conditioned by {}",
            config.conditioning.as_str()
        )));
    }
    let policy = args.policy.policy.or(context.config.rng.policy).unwrap_or(RNG_POLICY);
    let spec = args.device.as_ref().or(context.config.rng.device.as_ref());
    let (source, descriptor) = open_source(&catalog::registry(&context.options(None)?), policy, spec)?;
    let credit = credit(&descriptor, args.credit, most)?;
    let pool = if args.dry_run { None } else { Some(KernelPool::open()?) };
    let mut random = Random::new(source, Output::Conditioned, &config)?;
    let mut fed = 0u64;
    loop {
        let begun = Instant::now();
        let mut bytes = Zeroizing::new([0; BYTES]);
        random.fill(&mut *bytes)?;
        if let Some(pool) = &pool {
            pool.add(&*bytes, credit)?;
            if credit > 0 {
                // Otherwise it would take up to a minute until anybody gets anything of it.
                pool.reseed()?;
            }
        }
        fed += 1;
        tell(context, &descriptor, &random, credit, args, &config.conditioning)?;
        if args.once || !wait(begun, args.interval) {
            break;
        }
    }
    random.close()?;
    if !context.json {
        let feedings = if fed == 1 { "once".to_owned() } else { format!("{fed} times") };
        report::note(format!("fed {feedings}"));
    }
    Ok(())
}

/// The most whole bits that one feeding is credited with by SP 800-90B: 256, or 255 where the component is not vetted.
fn most(conditioning: &Conditioning) -> u32 {
    (conditioning.credit_per_byte() * BYTES as f64) as u32
}

/// The bits to credit for each feeding.
///
/// Credit lets programs go on that wait for a seed, so it is given only for what the operating system vouches for. What is
/// `Unverified` may be credited by whoever knows what it is and says so; a simulation never.
fn credit(descriptor: &Descriptor, asked: Option<u32>, most: u32) -> Outcome<u32> {
    match (descriptor.provenance, asked) {
        (Provenance::Simulated, Some(1..)) => {
            let message = "its bytes are computed, and are never credited as entropy; --credit 0 mixes them in all the same";
            Err(Error::new(ErrorKind::Refused, message).on(&descriptor.id).into())
        }
        (_, Some(bits)) => Ok(bits),
        (Provenance::Hardware, None) => Ok(most),
        (_, None) => Ok(0),
    }
}

fn tell(
    context: &Context,
    descriptor: &Descriptor,
    random: &Random,
    credit: u32,
    args: &FeedArgs,
    conditioning: &Conditioning,
) -> Outcome {
    let available = KernelPool::available();
    let statistics = random.statistics();
    if context.json {
        return report::json_line(&json!({
            "device": descriptor.id.to_string(),
            "provenance": descriptor.provenance.as_str(),
            "evidence": descriptor.evidence,
            "origin": descriptor.origin.as_str(),
            "bytes": BYTES,
            "credited_bits": credit,
            "conditioner": conditioning::summary(conditioning, random.conditioner()),
            "dry_run": args.dry_run,
            "kernel_entropy_bits": available,
            "health": {"state": "good", "samples": statistics.samples, "failures": statistics.failures()},
        }));
    }
    let what = if args.dry_run { "would feed" } else { "fed" };
    let now = available.map_or_else(String::new, |bits| format!("; the kernel counts {bits} bits"));
    let how = conditioning::in_words(conditioning).map_or_else(String::new, |words| format!("; {words}"));
    let why = match (credit, descriptor.provenance) {
        (0, Provenance::Unverified | Provenance::Remote) if args.credit.is_none() => {
            " (nothing proves that it is hardware here; --credit BITS if you know better)"
        }
        _ => "",
    };
    report::line(format!(
        "{what} {BYTES} bytes of {}, {}, {}, for a credit of {credit} bits{why}{now}{how}",
        descriptor.id,
        descriptor.provenance_with_evidence(),
        origin_in_words(descriptor),
    ))
}

/// Waits until it is time again; whether to go on.
fn wait(begun: Instant, interval: Duration) -> bool {
    while !interrupt::requested() {
        let left = interval.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(LOOK));
    }
    false
}

#[cfg(test)]
mod tests {
    use qhal::{Access, Address, DeviceId, Kind, QuantumOrigin};

    use super::*;

    fn device(provenance: Provenance) -> Descriptor {
        Descriptor {
            id: DeviceId::new("d", "1"),
            kind: Kind::Entropy,
            provenance,
            evidence: "test".to_owned(),
            origin: QuantumOrigin::NotQuantum,
            address: Address::Simulated { model: "x".to_owned() },
            model: String::new(),
            serial: None,
            access: Access::Ready,
        }
    }

    #[test]
    fn only_hardware_is_credited_unasked_and_a_simulation_never() {
        let credit = |provenance, asked| credit(&device(provenance), asked, 256).ok();
        assert_eq!(credit(Provenance::Hardware, None), Some(256));
        assert_eq!(credit(Provenance::Hardware, Some(100)), Some(100));
        for provenance in [Provenance::Remote, Provenance::Unverified] {
            assert_eq!(credit(provenance, None), Some(0));
            assert_eq!(credit(provenance, Some(64)), Some(64));
        }
        assert_eq!(credit(Provenance::Simulated, None), Some(0));
        assert_eq!(credit(Provenance::Simulated, Some(0)), Some(0));
        assert_eq!(credit(Provenance::Simulated, Some(1)), None);
    }
}
