//! What is wrong with an emulated device, and from when on: the written form that all emulators share.

use std::fmt;
use std::str::FromStr;

use qhal::{Error, ErrorKind};

/// The ways in which one emulated device can be broken.
pub trait FaultName: Copy + Eq + 'static {
    /// The device, in a sentence: `a QCicada`.
    const DEVICE: &'static str;
    /// All of them.
    const KINDS: &'static [Self];

    /// The name on the command line.
    fn name(self) -> &'static str;

    /// How many bytes the device sends before, where nobody says.
    fn usually_after(self) -> u64 {
        0
    }
}

/// A fault, and from when on: written `gone`, or `gone:10000` for one that shows after 10 000 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault<K> {
    /// What is wrong.
    pub kind: K,
    /// How many bytes the device sends before.
    pub after: u64,
}

/// Declares the `FaultKind` and the `Fault` of one emulated device: every kind with its name on the command line, and
/// after how many bytes it shows where nobody says (at once, if nothing is written).
macro_rules! fault_kinds {
    ($device:literal: $($(#[$doc:meta])* $kind:ident = $name:literal $(after $after:literal)?,)+) => {
        /// One way for the device to be broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $($(#[$doc])* $kind,)+
        }

        impl $crate::fault::FaultName for FaultKind {
            const DEVICE: &'static str = $device;
            const KINDS: &'static [Self] = &[$(Self::$kind,)+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            fn usually_after(self) -> u64 {
                match self {
                    $(Self::$kind => 0 $(+ $after)?,)+
                }
            }
        }

        /// A fault of the device, and after how many bytes it shows.
        pub type Fault = $crate::fault::Fault<FaultKind>;
    };
}
pub(crate) use fault_kinds;

/// The names of all faults of one device.
pub(crate) fn names<K: FaultName>() -> Vec<&'static str> {
    K::KINDS.iter().map(|kind| kind.name()).collect()
}

/// The state of an emulated device: what is wrong with it, and whether it is so by now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition<K> {
    fault: Option<Fault<K>>,
    sent: u64,
}

impl<K: FaultName> Condition<K> {
    /// A device with this fault, or with none.
    pub(crate) fn new(fault: Option<Fault<K>>) -> Self {
        Self { fault, sent: 0 }
    }

    /// Whether it is broken in this way by now.
    pub(crate) fn has(&self, kind: K) -> bool {
        self.fault.is_some_and(|fault| fault.kind == kind && self.sent >= fault.after)
    }

    /// It has sent so many bytes more.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
    }
}

impl<K: FaultName> From<K> for Fault<K> {
    fn from(kind: K) -> Self {
        Self { kind, after: kind.usually_after() }
    }
}

impl<K: FaultName> fmt::Display for Fault<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.after)
    }
}

impl<K: FaultName> FromStr for Fault<K> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, after) = match text.split_once(':') {
            Some((name, after)) => (name, Some(after.parse::<u64>().ok())),
            None => (text, None),
        };
        let kind = K::KINDS.iter().copied().find(|kind| kind.name() == name);
        match (kind, after) {
            (Some(kind), None) => Ok(kind.into()),
            (Some(kind), Some(Some(after))) => Ok(Self { kind, after }),
            _ => {
                let names: Vec<_> = K::KINDS.iter().map(|kind| kind.name()).collect();
                let (device, names) = (K::DEVICE, names.join(", "));
                let message = format!(
                    "'{text}' is no fault of {device}: use one of {names}, with ':N' for after N bytes"
                );
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{
        alea, bitbabbler, chaoskey, comscire, entropykey, infnoise, neug, onerng, qcicada, quantis,
        quantis_appliance, swiftrng, truerng,
    };
    use crate::tagger::tdc1;

    fn names_read_back<K: FaultName + fmt::Debug>() {
        for &kind in K::KINDS {
            let fault = Fault::from(kind);
            assert_eq!(kind.name().parse::<Fault<K>>().unwrap(), fault);
            assert_eq!(fault.to_string().parse::<Fault<K>>().unwrap(), fault);
            let later = Fault { kind, after: 4096 };
            assert_eq!(later.to_string().parse::<Fault<K>>().unwrap(), later);
            for bad in [
                String::new(),
                "broken".to_owned(),
                format!("{}:", kind.name()),
                format!("{}:-1", kind.name()),
            ] {
                assert_eq!(bad.parse::<Fault<K>>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
            }
        }
    }

    #[test]
    fn faults_of_every_device_are_named_and_read_back() {
        names_read_back::<qcicada::emulator::FaultKind>();
        names_read_back::<alea::emulator::FaultKind>();
        names_read_back::<bitbabbler::emulator::FaultKind>();
        names_read_back::<chaoskey::emulator::FaultKind>();
        names_read_back::<comscire::emulator::FaultKind>();
        names_read_back::<entropykey::emulator::FaultKind>();
        names_read_back::<infnoise::emulator::FaultKind>();
        names_read_back::<neug::emulator::FaultKind>();
        names_read_back::<quantis::emulator::FaultKind>();
        names_read_back::<quantis_appliance::emulator::FaultKind>();
        names_read_back::<onerng::emulator::FaultKind>();
        names_read_back::<swiftrng::emulator::FaultKind>();
        names_read_back::<truerng::emulator::FaultKind>();
        names_read_back::<tdc1::emulator::FaultKind>();
    }
}
