//! What a link came to, for people and for scripts: the same whether it was simulated or recorded.

use qhal_backends::link::LinkReport;
use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::{report, units};

/// The figures that every link has.
pub(crate) fn document(link: &LinkReport) -> Value {
    json!({
        "seconds": link.seconds,
        "detections": link.detections,
        "qber": link.qber,
        // Of e91 alone: others have the keys, and nothing in them.
        "chsh": link.chsh().map(|(value, _)| value),
        "chsh_deviation": link.chsh().map(|(_, deviation)| deviation),
        "sifted_bits": link.sifted_bits,
        "leak_bits": link.leak_bits,
        "secret_bits": link.secret_bits,
        "skr_bps": link.skr(),
        "blocks": link.blocks,
        "blocks_with_key": link.blocks_with_key,
        "bound": link.bound.map(|bound| bound.as_str()),
        "epsilon_secrecy": link.epsilons.map(|epsilons| epsilons.secrecy),
        "epsilon_correctness": link.epsilons.map(|epsilons| epsilons.correctness),
        "alarms": link.alarms.iter().map(|alarm| alarm.name).collect::<Vec<_>>(),
        "alarm_details": link.alarms.iter().map(|alarm| json!({ "name": alarm.name, "what": alarm.what })).collect::<Vec<_>>(),
    })
}

/// The same as rows; alarms on standard error.
pub(crate) fn show(link: &LinkReport) -> Outcome {
    let chsh = link.chsh().map(|(value, deviation)| ("CHSH value S", format!("{value:.4} ± {deviation:.4}")));
    let rows = [
        ("detections", link.detections.to_string()),
        ("sifted bits", link.sifted_bits.to_string()),
        ("QBER", format!("{:.3} %", 100.0 * link.qber)),
        ("disclosed bits", link.leak_bits.to_string()),
        ("blocks with a key", format!("{} of {}", link.blocks_with_key, link.blocks)),
        ("secret bits", format!("{} ({})", link.secret_bits, units::bytes_for_people(link.secret_bits / 8))),
        ("secret key rate", format!("{:.0} bit/s", link.skr())),
    ];
    for (name, value) in rows.into_iter().chain(chsh) {
        report::line(format!("  {name:<18} {value}"))?;
    }
    if let (Some(bound), Some(epsilons)) = (link.bound, link.epsilons) {
        report::line(format!(
            "  {:<18} {bound}, secrecy {:e} and correctness {:e} a block",
            "length after", epsilons.secrecy, epsilons.correctness
        ))?;
    }
    for alarm in &link.alarms {
        report::warning(format!("{}: {}", alarm.name, alarm.what));
    }
    Ok(())
}
