//! What bounds what a peer can cost, with the defaults as the code has them: `docs/limits.md` is made of this.

use std::time::Duration;

use crate::options::{Options, Progress};
use crate::pattern::MAX_HOPS;
use crate::route::SubscriptionLimits;
use crate::wire::{MAX_HANDSHAKE_COMMAND, Metadata};

/// One bound.
#[derive(Debug)]
pub struct Limit {
    /// What is bounded.
    pub what: &'static str,
    /// The builder's method, or nothing where it is fixed.
    pub option: &'static str,
    /// Its default.
    pub default: String,
    /// What happens at the bound.
    pub then: &'static str,
    /// Where that shows.
    pub shows: &'static str,
}

/// All bounds.
pub fn limits() -> Vec<Limit> {
    let Options {
        marks,
        linger,
        handshake_timeout,
        pending_handshakes,
        limits,
        progress,
        budget,
        least_ttl,
        stall_timeout,
        ..
    } = Options::default();
    let Progress { bytes, every } = progress;
    let topics = SubscriptionLimits::default();
    let limit = |what, option, default, then, shows| Limit { what, option, default, then, shows };
    vec![
        limit(
            "a handshake, from the connection's first moment to both READYs, the authenticator's decision included",
            "handshake_timeout",
            time(handshake_timeout),
            "the connection is closed",
            "`Cause::HandshakeTimeout`",
        ),
        limit(
            "handshakes that are pending at a listener; an eighth of them from one address (IPv6: from one /64) if one of those takes longer than 1 s",
            "pending_handshakes",
            number(pending_handshakes as u64),
            "the newest of that address is refused; when all places are taken, the oldest goes for one of another address",
            "`Refusal::AddressCrowded`, `Refusal::Crowded`",
        ),
        limit(
            "a command before READY",
            "",
            size(MAX_HANDSHAKE_COMMAND),
            "the connection is closed at the command's header",
            "`Misbehaved::CommandTooLarge`",
        ),
        limit(
            "properties in a READY",
            "",
            number(Metadata::MAX_PROPERTIES as u64),
            "the connection is closed",
            "`Misbehaved::TooManyProperties`",
        ),
        limit(
            "a message, all its frames",
            "max_message_size",
            size(limits.max_message),
            "the connection is closed at the frame's header",
            "`Misbehaved::MessageTooLarge`",
        ),
        limit(
            "frames of a message",
            "max_frames",
            number(limits.max_frames as u64),
            "the connection is closed at the frame's header",
            "`Misbehaved::TooManyFrames`",
        ),
        limit(
            "how slowly a message may trickle in",
            "progress",
            format!("{} in {}", size(bytes), time(every)),
            "the connection is closed",
            "`Cause::TooSlow`",
        ),
        limit(
            "messages of one peer that wait to be received",
            "recv_hwm",
            number(marks.recv as u64),
            "the peer is not read from",
            "`PeerInfo::received`",
        ),
        limit(
            "their octets",
            "recv_hwm_bytes",
            size(marks.recv_bytes as u64),
            "the peer is not read from; of peers that have gone, all together, more is discarded",
            "`PeerInfo::received`, `discarded` of `Event::Disconnected`",
        ),
        limit(
            "messages that wait for one peer",
            "send_hwm",
            number(marks.send as u64),
            "by socket type: the sender waits, or the message is dropped for this peer",
            "`PeerInfo::dropped`, `Drops::peer_full`",
        ),
        limit("their octets", "send_hwm_bytes", size(marks.send_bytes as u64), "the same", "the same"),
        limit(
            "subscriptions of one peer, octets of all their topics, octets of one",
            "",
            format!(
                "{}; {}; {}",
                number(topics.topics as u64),
                size(topics.bytes as u64),
                size(topics.topic_bytes as u64)
            ),
            "the connection is closed",
            "`Misbehaved::TooManySubscriptions`",
        ),
        limit(
            "PINGs, PONGs and unknown commands in a second",
            "budget",
            number(budget.commands.into()),
            "the connection is closed",
            "`Flood::Commands`",
        ),
        limit(
            "subscriptions and their ends in a second",
            "budget",
            number(budget.subscriptions.into()),
            "the connection is closed",
            "`Flood::Subscriptions`",
        ),
        limit(
            "messages, and KiB of messages, in a second that this type of socket throws away",
            "budget",
            number(budget.unwanted.into()),
            "the connection is closed",
            "`Flood::Unwanted`, `Drops::unwanted`",
        ),
        limit(
            "the ttl of a peer's PING, at least",
            "least_ttl",
            time(least_ttl),
            "a shorter one counts as this",
            "–",
        ),
        limit(
            "how long a peer may take nothing of what is written to it",
            "stall_timeout",
            stall_timeout.map_or("no limit".into(), time),
            "the connection is closed",
            "`Cause::Stalled`",
        ),
        limit(
            "the context of a PING",
            "",
            "16 octets".into(),
            "the connection is closed",
            "`Malformed::Command`",
        ),
        limit(
            "a routing id",
            "",
            "255 octets, the first not 0".into(),
            "the connection is closed",
            "`Misbehaved::Identity`",
        ),
        limit(
            "routing ids in front of a question for a REP",
            "",
            number(MAX_HOPS as u64),
            "the message is dropped",
            "`Drops::malformed`",
        ),
        limit(
            "a closed socket's time to send what is queued",
            "linger",
            time(linger),
            "the rest is discarded",
            "`Unsent`, `Event::Discarded`",
        ),
        limit(
            "events that wait for a monitor",
            "",
            number(crate::monitor::CAPACITY as u64),
            "the newest is dropped",
            "`Monitor::missed`",
        ),
    ]
}

fn size(octets: u64) -> String {
    match octets {
        octets if octets >= 1 << 20 && octets.is_multiple_of(1 << 20) => format!("{} MiB", octets >> 20),
        octets if octets >= 1 << 10 && octets.is_multiple_of(1 << 10) => format!("{} KiB", octets >> 10),
        octets => format!("{} octets", number(octets)),
    }
}

fn time(time: Duration) -> String {
    match time.as_millis() {
        millis if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

/// With a comma for each thousand.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
