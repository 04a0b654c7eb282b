//! The driver against the emulated device: everything it can do, and every fault it must report.
