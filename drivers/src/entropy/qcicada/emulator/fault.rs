//! What can be wrong with an emulated device, by name.

use crate::fault::{self, FaultName};

/// One way for the device to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Every request for random bytes is refused.
    Nack,
    /// Transfers of random bytes stop after three quarters.
    ShortRead,
    /// Signatures have one bit wrong.
    BadSignature,
    /// The certificate has one bit wrong.
    BadCertificate,
    /// The repetition-count test has failed; generation stops unless the configuration says "generate on error".
    HealthFlag,
    /// The supply voltage is too low; output goes on.
    VoltageLow,
    /// All random bytes are the same.
    Stuck,
    /// The device is streaming when the host meets it.
    Streaming,
    /// The device disappears in the middle of a transfer.
    Gone,
    /// The device answers nothing.
    Silent,
    /// Replies are noise.
    Garble,
    /// Replies belong to another command.
    WrongReply,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Nack,
        Self::ShortRead,
        Self::BadSignature,
        Self::BadCertificate,
        Self::HealthFlag,
        Self::VoltageLow,
        Self::Stuck,
        Self::Streaming,
        Self::Gone,
        Self::Silent,
        Self::Garble,
        Self::WrongReply,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::ShortRead => "short-read",
            Self::BadSignature => "bad-signature",
            Self::BadCertificate => "bad-certificate",
            Self::HealthFlag => "health-flag",
            Self::VoltageLow => "voltage-low",
            Self::Stuck => "stuck",
            Self::Streaming => "streaming",
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::Garble => "garble",
            Self::WrongReply => "wrong-reply",
        }
    }
}

impl FaultName for FaultKind {
    const DEVICE: &'static str = "a QCicada";
    const KINDS: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.as_str()
    }
}

/// A fault of a QCicada, and after how many random bytes it shows; `Streaming` is how the device begins, so it has no
/// "before".
pub type Fault = fault::Fault<FaultKind>;
