//! Round-robin over the peers that have room.
//!
//! R30-PUSH-12: choose among available peers by round-robin. R30-PUSH-11: a peer is available while its queue has
//! room. For a sender that waits anyway the queue has less room than for one that does not: see
//! [`Patience`].

use crate::peer::PeerId;
use crate::pipe::{Form, Patience, Pipes};

/// Chooses which peer takes the next message.
///
/// Invariant: a peer is in exactly one of the two lists. [`send`](Self::send) moves it to `full` when its pipe
/// refuses; [`writable`](Self::writable) moves it back.
#[derive(Debug, Default)]
pub(crate) struct LoadBalancer {
    /// Peers with room, in their turn.
    available: Vec<PeerId>,
    /// Whose turn it is.
    next: usize,
    full: Vec<PeerId>,
}

impl LoadBalancer {
    pub(crate) fn attach(&mut self, peer: PeerId) {
        self.available.push(peer);
    }

    pub(crate) fn detach(&mut self, peer: PeerId) {
        self.full.retain(|full| *full != peer);
        if let Some(at) = self.available.iter().position(|available| *available == peer) {
            self.available.remove(at);
            self.next -= usize::from(at < self.next);
        }
    }

    /// The peer has room again: it joins at the end of the round.
    pub(crate) fn writable(&mut self, peer: PeerId) {
        if let Some(at) = self.full.iter().position(|full| *full == peer) {
            self.full.remove(at);
            // The end of the round is just before whose turn it is.
            self.available.insert(self.next, peer);
            self.next += 1;
        }
    }

    /// Hands `message` to the next peer with room, or gives it back when there is none.
    #[inline]
    pub(crate) fn send<F: Form>(
        &mut self,
        pipes: &mut Pipes,
        mut message: F,
        patience: Patience,
    ) -> Result<(), F> {
        while !self.available.is_empty() {
            if self.next >= self.available.len() {
                self.next = 0;
            }
            match pipes.push(self.available[self.next], message, patience) {
                Ok(()) => {
                    self.next += 1;
                    return Ok(());
                }
                Err(refused) => {
                    message = refused;
                    self.full.push(self.available.remove(self.next));
                }
            }
        }
        match patience {
            Patience::Paced => Err(message),
            Patience::None => self.send_beyond_pace(pipes, message),
        }
    }

    /// Whether some peer is below its high-water mark.
    pub(crate) fn has_room(&self, pipes: &mut Pipes) -> bool {
        let mut has_room =
            |id: &PeerId| pipes.get_mut(*id).is_some_and(|pipe| pipe.out.has_room(Patience::None));
        self.available.iter().chain(&self.full).any(&mut has_room)
    }

    /// Peers that keep patient senders back may still be below their high-water mark.
    fn send_beyond_pace<F: Form>(&mut self, pipes: &mut Pipes, mut message: F) -> Result<(), F> {
        for at in 0..self.full.len() {
            match pipes.push(self.full[at], message, Patience::None) {
                Ok(()) => {
                    // Whoever follows asks another one first.
                    let peer = self.full.remove(at);
                    self.full.push(peer);
                    return Ok(());
                }
                Err(refused) => message = refused,
            }
        }
        Err(message)
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!(balancer.send(&mut pipes, &b"x"[..], Patience::None), Ok(()));
            assert_eq!(counts(&pipes).iter().sum::<usize>(), sent);
            assert!(counts(&pipes).iter().max().unwrap() - counts(&pipes).iter().min().unwrap() <= 1);
        }
        assert_eq!(balancer.send(&mut pipes, &b"x"[..], Patience::None), Err(&b"x"[..]));
    }

    #[test]
    fn a_full_peer_is_passed_over_until_it_has_room_again() {
        let (mut pipes, ids, mut balancer) = pipes(2, 10);
        for _ in 0..20 {
            balancer.send(&mut pipes, &b"x"[..], Patience::None).unwrap();
        }
        balancer.send(&mut pipes, &b"x"[..], Patience::None).unwrap_err();
        pipes.take(ids[1], &mut Batch::default(), usize::MAX);
        balancer.writable(ids[1]);
        for _ in 0..10 {
            balancer.send(&mut pipes, &b"x"[..], Patience::None).unwrap();
        }
        assert_eq!(counts(&pipes), [10, 10]);
        balancer.detach(ids[0]);
        balancer.send(&mut pipes, &b"x"[..], Patience::None).unwrap_err();
    }

    #[test]
    fn the_turn_stays_right_when_peers_come_and_go() {
        let (mut pipes, ids, mut balancer) = pipes(3, 100);
        balancer.send(&mut pipes, &b"x"[..], Patience::None).unwrap();
        balancer.detach(ids[0]);
        for _ in 0..4 {
            balancer.send(&mut pipes, &b"x"[..], Patience::None).unwrap();
        }
        assert_eq!(counts(&pipes), [1, 2, 2]);
    }

    #[test]
    fn only_a_patient_sender_is_paced() {
        let (mut pipes, ids, mut balancer) = pipes(1, 1000);
        pipes.get_mut(ids[0]).unwrap().out.flowing = true;
        let body = vec![0; 100_000];
        let mut sent = 0;
        while balancer.send(&mut pipes, &body[..], Patience::Paced).is_ok() {
            sent += 1;
        }
        assert_eq!(sent, 3);
        for _ in sent..10 {
            balancer.send(&mut pipes, &body[..], Patience::None).unwrap();
        }
        assert_eq!(counts(&pipes), [10]);
    }
}
