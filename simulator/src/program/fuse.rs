//! Runs of elements on the same two bits become one matrix where that is cheaper.

use qhal::Complex64;
use qhal::circuit::Matrix;

use super::element::{Element, ElementKind};
use super::magic::{self, Four};
use super::prices::Prices;
use crate::kernels::Where;
use crate::lower::Targets;

/// What it takes to split a matrix.
const SPLIT_NANOSECONDS: f64 = 5e3;

/// Elements on at most two bits, with the numbers of their places in the whole list.
#[derive(Debug, Default)]
struct Run {
    bits: [u32; 2],
    elements: Vec<(usize, Element)>,
    /// The run that has to do with each of the bits next, if it is a run.
    next: [Option<usize>; 2],
    /// Its matrix, if that is cheaper.
    matrix: Option<Four>,
}

/// Replaces runs by matrices where `prices` says so; the order of all else stays.
pub(crate) fn fuse(elements: Vec<Element>, width: u32, prices: &Prices) -> Vec<Element> {
    let mut open: Vec<Option<usize>> = vec![None; width as usize];
    let mut alone: Vec<Vec<(usize, Element)>> = vec![Vec::new(); width as usize];
    let mut latest: Vec<Option<usize>> = vec![None; width as usize];
    let mut runs: Vec<Run> = Vec::new();
    let mut fixed: Vec<(usize, Element)> = Vec::new();
    for (place, element) in elements.into_iter().enumerate() {
        let support = element.support();
        let (a, b) = (support.trailing_zeros(), 63 - support.leading_zeros().min(63));
        match support.count_ones() {
            1 => match open[a as usize] {
                Some(run) => runs[run].elements.push((place, element)),
                None => alone[a as usize].push((place, element)),
            },
            2 => match (open[a as usize], open[b as usize]) {
                (Some(run), Some(other)) if run == other => runs[run].elements.push((place, element)),
                _ => {
                    for bit in [a, b] {
                        close(&mut open, bit);
                    }
                    let mut run = Run { bits: [a, b], ..Run::default() };
                    for bit in [a, b] {
                        run.elements.append(&mut alone[bit as usize]);
                        open[bit as usize] = Some(runs.len());
                        if let Some(before) = latest[bit as usize].replace(runs.len()) {
                            let slot = usize::from(runs[before].bits[1] == bit);
                            runs[before].next[slot] = Some(runs.len());
                        }
                    }
                    run.elements.push((place, element));
                    runs.push(run);
                }
            },
            _ => {
                for bit in (0..width).filter(|bit| support >> bit & 1 == 1) {
                    close(&mut open, bit);
                    latest[bit as usize] = None;
                    fixed.append(&mut alone[bit as usize]);
                }
                fixed.push((place, element));
            }
        }
    }
    fixed.extend(alone.into_iter().flatten());
    for run in &mut runs {
        let apart: f64 = run.elements.iter().map(|(_, element)| prices.element(element)).sum();
        if apart > prices.dense {
            run.matrix = product(run);
        }
    }
    // What a matrix costs less then, over the whole state, against what it takes to find out how.
    if (prices.dense - prices.magic) * 0.5f64.powi(10 - width as i32) > SPLIT_NANOSECONDS {
        leave_locals(&mut runs);
    }
    for run in runs {
        let last = run.elements.iter().map(|(place, _)| *place).max().unwrap_or(0);
        match run.matrix.and_then(|matrix| Matrix::new(2, matrix.concat()).ok()) {
            // Nothing else touches these bits between the first and the last of the run, so its place may be any of theirs.
            Some(matrix) => {
                let kind = ElementKind::Dense { matrix: Box::new(matrix), targets: Targets::new(&run.bits) };
                fixed.push((last, Element { on: Where::default(), kind }));
            }
            None => fixed.extend(run.elements),
        }
    }
    fixed.sort_by_key(|(place, _)| *place);
    fixed.into_iter().map(|(_, element)| element).collect()
}

