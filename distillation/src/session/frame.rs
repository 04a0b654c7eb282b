//! The outside of messages: version, kind, sender, block and number before what they hold.

use qhal::{Error, ErrorKind, Result};

use crate::authentication::Role;
use crate::wire::{Reader, Writer};

/// The version of the messages.
const VERSION: u8 = 1;

/// Kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Detections = 1,
    Selection = 2,
    Question = 3,
    Answer = 4,
    Reconciled = 5,
    Hash = 6,
    Verdict = 7,
    Seed = 8,
    Commit = 9,
    Acknowledgement = 10,
    Abort = 11,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Detections,
        Self::Selection,
        Self::Question,
        Self::Answer,
        Self::Reconciled,
        Self::Hash,
        Self::Verdict,
        Self::Seed,
        Self::Commit,
        Self::Acknowledgement,
        Self::Abort,
    ];

    /// The number of the pad its tag takes among its sender's; none for messages that later tags cover.
    pub(super) fn pad(self) -> Option<usize> {
        match self {
            Self::Question | Self::Answer => None,
            Self::Detections | Self::Selection => Some(0),
            Self::Reconciled | Self::Hash => Some(1),
            Self::Verdict | Self::Seed => Some(2),
            Self::Commit | Self::Acknowledgement => Some(3),
            Self::Abort => Some(4),
        }
    }

    /// Whether its tag covers all messages of the reconciliation too.
    pub(super) fn covers_reconciliation(self) -> bool {
        matches!(self, Self::Reconciled | Self::Hash)
    }
}

/// What stands before the contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) sender: Role,
    pub(super) block: u64,
    pub(super) number: u64,
}

impl Header {
    pub(super) fn write(&self, to: &mut Writer) {
        let sender = u8::from(self.sender == Role::Bob);
        to.u8(VERSION).u8(self.kind as u8).u8(sender).u64(self.block).u64(self.number);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self> {
        let wrong = |what: &str, value: u8| {
            Error::new(ErrorKind::Protocol, format!("{value} is no {what} of a message"))
        };
        let version = from.u8()?;
        if version != VERSION {
            return Err(wrong("version", version));
        }
        let kind = from.u8()?;
        let kind =
            *Kind::ALL.iter().find(|known| **known as u8 == kind).ok_or_else(|| wrong("kind", kind))?;
        let sender = match from.u8()? {
            0 => Role::Alice,
            1 => Role::Bob,
            other => return Err(wrong("sender", other)),
        };
        Ok(Self { kind, sender, block: from.u64()?, number: from.u64()? })
    }
}
