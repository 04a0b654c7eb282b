//! OpenQASM 3: programs against what their statements mean, by matrices, and what is refused.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use proptest::prelude::*;
use qhal::circuit::Matrix;
use qhal::{Circuit, ErrorKind, Gate};
use qhal_compiler::openqasm3::{Inputs, check, emit};
use qhal_compiler::{Diagnostic, Limits, NoIncludes, parse, parse_with, parse_within};

use crate::reference::{outcomes, unitary};

fn read(body: &str) -> Circuit {
    let source = format!("OPENQASM 3.0;\ninclude \"stdgates.inc\";\n{body}");
    parse(&source, "t.qasm", &NoIncludes).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(body: &str) -> Diagnostic {
    parse(&format!("OPENQASM 3.0; include \"stdgates.inc\";\n{body}"), "t.qasm", &NoIncludes).unwrap_err()
}

/// Two bodies on the same qubits do the same, global phase included.
fn assert_same(body: &str, other: &str) {
    let off = unitary(&read(body)).distance(&unitary(&read(other)));
    assert!(off < 1e-12, "{body} and {other} differ by {off}");
}

fn certain(body: &str) -> String {
    let found = outcomes(&read(body));
    assert_eq!(found.len(), 1, "{body}: {found:?}");
    let (bits, probability) = found.into_iter().next().unwrap();
    assert!((probability - 1.0).abs() < 1e-9);
    bits
}

/// The specification, "Built-in gates" and "Quantum gate modifiers": a control shows the phase e^{iθ/2} of `U`.
#[test]
fn modifiers_mean_what_the_specification_says() {
    assert_same("qubit[2] q; ctrl @ x q[0], q[1];", "qubit[2] q; cx q[0], q[1];");
    assert_same("qubit[3] q; ctrl(2) @ x q[0], q[1], q[2];", "qubit[3] q; ccx q[0], q[1], q[2];");
    assert_same("qubit[2] q; negctrl @ x q[0], q[1];", "qubit[2] q; x q[0]; cx q[0], q[1]; x q[0];");
    assert_same("qubit[2] q; ctrl @ gphase(pi/3) q[0];", "qubit[2] q; p(pi/3) q[0];");
    assert_same(
        "qubit[2] q; ctrl @ U(0.3, 0.4, 0.5) q[0], q[1];",
        "qubit[2] q; cu(0.3, 0.4, 0.5, 0.15) q[0], q[1];",
    );
    assert_same("qubit q; pow(1/2) @ x q;", "qubit q; sx q;");
    assert_same("qubit q; pow(1/4) @ z q; pow(0.25) @ z q;", "qubit q; s q;");
    assert_same("qubit q; inv @ pow(3) @ t q;", "qubit q; inv @ s q; tdg q;");
    assert_same(
        "qubit[2] q; pow(0.5) @ ctrl @ x q[0], q[1]; pow(0.5) @ ctrl @ x q[0], q[1];",
        "qubit[2] q; cx q[0], q[1];",
    );
    assert_same(
        "gate g(a) p, r { h p; cx p, r; rz(a) r; } qubit[3] q; inv @ ctrl @ g(0.7) q[2], q[0], q[1];",
        "qubit[3] q; ctrl @ rz(-0.7) q[2], q[1]; ccx q[2], q[0], q[1]; ch q[2], q[0];",
    );
    assert_same("qubit[2] q; inv @ U(0.3, 0.4, 0.5) q[1];", "qubit[2] q; U(-0.3, -0.5, -0.4) q[1];");
    assert_same("qubit[2] q; ctrl @ inv @ sx q[0], q[1]; ctrl @ sx q[0], q[1];", "qubit[2] q;");
}

/// The specification, "Types and casting", angles: fixed-point numbers of turns, so that π/2 is "0100" in four bits.
#[test]
fn angles_of_so_many_bits_are_rounded_to_them() {
    for (angle, held) in [
        ("pi", "pi"),
        ("pi/2", "pi/2"),
        ("7*pi/8", "7*pi/8"),
        ("0.4", "pi/8"),
        ("-pi/8", "15*pi/8"),
        ("5*pi", "pi"),
        ("6.2", "0"),
    ] {
        let stored = format!("qubit q; angle[4] a = {angle}; p(a) q;");
        assert_same(&stored, &format!("qubit q; p({held}) q;"));
    }
    // Without a width an angle is what it was; a wide one is exact to the last digits.
    assert_same("qubit q; angle a = 0.4; p(a) q;", "qubit q; p(0.4) q;");
    assert_same("qubit q; angle[64] a = 0.4; p(a) q;", "qubit q; p(0.4) q;");
    assert_same("qubit q; angle[4] a = pi/8; a += 0.2; p(a) q;", "qubit q; p(pi/4) q;");
    let bits = "qubit[1] q; bit[1] c; angle[4] a = pi/2; uint[4] n = uint[4](bit[4](a)); if (n == 4) { x q[0]; } c = measure q;";
    assert_eq!(certain(bits), "1");
}

/// The definitions in the appendix `stdgates.inc` of the specification, under a control, where phases count.
#[test]
fn standard_gates_are_those_of_the_specification_phases_included() {
    for (gate, definition) in [
        ("p(a)", "ctrl @ gphase(a) q;"),
        ("x", "U(pi, 0, pi) q; gphase(-pi/2);"),
        ("y", "U(pi, pi/2, pi/2) q; gphase(-pi/2);"),
        ("z", "p(pi) q;"),
        ("h", "U(pi/2, 0, pi) q; gphase(-pi/4);"),
        ("s", "pow(1/2) @ z q;"),
        ("sdg", "inv @ pow(1/2) @ z q;"),
        ("t", "pow(1/2) @ s q;"),
        ("tdg", "inv @ pow(1/2) @ s q;"),
        ("sx", "pow(1/2) @ x q;"),
        ("rx(a)", "U(a, -pi/2, pi/2) q; gphase(-a/2);"),
        ("ry(a)", "U(a, 0, 0) q; gphase(-a/2);"),
        ("rz(a)", "gphase(-a/2); U(0, 0, a) q;"),
        ("u1(a)", "U(0, 0, a) q;"),
        ("phase(a)", "U(0, 0, a) q;"),
        ("u2(a, b)", "gphase(-(a+b+pi/2)/2); U(pi/2, a, b) q;"),
        ("u3(a, b, c)", "gphase(-(a+b+c)/2); U(a, b, c) q;"),
        ("id", "U(0, 0, 0) q;"),
    ] {
        let angles = "const float a = 0.83; const float b = -1.21; const float c = 2.37;";
        let defined =
            format!("{angles} gate of_spec q {{ {definition} }} qubit[2] r; ctrl @ of_spec r[0], r[1];");
        assert_same(&format!("{angles} qubit[2] r; ctrl @ {gate} r[0], r[1];"), &defined);
    }
}

#[test]
fn loops_ranges_sets_and_arrays_are_unrolled() {
    let body = "qubit[5] q; for int i in [0:2:4] x q[i]; for uint j in {1, 3} { h q[j]; h q[j]; }
        array[int, 2] a = {1, 3}; for int k in a { x q[k]; }
        int n = 0; while (n < 10) { n += 1; if (n == 3) continue; if (n > 4) break; x q[0]; }
        bit[5] c = measure q;";
    // x on 0 three more times: n = 1, 2 and 4.
    assert_eq!(certain(body), "11110");
    assert_eq!(
        certain("qubit[4] q; bit[4] c; x q[{0, 2}]; x q[2:3]; c[1:2] = measure q[2:3]; c[0] = measure q[0];"),
        "0101"
    );
    assert_eq!(
        certain("qubit[2] a; qubit[2] b; let all = a ++ b; x all[1:-1]; bit[4] c; c = measure all;"),
        "1110"
    );
    assert_eq!(certain("qubit[3] q; x q[-1]; bit[3] c = measure q;"), "100");
}

#[test]
fn outcomes_decide_what_follows() {
    let teleported = "qubit[3] q; bit[2] c; bit r; ry(0.8) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0];
        c[0] = measure q[0]; c[1] = measure q[1]; if (c[1]) x q[2]; if (c[0] == 1) { z q[2]; } r = measure q[2];";
    let one: f64 =
        outcomes(&read(teleported)).iter().filter(|(bits, _)| bits.starts_with('1')).map(|(_, p)| p).sum();
    assert!((one - 0.4f64.sin().powi(2)).abs() < 1e-12, "{one}");

    // Else, else if, negation, disjunction, comparison of a register, switch: one qubit for each.
    for (condition, wanted) in [
        ("!c[0]", [1, 0, 1, 0]),
        ("c[0] || c[1]", [0, 1, 1, 1]),
        ("c[0] && !c[1]", [0, 1, 0, 0]),
        ("c == 2", [0, 0, 1, 0]),
        ("c != 2", [1, 1, 0, 1]),
        ("c[0] ^ c[1]", [0, 1, 1, 0]),
        ("c == \"01\"", [0, 1, 0, 0]),
        ("uint[2](c) == 3", [0, 0, 0, 1]),
        ("bool(c[1])", [0, 0, 1, 1]),
        ("c[0] == c[1]", [1, 0, 0, 1]),
    ] {
        let body = format!(
            "qubit[3] q; bit[2] c; bit r; h q[0]; h q[1]; c = measure q[0:1];
             if ({condition}) {{ x q[2]; }} else {{ x q[2]; x q[2]; }} r = measure q[2];"
        );
        let found = outcomes(&read(&body));
        assert_eq!(found.len(), 4, "{condition}: {found:?}");
        for (at, wanted) in wanted.iter().enumerate() {
            let bits = format!("{wanted}{at:02b}");
            assert!(
                (found.get(&bits).copied().unwrap_or(0.0) - 0.25).abs() < 1e-12,
                "{condition}: {found:?}"
            );
        }
    }
    let switched = "qubit[3] q; bit[2] c; bit r; h q[0]; h q[1]; c = measure q[0:1];
        switch (uint(c)) { case 0, 3 { x q[2]; } case 1 { } default { x q[2]; x q[2]; x q[2]; } } r = measure q[2];";
    let found = outcomes(&read(switched));
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), ["001", "100", "110", "111"]);
}

