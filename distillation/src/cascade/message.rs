//! What the ends of Cascade say to each other, as values and as bytes.

use qhal::{Error, ErrorKind, Result};

use crate::Bits;
use crate::wire::{Reader, Writer};

/// What the end with the errors asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The parities of all blocks of a pass.
    Pass(u8),
    /// The parities of all random halves.
    Halves,
    /// Begins searches: for each part, the parity of its first half. Parts are named by block and by their place in the tree of
    /// halves of it (1 is the whole, 2k and 2k+1 are the halves of k), blocks rising.
    Search {
        /// The pass whose blocks are meant.
        pass: u8,
        /// The parts: block, place in its tree.
        parts: Vec<(u32, u32)>,
    },
    /// Begins the search of a random half.
    SearchHalf(u8),
    /// Goes on with the searches under way, in their order: whether the error is in the second part of each. Those whose part holds one
    /// bit then have ended; for the others the parity of the next first half is asked.
    Turn(Bits),
}

/// Tags of the five questions on the wire.
const PASS: u8 = 1;
const HALVES: u8 = 2;
const SEARCH: u8 = 3;
const SEARCH_HALF: u8 = 4;
const TURN: u8 = 5;

impl Question {
    /// As bytes: a tag, then fields with variable-length numbers; blocks as differences.
    pub fn write(&self, to: &mut Writer) {
        match self {
            Self::Pass(pass) => to.u8(PASS).u8(*pass),
            Self::Halves => to.u8(HALVES),
            Self::Search { pass, parts } => {
                to.u8(SEARCH).u8(*pass).number(parts.len() as u64);
                let mut last = 0;
                for (block, node) in parts {
                    to.number(u64::from(block.wrapping_sub(last))).number(u64::from(*node));
                    last = *block;
                }
                to
            }
            Self::SearchHalf(half) => to.u8(SEARCH_HALF).u8(*half),
            Self::Turn(turns) => to.u8(TURN).bits(turns),
        };
    }

    /// Reads what [`write`](Self::write) wrote. Whether it makes sense is judged by who answers it.
    ///
    /// # Errors
    /// `Protocol` when it is cut short or none of the five.
    pub fn read(from: &mut Reader<'_>) -> Result<Self> {
        Ok(match from.u8()? {
            PASS => Self::Pass(from.u8()?),
            HALVES => Self::Halves,
            SEARCH => {
                let pass = from.u8()?;
                // Each part takes two bytes at least, so a false count cannot ask for memory.
                let count = from.count(2)?;
                let mut parts = Vec::with_capacity(count);
                let mut block = 0u32;
                for _ in 0..count {
                    block = block.wrapping_add(from.number_u32()?);
                    parts.push((block, from.number_u32()?));
                }
                Self::Search { pass, parts }
            }
            SEARCH_HALF => Self::SearchHalf(from.u8()?),
            TURN => Self::Turn(from.bits()?),
            other => {
                let sentence = format!("{other} is no question of Cascade");
                return Err(Error::new(ErrorKind::Protocol, sentence));
            }
        })
    }
}
