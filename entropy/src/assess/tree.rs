//! Contexts and what followed them, for the two predictors that keep a dictionary (SP 800-90B §6.3.9, §6.3.10).

/// The longest context, in symbols.
pub(super) const LONGEST: usize = 16;

/// A hash table from numbers below 2^32 − 1 to numbers: open addressing, no removal.
struct Table {
    slots: Vec<(u32, u32)>,
    used: usize,
    shift: u32,
}

impl Table {
    const EMPTY: u32 = u32::MAX;

    fn new() -> Self {
        let bits = 12;
        Self { slots: vec![(Self::EMPTY, 0); 1 << bits], used: 0, shift: u32::BITS - bits }
    }

    /// Where `key` is, or where it would go.
    #[inline]
    fn place(&self, key: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b1) >> self.shift) as usize & mask;
        while self.slots[at].0 != key && self.slots[at].0 != Self::EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    fn get(&self, key: u32) -> Option<u32> {
        let (found, value) = self.slots[self.place(key)];
        (found == key).then_some(value)
    }

    /// The value of `key`, which is entered as 0 if `enter` says so and it is not there.
    #[inline]
    fn value(&mut self, key: u32, enter: bool) -> Option<&mut u32> {
        let mut at = self.place(key);
        if self.slots[at].0 != key {
            if !enter {
                return None;
            }
            // At most half full, so that the way to an empty slot is short and always ends.
            if (self.used + 1) * 2 > self.slots.len() {
                self.grow();
                at = self.place(key);
            }
            self.slots[at] = (key, 0);
            self.used += 1;
        }
        Some(&mut self.slots[at].1)
    }

    fn grow(&mut self) {
        let double = vec![(Self::EMPTY, 0); self.slots.len() * 2];
        self.shift -= 1;
        for (key, value) in std::mem::replace(&mut self.slots, double) {
            if key != Self::EMPTY {
                let at = self.place(key);
                self.slots[at] = (key, value);
            }
        }
    }
}

/// A context that was seen, by number; the empty context is number 0.
pub(super) type Node = u32;

/// The most nodes: a node and a symbol together make a key of 32 bits.
const MOST_NODES: usize = 1 << 24;

/// The likeliest symbol after one context: the most frequent, of equally frequent ones the largest.
#[derive(Clone, Copy, Default)]
struct Favourite {
    count: u32,
    symbol: u8,
}

/// Contexts of up to [`LONGEST`] symbols. A longer context is the child of the one that lacks its oldest symbol.
pub(super) struct Tree {
    children: Table,
    followers: Table,
    favourites: Vec<Favourite>,
}

fn key(node: Node, symbol: u8) -> u32 {
    node << 8 | u32::from(symbol)
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { children: Table::new(), followers: Table::new(), favourites: vec![Favourite::default()] }
    }

    /// The context that is `node` with `older` before it, if it was ever entered.
    #[inline]
    pub(super) fn child(&self, node: Node, older: u8) -> Option<Node> {
        self.children.get(key(node, older))
    }

    /// The context that is `node` with `older` before it, entered if need be. As long as nothing has followed it, it is
    /// a step on the way to a longer one and does not count as known.
    pub(super) fn enter(&mut self, node: Node, older: u8) -> Node {
        let next = self.favourites.len().min(MOST_NODES - 1) as u32;
        // `value` gives something whenever it may enter; 0 stands for a new entry, for no context leads to the empty one.
        match self.children.value(key(node, older), true) {
            Some(child) if *child != 0 => *child,
            Some(child) => {
                *child = next;
                self.favourites.push(Favourite::default());
                next
            }
            None => 0,
        }
    }

    /// The likeliest symbol after a context and how often it followed; `None` for a context that does not count as known.
    #[inline]
    pub(super) fn predict(&self, node: Node) -> Option<(u8, u32)> {
        let favourite = self.favourites[node as usize];
        (favourite.count > 0).then_some((favourite.symbol, favourite.count))
    }

    /// Takes down that `symbol` followed `node`, a new symbol only when `new` allows. Tells whether it was new.
    #[inline]
    pub(super) fn follow(&mut self, node: Node, symbol: u8, new: bool) -> bool {
        let Some(count) = self.followers.value(key(node, symbol), new) else { return false };
        *count += 1;
        let favourite = &mut self.favourites[node as usize];
        if *count > favourite.count || (*count == favourite.count && symbol > favourite.symbol) {
            *favourite = Favourite { count: *count, symbol };
        }
        *count == 1
    }
}

/// Contexts of up to [`LONGEST`] bits and how often each bit followed: the same as [`Tree`] for two symbols, where
/// there is room for every context.
pub(super) struct BitTree {
    /// At 2^length + context: how often 0 and 1 followed.
    followers: Vec<[u32; 2]>,
    /// The bits seen last, the newest lowest.
    history: usize,
}

impl BitTree {
    pub(super) fn new() -> Self {
        Self { followers: vec![[0; 2]; 2 << LONGEST], history: 0 }
    }

    /// Goes on to the next bit.
    pub(super) fn push(&mut self, bit: u8) {
        self.history = (self.history << 1 | usize::from(bit & 1)) & ((1 << LONGEST) - 1);
    }

    /// What followed the last `length` bits, at most [`LONGEST`].
    #[inline]
    pub(super) fn after(&mut self, length: usize) -> &mut [u32; 2] {
        let length = length.min(LONGEST);
        &mut self.followers[1 << length | self.history & ((1 << length) - 1)]
    }
}

/// The likelier bit, 1 when both are equally so, and its count.
#[inline]
pub(super) fn likelier([zeros, ones]: [u32; 2]) -> (u8, u32) {
    if zeros > ones { (0, zeros) } else { (1, ones) }
}
