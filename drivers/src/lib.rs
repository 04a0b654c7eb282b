//! One folder for each real device, and the wires they hang on.
//!
//! Every driver has the same rooms: `mod.rs` (the hal's side), `protocol.rs` (bytes ⇄ values, pure, no I/O) and
//! `emulator.rs` (the device's side of the wire, byte-exact, with faults on demand). A new driver is that folder plus
//! two lines: its `pub mod` beside the others, and its entry in [`catalogue`].

pub mod catalogue;
mod emulation;
pub mod entropy;
mod family;
pub mod fault;
pub mod link;
pub mod processor;
pub mod tagger;
pub mod tags;
pub mod transport;

pub use catalogue::{DriverOptions, EmulatedModel, EmulatorOptions, UsbId, all, emulators, usb_ids};
