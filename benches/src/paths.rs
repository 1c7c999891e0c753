//! The hot paths of the data plane, each as a function that is set up once and called again and again.
//!
//! They are plain code without a runtime, a socket of the system or a second thread, so that what they cost can be
//! timed (`benches/micro.rs`), their instructions counted (the program `instructions`), and their allocations too (the
//! tests here). Messages have one frame of 64 octets.

#[cfg(test)]
mod allocations;

use std::hint::black_box;

use zmtp::harness::{Model, Queue, Topics};
use zmtp::wire::{Config, Connection, Event, Header, SocketType};
use zmtp::{Pub, Push, Router};

/// One hot path.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// What it is called in tables and on the command line.
    pub name: &'static str,
    /// Makes what the path needs.
    pub set_up: fn() -> Round,
}

/// Takes a batch of messages along a path, and says how many.
pub type Round = Box<dyn FnMut() -> usize>;

/// All of them.
pub const PATHS: [Path; 6] = [
    Path { name: "encode", set_up: encode },
    Path { name: "scan-parse", set_up: scan_and_parse },
    Path { name: "topic-match", set_up: match_topics },
    Path { name: "push-take", set_up: push_and_take },
    Path { name: "publish-8", set_up: publish_to_eight },
    Path { name: "route-128", set_up: route_to_one_of_many },
];

/// Header and body are written into a peer's outgoing queue; its engine takes them as one batch.
fn encode() -> Round {
    let mut queue = Queue::default();
    Box::new(move || {
        for _ in 0..MESSAGES {
            assert!(queue.push(black_box(BODY.as_bytes())), "the mark is that high");
        }
        queue.write()
    })
}

/// What was read, 64 KiB of it, becomes a chunk of whole messages; they are taken one by one.
fn scan_and_parse() -> Round {
    let (mut near, mut far) =
        (Connection::new(Config::new(SocketType::Pull)), Connection::new(Config::new(SocketType::Push)));
    for _ in 0..2 {
        near.receive(&far.transmit().unwrap_or_default());
        near.poll_event(1).expect("a polite peer");
        far.receive(&near.transmit().unwrap_or_default());
        far.poll_event(1).expect("a polite peer");
    }
    let mut message = Vec::new();
    Header { more: false, command: false, len: BODY.len() as u64 }.encode(&mut message);
    message.extend_from_slice(BODY.as_bytes());
    let octets = message.repeat(64 * 1024 / message.len());
    Box::new(move || {
        near.receive(black_box(&octets));
        let mut messages = 0;
        while let Some(Event::Messages(mut chunk)) = near.poll_event(usize::MAX).expect("a polite peer") {
            while let Some(message) = chunk.next_message() {
                black_box(message);
                messages += 1;
            }
        }
        messages
    })
}

/// A publisher finds out who wants a message, among ten thousand topics.
fn match_topics() -> Round {
    let topics: Vec<String> =
        (0..10_000).map(|n| format!("weather/{:04}/station/{n}", n * 7919 % 10_000)).collect();
    let mut known = Topics::new(&topics);
    let frames: Vec<String> = topics.iter().step_by(10).map(|topic| format!("{topic}/temperature")).collect();
    Box::new(move || frames.iter().map(|frame| known.matching(black_box(frame.as_bytes()))).sum())
}

/// `try_send` of a PUSH with one peer, whose engine then takes all of it.
fn push_and_take() -> Round {
    let push = Model::<Push>::new(MESSAGES);
    let mut engine = push.writer(push.open());
    Box::new(move || {
        for _ in 0..MESSAGES {
            assert!(push.try_send(black_box(BODY)), "the mark is that high");
        }
        engine.write()
    })
}

/// `try_send` of a PUB with eight subscribers, whose engines then take all of it.
fn publish_to_eight() -> Round {
    let publisher = Model::<Pub>::new(MESSAGES);
    let mut engines: Vec<_> = (0..8)
        .map(|_| {
            let id = publisher.open();
            publisher.peer_subscribes(id, "");
            publisher.writer(id)
        })
        .collect();
    Box::new(move || {
        for _ in 0..MESSAGES {
            assert!(publisher.try_send(black_box(BODY)), "a PUB takes everything");
        }
        for engine in &mut engines {
            assert_eq!(engine.write(), MESSAGES);
        }
        MESSAGES
    })
}

/// A ROUTER sends to each of 128 peers in turn, which gave themselves no name; their engines then take all of it.
fn route_to_one_of_many() -> Round {
    let router = Model::<Router>::new(MESSAGES);
    let ids: Vec<_> = (0..128).map(|_| router.open()).collect();
    let names: Vec<_> = ids.iter().map(|id| router.routing_id(*id).expect("a name of ours")).collect();
    let mut engines: Vec<_> = ids.iter().map(|id| router.writer(*id)).collect();
    Box::new(move || {
        for name in names.iter().cycle().take(8 * names.len()) {
            assert!(router.try_send_to(black_box(name), black_box(BODY)), "the mark is that high");
        }
        engines.iter_mut().map(|engine| engine.write()).sum()
    })
}

const MESSAGES: usize = 1000;
const BODY: &str = "A body of sixty-four octets, which is what small messages have. ";
