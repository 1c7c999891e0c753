//! In what two trees differ.

use bytes::Bytes;

use super::{Entry, Link, Sums, Tree, sums};

/// A key that does not stand for the same in two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference<'a> {
    /// The key.
    pub key: &'a Bytes,
    /// What it stands for in the one.
    pub one: Option<&'a Entry>,
    /// And in the other.
    pub other: Option<&'a Entry>,
}

impl Tree {
    /// All keys that stand for something else in the other tree, or for the same since another version, in their order.
    ///
    /// What has the same sums is not looked at: that takes about as long as there are differences, not as there are keys.
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<Difference<'a>> {
        let mut comparison = Comparison { other, found: Vec::new(), looks: 0 };
        comparison.compare(&self.root, None, None);
        comparison.found
    }

    /// Of all keys between these two, without them.
    fn between(&self, after: Option<&Bytes>, until: Option<&Bytes>) -> Sums {
        let mut between = until.map_or(sums(&self.root), |until| self.sums_while(|key| key < &until[..]));
        between -= after.map_or_else(Sums::default, |after| self.sums_while(|key| key <= &after[..]));
        between
    }
}

/// What was found so far.
struct Comparison<'a> {
    other: &'a Tree,
    found: Vec<Difference<'a>>,
    /// How many subtrees were looked at.
    looks: u64,
}

impl<'a> Comparison<'a> {
    /// A subtree of the one has all its keys between these two. Has the other the same there?
    fn compare(&mut self, link: &'a Link, after: Option<&'a Bytes>, until: Option<&'a Bytes>) {
        self.looks += 1;
        if sums(link) == self.other.between(after, until) {
            return;
        }
        let Some(node) = link else {
            let first = after.map_or(&[][..], |after| &after[..]);
            let there = self.other.from(first).skip_while(|(key, _)| Some(*key) == after);
            let there = there.take_while(|(key, _)| until.is_none_or(|until| *key < until));
            return self.found.extend(there.map(|(key, entry)| Difference {
                key,
                one: None,
                other: Some(entry),
            }));
        };
        self.compare(&node.left, after, Some(&node.key));
        let (one, other) = (&node.entry, self.other.get(&node.key));
        if other.is_none_or(|other| (other.version, &other.value) != (one.version, &one.value)) {
            self.found.push(Difference { key: &node.key, one: Some(one), other });
        }
        self.compare(&node.right, Some(&node.key), until);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use fastrand::Rng;

    use super::*;
    use crate::clone::version::Version;
    use crate::clone::wire::Lasts;

    fn entry(seq: u64) -> Entry {
        Entry { value: "value".into(), version: Version { epoch: 1, seq }, lasts: Lasts::Forever }
    }

    fn key(number: u32) -> Bytes {
        number.to_be_bytes()[2..].to_vec().into()
    }

    #[test]
    fn all_differences_are_found_in_their_order_however_the_trees_came_about() {
        let mut rng = Rng::with_seed(9);
        for _ in 0..500 {
            let keys = 1 << rng.u32(0..9);
            let mut sides = [(); 2].map(|()| (Tree::default(), BTreeMap::new()));
            for (tree, map) in &mut sides {
                for _ in 0..rng.u32(0..2 * keys) {
                    let (key, entry) = (key(rng.u32(..keys)), entry(rng.u64(..3)));
                    if rng.u8(..4) == 0 {
                        tree.remove(&key);
                        map.remove(&key);
                    } else {
                        tree.insert(&key, entry.clone());
                        map.insert(key, entry);
                    }
                }
            }
            let [(one, one_map), (other, other_map)] = &sides;
            let all: BTreeSet<&Bytes> = one_map.keys().chain(other_map.keys()).collect();
            let all = all.into_iter().map(|key| Difference {
                key,
                one: one_map.get(key),
                other: other_map.get(key),
            });
            let expected: Vec<_> = all.filter(|it| it.one != it.other).collect();
            assert_eq!(one.differences(other), expected);
        }
    }

    #[test]
    fn what_is_equal_is_not_looked_at() {
        let (mut one, mut other) = (Tree::default(), Tree::default());
        for number in 0..60_000 {
            one.insert(&key(number), entry(1));
            // Another order makes another tree.
            other.insert(&key(59_999 - number), entry(1));
        }
        let looks = |one: &Tree, other: &Tree| {
            let mut comparison = Comparison { other, found: Vec::new(), looks: 0 };
            comparison.compare(&one.root, None, None);
            (comparison.found.len(), comparison.looks)
        };
        assert_eq!(looks(&one, &other), (0, 1));
        for number in [7, 30_000, 59_998] {
            one.insert(&key(number), entry(2));
        }
        other.insert(&key(60_000), entry(1));
        let (found, looks) = looks(&one, &other);
        assert!(found == 4 && looks < 200, "{found} with {looks} looks");
    }
}
