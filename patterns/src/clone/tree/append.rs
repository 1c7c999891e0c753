//! Many entries at once that come in the order of their keys.

use std::sync::Arc;
use std::vec::IntoIter;

use bytes::Bytes;

use super::{Entry, HEAVIER, Link, Node, Sums, Tree, balance, weight};

impl Tree {
    /// Puts in all of these: at once, if they come in their order and after all that there is; else one by one.
    pub(in crate::clone) fn append(&mut self, entries: Vec<(Bytes, Entry)>) {
        let is_after = entries.first().is_none_or(|(first, _)| self.last().is_none_or(|last| last < first));
        if !is_after || !entries.is_sorted_by(|(one, _), (next, _)| one < next) {
            return entries.into_iter().for_each(|(key, entry)| _ = self.insert(&key, entry));
        }
        let mut entries = entries.into_iter();
        if let Some((key, entry)) = entries.next() {
            let count = entries.len();
            let after = flat(&mut entries, count);
            self.root = Some(join(self.root.take(), Node::alone(key, entry), after));
        }
    }

    /// The last key.
    fn last(&self) -> Option<&Bytes> {
        let mut node = self.root.as_ref()?;
        while let Some(next) = &node.right {
            node = next;
        }
        Some(&node.key)
    }
}

/// A tree of the next so many.
fn flat(entries: &mut IntoIter<(Bytes, Entry)>, count: usize) -> Link {
    let others = count.checked_sub(1)?;
    let left = flat(entries, others / 2);
    let (key, entry) = entries.next()?;
    let right = flat(entries, others - others / 2);
    Some(Arc::new(Node::alone(key, entry).between(left, right)))
}

/// A tree of two, and of what comes between them.
fn join(left: Link, middle: Node, right: Link) -> Arc<Node> {
    match (left, right) {
        (Some(mut left), right) if left.sums.count + 1 > HEAVIER * weight(&right) => {
            let node = Arc::make_mut(&mut left);
            node.within(|node| node.right = Some(join(node.right.take(), middle, right)));
            balance(&mut left);
            left
        }
        (left, Some(mut right)) if right.sums.count + 1 > HEAVIER * weight(&left) => {
            let node = Arc::make_mut(&mut right);
            node.within(|node| node.left = Some(join(left, middle, node.left.take())));
            balance(&mut right);
            right
        }
        (left, right) => Arc::new(middle.between(left, right)),
    }
}

impl Node {
    /// With nothing below it.
    pub(super) fn alone(key: Bytes, entry: Entry) -> Self {
        let sums = Sums { count: 1, digest: entry.digest(&key) };
        Self { key, entry, sums, left: None, right: None }
    }

    /// With these below it, which had nothing.
    fn between(mut self, left: Link, right: Link) -> Self {
        let own = self.sums;
        (self.left, self.right) = (left, right);
        self.sum(own);
        self
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::super::tests::{check, entry};
    use super::*;

    fn entries(keys: impl IntoIterator<Item = u32>, seq: u64) -> Vec<(Bytes, Entry)> {
        keys.into_iter().map(|key| (Bytes::from(key.to_be_bytes().to_vec()), entry(seq))).collect()
    }

    #[test]
    fn what_is_appended_is_there_as_if_it_had_been_put_in_one_by_one() {
        let mut rng = Rng::with_seed(2);
        for _ in 0..200 {
            let (mut appended, mut inserted, mut end) = (Tree::default(), Tree::default(), 0);
            for seq in 0..rng.u64(1..12) {
                let most = 1 << rng.u32(..10);
                let count = rng.u32(..most);
                let from = rng.u32(..3).saturating_add(end);
                end = from + count;
                let copy = appended.clone();
                let before = copy.sums(b"");
                appended.append(entries(from..end, seq));
                assert_eq!(copy.sums(b""), before);
                for (key, entry) in entries(from..end, seq) {
                    inserted.insert(&key, entry);
                }
                check(&appended.root);
                assert_eq!(appended, inserted);
                assert_eq!(appended.sums(b""), inserted.sums(b""));
            }
        }
    }

    #[test]
    fn what_is_in_no_order_is_there_too() {
        let (mut tree, mut rng) = (Tree::default(), Rng::with_seed(3));
        for seq in 0..50 {
            tree.append(entries(std::iter::repeat_with(|| rng.u32(..500)).take(20), seq));
            check(&tree.root);
        }
        let keys: Vec<_> = tree.iter(b"").map(|(key, _)| key.clone()).collect();
        assert!(keys.is_sorted_by(|one, next| one < next));
        tree.append(entries([7, 7], 99));
        assert_eq!(tree.get(&7_u32.to_be_bytes()), Some(&entry(99)));
    }

    #[test]
    fn small_pages_do_not_make_it_high() {
        let mut tree = Tree::default();
        for page in 0..20_000 {
            tree.append(entries(page * 3..page * 3 + page % 4, 1));
        }
        assert!(check(&tree.root) < 32);
    }
}
