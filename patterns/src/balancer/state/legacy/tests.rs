//! A broker, an interpreter and guests, without sockets and clocks.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::balancer::state::{Broker, Config, Output};

/// A broker behind its interpreter, and what guests have been sent.
struct Town {
    broker: Broker<u8>,
    interpreter: Interpreter<u8>,
    now: Instant,
    sent: VecDeque<(u8, Vec<Bytes>)>,
}

impl Town {
    fn new() -> Self {
        let now = Instant::now();
        let config = Config { max_attempts: 2, ..Config::default() };
        Self {
            broker: Broker::new(config, 1, now),
            interpreter: Interpreter::new(2),
            now,
            sent: VecDeque::new(),
        }
    }

    fn happen(&mut self, input: LegacyInput<u8>) {
        self.interpreter.handle(self.now, input);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            if let Some(output) = self.broker.poll_output() {
                // Who has just left is told nothing.
                if let Output::Send(peer, _, command) = output {
                    self.interpreter.handle(self.now, LegacyInput::Told(peer, command));
                }
                continue;
            }
            match self.interpreter.poll_output() {
                Some(LegacyOutput::Tell(input)) => self.broker.handle(self.now, input),
                Some(LegacyOutput::Send(peer, frames)) => self.sent.push_back((peer, frames)),
                None => return,
            }
        }
    }

    fn join(&mut self, peer: u8) {
        self.happen(LegacyInput::Joined(peer));
    }

    fn says(&mut self, peer: u8, frames: &[&[u8]]) {
        let frames = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
        self.happen(LegacyInput::Heard(peer, frames));
    }

    fn leaves(&mut self, peer: u8) {
        self.happen(LegacyInput::Left(peer));
    }

    /// What this peer was sent first, of all that is there.
    fn got(&mut self, peer: u8) -> Vec<Bytes> {
        let (to, frames) = self.sent.pop_front().expect("something was sent");
        assert_eq!(to, peer, "{frames:?}");
        frames
    }

    /// Lets time go by, as far as anybody notices.
    fn wait(&mut self, how_long: Duration) {
        let until = self.now + how_long;
        loop {
            let next = [self.broker.next_deadline(), self.interpreter.next_deadline()];
            let next = next.into_iter().flatten().min().filter(|next| *next <= until);
            self.now = next.unwrap_or(until).max(self.now);
            self.interpreter.wake(self.now);
            self.settle();
            self.broker.wake(self.now);
            self.settle();
            if next.is_none() {
                return;
            }
        }
    }
}

#[test]
fn b18_a_req_worker_gets_a_job_when_it_is_ready_and_its_reply_is_the_result() {
    let mut town = Town::new();
    for peer in [1, 2] {
        town.join(peer);
    }
    town.says(1, &[b"", b"\x01"]);
    town.says(2, &[b"", b"a"]);
    let job = town.got(1);
    assert_eq!((job.len(), &job[0][..], &job[2][..], &job[3][..]), (4, &b""[..], &b""[..], &b"a"[..]));
    town.says(1, &[b"", &job[1], b"", b"A"]);
    assert_eq!(town.got(2), [&b""[..], b"A"]);
    // It is free again, for whoever asks next; a request id is given back.
    town.says(2, &[b"\0\0\0\x07", b"", b"b"]);
    let job = town.got(1);
    town.says(1, &[b"", &job[1], b"", b"B"]);
    assert_eq!(town.got(2), [&b"\0\0\0\x07"[..], b"", b"B"]);
    assert_eq!((town.broker.open(), town.broker.counters().malformed), (0, 0));
}

#[test]
fn a_req_worker_may_take_as_long_as_it_likes_while_its_connection_is_up() {
    let mut town = Town::new();
    town.join(1);
    town.join(2);
    town.says(1, &[b"", b"READY"]);
    town.says(2, &[b"", b"a"]);
    let job = town.got(1);
    town.wait(Duration::from_secs(9 * 3600));
    town.says(1, &[b"", &job[1], b"", b"A"]);
    assert_eq!(town.got(2), [&b""[..], b"A"]);
    assert_eq!(town.broker.counters().workers_lost, 0);
}

#[test]
fn what_a_guest_had_goes_to_another_at_once_when_it_is_gone() {
    let mut town = Town::new();
    for peer in 1..=3 {
        town.join(peer);
    }
    town.says(1, &[b"", b"READY"]);
    town.says(3, &[b"", b"a"]);
    town.got(1);
    town.says(2, &[b"", b"READY"]);
    town.leaves(1);
    let job = town.got(2);
    town.says(2, &[b"", &job[1], b"", b"A"]);
    assert_eq!(town.got(3), [&b""[..], b"A"]);
}

#[test]
fn a_reply_that_is_none_is_a_failure_and_the_client_is_told_in_two_frames() {
    let mut town = Town::new();
    town.join(1);
    town.join(2);
    town.says(1, &[b"", b"READY"]);
    town.says(2, &[b"", b"a"]);
    for _ in 0..2 {
        town.got(1);
        town.says(1, &[b"", b"just a body"]);
        town.wait(Duration::from_secs(60));
    }
    let said = town.got(2);
    assert_eq!((said.len(), &said[1][..]), (3, &b"ERROR"[..]));
    assert!(said[2].starts_with(b"the worker's reply is not"), "{said:?}");
}

