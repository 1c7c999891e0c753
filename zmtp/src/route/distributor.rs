//! A copy of each message for each of many peers. A full one misses the message; the others do not notice.
//!
//! R29-PUB-15: silently drop the message for a subscriber whose queue is full. R29-PUB-16: never block.

use crate::peer::PeerId;
use crate::pipe::{Patience, Pipes, View};

/// Sends a copy to each of `peers`, or, and that is false, to nobody: when `lossless` and one of them is full, or when the
/// sender is patient and one of them, that takes what it is given, has a batch waiting. Waiting a moment for that one
/// loses nothing; one that takes nothing is not waited for.
#[must_use]
pub(crate) fn distribute(
    pipes: &mut Pipes,
    peers: &[PeerId],
    message: View<'_>,
    patience: Patience,
    lossless: bool,
) -> bool {
    // While they are the audience of the log and it has room, so has each of them.
    if peers.len() > 1 && pipes.append_all(peers, message, patience) {
        return true;
    }
    if lossless || patience == Patience::Paced {
        pipes.spread();
        let mut keeps_pace = |peer: &PeerId| {
            let waited_for = lossless || pipes.get_mut(*peer).is_some_and(|pipe| pipe.out.is_flowing());
            !waited_for || pipes.has_room(*peer, patience)
        };
        if !peers.iter().all(&mut keeps_pace) {
            return false;
        }
    }
    if peers.len() > 1 && !pipes.conflate() {
        pipes.begin_log(peers, message, patience);
    } else {
        peers.iter().for_each(|peer| pipes.offer(*peer, message));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::options::Marks;
    use crate::pipe::{Batch, Origin};

    fn pipes(n: usize, hwm: usize) -> (Pipes, Vec<PeerId>) {
        let mut pipes = Pipes::new(Marks { send: hwm, ..Marks::default() });
        let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
        let ids = (0..n).map(|_| pipes.insert(origin.clone())).collect();
        (pipes, ids)
    }

    fn counts(pipes: &mut Pipes) -> Vec<usize> {
        pipes.spread();
        pipes.iter().map(|(_, pipe)| pipe.out.messages()).collect()
    }

    /// R29-PUB-15.
    #[test]
    fn a_full_peer_misses_the_message_and_the_others_get_it() {
        let (mut pipes, ids) = pipes(3, 2);
        for _ in 0..2 {
            pipes.offer(ids[1], View::Octets(b"x"));
        }
        for _ in 0..2 {
            assert!(distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::Paced, false));
        }
        assert_eq!(counts(&mut pipes), [2, 2, 2]);
        assert_eq!(pipes.drops.peer_full, 2);
        assert_eq!(pipes.get_mut(ids[1]).unwrap().dropped, 2);
    }

    #[test]
    fn a_lossless_message_goes_to_all_or_to_nobody() {
        let (mut pipes, ids) = pipes(3, 1);
        pipes.offer(ids[2], View::Octets(b"x"));
        assert!(!distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::None, true));
        assert_eq!(counts(&mut pipes), [0, 0, 1]);
    }

    #[test]
    fn a_patient_sender_waits_for_a_peer_that_moves_and_not_for_one_that_is_stuck() {
        let (mut pipes, ids) = pipes(2, 1);
        pipes.offer(ids[0], View::Octets(b"x"));
        assert!(distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::Paced, false));
        pipes.get_mut(ids[0]).unwrap().out.set_flowing(true);
        assert!(!distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::Paced, false));
    }

    #[test]
    fn large_octets_are_shared_by_all_queues() {
        let (mut pipes, ids) = pipes(3, 10);
        let body = vec![7; 100_000];
        assert!(distribute(&mut pipes, &ids, View::Octets(&body), Patience::None, false));
        assert_eq!(counts(&mut pipes), [1, 1, 1]);
    }

    /// What is written once for many is, to each, what a copy of its own would be: beside pipes that are given one.
    #[test]
    fn a_shared_log_gives_every_peer_what_copies_of_its_own_would() {
        for seed in 0..300 {
            println!("seed {seed}");
            let rng = &mut fastrand::Rng::with_seed(seed);
            let hwm = rng.usize(1..20);
            let (mut shared, ids) = pipes(5, hwm);
            let (mut copied, _) = pipes(5, hwm);
            let mut audience = ids.clone();
            for number in 0..rng.u32(1..200) {
                match rng.u8(..10) {
                    0 => audience = ids.iter().copied().filter(|_| rng.bool()).collect(),
                    1 | 2 => {
                        let (id, limit) = (ids[rng.usize(..5)], rng.usize(1..30));
                        assert_eq!(taken(&mut shared, id, limit), taken(&mut copied, id, limit));
                    }
                    _ => {
                        let body = vec![number as u8; [1, 100, 3000, 9000][rng.usize(..4)]];
                        let message = Message::new("topic").with(body);
                        let none = Patience::None;
                        assert!(distribute(&mut shared, &audience, (&message).into(), none, false));
                        audience.iter().for_each(|id| copied.offer(*id, (&message).into()));
                    }
                }
            }
            for id in &ids {
                assert_eq!(taken(&mut shared, *id, 1000), taken(&mut copied, *id, 1000));
            }
            assert_eq!(shared.drops, copied.drops);
        }
    }

    fn taken(pipes: &mut Pipes, id: PeerId, limit: usize) -> Vec<Message> {
        let mut batch = Batch::default();
        pipes.take(id, &mut batch, limit);
        let mut chunk = batch.into_chunk();
        std::iter::from_fn(|| chunk.next_message()).collect()
    }
}
