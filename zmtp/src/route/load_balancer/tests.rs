//! Who gets the next message, by example and at random.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;

use super::*;
use crate::options::Marks;
use crate::pipe::{Batch, Origin};

fn pipes(n: usize, hwm: usize) -> (Pipes, Vec<PeerId>, LoadBalancer) {
    let mut pipes = Pipes::new(Marks { send: hwm, ..Marks::default() });
    let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
    let ids: Vec<_> = (0..n).map(|_| pipes.insert(origin.clone())).collect();
    let mut balancer = LoadBalancer::default();
    ids.iter().for_each(|id| balancer.attach(*id));
    (pipes, ids, balancer)
}

fn counts(pipes: &Pipes) -> Vec<usize> {
    pipes.iter().map(|(_, pipe)| pipe.out.messages()).collect()
}

#[test]
fn messages_go_round_and_come_back_when_everyone_is_full() {
    let (mut pipes, _, mut balancer) = pipes(3, 2);
    for sent in 1..=6 {
        balancer.send(&mut pipes, View::Octets(b"x"), Patience::None).unwrap();
        assert_eq!(counts(&pipes).iter().sum::<usize>(), sent);
        assert!(counts(&pipes).iter().max().unwrap() - counts(&pipes).iter().min().unwrap() <= 1);
    }
    assert_eq!(balancer.send(&mut pipes, View::Octets(b"x"), Patience::None), None);
}

#[test]
fn a_full_peer_is_passed_over_until_it_has_room_again() {
    let (mut pipes, ids, mut balancer) = pipes(2, 10);
    for _ in 0..20 {
        balancer.send(&mut pipes, View::Octets(b"x"), Patience::None).unwrap();
    }
    assert_eq!(balancer.send(&mut pipes, View::Octets(b"x"), Patience::None), None);
    pipes.take(ids[1], &mut Batch::default(), usize::MAX);
    balancer.writable(ids[1]);
    for _ in 0..10 {
        balancer.send(&mut pipes, View::Octets(b"x"), Patience::None).unwrap();
    }
    assert_eq!(counts(&pipes), [10, 10]);
    balancer.detach(ids[0]);
    assert_eq!(balancer.send(&mut pipes, View::Octets(b"x"), Patience::None), None);
}

#[test]
fn the_turn_stays_right_when_peers_come_and_go() {
    let (mut pipes, ids, mut balancer) = pipes(3, 100);
    balancer.send(&mut pipes, View::Octets(b"x"), Patience::None).unwrap();
    balancer.detach(ids[0]);
    for _ in 0..4 {
        balancer.send(&mut pipes, View::Octets(b"x"), Patience::None).unwrap();
    }
    assert_eq!(counts(&pipes), [1, 2, 2]);
}

#[test]
fn only_a_patient_sender_is_paced() {
    let (mut pipes, ids, mut balancer) = pipes(1, 1000);
    pipes.get_mut(ids[0]).unwrap().out.set_flowing(true);
    let body = vec![0; 100_000];
    let mut sent = 0;
    while balancer.send(&mut pipes, View::Octets(&body), Patience::Paced).is_some() {
        sent += 1;
    }
    assert_eq!(sent, 3);
    for _ in sent..10 {
        balancer.send(&mut pipes, View::Octets(&body), Patience::None).unwrap();
    }
    assert_eq!(counts(&pipes), [10]);
}

fn circle(balancer: &LoadBalancer, circle: usize) -> Vec<PeerId> {
    balancer.peers.iter(circle).collect()
}

/// Work is counted in peers that are still to be asked: with 10,000 full ones there is nobody left to ask.
#[test]
fn full_peers_cost_nothing_per_message_and_one_that_eases_is_found_at_once() {
    let (mut pipes, ids, mut balancer) = pipes(10_000, 1);
    let send = |balancer: &mut LoadBalancer, pipes: &mut Pipes| {
        balancer.send(pipes, View::Octets(b"x"), Patience::None)
    };
    for id in &ids {
        assert_eq!(send(&mut balancer, &mut pipes), Some(*id));
    }
    assert_eq!(send(&mut balancer, &mut pipes), None);
    assert_eq!(circle(&balancer, FULL), ids);
    assert!(!balancer.has_room(&mut pipes));

    pipes.take(ids[7000], &mut Batch::default(), usize::MAX);
    balancer.eased(ids[7000]);

    assert!(balancer.has_room(&mut pipes));
    assert_eq!(circle(&balancer, PACED), [ids[7000]]);
    assert_eq!(send(&mut balancer, &mut pipes), Some(ids[7000]));
    assert_eq!(send(&mut balancer, &mut pipes), None);
}

