//! Runs of elements on the same two bits become one dense matrix where that is cheaper.

use qhal::Complex64;
use qhal::circuit::Matrix;

use super::element::{Element, ElementKind};
use super::prices::Prices;
use crate::kernels::Where;
use crate::lower::Targets;

/// Elements on at most two bits, with the numbers of their places in the whole list.
#[derive(Debug, Default)]
struct Run {
    bits: [u32; 2],
    elements: Vec<(usize, Element)>,
}

/// Replaces runs by dense matrices where `prices` says so; the order of all else stays.
pub(crate) fn fuse(elements: Vec<Element>, width: u32, prices: &Prices) -> Vec<Element> {
    let mut open: Vec<Option<usize>> = vec![None; width as usize];
    let mut alone: Vec<Vec<(usize, Element)>> = vec![Vec::new(); width as usize];
    let mut runs: Vec<Run> = Vec::new();
    let mut fixed: Vec<(usize, Element)> = Vec::new();
    for (place, element) in elements.into_iter().enumerate() {
        let support = element.support();
        let bits: Vec<u32> = (0..width).filter(|bit| support >> bit & 1 == 1).collect();
        match *bits.as_slice() {
            [bit] => match open[bit as usize] {
                Some(run) => runs[run].elements.push((place, element)),
                None => alone[bit as usize].push((place, element)),
            },
            [a, b] => match (open[a as usize], open[b as usize]) {
                (Some(run), Some(other)) if run == other => runs[run].elements.push((place, element)),
                _ => {
                    for bit in [a, b] {
                        close(&mut open, bit);
                    }
                    let mut run = Run { bits: [a, b], elements: std::mem::take(&mut alone[a as usize]) };
                    run.elements.append(&mut alone[b as usize]);
                    run.elements.push((place, element));
                    open[a as usize] = Some(runs.len());
                    open[b as usize] = Some(runs.len());
                    runs.push(run);
                }
            },
            _ => {
                for bit in bits {
                    close(&mut open, bit);
                    fixed.append(&mut alone[bit as usize]);
                }
                fixed.push((place, element));
            }
        }
    }
    fixed.extend(alone.into_iter().flatten());
    for run in runs {
        let apart: f64 = run.elements.iter().map(|(_, element)| prices.element(element)).sum();
        let last = run.elements.iter().map(|(place, _)| *place).max().unwrap_or(0);
        match product(&run) {
            // Nothing else touches these bits between the first and the last of the run, so its place may be any of theirs.
            Some(matrix) if apart > prices.dense => {
                let kind = ElementKind::Dense { matrix: Box::new(matrix), targets: Targets::new(&run.bits) };
                fixed.push((last, Element { on: Where::default(), kind }));
            }
            _ => fixed.extend(run.elements),
        }
    }
    fixed.sort_by_key(|(place, _)| *place);
    fixed.into_iter().map(|(_, element)| element).collect()
}

/// Closes the run that a bit is in, for both of its bits.
fn close(open: &mut [Option<usize>], bit: u32) {
    if let Some(run) = open[bit as usize] {
        open.iter_mut().filter(|other| **other == Some(run)).for_each(|other| *other = None);
    }
}

/// The matrix of a run; the first of its bits is the lower one of the index.
fn product(run: &Run) -> Option<Matrix> {
    let mut elements = Vec::with_capacity(16);
    let mut columns: [[Complex64; 4]; 4] =
        std::array::from_fn(|column| std::array::from_fn(|row| Complex64::from(f64::from(row == column))));
    let mut sorted: Vec<&(usize, Element)> = run.elements.iter().collect();
    sorted.sort_by_key(|(place, _)| *place);
    for (_, element) in sorted {
        for column in &mut columns {
            apply(element, run.bits, column)?;
        }
    }
    for row in 0..4 {
        elements.extend(columns.iter().map(|column| column[row]));
    }
    Matrix::new(2, elements).ok()
}

/// Applies an element to the four amplitudes of two bits.
fn apply(element: &Element, bits: [u32; 2], state: &mut [Complex64; 4]) -> Option<()> {
    let address = |index: usize| ((index & 1) as u64) << bits[0] | ((index >> 1) as u64) << bits[1];
    let local = |bit: u32| bits.iter().position(|&other| other == bit);
    match &element.kind {
        ElementKind::Phase(factor) => {
            for (index, amplitude) in state.iter_mut().enumerate() {
                if element.on.holds(address(index)) {
                    *amplitude *= factor;
                }
            }
        }
        &ElementKind::Turn { bit, c, s, mirror } => {
            let step = 1 << local(bit)?;
            for zero in (0..4).filter(|index| index & step == 0 && element.on.holds(address(*index))) {
                let (a, b) = (state[zero], state[zero | step]);
                let sign = if mirror { -1.0 } else { 1.0 };
                state[zero] = a * c - b * (s * sign);
                state[zero | step] = a * s + b * (c * sign);
            }
        }
        &ElementKind::Flip { bit } => {
            let step = 1 << local(bit)?;
            for zero in (0..4).filter(|index| index & step == 0 && element.on.holds(address(*index))) {
                state.swap(zero, zero | step);
            }
        }
        ElementKind::Dense { matrix, targets } => {
            let places: Vec<usize> = targets.iter().map(local).collect::<Option<_>>()?;
            let spread = |row: usize| {
                places.iter().enumerate().fold(0, |index, (bit, place)| index | (row >> bit & 1) << place)
            };
            let old = *state;
            for row in 0..4 {
                state[spread(row)] = (0..4).map(|column| matrix.get(row, column) * old[spread(column)]).sum();
            }
        }
    }
    Some(())
}
