//! Where qubits start: an exact embedding where there is one, else places near each other to search from.

use super::device::Device;
use super::random::Random;

/// How many extensions are tried before an embedding is given up.
const PATIENCE: u32 = 60_000;
/// How many embeddings are compared by their fidelity.
const EMBEDDINGS: u32 = 64;

/// How often each pair of wires meets, and how often a wire is measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interactions {
    /// For each wire: the others it meets, and how many entangling gates that takes.
    pub(crate) of: Vec<Vec<(u32, f64)>>,
    pub(crate) measured: Vec<f64>,
}

impl Interactions {
    pub(crate) fn new(wires: usize) -> Self {
        Self { of: vec![Vec::new(); wires], measured: vec![0.0; wires] }
    }

    pub(crate) fn add(&mut self, [a, b]: [u32; 2], gates: f64) {
        for (from, to) in [(a, b), (b, a)] {
            let list = &mut self.of[from as usize];
            match list.iter_mut().find(|(other, _)| *other == to) {
                Some((_, sum)) => *sum += gates,
                None => list.push((to, gates)),
            }
        }
    }

    /// The wires that meet others, each next to one before it where possible.
    fn sorted(&self) -> Vec<u32> {
        let n = self.of.len();
        let mut taken = vec![false; n];
        let mut ties = vec![0usize; n];
        let mut sorted = Vec::with_capacity(n);
        loop {
            let free = (0..n).filter(|&wire| !taken[wire] && !self.of[wire].is_empty());
            // The most neighbours among those taken, then the most at all.
            let Some(next) = free.max_by_key(|&wire| (ties[wire], self.of[wire].len(), n - wire)) else {
                break;
            };
            taken[next] = true;
            for &(other, _) in &self.of[next] {
                ties[other as usize] += 1;
            }
            sorted.push(next as u32);
        }
        sorted
    }
}

/// Places for all wires so that all that meet are coupled; the best by fidelity of those that are found.
///
/// A backtracking search in the manner of VF2 (Cordella, Foggia, Sansone and Vento, IEEE Trans. Pattern Anal. Mach. Intell.
/// 26, 1367 (2004)). `None` if there is none or none is found in time.
pub(crate) fn embedding(
    interactions: &Interactions,
    device: &Device,
    start: Option<&[u32]>,
) -> Option<Vec<u32>> {
    let sorted = interactions.sorted();
    let mut search = Embedding {
        interactions,
        device,
        sorted: &sorted,
        image: vec![None; interactions.of.len()],
        used: vec![false; device.qubits as usize],
        patience: PATIENCE,
        found: 0,
        best: None,
    };
    if let Some(start) = start {
        let image: Vec<Option<u32>> = start.iter().copied().map(Some).collect();
        search.best = Some((search.loss(&image), image));
    }
    search.extend(0);
    let (_, image) = search.best?;
    complete(&image, interactions, device)
}

struct Embedding<'a> {
    interactions: &'a Interactions,
    device: &'a Device,
    sorted: &'a [u32],
    image: Vec<Option<u32>>,
    used: Vec<bool>,
    patience: u32,
    found: u32,
    best: Option<(f64, Vec<Option<u32>>)>,
}

impl Embedding<'_> {
    /// Places the wires from number `depth` on; true when the search is over.
    fn extend(&mut self, depth: usize) -> bool {
        let Some(&wire) = self.sorted.get(depth) else {
            let loss = self.loss(&self.image);
            if self.best.as_ref().is_none_or(|(least, _)| loss < *least) {
                self.best = Some((loss, self.image.clone()));
            }
            self.found += 1;
            return !self.device.is_uneven() || self.found >= EMBEDDINGS;
        };
        let meets = &self.interactions.of[wire as usize];
        let placed: Vec<u32> = meets.iter().filter_map(|&(other, _)| self.image[other as usize]).collect();
        let device = self.device;
        let candidates: &[u32] = match placed.first() {
            Some(&near) => &device.neighbours[near as usize],
            None => &device.usable,
        };
        for &place in candidates {
            let fits = !self.used[place as usize]
                && device.neighbours[place as usize].len() >= meets.len()
                && placed.iter().all(|&other| device.distance(place, other) == 1);
            if !fits {
                continue;
            }
            if self.patience == 0 {
                return true;
            }
            self.patience -= 1;
            self.image[wire as usize] = Some(place);
            self.used[place as usize] = true;
            let over = self.extend(depth + 1);
            self.image[wire as usize] = None;
            self.used[place as usize] = false;
            if over {
                return true;
            }
        }
        false
    }

    /// −ln of the fidelity of all gates and measurements.
    fn loss(&self, image: &[Option<u32>]) -> f64 {
        let mut sum = 0.0;
        for (wire, meets) in self.interactions.of.iter().enumerate() {
            let Some(place) = image[wire] else { continue };
            sum += self.interactions.measured[wire] * self.device.readout_loss(place);
            for &(other, gates) in meets.iter().filter(|(other, _)| *other as usize > wire) {
                if let Some(there) = image[other as usize] {
                    sum += gates * self.device.loss(place, there);
                }
            }
        }
        sum
    }
}

/// Gives the wires that meet nobody the free qubits, those that are measured first the best.
fn complete(image: &[Option<u32>], interactions: &Interactions, device: &Device) -> Option<Vec<u32>> {
    let mut free: Vec<u32> =
        device.usable.iter().copied().filter(|place| !image.contains(&Some(*place))).collect();
    free.sort_by(|&a, &b| device.readout_loss(b).total_cmp(&device.readout_loss(a)).then(b.cmp(&a)));
    let mut rest: Vec<usize> = (0..image.len()).filter(|&wire| image[wire].is_none()).collect();
    rest.sort_by(|&a, &b| interactions.measured[b].total_cmp(&interactions.measured[a]).then(a.cmp(&b)));
    let mut all = image.to_vec();
    for wire in rest {
        all[wire] = Some(free.pop()?);
    }
    all.into_iter().collect()
}

/// Random places in a part of the device that is hardly larger than needed.
pub(crate) fn somewhere(
    interactions: &Interactions,
    device: &Device,
    random: &mut Random,
) -> Option<Vec<u32>> {
    let active: Vec<usize> =
        (0..interactions.of.len()).filter(|&wire| !interactions.of[wire].is_empty()).collect();
    let centre = device.usable[random.below(device.usable.len())];
    let mut near = device.usable.clone();
    near.sort_by_key(|&place| (device.distance(centre, place), place));
    let slack = random.below(1 + active.len() / 4);
    near.truncate((active.len() + slack).min(near.len()));
    // Fisher–Yates.
    for at in (1..near.len()).rev() {
        near.swap(at, random.below(at + 1));
    }
    let mut image = vec![None; interactions.of.len()];
    for (wire, place) in active.into_iter().zip(near) {
        image[wire] = Some(place);
    }
    complete(&image, interactions, device)
}

/// Each qubit at the usable place of its number.
pub(crate) fn trivial(wires: usize, device: &Device) -> Vec<u32> {
    device.usable.iter().copied().take(wires).collect()
}
