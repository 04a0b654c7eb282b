//! What the language means: expressions, registers, definitions, broadcasting, includes, conditions.

use std::f64::consts::PI;

use proptest::prelude::*;
use qhal::circuit::{BitString, Operation};
use qhal::{Circuit, Error, ErrorKind, Gate};
use qhal_compiler::{Folders, Included, NoIncludes, parse};

use crate::reference::{read, unitary};

/// A program with the library and some registers.
fn program(body: &str) -> Circuit {
    read(&format!("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[5];\nqreg r[2];\ncreg c[5];\n{body}"))
}

/// The instructions in short: name, angles, qubits.
fn steps(circuit: &Circuit) -> Vec<String> {
    let text = |instruction: qhal::circuit::Instruction<'_>| match instruction.operation {
        Operation::Gate { gate, params: [], qubits } => format!("{gate} {qubits:?}"),
        Operation::Gate { gate, params, qubits } => format!("{gate} {params:?} {qubits:?}"),
        Operation::Measure { qubit, bit } => format!("measure {qubit} {bit}"),
        operation => format!("{} {:?}", operation.name(), operation.qubits()),
    };
    circuit.instructions().map(text).collect()
}

fn angle(expression: &str) -> f64 {
    let circuit = program(&format!("rx({expression}) q[0];"));
    let Some(Operation::Gate { params, .. }) = circuit.get(0).map(|step| step.operation) else { panic!() };
    params[0]
}

#[test]
fn expressions_are_computed_as_written_in_mathematics() {
    for (expression, value) in [
        ("pi", PI),
        ("-pi/2", -PI / 2.0),
        ("3*pi/4", 3.0 * PI / 4.0),
        ("1 + 2 * -3 ^ 1.5 - 0.5 / +0.25", 1.0 + 2.0 * -(3f64.powf(1.5)) - 0.5 / 0.25),
        ("2^3^2", 512.0),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2-1-1", 0.0),
        ("4/2/2", 1.0),
        ("-+-+2", 2.0),
        ("(1.0 + 2.0) * ((3))", 9.0),
        ("4+3*2^2", 16.0),
        ("sin(0.5)+cos(0.25)*tan(1)", 0.5f64.sin() + 0.25f64.cos() * 1f64.tan()),
        ("exp(ln(2))/sqrt(2)", 2f64.ln().exp() / 2f64.sqrt()),
        ("asin(0.3)-acos(0.3)*atan(0.3)", 0.3f64.asin() - 0.3f64.acos() * 0.3f64.atan()),
        ("-(0.5 + sin(-pi))", -(0.5 + (-PI).sin())),
        ("00.25", 0.25),
        (".25", 0.25),
        ("25.", 25.0),
        ("2.5e-01", 0.25),
        (".025E+1", 0.25),
        ("25e-2", 0.25),
        ("1606938044258990275541962092341162602522202993782792835301376", 2f64.powi(200)),
        ("5e-324", 5e-324),
        ("1e-400", 0.0),
        ("7 /* of 8 */ / 8 // eighths\n", 0.875),
    ] {
        assert_eq!(angle(expression), value, "{expression}");
    }
}

#[test]
fn a_definition_computes_its_angles_at_every_call() {
    let circuit = program(
        "gate turn(a,b) x,y { rx(-a+b*2) y; U(sin(a),0,(a-b)/2^b) x; barrier x,y; cu1(pi/4) y,x; }
         gate twice(t) x,y { turn(t,t/2) x,y; turn(1,2) y,x; }
         twice(0.5) q[3],q[1];",
    );
    let rx = |x: f64| format!("rx [{x:?}]");
    assert_eq!(
        steps(&circuit),
        [
            format!("{} [1]", rx(0.0)),
            format!("u [{:?}, 0.0, {:?}] [3]", 0.5f64.sin(), 0.25 / 2f64.powf(0.25)),
            "barrier [3, 1]".into(),
            format!("cu1 [{:?}] [1, 3]", PI / 4.0),
            format!("{} [3]", rx(3.0)),
            format!("u [{:?}, 0.0, -0.25] [1]", 1f64.sin()),
            "barrier [1, 3]".into(),
            format!("cu1 [{:?}] [3, 1]", PI / 4.0),
        ]
    );
}

