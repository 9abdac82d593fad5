//! Who answers whom: steps 1 to 3 of REFERENCES.

use super::NONE;

/// Nodes without a message that may be made for nothing, and for each message: beyond them ids that
/// nobody else named are passed over.
const DUMMIES_FREE: usize = 1 << 16;
const DUMMIES_EACH: usize = 4;
/// Steps up towards a root that each id buys; once they are spent a link that might close a loop is
/// not made. Without such a bound, threads made to be deep would take time by the square.
const STEPS_EACH: u64 = 256;
/// Slots of an empty table.
const SLOTS_FIRST: usize = 1 << 10;

/// Nodes by id, and their parents.
#[derive(Debug, Default)]
pub(super) struct Links {
    parents: Vec<u32>,
    /// The message of each node.
    messages: Vec<u32>,
    /// The id of each node; 0 for one that nobody can refer to.
    ids: Vec<u64>,
    /// One bit a node: whether it ever was a parent.
    was_parent: Vec<u64>,
    /// The node of each message.
    nodes: Vec<u32>,
    /// A node plus 1 by its id: a table with open addressing.
    slots: Vec<u32>,
    steps_left: u64,
}

impl Links {
    pub(super) fn with_room(count: usize) -> Self {
        let room = count + count / 4;
        Self {
            parents: Vec::with_capacity(room),
            messages: Vec::with_capacity(room),
            ids: Vec::with_capacity(room),
            was_parent: Vec::with_capacity(room / 64 + 1),
            nodes: Vec::with_capacity(count),
            slots: vec![0; (room * 4 / 3).next_power_of_two().max(SLOTS_FIRST)],
            steps_left: 0,
        }
    }

    /// Step 1 for the next message.
    pub(super) fn push(&mut self, id: u64, references: impl Iterator<Item = u64>) {
        let mut last = None;
        for reference in references {
            self.steps_left += STEPS_EACH;
            let Some(node) = self.referred(reference) else { continue };
            if let Some(parent) = last
                && self.parent(node) == NONE
            {
                self.link(node, parent);
            }
            last = Some(node);
        }
        self.steps_left += STEPS_EACH;
        let node = self.of_message(id);
        // What other messages said of this one gives way to what it says itself.
        let parent = last.unwrap_or(NONE);
        if self.parent(node) != parent {
            self.set_parent(node, NONE);
            if parent != NONE {
                self.link(node, parent);
            }
        }
    }

    fn parent(&self, node: u32) -> u32 {
        self.parents.get(node as usize).copied().unwrap_or(NONE)
    }

    fn set_parent(&mut self, node: u32, parent: u32) {
        if let Some(slot) = self.parents.get_mut(node as usize) {
            *slot = parent;
        }
    }

    /// Makes a node without a parent a child, unless that would close a loop.
    fn link(&mut self, node: u32, parent: u32) {
        if node == parent || (self.is_marked(node) && !self.is_outside(node, parent)) {
            return;
        }
        self.set_parent(node, parent);
        if let Some(word) = self.was_parent.get_mut(parent as usize / 64) {
            *word |= 1 << (parent % 64);
        }
    }

    fn is_marked(&self, node: u32) -> bool {
        self.was_parent.get(node as usize / 64).is_some_and(|word| word & (1 << (node % 64)) != 0)
    }

    /// Whether the way up from `from` is known not to pass `node`.
    fn is_outside(&mut self, node: u32, mut from: u32) -> bool {
        while self.steps_left > 0 {
            if from == node {
                return false;
            }
            if from == NONE {
                return true;
            }
            self.steps_left -= 1;
            from = self.parent(from);
        }
        false
    }

    /// The node of an id that a message refers to.
    fn referred(&mut self, id: u64) -> Option<u32> {
        let at = self.slot(id);
        if let Some(node) = self.node_at(at) {
            return Some(node);
        }
        let dummies = self.ids.len() - self.nodes.len().min(self.ids.len());
        if dummies >= DUMMIES_FREE + DUMMIES_EACH * self.nodes.len() {
            return None;
        }
        Some(self.add(id, NONE, at))
    }

    /// The node of a new message. A second message with the same id is as one without.
    fn of_message(&mut self, id: u64) -> u32 {
        let message = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let at = self.slot(id);
        let known = self.node_at(at).filter(|_| id != 0);
        let node = match known.and_then(|node| self.messages.get_mut(node as usize)) {
            Some(slot) if *slot == NONE => {
                *slot = message;
                known.unwrap_or(NONE)
            }
            Some(_) => self.add(0, message, at),
            None => self.add(id, message, at),
        };
        self.nodes.push(node);
        node
    }

