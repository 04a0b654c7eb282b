//! A circuit as passes over the state: each gathers blocks that fit the cache and does as much as it can to them.

mod element;
mod encode;
mod fuse;
mod layers;
mod lowering;
mod magic;
mod prices;
mod schedule;

use std::fmt::Write;

use qhal::Complex64;

use crate::kernels::{Choose, Kernels, Line, Many, Shape, Sweep, Written, for_each_block};
use crate::lower::Op;
use crate::real::Real;
use crate::reference;
use crate::register::Register;
use element::{Element, ElementKind};
use encode::{Encoder, Residence};
use fuse::fuse;
use layers::{LayerPlan, LayerRoom};
use lowering::{Lowering, Piece};
use prices::{Prices, block_bytes, memory_bandwidth};
use schedule::{Walk, is_layerable, passes, walks};

/// Fewer address bits than this no block has for the sake of more threads.
const MIN_BLOCK_BITS: u32 = 10;
/// Bytes of the shortest run of amplitudes that is read at once.
const STRIP_BYTES: usize = 1 << 10;
/// Bytes read and written of a state that no last-level cache of today holds.
const LAST_LEVEL_CACHE: f64 = 64e6;
/// From so many amplitudes, counted again for each unitary, it pays to measure what operations cost before planning.
const MIN_MEASURED_WORK: f64 = 1e8;

/// A run of unitaries made ready for one kind of number.
#[derive(Clone, Debug)]
pub(crate) struct Program<T: Real> {
    parts: Vec<Part<T>>,
    /// Whether it begins at |0…0⟩.
    from_zero: bool,
    /// Which address bit each qubit is in the end.
    positions: Vec<u8>,
    /// Address bits that read the other way round in the end.
    flips: u64,
}

/// What a program begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// |0…0⟩; qubits may end up in other places.
    Zero,
    /// Any state whose qubits lie in order, as they do again in the end.
    InOrder,
    /// Any state whose qubits are these address bits, some of which read the other way round; they may end up elsewhere.
    Placed(&'a [u8], u64),
}

#[derive(Clone, Debug)]
enum Part<T: Real> {
    Passes { passes: Vec<Pass<T>>, lines: Vec<Line<T>> },
    Plain(Box<Op>),
}

/// One read and write of the state.
#[derive(Clone, Debug)]
struct Pass<T> {
    shape: Shape,
    steps: Vec<Step<T>>,
}

#[derive(Clone, Debug)]
enum Step<T> {
    Sweep(Sweep<T>),
    Layer(LayerPlan<T>),
    Many(Many<T>),
}

/// What one thread needs beside a block.
#[derive(Default)]
struct Room<T> {
    layer: LayerRoom<T>,
    sweep: Option<Sweep<T>>,
}

impl<T: Choose> Program<T> {
    /// Whether states of this many qubits are worth a program; smaller ones do not fill a tile.
    pub(crate) fn suits(qubits: u32) -> bool {
        qubits >= T::LANE_BITS + 3
    }

    /// Makes a program of unitaries on `qubits` qubits.
    pub(crate) fn new(qubits: u32, ops: &[Op], start: Start<'_>, threads: usize) -> Self {
        let work = ops.len() as f64 * (1u64 << qubits) as f64;
        let from_zero = matches!(start, Start::Zero);
        let mut lowering = Lowering::new(qubits, T::LANE_BITS, !matches!(start, Start::InOrder));
        if let Start::Placed(positions, flips) = start {
            lowering.positions = positions.to_vec();
            lowering.flips = flips;
        }
        for op in ops {
            lowering.add(op);
        }
        let (pieces, positions, flips, global) = lowering.finish();
        let mut maker = Maker {
            width: qubits,
            live: if from_zero { 0 } else { (1 << qubits) - 1 },
            block_bits: block_bits::<T>(qubits, threads),
            prices: if work >= MIN_MEASURED_WORK { Prices::measured::<T>() } else { Prices::assumed() },
            parts: Vec::new(),
        };
        let last = pieces.len().saturating_sub(1);
        let mut global = Some(global);
        for (number, piece) in pieces.into_iter().enumerate() {
            match piece {
                Piece::Elements(elements) => {
                    let factor = if number == last { global.take() } else { None };
                    maker.add(elements, factor.unwrap_or(Complex64::ONE));
                }
                Piece::Plain(op) => {
                    maker.live = (1 << qubits) - 1;
                    maker.parts.push(Part::Plain(op));
                }
            }
        }
        if let Some(global) = global.filter(|global| (global - 1.0).norm_sqr() > 1e-31) {
            maker.add(Vec::new(), global);
        }
        Self { parts: maker.parts, from_zero, positions, flips }
    }

