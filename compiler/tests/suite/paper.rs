//! The example programs of the OpenQASM 2 paper (arXiv 1707.03429, section 4), run to the end and checked for what they
//! are meant to do.

use std::f64::consts::PI;

use crate::reference::{outcomes, read, state, unitary};
use qhal::{Circuit, Gate};

/// The probability that bit `bit` of the memory is 1.
fn one(circuit: &Circuit, bit: u32) -> f64 {
    let width = circuit.bits() as usize;
    outcomes(circuit)
        .iter()
        .filter(|(bits, _)| bits.as_bytes()[width - 1 - bit as usize] == b'1')
        .map(|(_, p)| p)
        .sum()
}

#[test]
fn teleportation_moves_the_state() {
    let circuit = read(
        r#"// quantum teleportation
        OPENQASM 2.0;
        include "qelib1.inc";
        qreg q[3];
        creg c0[1];
        creg c1[1];
        creg c2[1];
        gate post q { } // for tomography
        u3(0.3,0.2,0.1) q[0];
        h q[1];
        cx q[1],q[2];
        barrier q;
        cx q[0],q[1];
        h q[0];
        measure q[0] -> c0[0];
        measure q[1] -> c1[0];
        if(c0==1) z q[2];
        if(c1==1) x q[2];
        post q[2];
        measure q[2] -> c2[0];"#,
    );
    assert_eq!((circuit.qubits(), circuit.bits(), circuit.len()), (3, 3, 11));
    // u3(θ, …)|0⟩ is 1 with probability sin²(θ/2).
    assert!((one(&circuit, 2) - (0.15f64).sin().powi(2)).abs() < 1e-12);
    for sent in [0, 1] {
        assert!((one(&circuit, sent) - 0.5).abs() < 1e-12);
    }
}

#[test]
fn the_fourier_transform_of_a_basis_state_is_flat_with_turning_phases() {
    let circuit = read(
        r#"OPENQASM 2.0;
        include "qelib1.inc";
        qreg q[4];
        creg c[4];
        x q[0];
        x q[2];
        barrier q;
        h q[0];
        cu1(pi/2) q[1],q[0];
        h q[1];
        cu1(pi/4) q[2],q[0];
        cu1(pi/2) q[2],q[1];
        h q[2];
        cu1(pi/8) q[3],q[0];
        cu1(pi/4) q[3],q[1];
        cu1(pi/2) q[3],q[2];
        h q[3];
        measure q -> c;"#,
    );
    // Qubit 0 is the most significant bit on both sides, and the transform leaves its output reversed: the input is
    // 1010₂ = 10 read that way, the output index is read with qubit 0 lowest.
    for (index, amplitude) in state(&circuit).iter().enumerate() {
        let expected = qhal::Complex64::from_polar(0.25, 2.0 * PI * 10.0 * index as f64 / 16.0);
        assert!((amplitude - expected).norm() < 1e-12, "{index}: {amplitude} {expected}");
    }
}

#[test]
fn the_measured_inverse_transform_is_uniform_on_a_uniform_state() {
    let head = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[4]; creg c[4]; h q; barrier q;";
    let version_1 = format!(
        "{head}
        h q[0]; measure q[0] -> c[0];
        if(c==1) u1(pi/2) q[1];
        h q[1]; measure q[1] -> c[1];
        if(c==1) u1(pi/4) q[2];
        if(c==2) u1(pi/2) q[2];
        if(c==3) u1(pi/2+pi/4) q[2];
        h q[2]; measure q[2] -> c[2];
        if(c==1) u1(pi/8) q[3];
        if(c==2) u1(pi/4) q[3];
        if(c==3) u1(pi/4+pi/8) q[3];
        if(c==4) u1(pi/2) q[3];
        if(c==5) u1(pi/2+pi/8) q[3];
        if(c==6) u1(pi/2+pi/4) q[3];
        if(c==7) u1(pi/2+pi/4+pi/8) q[3];
        h q[3]; measure q[3] -> c[3];"
    );
    // The uniform superposition is the transform of 0.
    assert_eq!(outcomes(&read(&version_1)).into_keys().collect::<Vec<_>>(), ["0000"]);
    // From the transform of 5 the same program finds 5, and so does the one with a register for each bit.
    let phases = |text: &str| {
        let turn = |bit: u32| format!("u1({}) q[{bit}];", -2.0 * PI * 5.0 * f64::from(8 >> bit) / 16.0);
        text.replace("barrier q;", &(0..4).map(turn).collect::<String>())
    };
    let version_2 = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[4];
        creg c0[1]; creg c1[1]; creg c2[1]; creg c3[1];
        h q; barrier q;
        h q[0]; measure q[0] -> c0[0];
        if(c0==1) u1(pi/2) q[1];
        h q[1]; measure q[1] -> c1[0];
        if(c0==1) u1(pi/4) q[2];
        if(c1==1) u1(pi/2) q[2];
        h q[2]; measure q[2] -> c2[0];
        if(c0==1) u1(pi/8) q[3];
        if(c1==1) u1(pi/4) q[3];
        if(c2==1) u1(pi/2) q[3];
        h q[3]; measure q[3] -> c3[0];";
    for text in [version_1.as_str(), version_2] {
        let found = outcomes(&read(&phases(text)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found["0101"] - 1.0).abs() < 1e-9, "{found:?}");
    }
}

