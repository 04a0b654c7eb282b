//! Reads the sources and documents of the workspace and fails where the house is untidy: files without a first sentence,
//! too long or with words that we do not use, versions nobody needs, folders nobody lists, `unsafe` out of its places.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Lines after which a file is to be split by topic (CONTRIBUTING.md asks for 400).
const MOST_LINES: usize = 600;

/// Files that may be longer, and why.
const LONG_FILES: &[(&str, &str)] = &[];

/// Words that stand for work left undone or for things that are not there, in pieces, so that this file has none.
const WORDS: [&str; 7] = [
    concat!("to", "do!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("unimpl", "emented!"),
    concat!("mo", "ck"),
    concat!("dum", "my"),
    concat!("in a real ", "implementation"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// The paths of all files with one of these endings, from the root, without what is built, fetched or compared with.
fn files(endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace can be listed") {
            let path = entry.expect("a folder of the workspace can be listed").path();
            let name = path.strip_prefix(root()).expect("it lies in the workspace").display().to_string();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | "tests/data") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(name);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "there is no file ending in {endings:?}");
    found
}

fn members() -> Vec<String> {
    let manifest: Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let members = manifest["workspace"]["members"].as_array().expect("members is a list");
    members.iter().map(|member| member.as_str().expect("a member is a folder").to_owned()).collect()
}

fn nothing_wrong(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Whether a file opens with a sentence of documentation.
fn opens_with_a_sentence(text: &str) -> bool {
    let paragraph: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    paragraph.concat().trim_end().ends_with('.')
}

#[test]
fn every_file_opens_with_one_sentence_on_what_it_is_for() {
    assert!(opens_with_a_sentence("//! What is\n//! so.\n//!\n//! More.\n"));
    for bad in ["", "// So.\n", "//!\n//! So.\n", "//! so\n\nuse x;\n", "use x;\n//! So.\n"] {
        assert!(!opens_with_a_sentence(bad), "{bad:?}");
    }
    let without = files(&[".rs"]).into_iter().filter(|path| !opens_with_a_sentence(&read(path)));
    nothing_wrong(
        without
            .map(|path| format!("{path}:1: open the file with `//! ` and a sentence with its full stop"))
            .collect(),
    );
}

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for path in files(&[".rs"]) {
        let lines = read(&path).lines().count();
        let listed = LONG_FILES.iter().any(|(long, _)| *long == path);
        if lines > MOST_LINES && !listed {
            wrong.push(format!(
                "{path}: {lines} lines, and {MOST_LINES} are the most; split it by topic, or list it in LONG_FILES of \
                 tests/tests/tidy.rs with the reason"
            ));
        } else if lines <= MOST_LINES && listed {
            wrong.push(format!("tests/tests/tidy.rs: {path} has only {lines} lines; take it off LONG_FILES"));
        }
    }
    for (path, reason) in LONG_FILES {
        if !root().join(path).is_file() || reason.is_empty() {
            wrong.push(format!(
                "tests/tests/tidy.rs: LONG_FILES names {path}, which is not there or has no reason"
            ));
        }
    }
    nothing_wrong(wrong);
}

/// The word of [`WORDS`] that begins somewhere in `line`, in either case where it is written in small letters.
fn forbidden(line: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|word| {
        let small = word.bytes().any(|byte| byte.is_ascii_lowercase());
        let line = if small { line.to_lowercase() } else { line.to_owned() };
        line.match_indices(word).any(|(at, _)| !line[..at].ends_with(char::is_alphanumeric))
    })
}

#[test]
fn nothing_is_left_undone_or_stood_in_for() {
    assert!(WORDS.iter().all(|word| forbidden(&format!("  // {word} x")) == Some(word)));
    assert_eq!(forbidden(&format!("struct {}Port;", concat!("Mo", "ck"))), Some(concat!("mo", "ck")));
    assert_eq!(forbidden("a hammock, and what is to do"), None);
    let mut wrong = Vec::new();
    for path in files(&[".rs", ".toml", ".py", ".sh", ".c", ".h", ".md", ".ci/run"]) {
        for (number, line) in read(&path).lines().enumerate() {
            if let Some(word) = forbidden(line) {
                let number = number + 1;
                wrong.push(format!(
                    "{path}:{number}: '{word}' says that something is not there; make it, or leave it out"
                ));
            }
        }
    }
    nothing_wrong(wrong);
}

