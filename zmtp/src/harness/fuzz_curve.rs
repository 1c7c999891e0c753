//! The fuzz target that stands between two ends of CURVE, with everything in its power but the keys.

use std::sync::{Arc, LazyLock};

use super::fuzz_handshakes::decision;
use crate::curve::{KeyPair, SecretKey};
use crate::message::{Frame, Message};
use crate::security::User;
use crate::wire::{
    Config, Connection, Credentials, Denial, Error, Event, Greeting, Header, Mechanism, SocketType,
};

/// Whatever somebody between two honest ends does to their octets: neither gets to READY unless what it has heard of the
/// handshake is what the other one said, no message is delivered but what was sent, frame by frame and in order, and
/// what is not that ends the connection. An honest conversation arrives whole.
///
/// The first octet says what the server decides. Then come steps: an octet that says what happens, and to what the client
/// says or to what the server says; one that says where or how much; for some the octets to put in.
pub fn curve(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let mut talk = Talk::new(decision(usize::from(first & 3)), first & 4 == 0);
    let mut steps = 0;
    while let (Some((&[what, how], after)), true) = (rest.split_first_chunk(), steps < 100) {
        rest = after;
        talk.step(what, usize::from(how), &mut rest);
        talk.check();
        steps += 1;
    }
    talk.finish();
}

/// Two ends, and what is between them. The client is number 0.
struct Talk {
    ends: [End; 2],
    decision: Result<(), Denial>,
    /// Whether the server decides as soon as it is asked.
    is_quick: bool,
}

/// One end, and what it says.
struct End {
    connection: Connection,
    /// What it has said: its octets, where its frames begin, and what is in those of its messages.
    said: Vec<u8>,
    frames: Vec<usize>,
    sealed: Vec<Option<(bool, Vec<u8>)>>,
    sent: Vec<Message>,
    /// How much of it has come to whoever is between.
    passed: usize,
    /// What the other end has heard instead.
    heard: Vec<u8>,
    is_asked: bool,
    is_decided: bool,
    is_ready: bool,
    messages: Vec<Message>,
    error: Option<Error>,
}

impl Talk {
    fn new(decision: Result<(), Denial>, is_quick: bool) -> Self {
        let mut talk = Self { ends: [End::new(client()), End::new(server())], decision, is_quick };
        talk.ends.iter_mut().for_each(End::speak);
        talk
    }

    fn step(&mut self, what: u8, how: usize, rest: &mut &[u8]) {
        let from = usize::from(what & 1);
        match what >> 1 & 15 {
            0 => self.pass(from, usize::MAX),
            1 => self.pass(from, how + 1),
            2 => {
                self.ends[from].take(how + 1);
            }
            3 => {
                self.ends[from].take_frame();
            }
            // One bit of the next frame.
            4 => {
                let mut frame = self.ends[from].take_frame();
                if let Some(octet) = frame.len().checked_sub(1).map(|last| (how / 8 * 7).min(last)) {
                    frame[octet] ^= 1 << (how % 8);
                }
                self.tell(from, &frame);
            }
            // Octets of the input.
            5 => {
                let (octets, after) = rest.split_at((how % 64 + 1).min(rest.len()));
                *rest = after;
                self.tell(from, octets);
            }
            // Something said before, by either end, here or on another connection.
            6 => {
                let again = self.ends[from].frame(how).to_vec();
                self.tell(from, &again);
            }
            7 => {
                let reflected = self.ends[1 - from].frame(how).to_vec();
                self.tell(from, &reflected);
            }
            8 => {
                let old = &OLD[usize::from(how > 127)];
                self.tell(from, &old[how % old.len()]);
            }
            9 | 10 => {
                self.ends[from].say(how);
            }
            11 => {
                self.ends[from].connection.ping(how as u16);
                self.ends[from].speak();
            }
            // The header of the next frame, written in another way.
            12 => {
                let frame = self.ends[from].take_frame();
                if let Ok(Some((header, size))) = Header::decode(&frame) {
                    let body = &frame[size..];
                    let mut other = vec![how as u8 | 2];
                    other.extend(header.len.to_be_bytes());
                    self.tell(from, &[&other, body].concat());
                }
            }
            // The frame after the next one first.
            13 => {
                let (first, second) = (self.ends[from].take_frame(), self.ends[from].take_frame());
                self.tell(from, &second);
                self.tell(from, &first);
            }
            14 => self.decide(),
            _ => self.settle(),
        }
    }

