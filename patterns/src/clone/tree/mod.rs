//! Keys in their order, in a tree that shares what it has in common with its copies: a copy costs nothing, and who has
//! one is not disturbed by what is changed in the other. Each subtree knows how many entries it has and the sum of their
//! digests, so that two sides can compare all that begins with a prefix without looking at it.
//!
//! It is a weight-balanced tree: the counts that it has anyway keep it flat.

mod append;
mod differences;
mod sweep;

pub use differences::Difference;

use std::cmp::Ordering;
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use bytes::Bytes;

use super::version::Version;
use super::wire::{Changed, Lasts, Update, at_home};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// Since when it is that.
    pub version: Version,
    /// How long that lasts.
    pub lasts: Lasts,
}

impl Entry {
    /// Of this entry under this key, as both sides compute it.
    fn digest(&self, key: &[u8]) -> u128 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(key.len() as u64).to_be_bytes()).update(key);
        hasher.update(&self.version.epoch.to_be_bytes()).update(&self.version.seq.to_be_bytes());
        hasher.update(&self.value);
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        u128::from_be_bytes(digest)
    }
}

/// How many entries there are, and the sum of their digests. Two sides with the same sums have the same entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// How many.
    pub count: u64,
    /// The sum, without carry.
    pub digest: u128,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.count = self.count.wrapping_add(other.count);
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

impl SubAssign for Sums {
    fn sub_assign(&mut self, other: Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.digest = self.digest.wrapping_sub(other.digest);
    }
}

/// The tree. `Clone` takes no time and no memory to speak of.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    root: Link,
}

type Link = Option<Arc<Node>>;

#[derive(Debug, Clone)]
struct Node {
    key: Bytes,
    entry: Entry,
    /// Of this subtree.
    sums: Sums,
    left: Link,
    right: Link,
}

impl Tree {
    /// What this key stands for.
    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match key.cmp(&node.key) {
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
                Ordering::Equal => return Some(&node.entry),
            };
        }
        None
    }

    /// How many keys there are.
    pub fn len(&self) -> u64 {
        sums(&self.root).count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The key stands for this now, and is copied if it is new. Says what it stood for.
    pub fn insert(&mut self, key: &[u8], entry: Entry) -> Option<Entry> {
        insert(&mut self.root, key, entry)
    }

    /// The key stands for nothing now. Says what it stood for.
    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        // What is not there would be looked for in copies of all that is on the way.
        self.get(key)?;
        remove(&mut self.root, key)
    }

    /// What a change makes of it. Says what its key stood for.
    pub(super) fn apply(&mut self, Update { version, key, change, .. }: &Update) -> Option<Entry> {
        match change {
            Changed::Set { value, lasts } => {
                self.insert(key, Entry { value: at_home(value.clone()), version: *version, lasts: *lasts })
            }
            Changed::Deleted | Changed::Expired => self.remove(key),
            _ => None,
        }
    }

    /// Of all keys that begin with this.
    pub fn sums(&self, prefix: &[u8]) -> Sums {
        let mut within = end_of(prefix).map_or(sums(&self.root), |end| self.before(&end));
        within -= self.before(prefix);
        within
    }

    /// Of all keys before this.
    fn before(&self, bound: &[u8]) -> Sums {
        self.sums_while(|key| key < bound)
    }

    /// Of the first keys, as long as that is so of them.
    fn sums_while(&self, is_so: impl Fn(&[u8]) -> bool) -> Sums {
        let (mut total, mut link) = (Sums::default(), &self.root);
        while let Some(node) = link {
            link = if is_so(&node.key) {
                total += node.sums;
                total -= sums(&node.right);
                &node.right
            } else {
                &node.left
            };
        }
        total
    }

    /// All keys that begin with `prefix`, in their order.
    pub fn iter<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a Bytes, &'a Entry)> {
        self.from(prefix).take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// All keys from this one on, in their order.
    pub fn from(&self, first: &[u8]) -> Iter<'_> {
        let (mut path, mut link) = (Vec::new(), &self.root);
        while let Some(node) = link {
            link = if node.key[..] < *first {
                &node.right
            } else {
                path.push(&**node);
                &node.left
            };
        }
        Iter { path, is_sweep: false }
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter(b"").eq(other.iter(b""))
    }
}

impl Eq for Tree {}