#[test]
fn the_ripple_carry_adder_adds() {
    let circuit = read(
        r#"OPENQASM 2.0;
        include "qelib1.inc";
        gate majority a,b,c { cx c,b; cx c,a; ccx a,b,c; }
        gate unmaj a,b,c { ccx a,b,c; cx c,a; cx a,b; }
        qreg cin[1];
        qreg a[4];
        qreg b[4];
        qreg cout[1];
        creg ans[5];
        x a[0]; // a = 0001
        x b;    // b = 1111
        majority cin[0],b[0],a[0];
        majority a[0],b[1],a[1];
        majority a[1],b[2],a[2];
        majority a[2],b[3],a[3];
        cx a[3],cout[0];
        unmaj a[2],b[3],a[3];
        unmaj a[1],b[2],a[2];
        unmaj a[0],b[1],a[1];
        unmaj cin[0],b[0],a[0];
        measure b[0] -> ans[0];
        measure b[1] -> ans[1];
        measure b[2] -> ans[2];
        measure b[3] -> ans[3];
        measure cout[0] -> ans[4];"#,
    );
    assert_eq!(circuit.len(), 5 + 8 * 3 + 1 + 5);
    assert!((outcomes(&circuit)["10000"] - 1.0).abs() < 1e-12);
}

#[test]
fn the_benchmarking_sequence_has_barriers_between_its_gates() {
    let circuit = read(
        r#"OPENQASM 2.0;
        include "qelib1.inc";
        qreg q[2];
        creg c[2];
        h q[0];
        barrier q;
        cz q[0],q[1];
        barrier q;
        s q[0];
        cz q[0],q[1];
        barrier q;
        s q[0];
        z q[0];
        h q[0];
        barrier q;
        measure q -> c;"#,
    );
    assert_eq!(circuit.len(), 7 + 4 + 2);
    // H Z S S H is the identity, and the two CZ cancel on |0⟩ of the second qubit.
    assert!((outcomes(&circuit)["00"] - 1.0).abs() < 1e-12);
}

#[test]
fn tomography_with_empty_gates() {
    let circuit = read(
        r#"OPENQASM 2.0;
        include "qelib1.inc";
        gate pre q { }   // pre-rotation
        gate post q { }  // post-rotation
        qreg q[1];
        creg c[1];
        pre q[0];
        barrier q;
        h q[0];
        barrier q;
        post q[0];
        measure q[0] -> c[0];"#,
    );
    assert_eq!(circuit.len(), 4);
    assert!((one(&circuit, 0) - 0.5).abs() < 1e-12);
}

#[test]
fn the_repetition_code_mends_any_single_flip() {
    for (flipped, syndrome) in [(0, "01"), (1, "11"), (2, "10")] {
        let circuit = read(&format!(
            r#"OPENQASM 2.0;
            include "qelib1.inc";
            qreg q[3];
            qreg a[2];
            creg c[3];
            creg syn[2];
            gate syndrome d1,d2,d3,a1,a2
            {{
              cx d1,a1; cx d2,a1;
              cx d2,a2; cx d3,a2;
            }}
            x q[{flipped}]; // error
            barrier q;
            syndrome q[0],q[1],q[2],a[0],a[1];
            measure a -> syn;
            if(syn==1) x q[0];
            if(syn==2) x q[2];
            if(syn==3) x q[1];
            measure q -> c;"#
        ));
        assert!((outcomes(&circuit)[&format!("{syndrome}000")] - 1.0).abs() < 1e-12);
    }
}

