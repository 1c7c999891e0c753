//! What is told: messages of every shape, each known by its number, in both crates' types.

use bytes::Bytes;
use zeromq::ZmqMessage;
use zmtp::{Frame, Message};

/// A message's frames.
pub(crate) type Frames = Vec<Vec<u8>>;

/// How many messages one telling has.
pub(crate) const COUNT: u64 = 3000;

/// Message number `n`. Its number is in it, but for those that are only empty.
pub(crate) fn message(n: u64) -> Frames {
    let id = n.to_be_bytes().to_vec();
    let body = |len: usize| {
        let mut body = n.to_be_bytes().repeat(len / 8 + 1);
        body.truncate(len);
        body
    };
    match n % 500 {
        499 => return vec![body(MIB)],
        498 => return vec![id, body(MIB), Vec::new(), body(MIB / 4)],
        497 => return (0..300).map(|_| body(8)).collect(),
        _ => {}
    }
    match n % 13 {
        0 => vec![Vec::new()],
        1 => vec![id, Vec::new()],
        2 => vec![Vec::new(), id],
        3 => vec![Vec::new(), id, Vec::new(), Vec::new()],
        4 => vec![Vec::new(), Vec::new()],
        5 => vec![body(255)],
        6 => vec![body(256)],
        7 => vec![body(8191), body(8192), body(8193)],
        8 => vec![id, body(65_535), body(65_536)],
        _ => vec![id],
    }
}

/// The same, in our type.
pub(crate) fn ours(frames: Frames) -> Message {
    frames.into_iter().map(Frame::from).collect::<Vec<_>>().try_into().expect("a frame")
}

/// The same, in theirs.
pub(crate) fn theirs(frames: Frames) -> ZmqMessage {
    frames.into_iter().map(Bytes::from).collect::<Vec<_>>().try_into().expect("a frame")
}

/// The frames of a message in our type.
pub(crate) fn of_ours(message: Message) -> Frames {
    message.into_frames().map(|frame| frame.to_vec()).collect()
}

/// The frames of a message in theirs.
pub(crate) fn of_theirs(message: ZmqMessage) -> Frames {
    message.into_vec().into_iter().map(|frame| frame.to_vec()).collect()
}

/// Two messages are the same. What is printed when they are not is their shape, not megabytes.
#[track_caller]
pub(crate) fn expect(n: u64, got: &Frames, expected: &Frames) {
    let shape = |frames: &Frames| frames.iter().map(Vec::len).collect::<Vec<_>>();
    assert!(got == expected, "number {n} is wrong: {:?} instead of {:?}", shape(got), shape(expected));
}

const MIB: usize = 1 << 20;
