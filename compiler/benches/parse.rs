//! How many megabytes of OpenQASM a second are read, for the shapes that large files have.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qhal_compiler::{NoIncludes, parse};

/// About so many bytes of program.
const SIZE: usize = 8 << 20;

/// Repeats what `statement` writes for 0, 1, 2, … behind a head until the program is large.
fn program(head: &str, statement: impl Fn(&mut String, usize)) -> String {
    let mut text = format!("OPENQASM 2.0;\ninclude \"qelib1.inc\";\n{head}\n");
    for index in 0.. {
        if text.len() >= SIZE {
            break;
        }
        statement(&mut text, index);
    }
    text
}

fn shapes() -> [(&'static str, String); 5] {
    let line = |text: &mut String, what: std::fmt::Arguments<'_>| text.write_fmt(what).unwrap_or(());
    let qubits = |index: usize| (index * 7 % 100, (index * 7 + 1 + index % 50) % 100);
    let flat = program("qreg q[100];", |text, index| {
        let (a, b) = qubits(index);
        match index % 4 {
            0 => line(text, format_args!("h q[{a}];\n")),
            1 => line(text, format_args!("t q[{a}];\n")),
            _ => line(text, format_args!("cx q[{a}],q[{b}];\n")),
        }
    });
    let angles = program("qreg q[100];", |text, index| {
        let (a, _) = qubits(index);
        let x = (index as f64 * 0.7).sin() * 3.0;
        line(text, format_args!("u3({x},{},{}) q[{a}];\n", x * 0.3, x - 1.0));
    });
    let transpiled = program("qreg q[100];", |text, index| {
        let (a, b) = qubits(index);
        match index % 3 {
            0 => line(text, format_args!("rz(-3*pi/{}) q[{a}];\n", index % 7 + 1)),
            1 => line(text, format_args!("sx q[{a}];\n")),
            _ => line(text, format_args!("cx q[{a}], q[{b}];\n")),
        }
    });
    let defined = program(
        "gate majority a,b,c { cx c,b; cx c,a; ccx a,b,c; } gate turn(x) a,b { cu1(x/2) a,b; rz(-x) a; }\nqreg q[100];",
        |text, index| {
            let (a, b) = qubits(index);
            match index % 2 {
                0 if a != (b + 1) % 100 && b != (b + 1) % 100 => {
                    line(text, format_args!("majority q[{a}],q[{b}],q[{}];\n", (b + 1) % 100));
                }
                _ => line(text, format_args!("turn(pi/8) q[{a}],q[{b}];\n")),
            }
        },
    );
    let number =
        "2037035976334486086268445688409378161051468393665936250636140449354381299763336706306854165";
    let conditions = program("qreg q[100]; creg c[301];", |text, index| {
        let (a, _) = qubits(index);
        line(text, format_args!("if(c=={number}) x q[{a}];\n"));
    });
    [
        ("flat", flat),
        ("angles", angles),
        ("transpiled", transpiled),
        ("defined", defined),
        ("conditions", conditions),
    ]
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("openqasm2");
    group.sample_size(10);
    for (name, text) in shapes() {
        // A program that is refused at once would look fast.
        assert!(parse(&text, name, &NoIncludes).is_ok_and(|circuit| circuit.len() > 10_000), "{name}");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| parse(black_box(&text), name, &NoIncludes)));
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