    /// The program in words, a line a pass, and how long it should take on `threads` threads.
    pub(crate) fn explain(&self, threads: usize) -> String {
        let prices = Prices::measured::<T>();
        let mut text = String::new();
        let mut seconds = 0.0;
        for part in &self.parts {
            match part {
                Part::Plain(op) => {
                    let _ =
                        writeln!(text, "a matrix on {} qubits, by the plain engine", op.targets.iter().len());
                }
                Part::Passes { passes, .. } => {
                    for pass in passes {
                        let time = pass.predicted(&prices, threads);
                        seconds += time;
                        let _ = writeln!(text, "{}; {:.3} ms", pass.describe(), time * 1e3);
                    }
                }
            }
        }
        let _ = writeln!(text, "predicted for {} kernels: {:.3} ms", T::chosen().name, seconds * 1e3);
        text
    }

    /// Applies the program to a state that lies as the program was told.
    pub(crate) fn run(&self, register: &mut Register<T>) {
        let kernels = T::chosen();
        let mut written = Written::new(register.width(), !self.from_zero);
        // The parts name qubits by their address bits.
        #[expect(clippy::cast_possible_truncation, reason = "at most 63")]
        let in_order: Vec<u8> = (0..register.qubits() as u8).collect();
        register.relabel(&in_order, 0);
        for part in &self.parts {
            match part {
                Part::Plain(op) => {
                    reference::apply(register, op);
                    reference::restore_order(register);
                    written = Written::new(register.width(), true);
                }
                Part::Passes { passes, lines } => {
                    let workers = register.workers.clone();
                    for pass in passes {
                        for_each_block(
                            &workers,
                            &mut register.cells,
                            pass.shape,
                            &written,
                            |address, block, room| {
                                pass.apply(kernels, lines, address, block, room);
                            },
                        );
                    }
                }
            }
        }
        register.relabel(&self.positions, self.flips);
    }
}

impl<T: Real> Pass<T> {
    fn describe(&self) -> String {
        let sweeps: Vec<usize> = self
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Sweep(sweep) => Some(sweep.ops.len()),
                Step::Layer(_) | Step::Many(_) => None,
            })
            .collect();
        let many = self.steps.iter().filter(|step| matches!(step, Step::Many(_))).count();
        let bits = (0..64).filter(|bit| self.shape.resident >> bit & 1 == 1).map(|bit: u32| bit.to_string());
        format!(
            "{} blocks of bits {}: {} sweeps with {} operations, {} diagonal layers, {many} matrices on many qubits",
            self.shape.blocks(),
            bits.collect::<Vec<_>>().join(" "),
            sweeps.len(),
            sweeps.iter().sum::<usize>(),
            self.steps.len() - sweeps.len() - many,
        )
    }

    /// Seconds that the pass should take: arithmetic on all threads, or memory if that is slower.
    fn predicted(&self, prices: &Prices, threads: usize) -> f64 {
        let amplitudes =
            self.shape.blocks() as f64 * (1u64 << self.shape.resident.count_ones().min(63)) as f64;
        let work = self.steps.iter().map(|step| match step {
            Step::Sweep(sweep) => prices.walk + sweep.ops.iter().map(|op| prices.operation(op)).sum::<f64>(),
            Step::Layer(_) => prices.layer(),
            Step::Many(matrix) => prices.many(matrix.bits.len()),
        });
        let arithmetic = work.sum::<f64>() * 1e-9 * amplitudes / 1024.0 / threads as f64;
        let bytes = amplitudes * 4.0 * size_of::<T>() as f64;
        // States that fit the last-level cache are not read from memory.
        let memory = if bytes > LAST_LEVEL_CACHE { bytes / memory_bandwidth() } else { 0.0 };
        arithmetic.max(memory)
    }

    fn apply(
        &self,
        kernels: &Kernels<T>,
        lines: &[Line<T>],
        address: u64,
        block: &mut [T],
        room: &mut Room<T>,
    ) {
        for step in &self.steps {
            match step {
                Step::Layer(layer) => layer.apply(kernels, block, address, &mut room.layer),
                Step::Many(matrix) if matrix.outer.holds(address) => kernels.many(block, matrix),
                Step::Many(_) => {}
                Step::Sweep(sweep) if sweep.ops.iter().all(|op| op.outer.mask == 0) => {
                    kernels.sweep(block, sweep, lines);
                }
                Step::Sweep(sweep) => {
                    // Conditions on bits outside are the same for the whole block.
                    let here = room.sweep.get_or_insert_with(|| Sweep { tile: [0; 3], ops: Vec::new() });
                    here.tile = sweep.tile;
                    here.ops.clear();
                    here.ops.extend(sweep.ops.iter().filter(|op| op.outer.holds(address)));
                    if !here.ops.is_empty() {
                        kernels.sweep(block, here, lines);
                    }
                }
            }
        }
    }
}

