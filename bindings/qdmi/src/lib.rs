//! Our processors as a QDMI device: a shared library that Qiskit, PennyLane and every other QDMI client can drive.
//!
//! QDMI (Quantum Device Management Interface, <https://github.com/Munich-Quantum-Software-Stack/QDMI>) is a C interface
//! in which a *device* is a shared library. This one implements version 1.4: the 22 functions of `qdmi/device.h` under the
//! prefix `QHAL`. Behind them stands the simulated processor, or whichever processor the session parameter CUSTOM1
//! names in the words of the command `qhal` (`simulator:statevector`, `qdmi:iqm.garnet`).
//!
//! What crosses the border is checked: handles are numbers that are looked up and never followed, sizes are compared
//! before memory is touched, texts end in exactly one NUL, a panic becomes the status `FATAL`. Every function may be
//! called from any thread. Why a job failed is said on standard error, because the interface has no place for it.

mod codes;
mod device;
mod exports;
mod handles;
mod job;
mod memory;
mod program;
mod queries;
mod results;
mod runner;
mod session;

pub use exports::*;
