//! Which elements are done in which pass over the state, and in which walk over a block inside the pass.

use std::collections::VecDeque;

use super::element::{Barrier, Element, ElementKind};
use super::prices::Prices;

/// Elements that one pass does, and the bits it keeps in a block.
#[derive(Debug)]
pub(crate) struct PassPlan {
    pub(crate) resident: u64,
    pub(crate) elements: Vec<Element>,
}

/// Takes from `elements` what can be done while at most `room` of the bits not in `free` are changed; the order of what
/// does not commute is kept. Returns what was taken and which bits it changes beyond `free`.
///
/// `accept` has the last word on each element.
fn take(
    elements: &mut VecDeque<Element>,
    width: u32,
    free: u64,
    room: u32,
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
        if barrier.is_closed(width) {
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
    let free = low(strip_bits.min(block_bits));
    let room = block_bits - free.count_ones();
    let mut left: VecDeque<Element> = elements.into();
    let mut passes = Vec::new();
    while !left.is_empty() {
        let (taken, used) = take(&mut left, width, free, room, |_| true);
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
        let (ready, _) = take(&mut left, width, u64::MAX, 64, |element| element.changes() == 0);
        pending.extend(ready);
        if left.is_empty() {
            return walks;
        }
        let (taken, mut tile) = take(&mut left, width, lanes, 3, |_| true);
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
            let (now, later): (Vec<_>, Vec<_>) =
                std::mem::take(pending).into_iter().partition(|factor| factor.on.mask & changes != 0);
            sweep.extend(now);
            *pending = later;
            sweep.push(element);
        }
        tile &= !lanes;
        walks.push(Walk::Sweep { tile, elements: sweep });
    }
}
