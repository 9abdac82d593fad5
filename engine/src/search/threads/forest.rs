//! Finished threads, walked as THREAD writes them (RFC 5256, 4: thread-list).

use super::NONE;
use super::links::Tree;

/// Threads in order, the messages of each in order.
#[derive(Debug)]
pub struct Forest {
    messages: u32,
    roots: Vec<u32>,
    first_child: Vec<u32>,
    /// The next of the same parent.
    next: Vec<u32>,
    /// What is still to be walked, the nearest last.
    ahead: Vec<Ahead>,
    next_root: usize,
}

/// What comes next in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A thread, or a branch of one, begins.
    Open,
    /// The message with this place among those that were added, from 0 on.
    Message(u32),
    /// It ends.
    Close,
}

#[derive(Clone, Copy, Debug)]
enum Ahead {
    /// A branch in parentheses of its own.
    Branch(u32),
    /// A node and what is below it.
    Node(u32),
    /// A branch for this node and for each after it.
    Branches(u32),
    Close,
}

impl Forest {
    /// Siblings come in the order of `order`, which is that of all messages (step 6).
    pub(super) fn new(tree: &Tree, order: &[u32]) -> Self {
        let roots = tree.roots(order).into_iter().map(|(root, _)| root).collect();
        let len = tree.parents.len();
        let (mut first_child, mut next) = (vec![NONE; len], vec![NONE; len]);
        for message in order.iter().rev() {
            let above = tree.above(*message);
            if let (Some(first), Some(slot)) =
                (first_child.get_mut(above as usize), next.get_mut(*message as usize))
            {
                *slot = std::mem::replace(first, *message);
            }
        }
        let (messages, ahead) = (tree.messages, Vec::new());
        Self { messages, roots, first_child, next, ahead, next_root: 0 }
    }

    /// Puts the threads into the order of these numbers, one a node.
    pub(super) fn sort_roots_by(&mut self, numbers: &[i64]) {
        self.roots.sort_by_key(|root| numbers.get(*root as usize).copied());
    }

    /// Whether nothing follows.
    pub fn is_at_end(&self) -> bool {
        self.ahead.is_empty() && self.next_root >= self.roots.len()
    }

    fn first_child(&self, node: u32) -> Option<u32> {
        self.first_child.get(node as usize).copied().filter(|child| *child != NONE)
    }

    /// An only child of a message goes on in the same branch.
    fn below(&self, node: u32) -> Option<Ahead> {
        let child = self.first_child(node)?;
        let is_alone = self.sibling(child).is_none() && node < self.messages;
        Some(if is_alone { Ahead::Node(child) } else { Ahead::Branches(child) })
    }

    fn sibling(&self, node: u32) -> Option<u32> {
        self.next.get(node as usize).copied().filter(|next| *next != NONE)
    }
}

impl Iterator for Forest {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            let Some(ahead) = self.ahead.pop() else {
                let root = *self.roots.get(self.next_root)?;
                self.next_root += 1;
                self.ahead.push(Ahead::Branch(root));
                continue;
            };
            match ahead {
                Ahead::Close => return Some(Step::Close),
                Ahead::Branch(node) => {
                    self.ahead.extend([Ahead::Close, Ahead::Node(node)]);
                    return Some(Step::Open);
                }
                Ahead::Branches(node) => {
                    self.ahead.extend(self.sibling(node).map(Ahead::Branches));
                    self.ahead.push(Ahead::Branch(node));
                }
                Ahead::Node(node) => {
                    let is_dummy = node >= self.messages;
                    self.ahead.extend(self.below(node));
                    if !is_dummy {
                        return Some(Step::Message(node));
                    }
                }
            }
        }
    }
}
