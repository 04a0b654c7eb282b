//! Every way to be wrong, with the place and the sentence.

use qhal::{Error, ErrorKind};
use qhal_compiler::{Diagnostic, Included, NoIncludes, parse};

/// Where the program is wrong is marked with `@`, which is taken out.
fn wrong(marked: &str) -> Diagnostic {
    let (before, after) = marked.split_once('@').expect("no place is marked");
    let source = format!("{before}{after}");
    let error = parse(&source, "a.qasm", &NoIncludes).expect_err(&source);
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap().chars().count();
    assert_eq!((error.line, error.column), (line, column), "{error}");
    error
}

fn check(cases: &[(&str, &str)]) {
    for (marked, message) in cases {
        assert_eq!(wrong(marked).message, *message, "{marked}");
    }
}

/// The same after the library and some registers.
fn check_after_head(cases: &[(&str, &str)]) {
    for (marked, message) in cases {
        let marked =
            format!("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[3];\nqreg r[2];\ncreg c[3];\n{marked}");
        assert_eq!(wrong(&marked).message, *message, "{marked}");
    }
}

#[test]
fn the_version_is_checked() {
    check(&[
        ("OPENQASM @2.1;", "OpenQASM 2.1 cannot be read here, only OpenQASM 2.0"),
        ("OPENQASM @1.0;", "OpenQASM 1.0 cannot be read here, only OpenQASM 2.0"),
        ("OPENQASM @20e-1;", "'20e-1' is not a version of OpenQASM"),
        ("OPENQASM @99999999999999999999;", "'99999999999999999999' is not a version of OpenQASM"),
        ("OPENQASM 2.0@a;", "'a' follows a number without a space"),
        ("OPENQASM @q;", "expected a version such as 2.0, found 'q'"),
        ("OPENQASM 2.0\n@qreg q[1];", "expected ';' after the version, found 'qreg'"),
        ("OPENQASM@", "expected a version such as 2.0, but the program ends here"),
        ("qreg q[1];\n@OPENQASM 2.0;", "the version must be the first statement"),
    ]);
    assert_eq!(wrong("OPENQASM @4.2;").kind, ErrorKind::Unsupported);
}

#[test]
fn undeclared_and_misused_names() {
    check_after_head(&[
        ("@foo q[0];", "there is no gate 'foo'"),
        ("@qubit a;", "'qubit' is a word of OpenQASM 3: begin the program with 'OPENQASM 3.0;'"),
        ("h @s[0];", "'s' is a gate, and a qubit is needed here"),
        ("h @x0[0];", "there is no quantum register 'x0'"),
        ("h @c[0];", "'c' is a classical register, and a qubit is needed here"),
        ("h @measure;", "'measure' is a word of the language, and a qubit is needed here"),
        ("measure q[0] -> @q[1];", "'q' is a quantum register, and a classical bit is needed here"),
        ("measure q[0] -> @d[1];", "there is no classical register 'd'"),
        ("measure @c[0] -> c[1];", "'c' is a classical register, and a qubit is needed here"),
        ("reset @U;", "'U' is a gate, and a qubit is needed here"),
        ("barrier q,@zz;", "there is no quantum register 'zz'"),
        ("@q q[0];", "'q' is a quantum register, not a gate"),
        ("@c q[0];", "'c' is a classical register, not a gate"),
        ("if(@q==0) x q[0];", "'q' is a quantum register, and a classical register is needed here"),
        ("if(@d==0) x q[0];", "there is no classical register 'd'"),
        ("@pi q[0];", "expected a statement, found 'pi'"),
    ]);
    check(&[
        ("qreg q[2];\n@cx q[0],q[1];", "there is no gate 'cx'; 'include \"qelib1.inc\";' declares it"),
        (
            "OPENQASM 2.0; qreg q[2];\n@gphase(1);",
            "'gphase' is a word of OpenQASM 3: begin the program with 'OPENQASM 3.0;'",
        ),
        ("CX @a[0],a[1]; qreg a[2];", "there is no quantum register 'a'"),
        ("gate cx a,b { @cx a,b; }", "there is no gate 'cx'; 'include \"qelib1.inc\";' declares it"),
    ]);
}

