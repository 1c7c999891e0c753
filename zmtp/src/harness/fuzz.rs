//! What the fuzz targets do with their bytes, and what must hold. The corpus is replayed through the same functions
//! by `cargo test`.

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

#[cfg(feature = "curve")]
use super::fuzz_curve::curve;
use super::fuzz_handshakes::{handshake, plain};
use super::fuzz_operations::operations;
use super::fuzz_patterns::patterns;
use super::fuzz_texts::endpoint;
#[cfg(feature = "curve")]
use super::fuzz_texts::z85;
use super::fuzz_topics::{subscriptions, trie};
use crate::message::Message;
use crate::wire::{
    Command, Config, Connection, Event, FrameCodec, Greeting, Header, Limits, Mechanism, Metadata, RawFrame,
    SocketType,
};

/// What a target does with one input.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("greeting", greeting),
    ("frame", frame),
    ("command", command),
    ("handshake", handshake),
    ("plain", plain),
    #[cfg(feature = "curve")]
    ("curve", curve),
    ("connection", connection),
    ("trie", trie),
    ("subscriptions", subscriptions),
    ("patterns", patterns),
    ("operations", operations),
    ("endpoint", endpoint),
    #[cfg(feature = "curve")]
    ("z85", z85),
];

/// A greeting is read the same however it is cut, and an incomplete one is never refused later than a complete one.
pub fn greeting(data: &[u8]) {
    let whole = Greeting::decode(data);
    for cut in 0..data.len().min(Greeting::SIZE) {
        match Greeting::decode(&data[..cut]) {
            Ok(None) => {}
            Ok(Some(_)) => panic!("a greeting of {cut} octets"),
            // The hint may see more in more octets.
            Err(_) => assert!(whole.is_err()),
        }
    }
    if let Ok(Some(greeting)) = whole {
        let again = greeting.encode();
        assert_eq!(Greeting::decode(&again), Ok(Some(greeting)));
        let _ = (greeting.spoken(), greeting.require("NULL"));
    }
}

/// Frames survive a round trip, and the codec never asks for more than the frame at the front.
pub fn frame(data: &[u8]) {
    let mut codec = FrameCodec::new(1 << 20);
    let mut input = BytesMut::from(data);
    while let Ok(Some(frame)) = codec.decode(&mut input) {
        assert!(!(frame.more && frame.command));
        let mut wire = BytesMut::new();
        codec.encode(frame.clone(), &mut wire).expect("encoding does not fail");
        let mut cut = wire.split_to(wire.len() - 1);
        assert!(matches!(codec.decode(&mut cut), Ok(None)));
        cut.unsplit(wire);
        assert_eq!(codec.decode(&mut cut).expect("a frame of our own"), Some(frame));
        assert!(cut.is_empty());
    }
}

/// A command that is understood is encoded as what it was.
pub fn command(data: &[u8]) {
    let Ok(command) = Command::decode(Bytes::copy_from_slice(data)) else { return };
    if matches!(command, Command::Unknown(_)) {
        return;
    }
    let mut wire = Vec::new();
    command.encode(&mut wire);
    let (header, size) = Header::decode(&wire).expect("our own header").expect("a whole one");
    assert!(header.command && !header.more && header.len == (wire.len() - size) as u64);
    assert_eq!(Command::decode(Bytes::copy_from_slice(&wire[size..])), Ok(command));
}

/// Traffic gives the same messages however it is cut and however much room there is, within the limits.
pub fn connection(data: &[u8]) {
    let Some((seed, data)) = data.split_first() else { return };
    let limits = Limits { max_message: 2000, max_frames: 20 };
    let outcome = |step: usize, room: usize| {
        let mut connection = ready_connection(limits);
        let mut messages: Vec<Message> = Vec::new();
        for bytes in data.chunks(step) {
            connection.receive(bytes);
            loop {
                match connection.poll_event(room) {
                    Ok(Some(Event::Messages(mut chunk))) => {
                        assert!((1..=room).contains(&chunk.messages()));
                        while let Some(message) = chunk.next_message() {
                            messages.push(message);
                        }
                        assert_eq!(chunk.messages(), 0);
                    }
                    Ok(Some(Event::Subscription(_))) => {}
                    Ok(Some(Event::Ready(_) | Event::Asked(_))) => panic!("ready twice"),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error)),
                }
            }
            let _ = (connection.transmit(), connection.is_mid_message());
        }
        (messages, None)
    };
    let whole = outcome(data.len().max(1), usize::MAX);
    assert!(whole.0.iter().all(|message| message.byte_len() <= 2000 && message.frame_count() <= 20));
    assert_eq!(whole, outcome(1, 1));
    assert_eq!(whole, outcome(usize::from(*seed % 61) + 1, usize::from(*seed % 5) + 1));
    let frames: Vec<RawFrame> = whole.0.iter().flat_map(raw_frames).collect();
    let mut codec = FrameCodec::new(2000);
    let mut wire = BytesMut::new();
    frames.into_iter().for_each(|frame| codec.encode(frame, &mut wire).expect("encoding does not fail"));
    let mut again = ready_connection(limits);
    again.receive(&wire);
    let mut replayed = Vec::new();
    while let Ok(Some(Event::Messages(mut chunk))) = again.poll_event(7) {
        replayed.extend(std::iter::from_fn(|| chunk.next_message()));
    }
    assert_eq!(replayed, whole.0);
}

pub(super) fn ready_connection(limits: Limits) -> Connection {
    let mut config = Config::new(SocketType::Pull);
    config.limits = limits;
    let mut connection = Connection::new(config);
    connection.receive(&Greeting::new(&Mechanism::Null).encode());
    let mut ready = Vec::new();
    Command::Ready(Metadata::new(SocketType::Push, Bytes::new())).encode(&mut ready);
    connection.receive(&ready);
    assert!(matches!(connection.poll_event(0), Ok(Some(Event::Ready(_)))));
    connection
}

fn raw_frames(message: &Message) -> impl Iterator<Item = RawFrame> + '_ {
    let last = message.frame_count() - 1;
    message.frames().enumerate().map(move |(i, frame)| RawFrame {
        more: i < last,
        command: false,
        body: frame.clone().into_bytes(),
    })
}
