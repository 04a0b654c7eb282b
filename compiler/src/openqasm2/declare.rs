//! Registers, gate definitions and opaque gates.

use std::collections::HashSet;
use std::ops::Range;

use super::apply::{Callee, twice, wrong_number};
use super::expression::{Local, Locals, Step};
use super::symbols::{Keyword, Symbol};
use super::unfold::{Angle, Call, Definition, Done, once_each};
use super::{Reader, refused};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// Declaring one looks at all the others.
const MOST_REGISTERS: usize = 16_384;

impl<'s> Reader<'s, '_, '_> {
    /// `qreg name[size];` or `creg name[size];`, where the word has been taken.
    pub(super) fn register(&mut self, quantum: bool) -> Read<()> {
        let (name, at) = self.new_name("the register's name")?;
        if !self.cursor.eat(b'[') {
            return Err(self.cursor.expected("'['"));
        }
        let Some(number) = self.cursor.whole_number()? else {
            return Err(self.cursor.expected("the register's size"));
        };
        if !self.cursor.eat(b']') {
            return Err(self.cursor.expected("']'"));
        }
        self.end()?;
        self.program.symbols.check_free(name, at)?;
        let program = &mut *self.program;
        if program.circuit.qubit_registers().len() + program.circuit.bit_registers().len() >= MOST_REGISTERS {
            return Err(Fault::new(at, format!("a program has at most {MOST_REGISTERS} registers")));
        }
        let (before, most, what) = if quantum {
            (program.circuit.qubits(), program.limits.qubits, "qubits")
        } else {
            (program.circuit.bits(), program.limits.bits, "classical bits")
        };
        let size = match number.text.parse::<u32>() {
            Ok(size) if before.checked_add(size).is_some_and(|total| total <= most) => size,
            _ => {
                let message = format!("{} is too large: a program has at most {most} {what}", quoted(name));
                return Err(Fault::new(number.at, message));
            }
        };
        // A register without elements is legal here, and nothing that a circuit needs to know of.
        let start = match (size, quantum) {
            (0, _) => Ok(before),
            (_, true) => program.circuit.add_qubits(name, size),
            (_, false) => program.circuit.add_bits(name, size),
        }
        .map_err(|error| refused(&error, at))?;
        let symbol = if quantum { Symbol::Qubits { start, size } } else { Symbol::Bits { start, size } };
        program.symbols.insert(name, symbol);
        Ok(())
    }

    /// `opaque name(parameters) qubits;`, where the word has been taken.
    pub(super) fn opaque(&mut self) -> Read<()> {
        let (name, at) = self.new_name("the gate's name")?;
        let (_, parameters, qubits) = self.signature(name, at)?;
        self.end()?;
        self.program.symbols.check_free(name, at)?;
        // Declaring a gate that an include has brought already, in the same shape, says nothing new about it.
        if let Some(Symbol::Gate { gate, .. }) = self.program.symbols.get(name)
            && (gate.params(), gate.qubits()) == (parameters, qubits)
        {
            return Ok(());
        }
        let number = self.program.bodies.declare_opaque(name, parameters, qubits, at)?;
        self.program.symbols.insert(name, Symbol::Defined(number));
        Ok(())
    }

    /// `gate name(parameters) qubits { body }`, where the word has been taken.
    pub(super) fn definition(&mut self) -> Read<()> {
        let (name, at) = self.new_name("the gate's name")?;
        let (locals, parameters, qubits) = self.signature(name, at)?;
        if !self.cursor.eat(b'{') {
            return Err(self.cursor.expected("'{'"));
        }
        self.program.symbols.check_free(name, at)?;
        let start = self.program.bodies.calls.len();
        let mut definition = Definition::new(parameters, qubits);
        while !self.cursor.eat(b'}') {
            if !self.cursor.eat(b';') {
                self.body_statement(&locals, &mut definition)?;
            }
        }
        definition.body = start..self.program.bodies.calls.len();
        let number = self.program.bodies.define(name, definition, at)?;
        // Only now: a body knows the gates declared before it.
        let symbol = match self.program.recognised(name, number) {
            Some(gate) => Symbol::Gate { gate, yielding: false },
            None => Symbol::Defined(number),
        };
        self.program.symbols.insert(name, symbol);
        Ok(())
    }

    fn new_name(&mut self, what: &str) -> Read<(&'s str, usize)> {
        let at = self.cursor.place();
        match self.cursor.word() {
            Some(name) => Ok((name, at)),
            None => Err(self.cursor.expected(what)),
        }
    }

    /// Parameters and qubits of gate `name`: their names, and how many there are of each.
    fn signature(&mut self, name: &str, at: usize) -> Read<(Locals<'s>, usize, usize)> {
        let mut locals = Locals::default();
        let mut parameters = 0;
        if self.cursor.eat(b'(') {
            parameters = self.names(&mut locals, Local::Parameter, "a parameter")?;
            if !self.cursor.eat(b')') {
                return Err(self.cursor.expected("',' or ')'"));
            }
        }
        let qubits = self.names(&mut locals, Local::Qubit, "a qubit")?;
        if qubits == 0 {
            return Err(Fault::new(at, format!("{} has no qubits, and a gate needs one", quoted(name))));
        }
        Ok((locals, parameters, qubits))
    }