/// R30-PUSH-12: round-robin, so while all have room their counts differ by one at most, whoever comes and goes.
#[test]
fn among_peers_that_always_have_room_nobody_gets_two_before_the_others_got_one() {
    for seed in 0..100 {
        println!("seed {seed}");
        let rng = &mut Rng::with_seed(seed);
        let (mut pipes, mut ids, mut balancer) = pipes(rng.usize(1..9), usize::MAX);
        let mut counts: HashMap<PeerId, usize> = ids.iter().map(|id| (*id, 0)).collect();
        for _ in 0..1000 {
            match rng.u8(..100) {
                0 => {
                    let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
                    let id = pipes.insert(origin);
                    balancer.attach(id);
                    ids.push(id);
                    // It counts as if it had got a message in this round.
                    counts.insert(id, counts.values().copied().max().unwrap_or_default());
                }
                1 if ids.len() > 1 => {
                    let id = ids.swap_remove(rng.usize(..ids.len()));
                    balancer.detach(id);
                    balancer.detach(id);
                    balancer.writable(id);
                    pipes.remove(id);
                    counts.remove(&id);
                }
                _ => {
                    let patience = if rng.bool() { Patience::Paced } else { Patience::None };
                    let id = balancer.send(&mut pipes, View::Octets(b"x"), patience).unwrap();
                    *counts.get_mut(&id).unwrap() += 1;
                }
            }
            let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
            assert!(most - least <= 1, "{counts:?}");
        }
    }
}

/// R30-PUSH-11, 12: while a peer has room each other one gets a message at most once before it does, and a message is
/// refused only when nobody has room.
#[test]
fn nobody_who_has_room_is_starved_and_nobody_who_is_full_is_asked() {
    for seed in 0..200 {
        println!("seed {seed}");
        let rng = &mut Rng::with_seed(seed);
        let hwm = rng.usize(1..6);
        let (mut pipes, ids, mut balancer) = pipes(rng.usize(1..7), hwm);
        // Who got a message since this one had room and got none.
        let mut passed_by: HashMap<PeerId, HashSet<PeerId>> = HashMap::new();
        for _ in 0..1000 {
            if rng.u8(..100) < 40 {
                let id = ids[rng.usize(..ids.len())];
                pipes.take(id, &mut Batch::default(), rng.usize(1..4));
                if rng.bool() {
                    balancer.eased(id)
                } else {
                    balancer.writable(id)
                }
                continue;
            }
            let with_room = pipes.iter().filter(|(_, pipe)| pipe.out.messages() < hwm);
            let with_room: Vec<_> = with_room.map(|(id, _)| id).collect();
            // Those who have only eased come after those who are quite available.
            let waiting = with_room.iter().filter(|id| balancer.peers.circle_of(**id) == Some(AVAILABLE));
            let waiting: HashSet<_> = waiting.copied().collect();
            passed_by.retain(|id, _| waiting.contains(id));
            assert_eq!(balancer.has_room(&mut pipes), !with_room.is_empty());
            let Some(chosen) = balancer.send(&mut pipes, View::Octets(b"x"), Patience::None) else {
                assert_eq!(with_room, []);
                continue;
            };
            assert!(with_room.contains(&chosen) && (waiting.is_empty() || waiting.contains(&chosen)));
            passed_by.remove(&chosen);
            for id in waiting.iter().filter(|id| **id != chosen) {
                let is_first = passed_by.entry(*id).or_default().insert(chosen);
                assert!(is_first, "{chosen:?} twice before {id:?} once");
            }
        }
    }
}

#[test]
fn whoever_was_full_comes_last_when_it_has_room_again() {
    let (mut pipes, ids, mut balancer) = pipes(4, 1);
    let send = |balancer: &mut LoadBalancer, pipes: &mut Pipes| {
        balancer.send(pipes, View::Octets(b"x"), Patience::None)
    };
    while send(&mut balancer, &mut pipes).is_some() {}
    for back in [2, 0, 3, 1] {
        pipes.take(ids[back], &mut Batch::default(), 1);
        balancer.writable(ids[back]);
    }
    for expected in [2, 0, 3, 1] {
        assert_eq!(send(&mut balancer, &mut pipes), Some(ids[expected]));
    }
}

#[test]
fn a_peer_moves_between_the_circles_as_its_queue_fills_and_empties() {
    let (mut pipes, ids, mut balancer) = pipes(1, 4);
    let at = ids[0];
    pipes.get_mut(at).unwrap().out.set_flowing(true);
    let body = vec![0; 200_000];
    let send = |balancer: &mut LoadBalancer, pipes: &mut Pipes, patience| {
        balancer.send(pipes, View::Octets(&body), patience).is_some()
    };
    assert!(send(&mut balancer, &mut pipes, Patience::Paced));
    assert!(send(&mut balancer, &mut pipes, Patience::Paced));
    assert!(!send(&mut balancer, &mut pipes, Patience::Paced));
    assert_eq!(balancer.peers.circle_of(at), Some(PACED));
    balancer.eased(at);
    assert_eq!(balancer.peers.circle_of(at), Some(PACED));

    assert!(send(&mut balancer, &mut pipes, Patience::None));
    assert!(send(&mut balancer, &mut pipes, Patience::None));
    assert!(!send(&mut balancer, &mut pipes, Patience::None));
    assert_eq!(balancer.peers.circle_of(at), Some(FULL));

    pipes.take(at, &mut Batch::default(), 1);
    balancer.eased(at);
    assert!(!send(&mut balancer, &mut pipes, Patience::Paced));
    assert!(send(&mut balancer, &mut pipes, Patience::None));
    while !pipes.get_mut(at).unwrap().out.is_empty() {
        pipes.take(at, &mut Batch::default(), usize::MAX);
    }
    balancer.writable(at);
    assert!(send(&mut balancer, &mut pipes, Patience::Paced));
}
