//! From blocks on the device's qubits to its native gates.

use qhal::circuit::{Condition, Operation, Params};
use qhal::{Circuit, Gate, Result};

use super::algebra::{self, ONE, One, rz, times};
use super::blocks::{Blocks, Fixed, InPlace, Kind};
use super::device::Device;
use super::synthesis::euler::pulses;
use super::synthesis::kak::Kak;
use super::synthesis::native::{Entangler, Pass};
use super::synthesis::{Step, synthesize};

/// What comes out: native gates and what they leave out.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) circuit: Circuit,
    pub(crate) phase: f64,
    /// R_z (one qubit) and R_zz angles in front of final measurements.
    pub(crate) left_out: Vec<(f64, Vec<u32>)>,
    /// For each measurement and reset the instruction of the program that it is.
    pub(crate) origins: Vec<u32>,
    /// The largest error of a synthesized block.
    pub(crate) error: f64,
}

/// Writes blocks whose wires are the device's qubits into `circuit`, which has its registers and is empty.
///
/// # Errors
/// Those of [`Circuit::push`]; none for blocks that were made from a circuit.
pub(crate) fn emit(blocks: &Blocks, device: &Device, circuit: Circuit, is_final: &[bool]) -> Result<Emitted> {
    let out = Emitted { circuit, phase: blocks.phase, left_out: Vec::new(), origins: Vec::new(), error: 0.0 };
    let mut emitter = Emitter { device, out, pending: vec![ONE; blocks.wires()], condition: None };
    for node in &blocks.nodes {
        match &node.kind {
            Kind::Fixed(number) => emitter.fixed(&blocks.fixed[*number as usize], is_final)?,
            _ => {
                if let Some(kak) = node.kak() {
                    emitter.block(node.wires, kak)?;
                }
            }
        }
    }
    for (wire, u) in blocks.tail.iter().enumerate() {
        emitter.after(wire as u32, u);
        emitter.finish(wire as u32)?;
    }
    for discarded in &blocks.discarded {
        emitter.out.left_out.push((-2.0 * discarded.x, discarded.wires.to_vec()));
    }
    Ok(emitter.out)
}

struct Emitter<'d, 'c> {
    device: &'d Device,
    out: Emitted,
    /// What is still to be done to each qubit.
    pending: Vec<One>,
    condition: Option<&'c Condition>,
}

