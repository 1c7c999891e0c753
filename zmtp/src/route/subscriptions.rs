//! What a publisher knows of its subscribers: who wants which topics.
//!
//! R29-PUB-14: a subscription matches a message whose first frame begins with its topic. As libzmq has it, and unlike
//! the RFC, a peer has subscribed to a topic or has not: however often it subscribes, one cancel ends it.

use std::collections::{HashMap, HashSet};
use std::mem::replace;

use bytes::Bytes;

use super::trie::{Trie, shrink};
use crate::peer::PeerId;

/// Which peer wants what.
///
/// Invariant: `by_topic` and `by_peer` hold the same pairs. Of a topic there is one copy, however many subscribe.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    limits: SubscriptionLimits,
    /// In the order of their ids, never none.
    by_topic: Trie<Vec<PeerId>>,
    by_peer: HashMap<PeerId, Subscribed>,
    /// By the index of each peer's id, which no two have at a time: the last search that found it.
    found: Vec<u64>,
    searches: u64,
}

/// How much one peer may subscribe to. A stranger's subscriptions stay in our memory until it cancels them or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriptionLimits {
    /// Topics.
    pub(crate) topics: usize,
    /// Octets of all its topics together.
    pub(crate) bytes: usize,
    /// Octets of one topic.
    pub(crate) topic_bytes: usize,
}

/// What a subscription has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Added {
    /// The peer had not subscribed to the topic.
    pub(crate) is_new: bool,
    /// Nobody had.
    pub(crate) is_first_of_topic: bool,
}

/// What a cancellation has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed {
    /// The peer had subscribed to the topic.
    pub(crate) was_there: bool,
    /// Others have.
    pub(crate) others_remain: bool,
}

/// A subscription that ended because its peer has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) topic: Bytes,
    /// Others have subscribed to it.
    pub(crate) others_remain: bool,
}

/// Which limit a subscription would have broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// [`SubscriptionLimits::topics`].
    Topics,
    /// [`SubscriptionLimits::bytes`].
    Bytes,
    /// [`SubscriptionLimits::topic_bytes`].
    TopicBytes,
}