/// An outcome is what it was when it was read, wherever its bit is used again.
#[test]
fn bits_are_used_again_and_copied() {
    // The qubit is 1, then 0: the same bit holds both, the condition in between reads the first.
    assert_eq!(
        certain(
            "qubit[2] q; bit c; bit r; x q[0]; c = measure q[0]; if (c) x q[1]; reset q[0]; c = measure q[0]; r = measure q[1];"
        ),
        "10"
    );
    // A copy outlives the bit.
    assert_eq!(
        certain(
            "qubit[2] q; bit c; bit r; bool b; x q[0]; c = measure q[0]; b = c; reset q[0]; c = measure q[0]; if (b) x q[1]; r = measure q[1];"
        ),
        "110",
    );
    // A measurement under a condition leaves the outcome before where the condition does not hold.
    let body = "qubit[3] q; bit c; bit d; x q[0]; h q[2]; d = measure q[2]; c = measure q[0]; if (d) { c = measure q[1]; }";
    let found = outcomes(&read(body));
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), ["01", "10"], "{found:?}");
    // Flags computed from outcomes.
    let body = "qubit[3] q; bit[2] c; bit r; x q[1]; c = measure q[0:1]; bool f = false; if (c[0]) f = true; if (c[1]) { f = !f; }
        if (f) x q[2]; r = measure q[2];";
    assert_eq!(certain(body), "110");
    let error = refused("qubit q; bit c; h q; c = measure q; if (c) { c = measure q; x q; }");
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("overwritten"), "{error}");
}

