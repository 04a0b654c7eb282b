//! OpenQASM 3: a program is carried out as far as it is known before the circuit runs; what is left is the circuit.
//!
//! Loops are unrolled, subroutines and gates unfolded, classical values computed. What depends on outcomes becomes
//! conditions on instructions, and what a circuit cannot say is refused with its place. The language is that of the
//! OpenQASM 3.0 specification (A. Cross and others, arXiv 2104.14722; openqasm.com).

mod assign;
mod call;
mod control;
mod emit;
mod evaluate;
mod expression;
mod gates;
mod logic;
mod parse;
mod parser;
mod place;
mod run;
mod syntax;
mod token;
mod value;

pub use emit::emit;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use qhal::{Circuit, Gate};

use crate::Limits;
use crate::diagnostic::{Diagnostic, Fault, Read};
use crate::include::Includes;
use gates::Part;
use logic::Logic;
use place::{Outcomes, Step};
use syntax::{GateDefinition, Subroutine};
use value::{Kind, Value};

/// Values for the `input` declarations of a program, as expressions of the language: `0.3`, `pi/2`, `"0110"`.
pub type Inputs = BTreeMap<String, String>;

/// Reads a program whose version line has been looked at.
pub(crate) fn read(
    source: &str,
    name: &str,
    includes: &dyn Includes,
    limits: Limits,
    inputs: &Inputs,
) -> Result<Circuit, Diagnostic> {
    let mut machine = Machine::new(name, includes, limits, inputs);
    machine.program(source).and_then(|()| machine.finish()).map_err(|fault| fault.show(source, name))
}

/// Whether a text is a program by its grammar alone, whatever it means.
///
/// # Errors
/// `InvalidInput`, with the place.
pub fn check(source: &str, name: &str) -> Result<(), Diagnostic> {
    parse::program(source).map(|_| ()).map_err(|fault| fault.show(source, name))
}

/// What a name stands for.
#[derive(Clone, Debug)]
enum Entry {
    /// Qubits; one alone goes with registers of any size.
    Qubits {
        qubits: Rc<[u32]>,
        single: bool,
    },
    Variable(Variable),
    Known {
        gate: Gate,
        yielding: bool,
    },
    Defined(Rc<GateDefinition>),
    Subroutine(Rc<Subroutine>),
}

#[derive(Clone, Debug)]
struct Variable {
    kind: Kind,
    value: Value,
    constant: bool,
    /// The first bit of the program that it is, if it is a register of the program.
    home: Option<u32>,
    /// How many conditions on outcomes it was declared under.
    under: usize,
    /// Where it was assigned last.
    assigned: usize,
}

type Scope = HashMap<Rc<str>, Entry>;

/// The state of a program that is carried out.
struct Machine<'i> {
    limits: Limits,
    includes: &'i dyn Includes,
    inputs: &'i Inputs,
    /// Which inputs have been asked for.
    asked: Vec<String>,
    /// The files that are being read, innermost last, and how many there were.
    open: Vec<String>,
    included: u32,
    /// Whether the standard gates were included.
    library: bool,
    globals: Scope,
    /// The scopes of the subroutine or gate that runs, innermost last.
    scopes: Vec<Scope>,
    /// Subroutines and gates inside each other.
    calls: u32,
    depth: u32,
    circuit: Circuit,
    /// Where the physical qubits begin.
    physical: Option<u32>,
    most_physical: Option<u32>,
    steps: Vec<Step>,
    outcomes: Outcomes,
    /// What has to hold for the statement that is carried out, and how many conditions that are not known it is made of.
    path: Logic,
    under: usize,
    /// The same at the start of the innermost loop and of the innermost call: nothing leaves either because of an outcome.
    loop_under: usize,
    call_under: usize,
    /// The parts of the gate whose body is carried out.
    parts: Option<Vec<Part>>,
    /// The names of the call that has just ended: arrays that it changed are copied back.
    last_frame: Option<Scope>,
    instructions: u64,
    work: u64,
}

impl<'i> Machine<'i> {
    fn new(name: &str, includes: &'i dyn Includes, limits: Limits, inputs: &'i Inputs) -> Self {
        let mut globals = Scope::new();
        for (name, gate) in [("U", Gate::U), ("gphase", Gate::GPhase)] {
            globals.insert(name.into(), Entry::Known { gate, yielding: false });
        }
        Self {
            limits,
            includes,
            inputs,
            asked: Vec::new(),
            open: vec![name.to_owned()],
            included: 0,
            library: false,
            globals,
            scopes: Vec::new(),
            calls: 0,
            depth: 0,
            circuit: Circuit::new(),
            physical: None,
            most_physical: None,
            steps: Vec::new(),
            outcomes: Outcomes::default(),
            path: Logic::Known(true),
            under: 0,
            loop_under: 0,
            call_under: 0,
            parts: None,
            last_frame: None,
            instructions: 0,
            work: 0,
        }
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).or_else(|| self.globals.get(name))
    }

    fn find_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.scopes
            .iter_mut()
            .rev()
            .find_map(|scope| scope.get_mut(name))
            .or_else(|| self.globals.get_mut(name))
    }

    /// Declares a name in the innermost scope.
    fn declare(&mut self, name: &Rc<str>, entry: Entry, at: usize) -> Read<()> {
        let scope = self.scopes.last_mut().unwrap_or(&mut self.globals);
        match scope.get(name) {
            None | Some(Entry::Known { yielding: true, .. }) => {
                scope.insert(name.clone(), entry);
                Ok(())
            }
            Some(_) => {
                Err(Fault::new(at, format!("{} is already declared here", crate::lexer::quoted(name))))
            }
        }
    }

    /// Counts statements and instructions, so that no program goes on for ever.
    fn count(&mut self, instructions: u64, at: usize) -> Read<()> {
        self.work = self.work.saturating_add(1 + instructions);
        self.instructions = self.instructions.saturating_add(instructions);
        let most = self.limits.instructions;
        if self.instructions > most {
            return Err(Fault::new(at, format!("the program unfolds to more than {most} instructions")));
        }
        if self.work > most {
            return Err(Fault::new(at, format!("the program takes more than {most} steps to carry out")));
        }
        Ok(())
    }

    fn finish(self) -> Read<Circuit> {
        if let Some(name) = self.inputs.keys().find(|name| !self.asked.contains(name)) {
            let message = format!("the program has no input {}", crate::lexer::quoted(name));
            return Err(Fault::new(0, message));
        }
        let mut finals = vec![(Logic::Known(false), 0); self.circuit.bits() as usize];
        for entry in self.globals.values() {
            let Entry::Variable(Variable { value: Value::Bits(bits), home: Some(home), assigned, .. }) =
                entry
            else {
                continue;
            };
            for (place, bit) in bits.iter().enumerate() {
                if let Some(last) = finals.get_mut(*home as usize + place) {
                    *last = (bit.clone(), *assigned);
                }
            }
        }
        place::circuit(self.circuit, &self.steps, self.outcomes, &finals)
    }
}