impl<'c> Emitter<'_, 'c> {
    fn after(&mut self, wire: u32, u: &One) {
        let pending = &mut self.pending[wire as usize];
        *pending = times(u, pending);
    }

    fn push(&mut self, gate: Gate, params: &[f64], qubits: &[u32]) -> Result<()> {
        self.out.circuit.push(Operation::Gate { gate, params, qubits }, self.condition)
    }

    /// Does what is pending on a qubit but for an R_z, whose angle is returned; with `keep_z` false that is done too.
    fn flush(&mut self, wire: u32, keep_z: bool) -> Result<f64> {
        let u = std::mem::replace(&mut self.pending[wire as usize], ONE);
        if u == ONE {
            return Ok(0.0);
        }
        let train = pulses(&u, self.device.pulses, keep_z);
        for (gate, params) in train.gates() {
            self.push(*gate, params, &[wire])?;
        }
        self.out.phase += train.phase;
        Ok(train.z)
    }

    fn finish(&mut self, wire: u32) -> Result<()> {
        self.flush(wire, false).map(|_| ())
    }

    /// A unitary on a pair of qubits.
    fn block(&mut self, wires: [u32; 2], mut kak: Kak) -> Result<()> {
        let device = self.device;
        let (entangler, _) = device.entanglers.best(&kak.coordinates);
        let mut wires = wires;
        if device.reversed(entangler.gate, wires[0], wires[1]) {
            wires.swap(0, 1);
            kak.left.swap(0, 1);
            kak.right.swap(0, 1);
        }
        let sequence = synthesize(&kak, entangler);
        let error = algebra::distance(&sequence.matrix(entangler), &kak.matrix());
        self.out.error = self.out.error.max(error);
        self.out.phase += sequence.phase;
        for step in &sequence.steps {
            match step {
                Step::Local(side, u) => self.after(wires[*side], u),
                Step::Entangle(x) => self.entangle(entangler, wires, *x)?,
            }
        }
        Ok(())
    }

    fn entangle(&mut self, entangler: &Entangler, wires: [u32; 2], x: f64) -> Result<()> {
        let (params, before, after, phase): (Params, _, _, f64) = entangler.realize(x);
        if let Some(before) = before {
            wires.iter().zip(before).for_each(|(&wire, u)| self.after(wire, u));
        }
        self.out.phase += phase;
        let mut passed = [ONE; 2];
        for (side, &wire) in wires.iter().enumerate() {
            let pass = entangler.pass(side);
            let z = self.flush(wire, pass != Pass::No)?;
            if z != 0.0 {
                match pass {
                    Pass::Same => passed[side] = rz(z),
                    Pass::Negated => passed[side] = rz(-z),
                    Pass::Other => passed[1 - side] = rz(z),
                    Pass::No => {}
                }
            }
        }
        self.push(entangler.gate, &params, &wires)?;
        for (side, &wire) in wires.iter().enumerate() {
            self.pending[wire as usize] = match after {
                Some(after) => times(&after[side], &passed[side]),
                None => passed[side],
            };
        }
        Ok(())
    }

    fn fixed(&mut self, fixed: &'c Fixed, is_final: &[bool]) -> Result<()> {
        for (&wire, u) in fixed.wires.iter().zip(&fixed.before) {
            self.after(wire, u);
        }
        let condition = fixed.condition.as_ref();
        match &fixed.what {
            InPlace::One(u) => {
                let &[wire] = fixed.wires.as_slice() else { return Ok(()) };
                self.finish(wire)?;
                self.pending[wire as usize] = *u;
                let phase = self.out.phase;
                self.condition = condition;
                self.finish(wire)?;
                // A phase that depends on classical bits only cannot be seen.
                (self.condition, self.out.phase) = (None, phase);
            }
            InPlace::Two(kak) => {
                let &[a, b] = fixed.wires.as_slice() else { return Ok(()) };
                self.finish(a)?;
                self.finish(b)?;
                let phase = self.out.phase;
                self.condition = condition;
                self.block([a, b], (**kak).clone())?;
                self.finish(a)?;
                self.finish(b)?;
                (self.condition, self.out.phase) = (None, phase);
            }
            InPlace::Measure { bit } => {
                let &[qubit] = fixed.wires.as_slice() else { return Ok(()) };
                let z = self.flush(qubit, true)?;
                // Nothing that is measured afterwards depends on a phase between outcomes.
                if z != 0.0 && is_final.get(fixed.origin as usize) == Some(&true) {
                    self.out.left_out.push((z, vec![qubit]));
                }
                self.out.origins.push(fixed.origin);
                self.out.circuit.push(Operation::Measure { qubit, bit: *bit }, condition)?;
                if z != 0.0 && condition.is_some() {
                    self.pending[qubit as usize] = rz(z);
                }
            }
            InPlace::Reset => {
                let &[qubit] = fixed.wires.as_slice() else { return Ok(()) };
                let z = self.flush(qubit, true)?;
                self.out.origins.push(fixed.origin);
                self.out.circuit.push(Operation::Reset { qubit }, condition)?;
                if z != 0.0 && condition.is_some() {
                    self.pending[qubit as usize] = rz(z);
                }
            }
            InPlace::Barrier => {
                for &wire in &fixed.wires {
                    let z = self.flush(wire, true)?;
                    self.pending[wire as usize] = if z == 0.0 { ONE } else { rz(z) };
                }
                self.out.circuit.push(Operation::Barrier { qubits: &fixed.wires }, None)?;
            }
            InPlace::Delay(seconds) => {
                let &[qubit] = fixed.wires.as_slice() else { return Ok(()) };
                let z = self.flush(qubit, true)?;
                self.out.circuit.push(Operation::Delay { qubit, seconds: *seconds }, condition)?;
                self.pending[qubit as usize] = if z == 0.0 { ONE } else { rz(z) };
            }
        }
        Ok(())
    }
}

/// SWAP in its canonical form.
pub(crate) fn swap() -> Kak {
    Kak { phase: 0.0, left: [ONE; 2], right: [ONE; 2], coordinates: [0.0; 3] }.mirrored()
}