    /// Gives up to so many octets to the other end, or the next frame.
    fn pass(&mut self, from: usize, octets: usize) {
        let taken =
            if octets == usize::MAX { self.ends[from].take_frame() } else { self.ends[from].take(octets) };
        self.tell(from, &taken);
    }

    /// Makes the other end hear this.
    fn tell(&mut self, from: usize, octets: &[u8]) {
        self.ends[from].heard.extend(octets);
        self.ends[1 - from].connection.receive(octets);
        self.listen(1 - from);
    }

    fn listen(&mut self, at: usize) {
        let end = &mut self.ends[at];
        loop {
            match end.connection.poll_event(usize::MAX) {
                Ok(Some(Event::Asked(Credentials::Curve { key }))) => {
                    assert!(at == 1 && !end.is_asked);
                    assert_eq!(key, CLIENT.public());
                    end.is_asked = true;
                    if self.is_quick {
                        return self.decide();
                    }
                }
                Ok(Some(Event::Ready(remote))) => {
                    assert!(!end.is_ready);
                    assert_eq!(remote.socket_type, Some(SocketType::Pair));
                    assert_eq!(remote.metadata.get("X-of").expect("it is said"), NAMES[1 - at].as_bytes());
                    end.is_ready = true;
                }
                Ok(Some(Event::Messages(mut chunk))) => {
                    end.messages.extend(std::iter::from_fn(|| chunk.next_message()));
                }
                Ok(Some(event)) => panic!("nobody said what makes a {event:?}"),
                Ok(None) => break,
                Err(error) => {
                    end.error = Some(error);
                    break;
                }
            }
        }
        end.speak();
    }

    fn decide(&mut self) {
        let server = &mut self.ends[1];
        if server.is_asked && !server.is_decided {
            server.is_decided = true;
            server.connection.decide(self.decision.map(|()| User::new("somebody")));
            self.listen(1);
        }
    }

    /// Everything goes to where it is meant for.
    fn settle(&mut self) {
        loop {
            let before = self.ends.each_ref().map(|end| end.passed);
            for from in [0, 1] {
                let taken = self.ends[from].take(usize::MAX);
                if !taken.is_empty() {
                    self.tell(from, &taken);
                }
            }
            if before == self.ends.each_ref().map(|end| end.passed) {
                return;
            }
        }
    }

    /// Each end has heard what it was told, and believed what it may believe.
    fn check(&self) {
        let [client, server] = &self.ends;
        assert!(!client.is_ready || server.is_ready, "READY comes from a server that is ready");
        assert!(!server.is_ready || server.is_decided && self.decision.is_ok());
        let is_honest = self.ends.iter().all(End::is_honest);
        for at in [0, 1] {
            let (end, other) = (&self.ends[at], &self.ends[1 - at]);
            let waits = end.is_asked && !end.is_decided;
            let refuses = at == 1 && end.is_decided && self.decision.is_err();
            let Heard { is_ready, messages, is_wrong } = other.judge(at == 1);
            if waits || refuses {
                assert!(!end.is_ready && end.messages.is_empty());
                assert_eq!(end.error.is_some(), refuses);
                continue;
            }
            assert_eq!(end.is_ready, is_ready);
            assert_eq!(end.messages, messages);
            assert!(!is_wrong || end.error.is_some(), "it goes on, whatever it hears");
            if let Some(error) = &end.error {
                let denied = matches!(error, Error::Denied(_)) && self.decision.is_err();
                assert!(denied || !is_honest, "an honest end got {error}");
            }
        }
    }

