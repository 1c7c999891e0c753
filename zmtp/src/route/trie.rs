//! Topics and what belongs to each: a compressed byte trie, in an arena.
//!
//! R29-PUB-14: a topic matches what begins with it, octet by octet. Topics are whatever a stranger sends, so nothing
//! here recurses, dropping included; adding and removing cost O(topic), looking for prefixes costs O(text that is
//! walked), and topics that were removed leave nothing behind.

use std::iter::from_fn;

use bytes::Bytes;

/// Values by topic.
///
/// Invariants: below the root, a node without a value has two children at least. [`Node::text`] is a topic that is
/// there. So the nodes are at most twice as many as the topics, and the texts hold no octet besides theirs.
#[derive(Debug, Clone)]
pub(crate) struct Trie<V> {
    /// The root comes first. None while there is no topic.
    nodes: Vec<Node<V>>,
    /// Nodes that are not in use.
    free: Vec<u32>,
    /// How many topics there are.
    len: usize,
}

/// Where a topic ends, or topics part.
///
/// What leads here from the parent is not stored: it is `text[parent.end..end]`, so that parting and joining copy
/// nothing, however long the topic.
#[derive(Debug, Clone)]
struct Node<V> {
    /// The topic that ends here, or else some topic that ends below. The root's is empty.
    text: Bytes,
    /// How many octets of `text` lead from the root to here.
    end: usize,
    value: Option<V>,
    /// Nodes below by the octet that comes next, in its order.
    children: Vec<(u8, u32)>,
}

impl<V: Default> Trie<V> {
    /// The value of this very topic.
    pub(crate) fn get(&self, topic: &[u8]) -> Option<&V> {
        self.nodes[self.find(topic)?].value.as_ref()
    }

    /// The value of this very topic, to be changed.
    pub(crate) fn get_mut(&mut self, topic: &[u8]) -> Option<&mut V> {
        let at = self.find(topic)?;
        self.nodes[at].value.as_mut()
    }

    /// The value of this topic, which is added if it is not there.
    pub(crate) fn entry(&mut self, topic: &[u8]) -> &mut V {
        if self.nodes.is_empty() {
            self.nodes.push(Node::new(Bytes::new(), 0));
        }
        let mut at = 0;
        while let Some(&octet) = topic.get(self.nodes[at].end) {
            at = match self.nodes[at].place(octet) {
                Ok(place) => self.go_down(at, place, topic),
                Err(place) => {
                    let leaf = self.add(Node::new(Bytes::new(), topic.len()));
                    self.nodes[at].children.insert(place, (octet, leaf));
                    leaf as usize
                }
            };
        }
        let node = &mut self.nodes[at];
        if node.value.is_none() {
            node.text = Bytes::copy_from_slice(topic);
            self.len += 1;
        }
        node.value.get_or_insert_default()
    }

    /// Takes the topic out.
    pub(crate) fn remove(&mut self, topic: &[u8]) -> Option<V> {
        let at = self.find(topic)?;
        let value = self.nodes[at].value.take()?;
        self.len -= 1;
        if self.len == 0 {
            *self = Self::default();
            return Some(value);
        }
        self.unlink(topic, at);
        if self.nodes.len() > FEW && self.free.len() > self.nodes.len() / 4 * 3 {
            self.close_ranks();
        }
        Some(value)
    }