/// Entries in the order of their keys.
#[derive(Debug)]
pub struct Iter<'a> {
    /// Nodes that come yet, each before its right subtree; the next one last.
    path: Vec<&'a Node>,
    is_sweep: bool,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Bytes, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.path.pop()?;
        let (mut above, mut link) = (node, &node.right);
        while let Some(next) = link {
            if self.is_sweep {
                sweep::fetch(above, next);
            }
            self.path.push(next);
            (above, link) = (next, &next.left);
        }
        Some((&node.key, &node.entry))
    }
}

/// The first of what comes after all that begins with this, if anything can.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|octet| *octet != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn sums(link: &Link) -> Sums {
    link.as_ref().map_or_else(Sums::default, |node| node.sums)
}

fn insert(link: &mut Link, key: &[u8], entry: Entry) -> Option<Entry> {
    let Some(arc) = link else {
        *link = Some(Arc::new(Node::alone(Bytes::copy_from_slice(key), entry)));
        return None;
    };
    let node = Arc::make_mut(arc);
    let before = match key.cmp(&node.key[..]) {
        Ordering::Less => node.within(|node| insert(&mut node.left, key, entry)),
        Ordering::Greater => node.within(|node| insert(&mut node.right, key, entry)),
        Ordering::Equal => {
            let own = Sums { count: 1, digest: entry.digest(&node.key) };
            node.sums -= node.own();
            node.sums += own;
            return Some(std::mem::replace(&mut node.entry, entry));
        }
    };
    balance(arc);
    before
}

/// It is there.
fn remove(link: &mut Link, key: &[u8]) -> Option<Entry> {
    let arc = link.as_mut()?;
    let node = Arc::make_mut(arc);
    let removed = match key.cmp(&node.key) {
        Ordering::Less => node.within(|node| remove(&mut node.left, key)),
        Ordering::Greater => node.within(|node| remove(&mut node.right, key)),
        Ordering::Equal => {
            let own = node.own();
            // In its place comes its next one, or what is left of it.
            let Some(Node { key, entry, sums: next, .. }) = take_first(&mut node.right) else {
                let left = node.left.take();
                let removed = link.take()?;
                *link = left;
                return Some(Arc::unwrap_or_clone(removed).entry);
            };
            node.sums -= own;
            node.key = key;
            debug_assert_eq!(next.count, 1);
            Some(std::mem::replace(&mut node.entry, entry))
        }
    };
    balance(arc);
    removed
}

/// Takes out the first node, which then stands alone.
fn take_first(link: &mut Link) -> Option<Node> {
    let arc = link.as_mut()?;
    let node = Arc::make_mut(arc);
    if node.left.is_some() {
        let first = node.within(|node| take_first(&mut node.left));
        balance(arc);
        return first;
    }
    let rest = node.right.take();
    let mut first = Arc::unwrap_or_clone(link.take()?);
    first.sums -= sums(&rest);
    *link = rest;
    Some(first)
}

impl Node {
    /// Of its own entry.
    fn own(&self) -> Sums {
        let mut own = self.sums;
        own -= sums(&self.left);
        own -= sums(&self.right);
        own
    }

    /// Something changes below.
    fn within<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        let own = self.own();
        let changed = change(self);
        self.sum(own);
        changed
    }

    fn sum(&mut self, own: Sums) {
        self.sums = own;
        self.sums += sums(&self.left);
        self.sums += sums(&self.right);
    }
}

/// One of its sides has one node more or less than before.
fn balance(arc: &mut Arc<Node>) {
    let (left, right) = (weight(&arc.left), weight(&arc.right));
    if left + right <= 3 {
        return;
    }
    let node = Arc::make_mut(arc);
    if right > HEAVIER * left {
        if let Some(below) = &mut node.right
            && weight(&below.left) >= TWICE * weight(&below.right)
        {
            rotate(below, Side::Right);
        }
        rotate(arc, Side::Left);
    } else if left > HEAVIER * right {
        if let Some(below) = &mut node.left
            && weight(&below.right) >= TWICE * weight(&below.left)
        {
            rotate(below, Side::Left);
        }
        rotate(arc, Side::Right);
    }
}