    /// `name, …`, as long as there are names.
    fn names(&mut self, locals: &mut Locals<'s>, make: fn(u32) -> Local, what: &str) -> Read<usize> {
        let mut count = 0;
        loop {
            let at = self.cursor.place();
            let Some(name) = self.cursor.word() else {
                let ended = matches!(self.cursor.peek(), Some(b')' | b'{' | b';'));
                return if ended { Ok(count) } else { Err(self.cursor.expected(what)) };
            };
            if let Some(Symbol::Keyword(_)) = self.program.symbols.get(name) {
                return Err(Fault::new(at, format!("'{name}' is a word of the language")));
            }
            let number = u32::try_from(count).map_err(|_| Fault::new(at, "there are too many names"))?;
            if locals.names.insert(name, make(number)).is_some() {
                return Err(Fault::new(at, format!("{} is named twice", quoted(name))));
            }
            count += 1;
            if !self.cursor.eat(b',') {
                return Ok(count);
            }
        }
    }

    /// One gate or barrier of a body.
    fn body_statement(&mut self, locals: &Locals<'s>, definition: &mut Definition) -> Read<()> {
        let at = self.cursor.place();
        let Some(name) = self.cursor.word() else { return Err(self.cursor.expected("a gate or '}'")) };
        let symbol = self.program.symbols.get(name);
        if symbol == Some(Symbol::Keyword(Keyword::Barrier)) {
            let named = self.body_qubits(locals)?;
            let bodies = &mut self.program.bodies;
            let mut qubits = bodies.qubits.split_off(named.start);
            once_each(&mut qubits);
            if qubits.is_empty() {
                qubits.extend(0..definition.qubits);
            }
            bodies.qubits.append(&mut qubits);
            let qubits = named.start..bodies.qubits.len();
            bodies.add(definition, Call { done: Done::Barrier, angles: 0..0, qubits });
            return Ok(());
        }
        if let Some(Symbol::Keyword(_)) = symbol {
            return Err(Fault::new(
                at,
                format!("'{name}' cannot stand in a gate's body: only gates and 'barrier' can"),
            ));
        }
        let callee = self.callee(name, at, symbol)?;
        let angles = self.body_angles(locals)?;
        let (needed_angles, needed_qubits) = self.program.bodies.signature(callee);
        if angles.len() != needed_angles {
            return Err(wrong_number(name, needed_angles, "angle", angles.len(), at));
        }
        let qubits = self.body_qubits(locals)?;
        if qubits.len() != needed_qubits {
            return Err(wrong_number(name, needed_qubits, "qubit", qubits.len(), at));
        }
        let bodies = &mut self.program.bodies;
        if let Some(index) = first_repeated(bodies.qubits.get(qubits.clone()).unwrap_or_default()) {
            let place = self.program.places.get(index).copied().unwrap_or(at);
            return Err(twice(name, place));
        }
        let done = match callee {
            Callee::Gate(gate) => Done::Gate(gate),
            Callee::Defined(number) => Done::Defined(number),
        };
        bodies.add(definition, Call { done, angles, qubits });
        Ok(())
    }

    /// `(angle, …)` with parameters: which entries of `bodies.angles` they have become.
    fn body_angles(&mut self, locals: &Locals<'s>) -> Read<Range<usize>> {
        let start = self.program.bodies.angles.len();
        if self.cursor.eat(b'(') {
            while !self.cursor.eat(b')') {
                let mut scratch = std::mem::take(&mut self.program.scratch);
                let read = self.expression(Some(locals), &mut scratch);
                let bodies = &mut self.program.bodies;
                let angle = match scratch.out[..] {
                    [Step::Number(value)] => Angle::Number(value),
                    [Step::Parameter(number)] => Angle::Parameter(number),
                    _ => {
                        let from = bodies.steps.len();
                        bodies.steps.extend_from_slice(&scratch.out);
                        Angle::Steps(from..bodies.steps.len())
                    }
                };
                bodies.angles.push(angle);
                self.program.scratch = scratch;
                read?;
                if !self.cursor.eat(b',') && self.cursor.peek() != Some(b')') {
                    return Err(self.cursor.expected("an operator, ',' or ')'"));
                }
            }
        }
        Ok(start..self.program.bodies.angles.len())
    }

    /// `qubit, …;` of a body: which entries of `bodies.qubits` they have become; where they stand is in `places`.
    fn body_qubits(&mut self, locals: &Locals<'s>) -> Read<Range<usize>> {
        let start = self.program.bodies.qubits.len();
        self.program.places.clear();
        while !self.cursor.eat(b';') {
            let at = self.cursor.place();
            let Some(name) = self.cursor.word() else {
                return Err(self.cursor.expected("a qubit of the gate"));
            };
            let Some(&Local::Qubit(number)) = locals.names.get(name) else {
                return Err(self.no_qubit(name, at, locals));
            };
            self.program.bodies.qubits.push(number);
            self.program.places.push(at);
            if !self.cursor.eat(b',') && self.cursor.peek() != Some(b';') {
                return Err(self.cursor.expected("',' or ';'"));
            }
        }
        Ok(start..self.program.bodies.qubits.len())
    }

    #[cold]
    fn no_qubit(&self, name: &str, at: usize, locals: &Locals<'s>) -> Fault {
        let what = match (locals.names.get(name), self.program.symbols.get(name)) {
            (Some(_), _) => "a parameter",
            (None, Some(symbol)) => symbol.what(),
            (None, None) => "not declared",
        };
        Fault::new(at, format!("{} is {what}, and a qubit of the gate is needed here", quoted(name)))
    }
}

/// The index of the first entry that stands earlier too.
fn first_repeated(qubits: &[u32]) -> Option<usize> {
    if qubits.len() <= 8 {
        return (1..qubits.len()).find(|&index| qubits[..index].contains(&qubits[index]));
    }
    let mut seen = HashSet::with_capacity(qubits.len());
    qubits.iter().position(|qubit| !seen.insert(qubit))
}
