//! Reads every manifest of the workspace and fails when an arrow between our crates points up or sideways, or when a crate
//! keeps a version of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The floors of ARCHITECTURE.md: each crate, and which of ours it may use, in tests and build scripts too. Crates that
/// are planned are listed, so that they are held from their first commit on.
const FLOORS: &[(&str, &[&str])] = &[
    ("qhal", &[]),
    ("qhal-drivers", &["qhal"]),
    ("qhal-simulator", &["qhal"]),
    ("qhal-entropy", &["qhal"]),
    ("qhal-distillation", &["qhal"]),
    ("qhal-compiler", &["qhal"]),
    ("qhal-calibration", &["qhal"]),
    ("qhal-crypto", &["qhal"]),
    ("qhal-consensus", &["qhal"]),
    ("qhal-network", &["qhal", "qhal-crypto"]),
    ("qhal-telemetry", &["qhal"]),
    ("qhal-kme", &["qhal"]),
    (
        "qhal-backends",
        &["qhal", "qhal-drivers", "qhal-simulator", "qhal-entropy", "qhal-distillation", "qhal-compiler"],
    ),
    (
        "qhal-cli",
        &[
            "qhal",
            "qhal-entropy",
            "qhal-distillation",
            "qhal-compiler",
            "qhal-calibration",
            "qhal-crypto",
            "qhal-consensus",
            "qhal-network",
            "qhal-telemetry",
            "qhal-kme",
            "qhal-backends",
        ],
    ),
    ("qhal-qdmi", &["qhal", "qhal-compiler", "qhal-backends"]),
    ("qhal-python", &["qhal", "qhal-backends"]),
];

/// The crate that stands outside and may look at every floor.
const OUTSIDE: &str = "qhal-tests";

/// What every crate takes from the workspace.
const SHARED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn parse(path: &Path) -> Table {
    read(path).parse().unwrap_or_else(|error| panic!("{} is not TOML: {error}", path.display()))
}

fn workspace() -> Table {
    parse(&root().join("Cargo.toml"))["workspace"].as_table().expect("[workspace] is a table").clone()
}

/// The manifest of every member, by folder.
fn members() -> BTreeMap<String, Table> {
    let list = workspace()["members"].as_array().expect("members is a list").clone();
    let folders = list.iter().map(|member| member.as_str().expect("a member is a folder").to_owned());
    folders.map(|folder| (folder.clone(), parse(&root().join(folder).join("Cargo.toml")))).collect()
}

fn name(manifest: &Table) -> &str {
    manifest["package"]["name"].as_str().expect("a package has a name")
}

/// Every dependency of a manifest with the section it stands in, those of single targets included.
fn dependencies(manifest: &Table) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    let mut take = |table: &Table, prefix: &str| {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(section).and_then(Value::as_table).into_iter().flatten();
            all.extend(
                entries.map(|(key, value)| (format!("{prefix}{section}"), key.clone(), value.clone())),
            );
        }
    };
    take(manifest, "");
    for (target, table) in manifest.get("target").and_then(Value::as_table).into_iter().flatten() {
        take(table.as_table().expect("a target is a table"), &format!("target.{target}."));
    }
    all
}

/// What is wrong with the arrows of one crate.
fn wrong_arrows(folder: &str, manifest: &Table) -> Vec<String> {
    let crate_name = name(manifest);
    if crate_name == OUTSIDE {
        return Vec::new();
    }
    let Some((_, allowed)) = FLOORS.iter().find(|(listed, _)| *listed == crate_name) else {
        return vec![format!(
            "{folder}/Cargo.toml: {crate_name} stands on no floor; add it to ARCHITECTURE.md and to FLOORS in \
             tests/tests/layers.rs"
        )];
    };
    let mut wrong = Vec::new();
    for (section, key, value) in dependencies(manifest) {
        // A dependency may be renamed; what counts is the package.
        let package = value.get("package").and_then(Value::as_str).unwrap_or(&key);
        let ours = package == OUTSIDE || FLOORS.iter().any(|(listed, _)| *listed == package);
        let unknown = !ours && package.starts_with("qhal");
        if unknown || ours && !allowed.contains(&package) {
            let may = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
            wrong.push(format!(
                "{folder}/Cargo.toml [{section}]: {crate_name} uses {package}, and may use {may}; pass what is needed \
                 through the hal's traits, or move the code to a higher floor"
            ));
        }
    }
    wrong
}

/// Where one crate keeps for itself what the workspace has one table for.
fn own_versions(folder: &str, manifest: &Table) -> Vec<String> {
    let from_workspace = |value: Option<&Value>| {
        value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
    };
    let mut wrong = Vec::new();
    for key in SHARED {
        if !from_workspace(manifest["package"].get(key)) {
            wrong.push(format!("{folder}/Cargo.toml [package]: write `{key}.workspace = true`"));
        }
    }
    if !from_workspace(manifest.get("lints")) {
        wrong.push(format!("{folder}/Cargo.toml: write `[lints]` with `workspace = true`"));
    }
    for (section, key, value) in dependencies(manifest) {
        let own = ["version", "path", "git", "registry"].into_iter().find(|own| value.get(own).is_some());
        if !from_workspace(Some(&value)) || own.is_some() {
            wrong.push(format!(
                "{folder}/Cargo.toml [{section}]: {key} has a version or place of its own; put it into \
                 [workspace.dependencies] of the root and write `{key} = {{ workspace = true }}`"
            ));
        }
    }
    wrong
}