#[test]
fn names_are_declared_once() {
    check(&[
        ("qreg a[2]; creg @a[2];", "'a' is already declared: it is a quantum register"),
        ("creg a[2]; qreg @a[2];", "'a' is already declared: it is a classical register"),
        ("gate a b {} gate @a b {}", "'a' is already declared: it is a gate"),
        ("opaque a b; qreg @a[1];", "'a' is already declared: it is a gate"),
        ("gate @U(a,b,c) q {}", "'U' is already declared: it is a gate"),
        ("opaque @CX a,b;", "'CX' is already declared: it is a gate"),
        ("include \"qelib1.inc\"; gate @h q { }", "'h' is already declared: it is a gate"),
        (
            "gate h q { } include @\"qelib1.inc\";",
            "this include declares 'h', which the program uses for a gate",
        ),
        ("include \"qelib1.inc\"; qreg @x[2];", "'x' is already declared: it is a gate"),
        ("qreg @measure[2];", "'measure' is a word of the language"),
        ("gate @sin a {}", "'sin' is a word of the language"),
        ("gate g(@pi) a {}", "'pi' is a word of the language"),
        ("gate g(a,@a) b {}", "'a' is named twice"),
        ("gate g(a) b,@a {}", "'a' is named twice"),
        ("opaque g b,@b;", "'b' is named twice"),
    ]);
}

#[test]
fn registers() {
    check(&[
        ("qreg @;", "expected the register's name, found ';'"),
        ("qreg q@;", "expected '[', found ';'"),
        ("qreg q[@-1];", "expected the register's size, found '-'"),
        ("qreg q[@2.5];", "expected the register's size, found '2.5'"),
        ("qreg q[2@;", "expected ']', found ';'"),
        ("qreg q[2@a];", "'a' follows a number without a space"),
        ("qreg q[2]\n@creg c[2];", "expected ';', found 'creg'"),
        ("creg c[@4000000000];", "'c' is too large: a program has at most 16777216 classical bits"),
        ("qreg a[16777216]; qreg b[@1];", "'b' is too large: a program has at most 16777216 qubits"),
        ("qreg q[@18446744073709551616];", "'q' is too large: a program has at most 16777216 qubits"),
    ]);
    check_after_head(&[
        ("h @q[3];", "'q' has no element 3: its size is 3"),
        ("measure q[2] -> @c[0003];", "'c' has no element 3: its size is 3"),
        ("x q[1],@q[99999999999999999999];", "'q' has no element 99999999999999999999: its size is 3"),
        ("h q[@-1];", "expected an index, found '-'"),
        ("h q[@1.0];", "expected an index, found '1.0'"),
        ("h q[1@;", "expected ']', found ';'"),
        ("h q[@i];", "expected an index, found 'i'"),
    ]);
}

#[test]
fn the_shape_of_calls() {
    check_after_head(&[
        ("@h q[0],q[1];", "'h' takes 1 qubit, not 2"),
        ("@cx q[0];", "'cx' takes 2 qubits, not 1"),
        ("@h;", "'h' takes 1 qubit, not 0"),
        ("@rx q[0];", "'rx' takes 1 angle, not 0"),
        ("@u3(1,2) q[0];", "'u3' takes 3 angles, not 2"),
        ("@h(1) q[0];", "'h' takes 0 angles, not 1"),
        ("reset q[0],@q[1];", "'reset' takes 1 operand, not 2"),
        ("cx q[1],@q[1];", "'cx' gets the same qubit twice"),
        ("cx q,@q[1];", "'cx' gets the same qubit twice"),
        ("cx q,@q;", "'cx' gets the same qubit twice"),
        ("ccx q[0],q[1],@q[0];", "'ccx' gets the same qubit twice"),
        (
            "gate g a,b,d,e,f,i,j,k,l {} qreg w[9]; g q[0],w[1],w[2],w[3],w[4],@w[1],w[6],w[7],w[3];",
            "'g' gets the same qubit twice",
        ),
        (
            "gate g a,b,d,e,f,i,j,k,l {} g q[0],q[1],q[2],r,@r[1],r[0],r[1],q[0],q[1];",
            "'g' gets the same qubit twice",
        ),
        ("cx q,@r;", "'cx' cannot be applied to registers of 3 and 2"),
        ("ccx r,q[0],@q;", "'ccx' cannot be applied to registers of 2 and 3"),
        ("measure q[0] -> @c;", "cannot measure one bit into a register of 3"),
        ("measure q -> @c[0];", "cannot measure a register of 3 into one bit"),
        ("measure r -> @c;", "cannot measure a register of 2 into a register of 3"),
        ("measure q[0] @, c[0];", "expected '->', found ','"),
        ("measure q[0]@", "expected '->', but the program ends here"),
        ("cx q[0] @q[1];", "expected ',' or ';', found 'q'"),
        ("rx(1 @2) q[0];", "expected ',' or ')', found '2'"),
        ("h q[0]@", "expected ',' or ';', but the program ends here"),
        ("h q[0]@\n\n  ", "expected ',' or ';', but the program ends here"),
        ("@5;", "expected a statement, found '5'"),
        ("h q[0]; @};", "expected a statement, found '}'"),
        ("@\u{0};", "expected a statement, found the character U+0000"),
        ("h @é[0];", "expected a qubit, found the character U+00E9"),
        ("h q[0]; @/* open", "expected a statement, found a comment that is never closed"),
        ("h q[0]; @/ h q[0];", "expected a statement, found '/'"),
    ]);
}

