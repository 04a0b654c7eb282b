//! OpenQASM 2: from its text to a circuit in one pass, and back.
//!
//! Statements are carried out as they are read; no tree of the whole program is built. Gates that the program defines
//! are unfolded where they are called, so that the circuit holds gates of the table only.

mod apply;
mod condition;
mod declare;
mod emit;
mod expression;
mod library;
mod recognise;
mod symbols;
mod unfold;

pub(crate) use apply::OF_A_LATER_LANGUAGE;
pub use emit::emit;
pub(crate) use emit::{decimal, euler_angles, number};
pub(crate) use library::{Spelling, definition, spelling};
pub(crate) use recognise::same;

use qhal::circuit::{Condition, Operation};
use qhal::{Circuit, Error, ErrorKind};

use crate::diagnostic::{Diagnostic, Fault, Read};
use crate::include::Includes;
use crate::lexer::{self, Cursor, quoted};
use crate::{Included, Limits};
use apply::Operand;
use condition::Remembered;
use expression::Scratch;
use symbols::{Keyword, Symbol, Symbols};
use unfold::{Bodies, Machine};

/// How many files may be open inside each other.
const DEEPEST_INCLUDE: usize = 32;
/// How many files a program may include in all; with nesting, a few files could ask for more than ends.
const MOST_INCLUDES: u32 = 4096;

/// Reads a program whose version line has been looked at.
pub(crate) fn read(
    source: &str,
    name: &str,
    includes: &dyn Includes,
    limits: Limits,
) -> Result<Circuit, Diagnostic> {
    let mut program = Program {
        circuit: Circuit::new(),
        symbols: Symbols::new(),
        bodies: Bodies::default(),
        limits,
        instructions: 0,
        work: 0,
        includes,
        open: vec![name.to_owned()],
        included: 0,
        remembered: None,
        angles: Vec::new(),
        operands: Vec::new(),
        qubits: Vec::new(),
        places: Vec::new(),
        scratch: Scratch::default(),
        machine: Machine::default(),
    };
    let mut reader = Reader { cursor: Cursor::new(source), name, program: &mut program, last_operand: None };
    match reader.file() {
        Ok(()) => Ok(program.circuit),
        Err(fault) => Err(fault.show(source, name)),
    }
}

/// What has been read so far.
struct Program<'i> {
    circuit: Circuit,
    symbols: Symbols,
    bodies: Bodies,
    limits: Limits,
    /// Instructions so far, as [`Limits::instructions`] counts them.
    instructions: u64,
    /// Steps of unfolding so far: instructions, calls and operations of expressions.
    work: u64,
    includes: &'i dyn Includes,
    /// The files that are being read, innermost last.
    open: Vec<String>,
    included: u32,
    /// The condition read last: programs repeat conditions, and long ones are slow to read.
    remembered: Option<Remembered>,
    // Kept between statements for their memory.
    angles: Vec<f64>,
    operands: Vec<Operand>,
    qubits: Vec<u32>,
    /// Where the qubits of the last statement of a body stand.
    places: Vec<usize>,
    scratch: Scratch,
    machine: Machine,
}

/// Reads one file into the program.
struct Reader<'s, 'p, 'i> {
    cursor: Cursor<'s>,
    name: &'s str,
    program: &'p mut Program<'i>,
    /// The register named last: registers stay what they are, so it need not be looked up again.
    last_operand: Option<(&'s str, Symbol)>,
}

impl<'s> Reader<'s, '_, '_> {
    fn file(&mut self) -> Read<()> {
        if let Some(version) = lexer::version(&mut self.cursor)?
            && (version.major, version.minor) != (2, 0)
        {
            let (major, minor) = (version.major, version.minor);
            let message = format!("OpenQASM {major}.{minor} cannot be read here, only OpenQASM 2.0");
            return Err(Fault::new(version.at, message).of(ErrorKind::Unsupported));
        }
        while !self.cursor.at_end() {
            self.statement()?;
        }
        Ok(())
    }

    fn statement(&mut self) -> Read<()> {
        let at = self.cursor.place();
        let Some(word) = self.cursor.word() else {
            // Empty statements do no harm; many programs have one behind a definition.
            if self.cursor.eat(b';') {
                return Ok(());
            }
            return Err(self.cursor.expected("a statement"));
        };
        match self.program.symbols.get(word) {
            Some(Symbol::Keyword(keyword)) => match keyword {
                Keyword::Qreg => self.register(true),
                Keyword::Creg => self.register(false),
                Keyword::Gate => self.definition(),
                Keyword::Opaque => self.opaque(),
                Keyword::Include => self.include(),
                Keyword::If => self.conditioned(),
                Keyword::Measure => self.measure(None),
                Keyword::Reset => self.reset(None),
                Keyword::Barrier => self.barrier(),
                Keyword::Version => Err(Fault::new(at, "the version must be the first statement")),
                Keyword::Expression => Err(Fault::new(at, format!("expected a statement, found '{word}'"))),
            },
            symbol => self.apply(word, at, symbol, None),
        }
    }

    /// `include "name";`, where the word has been taken.
    fn include(&mut self) -> Read<()> {
        let at = self.cursor.place();
        let Some(name) = self.cursor.string()? else {
            return Err(self.cursor.expected("a file name in quotes"));
        };
        self.end()?;
        if matches!(name, "qelib1.inc" | "stdgates.inc") {
            return self.program.symbols.include_library(at);
        }
        let program = &mut *self.program;
        program.included += 1;
        if program.open.len() > DEEPEST_INCLUDE || program.included > MOST_INCLUDES {
            let message = format!("{} is not included: there are too many includes", quoted(name));
            return Err(Fault::new(at, message));
        }
        let Included { name: found, text } = program.includes.include(name, self.name).map_err(|error| {
            Fault::new(at, format!("cannot include {}: {}", quoted(name), error.message())).of(error.kind())
        })?;
        if program.open.contains(&found) {
            return Err(Fault::new(at, format!("{} includes itself", quoted(name))));
        }
        program.open.push(found.clone());
        let mut inner = Reader { cursor: Cursor::new(&text), name: &found, program, last_operand: None };
        inner.file().map_err(|fault| Fault::Elsewhere(Box::new(fault.show(&text, &found))))?;
        self.program.open.pop();
        Ok(())
    }

    /// Takes the semicolon of a statement.
    #[inline]
    fn end(&mut self) -> Read<()> {
        if self.cursor.eat(b';') { Ok(()) } else { Err(self.cursor.expected("';'")) }
    }
}

impl Program<'_> {
    /// Appends an instruction that has been counted; `at` is where its statement starts.
    #[inline]
    fn push(&mut self, operation: Operation<'_>, condition: Option<&Condition>, at: usize) -> Read<()> {
        self.circuit.push(operation, condition).map_err(|error| refused(&error, at))
    }

    /// Counts instructions before they are made.
    #[inline]
    fn count(&mut self, instructions: u64, work: u64, at: usize) -> Read<()> {
        self.instructions = self.instructions.saturating_add(instructions);
        self.work = self.work.saturating_add(work);
        let most = self.limits.instructions;
        if self.instructions > most || self.work > most.saturating_mul(unfold::WORK_PER_INSTRUCTION) {
            return Err(Fault::new(at, format!("the program unfolds to more than {most} instructions")));
        }
        Ok(())
    }
}

/// What a circuit refused, at a place.
#[cold]
fn refused(error: &Error, at: usize) -> Fault {
    Fault::new(at, error.message()).of(error.kind())
}
