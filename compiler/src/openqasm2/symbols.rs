//! What the names of an OpenQASM 2 program stand for.

use qhal::Gate;
use qhal::circuit::Library;

use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;
use crate::names::Names;

/// What one name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Keyword(Keyword),
    /// A quantum register: its first qubit and how many it has.
    Qubits {
        start: u32,
        size: u32,
    },
    /// A classical register: its first bit and how many it has.
    Bits {
        start: u32,
        size: u32,
    },
    /// A gate of the table. A `yielding` one was brought by an include though the published file lacks it, and gives
    /// way to whatever the program declares under that name.
    Gate {
        gate: Gate,
        yielding: bool,
    },
    /// A gate that the program defines or declares opaque: its number.
    Defined(u32),
}

/// The words with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Version,
    Include,
    Qreg,
    Creg,
    Gate,
    Opaque,
    If,
    Measure,
    Reset,
    Barrier,
    /// Part of expressions: `pi` and the functions of the paper.
    Expression,
}

const KEYWORDS: [(&str, Keyword); 17] = [
    ("OPENQASM", Keyword::Version),
    ("include", Keyword::Include),
    ("qreg", Keyword::Qreg),
    ("creg", Keyword::Creg),
    ("gate", Keyword::Gate),
    ("opaque", Keyword::Opaque),
    ("if", Keyword::If),
    ("measure", Keyword::Measure),
    ("reset", Keyword::Reset),
    ("barrier", Keyword::Barrier),
    ("pi", Keyword::Expression),
    ("sin", Keyword::Expression),
    ("cos", Keyword::Expression),
    ("tan", Keyword::Expression),
    ("exp", Keyword::Expression),
    ("ln", Keyword::Expression),
    ("sqrt", Keyword::Expression),
];

/// Whether `name` has a meaning of its own, so that nothing can be called that.
pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.iter().any(|(keyword, _)| *keyword == name)
}

/// All names that are known at one point of the program.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    names: Names<Box<str>, Symbol>,
    /// Whether a library has been included.
    pub(super) library: bool,
}

impl Symbols {
    /// What is known before the first line: keywords, `U` and `CX`.
    pub(super) fn new() -> Self {
        let mut symbols = Self::default();
        for (name, keyword) in KEYWORDS {
            symbols.names.insert(name.into(), Symbol::Keyword(keyword));
        }
        for (name, gate) in [("U", Gate::U), ("CX", Gate::Cx)] {
            symbols.names.insert(name.into(), Symbol::Gate { gate, yielding: false });
        }
        symbols
    }

    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<Symbol> {
        self.names.get(name).copied()
    }

    /// Whether `name`, which stands at byte `at`, may be declared here.
    pub(super) fn check_free(&self, name: &str, at: usize) -> Read<()> {
        let what = match self.get(name) {
            None | Some(Symbol::Gate { yielding: true, .. }) => return Ok(()),
            Some(Symbol::Keyword(_)) => {
                return Err(Fault::new(at, format!("'{name}' is a word of the language")));
            }
            Some(symbol) => symbol.what(),
        };
        Err(Fault::new(at, format!("{} is already declared: it is {what}", quoted(name))))
    }

    /// Declares `name`; the caller has asked whether it is free.
    pub(super) fn insert(&mut self, name: &str, symbol: Symbol) {
        self.names.insert(name.into(), symbol);
    }

    /// Makes every gate of the table known that takes qubits, as the include of `qelib1.inc` at byte `at` asks for.
    ///
    /// The gates that the published file holds must not have been declared before; the others give way.
    pub(super) fn include_library(&mut self, at: usize) -> Read<()> {
        if std::mem::replace(&mut self.library, true) {
            return Ok(());
        }
        for gate in Gate::all().filter(|gate| gate.qubits() > 0) {
            let spec = gate.spec();
            for name in std::iter::once(&spec.name).chain(spec.aliases) {
                let published = spec.name == *name && matches!(spec.library, Library::Qelib1 | Library::Both);
                match self.get(name) {
                    Some(Symbol::Gate { yielding: false, .. }) => {}
                    Some(other) if published => {
                        let what = other.what();
                        let message =
                            format!("this include declares '{name}', which the program uses for {what}");
                        return Err(Fault::new(at, message));
                    }
                    Some(_) => {}
                    None => self.insert(name, Symbol::Gate { gate, yielding: !published }),
                }
            }
        }
        Ok(())
    }
}

impl Symbol {
    /// The symbol in words.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Keyword(_) => "a word of the language",
            Self::Qubits { .. } => "a quantum register",
            Self::Bits { .. } => "a classical register",
            Self::Gate { .. } | Self::Defined(_) => "a gate",
        }
    }
}
