//! Threads with one subject become one: step 5 of REFERENCES.

use std::collections::HashMap;

use super::NONE;
use super::links::Tree;

/// Joins roots, which are given with the message that their subject is taken from.
pub(super) fn merge(roots: &[(u32, u32)], tree: &mut Tree, subjects: &[u64], replies: &[u64]) {
    let subject_of = |message: u32| subjects.get(message as usize).copied().unwrap_or(0);
    let is_reply = |message: u32| {
        replies.get(message as usize / 64).is_some_and(|word| word & (1 << (message % 64)) != 0)
    };
    let mut table: HashMap<u64, (u32, u32)> = HashMap::with_capacity(roots.len());
    for (root, message) in roots {
        let subject = subject_of(*message);
        if subject == 0 {
            continue;
        }
        let entry = table.entry(subject).or_insert((*root, *message));
        let is_better = tree.is_dummy(*root) || (is_reply(entry.1) && !is_reply(*message));
        if !tree.is_dummy(entry.0) && is_better {
            *entry = (*root, *message);
        }
    }
    for (root, message) in roots {
        let Some(entry) = table.get_mut(&subject_of(*message)) else { continue };
        if entry.0 == *root {
            continue;
        }
        // Below a dummy, the children of another dummy hang as its own do.
        let hangs_below = tree.is_dummy(entry.0) || (is_reply(*message) && !is_reply(entry.1));
        if !hangs_below {
            let dummy = tree.add_dummy();
            tree.set_parent(entry.0, dummy);
            *entry = (dummy, entry.1);
        }
        debug_assert_ne!(entry.0, NONE, "a root is a node");
        tree.set_parent(*root, entry.0);
    }
}
