//! Which chips are known by name, and descriptions in files; the descriptions are those that programs are translated for.

use std::path::Path;

use qhal::processor::Capabilities;
use qhal::{Error, ErrorKind, Property, Result};
use qhal_compiler::translate::Target;

/// The short name of a target: without its vendor (`iqm-garnet` is `garnet`).
fn short(target: &str) -> &str {
    target.split_once('-').map_or(target, |(_, name)| name)
}

/// The names of all chips that are built in.
pub(in crate::simulated) fn known() -> impl Iterator<Item = &'static str> {
    Target::names().map(short)
}

/// The name and the description of a chip: by its short name, by the name of the target, or from a JSON file.
///
/// # Errors
/// `NotFound` with the names there are; for a file those of reading it, and `InvalidInput` when it is no description.
pub(in crate::simulated) fn load(name: &str) -> Result<(String, Target)> {
    if let Some(target) = Target::names().find(|target| short(target) == name || *target == name) {
        return Ok((short(target).to_owned(), Target::named(target)?));
    }
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::from_io(cause, format!("cannot read {}", path.display())))?;
        let target = Target::from_json(&text).map_err(|error| error.context(path.display()))?;
        return Ok((name.to_owned(), target));
    }
    let names: Vec<&str> = known().collect();
    let message = format!(
        "there is no simulated device '{name}': there are qrng, statevector and the chips {}, or a description in a .json file",
        names.join(", ")
    );
    Err(Error::new(ErrorKind::NotFound, message))
}

/// On how many qubits coherence is said to outlive relaxation by more than is possible.
pub(super) fn beyond_twice_t1(capabilities: &Capabilities) -> usize {
    let beyond = |t1: std::time::Duration, t2: std::time::Duration| t2 > t1 * 2;
    capabilities
        .qubits
        .iter()
        .filter(|qubit| qubit.t1.zip(qubit.t2).is_some_and(|(t1, t2)| beyond(t1, t2)))
        .count()
}

/// Means of the figures, for people.
pub(super) fn summary(target: &Target) -> Vec<Property> {
    let capabilities = &target.capabilities;
    let qubits = &capabilities.qubits;
    let mut all = Vec::new();
    let mut mean = |name: String, figures: Vec<f64>, unit: &'static str| {
        if !figures.is_empty() {
            let mean = figures.iter().sum::<f64>() / figures.len() as f64;
            all.push(Property::number(name, mean, unit));
        }
    };
    let microseconds = |time: std::time::Duration| time.as_secs_f64() * 1e6;
    mean("mean t1".to_owned(), qubits.iter().filter_map(|qubit| qubit.t1.map(microseconds)).collect(), "µs");
    mean("mean t2".to_owned(), qubits.iter().filter_map(|qubit| qubit.t2.map(microseconds)).collect(), "µs");
    for native in &capabilities.native_gates {
        let fidelities = native.sites.iter().filter_map(|site| site.fidelity).collect();
        mean(format!("mean fidelity of {}", native.gate), fidelities, "");
    }
    mean(
        "mean readout error".to_owned(),
        qubits.iter().filter_map(|qubit| qubit.readout_error).collect(),
        "",
    );
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_have_short_names_that_differ() {
        let mut names: Vec<&str> = known().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
        assert!(!names.contains(&"qrng") && !names.contains(&"statevector"));
        assert_eq!(load("garnet").unwrap(), load("iqm-garnet").unwrap());
    }

    #[test]
    fn descriptions_in_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.json");
        let text = r#"{"schema-version": 1, "name": "mine", "numQubits": 2, "durationUnit": {"unit": "us", "scaleFactor": 1},
            "qubitProperties": {"defaults": {"t1": 10, "t2": 30}}, "operations": [{"name": "u3", "numQubits": 1}]}"#;
        std::fs::write(&path, text).unwrap();
        let (name, target) = load(path.to_str().unwrap()).unwrap();
        assert_eq!((name.as_str(), target.name.as_str()), (path.to_str().unwrap(), "mine"));
        assert_eq!(beyond_twice_t1(&target.capabilities), 2);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(load(path.to_str().unwrap()).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(load("missing.json").unwrap_err().kind(), ErrorKind::NotFound);
        assert!(load("nowhere").unwrap_err().message().contains("garnet"));
    }
}
