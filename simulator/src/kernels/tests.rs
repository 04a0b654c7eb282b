//! Every operation in every instruction set this machine has, against the portable kernels.

use super::{Choose, HighBit, Kernels, Kind, Layer, Line, Sweep, TileOp, Where};
use crate::real::Real;

/// Numbers in [−1, 1) without any pattern (Knuth's 64-bit linear congruence).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn cells<T: Real>(&mut self, length: usize) -> Vec<T> {
        (0..length).map(|_| T::from_f64(self.next())).collect()
    }
}

/// All kinds of operation on all tile bits, with masks that leave some groups out, and the lines they use.
fn all_kinds<T: Real>(noise: &mut Noise) -> (Vec<Kind<T>>, Vec<Line<T>>) {
    let mut lines = Vec::new();
    let mut at = |permutations: usize, others: usize, noise: &mut Noise| {
        let at = lines.len() as u32;
        for flip in 1..=permutations {
            lines.push(Line(T::lanes(|lane| T::from_index(lane ^ (flip * 5 % T::LANES)))));
        }
        for _ in 0..others {
            lines.push(Line(T::lanes(|_| T::from_f64(noise.next()))));
        }
        at
    };
    let mut kinds = Vec::new();
    for bit in 0..3 {
        let t = T::from_f64(noise.next());
        kinds.push(Kind::Turn { bit, t });
        kinds.push(Kind::SteepTurn { bit, t });
        kinds.push(Kind::Mirror { bit, t });
        kinds.push(Kind::SteepMirror { bit, t });
        for pairs in [0b1111, 0b0110, 0b1000] {
            kinds.push(Kind::Mix { bit, pairs, at: at(0, 4, noise) });
            kinds.push(Kind::Flip { bit, pairs });
        }
        kinds.push(Kind::DenseLane { bit, at: at(1, 24, noise) });
        kinds.push(Kind::Dense { pair: bit, at: at(0, 48, noise) });
    }
    kinds.push(Kind::LaneTurn { at: at(1, 1, noise) });
    for groups in [0xff, 0x5a] {
        kinds.push(Kind::LaneMix { groups, at: at(1, 2, noise) });
        kinds.push(Kind::LaneFlip { groups, at: at(1, 0, noise) });
        kinds.push(Kind::Phase { groups, at: at(0, 2, noise) });
    }
    kinds.push(Kind::DenseLanes { at: at(3, 12, noise) });
    (kinds, lines)
}

fn assert_close<T: Real>(name: &str, what: &str, got: &[T], expected: &[T], tolerance: f64) {
    for (a, b) in got.iter().zip(expected) {
        let off = (a.to_f64() - b.to_f64()).abs();
        assert!(off <= tolerance, "{name}: {what}: off by {off:e}");
    }
}

fn sweeps_agree<T: Choose>(tolerance: f64) {
    let mut noise = Noise(1);
    let kernels = T::usable();
    let portable: &Kernels<T> = kernels.last().copied().unwrap();
    assert_eq!(portable.name, "portable");
    let (kinds, lines) = all_kinds::<T>(&mut noise);
    for tile in [[0, 1, 2], [0, 2, 4], [1, 3, 4], [2, 3, 4]] {
        for kind in &kinds {
            let free = (0..5).find(|bit| !tile.contains(bit)).unwrap();
            let inner = Where { mask: 1 << free, value: 1 << free };
            for inner in [Where::default(), inner] {
                let op = TileOp { outer: Where::default(), inner, kind: *kind };
                let sweep = Sweep { tile, ops: vec![op; 2] };
                let before = noise.cells::<T>(32 * 2 * T::LANES);
                let mut expected = before.clone();
                portable.sweep(&mut expected, &sweep, &lines);
                for other in &kernels {
                    let mut got = before.clone();
                    other.sweep(&mut got, &sweep, &lines);
                    assert_close(other.name, &format!("{kind:?} on {tile:?}"), &got, &expected, tolerance);
                }
                // What the condition leaves out is left alone.
                for (group, (new, old)) in expected
                    .chunks_exact(2 * T::LANES)
                    .zip(before.chunks_exact(2 * T::LANES))
                    .enumerate()
                    .filter(|(group, _)| !inner.holds(*group as u64))
                {
                    assert_eq!(new, old, "group {group}");
                }
            }
        }
    }
}

fn layers_agree<T: Choose>(tolerance: f64) {
    let mut noise = Noise(2);
    let kernels = T::usable();
    let length = 4 * T::LANES;
    let table_bits = (length / 2).ilog2();
    let high: Vec<HighBit<T>> = [2, 0, 1]
        .iter()
        .enumerate()
        .map(|(place, bit)| HighBit {
            bit: table_bits + bit,
            table: (place < 2).then(|| noise.cells(length)),
            pairs: (0..place).map(|other| (other, [T::from_f64(0.6), T::from_f64(0.8)])).collect(),
        })
        .collect();
    let low = noise.cells::<T>(length);
    let one = [T::from_f64(1.0), T::default()];
    for low in [None, Some(low.as_slice())] {
        let single = [one, [T::from_f64(0.0), T::from_f64(1.0)], one];
        let before = noise.cells::<T>(8 * length);
        let results: Vec<Vec<T>> = kernels
            .iter()
            .map(|kernels| {
                let mut block = before.clone();
                let mut scratch = vec![T::default(); 4 * length];
                let mut layer = Layer { low, high: &high, single: &single, scratch: &mut scratch, length };
                kernels.layer(&mut block, &mut layer);
                block
            })
            .collect();
        let expected = results.last().unwrap();
        for (kernels, result) in kernels.iter().zip(&results) {
            assert_close(kernels.name, "layer", result, expected, tolerance);
        }
        // Where all high bits are 0 the factor is the table alone.
        if low.is_none() {
            assert_eq!(expected[..length], before[..length]);
        }
    }
}

#[test]
fn all_instruction_sets_do_the_same_in_f64() {
    sweeps_agree::<f64>(1e-14);
    layers_agree::<f64>(1e-14);
}

#[test]
fn all_instruction_sets_do_the_same_in_f32() {
    sweeps_agree::<f32>(1e-5);
    layers_agree::<f32>(1e-5);
}
