//! Peers in circles: each knows whose turn it is, and a peer moves from one to another at once, however many there
//! are.

use crate::peer::PeerId;

/// `N` circles of peers, linked through one table. Everything but [`iter`](Self::iter) costs O(1).
///
/// Invariant: a peer is in one circle at most, and each circle is closed in both directions.
#[derive(Debug)]
pub(crate) struct Circles<const N: usize> {
    /// By the index of the peer's id.
    seats: Vec<Seat>,
    /// Whose turn it is.
    turns: [Option<u32>; N],
}

/// A peer's place.
#[derive(Debug, Clone, Copy)]
struct Seat {
    generation: u32,
    /// None while nobody sits here.
    circle: Option<usize>,
    before: u32,
    after: u32,
}

impl<const N: usize> Circles<N> {
    /// The circle that the peer is in.
    pub(crate) fn circle_of(&self, peer: PeerId) -> Option<usize> {
        let seat = self.seats.get(peer.index as usize)?;
        if seat.generation == peer.generation { seat.circle } else { None }
    }

    /// Whose turn it is.
    #[inline]
    pub(crate) fn turn(&self, circle: usize) -> Option<PeerId> {
        self.turns[circle].map(|index| self.peer(index))
    }

    /// The next peer's turn.
    #[inline]
    pub(crate) fn advance(&mut self, circle: usize) {
        self.turns[circle] = self.turns[circle].map(|index| self.seats[index as usize].after);
    }

    /// Moves the peer to the end of a circle: it is its turn after everybody else's.
    pub(crate) fn join(&mut self, circle: usize, peer: PeerId) {
        self.leave(peer);
        let PeerId { index, generation } = peer;
        if self.seats.len() <= index as usize {
            self.seats.resize(index as usize + 1, Seat::VACANT);
        }
        // The end is just before whose turn it is.
        let after = *self.turns[circle].get_or_insert(index);
        let before = if after == index { index } else { self.seats[after as usize].before };
        self.seats[index as usize] = Seat { generation, circle: Some(circle), before, after };
        self.seats[before as usize].after = index;
        self.seats[after as usize].before = index;
    }

    /// Takes the peer out of its circle. If it was its turn, it is the next one's.
    pub(crate) fn leave(&mut self, peer: PeerId) {
        let Some(circle) = self.circle_of(peer) else { return };
        let Seat { before, after, .. } =
            std::mem::replace(&mut self.seats[peer.index as usize], Seat::VACANT);
        if after == peer.index {
            self.turns[circle] = None;
            return;
        }
        self.seats[before as usize].after = after;
        self.seats[after as usize].before = before;
        if self.turns[circle] == Some(peer.index) {
            self.turns[circle] = Some(after);
        }
    }

    /// Everybody in a circle, in turn.
    pub(crate) fn iter(&self, circle: usize) -> impl Iterator<Item = PeerId> {
        let first = self.turns[circle];
        let next = move |index: &u32| {
            let after = self.seats[*index as usize].after;
            (Some(after) != first).then_some(after)
        };
        std::iter::successors(first, next).map(|index| self.peer(index))
    }

    fn peer(&self, index: u32) -> PeerId {
        PeerId { index, generation: self.seats[index as usize].generation }
    }
}

impl<const N: usize> Default for Circles<N> {
    fn default() -> Self {
        Self { seats: Vec::new(), turns: [None; N] }
    }
}

impl Seat {
    const VACANT: Self = Self { generation: 0, circle: None, before: 0, after: 0 };
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Beside plain queues whose front is whose turn it is.
    #[test]
    fn circles_do_what_plain_queues_do() {
        for seed in 0..100 {
            println!("seed {seed}");
            let rng = &mut fastrand::Rng::with_seed(seed);
            let mut circles = Circles::<3>::default();
            let mut model = [const { VecDeque::<PeerId>::new() }; 3];
            for _ in 0..500 {
                let peer = PeerId { index: rng.u32(..8), generation: 1 };
                let circle = rng.usize(..3);
                match rng.u8(..4) {
                    0 => {
                        circles.advance(circle);
                        model[circle].rotate_left(usize::from(!model[circle].is_empty()));
                    }
                    1 => {
                        circles.leave(peer);
                        model.iter_mut().for_each(|queue| queue.retain(|other| *other != peer));
                    }
                    _ => {
                        circles.join(circle, peer);
                        model.iter_mut().for_each(|queue| queue.retain(|other| *other != peer));
                        model[circle].push_back(peer);
                    }
                }
                for (circle, queue) in model.iter().enumerate() {
                    assert_eq!(circles.turn(circle).as_ref(), queue.front());
                    assert!(circles.iter(circle).eq(queue.iter().copied()));
                    assert!(queue.iter().all(|peer| circles.circle_of(*peer) == Some(circle)));
                }
                let elsewhere = PeerId { generation: 2, ..peer };
                circles.leave(elsewhere);
                assert_eq!(circles.circle_of(elsewhere), None);
            }
        }
    }
}