#[test]
fn names_of_parameters_and_qubits_are_a_world_of_their_own() {
    let circuit = program("gate g(rx, rz) h, cx { rz(rz) h; rx(rx) cx; h h; cx cx,h; } g(1,2) q[0],q[1];");
    assert_eq!(steps(&circuit), ["rz [2.0] [0]", "rx [1.0] [1]", "h [0]", "cx [1, 0]"]);
    let circuit = program("gate g a,b { barrier; barrier b,a,b; } g q[2],q[4];");
    assert_eq!(steps(&circuit), ["barrier [2, 4]", "barrier [4, 2]"]);
    // Unused parameters, empty parentheses, an empty body.
    assert_eq!(steps(&program("gate g(a) x { h() x; } gate n() x {}; g(1) q[0]; n q[1]; n() q;")), ["h [0]"]);
}

#[test]
fn a_definition_wins_over_what_exporters_assume_in_the_library() {
    // Half the angle that the table gives it.
    let circuit = program(
        "gate rzz(theta) a,b { cx a,b; u1(theta/2) b; cx a,b; } rzz(0.5) q[0],q[1]; rxx(0.5) q[0],q[1];",
    );
    assert_eq!(steps(&circuit), ["cx [0, 1]", "u1 [0.25] [1]", "cx [0, 1]", "rxx [0.5] [0, 1]"]);
    let circuit = program("gate sx a { s a; h a; s a; } sx q[0]; sxdg q[0];");
    assert_eq!(steps(&circuit), ["s [0]", "h [0]", "s [0]", "sxdg [0]"]);
    // What exporters write for readers that know the paper's file only says what the table says.
    let circuit = program(
        "gate rzz(theta) a,b { cx a,b; u1(theta) b; cx a,b; } gate sx a { sdg a; h a; sdg a; } rzz(0.5) q[0],q[1]; sx q[0];",
    );
    assert_eq!(steps(&circuit), ["rzz [0.5] [0, 1]", "sx [0]"]);
    // With another shape, before the include, and only from its place on.
    let circuit = program("gate g a { p(1) a; } gate p a,b { cx b,a; } p q[0],q[1]; g q[2];");
    assert_eq!(steps(&circuit), ["cx [1, 0]", "p [1.0] [2]"]);
    let circuit =
        read("gate swap a,b { CX a,b; } include \"qelib1.inc\"; qreg q[2]; swap q[0],q[1]; x q[0];");
    assert_eq!(steps(&circuit), ["cx [0, 1]", "x [0]"]);
    // A register may take such a name too.
    assert_eq!(
        steps(&read("include \"qelib1.inc\"; qreg p[1]; creg u[1]; x p[0]; measure p -> u;")).len(),
        2
    );
    // An opaque declaration of a gate that is known says nothing new.
    assert_eq!(steps(&program("opaque iswap a,b; iswap q[0],q[1];")), ["iswap [0, 1]"]);
}

#[test]
fn the_include_brings_every_gate_of_the_table_with_its_aliases() {
    for name in ["qelib1.inc", "stdgates.inc"] {
        for gate in Gate::all().filter(|gate| gate.qubits() > 0) {
            for spelling in std::iter::once(gate.name()).chain(gate.spec().aliases.iter().copied()) {
                let angles: Vec<f64> = (0..gate.params()).map(|index| 0.3 + index as f64).collect();
                let list: Vec<String> = angles.iter().map(f64::to_string).collect();
                let operands: Vec<String> = (0..gate.qubits()).map(|index| format!("q[{index}]")).collect();
                let text = format!(
                    "include '{name}'; qreg q[5]; {spelling}({}) {};",
                    list.join(","),
                    operands.join(",")
                );
                let circuit = read(&text);
                let qubits: Vec<u32> = (0..gate.qubits() as u32).collect();
                let expected = Operation::Gate { gate, params: &angles, qubits: &qubits };
                assert_eq!(circuit.get(0).unwrap().operation, expected, "{spelling}");
            }
        }
    }
}