#[test]
fn subroutines_run_where_they_are_called() {
    let body = "def flip(qubit[2] p, int n) { for int i in [0:n-1] x p[i]; }
        def read_out(qubit a) -> bit { return measure a; }
        def both(qubit a, qubit b) -> bit[2] { bit[2] r; r[0] = measure a; r[1] = measure b; return r; }
        qubit[4] q; flip(q[1:2], 2); bit c; bit[2] d; c = read_out(q[1]); d = both(q[2], q[3]);";
    assert_eq!(certain(body), "011");
    assert_eq!(
        certain(
            "def f(int n) -> int { if (n <= 1) { return 1; } return n * f(n - 1); } qubit[3] q; if (f(4) == 24) x q[0]; bit[3] c = measure q;"
        ),
        "001"
    );
    assert!(refused("def f(int n) -> int { return f(n + 1); } int x = f(0);").message.contains("nested"));
    let changed = "def f(mutable array[int, #dim = 1] a) { a[0] = 3; } array[int, 2] b = {0, 1}; f(b); qubit[4] q; x q[b[0]]; bit[4] c = measure q;";
    assert_eq!(certain(changed), "1000");
    let error = refused("extern f(int) -> int; qubit q; int x = f(1);");
    assert_eq!((error.kind, error.line), (ErrorKind::Unsupported, 2));
}