/// How many address bits a block has: what fits the cache, but enough blocks for all threads.
fn block_bits<T: Real>(width: u32, threads: usize) -> u32 {
    let fits = (block_bytes() / (2 * size_of::<T>())).ilog2();
    let threads = threads.next_power_of_two().ilog2();
    let parallel = threads > 0 && width >= crate::workers::MIN_PARALLEL_QUBITS;
    if parallel { fits.min(width.saturating_sub(threads + 1).max(MIN_BLOCK_BITS)) } else { fits.min(width) }
}

struct Maker<T: Real> {
    width: u32,
    /// Address bits that may be 1 somewhere in the state so far.
    live: u64,
    block_bits: u32,
    prices: Prices,
    parts: Vec<Part<T>>,
}

impl<T: Real> Maker<T> {
    /// Makes passes of elements and a factor of the whole state.
    fn add(&mut self, elements: Vec<Element>, global: Complex64) {
        let strip_bits = (STRIP_BYTES / (2 * size_of::<T>())).ilog2();
        let lanes = (1u64 << T::LANE_BITS) - 1;
        let mut encoder = Encoder::<T>::new();
        encoder.global = global;
        let mut pending: Vec<Element> = Vec::new();
        let elements = fuse(elements, self.width, &self.prices);
        let mut plans = passes(elements, self.width, self.block_bits, strip_bits);
        if plans.is_empty() {
            let resident = (1u64 << self.block_bits) - 1;
            plans.push(schedule::PassPlan { resident, elements: Vec::new() });
        }
        let mut made = Vec::with_capacity(plans.len());
        let last = plans.len() - 1;
        for (number, plan) in plans.into_iter().enumerate() {
            let residence = Residence { resident: plan.resident };
            let changes = plan.elements.iter().fold(0, |mask, element| mask | element.changes());
            let shape = Shape {
                resident: plan.resident,
                width: self.width,
                live_before: self.live,
                live_after: self.live | changes,
            };
            self.live |= changes;
            let mut steps = Vec::new();
            for walk in walks(plan.elements, self.width, lanes, &self.prices, &mut pending) {
                steps.extend(match walk {
                    Walk::Layer(layer) => Some(Step::Layer(self.layer(&layer, residence, &mut encoder))),
                    Walk::Sweep { tile, elements } => {
                        Some(Step::Sweep(encoder.sweep(residence, self.block_bits, tile, &elements)))
                    }
                    Walk::Many(element) => encoder.many(residence, &element).map(Step::Many),
                });
                // Turns leave their scale to be done later; numbers must not grow without bound meanwhile.
                if encoder.global.norm_sqr() < 1e-20 {
                    steps.push(self.factor(residence, &mut encoder));
                }
            }
            if number == last {
                let (layer, rest): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut pending).into_iter().partition(is_layerable);
                if !rest.is_empty() {
                    steps.push(Step::Sweep(encoder.sweep(residence, self.block_bits, 0, &rest)));
                }
                if layer.len() > 4 {
                    steps.push(Step::Layer(self.layer(&layer, residence, &mut encoder)));
                } else if !layer.is_empty() {
                    steps.push(Step::Sweep(encoder.sweep(residence, self.block_bits, 0, &layer)));
                }
                if (encoder.global - 1.0).norm_sqr() > 1e-31 {
                    steps.push(self.factor(residence, &mut encoder));
                }
            }
            made.push(Pass { shape, steps });
        }
        self.parts.push(Part::Passes { passes: made, lines: encoder.lines });
    }

    fn layer(&self, layer: &[Element], residence: Residence, encoder: &mut Encoder<T>) -> LayerPlan<T> {
        let global = std::mem::replace(&mut encoder.global, Complex64::ONE);
        LayerPlan::new(layer, global, residence, self.block_bits)
    }

    /// Multiplies the whole state by the factor that was left.
    fn factor(&self, residence: Residence, encoder: &mut Encoder<T>) -> Step<T> {
        let global = std::mem::replace(&mut encoder.global, Complex64::ONE);
        let element = Element { on: crate::kernels::Where::default(), kind: ElementKind::Phase(global) };
        Step::Sweep(encoder.sweep(residence, self.block_bits, 0, &[element]))
    }
}
