//! The end of Cascade whose key is taken as right: it answers with parities.

use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::message::Question;
use super::plan::{Place, Plan};
use crate::Bits;

/// Answers questions about a key; knows nothing of the errors.
pub struct Alice {
    plan: Arc<Plan>,
    views: Zeroizing<Vec<Vec<u64>>>,
    /// Where the searches under way look, and the parts they are down to.
    place: Place,
    active: Vec<(u32, u32)>,
    disclosed: u64,
}

impl Alice {
    /// For `key`, whose length is the plan's.
    ///
    /// # Errors
    /// `InvalidInput` when it has another.
    pub fn new(plan: &Arc<Plan>, key: &Bits) -> Result<Self> {
        let views = views(plan, key)?;
        Ok(Self { plan: Arc::clone(plan), views, place: Place::Pass(0), active: Vec::new(), disclosed: 0 })
    }

    /// Parities disclosed so far: each is a bit that an eavesdropper may know.
    pub fn disclosed(&self) -> u64 {
        self.disclosed
    }

    /// The parities that `question` asks for, in its order.
    ///
    /// # Errors
    /// `Protocol` when there is no such block, part or search. Nothing is disclosed then.
    pub fn answer(&mut self, question: &Question) -> Result<Bits> {
        let answer = match question {
            Question::Pass(number) => {
                let number = usize::from(*number);
                let pass = self.plan.passes.get(number).ok_or_else(|| wrong("there is no such pass"))?;
                self.active.clear();
                let place = Place::Pass(number);
                let parity = |block| {
                    let (low, high) = pass.range(block);
                    self.plan.parity(place, &self.views, low, high)
                };
                pack((0..pass.blocks()).map(parity), pass.blocks())
            }
            Question::Halves => {
                self.active.clear();
                let whole = self.plan.length;
                Bits::from_bools(
                    (0..self.plan.halves)
                        .map(|half| self.plan.parity(Place::Half(half), &self.views, 0, whole)),
                )
            }
            Question::Search { pass, parts } => {
                let place = Place::Pass(usize::from(*pass));
                let ranges = parts.iter().map(|(block, node)| self.part(place, *block, *node));
                let ranges = ranges.collect::<Result<Vec<_>>>()?;
                (self.place, self.active) = (place, ranges);
                self.first_parts()
            }
            Question::SearchHalf(half) => {
                let half = u32::from(*half);
                if half >= self.plan.halves {
                    return Err(wrong("there is no such half"));
                }
                (self.place, self.active) = (Place::Half(half), vec![(0, self.plan.length as u32)]);
                self.active
                    .retain(|(low, high)| self.plan.cut(self.place, *low as usize, *high as usize).is_some());
                self.first_parts()
            }
            Question::Turn(turns) => {
                if turns.len() != self.active.len() {
                    return Err(wrong("it turns other searches than are under way"));
                }
                let (plan, place) = (&self.plan, self.place);
                let mut index = 0;
                self.active.retain_mut(|(low, high)| {
                    if let Some(cut) = plan.cut(place, *low as usize, *high as usize) {
                        if turns.get(index) { *low = cut as u32 } else { *high = cut as u32 }
                    }
                    index += 1;
                    plan.cut(place, *low as usize, *high as usize).is_some()
                });
                self.first_parts()
            }
        };
        self.disclosed += answer.len() as u64;
        Ok(answer)
    }

    /// The parity of the first half of every active part.
    fn first_parts(&self) -> Bits {
        let parity = |(low, high): &(u32, u32)| {
            let (low, high) = (*low as usize, *high as usize);
            let cut = self.plan.cut(self.place, low, high).unwrap_or(low);
            self.plan.parity(self.place, &self.views, low, cut)
        };
        pack(self.active.iter().map(parity), self.active.len())
    }

    /// The bits of a part, which has to hold two at least.
    fn part(&self, place: Place, block: u32, node: u32) -> Result<(u32, u32)> {
        let Place::Pass(number) = place else { return Err(wrong("there is no such part")) };
        let pass = self.plan.passes.get(number).ok_or_else(|| wrong("there is no such pass"))?;
        if block as usize >= pass.blocks() || node == 0 {
            return Err(wrong("there is no such block"));
        }
        let (mut low, mut high) = pass.range(block as usize);
        for level in (0..node.ilog2()).rev() {
            let cut = self.plan.cut(place, low, high).ok_or_else(|| wrong("there is no such part"))?;
            if node >> level & 1 == 1 { low = cut } else { high = cut }
        }
        if high - low < 2 {
            return Err(wrong("a part of one bit cannot be searched"));
        }
        Ok((low as u32, high as u32))
    }
}

/// The key as every pass sees it.
pub(super) fn views(plan: &Plan, key: &Bits) -> Result<Zeroizing<Vec<Vec<u64>>>> {
    if key.len() != plan.length {
        let sentence = format!("a plan for {} bits does not fit a key of {}", plan.length, key.len());
        return Err(Error::new(ErrorKind::InvalidInput, sentence));
    }
    let mut scratch = Zeroizing::new(Vec::new());
    Ok(Zeroizing::new(plan.passes.iter().map(|pass| pass.view(key.words(), &mut scratch)).collect()))
}

/// Packs `count` bits word by word.
fn pack(bits: impl Iterator<Item = bool>, count: usize) -> Bits {
    let mut words = vec![0; count.div_ceil(64)];
    for (index, bit) in bits.enumerate() {
        words[index >> 6] |= u64::from(bit) << (index & 63);
    }
    Bits::from_words(words, count)
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("a question of Cascade cannot be answered: {why}"))
}