#[test]
fn classical_values_are_computed() {
    let angle = |expression: &str| {
        let circuit = read(&format!("const float w = 0.5; const int n = 7; qubit q; rx({expression}) q;"));
        match circuit.get(0).unwrap().operation {
            qhal::circuit::Operation::Gate { params, .. } => params[0],
            _ => panic!("no gate"),
        }
    };
    for (expression, value) in [
        ("-pi/2", -PI / 2.0),
        ("-2**2", -4.0),
        ("2**3**2", 512.0),
        ("n / 2", 3.0),
        ("n % 4 + n / 2.0", 6.5),
        ("1 << 3 | 1", 9.0),
        ("0x1F + 0b11 + 0o7 + 1_000", 1041.0),
        ("sin(w) + cos(w) * tan(w)", 0.5f64.sin() + 0.5f64.cos() * 0.5f64.tan()),
        ("arcsin(0.5) + exp(1) + log(2) + sqrt(2)", 0.5f64.asin() + 1f64.exp() + 2f64.ln() + 2f64.sqrt()),
        ("floor(2.7) + ceiling(2.1) + mod(7, 4) + popcount(7)", 11.0),
        ("float(n) / 2", 3.5),
        ("τ / 4", PI / 2.0),
        ("2.5e-1 + .5", 0.75),
        ("real(2.0 + 3.0im) + imag(2.0 + 3.0im)", 5.0),
        ("100ns / 10ns", 10.0),
        ("int[4](n + 2)", -7.0),
        ("uint[2](n)", 3.0),
        ("sizeof({1, 2, 3})", 3.0),
        ("bool(n) + 0", 1.0),
    ] {
        assert!((angle(expression) - value).abs() < 1e-12, "{expression}: {}", angle(expression));
    }
}

#[test]
fn inputs_get_values_from_outside() {
    let source = "OPENQASM 3; include \"stdgates.inc\"; input float theta; input int n; qubit[3] q; for int i in [1:n] ry(theta) q[0];";
    let with = |pairs: &[(&str, &str)]| {
        let inputs: Inputs =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        parse_with(source, "t.qasm", &NoIncludes, Limits::default(), &inputs)
    };
    assert_eq!(with(&[("theta", "pi/2"), ("n", "3")]).unwrap().len(), 3);
    assert!(with(&[("theta", "1")]).unwrap_err().message.contains("--input n=0"));
    assert!(with(&[("theta", "1"), ("n", "2"), ("m", "2")]).unwrap_err().message.contains("no input 'm'"));
    assert!(with(&[("theta", "oops"), ("n", "2")]).unwrap_err().message.contains("'oops' is no value"));
}

