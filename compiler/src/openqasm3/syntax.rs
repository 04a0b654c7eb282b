//! What an OpenQASM 3 program is made of, as a tree.

use std::rc::Rc;

/// A piece of the tree and where it stands in the text.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) at: usize,
    pub(super) is: T,
}

pub(super) type Expr = At<Expression>;
pub(super) type Stmt = At<Statement>;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Int(i128),
    Float(f64),
    Imaginary(f64),
    /// Seconds.
    Time(f64),
    Ticks,
    Bool(bool),
    /// A string of bits, the lowest last.
    Bits(Rc<str>),
    Name(Rc<str>),
    Physical(u32),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Call(Rc<str>, Vec<Expr>),
    Cast(Type, Box<Expr>),
    Index(Box<Expr>, Vec<Index>),
    /// `a ++ b`.
    Joined(Box<Expr>, Box<Expr>),
    /// `{a, b}`: the elements of an array.
    List(Vec<Expr>),
    Measure(Box<Expr>),
    /// `durationof({…})`.
    DurationOf,
}

/// What stands between brackets behind a name.
#[derive(Clone, Debug)]
pub(super) enum Index {
    One(Expr),
    /// `start:step:end`, end included; what is left out is `None`.
    Range {
        start: Option<Expr>,
        step: Option<Expr>,
        end: Option<Expr>,
    },
    /// `{a, b}`.
    Set(Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Minus,
    Not,
    Complement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

#[derive(Clone, Debug)]
pub(super) enum Type {
    Bit(Option<Box<Expr>>),
    Bool,
    Int(Option<Box<Expr>>),
    Uint(Option<Box<Expr>>),
    Float,
    Angle(Option<Box<Expr>>),
    Complex,
    Duration,
    Stretch,
    Array(Box<Type>, Vec<Expr>),
    /// A parameter of a subroutine that takes qubits.
    Qubit(Option<Box<Expr>>),
}

#[derive(Clone, Debug)]
pub(super) enum Modifier {
    Inv,
    Pow(Expr),
    /// How many; wanted 1 or 0.
    Control {
        count: Option<Expr>,
        on: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct GateDefinition {
    pub(super) name: Rc<str>,
    pub(super) angles: Vec<Rc<str>>,
    pub(super) qubits: Vec<Rc<str>>,
    pub(super) body: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) of: Type,
    pub(super) name: Rc<str>,
    /// An array that the subroutine may change.
    pub(super) mutable: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Subroutine {
    pub(super) name: Rc<str>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) result: Option<Type>,
    /// `None` for `extern`: it is declared and never carried out.
    pub(super) body: Option<Vec<Stmt>>,
}

#[derive(Clone, Debug)]
pub(super) enum Statement {
    Include(Rc<str>),
    Qubits {
        name: Rc<str>,
        size: Option<Expr>,
    },
    Declare {
        of: Type,
        name: Rc<str>,
        value: Option<Expr>,
        constant: bool,
    },
    /// `input` and `output` declarations.
    Input {
        of: Type,
        name: Rc<str>,
    },
    Alias {
        name: Rc<str>,
        value: Expr,
    },
    Gate(Rc<GateDefinition>),
    Subroutine(Rc<Subroutine>),
    Call {
        modifiers: Vec<Modifier>,
        name: Rc<str>,
        angles: Vec<Expr>,
        operands: Vec<Expr>,
    },
    Measure {
        from: Expr,
        to: Option<Expr>,
    },
    Reset(Expr),
    Barrier(Vec<Expr>),
    Delay {
        time: Expr,
        operands: Vec<Expr>,
    },
    Assign {
        to: Expr,
        with: Option<Binary>,
        value: Expr,
    },
    If {
        condition: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    For {
        of: Type,
        name: Rc<str>,
        over: Index,
        body: Vec<Stmt>,
    },
    While {
        condition: Expr,
        body: Vec<Stmt>,
    },
    Switch {
        of: Expr,
        cases: Vec<(Vec<Expr>, Vec<Stmt>)>,
        default: Option<Vec<Stmt>>,
    },
    Break,
    Continue,
    End,
    Return(Option<Expr>),
    Box(Vec<Stmt>),
    Block(Vec<Stmt>),
    Expression(Expr),
    /// Calibrations, pragmas, annotations, `nop`: read and left alone.
    Nothing,
}
