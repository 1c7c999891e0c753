//! Subscriptions beside a naive set of pairs.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::*;

fn peer(index: u32) -> PeerId {
    PeerId { index, generation: 7 }
}

fn matching(subscriptions: &mut Subscriptions, first_frame: &[u8]) -> Vec<PeerId> {
    let mut out = vec![peer(99); 3];
    subscriptions.matching(first_frame, &mut out);
    out.sort();
    out
}

#[test]
fn whatever_peers_do_it_says_what_a_plain_set_of_pairs_says() {
    for seed in 0..30 {
        println!("seed {seed}");
        let rng = &mut Rng::with_seed(seed);
        let peers = rng.u32(1..12);
        let mut subscriptions = Subscriptions::default();
        let mut pairs: BTreeSet<(Vec<u8>, PeerId)> = BTreeSet::new();
        let has = |pairs: &BTreeSet<(Vec<u8>, PeerId)>, topic: &[u8]| pairs.iter().any(|(t, _)| t == topic);
        for _ in 0..1000 {
            let peer = peer(rng.u32(..peers));
            let topic: Vec<u8> = (0..rng.usize(..6)).map(|_| [0x00, 0xFF, b'a'][rng.usize(..3)]).collect();
            match rng.u8(..100) {
                0..50 => {
                    let is_first_of_topic = !has(&pairs, &topic);
                    let is_new = pairs.insert((topic.clone(), peer));
                    let added = Added { is_new, is_first_of_topic };
                    assert_eq!(subscriptions.subscribe(peer, &topic), Ok(added));
                }
                50..95 => {
                    let was_there = pairs.remove(&(topic.clone(), peer));
                    let removed = Removed { was_there, others_remain: has(&pairs, &topic) };
                    assert_eq!(subscriptions.cancel(peer, &topic), removed);
                }
                _ => {
                    let gone: Vec<_> = pairs.extract_if(.., |(_, subscriber)| *subscriber == peer).collect();
                    let end = |(topic, _): (Vec<u8>, PeerId)| (topic.clone(), has(&pairs, &topic));
                    let mut ended = subscriptions.leave(peer);
                    ended.sort_by(|a, b| a.topic.cmp(&b.topic));
                    let ended = ended.into_iter().map(|ended| (ended.topic.to_vec(), ended.others_remain));
                    assert!(gone.into_iter().map(end).eq(ended));
                }
            }
            let wanting = pairs.iter().filter(|(prefix, _)| topic.starts_with(prefix)).map(|(_, peer)| *peer);
            let wanting: BTreeSet<PeerId> = wanting.collect();
            assert!(wanting.iter().copied().eq(matching(&mut subscriptions, &topic)), "{topic:?}");
            let all = [peers + 5, peers + 1, 2, 3, 0].map(self::peer);
            let mut out = vec![peer];
            subscriptions.not_matching(&topic, &all, &mut out);
            assert!(out.iter().eq(all.iter().filter(|peer| !wanting.contains(peer))));
            let topics: BTreeSet<_> = pairs.iter().map(|(topic, _)| topic).collect();
            assert_eq!(subscriptions.topics_count(), topics.len());
            for subscribed in subscriptions.by_peer.values() {
                assert!(!subscribed.topics.is_empty());
                assert_eq!(subscribed.bytes, subscribed.topics.iter().map(Bytes::len).sum::<usize>());
            }
        }
        (0..peers).for_each(|index| _ = subscriptions.leave(peer(index)));
        assert_eq!((subscriptions.topics_count(), subscriptions.by_peer.len()), (0, 0));
    }
}

#[test]
fn the_limits_of_a_peer_are_its_own_and_what_it_cancels_counts_no_more() {
    let limits = SubscriptionLimits { topics: 3, bytes: 10, topic_bytes: 8 };
    let mut subscriptions = Subscriptions::new(limits);
    assert_eq!(subscriptions.subscribe(peer(0), b"123456789"), Err(TooMany::TopicBytes));
    assert_eq!(subscriptions.by_peer.len(), 0);
    subscriptions.subscribe(peer(0), b"12345678").unwrap();
    assert_eq!(subscriptions.subscribe(peer(0), b"123"), Err(TooMany::Bytes));
    assert_eq!(subscriptions.topics_count(), 1);
    subscriptions.subscribe(peer(1), b"123").unwrap();
    subscriptions.subscribe(peer(0), b"12").unwrap();
    subscriptions.subscribe(peer(0), b"").unwrap();
    assert_eq!(subscriptions.subscribe(peer(0), b"1"), Err(TooMany::Topics));
    let again = subscriptions.subscribe(peer(0), b"12");
    assert_eq!(again, Ok(Added { is_new: false, is_first_of_topic: false }));

    subscriptions.cancel(peer(0), b"12345678");

    subscriptions.subscribe(peer(0), b"1234").unwrap();
    assert_eq!(matching(&mut subscriptions, b"123"), [peer(0), peer(1)]);
    assert_eq!(matching(&mut subscriptions, b""), [peer(0)]);
}

/// However often it subscribes: a publisher that counted would go on sending to a libzmq subscriber.
#[test]
fn one_cancel_ends_what_many_subscribes_began() {
    let mut subscriptions = Subscriptions::default();
    for _ in 0..1000 {
        subscriptions.subscribe(peer(3), b"topic").unwrap();
    }
    let removed = subscriptions.cancel(peer(3), b"topic");
    assert_eq!(removed, Removed { was_there: true, others_remain: false });
    assert_eq!(matching(&mut subscriptions, b"topic 1"), []);

    subscriptions.subscribe(peer(4), b"topic").unwrap();
    let removed = subscriptions.cancel(peer(3), b"topic");
    assert_eq!(removed, Removed { was_there: false, others_remain: true });
}

#[test]
fn a_search_uses_the_room_it_is_given() {
    let mut subscriptions = Subscriptions::default();
    for index in 0..100 {
        for topic in [&b""[..], b"a", b"ab", b"abc"] {
            subscriptions.subscribe(peer(index), topic).unwrap();
        }
    }
    let mut out = Vec::with_capacity(100);
    let at = out.as_ptr();
    subscriptions.matching(b"abcd", &mut out);
    assert_eq!((out.len(), out.capacity(), out.as_ptr()), (100, 100, at));
}

/// Their octets are kept once, by the topic, and not where a message was read into.
#[test]
fn many_who_want_one_topic_share_its_octets() {
    let mut subscriptions = Subscriptions::default();
    let topic = Bytes::from(vec![1; 1000]);
    for index in 0..10 {
        subscriptions.subscribe(peer(index), &topic).unwrap();
    }
    let stored = subscriptions.by_peer.values().flat_map(|subscribed| &subscribed.topics);
    let places: HashSet<_> = stored.map(|topic| topic.as_ptr()).collect();
    assert_eq!(places.len(), 1);
    assert!(!places.contains(&topic.as_ptr()));
}

#[test]
fn they_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Subscriptions>();
}
