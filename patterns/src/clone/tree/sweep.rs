//! Many entries from a key on.
//!
//! Most of a large tree is far from the processor, which waits for each node, then for its key, then for its value. Here
//! it is told of some dozens of nodes before the first of them is wanted, and waits for all of them at once.

use std::hint::black_box;

use super::{Iter, Node, Tree};

impl Tree {
    /// The same as [`from`](Self::from), for who takes many of them.
    pub(in crate::clone) fn sweep(&self, first: &[u8]) -> Iter<'_> {
        Iter { is_sweep: true, ..self.from(first) }
    }
}

/// Looks at all that is at or below this node, if it is one of the first on the way down that has so little.
pub(super) fn fetch(above: &Node, node: &Node) {
    if above.sums.count <= TOGETHER || node.sums.count > TOGETHER {
        return;
    }
    let mut nodes = Vec::with_capacity(node.sums.count as usize);
    nodes.push(node);
    let (mut at, mut seen) = (0, 0);
    while let Some(node) = nodes.get(at) {
        let below = [&node.left, &node.right].into_iter().flatten();
        seen ^= ends(&node.key) ^ ends(&node.entry.value);
        nodes.extend(below.map(|node| &**node));
        at += 1;
    }
    black_box(seen);
}

fn ends(octets: &[u8]) -> u8 {
    octets.first().unwrap_or(&0) ^ octets.last().unwrap_or(&0)
}

/// So many nodes are looked at together at most. There is room for them where the processor wants them.
const TOGETHER: u64 = 64;

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    #[test]
    fn a_sweep_finds_what_anybody_finds() {
        let mut tree = Tree::default();
        for number in (0..3000_u32).map(|number| number.wrapping_mul(0x9e37_79b9)) {
            tree.insert(&number.to_be_bytes(), entry(1));
            let first = number.rotate_left(16).to_be_bytes();
            if number % 64 == 0 {
                assert!(tree.sweep(&first).eq(tree.from(&first)));
            }
        }
        assert!(tree.sweep(b"").eq(tree.iter(b"")));
    }
}
