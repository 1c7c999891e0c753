//! The fuzz targets that make topics come and go, beside models too plain to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::peer::PeerId;
use crate::route::{Added, Removed, SubscriptionLimits, Subscriptions, TooMany, Trie};

/// The trie says what a map says, and its invariants hold.
pub fn trie(data: &[u8]) {
    let mut trie = Trie::default();
    let mut model = BTreeMap::new();
    for (i, Step { kind, topic, .. }) in steps(data).enumerate() {
        match kind {
            0 | 1 => {
                *trie.entry(&topic) = i;
                model.insert(topic.clone(), i);
            }
            2 => assert_eq!(trie.remove(&topic), model.remove(&topic)),
            _ => trie.check(),
        }
        assert_eq!(trie.len(), model.len());
        assert_eq!(trie.get(&topic), model.get(&topic));
        let expected = (0..=topic.len()).filter_map(|end| model.get(&topic[..end]));
        assert!(trie.prefixes(&topic).eq(expected));
    }
    let mut topics = trie.topics();
    topics.sort();
    assert!(topics.iter().eq(model.keys()));
    trie.check();
    for (i, (topic, value)) in model.into_iter().enumerate() {
        assert_eq!(trie.remove(&topic), Some(value));
        if i % 32 == 0 {
            trie.check();
        }
    }
    assert_eq!(trie.len(), 0);
}

/// Subscriptions are a set of pairs of topic and peer, within the limits of each peer.
pub fn subscriptions(data: &[u8]) {
    let limits = SubscriptionLimits { topics: 12, bytes: 200, topic_bytes: 60 };
    let mut subscriptions = Subscriptions::new(limits);
    let mut pairs: BTreeSet<(Vec<u8>, PeerId)> = BTreeSet::new();
    let mut found = Vec::new();
    let has =
        |pairs: &BTreeSet<(Vec<u8>, PeerId)>, topic: &[u8]| pairs.iter().any(|(other, _)| other == topic);
    for Step { kind, peer, topic } in steps(data) {
        let pair = (topic.clone(), peer);
        match kind {
            0 | 1 => {
                let own = pairs.iter().filter(|(_, other)| *other == peer).map(|(topic, _)| topic.len());
                let (topics, bytes) = (own.clone().count(), own.sum::<usize>());
                let is_new = !pairs.contains(&pair);
                let is_first_of_topic = !has(&pairs, &topic);
                let expected = if is_new && topic.len() > limits.topic_bytes {
                    Err(TooMany::TopicBytes)
                } else if is_new && topics == limits.topics {
                    Err(TooMany::Topics)
                } else if is_new && bytes + topic.len() > limits.bytes {
                    Err(TooMany::Bytes)
                } else {
                    pairs.insert(pair);
                    Ok(Added { is_new, is_first_of_topic })
                };
                assert_eq!(subscriptions.subscribe(peer, &topic), expected);
            }
            2 => {
                let was_there = pairs.remove(&pair);
                let expected = Removed { was_there, others_remain: has(&pairs, &topic) };
                assert_eq!(subscriptions.cancel(peer, &topic), expected);
            }
            // Only the searches below.
            _ if !topic.is_empty() => {}
            _ => {
                let own: Vec<_> = pairs.extract_if(.., |(_, other)| *other == peer).collect();
                let mut ended = subscriptions.leave(peer);
                ended.sort_by(|a, b| a.topic.cmp(&b.topic));
                assert_eq!(ended.len(), own.len());
                for (ended, (topic, _)) in ended.iter().zip(own) {
                    assert_eq!(ended.topic, topic);
                    assert_eq!(ended.others_remain, has(&pairs, &topic));
                }
            }
        }
        let wanting = pairs.iter().filter(|(prefix, _)| topic.starts_with(prefix)).map(|(_, peer)| *peer);
        let wanting: BTreeSet<PeerId> = wanting.collect();
        let all: Vec<PeerId> = (0..PEERS).map(peer_of).collect();
        subscriptions.not_matching(&topic, &all, &mut found);
        assert!(found.iter().eq(all.iter().filter(|peer| !wanting.contains(peer))));
        subscriptions.matching(&topic, &mut found);
        found.sort();
        assert!(found.iter().eq(&wanting));
        let topics: BTreeSet<_> = pairs.iter().map(|(topic, _)| topic).collect();
        assert_eq!(subscriptions.topics_count(), topics.len());
    }
}

/// One thing to do.
struct Step {
    /// One of four kinds.
    kind: u8,
    peer: PeerId,
    topic: Vec<u8>,
}

/// Reads steps from bytes: the kind and how many octets the topic has of its own; the peer; how many octets it shares
/// with the topic before; its own octets.
fn steps(mut data: &[u8]) -> impl Iterator<Item = Step> + '_ {
    let mut topic = Vec::new();
    std::iter::from_fn(move || {
        let ([first, peer, kept], rest) = data.split_first_chunk()?;
        let own = rest.len().min(usize::from(first >> 2));
        topic.truncate(usize::from(*kept));
        topic.extend_from_slice(&rest[..own]);
        data = &rest[own..];
        Some(Step { kind: first & 3, peer: peer_of(peer % PEERS), topic: topic.clone() })
    })
}

fn peer_of(index: u8) -> PeerId {
    PeerId { index: index.into(), generation: 1 }
}

const PEERS: u8 = 6;
