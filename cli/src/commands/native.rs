//! Programs made native on the way to a processor, and what a processor is as a target of translation.

use qhal::processor::Processor;
use qhal::{Circuit, Result};
use qhal_backends::simulated::target_of;
use qhal_compiler::translate::{Options, Target, estimate, fits, translate};
use serde_json::{Value, json};

/// A program that a processor takes, and how it came to be.
pub(crate) struct Native {
    pub(crate) circuit: Circuit,
    /// For JSON: whether anything had to be done, the layout, and what it will cost.
    pub(crate) figures: Value,
}

/// What an open processor is as a target.
pub(crate) fn target(processor: &dyn Processor) -> Result<Target> {
    let descriptor = processor.descriptor();
    match target_of(descriptor) {
        Some(target) => target,
        None => Ok(Target::of(&descriptor.id.to_string(), processor.capabilities())),
    }
}

/// The program itself where the processor takes it as it is, else its translation. The classical bits are those of the
/// program in either case: the translation measures each qubit where it has ended.
pub(crate) fn made(processor: &mut dyn Processor, program: &Circuit) -> Result<Native> {
    let target = target(processor)?;
    if fits(program, &target).is_ok() {
        return Ok(Native { circuit: program.clone(), figures: json!({"needed": false}) });
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options::level(3);
    options.threads = threads;
    let translation = translate(program, &target, options)?;
    let estimate = estimate(&translation.circuit, &target.capabilities);
    let figures = json!({
        "needed": true,
        "depth": estimate.depth,
        "two_qubit_gates": estimate.two_qubit_gates,
        "layout": translation.initial_layout,
        "final_layout": translation.final_layout,
        "estimated_fidelity": estimate.fidelity,
    });
    Ok(Native { circuit: translation.circuit, figures })
}
