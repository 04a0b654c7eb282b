//! bzip2's coding of a block: move to front, runs of zeros, and up to six Huffman codes; here only how long it gets.

/// Symbols that share a choice of code.
const GROUP: usize = 50;

/// Times that choices and codes are made to fit each other.
const ROUNDS: usize = 4;

/// The longest code word.
const LONGEST: u32 = 17;

/// The most symbols: ten digits and the space moved to front, two symbols for runs instead of one for zero, and the
/// end.
const ALPHABET: usize = 13;

/// Bits of a block that are always there: its mark, its checksum, a flag, the place of the text among the rotations, the
/// sixteen ranges of characters in use, and the numbers of codes and choices.
const FIXED: usize = 48 + 32 + 1 + 24 + 16 + 3 + 15;

/// Bits that the cost of a group takes beside those of other codes: 50 words of at most 17 bits.
const FIELD: u32 = 10;

/// A group of symbols: how often each occurs.
type Counts = [u8; 16];

/// The bits of the block with this last column, in decimal digits and spaces.
pub(super) fn bits(column: &[u8]) -> usize {
    let mut in_use = [false; 256];
    for character in column {
        in_use[usize::from(*character)] = true;
    }
    let ranges = in_use.chunks(16).filter(|range| range.contains(&true)).count();
    let characters = in_use.iter().filter(|used| **used).count();
    let groups = Groups::of(column, &in_use);
    FIXED + 16 * ranges + coded(&groups, characters + 2)
}

/// The symbols of a block by groups.
#[derive(Default)]
struct Groups {
    counts: Vec<Counts>,
    open: Counts,
    symbols: usize,
}

impl Groups {
    fn of(column: &[u8], in_use: &[bool; 256]) -> Self {
        let mut rank = [0u8; 256];
        let mut characters = 0;
        for (rank, _) in rank.iter_mut().zip(in_use).filter(|(_, used)| **used) {
            *rank = characters;
            characters += 1;
        }
        let mut groups = Self { counts: Vec::with_capacity(column.len() / GROUP + 1), ..Self::default() };
        // The list of characters, the foremost in the lowest four bits; there are eleven at most.
        let mut list = 0xFEDC_BA98_7654_3210u64;
        let mut zeros = 0usize;
        for character in column {
            let character = u64::from(rank[usize::from(*character)]);
            if list & 15 == character {
                zeros += 1;
                continue;
            }
            if zeros > 0 {
                groups.run(zeros);
                zeros = 0;
            }
            // The lowest four bits that are zero: in them alone the subtraction borrows first.
            const ONES: u64 = 0x1111_1111_1111_1111;
            let different = list ^ (character * ONES);
            let place = (different.wrapping_sub(ONES) & !different & (ONES << 3)).trailing_zeros() / 4;
            let before = (1u64 << (4 * place)) - 1;
            list = (list & !(before << 4 | 15)) | (list & before) << 4 | character;
            groups.add(place as u8 + 1);
        }
        if zeros > 0 {
            groups.run(zeros);
        }
        groups.add(characters + 1);
        if !groups.symbols.is_multiple_of(GROUP) {
            groups.counts.push(groups.open);
        }
        groups
    }

    fn add(&mut self, symbol: u8) {
        self.open[usize::from(symbol & 15)] += 1;
        self.symbols += 1;
        if self.symbols.is_multiple_of(GROUP) {
            self.counts.push(std::mem::take(&mut self.open));
        }
    }

    /// A run of zeros as its length in the digits 1 and 2, the lowest first, written 0 and 1.
    fn run(&mut self, mut length: usize) {
        while length > 0 {
            self.add(u8::from(length.is_multiple_of(2)));
            length = (length - 1) / 2;
        }
    }
}

/// The bits of the choices, the codes and the symbols of an `alphabet`.
fn coded(groups: &Groups, alphabet: usize) -> usize {
    let number = match groups.symbols {
        0..200 => 2,
        200..600 => 3,
        600..1200 => 4,
        1200..2400 => 5,
        _ => 6,
    };
    let mut lengths = first_lengths(groups, alphabet, number);
    let mut choices = Vec::with_capacity(groups.counts.len());
    let mut frequencies = [[0u32; 16]; 6];
    for _ in 0..ROUNDS {
        choices.clear();
        frequencies = [[0; 16]; 6];
        // The lengths of all codes for one symbol side by side, so that one sum gives the cost of all.
        let mut packed = [0u64; ALPHABET];
        for (symbol, packed) in packed.iter_mut().enumerate() {
            let fields = lengths.iter().take(number).zip(0..);
            *packed = fields.map(|(lengths, code)| u64::from(lengths[symbol]) << (FIELD * code)).sum();
        }
        for counts in &groups.counts {
            let costs: u64 =
                counts.iter().zip(&packed).map(|(count, packed)| u64::from(*count) * packed).sum();
            let cost = |code: usize| (costs >> (FIELD * code as u32)) & ((1 << FIELD) - 1);
            // The first of the cheapest.
            let choice = (0..number).min_by_key(|code| cost(*code)).unwrap_or_default();
            choices.push(choice as u8);
            for (frequency, count) in frequencies[choice].iter_mut().zip(counts) {
                *frequency += u32::from(*count);
            }
        }
        for (lengths, frequencies) in lengths.iter_mut().zip(&frequencies).take(number) {
            *lengths = code_lengths(frequencies, alphabet);
        }
    }
    let symbols = |code: usize| {
        let words = frequencies[code].iter().zip(&lengths[code]);
        words.map(|(frequency, length)| *frequency as usize * usize::from(*length)).sum::<usize>()
    };
    bits_of_choices(&choices)
        + (0..number).map(|code| bits_of_code(&lengths[code][..alphabet]) + symbols(code)).sum::<usize>()
}

