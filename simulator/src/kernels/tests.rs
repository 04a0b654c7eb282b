//! Every operation in every instruction set this machine has, against the portable kernels.

use super::{
    Choose, Form, HighBit, Kernels, Kind, Layer, Line, Local, Many, SUMS, Signs, Strings, Sweep, TileOp,
    Where,
};
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
        kinds.push(Kind::Magic { pair: bit, at: at(0, 18, noise) });
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

/// All numbers of some lines.
fn numbers<T: Real>(lines: &[Line<T>]) -> Vec<T> {
    lines.iter().flat_map(|line| line.0.as_ref().to_vec()).collect()
}

fn gates_agree<T: Choose>(tolerance: f64) {
    let mut noise = Noise(3);
    let kernels = T::usable();
    let groups = 16;
    let forms = [
        Form::Pair { bit: 0 },
        Form::Pair { bit: 2 },
        Form::Pair { bit: 3 },
        Form::Lane,
        Form::Diagonal { parity: 0 },
        Form::Diagonal { parity: 0b1010 },
    ];
    for form in forms {
        for (controls, real, odd) in [(0, false, false), (0b10, true, false), (0b101, false, true)] {
            let mut lines = [(); 8].map(|()| Line(T::lanes(|_| T::from_f64(noise.next()))));
            if form == Form::Lane {
                lines[0] = Line(T::lanes(|lane| T::from_index(lane ^ 5)));
            }
            let controls = if let Form::Pair { bit } = form { controls & !(1 << bit) } else { controls };
            let local = Local { form, controls, real, lines };
            assert!(local.fits(groups) && (controls == 0 || !local.fits(controls)));
            let before = noise.cells::<T>(groups * 4 * T::LANES);
            let results = kernels.iter().map(|kernels| {
                let mut block = before.clone();
                let mut sums = [Line(T::lanes(|_| T::default())); SUMS];
                kernels.overlap(&block, &local, odd, &mut sums);
                kernels.turn(&mut block, &local, odd);
                (block, numbers(&sums))
            });
            let results: Vec<(Vec<T>, Vec<T>)> = results.collect();
            let expected = results.last().unwrap();
            for (kernels, result) in kernels.iter().zip(&results) {
                assert_close(kernels.name, &format!("{form:?}"), &result.0, &expected.0, tolerance);
                assert_close(
                    kernels.name,
                    &format!("sums of {form:?}"),
                    &result.1,
                    &expected.1,
                    60.0 * tolerance,
                );
            }
            assert!(expected.1.iter().any(|sum| *sum != T::default()));
            assert!(expected.0 != before);
        }
    }
}

fn strings_agree<T: Choose>(tolerance: f64) {
    let mut noise = Noise(4);
    let kernels = T::usable();
    let (own, partner) = (noise.cells::<T>(128 * T::LANES), noise.cells::<T>(128 * T::LANES));
    for (flip, groups, runs, imaginary) in
        [(0, 0, 0, false), (3, 5, 0, true), (0, 1, 6, true), (6, 0, 4, false)]
    {
        let signs = |number: u64| {
            let line = |all: f64| {
                let sign =
                    |lane: usize| if (lane as u64 & number).count_ones() & 1 == 1 { -all } else { all };
                Line(T::lanes(|lane| T::from_f64(sign(lane))))
            };
            Signs { high: number << 9, groups: number as usize & 7, lanes: [line(1.0), line(-1.0)] }
        };
        let order = (flip != 0).then(|| Line(T::lanes(|lane| T::from_index(lane ^ flip))));
        let strings = (0..5).map(signs).collect();
        let spec = Strings { order, groups, runs, halve: runs != 0, imaginary, strings };
        let results = kernels.iter().map(|kernels| {
            let mut sums = vec![Line(T::lanes(|_| T::default())); 5];
            kernels.strings(&own, &partner, 0x1200, &spec, &mut sums);
            numbers(&sums)
        });
        let results: Vec<Vec<T>> = results.collect();
        let expected = results.last().unwrap();
        for (kernels, result) in kernels.iter().zip(&results) {
            assert_close(kernels.name, "strings", result, expected, 100.0 * tolerance);
        }
        assert!(expected.iter().any(|sum| *sum != T::default()));
    }
}

fn in_place_agrees<T: Choose>(tolerance: f64) {
    let before = Noise(5).cells::<T>(8 * T::LANES);
    let results: Vec<Vec<T>> = T::usable()
        .iter()
        .map(|kernels| {
            let mut cells = before.clone();
            kernels.in_place(&mut cells);
            cells
        })
        .collect();
    for (kernels, result) in T::usable().iter().zip(&results) {
        assert_close(kernels.name, "in place", result, results.last().unwrap(), tolerance);
    }
}

fn matrices_on_many_agree<T: Choose>(tolerance: f64) {
    let mut noise = Noise(3);
    for bits in [vec![2, 0], vec![4, 1, 2], vec![0, 3, 1, 4], vec![1, 2, 3, 4, 0]] {
        let inner = (0..5).find(|bit| !bits.contains(bit)).map_or(0, |bit| 1 << bit);
        let elements =
            (0..1 << (2 * bits.len())).map(|_| [T::from_f64(noise.next()), T::from_f64(noise.next())]);
        let matrix = Many {
            outer: Where::default(),
            inner: Where { mask: inner, value: inner },
            elements: elements.collect(),
            bits,
        };
        let before = noise.cells::<T>(32 * 2 * T::LANES);
        // Lane by lane from the definition.
        let mut expected = before.clone();
        let offset = |row: usize| {
            matrix.bits.iter().enumerate().fold(0, |sum, (at, bit)| sum | (row >> at & 1) << bit)
        };
        let dim = 1 << matrix.bits.len();
        for base in (0..32).filter(|base| base & offset(dim - 1) == 0 && matrix.inner.holds(*base as u64)) {
            for (row, lane) in (0..dim).flat_map(|row| (0..T::LANES).map(move |lane| (row, lane))) {
                let cell = |column: usize| (base | offset(column)) * 2 * T::LANES + lane;
                let (mut re, mut im) = (0.0, 0.0);
                for column in 0..dim {
                    let [a, b] = matrix.elements[row * dim + column].map(T::to_f64);
                    let (c, d) = (before[cell(column)].to_f64(), before[cell(column) + T::LANES].to_f64());
                    (re, im) = (re + a * c - b * d, im + a * d + b * c);
                }
                (expected[cell(row)], expected[cell(row) + T::LANES]) = (T::from_f64(re), T::from_f64(im));
            }
        }
        for kernels in T::usable() {
            let mut got = before.clone();
            kernels.many(&mut got, &matrix);
            assert_close(kernels.name, &format!("matrix on {:?}", matrix.bits), &got, &expected, tolerance);
        }
    }
}

fn all_agree<T: Choose>(tolerance: f64) {
    sweeps_agree::<T>(tolerance);
    matrices_on_many_agree::<T>(10.0 * tolerance);
    layers_agree::<T>(tolerance);
    gates_agree::<T>(tolerance);
    strings_agree::<T>(tolerance);
    in_place_agrees::<T>(tolerance);
}

#[test]
fn all_instruction_sets_do_the_same_in_f64() {
    all_agree::<f64>(1e-14);
}

#[test]
fn all_instruction_sets_do_the_same_in_f32() {
    all_agree::<f32>(1e-5);
}
