//! QIR of the base profile: what is written is read again, what others write is read, and what goes beyond it is refused.

use proptest::prelude::*;
use qhal::{Circuit, ErrorKind, Gate};
use qhal_compiler::qir::{Pointers, emit};
use qhal_compiler::{NoIncludes, parse};

use crate::reference::{outcomes, read, unitary};

fn again(circuit: &Circuit, pointers: Pointers) -> Circuit {
    let text = emit(circuit, pointers).unwrap_or_else(|error| panic!("{error}"));
    parse(&text, "t.ll", &NoIncludes).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn every_gate_of_the_table_is_written_so_that_it_means_the_same() {
    for gate in Gate::all() {
        let width = gate.qubits().max(1) as u32;
        let qubits: Vec<u32> = (0..gate.qubits() as u32).rev().collect();
        let mut circuit = Circuit::with_size(width, 0);
        circuit.gate(gate, &[0.7, -0.4, 1.9, 2.3][..gate.params()], &qubits).unwrap();
        for pointers in [Pointers::Opaque, Pointers::Typed] {
            let found = again(&circuit, pointers);
            assert_eq!(found.qubits(), width);
            let distance = unitary(&found).distance_up_to_phase(&unitary(&circuit));
            assert!(distance < 1e-12, "{gate}: {distance}");
        }
    }
}

/// A Bell pair in both dialects, with the words that other writers use: older attributes, labels, comments, `m`, `cx`.
#[test]
fn both_dialects_are_read() {
    let typed = r#"; ModuleID = 'bell'
%Qubit = type opaque
%Result = type opaque
@0 = internal constant [3 x i8] c"r0\00"
define void @main() #0 {
entry:
  call void @__quantum__qis__h__body(%Qubit* null)
  call void @__quantum__qis__cx__body(%Qubit* null, %Qubit* inttoptr (i64 1 to %Qubit*)) ; entangle
  call void @__quantum__qis__rz__body(double 5.000000e-01, %Qubit* null)
  call void @__quantum__qis__rz__body(double 0xBFE0000000000000, %Qubit* null)
  call void @__quantum__qis__mz__body(%Qubit* null, %Result* writeonly null)
  tail call void @__quantum__qis__m__body(%Qubit* inttoptr (i64 1 to %Qubit*), %Result* inttoptr (i64 1 to %Result*))
  call void @__quantum__rt__result_record_output(%Result* null, i8* getelementptr inbounds ([3 x i8], [3 x i8]* @0, i32 0, i32 0))
  ret void
}
declare void @__quantum__qis__h__body(%Qubit*)
attributes #0 = { "EntryPoint" "num_required_qubits"="2" "num_required_results"="2" }
"#;
    let opaque = typed
        .replace("%Qubit*", "ptr")
        .replace("%Result*", "ptr")
        .replace("i8* getelementptr inbounds ([3 x i8], [3 x i8]* @0, i32 0, i32 0)", "ptr @0");
    for text in [typed, &opaque] {
        let circuit = parse(text, "bell.ll", &NoIncludes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((circuit.qubits(), circuit.bits()), (2, 2));
        let found = outcomes(&circuit);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["00", "11"]);
    }
    let branching = typed.replace("  ret void", "  br i1 %0, label %a, label %b\n  ret void");
    let error = parse(&branching, "t", &NoIncludes).unwrap_err();
    assert_eq!((error.kind, error.line, error.column), (ErrorKind::Unsupported, 14, 3), "{error}");
    let unknown = typed.replace("qis__h__", "qis__magic__");
    assert!(parse(&unknown, "t", &NoIncludes).unwrap_err().message.contains("magic"));
    let huge = typed.replace("i64 1 to", "i64 18446744073709551615 to");
    assert!(parse(&huge, "t", &NoIncludes).is_err());
}

#[test]
fn measurements_come_last_and_the_rest_is_refused() {
    let circuit = read("OPENQASM 2.0; include \"qelib1.inc\"; qreg q[2]; creg c[2]; h q[0]; measure q[0] -> c[1]; cx q[1], q[1-1+1-1]; ".replace("cx q[1], q[1-1+1-1]; ", "x q[1];").as_str());
    let text = emit(&circuit, Pointers::Opaque).unwrap();
    assert!(text.find("x__body").unwrap() < text.find("mz__body").unwrap(), "{text}");
    assert_eq!(outcomes(&again(&circuit, Pointers::Opaque)), outcomes(&circuit));
    let dynamic = read(
        "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[1]; creg c[1]; measure q[0] -> c[0]; if(c==1) x q[0];",
    );
    assert_eq!(emit(&dynamic, Pointers::Opaque).unwrap_err().kind(), ErrorKind::Unsupported);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "define void @main() #0 {\n", "define ", "}\n", "attributes #0 = { \"entry_point\" \"required_num_qubits\"=\"9999999999999999999\" }\n",
            "call void @__quantum__qis__h__body(ptr null)\n", "call void @__quantum__qis__", "rx__body(double 1.0, ptr null)\n", "(", ")", ",",
            "ptr inttoptr (i64 3 to ptr)", "double 0xZZ", "\n", "{", "#0", "tail call void @", "mz__body(ptr null, ptr null)\n", ";", "é", "ret void",
        ]), 0..30)
    ) {
        let _ = parse(&format!("@__quantum__ define {}", pieces.concat()), "t", &NoIncludes);
    }
}