    /// If nobody has done anything, everything arrives.
    fn finish(mut self) {
        if !self.ends.iter().all(End::is_honest) {
            return;
        }
        self.settle();
        self.decide();
        self.settle();
        self.check();
        if self.decision.is_ok() {
            for at in [0, 1] {
                self.ends[at].say(at);
            }
            self.settle();
            let [client, server] = &self.ends;
            assert!(client.is_ready && server.is_ready);
            assert_eq!((&client.sent, &server.sent), (&server.messages, &client.messages));
        }
    }
}

impl End {
    fn new(mechanism: Mechanism) -> Self {
        let mut config = Config::new(SocketType::Pair);
        let name = NAMES[usize::from(mechanism.is_server())];
        config.properties = vec![("X-of".to_owned(), name.into())];
        config.mechanism = mechanism;
        Self {
            connection: Connection::new(config),
            said: Vec::new(),
            frames: Vec::new(),
            sealed: Vec::new(),
            sent: Vec::new(),
            passed: 0,
            heard: Vec::new(),
            is_asked: false,
            is_decided: false,
            is_ready: false,
            messages: Vec::new(),
            error: None,
        }
    }

    /// Says what its connection has to say.
    fn speak(&mut self) {
        let said = self.connection.transmit().unwrap_or_default();
        self.add(&said, None);
    }

    fn add(&mut self, octets: &[u8], content: Option<(bool, Vec<u8>)>) {
        let mut at = self.said.len().max(Greeting::SIZE);
        self.said.extend(octets);
        while let Some((_, end)) = frame_at(&self.said, at) {
            self.frames.push(at);
            self.sealed.push(content.clone());
            at = end;
        }
    }

    /// Sends a message, once it can.
    fn say(&mut self, how: usize) {
        if !self.is_ready || self.error.is_some() {
            return;
        }
        let count = how % 3 + 1;
        let body = |number: usize| vec![how as u8; LENGTHS[(how / 3 + number) % LENGTHS.len()]];
        for number in 0..count {
            let (more, mut out) = (number + 1 < count, Vec::new());
            self.connection.seal(more, &body(number), &mut out).expect("there are counters left");
            self.add(&out, Some((more, body(number))));
        }
        self.sent.push(whole((0..count).map(body)));
    }

    /// The next octets that it says.
    fn take(&mut self, octets: usize) -> Vec<u8> {
        let next = &self.said[self.passed..];
        let taken = next[..octets.min(next.len())].to_vec();
        self.passed += taken.len();
        taken
    }

    /// The next frame that it says, or what is left of it; the greeting is one.
    fn take_frame(&mut self) -> Vec<u8> {
        let ends = self.frames.iter().copied().chain([self.said.len()]);
        let end = ends.into_iter().find(|end| *end > self.passed).unwrap_or(self.passed);
        self.take(end - self.passed)
    }

    /// A frame that it has said, all of it.
    fn frame(&self, number: usize) -> &[u8] {
        let Some(number) = number.checked_rem(self.frames.len()) else { return &[] };
        frame_at(&self.said, self.frames[number]).map_or(&[], |(_, end)| &self.said[self.frames[number]..end])
    }

    fn body(&self, number: usize) -> &[u8] {
        frame_at(&self.said, self.frames[number]).map_or(&[], |(range, _)| &self.said[range])
    }

    /// Whether the other end has heard what this one says, to the octet.
    fn is_honest(&self) -> bool {
        self.said[..self.passed] == self.heard
    }

