//! Pauli sums against the matrices of the operators.

mod common;

use common::{BOTH, evolve, naive, scrambled, tolerance};
use proptest::prelude::*;
use qhal::Complex64;
use qhal::circuit::Gate;
use qhal_simulator::PauliString;

/// ⟨ψ|P|ψ⟩ by applying the letters one after the other.
fn by_hand(state: &[Complex64], string: &PauliString) -> f64 {
    let mut sum = Complex64::ZERO;
    for (index, amplitude) in state.iter().enumerate() {
        let mut factor = Complex64::from(string.coefficient);
        for qubit in 0..63 {
            let one = index >> qubit & 1 == 1;
            factor *= match (string.x >> qubit & 1, string.z >> qubit & 1) {
                (0, 1) if one => -Complex64::ONE,
                (1, 1) if one => -Complex64::I,
                (1, 1) => Complex64::I,
                _ => Complex64::ONE,
            };
        }
        sum += state[index ^ string.x as usize].conj() * factor * amplitude;
    }
    sum.re
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn sums_agree_with_the_definition(
        qubits in 1u32..=9,
        strings in prop::collection::vec((-2.0..2.0f64, any::<u64>(), any::<u64>()), 0..20),
        turned in any::<bool>(),
    ) {
        let mask = (1u64 << qubits) - 1;
        let strings: Vec<PauliString> = strings
            .into_iter()
            .map(|(coefficient, x, z)| PauliString { coefficient, x: x & mask, z: z & mask })
            .collect();
        let mut circuit = scrambled(qubits);
        if turned && qubits > 1 {
            // Left as book-keeping by the planner: the reading has to respect it.
            circuit.gate(Gate::X, &[], &[0]).unwrap().gate(Gate::Swap, &[], &[0, qubits - 1]).unwrap();
        }
        let expected: f64 = strings.iter().map(|string| by_hand(&naive(&circuit), string)).sum();
        for precision in BOTH {
            let value = evolve(&circuit, precision).expectation(&strings).unwrap();
            prop_assert!((value - expected).abs() < 20.0 * tolerance(precision), "{} {}", value, expected);
        }
    }
}

#[test]
fn letters_are_read_highest_first_and_wrong_ones_refused() {
    let string = PauliString::new(0.5, "XYZI").unwrap();
    assert_eq!((string.x, string.z), (0b1100, 0b0110));
    assert!(PauliString::new(1.0, "XQ").is_err());
    assert!(PauliString::new(1.0, &"Z".repeat(64)).is_err());
    let state = evolve(&scrambled(3), qhal_simulator::Precision::F64);
    assert!(state.expectation(&[string]).is_err());
    assert!(state.expectation(&[PauliString { coefficient: f64::NAN, x: 0, z: 0 }]).is_err());
    assert_eq!(state.expectation(&[]).unwrap(), 0.0);
    let one = state.expectation(&[PauliString::new(1.0, "III").unwrap()]).unwrap();
    assert!((one - 1.0).abs() < 1e-14);
}
