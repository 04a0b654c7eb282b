//! Physics on a computer: state vectors, noise and photons; it knows nothing about devices.
//!
//! A [`Simulator`] makes a [`Plan`] of a circuit, evolves it to a [`StateVector`], and reads amplitudes,
//! probabilities or counts from that. Circuits that need outcomes on the way go to [`Simulator::counts`] directly.

mod branch;
mod gradient;
mod kernels;
pub mod limits;
mod lower;
mod memory;
mod moves;
pub mod noise;
mod options;
mod pauli;
pub mod photonics;
mod plan;
mod program;
mod random;
mod real;
mod reference;
mod register;
mod sample;
mod simulator;
mod state;
mod tally;
mod view;
mod workers;

pub use gradient::{Angle, Ansatz};
pub use options::{Options, Precision};
pub use pauli::PauliString;
pub use plan::Plan;
pub use simulator::{MAX_BRANCHES, Simulator};
pub use state::StateVector;
pub use view::{Cells, View};
