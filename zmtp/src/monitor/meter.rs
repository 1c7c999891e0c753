//! What a socket tells the `metrics` facade.
//!
//! Events are counted where they are told to the monitors. Messages, queues and peers are counted by the socket itself,
//! for each batch and never for each message, and a [`Meter`] tells what has changed since it last did: so sockets of the
//! same name add up. All labels but the socket's name, which is the user's, come from closed sets.

use std::time::Duration;

use metrics::{Label, counter, gauge, histogram};

use super::{Cause, Event};
use crate::options::Options;
use crate::peer::{Drops, Queued};
use crate::sync::{Arc, Mutex, lock};
use crate::wire::{self, Misbehaved, SocketType};

/// The labels of one socket, and what it has told so far.
#[derive(Debug)]
pub(crate) struct Meter {
    socket_type: SocketType,
    name: Arc<str>,
    mechanism: &'static str,
    told: Mutex<Totals>,
}

/// What has gone through a socket, and what is in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) flow: Flow,
    pub(crate) drops: Drops,
    pub(crate) queued: Queued,
    pub(crate) received: Queued,
    pub(crate) connected: usize,
    /// Dialled, and not there.
    pub(crate) connecting: usize,
    pub(crate) subscriptions: usize,
}

/// Messages and octets on the wire, before they go into boxes and after they have come out of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
}

impl Meter {
    pub(crate) fn new(socket_type: SocketType, options: &Options) -> Self {
        Self {
            socket_type,
            name: options.name.as_str().into(),
            mechanism: options.security.mechanism().name(),
            told: Mutex::default(),
        }
    }

    /// Counts what an event says.
    pub(crate) fn handle_event(&self, event: &Event) {
        match event {
            Event::AcceptFailed { error, .. } => {
                let errno = error.raw_os_error().map_or_else(|| "none".into(), |errno| errno.to_string());
                let mut labels = self.labels([]);
                labels.push(Label::new("errno", errno));
                counter!(ACCEPT_ERRORS, labels).increment(1);
            }
            Event::ConnectRetried { .. } => counter!(RECONNECTS, self.labels([])).increment(1),
            Event::HandshakeSucceeded { .. } => self.shaken("succeeded", ""),
            Event::HandshakeFailed { cause, .. } => {
                self.shaken("failed", cause.name());
                self.limit(cause);
            }
            Event::Disconnected { cause, discarded, .. } => {
                self.limit(cause);
                self.dropped("discarded", *discarded as u64);
            }
            Event::Discarded { messages, .. } => self.dropped("discarded", *messages as u64),
            _ => {}
        }
    }

    /// From a connection's first moment to both READYs.
    pub(crate) fn handle_handshake(&self, took: Duration) {
        histogram!(HANDSHAKE, self.labels([("mechanism", self.mechanism)])).record(took);
    }

    /// From a PING to its PONG.
    pub(crate) fn handle_round_trip(&self, took: Duration) {
        histogram!(RTT, self.labels([])).record(took);
    }

    /// Tells what has changed. `count` is asked after the last telling is over, so that none goes back.
    pub(crate) fn publish(&self, count: impl FnOnce() -> Totals) {
        let mut told = lock(&self.told);
        let now = count();
        let (new, old) = (now.flow, told.flow);
        for (name, new, old) in [
            (SENT, new.sent, old.sent),
            (SENT_BYTES, new.sent_bytes, old.sent_bytes),
            (RECEIVED, new.received, old.received),
            (RECEIVED_BYTES, new.received_bytes, old.received_bytes),
        ] {
            counter!(name, self.labels([])).increment(new.saturating_sub(old));
        }
        let (new, old) = (now.drops, told.drops);
        for (reason, new, old) in [
            ("no_peer", new.no_peer, old.no_peer),
            ("peer_full", new.peer_full, old.peer_full),
            ("unwanted", new.unwanted, old.unwanted),
            ("malformed", new.malformed, old.malformed),
        ] {
            self.dropped(reason, new.saturating_sub(old));
        }
        self.level(&now, &told);
        // What a broken connection gave back is not told twice.
        let most = |now: u64, told: u64| now.max(told);
        *told = Totals {
            flow: Flow {
                sent: most(now.flow.sent, told.flow.sent),
                sent_bytes: most(now.flow.sent_bytes, told.flow.sent_bytes),
                ..now.flow
            },
            ..now
        };
    }

    fn level(&self, now: &Totals, told: &Totals) {
        let queue = |name, new: fn(&Queued) -> usize| {
            self.gauge(name, [("direction", "out")], new(&now.queued), new(&told.queued));
            self.gauge(name, [("direction", "in")], new(&now.received), new(&told.received));
        };
        queue(QUEUE_MESSAGES, |queued| queued.messages);
        queue(QUEUE_BYTES, |queued| queued.bytes);
        self.gauge(PEERS, [("state", "connected")], now.connected, told.connected);
        self.gauge(PEERS, [("state", "connecting")], now.connecting, told.connecting);
        self.gauge(SUBSCRIPTIONS, [], now.subscriptions, told.subscriptions);
    }

    /// Other sockets of the same name have their part in it.
    fn gauge<const N: usize>(
        &self,
        name: &'static str,
        labels: [(&'static str, &'static str); N],
        new: usize,
        old: usize,
    ) {
        let gauge = gauge!(name, self.labels(labels));
        if new >= old {
            gauge.increment((new - old) as f64);
        } else {
            gauge.decrement((old - new) as f64);
        }
    }

