//! Random circuits for random processors, compared by the test's own matrices.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use qhal::processor::Couplings;
use qhal::{Circuit, Gate};
use qhal_compiler::translate::{Options, translate};

use super::{assert_native, processor, unitary_of};
use crate::reference::{outcomes, unitary};

const SINGLE: [&[Gate]; 7] = [
    &[Gate::Sx, Gate::X, Gate::Rz],
    &[Gate::Sx, Gate::U1],
    &[Gate::R],
    &[Gate::R, Gate::Rz],
    &[Gate::U3],
    &[Gate::Rx, Gate::Ry],
    &[Gate::H, Gate::P],
];

const PAIRS: [&[Gate]; 8] = [
    &[Gate::Cz],
    &[Gate::Cx],
    &[Gate::Ecr],
    &[Gate::Rzz],
    &[Gate::Rxx],
    &[Gate::Rzx],
    &[Gate::Iswap],
    &[Gate::Cz, Gate::Rzz],
];

fn angle() -> impl Strategy<Value = f64> {
    // Tiny ones too: phases of a large Fourier transform are smaller than rounding in the wrong place.
    prop_oneof![2 => -7.0..7.0f64, 1 => (14i32..34, any::<bool>()).prop_map(|(k, minus)| if minus { -1.0 } else { 1.0 } / f64::from(k).exp2()), 1 => (-4i32..5).prop_map(|k| f64::from(k) * std::f64::consts::FRAC_PI_4)]
}

type Draft = (Gate, [f64; 4], Index);

fn circuit(qubits: u32, drafts: &[Draft], measured: bool) -> Circuit {
    let mut circuit = Circuit::with_size(qubits, if measured { qubits } else { 0 });
    for (gate, angles, order) in drafts {
        let mut line: Vec<u32> = (0..qubits).collect();
        // Any permutation, by its number.
        let mut number = order.index(120);
        for at in (1..line.len()).rev() {
            line.swap(at, number % (at + 1));
            number /= at + 1;
        }
        if let Some(operands) = line.get(..gate.qubits()) {
            circuit.gate(*gate, &angles[..gate.params()], operands).unwrap();
        }
    }
    if measured {
        circuit.measure_all().unwrap();
    }
    circuit
}

/// A connected map: a random tree, and a few couplings more.
fn map(qubits: u32, parents: &[Index], more: &[(Index, Index)]) -> Couplings {
    let mut pairs: Vec<(u32, u32)> = (1..qubits)
        .zip(parents)
        .map(|(qubit, parent)| (parent.index(qubit as usize) as u32, qubit))
        .collect();
    for (a, b) in more {
        let (a, b) = (a.index(qubits as usize) as u32, b.index(qubits as usize) as u32);
        if a != b && !pairs.contains(&(a, b)) && !pairs.contains(&(b, a)) {
            pairs.push((b, a));
        }
    }
    Couplings::Pairs(pairs)
}

fn drafts(most: usize) -> impl Strategy<Value = Vec<Draft>> {
    let gate = select(Gate::all().collect::<Vec<_>>());
    let pair = select(Gate::all().filter(|gate| gate.qubits() == 2).collect::<Vec<_>>());
    let draft = (prop_oneof![gate, pair], prop::array::uniform4(angle()), any::<Index>());
    prop::collection::vec(draft, 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn translations_do_what_the_program_does(
        qubits in 1u32..6,
        spare in 0u32..2,
        drafts in drafts(14),
        parents in prop::collection::vec(any::<Index>(), 7),
        more in prop::collection::vec(any::<(Index, Index)>(), 0..4),
        single in select(SINGLE.to_vec()),
        pair in select(PAIRS.to_vec()),
        level in 0u8..4,
        everywhere in prop::bool::weighted(0.2),
    ) {
        let program = circuit(qubits, &drafts, false);
        let width = qubits + spare;
        let couplings = if everywhere { Couplings::All } else { map(width, &parents, &more) };
        let gates: Vec<Gate> = single.iter().chain(pair.iter()).copied().collect();
        let target = processor(width, couplings, &gates);
        let translation = translate(&program, &target, Options::level(level)).unwrap();
        assert_native(&translation, &target);
        let distance = unitary_of(&program, &translation).distance(&unitary(&program));
        prop_assert!(distance < 1e-8, "off by {distance}");
        prop_assert!(translation.verification.error() < 1e-8);
        prop_assert_eq!(translation.verification.method(), "unitary");
    }

    /// What is left out before measurements changes no outcome.
    #[test]
    fn measured_programs_keep_their_outcomes(
        qubits in 2u32..5,
        drafts in drafts(10),
        parents in prop::collection::vec(any::<Index>(), 7),
        single in select(SINGLE.to_vec()),
        pair in select(PAIRS.to_vec()),
    ) {
        let program = circuit(qubits, &drafts, true);
        let gates: Vec<Gate> = single.iter().chain(pair.iter()).copied().collect();
        let target = processor(qubits, map(qubits, &parents, &[]), &gates);
        let translation = translate(&program, &target, Options::level(3)).unwrap();
        assert_native(&translation, &target);
        let (expected, found) = (outcomes(&program), outcomes(&translation.circuit));
        for (bits, probability) in &expected {
            let other = found.get(bits).copied().unwrap_or(0.0);
            prop_assert!((other - probability).abs() < 1e-8, "{}: {} {}", bits, other, probability);
        }
    }
}