#[test]
fn every_entry_of_the_table_of_versions_is_used() {
    let manifest: Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let table = manifest["workspace"]["dependencies"].as_table().expect("a table of dependencies").clone();
    let mut used = BTreeSet::new();
    for member in members() {
        let manifest: Table = read(&format!("{member}/Cargo.toml")).parse().expect("a manifest is TOML");
        let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
        let tables = targets.filter_map(|(_, target)| target.as_table()).chain([&manifest]);
        for table in tables {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                used.extend(
                    table
                        .get(section)
                        .and_then(Value::as_table)
                        .into_iter()
                        .flatten()
                        .map(|(key, _)| key.clone()),
                );
            }
        }
    }
    let idle = table.keys().filter(|key| !used.contains(*key));
    nothing_wrong(
        idle.map(|key| format!("Cargo.toml [workspace.dependencies]: no member uses {key}; take it out"))
            .collect(),
    );
}

#[test]
fn readme_and_map_list_every_folder() {
    let mut wrong = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(document);
        for member in members() {
            let folder = format!("{member}/");
            let mut listed = text.match_indices(&folder);
            if !listed.any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '/')) {
                wrong.push(format!("{document}: list the folder `{member}/` with one sentence"));
            }
        }
    }
    nothing_wrong(wrong);
}

/// The folders named under "Unsafe" in ARCHITECTURE.md: the code at the head of each item of the list.
fn unsafe_places() -> Vec<String> {
    let text = read("ARCHITECTURE.md");
    let (_, section) = text.split_once("\n## Unsafe\n").expect("ARCHITECTURE.md has a section '## Unsafe'");
    let section = section.split("\n## ").next().unwrap_or(section);
    let items = section.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`'));
    items.map(|(place, _)| place.to_owned()).collect()
}

/// The lines of a source in which `unsafe` stands as code.
fn unsafe_lines(text: &str) -> Vec<usize> {
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or("");
        let follows = ["{", "fn", "impl", "trait", "extern", "(", ""];
        code.match_indices("unsafe").any(|(at, word)| {
            let after = code[at + word.len()..].trim_start();
            let whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && !code[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            whole
                && follows
                    .iter()
                    .any(|next| if next.is_empty() { after.is_empty() } else { after.starts_with(next) })
        }) || code.contains("allow(unsafe_code")
            || code.contains("expect(unsafe_code")
    };
    (1..).zip(text.lines()).filter(|(_, line)| is_unsafe(line)).map(|(number, _)| number).collect()
}

#[test]
fn unsafe_code_stands_where_the_map_says() {
    let sample = "unsafe { x }\nlet y = 1; // unsafe { z }\n    unsafe fn f() {}\n#[allow(unsafe_code)]\nunsafe_code\n";
    assert_eq!(unsafe_lines(sample), [1, 3, 4]);
    let places = unsafe_places();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for path in files(&[".rs"]).into_iter().filter(|path| path != "tests/tests/tidy.rs") {
        let place = places.iter().find(|place| path.starts_with(place.as_str()));
        for line in unsafe_lines(&read(&path)) {
            match place {
                Some(place) => {
                    used.insert(place);
                }
                None => wrong.push(format!(
                    "{path}:{line}: unsafe code is allowed in {places:?} alone; do without it, or give its address and \
                     reason in ARCHITECTURE.md, section Unsafe"
                )),
            }
        }
    }
    for place in places.iter().filter(|place| !used.contains(place)) {
        wrong.push(format!(
            "ARCHITECTURE.md, section Unsafe: there is no unsafe code in {place}; take it off the list"
        ));
    }
    nothing_wrong(wrong);
}
