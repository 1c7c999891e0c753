//! A broker of a cloud and whatever anybody says to it.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::harness::message;
use crate::peering::state::{Broker, Config, Dial, Event, Input, Output};
use crate::peering::wire::{Card, ClientCommand, LinkCommand, Spoken, State, WorkerCommand};

/// Whatever is said on the faces of a broker: what is read is written as it was, nothing panics, each request is in one place,
/// and when everybody has gone, and time has passed, there are none, unless the broker has left before.
///
/// Of the input each turn takes an octet: on which face, whom of two, and what happens; for a message how many frames there
/// are, of which lengths.
pub fn peering(data: &[u8]) {
    let mut town = Town::new();
    let mut rest = data;
    while let Some((turn, more)) = rest.split_first() {
        rest = more;
        let (face, who, what) = (turn & 3, (turn >> 2) & 1, turn >> 3);
        match what {
            0 | 1 => town.happen(face, who, Event::Joined { speaks: what == 0 }),
            2 => town.happen(face, who, Event::Left),
            3..12 => town.wait(Duration::from_millis(1 << what)),
            12 => town.handle(Input::Subscribed),
            13 => town.handle(Input::Join(format!("sim://cloud/{who}"))),
            14 if face == 0 => town.handle(Input::Leave(Duration::from_millis(500))),
            _ => {
                let frames;
                (frames, rest) = message(rest);
                again::<ClientCommand>(&frames);
                again::<WorkerCommand>(&frames);
                again::<LinkCommand>(&frames);
                again::<State>(&frames);
                if what & 1 == 0 && face == 3 {
                    town.handle(Input::State(frames));
                } else {
                    town.happen(face, who, Event::Heard(frames));
                }
            }
        }
    }
    for turn in 0..8 {
        town.happen(turn & 3, turn >> 2, Event::Left);
    }
    town.wait(Duration::from_secs(60));
    if town.has_left {
        // With whatever it had not done by then.
        return;
    }
    let status = town.broker.status(town.now);
    assert_eq!((status.queue, status.local, status.remote, status.foreign, status.slots), (0, 0, 0, 0, 0));
}

/// What was read is written as it was.
fn again<C: Spoken + PartialEq + Debug>(frames: &[Bytes]) {
    if let Ok((header, command)) = C::decode(frames.to_vec()) {
        assert_eq!(C::decode(command.encode(header.session, header.number)), Ok((header, command)));
    }
}

struct Town {
    broker: Broker<u8>,
    now: Instant,
    /// Who is there, by face.
    there: [[bool; 2]; 4],
    has_left: bool,
}

impl Town {
    fn new() -> Self {
        let now = Instant::now();
        let card = Card { name: "DC1".into(), cloud: "sim://cloud/9".into(), state: "sim://state/9".into() };
        let small = Config {
            queue: 8,
            queue_bytes: 4096,
            replies_bytes: 1024,
            window: 2,
            hops: 2,
            is_relay: true,
            ttl: Duration::from_secs(5),
            forget: Duration::from_secs(5),
            ..Config::new(card)
        };
        Self { broker: Broker::new(small, 1, now), now, there: [[false; 2]; 4], has_left: false }
    }

    fn happen(&mut self, face: u8, who: u8, event: Event) {
        let there = &mut self.there[usize::from(face)][usize::from(who)];
        match event {
            Event::Joined { .. } if std::mem::replace(there, true) => return,
            Event::Left if !std::mem::replace(there, false) => return,
            Event::Heard(_) if !*there => return,
            _ => {}
        }
        self.handle(match face {
            0 => Input::Client(who, event),
            1 => Input::Worker(who, event),
            2 => Input::Guest(who, event),
            _ => Input::Peer(Dial(u32::from(who)), event),
        });
    }

    fn wait(&mut self, how_long: Duration) {
        let until = self.now + how_long;
        while let Some(next) = self.broker.next_deadline().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.broker.wake(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn handle(&mut self, input: Input<u8>) {
        self.broker.handle(self.now, input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.broker.poll_output() {
            match output {
                // Whoever is evicted is gone, and that is told.
                Output::Evict(face, who) => self.happen(face as u8, who, Event::Left),
                Output::Left(_) => self.has_left = true,
                _ => {}
            }
        }
        assert_eq!(self.broker.check(), Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// Frames of messages as they are, cut, and with octets changed; in any order, on any face.
    #[test]
    fn no_octets_of_anybody_do_any_harm() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..2000 {
            let mut data = Vec::new();
            for _ in 0..rng.usize(1..40) {
                let turn = rng.u8(..);
                data.push(turn);
                if turn >> 3 > 14 {
                    data.extend(said(&mut rng));
                }
            }
            peering(&data);
        }
    }

    /// A message as the input has it: its frames behind their lengths, and how many there are.
    fn said(rng: &mut Rng) -> Vec<u8> {
        let mut head = vec![0xaa, 0xb2, 1, 0, rng.u8(0..50), 0, 0, 24];
        head.extend((rng.u64(0..3)).to_be_bytes());
        head.extend((rng.u64(0..6)).to_be_bytes());
        for _ in 0..rng.usize(0..6) {
            match rng.u8(..3) {
                0 => head.extend(rng.u64(0..4).to_be_bytes()),
                1 => head.extend([0, 3, b'D', b'C', rng.u8(b'1'..b'4')]),
                _ => head.extend(rng.u32(..).to_be_bytes()),
            }
        }
        if rng.u8(..8) == 0 {
            head = vec![];
        }
        let mut frames = vec![head];
        (0..rng.usize(0..3)).for_each(|_| frames.push(vec![b'x'; rng.usize(0..20)]));
        let mut data = vec![frames.len() as u8];
        for frame in frames {
            data.push(frame.len() as u8);
            data.extend(frame);
        }
        data
    }
}