#[test]
fn an_mdp_worker_gets_the_jobs_of_its_service_and_beats_while_it_is_idle() {
    let mut town = Town::new();
    for peer in 1..=3 {
        town.join(peer);
    }
    town.says(1, &[b"", b"MDPW02", b"\x01", b"echo"]);
    town.says(2, &[b"", b"MDPW02", b"\x01", b"other"]);
    town.says(3, &[b"", b"MDPC02", b"\x01", b"echo", b"a"]);
    let job = town.got(1);
    assert_eq!([&job[..3], &job[4..]].concat(), [&b""[..], b"MDPW02", b"\x02", b"", b"a"]);
    town.says(1, &[b"", b"MDPW02", b"\x03", &job[3], b"", b"half"]);
    town.says(1, &[b"", b"MDPW02", b"\x04", &job[3], b"", b"A"]);
    assert_eq!(town.got(3), [&b""[..], b"MDPC02", b"\x03", b"echo", b"A"]);
    // It hears that we are there, and the other one, which says nothing, is told to begin anew.
    for _ in 0..3 {
        town.wait(Duration::from_millis(2400));
        town.says(1, &[b"", b"MDPW02", b"\x05"]);
    }
    town.wait(Duration::from_secs(1));
    let heard = std::mem::take(&mut town.sent);
    assert!(heard.contains(&(1, frames(&[b"", b"MDPW02", b"\x05"]))), "{heard:?}");
    assert_eq!(town.broker.ready(), 1);
    town.says(2, &[b"", b"MDPW02", b"\x05"]);
    assert_eq!(town.got(2), [&b""[..], b"MDPW02", b"\x06"]);
    town.says(2, &[b"", b"MDPW02", b"\x01", b"other"]);
    assert_eq!(town.broker.ready(), 2);
}

#[test]
fn guests_that_are_drained_are_told_as_far_as_their_language_has_a_word() {
    let mut town = Town::new();
    for peer in 1..=3 {
        town.join(peer);
    }
    town.says(1, &[b"", b"READY"]);
    town.says(2, &[b"", b"MDPW02", b"\x01", b"echo"]);
    town.says(3, &[b"", b"a"]);
    let job = town.got(1);
    town.broker.handle(town.now, Input::Drain { now: false });
    town.settle();
    assert_eq!(town.broker.ready(), 2);
    town.says(1, &[b"", &job[1], b"", b"A"]);
    assert_eq!(town.got(3), [&b""[..], b"A"]);
    assert_eq!(town.got(2), [&b""[..], b"MDPW02", b"\x06"]);
    assert_eq!(town.broker.ready(), 0);
}

#[test]
fn a_client_that_leaves_leaves_nothing_behind() {
    let mut town = Town::new();
    town.join(1);
    town.says(1, &[b"", b"a"]);
    town.says(1, &[b"", b"one", b"too many"]);
    assert_eq!(town.got(1), [&b""[..], b"ERROR", b"a request has one frame here"]);
    assert_eq!(town.broker.open(), 1);
    town.leaves(1);
    assert_eq!((town.broker.open(), town.broker.status().unclaimed), (0, 0));
    assert_eq!(town.interpreter.guests.len(), 0);
}

/// Whatever comes first: nobody is harmed, and what is nothing at all is a request at most.
#[test]
fn nothing_that_a_guest_says_ends_in_anything_but_an_answer_or_a_count() {
    let words: [&[u8]; 12] = [
        b"",
        b"",
        b"READY",
        b"\x01",
        b"\x02",
        b"\x04",
        b"\x05",
        b"\x06",
        b"MDPW02",
        b"MDPC02",
        b"echo",
        b"0123456789",
    ];
    for seed in 0..2000 {
        let (mut rng, mut town) = (Rng::with_seed(seed), Town::new());
        for _ in 0..60 {
            let peer = rng.u8(1..4);
            match rng.u8(..10) {
                // A peer comes again when it has gone.
                0 if town.interpreter.guests.contains_key(&peer) => town.leaves(peer),
                0 => town.join(peer),
                1 => town.leaves(peer),
                2 => town.wait(Duration::from_millis(rng.u64(..3000))),
                3 => {
                    // A proper answer to what it was sent last.
                    let last = town.sent.iter().rev().find(|(to, frames)| *to == peer && frames.len() > 3);
                    if let Some((_, last)) = last.cloned() {
                        let last: Vec<_> = last.iter().map(|frame| &frame[..]).collect();
                        town.says(peer, &last);
                    }
                }
                _ => {
                    let frames: Vec<_> =
                        (0..rng.usize(..7)).map(|_| words[rng.usize(..words.len())]).collect();
                    town.says(peer, &frames);
                }
            }
        }
        for peer in 1..4 {
            town.leaves(peer);
        }
        town.wait(Duration::from_secs(3600));
        assert_eq!(town.broker.ready(), 0, "seed {seed}");
        assert_eq!(town.broker.open(), 0, "seed {seed}");
    }
}

fn frames(frames: &[&[u8]]) -> Vec<Bytes> {
    frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect()
}