fn weight(link: &Link) -> u64 {
    sums(link).count + 1
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Turns the tree towards this side: the other side's node comes up.
fn rotate(arc: &mut Arc<Node>, towards: Side) {
    let node = Arc::make_mut(arc);
    let own = node.own();
    let (up, gap) = match towards {
        Side::Left => (node.right.take(), &mut node.right),
        Side::Right => (node.left.take(), &mut node.left),
    };
    let Some(mut up) = up else { return };
    let raised = Arc::make_mut(&mut up);
    let raised_own = raised.own();
    *gap = match towards {
        Side::Left => raised.left.take(),
        Side::Right => raised.right.take(),
    };
    node.sum(own);
    let down = std::mem::replace(arc, up);
    let raised = Arc::make_mut(arc);
    match towards {
        Side::Left => raised.left = Some(down),
        Side::Right => raised.right = Some(down),
    }
    raised.sum(raised_own);
}

/// A side may be so many times as heavy as the other. With the next one, this pair keeps all such trees flat.
const HEAVIER: u64 = 3;
/// What decides between turning once and twice.
const TWICE: u64 = 2;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;

    pub(super) fn entry(seq: u64) -> Entry {
        Entry { value: seq.to_string().into(), version: Version { epoch: 1, seq }, lasts: Lasts::Forever }
    }

    /// Checks weights and sums, and says how high it is.
    pub(super) fn check(link: &Link) -> u32 {
        let Some(node) = link else { return 0 };
        let (left, right) = (weight(&node.left), weight(&node.right));
        assert!(left + right <= 3 || left <= HEAVIER * right && right <= HEAVIER * left, "{left} {right}");
        assert_eq!(node.own(), Sums { count: 1, digest: node.entry.digest(&node.key) });
        1 + check(&node.left).max(check(&node.right))
    }

    /// The same as in a map, whatever is done, and copies are not touched by it.
    #[test]
    fn a_tree_is_a_map_whose_copies_stay_as_they_were() {
        let mut rng = Rng::with_seed(1);
        for round in 0..40 {
            let (mut tree, mut map, mut copies) = (Tree::default(), BTreeMap::new(), Vec::new());
            let keys = 1 << rng.u32(1..10);
            for seq in 0..600 {
                let key = Bytes::from(rng.u32(..keys).to_be_bytes()[2..].to_vec());
                if rng.u8(..3) == 0 {
                    assert_eq!(tree.remove(&key), map.remove(&key));
                } else {
                    assert_eq!(tree.insert(&key, entry(seq)), map.insert(key, entry(seq)));
                }
                if rng.u8(..50) == 0 {
                    copies.push((tree.clone(), map.clone()));
                }
            }
            copies.push((tree, map));
            for (tree, map) in &copies {
                check(&tree.root);
                assert_eq!(tree.len(), map.len() as u64);
                assert!(tree.iter(b"").eq(map.iter()), "round {round}");
                let first = Bytes::from(rng.u16(..).to_be_bytes().to_vec());
                assert!(tree.from(&first).eq(map.range(first..)));
                let prefix = [rng.u8(..4)];
                let mut expected = Sums::default();
                for (key, entry) in map.iter().filter(|(key, _)| key.starts_with(&prefix)) {
                    expected += Sums { count: 1, digest: entry.digest(key) };
                    assert_eq!(tree.get(key), Some(entry));
                }
                assert_eq!(tree.sums(&prefix), expected);
            }
        }
    }

    #[test]
    fn keys_that_come_in_order_do_not_make_it_high() {
        let mut tree = Tree::default();
        for number in 0..20_000_u32 {
            tree.insert(&number.to_be_bytes(), entry(1));
        }
        assert!(check(&tree.root) < 32);
        for number in 0..19_000_u32 {
            tree.remove(&number.to_be_bytes());
        }
        assert!(check(&tree.root) < 22);
    }

    #[test]
    fn a_prefix_has_an_end_unless_it_is_the_highest() {
        assert_eq!(end_of(b"a"), Some(b"b".to_vec()));
        assert_eq!(end_of(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(end_of(b"\xff"), None);
        assert_eq!(end_of(b""), None);
        let mut tree = Tree::default();
        tree.insert(b"\xff\xff", entry(1));
        tree.insert(b"\xfe", entry(2));
        assert_eq!(tree.sums(b"\xff").count, 1);
        assert_eq!(tree.sums(b"").count, 2);
    }

    /// Anything else than the same entries shows.
    #[test]
    fn sums_differ_when_a_value_a_version_or_a_key_does() {
        let with = |key: &'static str, value: &'static str, seq| {
            let mut tree = Tree::default();
            let version = Version { epoch: 1, seq };
            tree.insert(key.as_bytes(), Entry { value: value.into(), version, lasts: Lasts::Forever });
            tree.sums(b"")
        };
        let one = with("key", "value", 1);
        for other in [
            with("kez", "value", 1),
            with("key", "valuf", 1),
            with("key", "value", 2),
            with("keyv", "alue", 1),
        ] {
            assert_ne!(one, other);
        }
    }
}
