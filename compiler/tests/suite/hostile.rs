//! Programs written to hurt: they are refused in good time, and nothing panics.

use proptest::prelude::*;
use qhal_compiler::{Limits, NoIncludes, parse, parse_within};

use crate::reference::read;

fn refused(source: &str) -> String {
    parse(source, "evil.qasm", &NoIncludes).unwrap_err().message
}

const TOO_MANY: &str = "the program unfolds to more than 50000000 instructions";

#[test]
fn a_program_cannot_unfold_without_end() {
    let doubling = |first: &str, levels: usize| {
        let mut text = format!("qreg q[1]; gate g0 a {{ {first} }}\n");
        for level in 1..=levels {
            text += &format!("gate g{level} a {{ g{0} a; g{0} a; }}\n", level - 1);
        }
        text + &format!("g{levels} q[0];")
    };
    assert_eq!(refused(&doubling("U(0,0,0) a;", 60)), TOO_MANY);
    // Nothing at the bottom, and still 2^200 calls.
    assert_eq!(refused(&doubling("", 200)), TOO_MANY);
    assert_eq!(read(&doubling("U(0,0,0) a;", 10)).len(), 1024);
    // Whole registers at once: refused before the first of them is made.
    let mut limits = Limits::default();
    limits.instructions = 100_000;
    for statement in ["U(0,0,0) q", "barrier q", "measure q -> c", "reset q", "CX q,q2", "g q"] {
        let text = format!(
            "gate g a {{ U(0,0,0) a; }} qreg q[200000]; qreg q2[200000]; creg c[200000]; {statement};"
        );
        let error = parse_within(&text, "evil.qasm", &NoIncludes, limits).unwrap_err();
        assert_eq!(error.message, "the program unfolds to more than 100000 instructions", "{statement}");
    }
    // Long expressions, evaluated at every call.
    let text = format!("qreg q[16777216]; gate g(t) a {{ U({}t,0,0) a; }} g(1) q;", "1/t+".repeat(1000));
    assert_eq!(refused(&text), TOO_MANY);
}

#[test]
fn limits_are_the_callers() {
    let mut limits = Limits::default();
    (limits.instructions, limits.qubits, limits.bits) = (3, 2, 1);
    let within = |source: &str| parse_within(source, "", &NoIncludes, limits).map_err(|error| error.message);
    assert_eq!(within("qreg q[2]; creg c[1]; U(0,0,0) q; CX q[0],q[1];").unwrap().len(), 3);
    assert_eq!(
        within("qreg q[2]; U(0,0,0) q; U(0,0,0) q;").unwrap_err(),
        "the program unfolds to more than 3 instructions"
    );
    assert_eq!(within("qreg q[3];").unwrap_err(), "'q' is too large: a program has at most 2 qubits");
    assert_eq!(within("creg c[2];").unwrap_err(), "'c' is too large: a program has at most 1 classical bits");
}

#[test]
fn depth_costs_no_stack() {
    let deep = 200_000;
    let nested = format!("{}1{}", "1+(".repeat(deep), ")".repeat(deep));
    assert_eq!(read(&format!("qreg q[1]; U({nested},-{}2,0) q;", "-".repeat(deep))).len(), 1);
    assert_eq!(
        read(&format!(
            "qreg q[1]; gate g(t) a {{ U({}t{},0,0) a; }} g(1) q;",
            "-(".repeat(deep),
            ")".repeat(deep)
        ))
        .len(),
        1
    );
    assert_eq!(
        refused(&format!("qreg q[1]; U({}", "(".repeat(deep))),
        "expected an expression, but the program ends here"
    );
    assert_eq!(
        refused(&format!("qreg q[1]; U({}", "sin(".repeat(deep))),
        "expected an expression, but the program ends here"
    );
    // A chain of definitions, each calling the one before.
    let mut chain = String::from("qreg q[1]; gate g0(t) a { U(t,0,0) a; }\n");
    for level in 1..20_000 {
        chain += &format!("gate g{level}(t) a {{ g{}(t/1) a; }}\n", level - 1);
    }
    assert_eq!(read(&(chain + "g19999(0.5) q;")).len(), 1);
}