    fn add(&mut self, id: u64, message: u32, at: usize) -> u32 {
        let node = u32::try_from(self.ids.len()).unwrap_or(NONE);
        self.ids.push(id);
        self.messages.push(message);
        self.parents.push(NONE);
        if node.is_multiple_of(64) {
            self.was_parent.push(0);
        }
        if id != 0 {
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = node + 1;
            }
            if self.ids.len() * 4 > self.slots.len() * 3 {
                self.grow();
            }
        }
        node
    }

    /// Where an id is in the table, or would be.
    fn slot(&self, id: u64) -> usize {
        let mask = self.slots.len() - 1;
        // The golden ratio spreads what lies close together.
        let spread = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut at = usize::try_from(spread).unwrap_or(0) & mask;
        while let Some(node) = self.node_at(at)
            && self.ids.get(node as usize) != Some(&id)
        {
            at = (at + 1) & mask;
        }
        at
    }

    fn node_at(&self, at: usize) -> Option<u32> {
        self.slots.get(at).and_then(|slot| slot.checked_sub(1))
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for node in (0..).take(self.ids.len()) {
            let id = self.ids.get(node as usize).copied().unwrap_or(0);
            let at = self.slot(id);
            if id != 0
                && let Some(slot) = self.slots.get_mut(at)
            {
                *slot = node + 1;
            }
        }
    }

    /// Steps 2 and 3: messages alone, and above them only such dummies as hold several threads
    /// together.
    pub(super) fn prune(self) -> Tree {
        let Self { mut parents, messages, nodes, ids, was_parent, slots, .. } = self;
        drop((ids, was_parent, slots));
        let count = u32::try_from(nodes.len()).unwrap_or(NONE);
        let mut tree = Tree::of_messages(vec![NONE; nodes.len()]);
        // Below the root dummies, by node: first how many children, then their number in the tree.
        let mut below: Vec<u32> = vec![0; parents.len()];
        for node in &nodes {
            let above = rise(parents.get(*node as usize).copied(), &mut parents, &messages);
            if let Some(slot) = parents.get_mut(*node as usize) {
                *slot = above;
            }
            if let Some(children) = below.get_mut(above as usize)
                && messages.get(above as usize) == Some(&NONE)
            {
                *children += 1;
            }
        }
        let mut next = count;
        for (children, message) in below.iter_mut().zip(&messages) {
            *children = match *message {
                NONE if *children > 1 => {
                    next += 1;
                    next - 1
                }
                // An only child takes the place of a dummy; a message has its own number.
                NONE => NONE,
                message => message,
            };
        }
        tree.parents.resize(next as usize, NONE);
        for (message, node) in nodes.iter().enumerate() {
            let above = parents.get(*node as usize).copied().unwrap_or(NONE);
            let parent = below.get(above as usize).copied().unwrap_or(NONE);
            if let Some(slot) = tree.parents.get_mut(message) {
                *slot = parent;
            }
        }
        tree
    }
}

/// From a node, through dummies, to the nearest with a message, or to the topmost dummy. The
/// dummies passed are shortened, so that all ways together are as long as there are nodes.
fn rise(from: Option<u32>, parents: &mut [u32], messages: &[u32]) -> u32 {
    let is_passed = |node: u32, parents: &[u32]| {
        let above = parents.get(node as usize).copied().unwrap_or(NONE);
        (messages.get(node as usize) == Some(&NONE) && above != NONE).then_some(above)
    };
    let start = from.unwrap_or(NONE);
    let mut top = start;
    while let Some(above) = is_passed(top, parents) {
        top = above;
    }
    let mut at = start;
    while let Some(above) = is_passed(at, parents) {
        if let Some(slot) = parents.get_mut(at as usize) {
            *slot = top;
        }
        if above == top {
            break;
        }
        at = above;
    }
    top
}

/// Messages, numbered as they were added, and dummies, numbered behind them: the parent of each.
/// A dummy is a root, or was merged into one.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) messages: u32,
    pub(super) parents: Vec<u32>,
}

impl Tree {
    /// Without dummies.
    pub(super) fn of_messages(parents: Vec<u32>) -> Self {
        Self { messages: u32::try_from(parents.len()).unwrap_or(NONE), parents }
    }

    pub(super) fn parent(&self, node: u32) -> u32 {
        self.parents.get(node as usize).copied().unwrap_or(NONE)
    }

    pub(super) fn set_parent(&mut self, node: u32, parent: u32) {
        if let Some(slot) = self.parents.get_mut(node as usize) {
            *slot = parent;
        }
    }

    pub(super) fn is_dummy(&self, node: u32) -> bool {
        node >= self.messages
    }

    /// Adds a dummy.
    pub(super) fn add_dummy(&mut self) -> u32 {
        self.parents.push(NONE);
        u32::try_from(self.parents.len() - 1).unwrap_or(NONE)
    }

    /// Where a message hangs: dummies that were merged into others are passed.
    pub(super) fn above(&self, message: u32) -> u32 {
        let mut above = self.parent(message);
        while above != NONE && self.is_dummy(above) && self.parent(above) != NONE {
            above = self.parent(above);
        }
        above
    }

    /// Step 4: the roots in the order of the messages, each with the message that its place and
    /// its subject come from: itself, or the first child of a dummy.
    pub(super) fn roots(&self, order: &[u32]) -> Vec<(u32, u32)> {
        let dummies = self.parents.len() - self.messages as usize;
        let mut is_seen = vec![false; dummies];
        let mut roots = Vec::new();
        for message in order {
            let above = self.above(*message);
            if above == NONE {
                roots.push((*message, *message));
            } else if self.is_dummy(above) {
                let slot = is_seen.get_mut((above - self.messages) as usize);
                if slot.is_some_and(|seen| !std::mem::replace(seen, true)) {
                    roots.push((above, *message));
                }
            }
        }
        roots
    }

    /// For each root the latest of the dates of its thread; others have the earliest there is.
    pub(super) fn newest(&self, dates: &[i64]) -> Vec<i64> {
        let mut tops = self.parents.clone();
        let mut newest = vec![i64::MIN; tops.len()];
        for (message, date) in (0..self.messages).zip(dates) {
            let mut top = message;
            while let Some(above) = tops.get(top as usize).copied()
                && above != NONE
            {
                top = above;
            }
            let mut at = message;
            while at != top {
                let Some(slot) = tops.get_mut(at as usize) else { break };
                at = std::mem::replace(slot, top);
            }
            if let Some(slot) = newest.get_mut(top as usize) {
                *slot = (*slot).max(*date);
            }
        }
        newest
    }
}
