//! Tests of the compiler from outside, in one program so that they link once.

mod circuits;
mod errors;
mod hostile;
mod language;
mod paper;
mod reference;
