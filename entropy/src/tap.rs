//! The tap: raw samples of a source, every one of them judged; a failed test shuts it until it is restarted.

use std::fmt;

use qhal::{DeviceId, EntropySource, Error, ErrorKind, Health, Provenance, Result};
use zeroize::Zeroize;

use crate::config::Config;
use crate::health::{FailedTest, HealthTests};
use crate::startup::Startup;
use crate::statistics::Statistics;

/// Why a tap is shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The test that failed.
    pub test: FailedTest,
    /// Whether it failed in the start-up test, before any byte was given.
    pub at_startup: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at_startup {
            f.write_str("start-up test: ")?;
        }
        self.test.fmt(f)
    }
}

/// Where a tap is in its life.
enum State {
    /// No start-up test has been passed yet.
    New,
    /// Samples flow.
    Open,
    /// A test failed; nothing flows until a restart.
    Shut(Failure),
}

/// Raw samples of a source, each judged by the health tests before anybody sees it.
///
/// The first read runs the start-up test. When a test fails, of ours or of the device, everything that has not
/// been given yet is wiped and every read fails with that test's name until [`restart`](Self::restart).
pub struct Tap {
    source: Box<dyn EntropySource>,
    id: DeviceId,
    provenance: Provenance,
    tests: HealthTests,
    startup_samples: usize,
    startup: Startup,
    state: State,
    figures: Statistics,
}

impl Tap {
    /// A tap on `source`; nothing is read yet.
    ///
    /// # Errors
    /// `InvalidInput` when the start-up test of `config` is out of range, or the source claims so little entropy
    /// that no health test could fail.
    pub fn new(source: Box<dyn EntropySource>, config: &Config) -> Result<Self> {
        config.check_startup()?;
        let descriptor = source.descriptor();
        let (id, provenance) = (descriptor.id.clone(), descriptor.provenance);
        let tests =
            HealthTests::new(source.claimed_min_entropy(), config.alpha).map_err(|error| error.on(&id))?;
        Ok(Self {
            source,
            id,
            provenance,
            tests,
            startup_samples: config.startup_samples,
            startup: Startup::default(),
            state: State::New,
            figures: Statistics::default(),
        })
    }

    /// Runs the start-up test now, unless it has been passed; reading does the same.
    ///
    /// # Errors
    /// `Unhealthy` when a test failed; what the source's own read fails with.
    pub fn start(&mut self) -> Result<()> {
        match &self.state {
            State::Open => return Ok(()),
            State::Shut(failure) => return Err(self.refusal(failure)),
            State::New => {}
        }
        let mut startup = Startup::new(self.startup_samples);
        let mut have = 0;
        while have < self.startup_samples {
            match self.draw(startup.missing(have), true) {
                Ok(got) => have += got,
                Err(error) => {
                    // The samples must be consecutive: the next attempt begins from nothing.
                    self.reset_tests();
                    return Err(error);
                }
            }
        }
        self.startup = startup;
        self.state = State::Open;
        self.figures.startups = self.figures.startups.saturating_add(1);
        Ok(())
    }