/// Codes to begin with: each favours a range of symbols, and all ranges occur about equally often.
fn first_lengths(groups: &Groups, alphabet: usize, number: usize) -> [[u8; 16]; 6] {
    const FAVOURED: u8 = 0;
    const OTHERS: u8 = 15;
    let mut occur = [0usize; 16];
    for counts in &groups.counts {
        for (occur, count) in occur.iter_mut().zip(counts) {
            *occur += usize::from(*count);
        }
    }
    let mut lengths = [[OTHERS; 16]; 6];
    let mut left = groups.symbols;
    let mut from = 0;
    for part in (1..=number).rev() {
        let wanted = left / part;
        let (mut to, mut have) = (from, 0);
        while have < wanted && to < alphabet {
            have += occur[to];
            to += 1;
        }
        // Every second range, the outer ones apart, gives its last symbol to the next.
        if to > from + 1 && part != number && part != 1 && (number - part) % 2 == 1 {
            to -= 1;
            have -= occur[to];
        }
        lengths[part - 1][from..to].fill(FAVOURED);
        from = to;
        left -= have;
    }
    lengths
}

/// The numbers of the codes, moved to front and in unary.
fn bits_of_choices(choices: &[u8]) -> usize {
    let mut list = [0, 1, 2, 3, 4, 5];
    let mut bits = 0;
    for choice in choices {
        let place = list.iter().position(|code| code == choice).unwrap_or_default();
        list[..=place].rotate_right(1);
        bits += place + 1;
    }
    bits
}

/// The lengths of a code's words, each as its difference to the one before in steps of two bits, and one for the end.
fn bits_of_code(lengths: &[u8]) -> usize {
    let steps: usize = lengths.windows(2).map(|pair| usize::from(pair[0].abs_diff(pair[1]))).sum();
    5 + 2 * steps + lengths.len()
}

/// Huffman's code for these frequencies, symbols that do not occur included. Which of several equally good ones it is
/// decides the length of the whole, so the nodes go through a heap that breaks ties as bzip2's does: by depth and by
/// where they happen to lie.
fn code_lengths(frequencies: &[u32; 16], alphabet: usize) -> [u8; 16] {
    let mut weights: Vec<u32> =
        frequencies.iter().take(alphabet).map(|frequency| (*frequency).max(1)).collect();
    loop {
        let lengths = unlimited_lengths(&weights);
        if lengths.iter().all(|length| u32::from(*length) <= LONGEST) {
            return lengths;
        }
        weights.iter_mut().for_each(|weight| *weight = 1 + *weight / 2);
    }
}

/// A subtree: how often it occurs, and how deep it is. Both are compared, the first before the second.
type Weight = (u32, u32);

fn unlimited_lengths(weights: &[u32]) -> [u8; 16] {
    let mut nodes: Vec<Weight> = weights.iter().map(|weight| (*weight, 0)).collect();
    let mut parents = [usize::MAX; 2 * ALPHABET];
    let mut heap = Heap::default();
    for node in 0..nodes.len() {
        heap.push(node, &nodes);
    }
    while let (Some(a), true) = (heap.pop(&nodes), heap.len > 0) {
        let Some(b) = heap.pop(&nodes) else { break };
        let parent = nodes.len();
        nodes.push((nodes[a].0 + nodes[b].0, 1 + nodes[a].1.max(nodes[b].1)));
        (parents[a], parents[b]) = (parent, parent);
        heap.push(parent, &nodes);
    }
    let mut lengths = [0; 16];
    for (symbol, length) in lengths.iter_mut().enumerate().take(weights.len()) {
        let mut node = parents[symbol];
        while node != usize::MAX {
            *length += 1;
            node = parents[node];
        }
    }
    lengths
}

/// A binary heap of nodes with the lightest on top, in places from 1 on.
#[derive(Default)]
struct Heap {
    places: [usize; 2 * ALPHABET],
    len: usize,
}

impl Heap {
    fn push(&mut self, node: usize, nodes: &[Weight]) {
        self.len += 1;
        let mut place = self.len;
        while place > 1 && nodes[node] < nodes[self.places[place / 2]] {
            self.places[place] = self.places[place / 2];
            place /= 2;
        }
        self.places[place] = node;
    }

    fn pop(&mut self, nodes: &[Weight]) -> Option<usize> {
        let top = (self.len > 0).then_some(self.places[1])?;
        let node = self.places[self.len];
        self.len -= 1;
        let mut place = 1;
        while 2 * place <= self.len {
            let mut child = 2 * place;
            if child < self.len && nodes[self.places[child + 1]] < nodes[self.places[child]] {
                child += 1;
            }
            if nodes[node] < nodes[self.places[child]] {
                break;
            }
            self.places[place] = self.places[child];
            place = child;
        }
        self.places[place] = node;
        Some(top)
    }
}
