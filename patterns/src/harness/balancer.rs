//! A broker and whatever its peers say.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::balancer::state::{Broker, Config, Input, Interpreter, LegacyInput, LegacyOutput, Output, Record};
use crate::balancer::wire::Command;
use crate::harness::message;

/// Whatever peers say to a broker, in its own language and in older ones, and whatever stands in a journal: what is read is
/// written as it was, nothing panics, what is always true of a broker is true, and when everybody has gone nobody has
/// anything.
///
/// Of the input each turn takes an octet that says what happens to whom, and for a message how many frames there are, of
/// which lengths.
pub fn balancer(data: &[u8]) {
    if let Ok(record) = Record::decode(data) {
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }
    let mut town = Town::new();
    let mut rest = data;
    while let Some((turn, more)) = rest.split_first() {
        rest = more;
        let (peer, what) = (turn & 3, turn >> 2);
        match what {
            0 => town.join(peer, true),
            1 => town.join(peer, false),
            2 => town.leave(peer),
            3..12 => town.wait(Duration::from_millis(1 << what)),
            12 => town.handle(Input::Drain { now: peer == 0 }),
            13 => town.dispose(peer),
            _ => {
                let frames;
                (frames, rest) = message(rest);
                town.hear(peer, frames);
            }
        }
    }
    for peer in 0..4 {
        town.leave(peer);
    }
    town.wait(Duration::from_secs(60));
    let status = town.broker.status();
    assert_eq!((status.leased, status.workers.len()), (0, 0));
}

/// A broker with a journal, behind its interpreter.
struct Town {
    broker: Broker<u8>,
    interpreter: Interpreter<u8>,
    now: Instant,
    /// Whether each of the peers is there, and speaks the broker's language.
    there: [Option<bool>; 4],
}

impl Town {
    fn new() -> Self {
        let now = Instant::now();
        let config = Config { queue: 8, results: 4, dead: 2, journal: true, ..Config::default() };
        Self { broker: Broker::new(config, 1, now), interpreter: Interpreter::new(2), now, there: [None; 4] }
    }

    fn join(&mut self, peer: u8, is_native: bool) {
        let there = &mut self.there[usize::from(peer)];
        if there.is_none() {
            *there = Some(is_native);
            if is_native {
                self.handle(Input::Joined(peer));
            } else {
                self.interpret(LegacyInput::Joined(peer));
            }
        }
    }

    fn leave(&mut self, peer: u8) {
        if self.there[usize::from(peer)].take().is_some() {
            self.interpret(LegacyInput::Left(peer));
        }
    }

    fn hear(&mut self, peer: u8, frames: Vec<Bytes>) {
        let said = Command::decode(frames.iter().cloned());
        if let Ok((header, command)) = &said {
            let (head, payload) = command.encode(header.session, header.number);
            let again = Command::decode(std::iter::once(Bytes::from(head)).chain(payload));
            assert_eq!(again.map(|(_, again)| again).as_ref(), Ok(command));
        }
        match self.there[usize::from(peer)] {
            Some(_) if self.interpreter.knows(&peer) => self.interpret(LegacyInput::Heard(peer, frames)),
            Some(_) => self.handle(Input::Heard(peer, said)),
            None => {}
        }
    }

    fn dispose(&mut self, which: u8) {
        let task = self.broker.dead().nth(usize::from(which / 2)).map(|dead| dead.task);
        if let Some(task) = task {
            self.handle(if which.is_multiple_of(2) { Input::Retry(task) } else { Input::LetGo(task) });
        }
    }

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

    fn handle(&mut self, input: Input<u8>) {
        self.broker.handle(self.now, input);
        self.settle();
    }

    fn interpret(&mut self, input: LegacyInput<u8>) {
        self.interpreter.handle(self.now, input);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            match self.broker.poll_output() {
                Some(Output::Record(_)) => {
                    let (_, recorded) = self.broker.records();
                    self.broker.handle(self.now, Input::Synced(recorded));
                }
                Some(Output::Send(peer, _, command)) => {
                    self.interpreter.handle(self.now, LegacyInput::Told(peer, command));
                }
                // It may come again.
                Some(Output::Evict(peer)) => self.there[usize::from(peer)] = None,
                Some(Output::Notice(_)) => {}
                None => match self.interpreter.poll_output() {
                    Some(LegacyOutput::Tell(input)) => self.broker.handle(self.now, input),
                    Some(LegacyOutput::Send(..)) => {}
                    None => return self.broker.check(),
                },
            }
        }
    }
}
