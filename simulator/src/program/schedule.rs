//! Which elements are done in which pass over the state, and in which walk over a block inside the pass.

use std::collections::VecDeque;

use super::element::{Barrier, Element, ElementKind};
use super::prices::Prices;
use crate::kernels::MAX_TARGETS;

/// Elements that one pass does, and the bits it keeps in a block.
#[derive(Debug)]
pub(crate) struct PassPlan {
    pub(crate) resident: u64,
    pub(crate) elements: Vec<Element>,
}

/// Takes from `elements` what can be done while at most `room` of the bits not in `free` are changed; the order of what
/// does not commute is kept. Returns what was taken and which bits it changes beyond `free`.
///
/// `accept` has the last word on each element. Without `diagonals`, the search ends where nothing more could be taken that
/// changes a bit.
fn take(
    elements: &mut VecDeque<Element>,
    width: u32,
    (free, room): (u64, u32),
    diagonals: bool,
    accept: impl Fn(&Element) -> bool,
) -> (Vec<Element>, u64) {
    let (mut taken, mut skipped) = (Vec::new(), Vec::new());
    let (mut barrier, mut used) = (Barrier::default(), 0u64);
    while let Some(element) = elements.pop_front() {
        let wanted = used | element.changes() & !free;
        if barrier.lets(&element) && wanted.count_ones() <= room && accept(&element) {
            used = wanted;
            taken.push(element);
            continue;
        }
        barrier.pass_over(&element);
        skipped.push(element);
        let within = if used.count_ones() == room { free | used } else { u64::MAX };
        if barrier.is_closed(width, if diagonals { u64::MAX } else { within }) {
            break;
        }
    }
    for element in skipped.into_iter().rev() {
        elements.push_front(element);
    }
    (taken, used)
}

/// Deals elements to passes over a state of `width` address bits. A pass keeps `block_bits` bits resident, the lowest
/// `strip_bits` always among them.
pub(crate) fn passes(elements: Vec<Element>, width: u32, block_bits: u32, strip_bits: u32) -> Vec<PassPlan> {
    let low = |bits: u32| (1u64 << bits) - 1;
    if block_bits >= width {
        return vec![PassPlan { resident: low(width), elements }];
    }
    // Short strips rather than no room for the widest element.
    let free = low(strip_bits.min(block_bits.saturating_sub(MAX_TARGETS as u32)));
    let room = block_bits - free.count_ones();
    let mut left: VecDeque<Element> = elements.into();
    let mut passes = Vec::new();
    while !left.is_empty() {
        let (taken, used) = take(&mut left, width, (free, room), true, |_| true);
        let mut resident = free | used;
        // What room is left goes to the lowest bits: longer strips.
        for bit in 0..width {
            if resident.count_ones() < block_bits {
                resident |= 1 << bit;
            }
        }
        passes.push(PassPlan { resident, elements: taken });
    }
    passes
}

/// One walk over a block: diagonal factors that may be done at any point before it, and what it does to its tiles.
#[derive(Debug)]
pub(crate) enum Walk {
    /// All of these diagonal factors at once.
    Layer(Vec<Element>),
    /// These elements in order, which change no bits but lanes and these.
    Sweep { tile: u64, elements: Vec<Element> },
    /// One matrix that does not fit a sweep.
    Many(Element),
}

/// Whether a factor can be part of a layer.
pub(crate) fn is_layerable(element: &Element) -> bool {
    matches!(element.kind, ElementKind::Phase(_)) && element.on.mask.count_ones() <= 2
}

/// Deals the elements of a pass to walks. `pending` holds diagonal factors that earlier passes left, and afterwards
/// those that this pass leaves.
pub(crate) fn walks(
    elements: Vec<Element>,
    width: u32,
    lanes: u64,
    prices: &Prices,
    pending: &mut Vec<Element>,
) -> Vec<Walk> {
    let mut left: VecDeque<Element> = elements.into();
    let mut walks = Vec::new();
    loop {
        // Diagonal factors that nothing stands before can wait until something has to do with their bits.
        let (ready, _) = take(&mut left, width, (u64::MAX, 64), true, |element| element.changes() == 0);
        pending.extend(ready);
        if left.is_empty() {
            return walks;
        }
        let (mut taken, mut tile) =
            take(&mut left, width, (lanes, 3), false, |element| !element.is_on_many());
        // What comes first can always be taken, unless it is on many bits.
        let many = if taken.is_empty() { left.pop_front() } else { None };
        taken.extend(many);
        let changed = taken.iter().fold(0, |mask, element| mask | element.changes());
        let concerned = |element: &Element| element.on.mask & changed != 0;
        let apart: f64 = pending
            .iter()
            .filter(|element| is_layerable(element))
            .map(|element| prices.element(element))
            .sum();
        if apart > prices.layer() && pending.iter().any(concerned) {
            let (layer, rest) = std::mem::take(pending).into_iter().partition(is_layerable);
            walks.push(Walk::Layer(layer));
            *pending = rest;
        }
        // Factors are put right before the first element that needs them done.
        let mut sweep = Vec::with_capacity(taken.len() + pending.len());
        for element in taken {
            if element.changes() == 0 {
                pending.push(element);
                continue;
            }
            let changes = element.changes();
            let is_on_many = element.is_on_many();
            let (now, later): (Vec<_>, Vec<_>) =
                std::mem::take(pending).into_iter().partition(|factor| factor.on.mask & changes != 0);
            sweep.extend(now);
            *pending = later;
            if is_on_many {
                if !sweep.is_empty() {
                    walks.push(Walk::Sweep { tile: 0, elements: std::mem::take(&mut sweep) });
                }
                walks.push(Walk::Many(element));
            } else {
                sweep.push(element);
            }
        }
        tile &= !lanes;
        if !sweep.is_empty() {
            walks.push(Walk::Sweep { tile, elements: sweep });
        }
    }
}