    fn shaken(&self, result: &'static str, reason: &'static str) {
        let labels = [("result", result), ("mechanism", self.mechanism), ("reason", reason)];
        counter!(HANDSHAKES, self.labels(labels)).increment(1);
    }

    fn dropped(&self, reason: &'static str, messages: u64) {
        counter!(DROPPED, self.labels([("reason", reason)])).increment(messages);
    }

    fn limit(&self, cause: &Cause) {
        if let Some(limit) = limit(cause) {
            counter!(LIMIT_HITS, self.labels([("limit", limit)])).increment(1);
        }
    }

    fn labels<const N: usize>(&self, more: [(&'static str, &'static str); N]) -> Vec<Label> {
        let mut labels = Vec::with_capacity(2 + N);
        labels.push(Label::from_static_parts("type", self.socket_type.as_str()));
        labels.push(Label::new("socket", Arc::clone(&self.name)));
        labels.extend(more.map(|(key, value)| Label::from_static_parts(key, value)));
        labels
    }
}

/// What is not there any more is not in any gauge.
impl Drop for Meter {
    fn drop(&mut self) {
        let told = *lock(&self.told);
        self.level(&Totals::default(), &told);
    }
}

/// Which of the [limits](crate::Builder) ended a connection, by the name of its option where it has one.
fn limit(cause: &Cause) -> Option<&'static str> {
    match cause {
        Cause::HandshakeTimeout(_) => Some("handshake_timeout"),
        Cause::Refused(super::Refusal::AddressCrowded | super::Refusal::Crowded) => {
            Some("pending_handshakes")
        }
        Cause::TooSlow => Some("progress"),
        Cause::Stalled(_) => Some("stall_timeout"),
        Cause::Flood(_) => Some("budget"),
        Cause::Wire(wire::Error::Misbehaved(rule)) => match rule {
            Misbehaved::MessageTooLarge { .. } => Some("max_message_size"),
            Misbehaved::TooManyFrames { .. } => Some("max_frames"),
            Misbehaved::CommandTooLarge { .. } => Some("command"),
            Misbehaved::TooManyProperties { .. } => Some("properties"),
            Misbehaved::TooManySubscriptions(_) => Some("subscriptions"),
            Misbehaved::Identity => Some("routing_id"),
            _ => None,
        },
        _ => None,
    }
}

/// Tells the installed recorder what the metrics of this crate mean, and their units. Call it once, when the recorder is
/// installed; what that does with it is its own business.
///
/// The names, and when they are told, are in the [crate's documentation](crate#metrics).
pub fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    for (name, unit, text) in [
        (SENT, Unit::Count, "Messages that connections have taken to write."),
        (RECEIVED, Unit::Count, "Messages that peers have sent, wanted or not."),
        (DROPPED, Unit::Count, "Messages that were dropped, by reason."),
        (SENT_BYTES, Unit::Bytes, "Octets of the messages sent, frame headers included."),
        (RECEIVED_BYTES, Unit::Bytes, "Octets of the messages received, frame headers included."),
        (HANDSHAKES, Unit::Count, "Handshakes that ended, by result, mechanism and reason."),
        (RECONNECTS, Unit::Count, "Times that an endpoint is to be dialled again."),
        (LIMIT_HITS, Unit::Count, "Connections that ended or were refused at a limit."),
        (ACCEPT_ERRORS, Unit::Count, "Connections that the system or the socket's settings did not let in."),
    ] {
        describe_counter!(name, unit, text);
    }
    for (name, unit, text) in [
        (QUEUE_MESSAGES, Unit::Count, "Messages that wait, to be written or to be received."),
        (QUEUE_BYTES, Unit::Bytes, "Octets of them."),
        (PEERS, Unit::Count, "Peers that are connected, and endpoints whose peer is not there."),
        (SUBSCRIPTIONS, Unit::Count, "Topics of each subscriber together, or this socket's own."),
    ] {
        describe_gauge!(name, unit, text);
    }
    describe_histogram!(HANDSHAKE, Unit::Seconds, "How long handshakes took that succeeded.");
    describe_histogram!(RTT, Unit::Seconds, "From a heartbeat's PING to its PONG.");
}

const SENT: &str = "zmq_messages_sent_total";
const RECEIVED: &str = "zmq_messages_received_total";
const DROPPED: &str = "zmq_messages_dropped_total";
const SENT_BYTES: &str = "zmq_bytes_sent_total";
const RECEIVED_BYTES: &str = "zmq_bytes_received_total";
const QUEUE_MESSAGES: &str = "zmq_queue_messages";
const QUEUE_BYTES: &str = "zmq_queue_bytes";
const PEERS: &str = "zmq_peers";
const SUBSCRIPTIONS: &str = "zmq_subscriptions";
const HANDSHAKES: &str = "zmq_handshakes_total";
const HANDSHAKE: &str = "zmq_handshake_seconds";
const RECONNECTS: &str = "zmq_reconnects_total";
const RTT: &str = "zmq_rtt_seconds";
const LIMIT_HITS: &str = "zmq_limit_hits_total";
const ACCEPT_ERRORS: &str = "zmq_accept_errors_total";