    /// What the other end may make of what it has heard.
    fn judge(&self, is_client: bool) -> Heard {
        let mut heard = Heard::default();
        let Some((greeting, _)) = self.heard.split_at_checked(Greeting::SIZE) else { return heard };
        // Nobody vouches for a greeting: what does no harm in it passes.
        let is_good = greeting[12..32] == *b"CURVE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
            && Greeting::decode(greeting)
                .is_ok_and(|read| read.is_some_and(|it| !(is_client && it.as_server)));
        if !is_good {
            heard.is_wrong = true;
            return heard;
        }
        let (mut at, mut number, mut last, mut frames) = (Greeting::SIZE, 0, 1, Vec::new());
        while let Some((range, end)) = frame_at(&self.heard, at) {
            let body = &self.heard[range];
            let found = if number < HANDSHAKE {
                let is_command = self.heard[at] & 4 != 0;
                (is_command && number < self.frames.len() && body == self.body(number)).then_some(number)
            } else {
                (last + 1..self.frames.len()).find(|next| body == self.body(*next))
            };
            // Anybody may repeat a HELLO and gets a WELCOME, which only who made the HELLO can open.
            if found.is_none() && number == 0 && is_client && OLD[0][0].ends_with(body) {
                heard.is_wrong = frame_at(&self.heard, end).is_some();
                break;
            }
            // An ERROR is what it is, and the end.
            let Some(found) = found.filter(|_| !body.starts_with(b"\x05ERROR")) else {
                heard.is_wrong = true;
                break;
            };
            (last, number, at) = (found.max(last), number + 1, end);
            frames.extend(self.sealed[found].clone());
        }
        heard.is_ready = number >= HANDSHAKE;
        let mut bodies = Vec::new();
        for (more, body) in frames {
            bodies.push(body);
            if !more {
                heard.messages.push(whole(bodies.drain(..)));
            }
        }
        heard
    }
}

/// What may be made of octets.
#[derive(Debug, Default)]
struct Heard {
    is_ready: bool,
    messages: Vec<Message>,
    /// They have to end the connection.
    is_wrong: bool,
}

fn whole(frames: impl IntoIterator<Item = Vec<u8>>) -> Message {
    let frames: Vec<Frame> = frames.into_iter().map(Frame::from).collect();
    frames.try_into().expect("a frame at least")
}

/// Where the body of a frame is, if it is there, and where the frame ends.
fn frame_at(octets: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let (header, size) = Header::decode(octets.get(at..)?).ok()??;
    let end = (at + size).checked_add(usize::try_from(header.len).ok()?)?;
    (end <= octets.len()).then_some((at + size..end, end))
}

/// The frames of a conversation with the same keys, of which somebody took notes.
static OLD: LazyLock<[Vec<Vec<u8>>; 2]> = LazyLock::new(|| {
    let mut talk = Talk::new(Ok(()), true);
    talk.settle();
    for number in 0..6 {
        talk.ends[0].say(number);
        talk.ends[1].say(number);
    }
    talk.ends.map(|end| (0..end.frames.len()).map(|number| end.frame(number).to_vec()).collect())
});

pub(super) fn client() -> Mechanism {
    Mechanism::CurveClient { keys: Arc::clone(&CLIENT), server: SERVER.public() }
}

pub(super) fn server() -> Mechanism {
    Mechanism::CurveServer { keys: Arc::clone(&SERVER) }
}

static CLIENT: LazyLock<Arc<KeyPair>> = LazyLock::new(|| keys(1));
static SERVER: LazyLock<Arc<KeyPair>> = LazyLock::new(|| keys(2));

fn keys(octet: u8) -> Arc<KeyPair> {
    Arc::new(SecretKey::from_bytes([octet; 32]).into())
}

const NAMES: [&str; 2] = ["client", "server"];
/// Frames of each side up to READY.
const HANDSHAKE: usize = 2;
/// Around the limits of what is short, to a frame and to a box.
const LENGTHS: [usize; 8] = [0, 1, 5, 159, 160, 222, 223, 300];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_somebody_does_between_two_ends_of_curve_they_believe_only_each_other() {
        for seed in 0..40 {
            println!("seed {seed}");
            let mut rng = fastrand::Rng::with_seed(seed);
            // Mostly honest, else nobody gets far.
            let mut data = vec![rng.u8(..) & 0xfc];
            for _ in 0..60 {
                let what =
                    if rng.u8(..) < 200 { [0, 15, 9, 10, 14][rng.usize(..5)] << 1 } else { rng.u8(..32) };
                data.extend([what | rng.u8(..2), rng.u8(..)]);
            }
            curve(&data);
        }
    }
}
