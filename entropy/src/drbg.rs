//! HMAC_DRBG with SHA-256 (NIST SP 800-90A Rev. 1 §10.1.2), security strength 256 bits.

use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use qhal::{Error, ErrorKind, Result};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

type HmacSha256 = Hmac<Sha256>;

/// Bytes of the hash output, hence of the key and of V.
const OUT_BYTES: usize = 32;

/// Bytes of one block of SHA-256.
const HASH_BLOCK_BYTES: usize = 64;

/// The most bytes of one request: 2^19 bits (SP 800-90A table 2).
pub const MAX_REQUEST_BYTES: usize = 1 << 16;

/// The most requests between two reseedings (SP 800-90A table 2).
pub const MAX_RESEED_INTERVAL: u64 = 1 << 48;

/// The least entropy input of instantiation and reseeding, in bytes of full entropy: the security strength.
pub const MIN_ENTROPY_BYTES: usize = 32;

/// The least nonce, in bytes: half the security strength (SP 800-90A §8.6.7).
pub const MIN_NONCE_BYTES: usize = 16;

/// The most bytes of any input: 2^35 bits (SP 800-90A table 2).
const MAX_INPUT_BYTES: u64 = 1 << 32;

/// A deterministic random bit generator; wiped when dropped.
///
/// It asks nobody for entropy: the caller hands in seeds, and is told when one is due.
pub struct HmacDrbg {
    /// HMAC with the key already worked in; the key itself is not kept.
    keyed: HmacSha256,
    value: Zeroizing<[u8; OUT_BYTES]>,
    /// Requests since the last seed, counted as the standard does: 1 for none yet.
    reseed_counter: u64,
    reseed_interval: u64,
}

impl HmacDrbg {
    /// HMAC_DRBG_Instantiate (§10.1.2.3): at least 32 bytes of full `entropy`, at least 16 bytes of `nonce`, and any
    /// `personalization`, which need not be secret.
    ///
    /// # Errors
    /// `InvalidInput` when an input is shorter or longer than the standard allows.
    pub fn instantiate(entropy: &[u8], nonce: &[u8], personalization: &[u8]) -> Result<Self> {
        check_seed(entropy)?;
        if nonce.len() < MIN_NONCE_BYTES {
            return Err(wrong(format!(
                "a nonce of {} bytes is too short: at least {MIN_NONCE_BYTES}",
                nonce.len()
            )));
        }
        check_length(nonce)?;
        check_length(personalization)?;
        let mut drbg = Self {
            keyed: keyed(&[0; OUT_BYTES]),
            value: Zeroizing::new([1; OUT_BYTES]),
            reseed_counter: 1,
            reseed_interval: MAX_RESEED_INTERVAL,
        };
        drbg.update(&[entropy, nonce, personalization]);
        Ok(drbg)
    }

    /// The same generator, which wants a reseeding after `requests` requests instead of 2^48.
    ///
    /// # Errors
    /// `InvalidInput` when `requests` is 0 or more than [`MAX_RESEED_INTERVAL`].
    pub fn with_reseed_interval(mut self, requests: u64) -> Result<Self> {
        if !(1..=MAX_RESEED_INTERVAL).contains(&requests) {
            return Err(wrong(format!(
                "a reseed interval of {requests} requests is not possible: 1 to 2^48"
            )));
        }
        self.reseed_interval = requests;
        Ok(self)
    }

    /// HMAC_DRBG_Reseed (§10.1.2.4): at least 32 bytes of full `entropy`, and any `additional` input.
    ///
    /// # Errors
    /// `InvalidInput` when an input is shorter or longer than the standard allows.
    pub fn reseed(&mut self, entropy: &[u8], additional: &[u8]) -> Result<()> {
        check_seed(entropy)?;
        check_length(additional)?;
        self.update(&[entropy, additional]);
        self.reseed_counter = 1;
        Ok(())
    }

    /// HMAC_DRBG_Generate (§10.1.2.5) without prediction resistance: fills `out`, at most 65 536 bytes.
    ///
    /// # Errors
    /// `InvalidInput` when `out` or `additional` is too long; `Exhausted` when a reseeding is due. `out` is all
    /// zeros then.
    pub fn generate(&mut self, out: &mut [u8], additional: &[u8]) -> Result<()> {
        if let Err(error) = self.check_request(out.len(), additional) {
            out.zeroize();
            return Err(error);
        }
        if !additional.is_empty() {
            self.update(&[additional]);
        }
        for part in out.chunks_mut(OUT_BYTES) {
            self.step();
            part.iter_mut().zip(self.value.iter()).for_each(|(byte, &value)| *byte = value);
        }
        self.update(&[additional]);
        self.reseed_counter = self.reseed_counter.saturating_add(1);
        Ok(())
    }

    /// Generate with prediction resistance (§9.3.1 step 7): reseeds with `entropy`, which the caller drew after it
    /// was asked, and then generates.
    ///
    /// # Errors
    /// `InvalidInput` as [`reseed`](Self::reseed) and [`generate`](Self::generate); `out` is all zeros then.
    pub fn generate_fresh(&mut self, out: &mut [u8], entropy: &[u8], additional: &[u8]) -> Result<()> {
        if let Err(error) = check_request_length(out.len()).and_then(|()| self.reseed(entropy, additional)) {
            out.zeroize();
            return Err(error);
        }
        self.generate(out, &[])
    }

