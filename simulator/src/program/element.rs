//! The few things that every unitary is taken apart into: phases, real turns, flips, and dense matrices where needed.

use qhal::Complex64;
use qhal::circuit::Matrix;

use crate::kernels::Where;
use crate::lower::Targets;

/// One elementary operation on address bits.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// Where it acts; bits outside leave everything as it is.
    pub(crate) on: Where,
    pub(crate) kind: ElementKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ElementKind {
    /// A factor of modulus 1.
    Phase(Complex64),
    /// `[[c, −s], [s, c]]`, or mirrored `[[c, s], [s, −c]]`.
    Turn { bit: u32, c: f64, s: f64, mirror: bool },
    /// Exchange of 0 and 1.
    Flip { bit: u32 },
    /// Any matrix on the targets.
    Dense { matrix: Box<Matrix>, targets: Targets },
}

impl Element {
    /// Bits whose value it changes; it does not commute with anything that reads them.
    pub(crate) fn changes(&self) -> u64 {
        match &self.kind {
            ElementKind::Phase(_) => 0,
            ElementKind::Turn { bit, .. } | ElementKind::Flip { bit } => 1 << bit,
            ElementKind::Dense { targets, .. } => targets.iter().fold(0, |mask, bit| mask | 1 << bit),
        }
    }

    /// Whether it is a matrix that does not fit a sweep: on more than two bits, or under conditions.
    pub(crate) fn is_on_many(&self) -> bool {
        matches!(&self.kind, ElementKind::Dense { targets, .. } if targets.iter().len() > 2 || self.on.mask != 0)
    }

    /// Bits whose value it depends on and leaves.
    pub(crate) fn reads(&self) -> u64 {
        self.on.mask
    }

    /// All bits it has to do with.
    pub(crate) fn support(&self) -> u64 {
        self.changes() | self.reads()
    }
}

/// What stands still in front of operations that were passed over: nothing that does not commute may go before them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Barrier {
    changed: u64,
    read: u64,
}

impl Barrier {
    /// Whether `element` commutes with all that was passed over.
    pub(crate) fn lets(&self, element: &Element) -> bool {
        element.reads() & self.changed == 0 && element.changes() & (self.changed | self.read) == 0
    }

    pub(crate) fn pass_over(&mut self, element: &Element) {
        self.changed |= element.changes();
        self.read |= element.reads();
    }

    /// Whether nothing can go before what was passed over that does not change a bit outside `within`.
    pub(crate) fn is_closed(&self, width: u32, within: u64) -> bool {
        let all = (1 << width) - 1;
        let open = within & all & !(self.changed | self.read);
        all & !self.changed == 0 || (within != u64::MAX && open == 0)
    }
}
