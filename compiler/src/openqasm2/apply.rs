//! Gates, measurements, resets and barriers on qubits and whole registers.

use qhal::circuit::{Condition, Operation};
use qhal::{ErrorKind, Gate};

use super::symbols::Symbol;
use super::unfold::{self, Definition};
use super::{Program, Reader, refused};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// Said of words that OpenQASM 2 does not have.
pub(crate) const OF_A_LATER_LANGUAGE: &str = "is a word of OpenQASM 3";

/// One operand: a bit of a register, or all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    /// The bit, or the first one.
    start: u32,
    /// How many: `None` for a single bit, which goes with registers of any size.
    size: Option<u32>,
    at: usize,
}

impl Operand {
    /// The bit that takes part in repetition number `index`.
    fn bit(&self, index: u32) -> u32 {
        if self.size.is_some() { self.start + index } else { self.start }
    }

    /// The bits it stands for.
    fn bits(&self) -> std::ops::Range<u32> {
        self.start..self.start + self.size.unwrap_or(1)
    }
}

/// What a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    Gate(Gate),
    Defined(u32),
}

impl<'s> Reader<'s, '_, '_> {
    /// `gate(angles) operands;`, where the name has been taken from byte `at` and stands for `symbol`.
    #[inline]
    pub(super) fn apply(
        &mut self,
        name: &str,
        at: usize,
        symbol: Option<Symbol>,
        condition: Option<&Condition>,
    ) -> Read<()> {
        let callee = self.callee(name, at, symbol)?;
        self.angles()?;
        let program = &mut *self.program;
        let (angles, qubits) = program.bodies.signature(callee);
        if program.angles.len() != angles {
            return Err(wrong_number(name, angles, "angle", program.angles.len(), at));
        }
        self.operands()?;
        let program = &mut *self.program;
        if program.operands.len() != qubits {
            return Err(wrong_number(name, qubits, "qubit", program.operands.len(), at));
        }
        let times = program.broadcast(name)?;
        match callee {
            Callee::Gate(gate) => {
                program.count(times.into(), times.into(), at)?;
                for index in 0..times {
                    program.qubits.clear();
                    program.qubits.extend(program.operands.iter().map(|operand| operand.bit(index)));
                    let operation =
                        Operation::Gate { gate, params: &program.angles, qubits: &program.qubits };
                    program.circuit.push(operation, condition).map_err(|error| refused(&error, at))?;
                }
            }
            Callee::Defined(number) => {
                program.unfoldable(name, number, times, at)?;
                for index in 0..times {
                    let mut qubits = std::mem::take(&mut program.qubits);
                    qubits.clear();
                    qubits.extend(program.operands.iter().map(|operand| operand.bit(index)));
                    let unfolded = program.unfold(name, number, &qubits, condition, at);
                    program.qubits = qubits;
                    unfolded?;
                }
            }
        }
        Ok(())
    }

    /// What is called, or why it cannot be.
    #[inline]
    pub(super) fn callee(&mut self, name: &str, at: usize, symbol: Option<Symbol>) -> Read<Callee> {
        match symbol {
            Some(Symbol::Gate { gate, .. }) => Ok(Callee::Gate(gate)),
            Some(Symbol::Defined(number)) => Ok(Callee::Defined(number)),
            other => Err(self.no_gate(name, at, other)),
        }
    }

    #[cold]
    fn no_gate(&self, name: &str, at: usize, symbol: Option<Symbol>) -> Fault {
        /// Words that begin statements of OpenQASM 3 and mean nothing in 2.
        const OF_OPENQASM_3: &str = " angle array bit bool box break cal complex const continue ctrl def defcal \
            defcalgrammar delay duration else end extern float for gphase input int inv let negctrl nop output pow \
            qubit return stretch switch uint while ";
        if let Some(symbol) = symbol {
            return Fault::new(at, format!("{} is {}, not a gate", quoted(name), symbol.what()));
        }
        let known = name.parse::<Gate>().is_ok_and(|gate| gate.qubits() > 0);
        if OF_OPENQASM_3.contains(&format!(" {name} ")) {
            let message = format!("'{name}' {OF_A_LATER_LANGUAGE}: begin the program with 'OPENQASM 3.0;'");
            return Fault::new(at, message).of(ErrorKind::Unsupported);
        }
        let hint = if known && !self.program.symbols.library {
            "; 'include \"qelib1.inc\";' declares it"
        } else {
            ""
        };
        Fault::new(at, format!("there is no gate {}{hint}", quoted(name)))
    }

