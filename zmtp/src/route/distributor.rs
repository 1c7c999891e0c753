//! A copy of each message for each of many peers. A full one misses the message; the others do not notice.
//!
//! R29-PUB-15: silently drop the message for a subscriber whose queue is full. R29-PUB-16: never block.

use crate::message::Frame;
use crate::peer::PeerId;
use crate::pipe::{Patience, Pipes, View};
use crate::pool;

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
    if lossless || patience == Patience::Paced {
        let mut keeps_pace = |peer: &PeerId| {
            let waited_for = lossless || pipes.get_mut(*peer).is_some_and(|pipe| pipe.out.flowing);
            !waited_for || pipes.has_room(*peer, patience)
        };
        if !peers.iter().all(&mut keeps_pace) {
            return false;
        }
    }
    match message {
        // Large octets are copied once, and shared by all queues.
        View::Octets(octets) if peers.len() > 1 && octets.len() > SHARED => {
            let frame = Frame::from(pool::copy(octets));
            peers.iter().for_each(|peer| pipes.offer(*peer, View::Frames(&frame, &[])));
        }
        _ => peers.iter().for_each(|peer| pipes.offer(*peer, message)),
    }
    true
}

/// Larger octets are not copied for each peer.
const SHARED: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Marks;
    use crate::pipe::Origin;

    fn pipes(n: usize, hwm: usize) -> (Pipes, Vec<PeerId>) {
        let mut pipes = Pipes::new(Marks { send: hwm, ..Marks::default() });
        let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
        let ids = (0..n).map(|_| pipes.insert(origin.clone())).collect();
        (pipes, ids)
    }

    fn counts(pipes: &Pipes) -> Vec<usize> {
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
        assert_eq!(counts(&pipes), [2, 2, 2]);
        assert_eq!(pipes.drops.peer_full, 2);
        assert_eq!(pipes.get_mut(ids[1]).unwrap().dropped, 2);
    }

    #[test]
    fn a_lossless_message_goes_to_all_or_to_nobody() {
        let (mut pipes, ids) = pipes(3, 1);
        pipes.offer(ids[2], View::Octets(b"x"));
        assert!(!distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::None, true));
        assert_eq!(counts(&pipes), [0, 0, 1]);
    }

    #[test]
    fn a_patient_sender_waits_for_a_peer_that_moves_and_not_for_one_that_is_stuck() {
        let (mut pipes, ids) = pipes(2, 1);
        pipes.offer(ids[0], View::Octets(b"x"));
        assert!(distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::Paced, false));
        pipes.get_mut(ids[0]).unwrap().out.flowing = true;
        assert!(!distribute(&mut pipes, &ids, View::Octets(b"m"), Patience::Paced, false));
    }

    #[test]
    fn large_octets_are_shared_by_all_queues() {
        let (mut pipes, ids) = pipes(3, 10);
        let body = vec![7; 100_000];
        assert!(distribute(&mut pipes, &ids, View::Octets(&body), Patience::None, false));
        assert_eq!(counts(&pipes), [1, 1, 1]);
    }
}
