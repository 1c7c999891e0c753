//! Subscriptions on the wire (R37-PUBSUB-03, 04; R23-PUBSUB-03, 04).
//!
//! ```text
//!   3.1  command  SUBSCRIBE topic     CANCEL topic
//!   3.0  message  01 topic            00 topic
//! ```
//!
//! We send the form of the version that is spoken, and understand both from everybody.

use bytes::Bytes;

use super::command::Command;
use super::frame::Header;
use super::greeting::Version;

/// A subscriber's wish, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What messages are to begin with; empty for all.
    pub topic: Bytes,
    /// Whether they are wanted, or no longer.
    pub wanted: bool,
}

impl Subscription {
    /// Appends it in the form of `version`.
    pub fn encode(self, version: Version, out: &mut Vec<u8>) {
        match version {
            Version::V3_1 if self.wanted => Command::Subscribe(self.topic).encode(out),
            Version::V3_1 => Command::Cancel(self.topic).encode(out),
            Version::V3_0 => {
                let len = (self.topic.len() as u64).saturating_add(1);
                Header { more: false, command: false, len }.encode(out);
                out.push(u8::from(self.wanted));
                out.extend_from_slice(&self.topic);
            }
        }
    }

    /// Reads the message form: a frame that begins with 1 or 0. Any other frame is a user's.
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        match frame {
            [wanted @ (0 | 1), topic @ ..] => {
                Some(Self { topic: Bytes::copy_from_slice(topic), wanted: *wanted == 1 })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(topic: &'static str, wanted: bool, version: Version) -> Vec<u8> {
        let mut out = Vec::new();
        Subscription { topic: topic.into(), wanted }.encode(version, &mut out);
        out
    }

    #[test]
    fn case_086_subscriptions_are_commands_on_3_1_and_messages_on_3_0() {
        assert_eq!(encoded("A", true, Version::V3_1), b"\x04\x0b\x09SUBSCRIBEA");
        assert_eq!(encoded("A", false, Version::V3_1), b"\x04\x08\x06CANCELA");
        assert_eq!(encoded("A", true, Version::V3_0), b"\0\x02\x01A");
        assert_eq!(encoded("A", false, Version::V3_0), b"\0\x02\0A");
    }

    #[test]
    fn frames_that_begin_with_0_or_1_are_subscriptions() {
        let topic = Bytes::from_static(b"A");
        assert_eq!(
            Subscription::of_frame(b"\x01A"),
            Some(Subscription { topic: topic.clone(), wanted: true })
        );
        assert_eq!(Subscription::of_frame(b"\0A"), Some(Subscription { topic, wanted: false }));
        assert_eq!(Subscription::of_frame(b"\x02A"), None);
        assert_eq!(Subscription::of_frame(b""), None);
    }
}