    fn check_request(&self, bytes: usize, additional: &[u8]) -> Result<()> {
        check_request_length(bytes)?;
        check_length(additional)?;
        if self.reseed_counter > self.reseed_interval {
            return Err(Error::new(
                ErrorKind::Exhausted,
                format!(
                    "the generator has answered {} requests since its last seed: reseed it",
                    self.reseed_interval
                ),
            ));
        }
        Ok(())
    }

    /// HMAC_DRBG_Update (§10.1.2.2) over the concatenation of `data`.
    fn update(&mut self, data: &[&[u8]]) {
        for round in 0..=u8::from(data.iter().any(|part| !part.is_empty())) {
            let mut mac = self.keyed.clone();
            mac.update(self.value.as_slice());
            mac.update(&[round]);
            for part in data {
                mac.update(part);
            }
            let mut key = Zeroizing::new([0; OUT_BYTES]);
            mac.finalize_into((&mut *key).into());
            self.keyed = keyed(&key);
            self.step();
        }
    }

    /// V = HMAC(Key, V).
    fn step(&mut self) {
        let mut mac = self.keyed.clone();
        mac.update(self.value.as_slice());
        mac.finalize_into((&mut *self.value).into());
    }
}

/// HMAC keyed with `key`; a key shorter than a block is filled with zeros (FIPS 198-1 §4 step 3).
fn keyed(key: &[u8; OUT_BYTES]) -> HmacSha256 {
    let mut block = Zeroizing::new([0; HASH_BLOCK_BYTES]);
    block.iter_mut().zip(key).for_each(|(byte, &key)| *byte = key);
    <HmacSha256 as KeyInit>::new((&*block).into())
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn check_request_length(bytes: usize) -> Result<()> {
    if bytes > MAX_REQUEST_BYTES {
        return Err(wrong(format!(
            "a request of {bytes} bytes is too long: at most {MAX_REQUEST_BYTES} at once"
        )));
    }
    Ok(())
}

fn check_seed(entropy: &[u8]) -> Result<()> {
    if entropy.len() < MIN_ENTROPY_BYTES {
        return Err(wrong(format!(
            "a seed of {} bytes is too short: at least {MIN_ENTROPY_BYTES}",
            entropy.len()
        )));
    }
    check_length(entropy)
}

fn check_length(input: &[u8]) -> Result<()> {
    if input.len() as u64 > MAX_INPUT_BYTES {
        return Err(wrong(format!("an input of {} bytes is too long: at most 2^32", input.len())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::block_api::HmacCore;
    use hmac::digest::block_api::{Buffer, CoreProxy};
    use zeroize::ZeroizeOnDrop;

    /// `Hmac` itself has no marker: it is a buffer and two hash states. The bounds hold only while the `zeroize`
    /// features of `sha2` and `hmac` are on.
    #[test]
    fn every_part_of_the_state_wipes_itself() {
        fn wipes<T: ZeroizeOnDrop>() {}
        wipes::<<Sha256 as CoreProxy>::Core>();
        wipes::<Buffer<HmacCore<Sha256>>>();
        wipes::<Zeroizing<[u8; OUT_BYTES]>>();
    }

    #[test]
    fn limits_of_the_standard_are_kept() {
        assert!(HmacDrbg::instantiate(&[0; 31], &[0; 16], &[]).is_err());
        assert!(HmacDrbg::instantiate(&[0; 32], &[0; 15], &[]).is_err());
        let new = || HmacDrbg::instantiate(&[0; 32], &[0; 16], &[]).unwrap();
        assert!(new().with_reseed_interval(0).is_err());
        assert!(new().with_reseed_interval(MAX_RESEED_INTERVAL + 1).is_err());
        let mut drbg = new();
        assert!(drbg.reseed(&[0; 31], &[]).is_err());
        let mut out = vec![0xEE; MAX_REQUEST_BYTES + 1];
        assert_eq!(drbg.generate(&mut out, &[]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(out.iter().all(|&byte| byte == 0));
        assert!(drbg.generate_fresh(&mut out, &[0; 32], &[]).is_err());
        assert!(drbg.generate(&mut out[1..], &[]).is_ok());
    }

    #[test]
    fn a_due_reseeding_stops_it_until_it_is_done() {
        let mut drbg =
            HmacDrbg::instantiate(&[1; 32], &[2; 16], b"x").unwrap().with_reseed_interval(2).unwrap();
        let mut out = [0xEE; 40];
        drbg.generate(&mut out, &[]).unwrap();
        drbg.generate(&mut out, &[]).unwrap();
        assert_eq!(drbg.generate(&mut out, &[]).unwrap_err().kind(), ErrorKind::Exhausted);
        assert_eq!(out, [0; 40]);
        drbg.reseed(&[3; 32], &[]).unwrap();
        drbg.generate(&mut out, &[]).unwrap();
        assert_ne!(out, [0; 40]);
    }
}