#[test]
fn what_is_not_carried_out_is_read_all_the_same() {
    let source = "OPENQASM 3.0;
        pragma user something { [
        defcalgrammar \"openpulse\";
        cal { extern port d0; frame f = newframe(d0, 5.0e9, 0.0); }
        defcal x $0 { play(f, gaussian(1.0, 160dt, 40dt)); }
        defcal measure $0 -> bit { return capture(f); }
        include \"stdgates.inc\";
        @hint(slow)
        extern f(int[8], float) -> bit[4];
        qubit q; stretch g;
        box { x q; delay[100ns] q; nop q; }
        barrier q; ;
        ";
    let circuit = parse(source, "t.qasm", &NoIncludes).unwrap();
    let names: Vec<&str> = circuit.instructions().map(|instruction| instruction.operation.name()).collect();
    assert_eq!(names, ["x", "delay", "barrier"]);
    assert!(check("OPENQASM 3; for int i in [0:3 x", "t").is_err());
}

#[test]
fn physical_qubits_are_numbered() {
    let circuit = read("x $2; cx $0, $2; bit c; c = measure $2;");
    assert_eq!((circuit.qubits(), circuit.len()), (3, 3));
}

#[test]
fn faults_are_shown_where_they_are() {
    for (body, place, words) in [
        ("qubit[2] q; x q[2];", (2, 17), "no element 2"),
        ("qubit q; x w;", (2, 12), "no qubit 'w'"),
        ("qubit q; y1 q;", (2, 10), "no gate 'y1'"),
        ("qubit q; rx q;", (2, 10), "takes 1 angle(s), not 0"),
        ("qubit[2] q; qubit[3] r; cx q, r;", (2, 25), "do not go together"),
        ("qubit[2] q; cx q[0], q[0];", (2, 13), "named twice"),
        ("qubit q; bit[2] c; c = measure q;", (2, 20), "1 qubit(s) are measured into 2 bit(s)"),
        ("const int n = 1; n = 2;", (2, 18), "constant"),
        ("int n; int m = n + 1;", (2, 16), "has no value yet"),
        ("int n = 1 / 0;", (2, 11), "division by zero"),
        ("qubit q; bit c = measure q; while (c) { x q; }", (2, 36), "until an outcome says otherwise"),
        ("qubit q; bit c = measure q; int n = 0; if (c) n = 1;", (2, 47), "depends on the outcome"),
        ("qubit q; x q", (2, 13), "the program ends here"),
        ("qubit q; qubit q;", (2, 10), "taken"),
        ("gate g a { measure a; } qubit q; g q;", (2, 12), "neither measures nor resets"),
        ("delay[3dt] $0;", (2, 7), "tick of the hardware"),
        ("int if = 3;", (2, 5), "a word of the language"),
        ("bit c; c = 1;", (2, 8), "something else than one outcome"),
        ("qubit q; bit a; bit b; a = measure q; b = a;", (2, 24), "two bits of the program"),
    ] {
        let error = refused(body);
        assert!(error.message.contains(words), "{body}: {error}");
        if !words.contains("two bits") {
            assert_eq!((error.line, error.column), place, "{body}: {error}");
        }
    }
}

#[test]
fn hostile_programs_end_soon() {
    let limits = {
        let mut limits = Limits::default();
        limits.instructions = 20_000;
        limits
    };
    let deep = |open: &str, close: &str| {
        format!("OPENQASM 3; int x = {}1{};", open.repeat(5000), close.repeat(5000))
    };
    let mut doubling = String::from("OPENQASM 3; gate g0 a { U(0,0,0) a; }\n");
    for at in 1..60 {
        doubling.push_str(&format!("gate g{at} a {{ g{0} a; g{0} a; }}\n", at - 1));
    }
    doubling.push_str("qubit q; g59 q;");
    for source in [
        deep("(", ")"),
        deep("-", ""),
        deep("!", ""),
        deep("{", "}"),
        format!("OPENQASM 3; int x = 1{};", " + 1".repeat(100_000)),
        format!("OPENQASM 3; {}", "{".repeat(100_000)),
        format!("OPENQASM 3; {} x;", "if (true) ".repeat(100_000)),
        format!("OPENQASM 3; qubit q; {} U(0,0,0) q;", "inv @ ".repeat(100_000)),
        "OPENQASM 3; while (true) { }".to_owned(),
        "OPENQASM 3; for int i in [0:1000000000000] { }".to_owned(),
        "OPENQASM 3; qubit[4000000000] q;".to_owned(),
        "OPENQASM 3; bit[4000000000] q;".to_owned(),
        "OPENQASM 3; array[int, 100000, 100000] a;".to_owned(),
        "OPENQASM 3; qubit q; pow(1000000000) @ U(1,2,3) q;".to_owned(),
        "OPENQASM 3; U(0,0,0) $4294967295;".to_owned(),
        "OPENQASM 3; def f() { f(); } f();".to_owned(),
        "OPENQASM 3; int x = 10 ** 10 ** 10;".to_owned(),
        doubling,
    ] {
        let _ =
            parse_within(&source, "t", &NoIncludes, limits).map(|circuit| assert!(circuit.len() < 200_000));
    }
}

/// Programs as Qiskit writes them, cut, spliced and spoiled.
fn spoiled() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "OPENQASM 3;",
        "include \"stdgates.inc\";",
        "qubit[3] q;",
        "bit[3] c;",
        "int n = 2;",
        "x",
        "h",
        "cx",
        "q",
        "c",
        "q[0]",
        "c[1]",
        "$1",
        "n",
        "=",
        "measure",
        "->",
        ";",
        "if",
        "else",
        "for",
        "int",
        "i",
        "in",
        "[0:2]",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "ctrl @",
        "inv @",
        "pow(2) @",
        "gate g a { x a; }",
        "g",
        "def f(qubit p) -> bit { return measure p; }",
        "f(",
        "while",
        "switch",
        "case",
        "default",
        "1",
        "0.5",
        "pi",
        "+",
        "*",
        "**",
        "==",
        "&&",
        "!",
        "~",
        "++",
        "let",
        "return",
        "break",
        "reset",
        "barrier",
        "delay[10ns]",
        "gphase(1)",
        "\"01\"",
        "end",
        "array[int, 2]",
        ",",
        ":",
        "-",
        "uint[2]",
        "const",
        "input",
        "float",
        "angle",
        "box",
        "cal {",
        "defcal",
        "pragma x\n",
        "@a\n",
        "/*",
        "*/",
        "//",
        "\n",
        "1im",
        "9dt",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| format!("OPENQASM 3.0;\n{}", words.join(" ")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(source in spoiled()) {
        let _ = parse(&source, "t", &NoIncludes);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in "\\PC{0,80}") {
        let _ = parse(&format!("OPENQASM 3;{text}"), "t", &NoIncludes);
    }

    /// Modifiers against the algebra of matrices: controls, inverse and whole powers of a random gate.
    #[test]
    fn modifiers_are_the_algebra_of_matrices(angles in prop::array::uniform3(-3.0..3.0f64), power in -3i32..4, on in any::<bool>()) {
        let [a, b, c] = angles;
        let circuit = read(&format!(
            "qubit[3] q; {} @ pow({power}) @ inv @ cu({a}, {b}, {c}, 0.3) q[2], q[0], q[1];",
            if on { "ctrl" } else { "negctrl" }
        ));
        let once = Gate::Cu.matrix(&[a, b, c, 0.3]).adjoint();
        let base = if power < 0 { once.adjoint() } else { once };
        let mut inner = Matrix::identity(2);
        for _ in 0..power.abs() {
            inner = base.times(&inner).unwrap();
        }
        let found = unitary(&circuit);
        for row in 0..8usize {
            for column in 0..8usize {
                let active = (row >> 2 == usize::from(on)) && (column >> 2 == usize::from(on));
                let expected = if active { inner.get(row & 3, column & 3) } else { f64::from(row == column).into() };
                prop_assert!((found.get(row, column) - expected).norm() < 1e-9);
            }
        }
    }
}

#[test]
fn definitions_of_known_gates_are_the_gates() {
    let circuit = read(
        "gate rzz(a) p, q { cx p, q; rz(a) q; cx p, q; } gate sxdg p { s p; h p; s p; } qubit[2] q; rzz(0.3) q[0], q[1]; sxdg q[0];",
    );
    let names: Vec<&str> = circuit.instructions().map(|instruction| instruction.operation.name()).collect();
    assert_eq!(names, ["rzz", "sxdg"]);
    let other = read("gate rzz(a) p, q { cx p, q; rz(2*a) q; cx p, q; } qubit[2] q; rzz(0.3) q[0], q[1];");
    assert_eq!(other.len(), 3);
    let _: BTreeMap<String, f64> = outcomes(&other);
}

/// What is written is read as the same circuit: every gate of the table, matrices under controls, conditions, delays.
#[test]
fn what_is_written_is_read_again() {
    for gate in Gate::all() {
        let qubits: Vec<u32> = (0..gate.qubits() as u32).rev().collect();
        let mut circuit = Circuit::with_size(gate.qubits().max(1) as u32, 0);
        circuit.gate(gate, &[0.7, -0.4, 1.9, 2.3][..gate.params()], &qubits).unwrap();
        let text = emit(&circuit).unwrap();
        let again = parse(&text, "t", &NoIncludes).unwrap_or_else(|error| panic!("{error}"));
        let distance = unitary(&again).distance_up_to_phase(&unitary(&circuit));
        assert!(distance < 1e-12, "{gate}: {distance}\n{text}");
    }
    for controls in 0..4u32 {
        let mut circuit = Circuit::with_size(4, 0);
        let matrix = Gate::U.matrix(&[0.7, -0.4, 1.9]).times(&Gate::Rz.matrix(&[0.3])).unwrap();
        let qubits: Vec<u32> = (0..=controls).rev().collect();
        circuit.unitary(&matrix, controls, &qubits).unwrap();
        let again = parse(&emit(&circuit).unwrap(), "t", &NoIncludes).unwrap();
        let distance = unitary(&again).distance_up_to_phase(&unitary(&circuit));
        assert!(distance < 1e-12, "{controls} controls: {distance}");
    }
    let body = "qubit[3] q; bit[2] c; bit r; h q[0]; h q[1]; c = measure q[0:1]; if (c[0] || c[1]) x q[2]; if (c == 2) z q[2];
        delay[100ns] q[2]; barrier q; reset q[0]; r = measure q[2];";
    let circuit = read(body);
    let text = emit(&circuit).unwrap();
    assert_eq!(outcomes(&parse(&text, "t", &NoIncludes).unwrap()), outcomes(&circuit), "{text}");
    assert!(text.contains("if (c == 2) { z q[2]; }") && text.contains("delay[1e-7s] q[2];"), "{text}");
    for path in std::fs::read_dir(crate::reference::data("circuits")).unwrap() {
        let path = path.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "qasm") {
            let circuit = parse(&std::fs::read_to_string(&path).unwrap(), "t", &NoIncludes).unwrap();
            let again = parse(&emit(&circuit).unwrap(), "t", &NoIncludes).unwrap();
            let (a, b) = (crate::reference::state(&circuit), crate::reference::state(&again));
            let overlap: qhal::Complex64 = a.iter().zip(&b).map(|(a, b)| a.conj() * b).sum();
            assert!((overlap.norm() - 1.0).abs() < 1e-9, "{}", path.display());
        }
    }
}