#[test]
fn conditions() {
    check_after_head(&[
        ("if @c==1 x q[0];", "expected '(', found 'c'"),
        ("if(c@=1) x q[0];", "expected '==', found '='"),
        ("if(c@[0]==1) x q[0];", "expected '==', found '['"),
        ("if(c==@-1) x q[0];", "expected a whole number, found '-'"),
        ("if(c==@1.5) x q[0];", "expected a whole number, found '1.5'"),
        ("if(c==1 @x q[0];", "expected ')', found 'x'"),
        ("if(c==1) @barrier q;", "'barrier' cannot be conditioned: only gates, 'measure' and 'reset' can"),
        ("if(c==1) @if(c==1) x q[0];", "'if' cannot be conditioned: only gates, 'measure' and 'reset' can"),
        ("if(c==1) @;", "expected a gate, 'measure' or 'reset', found ';'"),
        ("if(c==1) cx q[0],@q[0];", "'cx' gets the same qubit twice"),
    ]);
    let long = format!("creg c[2]; qreg q[1]; if(c==@{}) U(0,0,0) q[0];", "1".repeat(20_001));
    assert_eq!(wrong(&long).message, "a number has at most 20000 digits");
}

#[test]
fn definitions() {
    check_after_head(&[
        ("gate @{}", "expected the gate's name, found '{'"),
        ("gate @g {}", "'g' has no qubits, and a gate needs one"),
        ("gate g a @;", "expected '{', found ';'"),
        ("gate g(a@;", "expected ',' or ')', found ';'"),
        ("gate g(@1) a {}", "expected a parameter, found '1'"),
        ("gate g a,@1 {}", "expected a qubit, found '1'"),
        (
            "gate g a { @measure a -> c; }",
            "'measure' cannot stand in a gate's body: only gates and 'barrier' can",
        ),
        ("gate g a { @if(c==0) x a; }", "'if' cannot stand in a gate's body: only gates and 'barrier' can"),
        ("gate g a { @gate f b {} }", "'gate' cannot stand in a gate's body: only gates and 'barrier' can"),
        ("gate g a { cx a,@q; }", "'q' is a quantum register, and a qubit of the gate is needed here"),
        ("gate g a { h @b; }", "'b' is not declared, and a qubit of the gate is needed here"),
        ("gate g(p) a { cx @p,a; }", "'p' is a parameter, and a qubit of the gate is needed here"),
        ("gate g a { h a@[0]; }", "expected ',' or ';', found '['"),
        ("gate g a,b { cx a,@a; }", "'cx' gets the same qubit twice"),
        ("gate g a,b { @cx a; }", "'cx' takes 2 qubits, not 1"),
        ("gate g a,b { @rx a; }", "'rx' takes 1 angle, not 0"),
        ("gate g a { rx(@a) a; }", "'a' is a qubit, not a number"),
        ("gate g a { @g a; }", "there is no gate 'g'"),
        ("gate g a { h a;@", "expected a gate or '}', but the program ends here"),
        ("gate g(t) a { rx(t@/0) a; }", "division by zero"),
        ("gate g(t) a { rx(t @t) a; }", "expected an operator, ',' or ')', found 't'"),
    ]);
}

