//! The only place that writes to standard output: lines, tables, JSON documents and bytes.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::{Outcome, writing};

const STDOUT: &str = "standard output";

/// Writes one line.
pub(crate) fn line(text: impl AsRef<str>) -> Outcome {
    writeln!(anstream::stdout(), "{}", text.as_ref()).map_err(|cause| writing(cause, STDOUT))
}

/// Writes one JSON document, indented, and nothing else.
pub(crate) fn json(document: &serde_json::Value) -> Outcome {
    line(format!("{document:#}"))
}

/// Writes one JSON document on one line.
pub(crate) fn json_line(document: &serde_json::Value) -> Outcome {
    line(document.to_string())?;
    anstream::stdout().flush().map_err(|cause| writing(cause, STDOUT))
}

/// Writes bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|cause| writing(cause, STDOUT))
}

/// Says something beside the result: on standard error, so that scripts never mistake it for output.
pub(crate) fn note(text: impl AsRef<str>) {
    let dim = anstyle::Style::new().dimmed();
    // A closed standard error must not stop the command.
    let _ = writeln!(anstream::stderr(), "{dim}{}{dim:#}", text.as_ref());
}

/// A warning that is said once, however often a program has reason to: that a simulation stands in does not become truer.
pub(crate) fn warning_once(text: String) {
    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if !said.contains(&text) {
        warning(&text);
        said.push(text);
    }
}

/// Says something that must not be overlooked, on standard error.
pub(crate) fn warning(text: impl AsRef<str>) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{yellow}warning{yellow:#}: {}", text.as_ref());
}

/// `text` in bold where the terminal shows it.
pub(crate) fn bold(text: &str) -> String {
    let bold = anstyle::Style::new().bold();
    format!("{bold}{text}{bold:#}")
}

/// Whether a person reads standard output.
pub(crate) fn to_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Columns of equal width, two spaces apart; the first row is the heading. The last column is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> Outcome {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        let text = cells.join("  ");
        line(if index == 0 { bold(text.trim_end()) } else { text.trim_end().to_owned() })?;
    }
    Ok(())
}

/// A progress bar over `total` bytes, shown on a terminal only and only once it has lasted a second.
pub(crate) fn progress(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), late_target());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// A sign of life for work of unknown length.
pub(crate) fn spinner(text: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, late_target());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(text.to_owned());
    bar
}

fn late_target() -> ProgressDrawTarget {
    // indicatif hides itself where standard error is no terminal.
    ProgressDrawTarget::stderr_with_hz(4)
}

/// How often a spinner turns.
pub(crate) const TICK: Duration = Duration::from_millis(20);
