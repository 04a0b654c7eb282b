//! From QIR of the base profile to a circuit, line by line.

use qhal::circuit::Operation;
use qhal::{Circuit, ErrorKind, Gate};

use crate::Limits;
use crate::diagnostic::{Diagnostic, Fault, Read};
use crate::lexer::quoted;

/// Reads a module: the function with the attribute `entry_point`.
pub(crate) fn read(text: &str, name: &str, limits: Limits) -> Result<Circuit, Diagnostic> {
    module(text, limits).map_err(|fault| fault.show(text, name))
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
enum Argument {
    /// A qubit or a result by its number.
    Number(u64),
    Angle(f64),
    /// A label, or a size: nothing that matters here.
    Other,
}

/// A call in the function, and where it stands.
struct Call<'s> {
    at: usize,
    name: &'s str,
    arguments: Vec<Argument>,
}

fn module(text: &str, limits: Limits) -> Read<Circuit> {
    let entry = Entry::find(text)?;
    let mut calls = Vec::new();
    for (at, line) in lines(text, entry.body) {
        if let Some(call) = statement(at, line)? {
            if calls.len() as u64 >= limits.instructions {
                let most = limits.instructions;
                return Err(Fault::new(at, format!("the program has more than {most} instructions")));
            }
            calls.push(call);
        }
    }
    let mut highest = [entry.qubits, entry.results];
    for call in &calls {
        for (place, argument) in call.arguments.iter().enumerate() {
            if let &Argument::Number(number) = argument {
                let is_result = match call.name {
                    "__quantum__qis__mz__body" | "__quantum__qis__m__body" => place == 1,
                    name => name.starts_with("__quantum__rt__"),
                };
                let most = if is_result { limits.bits } else { limits.qubits };
                if number >= u64::from(most) {
                    return Err(Fault::new(call.at, format!("number {number} is not below {most}")));
                }
                let highest = &mut highest[usize::from(is_result)];
                *highest = (*highest).max(number + 1);
            }
        }
    }
    let [qubits, results] = highest;
    let size = |number: u64, most: u32, what: &str| {
        u32::try_from(number)
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(|| Fault::new(0, format!("the program has {number} {what}, and {most} are the most")))
    };
    let (qubits, results) = (size(qubits, limits.qubits, "qubits")?, size(results, limits.bits, "results")?);
    let mut circuit = Circuit::with_size(qubits, results);
    for call in &calls {
        carry_out(&mut circuit, call)?;
    }
    Ok(circuit)
}

/// The function that is run.
struct Entry {
    /// Where its body is, by bytes.
    body: std::ops::Range<usize>,
    qubits: u64,
    results: u64,
}

impl Entry {
    fn find(text: &str) -> Read<Self> {
        let mut last = None;
        for (at, line) in lines(text, 0..text.len()) {
            let line = line.trim();
            if !line.starts_with("define ") {
                continue;
            }
            let open = text.get(at..).and_then(|rest| rest.find('{')).map(|open| at + open + 1);
            let body = open.and_then(|open| Some(open..open + text.get(open..)?.find("\n}")?));
            let Some(body) = body else {
                return Err(Fault::new(at, "this function is never closed"));
            };
            let group = line.rsplit_once(") ").map_or("", |(_, after)| after.trim_end_matches('{').trim());
            let attributes = if group.starts_with('#') { attributes(text, group) } else { group.to_owned() };
            let number = |names: [&str; 2]| {
                names.iter().find_map(|name| {
                    let after = attributes.split_once(&format!("\"{name}\"=\""))?.1;
                    after.split_once('"')?.0.parse::<u64>().ok()
                })
            };
            let found = Self {
                body,
                qubits: number(["required_num_qubits", "num_required_qubits"]).unwrap_or(0),
                results: number(["required_num_results", "num_required_results"]).unwrap_or(0),
            };
            // Whatever profile it claims: many programs that claim more use the base profile alone.
            if attributes.contains("\"entry_point\"") || attributes.contains("\"EntryPoint\"") {
                return Ok(found);
            }
            last = Some(found);
        }
        last.ok_or_else(|| Fault::new(0, "there is no function in this QIR module"))
    }
}

/// What an attribute group says.
fn attributes(text: &str, group: &str) -> String {
    let begin = format!("attributes {group} = ");
    text.lines().find(|line| line.starts_with(&begin)).unwrap_or_default().to_owned()
}

/// Lines within a range of bytes, with their places.
fn lines(text: &str, within: std::ops::Range<usize>) -> impl Iterator<Item = (usize, &str)> {
    let start = within.start;
    let part = text.get(within).unwrap_or_default();
    part.split_inclusive('\n').scan(start, |at, line| {
        let place = *at + (line.len() - line.trim_start().len());
        *at += line.len();
        Some((place, line.trim()))
    })
}