fn nothing_wrong(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_arrow_points_up_or_sideways() {
    nothing_wrong(members().iter().flat_map(|(folder, manifest)| wrong_arrows(folder, manifest)).collect());
}

#[test]
fn every_version_comes_from_the_one_table() {
    nothing_wrong(members().iter().flat_map(|(folder, manifest)| own_versions(folder, manifest)).collect());
}

#[test]
fn the_hal_stands_on_the_ground() {
    assert_eq!(FLOORS[0], ("qhal", &[] as &[&str]));
    let ours = dependencies(&members()["hal"]).into_iter().filter(|(_, key, _)| key.starts_with("qhal"));
    assert_eq!(ours.count(), 0, "hal uses something of ours; nothing stands below it");
}

/// No floor uses a higher one: there is an order in which the crates can be built.
#[test]
fn the_floors_themselves_have_no_circle() {
    let mut built: Vec<&str> = Vec::new();
    while built.len() < FLOORS.len() {
        let before = built.len();
        for (name, uses) in FLOORS {
            if !built.contains(name) && uses.iter().all(|used| built.contains(used)) {
                built.push(name);
            }
        }
        assert!(built.len() > before, "only {built:?} can be built; the rest of FLOORS uses each other");
    }
}

#[test]
fn every_crate_is_a_member_and_our_own_table_points_at_it() {
    let (workspace, members) = (workspace(), members());
    let mut wrong = Vec::new();
    for parent in [root(), root().join("bindings")] {
        for entry in fs::read_dir(&parent).into_iter().flatten() {
            let path = entry.expect("a folder can be listed").path();
            let folder = path.strip_prefix(root()).expect("it lies in the workspace").display().to_string();
            if path.join("Cargo.toml").is_file() && !members.contains_key(&folder) {
                wrong.push(format!("{folder}/ is a crate; add it to `members` in Cargo.toml"));
            }
        }
    }
    for (key, value) in workspace["dependencies"].as_table().expect("a table of dependencies") {
        let Some(path) = value.get("path").and_then(Value::as_str) else { continue };
        if members.get(path).map(name) != Some(key) {
            wrong.push(format!(
                "Cargo.toml [workspace.dependencies]: {key} points at '{path}', which is no such member"
            ));
        }
    }
    nothing_wrong(wrong);
}

#[test]
fn every_readme_begins_with_the_sentence_of_the_map() {
    let map = read(&root().join("ARCHITECTURE.md"));
    let mut wrong = Vec::new();
    for folder in members().keys() {
        let path = root().join(folder).join("README.md");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let first = text.lines().next().unwrap_or("").trim();
        if first.is_empty() {
            wrong.push(format!(
                "{folder}/README.md: write one sentence on the first line, what the folder is for"
            ));
        } else if !map.lines().any(|line| line.starts_with(&format!("| `{folder}/`")) && line.contains(first))
        {
            wrong.push(format!(
                "ARCHITECTURE.md: the row of `{folder}/` does not have the first line of {folder}/README.md, which is \
                 '{first}'"
            ));
        }
    }
    nothing_wrong(wrong);
}

/// The checks, tried on manifests that are wrong.
#[test]
fn wrong_manifests_are_found() {
    let shared = SHARED.map(|key| format!("{key}.workspace = true\n")).concat();
    let manifest = |name: &str, rest: &str| -> Table {
        format!("[package]\nname = \"{name}\"\n{shared}[lints]\nworkspace = true\n{rest}").parse().unwrap()
    };
    let right =
        manifest("qhal-drivers", "[dependencies]\nqhal = { workspace = true }\nlibc.workspace = true");
    assert_eq!((wrong_arrows("x", &right), own_versions("x", &right)), (vec![], vec![]));
    for (name, arrow) in [
        ("qhal", "[dev-dependencies]\nqhal-simulator = { workspace = true }"),
        ("qhal-drivers", "[dependencies]\nqhal-entropy = { workspace = true }"),
        ("qhal-drivers", "[build-dependencies]\nqhal-tests = { workspace = true }"),
        ("qhal-entropy", "[target.'cfg(unix)'.dependencies]\nqhal-backends = { workspace = true }"),
        ("qhal-cli", "[dependencies]\nsim = { workspace = true, package = \"qhal-simulator\" }"),
        ("qhal-cli", "[dependencies]\nqhal-new = { workspace = true }"),
        ("qhal-new", ""),
    ] {
        assert_eq!(wrong_arrows("x", &manifest(name, arrow)).len(), 1, "{name}: {arrow}");
    }
    for version in
        ["\"1\"", "{ version = \"1\" }", "{ path = \"../x\" }", "{ workspace = true, version = \"1\" }"]
    {
        let own = manifest("qhal-cli", &format!("[dependencies]\nserde = {version}"));
        assert_eq!(own_versions("x", &own).len(), 1, "{version}");
    }
    let own: Table = "[package]\nname = \"qhal\"\nversion = \"1\"".parse().unwrap();
    assert_eq!(own_versions("x", &own).len(), SHARED.len() + 1);
}