    /// The values of all topics that `text` begins with, the shortest topic's first.
    #[inline]
    pub(crate) fn prefixes<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = &'a V> {
        let mut next = if self.nodes.is_empty() { None } else { Some(0) };
        // One loop: whether the compiler would make one of `successors` and `filter_map` is a matter of luck.
        from_fn(move || {
            loop {
                let at = next?;
                next = self.next(at, text);
                if let Some(value) = &self.nodes[at].value {
                    return Some(value);
                }
            }
        })
    }

    /// How many topics there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Every topic, in no particular order.
    pub(crate) fn topics(&self) -> Vec<Bytes> {
        let nodes = self.nodes.iter().filter(|node| node.value.is_some());
        nodes.map(|node| node.text.clone()).collect()
    }

    /// The topic as it is stored here, for whoever would store it too.
    pub(crate) fn stored(&self, topic: &[u8]) -> Option<Bytes> {
        let node = &self.nodes[self.find(topic)?];
        node.value.as_ref().map(|_| node.text.clone())
    }

    /// The node that `topic` leads to.
    fn find(&self, topic: &[u8]) -> Option<usize> {
        let mut at = 0;
        while self.nodes.get(at)?.end < topic.len() {
            at = self.next(at, topic)?;
        }
        Some(at)
    }

    /// The child that all of the way to it agrees with `text`.
    #[inline]
    fn next(&self, at: usize, text: &[u8]) -> Option<usize> {
        let node = &self.nodes[at];
        let place = node.place(*text.get(node.end)?).ok()?;
        let child = node.children[place].1 as usize;
        let below = &self.nodes[child];
        // The first octet has been compared, and often there is only that one.
        let agrees = below.end == node.end + 1
            || text.get(node.end..below.end).is_some_and(|way| *way == below.text[node.end..below.end]);
        agrees.then_some(child)
    }

    /// The child at `place` if the way to it agrees with `topic`; or a new node between, as far as it does.
    fn go_down(&mut self, at: usize, place: usize, topic: &[u8]) -> usize {
        let start = self.nodes[at].end;
        let (_, child) = self.nodes[at].children[place];
        let below = &self.nodes[child as usize];
        let end = start + common(&below.text[start..below.end], &topic[start..]);
        if end == below.end {
            return child as usize;
        }
        let text = below.text.clone();
        let children = vec![(text[end], child)];
        let between = self.add(Node { children, ..Node::new(text, end) });
        self.nodes[at].children[place].1 = between;
        between as usize
    }

    /// Takes the node out to which `topic` leads, and which has no value any more, unless others need it.
    fn unlink(&mut self, topic: &[u8], at: usize) {
        let (grandparent, parent) = self.leave_text(topic, at);
        if at == 0 {
            return;
        }
        match self.nodes[at].children[..] {
            [] => {
                let node = &mut self.nodes[parent];
                node.children.remove(node.towards(topic));
                shrink(&mut node.children);
                if let [(_, only)] = node.children[..]
                    && node.value.is_none()
                    && parent != 0
                {
                    self.skip(topic, grandparent, parent, only);
                }
                self.release(at);
            }
            [(_, only)] => self.skip(topic, parent, at, only),
            [(_, one), ..] => self.nodes[at].text = self.nodes[one as usize].text.clone(),
        }
    }

    /// Nodes on the way to `at` that have its topic for a text take another one. Returns its parent's parent, and its
    /// parent.
    fn leave_text(&mut self, topic: &[u8], at: usize) -> (usize, usize) {
        let leaving = self.nodes[at].text.as_ptr();
        let (mut grandparent, mut parent, mut on_way) = (0, 0, 0);
        while on_way != at {
            let node = &self.nodes[on_way];
            let place = node.towards(topic);
            let next = node.children[place].1 as usize;
            if node.text.as_ptr() == leaving {
                // It has no value, so there is a second child.
                let other = node.children[usize::from(place == 0)].1 as usize;
                self.nodes[on_way].text = self.nodes[other].text.clone();
            }
            (grandparent, parent, on_way) = (parent, on_way, next);
        }
        (grandparent, parent)
    }

    /// Puts the only child of `at` in its place.
    fn skip(&mut self, topic: &[u8], parent: usize, at: usize, only: u32) {
        let node = &mut self.nodes[parent];
        let place = node.towards(topic);
        node.children[place].1 = only;
        self.release(at);
    }

    fn add(&mut self, node: Node<V>) -> u32 {
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("fewer nodes than fill the memory")
    }

    fn release(&mut self, at: usize) {
        self.nodes[at] = Node::new(Bytes::new(), 0);
        self.free.push(at as u32);
    }

    /// Moves the nodes together. Paid for by the many removals since it was last done.
    fn close_ranks(&mut self) {
        let mut places = vec![0; self.nodes.len()];
        self.free.drain(..).for_each(|at| places[at as usize] = UNUSED);
        let mut nodes = Vec::new();
        for (node, place) in std::mem::take(&mut self.nodes).into_iter().zip(&mut places) {
            if *place != UNUSED {
                *place = nodes.len() as u32;
                nodes.push(node);
            }
        }
        let children = nodes.iter_mut().flat_map(|node: &mut Node<V>| &mut node.children);
        children.for_each(|(_, child)| *child = places[*child as usize]);
        (self.nodes, self.free) = (nodes, Vec::new());
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<V> Node<V> {
    fn new(text: Bytes, end: usize) -> Self {
        Self { text, end, value: None, children: Vec::new() }
    }

    /// Where the child is that `octet` leads to, or where it would be.
    #[inline]
    fn place(&self, octet: u8) -> Result<usize, usize> {
        self.children.binary_search_by_key(&octet, |(octet, _)| *octet)
    }

    /// Where the child is on the way to `topic`, a topic that is there.
    fn towards(&self, topic: &[u8]) -> usize {
        self.place(topic[self.end]).expect("the way to a topic that is there")
    }
}

/// How many octets at the front are the same.
fn common(a: &[u8], b: &[u8]) -> usize {
    let chunks = a.chunks(64).zip(b.chunks(64)).take_while(|(a, b)| a == b && a.len() == 64).count();
    let (a, b) = (&a[chunks * 64..], &b[chunks * 64..]);
    chunks * 64 + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Gives memory back when most of it is idle: else a list that was long once would stay so.
pub(super) fn shrink<T>(list: &mut Vec<T>) {
    if list.capacity() > 8 && list.len() <= list.capacity() / 4 {
        list.shrink_to(list.len() * 2);
    }
}

/// So few nodes are never moved.
const FEW: usize = 64;
/// In place of a place.
const UNUSED: u32 = u32::MAX;

#[cfg(any(test, feature = "harness"))]
mod check;
#[cfg(test)]
mod tests;