impl Subscriptions {
    /// With limits small enough to be reached.
    #[cfg(any(test, all(feature = "harness", feature = "tokio")))]
    pub(crate) fn new(limits: SubscriptionLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How many topics of each peer there are together.
    #[cfg(feature = "metrics")]
    pub(crate) fn len(&self) -> usize {
        self.by_peer.values().map(|subscribed| subscribed.topics.len()).sum()
    }

    /// The peer wants messages that begin with `topic`. Costs O(topic), and moves ids of others who want it too.
    ///
    /// # Errors
    ///
    /// The peer has reached a limit. Nothing has changed.
    pub(crate) fn subscribe(&mut self, peer: PeerId, topic: &[u8]) -> Result<Added, TooMany> {
        let limits = self.limits;
        let (topics, bytes) = match self.by_peer.get(&peer) {
            Some(subscribed) if subscribed.topics.contains(topic) => {
                return Ok(Added { is_new: false, is_first_of_topic: false });
            }
            Some(subscribed) => (subscribed.topics.len(), subscribed.bytes),
            None => (0, 0),
        };
        if topic.len() > limits.topic_bytes {
            return Err(TooMany::TopicBytes);
        }
        if topics >= limits.topics {
            return Err(TooMany::Topics);
        }
        if topic.len() > limits.bytes.saturating_sub(bytes) {
            return Err(TooMany::Bytes);
        }
        let peers = self.by_topic.entry(topic);
        if let Err(place) = peers.binary_search(&peer) {
            peers.insert(place, peer);
        }
        let is_first_of_topic = peers.len() == 1;
        let subscribed = self.by_peer.entry(peer).or_default();
        subscribed.bytes += topic.len();
        subscribed.topics.extend(self.by_topic.stored(topic));
        let index = peer.index as usize;
        if self.found.len() <= index {
            self.found.resize(index + 1, 0);
        }
        Ok(Added { is_new: true, is_first_of_topic })
    }

    /// The peer no longer wants messages because of this very topic. Others of its topics may still match them.
    pub(crate) fn cancel(&mut self, peer: PeerId, topic: &[u8]) -> Removed {
        let was_there = self.by_peer.get_mut(&peer).is_some_and(|subscribed| {
            let was_there = subscribed.topics.remove(topic);
            subscribed.bytes -= if was_there { topic.len() } else { 0 };
            was_there
        });
        if !was_there {
            return Removed { was_there, others_remain: self.by_topic.get(topic).is_some() };
        }
        if self.by_peer.get(&peer).is_some_and(|subscribed| subscribed.topics.is_empty()) {
            self.by_peer.remove(&peer);
        }
        Removed { was_there, others_remain: self.take_out(peer, topic) }
    }

    /// The peer has gone, and its subscriptions with it. Costs O(its topics).
    pub(crate) fn leave(&mut self, peer: PeerId) -> Vec<Ended> {
        let topics = self.by_peer.remove(&peer).unwrap_or_default().topics;
        let end = |topic: Bytes| Ended { others_remain: self.take_out(peer, &topic), topic };
        topics.into_iter().map(end).collect()
    }

    /// Finds the peers who want a message that begins with this frame: each once, in no particular order. What was in
    /// `out` is forgotten.
    ///
    /// Costs O(octets that topics share with the frame, and subscriptions that match), and allocates nothing while
    /// `out` has the capacity.
    #[inline]
    pub(crate) fn matching(&mut self, first_frame: &[u8], out: &mut Vec<PeerId>) {
        out.clear();
        let mut matches = self.by_topic.prefixes(first_frame);
        let Some(peers) = matches.next() else { return };
        out.extend_from_slice(peers);
        // Most often that is all, and one topic has nobody twice.
        let Some(second) = matches.next() else { return };
        self.searches += 1;
        let (found, search) = (&mut self.found, self.searches);
        out.iter().for_each(|peer| found[peer.index as usize] = search);
        for peers in std::iter::once(second).chain(matches) {
            let is_new = |peer: &&PeerId| replace(&mut found[peer.index as usize], search) != search;
            out.extend(peers.iter().filter(is_new));
        }
    }

    /// Finds those of `peers` who do *not* want a message that begins with this frame, in their order. What was in
    /// `out` is forgotten.
    ///
    /// Costs O(`peers`) more than [`matching`](Self::matching).
    pub(crate) fn not_matching(&mut self, first_frame: &[u8], peers: &[PeerId], out: &mut Vec<PeerId>) {
        out.clear();
        self.searches += 1;
        let (found, search) = (&mut self.found, self.searches);
        let matches = self.by_topic.prefixes(first_frame);
        matches.flatten().for_each(|peer| found[peer.index as usize] = search);
        let is_found = |peer: &&PeerId| found.get(peer.index as usize) == Some(&search);
        out.extend(peers.iter().filter(|peer| !is_found(peer)));
    }

    /// How many peers want some message that begins with `start`. Costs O(all subscriptions), unless `start` is empty.
    pub(crate) fn interested(&self, start: &[u8]) -> usize {
        if start.is_empty() {
            return self.by_peer.len();
        }
        let overlaps = |topic: &Bytes| topic.starts_with(start) || start.starts_with(topic);
        self.by_peer.values().filter(|subscribed| subscribed.topics.iter().any(overlaps)).count()
    }

    /// How many different topics there are.
    pub(crate) fn topics_count(&self) -> usize {
        self.by_topic.len()
    }

    /// Takes one pair out. Whether others want the topic.
    fn take_out(&mut self, peer: PeerId, topic: &[u8]) -> bool {
        let Some(peers) = self.by_topic.get_mut(topic) else { return false };
        if let Ok(place) = peers.binary_search(&peer) {
            peers.remove(place);
            shrink(peers);
        }
        let others_remain = !peers.is_empty();
        if !others_remain {
            self.by_topic.remove(topic);
        }
        others_remain
    }
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        Self { topics: 100_000, bytes: 8 << 20, topic_bytes: 64 << 10 }
    }
}

/// What one peer wants.
#[derive(Debug, Default)]
struct Subscribed {
    topics: HashSet<Bytes>,
    /// Octets of the topics.
    bytes: usize,
}

#[cfg(test)]
mod tests;
