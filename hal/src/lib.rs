//! The words everybody shares: what a quantum device is, what it can do, how it fails.
//!
//! This crate is the ground floor of the project. It holds traits and plain values only: no I/O, no thread,
//! no clock and no vendor's name. Drivers, simulators and consumers meet here and do not know each other.
//!
//! The four kinds of device are [`EntropySource`] (random-number generators), [`KeyLink`] (one end of a
//! quantum-key-distribution link), [`Processor`] (something that runs circuits) and [`TimeTagger`] (something that notes when
//! detectors fire). A [`Driver`] finds and opens them. Every [`Descriptor`] says where numbers come from ([`Provenance`]), and every fallible call
//! returns the one [`Error`] of this crate.

pub mod address;
pub mod circuit;
pub mod conformance;
pub mod device;
pub mod driver;
pub mod entropy;
pub mod error;
pub mod identity;
pub mod keylink;
pub mod processor;
pub mod provenance;
pub mod record;
pub mod tagger;

pub use address::Address;
pub use circuit::{Circuit, Gate};
pub use device::{Device, Health, Property, PropertyValue};
pub use driver::{Driver, OpenDevice};
pub use entropy::{EntropySource, MinEntropy, SecureRandom, Stage};
pub use error::{Error, ErrorKind, Result};
pub use identity::{Access, Descriptor, DeviceId, Kind, QuantumOrigin};
pub use keylink::{KeyId, KeyLink, LinkStatus, SecretKey};
pub use processor::{Capabilities, Job, JobId, JobResult, JobState, Processor};
pub use provenance::{Policy, Provenance};
pub use record::Record;
pub use tagger::{Tag, TimeTagger};

/// The complex number of every amplitude and matrix element: two `f64`, real part first.
pub use num_complex::Complex64;