    /// `(angle, …)` into `program.angles`; nothing, or `()`, is none.
    #[inline]
    fn angles(&mut self) -> Read<()> {
        self.program.angles.clear();
        if self.cursor.eat(b'(') {
            while !self.cursor.eat(b')') {
                let angle = self.angle()?;
                self.program.angles.push(angle);
                if !self.cursor.eat(b',') && self.cursor.peek() != Some(b')') {
                    return Err(self.cursor.expected("',' or ')'"));
                }
            }
        }
        Ok(())
    }

    /// `operand, …;` into `program.operands`.
    #[inline]
    fn operands(&mut self) -> Read<()> {
        self.program.operands.clear();
        while !self.cursor.eat(b';') {
            let operand = self.operand_of("qubit", |symbol| match symbol {
                Symbol::Qubits { start, size } => Some((start, size)),
                _ => None,
            })?;
            self.program.operands.push(operand);
            if !self.cursor.eat(b',') && self.cursor.peek() != Some(b';') {
                return Err(self.cursor.expected("',' or ';'"));
            }
        }
        Ok(())
    }

    /// A register or one bit of it; `register` gives first bit and size of a symbol of the right kind.
    #[inline]
    fn operand_of(&mut self, what: &str, register: impl Fn(Symbol) -> Option<(u32, u32)>) -> Read<Operand> {
        let at = self.cursor.place();
        let Some(name) = self.cursor.word() else { return Err(self.cursor.expected(&format!("a {what}"))) };
        let symbol = match self.last_operand {
            // Most operands are of the register named last. Byte by byte: names are short.
            Some((last, symbol)) if last.len() == name.len() && last.bytes().eq(name.bytes()) => Some(symbol),
            _ => self.program.symbols.get(name),
        };
        let Some((start, size)) = symbol.and_then(register) else {
            return Err(self.not_a(name, at, symbol, what));
        };
        self.last_operand = symbol.map(|symbol| (name, symbol));
        if !self.cursor.eat(b'[') {
            return Ok(Operand { start, size: Some(size), at });
        }
        match self.cursor.plain_index() {
            Some(index) if index < size => Ok(Operand { start: start + index, size: None, at }),
            Some(index) => Err(out_of_range(name, &index.to_string(), size, at)),
            None => {
                let index = self.number_below(name, size, at)?;
                Ok(Operand { start: start + index, size: None, at })
            }
        }
    }

    /// An index written in an unusual way, and the closing bracket.
    fn number_below(&mut self, name: &str, size: u32, at: usize) -> Read<u32> {
        let Some(number) = self.cursor.whole_number()? else {
            return Err(self.cursor.expected("an index"));
        };
        if !self.cursor.eat(b']') {
            return Err(self.cursor.expected("']'"));
        }
        match number.text.parse::<u32>() {
            Ok(index) if index < size => Ok(index),
            _ => Err(out_of_range(name, number.text, size, at)),
        }
    }

    /// Says that `name` is not what is needed.
    #[cold]
    pub(super) fn not_a(&self, name: &str, at: usize, symbol: Option<Symbol>, what: &str) -> Fault {
        let name = quoted(name);
        Fault::new(
            at,
            match symbol {
                Some(symbol) => format!("{name} is {}, and a {what} is needed here", symbol.what()),
                None if what == "qubit" => format!("there is no quantum register {name}"),
                None => format!("there is no classical register {name}"),
            },
        )
    }

    /// `measure qubits -> bits;`, where the word has been taken.
    pub(super) fn measure(&mut self, condition: Option<&Condition>) -> Read<()> {
        let qubit = self.operand_of("qubit", |symbol| match symbol {
            Symbol::Qubits { start, size } => Some((start, size)),
            _ => None,
        })?;
        if !self.cursor.eat_pair(*b"->") {
            return Err(self.cursor.expected("'->'"));
        }
        let bit = self.operand_of("classical bit", |symbol| match symbol {
            Symbol::Bits { start, size } => Some((start, size)),
            _ => None,
        })?;
        self.end()?;
        let size = |operand: &Operand| match operand.size {
            None => "one bit".to_owned(),
            Some(size) => format!("a register of {size}"),
        };
        if qubit.size != bit.size {
            let message = format!("cannot measure {} into {}", size(&qubit), size(&bit));
            return Err(Fault::new(bit.at, message));
        }
        let times = qubit.size.unwrap_or(1);
        self.program.count(times.into(), times.into(), qubit.at)?;
        for index in 0..times {
            let operation = Operation::Measure { qubit: qubit.bit(index), bit: bit.bit(index) };
            self.program.push(operation, condition, qubit.at)?;
        }
        Ok(())
    }

