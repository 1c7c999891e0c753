//! The trie beside a naive one.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;

/// A topic from a tiny alphabet, so that topics are prefixes of each other and part everywhere; a few are long.
fn topic(rng: &mut Rng) -> Vec<u8> {
    let octets = [0x00, b'a', b'b', 0xFF];
    let alphabet = &octets[..rng.usize(1..=4)];
    let len = match rng.u8(..) {
        0..3 => rng.usize(..400),
        3..32 => rng.usize(..40),
        _ => rng.usize(..7),
    };
    (0..len).map(|_| alphabet[rng.usize(..alphabet.len())]).collect()
}

/// Runs `test` with many seeds, and says which one failed.
fn with_seeds(seeds: u64, test: impl Fn(&mut Rng) + std::panic::RefUnwindSafe) {
    for seed in 0..seeds {
        let run = std::panic::catch_unwind(|| test(&mut Rng::with_seed(seed)));
        if let Err(panic) = run {
            eprintln!("with seed {seed}:");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn whatever_is_done_it_says_what_a_plain_map_says() {
    with_seeds(200, |rng| {
        let mut trie = Trie::default();
        let mut model = BTreeMap::new();
        // Some runs keep few topics, some many.
        let removals = rng.u8(20..=75);
        for i in 1..=1000 {
            let topic = topic(rng);
            match rng.u8(..100) {
                chance if chance < removals => assert_eq!(trie.remove(&topic), model.remove(&topic)),
                95.. => assert_eq!(trie.get_mut(&topic), model.get_mut(&topic)),
                _ => {
                    *trie.entry(&topic) = i;
                    model.insert(topic.clone(), i);
                }
            }
            assert_eq!(trie.len(), model.len());
            assert_eq!(trie.get(&topic), model.get(&topic));
            assert_eq!(trie.stored(&topic).is_some(), model.contains_key(&topic));
            let expected = (0..=topic.len()).filter_map(|end| model.get(&topic[..end]));
            assert!(trie.prefixes(&topic).eq(expected), "prefixes of {topic:?}");
            if i % 50 == 0 {
                trie.check();
                let mut topics = trie.clone().topics();
                topics.sort();
                assert!(topics.iter().eq(model.keys()));
            }
        }
        for (topic, value) in model {
            assert_eq!(trie.remove(&topic), Some(value));
        }
        assert_eq!((trie.nodes.capacity(), trie.free.capacity(), trie.len()), (0, 0, 0));
    });
}

#[test]
fn the_empty_topic_is_a_prefix_of_everything() {
    let mut trie = Trie::default();
    assert_eq!(trie.prefixes(b"x").count(), 0);
    *trie.entry(b"") = 1;
    *trie.entry(b"ab") = 2;
    assert!(trie.prefixes(b"").eq(&[1]));
    assert!(trie.prefixes(b"a").eq(&[1]));
    assert!(trie.prefixes(b"abc").eq(&[1, 2]));
    assert_eq!(trie.remove(b""), Some(1));
    assert!(trie.prefixes(b"abc").eq(&[2]));
    assert_eq!((trie.remove(b""), trie.remove(b"a"), trie.remove(b"abc")), (None, None, None));
    trie.check();
}

/// Adding, walking, copying and removing with so small a stack would end the test if any of them recursed.
#[test]
fn nested_and_long_topics_need_no_stack() {
    let run = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| {
        let text = vec![b'a'; 10_000];
        let mut trie = Trie::default();
        // The longest first, and removed the shortest first: else the test would walk the square of it.
        (0..text.len()).rev().for_each(|end| *trie.entry(&text[..end]) = end);
        assert_eq!((trie.len(), trie.nodes.len()), (text.len(), text.len()));
        assert!(trie.prefixes(&text).copied().eq(0..text.len()));
        drop(trie.clone());
        for end in 0..text.len() {
            assert_eq!(trie.remove(&text[..end]), Some(end));
        }
        assert_eq!(trie.nodes.capacity(), 0);

        let mut long = vec![0xFF; 64 << 20];
        *trie.entry(&long) = 1;
        long.pop();
        *trie.entry(&long) = 2;
        *long.last_mut().unwrap() = 0;
        *trie.entry(&long) = 3;
        assert_eq!(trie.nodes.len(), 5);
        assert_eq!(trie.prefixes(&long).count(), 1);
        assert_eq!(trie.remove(&long), Some(3));
        *long.last_mut().unwrap() = 0xFF;
        assert_eq!(trie.remove(&long), Some(2));
        trie.check();
    });
    run.unwrap().join().unwrap();
}

#[test]
fn coming_and_going_leaves_nothing_behind() {
    let rng = &mut Rng::with_seed(1);
    let mut trie = Trie::default();
    *trie.entry(b"stays") = 1;
    let mut most = 0;
    for i in 0..200 {
        let topics: Vec<_> = (0..50).map(|_| topic(rng)).collect();
        topics.iter().for_each(|topic| *trie.entry(topic) = 2);
        topics.iter().for_each(|topic| _ = trie.remove(topic));
        assert_eq!(trie.nodes.len() - trie.free.len(), 2);
        assert!(i < 100 || trie.nodes.len() <= most, "the arena grows");
        most = most.max(trie.nodes.len());
    }
    assert!(most <= 102);
}

#[test]
fn after_many_topics_the_memory_is_given_back_even_if_a_few_stay() {
    let mut trie = Trie::<u64>::default();
    let topics: Vec<Vec<u8>> = (0..20_000_u32).map(|i| i.to_le_bytes().into()).collect();
    topics.iter().for_each(|topic| *trie.entry(topic) = 7);
    trie.check();
    topics.iter().skip(3).for_each(|topic| _ = trie.remove(topic));
    trie.check();
    assert!(trie.nodes.capacity() <= 256 && trie.free.capacity() <= 256);
    let capacities = trie.nodes.iter().map(|node| node.children.capacity());
    assert!(capacities.sum::<usize>() <= 256);
    assert!(topics[..3].iter().all(|topic| trie.get(topic) == Some(&7)));
}

/// Else a stranger who subscribes to a long topic, and to another that parts from it early, could keep the octets of
/// the first after cancelling it.
#[test]
fn the_octets_of_a_removed_topic_are_not_kept_for_its_neighbours() {
    let mut trie = Trie::<u8>::default();
    let long = [&b"ab"[..], &[0; 10_000]].concat();
    for topic in [&long[..], b"abc", b"abd", b"a", b"ax"] {
        trie.entry(topic);
    }
    for topic in [b"a", &long[..]] {
        trie.remove(topic);
        trie.check();
    }
    assert!(trie.nodes.iter().all(|node| node.text.len() <= 3));
}

#[test]
fn a_node_leads_to_every_octet() {
    let mut trie = Trie::default();
    for octet in (0..=255).rev() {
        *trie.entry(&[b't', octet]) = octet;
    }
    for octet in 0..=255 {
        assert!(trie.prefixes(&[b't', octet, octet]).eq(&[octet]));
    }
    trie.check();
}