/// Splits one-qubit matrices off runs and leaves them to the runs that follow on both bits, where those are matrices anyway:
/// what remains costs less.
#[allow(clippy::needless_range_loop, reason = "a run changes later ones")]
fn leave_locals(runs: &mut [Run]) {
    let mut left: Vec<[Option<[[Complex64; 2]; 2]>; 2]> = vec![[None; 2]; runs.len()];
    let identity = [[Complex64::ONE, Complex64::ZERO], [Complex64::ZERO, Complex64::ONE]];
    for at in 0..runs.len() {
        let Run { bits, next, matrix: Some(matrix), .. } = &runs[at] else { continue };
        let (bits, next) = (*bits, *next);
        let [first, second] = left[at].map(|local| local.unwrap_or(identity));
        let mut whole = magic::times(matrix, &magic::product(&first, &second));
        if let [Some(a), Some(b)] = next
            && runs[a].matrix.is_some()
            && runs[b].matrix.is_some()
            && let Some(split) = magic::split(&whole)
        {
            whole = split.core;
            for (slot, (run, local)) in [(a, split.first), (b, split.second)].into_iter().enumerate() {
                left[run][usize::from(runs[run].bits[1] == bits[slot])] = Some(local);
            }
        }
        runs[at].matrix = Some(whole);
    }
}

/// Closes the run that a bit is in, for both of its bits.
fn close(open: &mut [Option<usize>], bit: u32) {
    if let Some(run) = open[bit as usize] {
        open.iter_mut().filter(|other| **other == Some(run)).for_each(|other| *other = None);
    }
}

/// The matrix of a run; the first of its bits is the lower one of the index.
fn product(run: &mut Run) -> Option<Four> {
    run.elements.sort_by_key(|(place, _)| *place);
    let mut rows: Four =
        std::array::from_fn(|row| std::array::from_fn(|column| Complex64::from(f64::from(row == column))));
    for (_, element) in &run.elements {
        apply(element, run.bits, &mut rows)?;
    }
    Some(rows)
}

/// Multiplies a matrix on two bits by an element from the left.
#[allow(clippy::needless_range_loop, reason = "rows and columns index several matrices at once")]
fn apply(element: &Element, bits: [u32; 2], rows: &mut Four) -> Option<()> {
    let holds: [bool; 4] = std::array::from_fn(|index| {
        element.on.holds(((index & 1) as u64) << bits[0] | ((index >> 1) as u64) << bits[1])
    });
    let local = |bit: u32| bits.iter().position(|&other| other == bit);
    match &element.kind {
        ElementKind::Phase(factor) => {
            for (row, _) in rows.iter_mut().zip(holds).filter(|(_, holds)| *holds) {
                row.iter_mut().for_each(|element| *element *= factor);
            }
        }
        &ElementKind::Turn { bit, c, s, mirror } => {
            let step = 1 << local(bit)?;
            let sign = if mirror { -1.0 } else { 1.0 };
            for zero in (0..4).filter(|index| index & step == 0 && holds[*index]) {
                for column in 0..4 {
                    let (a, b) = (rows[zero][column], rows[zero | step][column]);
                    rows[zero][column] = a * c - b * (s * sign);
                    rows[zero | step][column] = a * s + b * (c * sign);
                }
            }
        }
        &ElementKind::Flip { bit } => {
            let step = 1 << local(bit)?;
            for zero in (0..4).filter(|index| index & step == 0 && holds[*index]) {
                rows.swap(zero, zero | step);
            }
        }
        ElementKind::Dense { matrix, targets } => {
            let mut places = [0; 2];
            for (place, bit) in places.iter_mut().zip(targets.iter()) {
                *place = local(bit)?;
            }
            let spread = |row: usize| (row & 1) << places[0] | (row >> 1) << places[1];
            let old = *rows;
            for row in 0..4 {
                let factors: [Complex64; 4] = std::array::from_fn(|column| matrix.get(row, column));
                rows[spread(row)] = std::array::from_fn(|at| {
                    (0..4).map(|column| factors[column] * old[spread(column)][at]).sum()
                });
            }
        }
    }
    Some(())
}