    /// `reset qubits;`, where the word has been taken.
    pub(super) fn reset(&mut self, condition: Option<&Condition>) -> Read<()> {
        let at = self.cursor.place();
        self.operands()?;
        let program = &mut *self.program;
        let [operand] = program.operands[..] else {
            let place = program.operands.get(1).map_or(at, |second| second.at);
            return Err(wrong_number("reset", 1, "operand", program.operands.len(), place));
        };
        let times = operand.bits().len() as u64;
        program.count(times, times, at)?;
        for qubit in operand.bits() {
            program.push(Operation::Reset { qubit }, condition, at)?;
        }
        Ok(())
    }

    /// `barrier qubits;`, where the word has been taken. Without qubits it concerns all.
    pub(super) fn barrier(&mut self) -> Read<()> {
        let at = self.cursor.place();
        let all = self.cursor.peek() == Some(b';');
        self.operands()?;
        let program = &mut *self.program;
        let named: u64 = program.operands.iter().map(|operand| operand.bits().len() as u64).sum();
        program.count(named.max(1), named.max(1), at)?;
        let mut qubits = std::mem::take(&mut program.qubits);
        qubits.clear();
        qubits.extend(program.operands.iter().flat_map(Operand::bits));
        unfold::once_each(&mut qubits);
        // An empty list would mean all, and registers of size 0 are not all.
        let done = if all || !qubits.is_empty() {
            program.push(Operation::Barrier { qubits: &qubits }, None, at)
        } else {
            Ok(())
        };
        program.qubits = qubits;
        done
    }
}

impl Program<'_> {
    /// How often a gate is applied to `self.operands`: registers must agree in size, and no qubit may come twice.
    #[inline]
    fn broadcast(&self, name: &str) -> Read<u32> {
        let mut times = None;
        for operand in &self.operands {
            match (operand.size, times) {
                (Some(size), None) => times = Some(size),
                (Some(size), Some(before)) if size != before => {
                    let message =
                        format!("{} cannot be applied to registers of {before} and {size}", quoted(name));
                    return Err(Fault::new(operand.at, message));
                }
                _ => {}
            }
        }
        if self.operands.len() <= 8 {
            for (index, operand) in self.operands.iter().enumerate() {
                if self.operands[..index].iter().any(|earlier| overlap(earlier, operand)) {
                    return Err(twice(name, operand.at));
                }
            }
        } else {
            // A register comes before its bits, and registers do not overlap each other.
            let mut sorted = self.operands.clone();
            sorted.sort_by_key(|operand| (operand.start, operand.size.is_none()));
            let mut end = 0;
            for operand in &sorted {
                if operand.start < end && !operand.bits().is_empty() {
                    return Err(self.first_twice(name));
                }
                end = end.max(operand.bits().end);
            }
        }
        Ok(times.unwrap_or(1))
    }

    /// Finds the first operand that repeats an earlier one.
    #[cold]
    fn first_twice(&self, name: &str) -> Fault {
        let repeated =
            self.operands.iter().enumerate().find(|(index, operand)| {
                self.operands[..*index].iter().any(|earlier| overlap(earlier, operand))
            });
        twice(name, repeated.map_or(0, |(_, operand)| operand.at))
    }

    /// Checks that definition `number` can be unfolded `times` times, and counts what comes of it.
    fn unfoldable(&mut self, name: &str, number: u32, times: u32, at: usize) -> Read<()> {
        let Definition { instructions, work, opaque, .. } = *self.bodies.definition(number);
        if let Some(opaque) = opaque {
            return Err(self.bodies.opaque_fault(name, opaque, at));
        }
        let times = u64::from(times);
        self.count(times.saturating_mul(instructions), times.saturating_mul(work), at)
    }
}

fn overlap(one: &Operand, other: &Operand) -> bool {
    one.start.max(other.start) < one.bits().end.min(other.bits().end)
}

#[cold]
pub(super) fn twice(name: &str, at: usize) -> Fault {
    Fault::new(at, format!("{} gets the same qubit twice", quoted(name)))
}

#[cold]
pub(super) fn wrong_number(name: &str, needed: usize, what: &str, found: usize, at: usize) -> Fault {
    let s = if needed == 1 { "" } else { "s" };
    Fault::new(at, format!("{} takes {needed} {what}{s}, not {found}", quoted(name)))
}

#[cold]
fn out_of_range(name: &str, index: &str, size: u32, at: usize) -> Fault {
    let index = index.trim_start_matches('0');
    let index = if index.is_empty() { "0" } else { index };
    Fault::new(at, format!("{} has no element {index}: its size is {size}", quoted(name)))
}
