//! `qhal serve`: the daemon, from the configuration to its end.

use qhal_backends::{Ensemble, catalog};

use super::rng::{conditioning, several};
use crate::args::ServeArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;
use crate::serve::{self, Settings};

pub(crate) fn run(context: &Context, args: &ServeArgs) -> Outcome {
    let choice = several::Choice {
        devices: &args.devices,
        combine: args.combine,
        policy: args.policy.policy,
        output: None,
        config: super::rng::read::entropy_config(context)?,
    };
    let mut plan = several::plan(context, &choice)?;
    let mut settings = Settings::new(&context.config.serve, args.listen, plan.output)?;
    settings.conditioning = plan.config.conditioning.clone();
    plan.patience = settings.patience;
    if let Some(words) = conditioning::in_words(&settings.conditioning) {
        report::note(words);
    }
    let registry = catalog::registry(&context.options(None)?);
    let ensemble = Ensemble::start(registry, &plan, several::announce)?;
    serve::run(settings, ensemble)
}
