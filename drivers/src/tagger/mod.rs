//! Drivers of time taggers.

pub mod tdc1;
