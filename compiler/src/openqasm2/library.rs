//! Definitions of the gates that `qelib1.inc` of the paper lacks, in terms of those it has.
//!
//! Each equals the matrix of the table up to a global phase, which OpenQASM 2 cannot express; a test multiplies them
//! out. The sequences are the textbook ones: conjugation by Hadamard gates, parity into one qubit and back, and for
//! several controls arXiv quant-ph/9503016 (sections 6 and 7); relative-phase gates arXiv 1508.03273.

use qhal::Gate;
use qhal::circuit::Library;

/// How a gate is written in OpenQASM 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// It is known to every reader under this name.
    Known(&'static str),
    /// It needs a definition, which uses these other defined gates.
    Defined { signature: &'static str, body: &'static str, uses: &'static [Gate] },
}

/// The spelling of `gate`; `None` if there is none.
pub(crate) fn spelling(gate: Gate) -> Option<Spelling> {
    let defined = |signature, body, uses| Some(Spelling::Defined { signature, body, uses });
    match gate {
        Gate::U => return Some(Spelling::Known("U")),
        gate if matches!(gate.spec().library, Library::Qelib1 | Library::Both) => {
            return Some(Spelling::Known(gate.name()));
        }
        _ => {}
    }
    match gate {
        Gate::GPhase => defined("(gamma) a", "u1(gamma) a; x a; u1(gamma) a; x a;", &[]),
        Gate::U0 => defined("(gamma) a", "U(0,0,0) a;", &[]),
        Gate::Sx => defined(" a", "sdg a; h a; sdg a;", &[]),
        Gate::Sxdg => defined(" a", "s a; h a; s a;", &[]),
        Gate::P => defined("(lambda) a", "u1(lambda) a;", &[]),
        Gate::R => defined("(theta,phi) a", "u3(theta,phi-pi/2,pi/2-phi) a;", &[]),
        Gate::Cs => defined(" a,b", "cu1(pi/2) a,b;", &[]),
        Gate::Csdg => defined(" a,b", "cu1(-pi/2) a,b;", &[]),
        Gate::Csx => defined(" a,b", "h b; cu1(pi/2) a,b; h b;", &[]),
        Gate::Csxdg => defined(" a,b", "h b; cu1(-pi/2) a,b; h b;", &[]),
        Gate::Cp => defined("(lambda) a,b", "cu1(lambda) a,b;", &[]),
        Gate::Crx => defined("(theta) a,b", "h b; crz(theta) a,b; h b;", &[]),
        Gate::Cry => defined("(theta) a,b", "ry(theta/2) b; cx a,b; ry(-theta/2) b; cx a,b;", &[]),
        Gate::Cu => defined(
            "(theta,phi,lambda,gamma) a,b",
            "u1(gamma+(lambda+phi)/2) a; u1((lambda-phi)/2) b; cx a,b; u3(-theta/2,0,-(phi+lambda)/2) b; cx a,b; \
             u3(theta/2,phi,0) b;",
            &[],
        ),
        Gate::Swap => defined(" a,b", "cx a,b; cx b,a; cx a,b;", &[]),
        Gate::Iswap => defined(" a,b", "s a; s b; h a; cx a,b; cx b,a; h b;", &[]),
        Gate::Iswapdg => defined(" a,b", "h b; cx b,a; cx a,b; h a; sdg b; sdg a;", &[]),
        Gate::Ecr => defined(" a,b", "rzx(pi/4) a,b; x a; rzx(-pi/4) a,b;", &[Gate::Rzx]),
        Gate::Rxx => defined("(theta) a,b", "h a; h b; cx a,b; rz(theta) b; cx a,b; h b; h a;", &[]),
        Gate::Ryy => defined(
            "(theta) a,b",
            "rx(pi/2) a; rx(pi/2) b; cx a,b; rz(theta) b; cx a,b; rx(-pi/2) b; rx(-pi/2) a;",
            &[],
        ),
        Gate::Rzz => defined("(theta) a,b", "cx a,b; rz(theta) b; cx a,b;", &[]),
        Gate::Rzx => defined("(theta) a,b", "h b; cx a,b; rz(theta) b; cx a,b; h b;", &[]),
        Gate::Ccz => defined(" a,b,c", "h c; ccx a,b,c; h c;", &[]),
        Gate::Cswap => defined(" a,b,c", "cx c,b; ccx a,b,c; cx c,b;", &[]),
        Gate::Rccx => defined(" a,b,c", "h c; t c; cx b,c; tdg c; cx a,c; t c; cx b,c; tdg c; h c;", &[]),
        Gate::C3x => defined(" a,b,c,d", THREE_CONTROLS_X, &[]),
        Gate::C3sx => defined(" a,b,c,d", THREE_CONTROLS_SX, &[]),
        Gate::C3sxdg => defined(" a,b,c,d", THREE_CONTROLS_SXDG, &[]),
        Gate::Rc3x => defined(
            " a,b,c,d",
            "h d; t d; cx c,d; tdg d; h d; cx a,d; t d; cx b,d; tdg d; cx a,d; t d; cx b,d; tdg d; h d; t d; cx c,d; \
             tdg d; h d;",
            &[],
        ),
        Gate::Rc3xdg => defined(
            " a,b,c,d",
            "h d; t d; cx c,d; tdg d; h d; t d; cx b,d; tdg d; cx a,d; t d; cx b,d; tdg d; cx a,d; h d; t d; cx c,d; \
             tdg d; h d;",
            &[],
        ),
        Gate::C4x => defined(
            " a,b,c,d,e",
            "h e; cu1(pi/2) d,e; h e; c3x a,b,c,d; h e; cu1(-pi/2) d,e; h e; c3x a,b,c,d; c3sqrtx a,b,c,e;",
            &[Gate::C3x, Gate::C3sx],
        ),
        _ => None,
    }
}

/// A phase on |1111⟩, a quarter of it for each parity of the controls, between Hadamard gates on the target.
macro_rules! three_controls {
    ($plus:literal, $minus:literal) => {
        concat!(
            "h d; cu1(",
            $plus,
            ") a,d; cx a,b; cu1(",
            $minus,
            ") b,d; cx a,b; cu1(",
            $plus,
            ") b,d; cx b,c; cu1(",
            $minus,
            ") c,d; cx a,c; cu1(",
            $plus,
            ") c,d; cx b,c; cu1(",
            $minus,
            ") c,d; cx a,c; cu1(",
            $plus,
            ") c,d; h d;"
        )
    };
}

const THREE_CONTROLS_X: &str = three_controls!("pi/4", "-pi/4");
const THREE_CONTROLS_SX: &str = three_controls!("pi/8", "-pi/8");
const THREE_CONTROLS_SXDG: &str = three_controls!("-pi/8", "pi/8");

/// The Toffoli gate as `qelib1.inc` of the paper has it.
const TOFFOLI: &str =
    "h c; cx b,c; tdg c; cx a,c; t c; cx b,c; tdg c; cx a,c; t b; t c; h c; cx a,b; t a; tdg b; cx a,b;";

/// A program on as many qubits as `gate` has that does the gate, up to a global phase, by smaller ones; `None` for gates
/// with angles and those without a definition.
pub(crate) fn definition(gate: Gate) -> Option<String> {
    let (signature, body) = match spelling(gate)? {
        Spelling::Defined { signature, body, .. } => (signature, body),
        Spelling::Known(_) if gate == Gate::Ccx => (" a,b,c", TOFFOLI),
        Spelling::Known(_) => return None,
    };
    if signature.starts_with('(') {
        return None;
    }
    let qubits = gate.qubits();
    let operands: Vec<String> = (0..qubits).map(|at| format!("q[{at}]")).collect();
    let operands = operands.join(",");
    Some(format!(
        "OPENQASM 2.0; include \"qelib1.inc\"; gate parts{signature} {{ {body} }} qreg q[{qubits}]; parts {operands};"
    ))
}
