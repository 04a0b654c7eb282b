//! The conditioning component that the configuration chooses, the seed of an extractor, and what is said of both.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use qhal::{Error, ErrorKind, Result};
use qhal_entropy::conditioner::{Extraction, Seed};
use qhal_entropy::{Conditioner, Conditioning};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::args::ConditionerArg;
use crate::config::{RngSection, ToeplitzSection};
use crate::failure::Outcome;
use crate::state;

/// The most bytes of a file with a seed: enough for the largest products, and some more.
const MOST_SEED_BYTES: u64 = 16 << 20;

/// The component of `[rng]`.
///
/// # Errors
/// `InvalidInput` for settings that are out of range or do not go together; those of reading the seed.
pub(crate) fn chosen(section: &RngSection) -> Outcome<Conditioning> {
    match (section.conditioner, &section.toeplitz) {
        (Some(ConditionerArg::Toeplitz), Some(settings)) => Ok(Conditioning::Toeplitz(extraction(settings)?)),
        (Some(ConditionerArg::Toeplitz), None) => {
            Ok(Conditioning::Toeplitz(extraction(&ToeplitzSection::default())?))
        }
        (_, Some(_)) => {
            let message = "[rng.toeplitz] is set and no extractor is chosen: set conditioner = \"toeplitz\" under [rng], \
                           or take the section out";
            Err(Error::new(ErrorKind::InvalidInput, message).into())
        }
        (_, None) => Ok(Conditioning::Sha256),
    }
}

/// What programs are told of it; with the sizes of one device's `conditioner` where there is one.
pub(crate) fn summary(conditioning: &Conditioning, conditioner: Option<&Conditioner>) -> Value {
    let mut document = json!({
        "name": conditioning.as_str(),
        "vetted": conditioning.is_vetted(),
        "credited_bits_per_byte": conditioning.credit_per_byte(),
    });
    if let Conditioning::Toeplitz(extraction) = conditioning {
        let seed = extraction.seed();
        document["input_bits"] = json!(extraction.input_bits());
        document["epsilon_exponent"] = json!(extraction.log2_epsilon());
        document["seed"] =
            json!({"origin": seed.origin(), "bytes": seed.bytes().len(), "sha256": seed.digest()});
        if let Some(conditioner) = conditioner {
            document["output_bits"] = json!(conditioner.blocks_per_round() * 256);
        }
    }
    document
}

/// What people are told of it; nothing of what is used when nobody says otherwise.
pub(crate) fn in_words(conditioning: &Conditioning) -> Option<String> {
    match conditioning {
        Conditioning::Sha256 => None,
        Conditioning::Toeplitz(extraction) => Some(format!(
            "conditioned by a Toeplitz extractor, 2^-{} from uniform; not vetted, credited with {} bits a byte; seed: {}",
            extraction.log2_epsilon(),
            conditioning.credit_per_byte(),
            extraction.seed().origin(),
        )),
    }
}

fn extraction(settings: &ToeplitzSection) -> Result<Extraction> {
    let bits = settings
        .input_bits
        .map_or(Extraction::DEFAULT_INPUT_BITS, |bits| usize::try_from(bits).unwrap_or(usize::MAX));
    let log2_epsilon = settings.epsilon_exponent.unwrap_or(Extraction::DEFAULT_LOG2_EPSILON);
    Extraction::seed_bytes_for(bits)
        .and_then(|bytes| match &settings.seed {
            Some(path) => named(path),
            None => kept(bytes),
        })
        .and_then(|seed| Extraction::new(bits, log2_epsilon, settings.assessed_output, seed))
        .map_err(|error| error.context("[rng.toeplitz]"))
}

/// The seed in a file that the user named.
fn named(path: &Path) -> Result<Seed> {
    Seed::new(&read(path)?, &format!("file {}", path.display()))
}

/// The seed that an earlier run drew from the operating system, else one that is drawn and kept now: blocks are close to
/// uniform together with it, so that another run has no need of another.
fn kept(bytes: usize) -> Result<Seed> {
    let folder = state::folder()
        .map_err(|error| error.context("a seed that is drawn must be kept, or named by seed = \"FILE\""))?;
    let path = folder.join(format!("toeplitz-{bytes}.seed"));
    let origin = format!("operating system, drawn once and kept in {}", path.display());
    if !path.exists() {
        draw(&folder, &path, bytes)?;
    }
    let kept = read(&path)?;
    if kept.len() != bytes {
        let message =
            format!("{} has {} bytes and should have {bytes}: remove it", path.display(), kept.len());
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Seed::new(&kept, &origin)
}

fn draw(folder: &Path, path: &Path, bytes: usize) -> Result<()> {
    let cannot = |cause| Error::from_io(cause, format!("cannot keep a seed in {}", path.display()));
    let mut seed = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut seed)
        .map_err(|cause| Error::new(ErrorKind::Other, "the operating system gives no seed").because(cause))?;
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    file.write_all(&seed).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    match file.persist_noclobber(path) {
        // Another run was faster, and its seed is as good.
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map(|_| ()).map_err(|failed| cannot(failed.error)),
    }
}

/// A seed as it stands in a file that its owner alone can change: whoever chooses the seed has a hand in what comes out.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let name = path.display();
    let cannot = |cause| Error::from_io(cause, format!("cannot read the seed {name}"));
    let about = fs::metadata(path).map_err(cannot)?;
    if !about.is_file() || about.len() > MOST_SEED_BYTES {
        let message =
            format!("{name} is not a seed: a file of at most {MOST_SEED_BYTES} random bytes is one");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if about.permissions().mode() & 0o022 != 0 {
        let message = format!("others may change the seed {name}: chmod go-w {name}");
        return Err(Error::new(ErrorKind::Refused, message));
    }
    fs::read(path).map(Zeroizing::new).map_err(cannot)
}
