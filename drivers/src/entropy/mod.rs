//! Drivers of random-number generators.