#[test]
fn the_definitions_of_the_papers_library_agree_with_the_table_up_to_a_phase() {
    // `qelib1.inc` as the paper prints it, by name and body; the table's matrices come from the paper's text.
    let definitions = [
        (Gate::U3, "(theta,phi,lambda) q", "U(theta,phi,lambda) q;"),
        (Gate::U2, "(phi,lambda) q", "U(pi/2,phi,lambda) q;"),
        (Gate::U1, "(lambda) q", "U(0,0,lambda) q;"),
        (Gate::Cx, " c,t", "CX c,t;"),
        (Gate::Id, " a", "U(0,0,0) a;"),
        (Gate::X, " a", "u3(pi,0,pi) a;"),
        (Gate::Y, " a", "u3(pi,pi/2,pi/2) a;"),
        (Gate::Z, " a", "u1(pi) a;"),
        (Gate::H, " a", "u2(0,pi) a;"),
        (Gate::S, " a", "u1(pi/2) a;"),
        (Gate::Sdg, " a", "u1(-pi/2) a;"),
        (Gate::T, " a", "u1(pi/4) a;"),
        (Gate::Tdg, " a", "u1(-pi/4) a;"),
        (Gate::Rx, "(theta) a", "u3(theta,-pi/2,pi/2) a;"),
        (Gate::Ry, "(theta) a", "u3(theta,0,0) a;"),
        (Gate::Rz, "(phi) a", "u1(phi) a;"),
        (Gate::Cz, " a,b", "h b; cx a,b; h b;"),
        (Gate::Cy, " a,b", "sdg b; cx a,b; s b;"),
        (Gate::Ch, " a,b", "h b; sdg b; cx a,b; h b; t b; cx a,b; t b; h b; s b; x b; s a;"),
        (
            Gate::Ccx,
            " a,b,c",
            "h c; cx b,c; tdg c; cx a,c; t c; cx b,c; tdg c; cx a,c; t b; t c; h c; cx a,b; t a; tdg b; cx a,b;",
        ),
        (Gate::Crz, "(lambda) a,b", "u1(lambda/2) b; cx a,b; u1(-lambda/2) b; cx a,b;"),
        (Gate::Cu1, "(lambda) a,b", "u1(lambda/2) a; cx a,b; u1(-lambda/2) b; cx a,b; u1(lambda/2) b;"),
        (
            Gate::Cu3,
            "(theta,phi,lambda) c,t",
            "u1((lambda-phi)/2) t; cx c,t; u3(-theta/2,0,-(phi+lambda)/2) t; cx c,t; u3(theta/2,phi,0) t;",
        ),
    ];
    let mut program = String::from("OPENQASM 2.0;\n");
    for (gate, signature, body) in definitions {
        program += &format!("gate {gate}{signature} {{ {body} }}\n");
    }
    for (gate, ..) in definitions {
        let angles = &[0.7, -0.4, 1.9][..gate.params()];
        let list: Vec<String> = angles.iter().map(f64::to_string).collect();
        let operands: Vec<String> = (0..gate.qubits()).map(|qubit| format!("q[{qubit}]")).collect();
        let text =
            format!("{program}qreg q[{}]; {gate}({}) {};", gate.qubits(), list.join(","), operands.join(","));
        let circuit = read(&text);
        assert!(circuit.instructions().all(|step| matches!(step.operation.name(), "u" | "cx")), "{gate}");
        let distance = match gate {
            // The paper's body leaves out the controlled phase (φ+λ)/2, which the paper's text has.
            Gate::Cu3 => {
                let mut full = Circuit::with_size(2, 0);
                full.gate(Gate::Cu3, angles, &[0, 1])
                    .unwrap()
                    .gate(Gate::P, &[-(angles[1] + angles[2]) / 2.0], &[0])
                    .unwrap();
                unitary(&circuit).distance_up_to_phase(&unitary(&full))
            }
            _ => unitary(&circuit).distance_up_to_phase(&gate.matrix(angles)),
        };
        assert!(distance < 1e-12, "{gate}: {distance}");
    }
}