/// A line of the body: a call, or nothing that matters.
fn statement(at: usize, line: &str) -> Read<Option<Call<'_>>> {
    let line = line.split_once(" ;").map_or(line, |(code, _)| code.trim_end());
    let label = line.ends_with(':') || line.starts_with(';');
    if line.is_empty() || label || line.starts_with("ret ") {
        return Ok(None);
    }
    if line.starts_with("br label ") {
        return Ok(None);
    }
    let call = line.strip_prefix("tail ").unwrap_or(line);
    let Some(call) = call.strip_prefix("call void @") else {
        let message = "only calls and straight lines are read: this is beyond the base profile of QIR";
        return Err(Fault::new(at, message).of(ErrorKind::Unsupported));
    };
    let wrong = || Fault::new(at, "this call is not written as LLVM writes it");
    let (name, rest) = call.split_once('(').ok_or_else(wrong)?;
    let end = rest.rfind(')').ok_or_else(wrong)?;
    let mut arguments = Vec::new();
    for argument in split(rest.get(..end).unwrap_or_default()) {
        arguments.push(
            read_argument(argument)
                .ok_or_else(|| Fault::new(at, format!("{} is no argument", quoted(argument))))?,
        );
    }
    Ok(Some(Call { at, name, arguments }))
}

/// Arguments between commas that are in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut open, mut start) = (Vec::new(), 0i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open -= 1,
            ',' if open == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    let rest = text.get(start..).unwrap_or_default();
    if !rest.trim().is_empty() {
        parts.push(rest);
    }
    parts.into_iter().map(str::trim).collect()
}

fn read_argument(text: &str) -> Option<Argument> {
    if let Some(number) = text.strip_prefix("double ") {
        let number = number.trim();
        let angle = match number.strip_prefix("0x") {
            Some(bits) => f64::from_bits(u64::from_str_radix(bits, 16).ok()?),
            None => number.parse().ok()?,
        };
        return Some(Argument::Angle(angle));
    }
    if text.starts_with("i64 ") || text.starts_with("i8*") || text.contains('@') {
        return Some(Argument::Other);
    }
    let pointer = text.starts_with("ptr") || text.starts_with("%Qubit*") || text.starts_with("%Result*");
    if !pointer {
        return None;
    }
    if text.ends_with(" null") {
        return Some(Argument::Number(0));
    }
    let number = text.split_once("inttoptr (i64 ")?.1.split_once(' ')?.0;
    number.parse().ok().map(Argument::Number)
}

fn carry_out(circuit: &mut Circuit, call: &Call<'_>) -> Read<()> {
    let at = call.at;
    let wrong = |error: qhal::Error| Fault::new(at, error.message()).of(error.kind());
    if let Some(runtime) = call.name.strip_prefix("__quantum__rt__") {
        return match runtime {
            "initialize"
            | "result_record_output"
            | "array_record_output"
            | "tuple_record_output"
            | "message" => Ok(()),
            _ => Err(beyond(call)),
        };
    }
    let Some(instruction) = call.name.strip_prefix("__quantum__qis__") else { return Err(beyond(call)) };
    let (name, adjoint) = match instruction.rsplit_once("__") {
        Some((name, "body")) => (name, false),
        Some((name, "adj")) => (name, true),
        _ => return Err(beyond(call)),
    };
    let mut angles = Vec::new();
    let mut numbers = Vec::new();
    for argument in &call.arguments {
        match argument {
            Argument::Angle(angle) => angles.push(*angle),
            // They are below the limits.
            Argument::Number(number) => numbers.extend(u32::try_from(*number)),
            Argument::Other => return Err(Fault::new(at, "this argument is neither a qubit nor an angle")),
        }
    }
    match (name, numbers.as_slice()) {
        ("mz" | "m", &[qubit, bit]) if !adjoint => {
            return circuit.measure(qubit, bit).map(|_| ()).map_err(wrong);
        }
        ("reset", &[qubit]) => return circuit.reset(qubit).map(|_| ()).map_err(wrong),
        ("barrier", qubits) => return circuit.push(Operation::Barrier { qubits }, None).map_err(wrong),
        _ => {}
    }
    let gate = match name {
        "cnot" => Gate::Cx,
        "ccnot" | "toffoli" => Gate::Ccx,
        "i" => Gate::Id,
        _ => name.parse::<Gate>().map_err(|_| beyond(call))?,
    };
    if angles.len() != gate.params() || numbers.len() != gate.qubits() {
        let (params, qubits) = (gate.params(), gate.qubits());
        return Err(Fault::new(
            at,
            format!("{} takes {params} angle(s) and {qubits} qubit(s)", quoted(name)),
        ));
    }
    if adjoint {
        let (gate, params) = gate.inverse(&angles);
        circuit.gate(gate, &params, &numbers).map_err(wrong)?;
    } else {
        circuit.gate(gate, &angles, &numbers).map_err(wrong)?;
    }
    Ok(())
}

fn beyond(call: &Call<'_>) -> Fault {
    let message = format!("{} is no instruction of the base profile that is known here", quoted(call.name));
    Fault::new(call.at, message).of(ErrorKind::Unsupported)
}