#[test]
fn expressions() {
    check_after_head(&[
        ("rx(1@/0) q[0];", "division by zero"),
        ("rx(2@/(1.0-1)) q[0];", "division by zero"),
        ("rx(@ln(0)) q[0];", "ln of 0, which is not positive"),
        ("rx(1+@ln(2-3)) q[0];", "ln of -1, which is not positive"),
        ("rx(@sqrt(-2)) q[0];", "square root of -2, which is negative"),
        ("rx(@asin(2)) q[0];", "arc sine or arc cosine of 2, which is not between -1 and 1"),
        ("rx(@exp(1000)) q[0];", "the result is not a finite number"),
        ("rx(10@^400) q[0];", "the result is not a finite number"),
        ("rx((-1)@^0.5) q[0];", "the result is not a finite number"),
        ("rx(@1e400) q[0];", "the number '1e400' is too large"),
        ("rx(@1e+) q[0];", "the exponent of this number has no digits"),
        ("rx(1.5@.2) q[0];", "'.2' follows a number without a space"),
        ("rx(@.) q[0];", "expected an expression, found '.'"),
        ("rx(@*1) q[0];", "expected an expression, found '*'"),
        ("rx(1+@) q[0];", "expected an expression, found ')'"),
        ("rx(sin(@)) q[0];", "expected an expression, found ')'"),
        ("rx(sin @1) q[0];", "expected '(' after 'sin', found '1'"),
        ("rx((1+1 @2)) q[0];", "expected an operator or ')', found '2'"),
        ("rx((1@;", "expected an operator or ')', found ';'"),
        ("rx(@a) q[0];", "there is no parameter, constant or function 'a'"),
        ("rx(@q) q[0];", "'q' is a quantum register, not a number"),
        ("rx(@\"1\") q[0];", "expected an expression, found a string"),
        (
            "gate g(t) a { rx(1/t) a; } gate f(t) a { g(t-1) a; } @f(1) q[0];",
            "calling 'f': division by zero, in the body of 'g'",
        ),
        (
            "gate g(t) a { rx(t*t) a; } @g(1e300) q[0];",
            "calling 'g': the result is not a finite number, in the body of 'g'",
        ),
    ]);
}

#[test]
fn opaque_gates_may_be_declared_and_not_be_used() {
    check(&[
        (
            "opaque magic(a) x,y; qreg q[2]; @magic(1) q[0],q[1];",
            "'magic' is opaque: the program does not say what it does, so it cannot be run",
        ),
        (
            "opaque magic x; gate g a { magic a; } gate f a { g a; } qreg q[1]; @f q;",
            "'f' uses 'magic', which is opaque: the program does not say what it does",
        ),
        (
            "include \"qelib1.inc\"; opaque sx(a) x; qreg q[1]; @sx(1) q;",
            "'sx' is opaque: the program does not say what it does, so it cannot be run",
        ),
        ("opaque a@", "expected a qubit, but the program ends here"),
        ("opaque a x @{}", "expected ';', found '{'"),
    ]);
    assert_eq!(wrong("opaque magic x; qreg q[1]; @magic q;").kind, ErrorKind::Unsupported);
    assert!(parse("opaque magic(a) x; gate g a { magic(1) a; }", "", &NoIncludes).is_ok());
}

#[test]
fn includes() {
    check(&[
        ("include @qelib1;", "expected a file name in quotes, found 'qelib1'"),
        ("include @\"qelib1.inc;\nqreg q[1];", "the string is not closed on its line"),
        ("include @\"a", "the string is not closed on its line"),
        ("include \"qelib1.inc\" @qreg q[1];", "expected ';', found 'qreg'"),
        ("include @\"a.inc\";", "cannot include 'a.inc': only the built-in files can be included here"),
    ]);
    let itself =
        |name: &str, _: &str| Ok(Included { name: name.into(), text: format!("\n include \"{name}\";") });
    let error = parse("include \"a\";", "main", &itself).unwrap_err();
    assert_eq!(error.to_string(), "a:2:10: 'a' includes itself\n include \"a\";\n         ^");
    let error = parse("include \"main\";", "main", &itself).unwrap_err();
    assert_eq!(error.message, "'main' includes itself");
    let deeper =
        |name: &str, _: &str| Ok(Included { name: name.into(), text: format!("include \"{name}x\";") });
    let error = parse("include \"a\";", "main", &deeper).unwrap_err();
    assert!(error.message.ends_with("is not included: there are too many includes"), "{error}");
    let version = |name: &str, _: &str| Ok(Included { name: name.into(), text: "OPENQASM 3;".into() });
    let error = parse("OPENQASM 2.0; include \"a\";", "main", &version).unwrap_err();
    assert_eq!(
        (error.file.as_str(), error.message.as_str()),
        ("a", "OpenQASM 3.0 cannot be read here, only OpenQASM 2.0")
    );
}

#[test]
fn an_error_shows_the_line_and_keeps_it_at_the_boundary() {
    let error = parse("OPENQASM 2.0;\r\nqreg q[2];\r\n\tCX q[0], q[2];\r\n", "dir/bell.qasm", &NoIncludes)
        .unwrap_err();
    let shown = "dir/bell.qasm:3:11: 'q' has no element 2: its size is 2\n    CX q[0], q[2];\n             ^";
    assert_eq!(error.to_string(), shown);
    let error = Error::from(error);
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, shown));
}