    /// Reads judged samples: at least one and at most `out.len()`; returns how many. An empty `out` gives 0.
    ///
    /// The bytes of `out` behind those are zeros.
    ///
    /// # Errors
    /// `Unhealthy` with the test's name and numbers when a health test fails or has failed; `Protocol` when the
    /// source breaks its contract; what the source's own read fails with. `out` is all zeros then.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let outcome = self.read_some(out);
        match &outcome {
            Ok(got) => {
                // Whatever the source wrote behind the samples it returned has not been judged.
                out.iter_mut().skip(*got).for_each(|byte| *byte = 0);
                self.figures.bytes_out = self.figures.bytes_out.saturating_add(*got as u64);
            }
            Err(_) => out.zeroize(),
        }
        outcome
    }

    /// Fills all of `out` with judged samples.
    ///
    /// # Errors
    /// As [`read`](Self::read); `out` is all zeros then.
    pub fn read_exact(&mut self, out: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        // Also for an empty `out`: a shut tap must say so.
        loop {
            match self.read(out.get_mut(filled..).unwrap_or_default()) {
                Ok(got) => filled += got,
                Err(error) => {
                    out.zeroize();
                    return Err(error);
                }
            }
            if filled >= out.len() {
                return Ok(());
            }
        }
    }

    /// Opens a shut tap again: forgets what the tests have seen and runs the start-up test.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.reset_tests();
        self.discard();
        self.state = State::New;
        self.start()
    }

    /// Throws away the samples that the start-up test has read ahead, so that the next ones are new.
    pub fn discard(&mut self) {
        self.startup = Startup::default();
    }

    /// Why the tap is shut, if it is.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Shut(failure) => Some(failure),
            State::New | State::Open => None,
        }
    }

    /// How it is: failed when a test failed, else what the device says of itself.
    ///
    /// # Errors
    /// Those of [`Device::health`](qhal::Device::health).
    pub fn health(&mut self) -> Result<Health> {
        match self.failure() {
            Some(failure) => Ok(Health::Failed(failure.to_string())),
            None => self.source.health(),
        }
    }

    /// Where the samples come from.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// The source, for its descriptor and claims.
    pub fn source(&self) -> &dyn EntropySource {
        self.source.as_ref()
    }

    /// Gives the source back, to close it.
    pub fn into_source(self) -> Box<dyn EntropySource> {
        self.source
    }

    /// Its figures; `bytes_out` counts raw samples given.
    pub fn statistics(&self) -> Statistics {
        let (repetition, proportion) = (self.tests.repetition(), self.tests.proportion());
        Statistics {
            longest_run: self.figures.longest_run.max(repetition.longest()),
            repetition_cutoff: repetition.cutoff(),
            highest_proportion: self.figures.highest_proportion.max(proportion.highest()),
            proportion_cutoff: proportion.cutoff(),
            proportion_window: proportion.window(),
            ..self.figures
        }
    }

    fn read_some(&mut self, out: &mut [u8]) -> Result<usize> {
        if let State::Shut(failure) = &self.state {
            return Err(self.refusal(failure));
        }
        if out.is_empty() {
            return Ok(0);
        }
        self.start()?;
        match self.startup.take(out) {
            0 => self.draw(out, false),
            taken => Ok(taken),
        }
    }

    /// One read of the source, judged.
    fn draw(&mut self, out: &mut [u8], at_startup: bool) -> Result<usize> {
        let wanted = out.len();
        let got = match self.source.read(out) {
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Unhealthy => {
                let report = error.message().to_owned();
                return Err(self.shut(FailedTest::Device { report }, at_startup));
            }
            Err(error) => return Err(error.on(&self.id)),
        };
        let Some(samples) = out.get(..got).filter(|samples| !samples.is_empty()) else {
            let message = format!(
                "asked for up to {wanted} samples, the source says it gave {got}: its driver is broken"
            );
            return Err(Error::new(ErrorKind::Protocol, message).on(&self.id));
        };
        self.figures.samples = self.figures.samples.saturating_add(got as u64);
        match self.tests.judge(samples) {
            Ok(()) => Ok(got),
            Err(test) => Err(self.shut(test, at_startup)),
        }
    }

    /// Shuts the tap and says why.
    fn shut(&mut self, test: FailedTest, at_startup: bool) -> Error {
        let count = match &test {
            FailedTest::RepetitionCount { .. } => &mut self.figures.repetition_failures,
            FailedTest::AdaptiveProportion { .. } => &mut self.figures.proportion_failures,
            FailedTest::Device { .. } => &mut self.figures.device_failures,
        };
        *count = count.saturating_add(1);
        self.discard();
        let failure = Failure { test, at_startup };
        let error = self.refusal(&failure);
        self.state = State::Shut(failure);
        error
    }

    fn refusal(&self, failure: &Failure) -> Error {
        Error::new(ErrorKind::Unhealthy, format!("{failure}; nothing is given until it is restarted"))
            .on(&self.id)
    }

    /// Begins the tests anew and keeps their figures.
    fn reset_tests(&mut self) {
        let now = self.statistics();
        self.figures.longest_run = now.longest_run;
        self.figures.highest_proportion = now.highest_proportion;
        self.tests.reset();
    }
}
