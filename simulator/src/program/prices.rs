//! What elements cost, in one unit, so that the planner can choose between two ways of doing the same.

use super::element::{Element, ElementKind};

/// Prices of the kernels' operations, in nanoseconds for 1024 amplitudes in the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prices {
    /// A real turn without condition.
    pub(crate) turn: f64,
    /// A real turn under a condition.
    pub(crate) mix: f64,
    /// A flip under a condition.
    pub(crate) flip: f64,
    /// A factor on all amplitudes.
    pub(crate) phase: f64,
    /// A dense matrix on two qubits.
    pub(crate) dense: f64,
    /// Reading and writing the block once.
    pub(crate) walk: f64,
    /// A diagonal layer.
    pub(crate) layer: f64,
}

impl Prices {
    /// What one element costs as an operation of a sweep.
    pub(crate) fn element(&self, element: &Element) -> f64 {
        let conditions = element.on.mask.count_ones();
        // Operations under conditions are left out where those do not hold, but each has to be looked at.
        let part = 0.5f64.powi(conditions.min(8) as i32);
        match &element.kind {
            ElementKind::Phase(_) => self.phase * (0.2 + 0.8 * part),
            ElementKind::Turn { .. } if conditions == 0 => self.turn,
            ElementKind::Turn { .. } => self.mix * (0.2 + 0.8 * part),
            ElementKind::Flip { .. } => self.flip * (0.2 + 0.8 * part),
            ElementKind::Dense { .. } => self.dense,
        }
    }

    /// What a layer costs that takes over these factors.
    pub(crate) fn layer(&self) -> f64 {
        self.layer + self.walk
    }
}

impl Default for Prices {
    /// Proportions as the arithmetic suggests them, for states too small to be worth a measurement.
    fn default() -> Self {
        Self { turn: 90.0, mix: 160.0, flip: 60.0, phase: 140.0, dense: 580.0, walk: 140.0, layer: 300.0 }
    }
}