#[test]
fn size_alone_is_no_harm() {
    let long = "a".repeat(1_000_000);
    assert!(refused(&long).starts_with("there is no gate 'aaaa"));
    assert!(refused(&long).len() < 100);
    assert!(refused(&format!("qreg q[{}];", "9".repeat(1_000_000))).len() < 200);
    assert_eq!(read(&format!("/*{}*/{}", "*".repeat(1_000_000), "//\n".repeat(300_000))).len(), 0);
    let names: Vec<String> = (0..50_000).map(|n| format!("q{n}")).collect();
    let list = names.join(",");
    let text = format!(
        "gate g {list} {{ CX q0,q1; barrier {list}; }} qreg q[50000]; g q[{}];",
        (0..50_000).map(|n| n.to_string()).collect::<Vec<_>>().join("],q[")
    );
    assert_eq!(read(&text).len(), 2);
    let registers: String = (0..20_000).map(|n| format!("qreg q{n}[1];")).collect();
    assert_eq!(refused(&registers), "a program has at most 16384 registers");
}

/// Pieces of which programs are made, some of them broken.
const PIECES: [&str; 72] = [
    "OPENQASM 2.0;",
    "OPENQASM",
    "2.0",
    "3",
    "include \"qelib1.inc\";",
    "include",
    "\"qelib1.inc\"",
    "'x'",
    "\"",
    "qreg q[3];",
    "qreg",
    "creg c[3];",
    "creg",
    "q",
    "c",
    "[",
    "]",
    "[0]",
    "[1]",
    "[9]",
    "(",
    ")",
    "{",
    "}",
    ";",
    ";",
    ";",
    ",",
    ",",
    "->",
    "==",
    "=",
    "if",
    "if(c==1)",
    "if(c==99999999999999999999999)",
    "gate",
    "gate g(a) x,y {",
    "gate h0 x { U(0,0,pi) x; }",
    "opaque",
    "opaque o x;",
    "g",
    "g(1)",
    "h0",
    "o",
    "U(1,2,3)",
    "U",
    "CX",
    "cx",
    "h",
    "rz(pi/2)",
    "measure",
    "measure q -> c;",
    "reset",
    "barrier",
    "pi",
    "sin",
    "ln(",
    "a",
    "x",
    "y",
    "+",
    "-",
    "*",
    "/",
    "^",
    "0",
    "1",
    "0.5e3",
    "1e999",
    "//",
    "/*",
    "\u{0}é",
];

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PIECES[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_gives_a_circuit_or_a_place(text in "\\PC{0,200}") {
        whole(&text);
    }

    #[test]
    fn any_bytes_give_a_circuit_or_a_place(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        whole(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_order_of_pieces_gives_a_circuit_or_a_place(pieces in prop::collection::vec(piece(), 0..60)) {
        whole(&pieces.join(" "));
        whole(&format!("include \"qelib1.inc\"; qreg q[3]; creg c[3]; {}", pieces.concat()));
    }

    #[test]
    fn a_good_program_with_faults_gives_a_circuit_or_a_place(
        cuts in prop::collection::vec((0usize..GOOD.len(), 0usize..12, piece()), 1..5),
    ) {
        let mut text = GOOD.to_owned();
        for (at, length, piece) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, piece);
            }
        }
        whole(&text);
    }
}

const GOOD: &str = "OPENQASM 2.0;\ninclude \"qelib1.inc\";\n// comment\ngate g(a,b) x,y { u3(a,b/2,-sin(a)) x; cx x,y; barrier x; }\n\
    opaque o(t) z;\nqreg q[3];\ncreg c[3];\nh q;\ng(pi/4,2^0.5) q[0],q[2];\nccx q[0],q[1],q[2];\n/* more */\nbarrier q;\n\
    if(c==5) rz(-pi) q[1];\nreset q[0];\nmeasure q -> c;\n";

/// Reads the text and checks that what comes back is whole.
fn whole(text: &str) {
    let mut limits = Limits::default();
    limits.instructions = 10_000;
    match parse_within(text, "fuzz.qasm", &NoIncludes, limits) {
        Ok(circuit) => assert!(circuit.instructions().count() <= 10_000),
        Err(error) => {
            assert!(!error.message.is_empty() && error.line >= 1 && error.column >= 1);
            let shown = error.to_string();
            let lines: Vec<&str> = shown.split('\n').collect();
            assert_eq!(lines.len(), 3, "{shown:?}");
            assert!(lines[2].trim_start_matches(' ') == "^", "{shown:?}");
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
    }
}