#[test]
fn gates_spread_over_registers() {
    assert_eq!(steps(&program("h r;")), ["h [5]", "h [6]"]);
    assert_eq!(steps(&program("cx r[1],q;"))[..2], ["cx [6, 0]", "cx [6, 1]"]);
    assert_eq!(
        steps(&read("include \"qelib1.inc\"; qreg a[2]; qreg b[2]; qreg d[2]; ccx a,b[1],d; CX a,b;")),
        ["ccx [0, 3, 4]", "ccx [1, 3, 5]", "cx [0, 2]", "cx [1, 3]"]
    );
    assert_eq!(steps(&program("gate g a,b { cx b,a; } g q[4],r;")), ["cx [5, 4]", "cx [6, 4]"]);
    assert_eq!(steps(&program("measure q -> c;")).len(), 5);
    assert_eq!(steps(&program("measure q[3] -> c[1]; reset r;")), ["measure 3 1", "reset [5]", "reset [6]"]);
    assert_eq!(
        steps(&program("barrier r,q[1],r[0]; barrier; barrier q[4],q[4];")),
        ["barrier [5, 6, 1]", "barrier []", "barrier [4]"]
    );
}

#[test]
fn registers_may_be_declared_late_or_be_empty() {
    let circuit =
        read("qreg a[1]; creg m[2]; U(0,0,0) a; qreg b[2]; creg n[1]; CX b[0],b[1]; measure b[1] -> n[0];");
    assert_eq!((circuit.qubits(), circuit.bits()), (3, 3));
    assert_eq!(steps(&circuit)[1..], ["cx [1, 2]", "measure 2 2"]);
    let names: Vec<&str> = circuit.qubit_registers().iter().map(|register| register.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let circuit =
        program("qreg e[0]; creg f[0]; h e; cx q[0],e; ccx e,q[0],q[1]; measure e -> f; reset e; barrier e;");
    assert!(circuit.is_empty());
    assert_eq!(steps(&program("creg f[0]; if (f==0) x q[0];")), ["x [0]"]);
}

#[test]
fn conditions_compare_bit_by_bit_whatever_the_width() {
    // 2^300 + 123456789.
    let number =
        "2037035976334486086268445688409378161051468393665936250636140449354381299763336706306854165";
    let circuit = read(&format!(
        "qreg q[2]; creg m[3]; creg c[301];
         if(c=={number}) U(0,0,0) q; if(c=={number}) measure q[0] -> m[1]; if (m == 6) reset q[1]; if(m==8) CX q[0],q[1];"
    ));
    assert_eq!(circuit.len(), 5);
    let mut memory = BitString::zeros(304);
    let holds =
        |index: usize, memory: &BitString| circuit.get(index).unwrap().condition.unwrap().holds(memory);
    assert!(!holds(0, &memory) && !holds(3, &memory));
    memory.set(3 + 300, true);
    for bit in 0..64 {
        memory.set(3 + bit, 123_456_789u64 >> bit & 1 == 1);
    }
    assert!(holds(0, &memory) && holds(1, &memory) && holds(2, &memory));
    memory.set(3 + 299, true);
    assert!(!holds(0, &memory));
    memory.set(1, true);
    memory.set(2, true);
    assert!(holds(3, &memory));
    // A number that does not fit never equals.
    assert!((0..8u64).all(|value| !holds(4, &BitString::from_u64(304, value))));
}

#[test]
fn gates_that_are_defined_can_be_conditioned() {
    let circuit = program("gate g a { h a; barrier a; x a; } if(c==1) g r;");
    assert_eq!(steps(&circuit), ["h [5]", "barrier [5]", "x [5]", "h [6]", "barrier [6]", "x [6]"]);
    let conditioned: Vec<bool> = circuit.instructions().map(|step| step.condition.is_some()).collect();
    assert_eq!(conditioned, [true, false, true, true, false, true]);
}

#[test]
fn what_programs_in_use_are_written_like_is_read() {
    let messy = "\u{feff}// comment\r\nOPENQASM\n\n//\n2.0//x\n;include//\n\"qelib1.inc\"/* block\n*/;\rgate bell(//)\n)a,//\n\
                 b{h a;cx a //,,\n,b;};;qreg q\n[ //\n2 ] ;bell q[0],//\nq[ 1 ];creg c[2];measure q->c;// end";
    assert_eq!(steps(&read(messy)), ["h [0]", "cx [0, 1]", "measure 0 0", "measure 1 1"]);
    // Trailing commas, missing version, no line end, tabs and form feeds, capital and underscored names.
    assert_eq!(steps(&program("cu3(1,2,3,) q[0],q[1],;\tbarrier q[0],;\x0c")).len(), 2);
    assert_eq!(steps(&read("gate G_1(A,) b_, { U(A,0,0) b_; } qreg Q_[01]; G_1(1) Q_[00];")).len(), 1);
    assert!(read("").is_empty() && read("// nothing").is_empty() && read("OPENQASM 2;").is_empty());
    // A measurement split over lines and ended by the end of the file.
    assert_eq!(
        steps(&program("measure q[5\n] ->\r\n\r\n c[0]\r\n;".replace('5', "2").as_str())),
        ["measure 2 0"]
    );
}

#[test]
fn included_files_come_from_the_caller() {
    let files = |name: &str, from: &str| match name {
        "a.inc" => Ok(Included {
            name: "lib/a.inc".into(),
            text: "OPENQASM 2.0; include \"b.inc\"; include 'b.inc';".into(),
        }),
        "b.inc" => {
            assert_eq!(from, "lib/a.inc");
            Ok(Included { name: "lib/b.inc".into(), text: "CX q[0],q[1];".into() })
        }
        _ => Err(Error::new(ErrorKind::NotFound, "there is no such file")),
    };
    let circuit = parse("qreg q[2]; include \"a.inc\"; CX q[1],q[0];", "main.qasm", &files).unwrap();
    assert_eq!(steps(&circuit), ["cx [0, 1]", "cx [0, 1]", "cx [1, 0]"]);
    let error = parse("include \"c.inc\";", "main.qasm", &files).unwrap_err();
    assert_eq!(error.message, "cannot include 'c.inc': there is no such file");
    assert_eq!((error.kind, error.line, error.column), (ErrorKind::NotFound, 1, 9));
    assert!(parse("include \"qelib1.inc\"; include \"qelib1.inc\";", "", &NoIncludes).is_ok());
}

#[test]
fn folders_give_files_inside_them_and_no_others() {
    let folder = std::env::temp_dir().join(format!("qhal-compiler-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join("sub/gates.inc"), "gate g a { U(0,0,0) a; }").unwrap();
    std::fs::write(folder.join("binary.inc"), [0xff, 0xfe]).unwrap();
    let folders = Folders::beside(&folder.join("main.qasm"));
    let include = |name: &str| parse(&format!("include \"{name}\"; qreg q[1]; g q;"), "main.qasm", &folders);
    assert_eq!(include("sub/gates.inc").unwrap().len(), 1);
    assert_eq!(include("./sub/gates.inc").unwrap().len(), 1);
    for (name, kind) in [
        ("gates.inc", ErrorKind::NotFound),
        ("sub", ErrorKind::InvalidInput),
        ("binary.inc", ErrorKind::InvalidInput),
        ("../gates.inc", ErrorKind::PermissionDenied),
        ("/etc/passwd", ErrorKind::PermissionDenied),
        ("", ErrorKind::PermissionDenied),
    ] {
        assert_eq!(include(name).unwrap_err().kind, kind, "{name}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

proptest! {
    #[test]
    fn any_finite_angle_is_read_as_the_nearest_number(angle in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
        let circuit = read(&format!("qreg q[1]; U({angle:e},{angle},-{angle:?}) q;"));
        let Some(Operation::Gate { params, .. }) = circuit.get(0).map(|step| step.operation) else { panic!() };
        prop_assert_eq!(params, [angle, angle, -angle]);
    }

    #[test]
    fn unfolding_equals_writing_it_out(angles in prop::array::uniform3(-7.0f64..7.0)) {
        let [a, b, c] = angles;
        let program = |body: &str| read(&format!("include \"qelib1.inc\"; qreg q[3]; {body}"));
        let defined = program(&format!(
            "gate inner(x,y) a,b {{ u3(x,y,x*y) a; cx a,b; rz(-y) b; }}
             gate outer(x) a,b,d {{ inner(x,sin(x)) a,d; inner({b},x/3) d,b; h a; }}
             outer({a}) q[0],q[1],q[2]; outer({c}) q[2],q[0],q[1];"
        ));
        let outer = |x: f64, q: [u32; 3]| {
            let inner = |x: f64, y: f64, p: u32, r: u32| {
                format!("u3({x},{y},{}) q[{p}]; cx q[{p}],q[{r}]; rz({}) q[{r}];", x * y, -y)
            };
            let [p, r, s] = q;
            format!("{}{}h q[{p}];", inner(x, x.sin(), p, s), inner(b, x / 3.0, s, r))
        };
        let written = program(&(outer(a, [0, 1, 2]) + &outer(c, [2, 0, 1])));
        prop_assert!(unitary(&defined).distance(&unitary(&written)) < 1e-12);
    }
}
