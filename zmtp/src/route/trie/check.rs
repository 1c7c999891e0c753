//! The invariants of the trie, for its tests and its fuzz target.

use std::collections::HashSet;

use super::Trie;

impl<V: Default> Trie<V> {
    /// Panics unless the invariants hold.
    pub(crate) fn check(&self) {
        let mut reached = HashSet::new();
        let mut stack = Vec::from_iter((!self.nodes.is_empty()).then_some(0));
        let own: HashSet<_> = self.topics().iter().map(|topic| topic.as_ptr()).collect();
        while let Some(at) = stack.pop() {
            let node = &self.nodes[at];
            assert!(reached.insert(at), "two ways to one node");
            if at == 0 {
                assert_eq!((node.end, node.text.len()), (0, 0));
            } else {
                assert!(node.value.is_some() || node.children.len() >= 2, "a needless node");
                assert!(own.contains(&node.text.as_ptr()), "a text that is no topic's");
            }
            assert!(node.value.is_none() || node.text.len() == node.end);
            assert!(node.children.is_sorted_by(|(a, _), (b, _)| a < b));
            for (octet, child) in &node.children {
                let below = &self.nodes[*child as usize];
                assert!(below.end > node.end);
                assert_eq!(below.text[..node.end], node.text[..node.end]);
                assert_eq!(below.text[node.end], *octet);
                stack.push(*child as usize);
            }
        }
        let free: HashSet<_> = self.free.iter().map(|at| *at as usize).collect();
        assert_eq!(free.len(), self.free.len());
        assert!(free.is_disjoint(&reached));
        assert_eq!(free.len() + reached.len(), self.nodes.len());
        assert_eq!(own.len(), self.len);
    }
}
