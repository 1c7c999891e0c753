//! What a socket tells `tracing`: a span for each connection, and an event for each [`Event`] of its monitors.
//!
//! Nothing is told of messages. Of what a peer says only causes are told, in which its text is escaped, and its routing
//! id, escaped too; no keys, passwords or metadata.

use tracing::{Level, Span, debug_span, event};

use super::{Cause, Event};
use crate::endpoint::Endpoint;
use crate::wire::{self, SocketType};

/// The target of all spans and events: what a filter like `zmtp=debug` means.
const TARGET: &str = "zmtp";

/// The span of a connection: all events of its handshake and its end are in it.
pub(crate) fn connection(
    socket_type: SocketType,
    socket: &str,
    mechanism: &str,
    endpoint: &Endpoint,
    peer: Option<&str>,
) -> Span {
    debug_span!(
        target: TARGET,
        "connection",
        socket_type = socket_type.as_str(),
        socket,
        mechanism,
        endpoint = %endpoint,
        peer,
    )
}

/// Tells an event, at the level that it deserves.
pub(crate) fn tell(socket_type: SocketType, socket: &str, event: &Event) {
    // The level of a call site is fixed, so each has its own.
    macro_rules! at {
        ($($level:ident),*) => {
            match level(event) {
                $(Level::$level => event!(
                    target: TARGET,
                    Level::$level,
                    socket_type = socket_type.as_str(),
                    socket,
                    event = event.name(),
                    endpoint = %event.endpoint(),
                    cause = cause(event).map(Cause::name),
                    routing_id = routing_id(event),
                    "{event}",
                ),)*
                _ => {}
            }
        };
    }
    at!(WARN, INFO, DEBUG);
}

/// WARN is for what somebody should look at: a peer that broke a rule or was refused, the system's refusals, lost
/// messages. INFO is what comes and goes, DEBUG is how.
fn level(event: &Event) -> Level {
    match event {
        Event::BindFailed { .. }
        | Event::AcceptFailed { .. }
        | Event::PlaintextRemote { .. }
        | Event::HandshakeFailed { .. }
        | Event::Discarded { .. } => Level::WARN,
        Event::Disconnected { cause, discarded, .. } if *discarded > 0 || is_a_fault(cause) => Level::WARN,
        Event::Listening { .. }
        | Event::ConnectFailed { .. }
        | Event::HandshakeSucceeded { .. }
        | Event::Disconnected { .. }
        | Event::Closed { .. } => Level::INFO,
        Event::Accepted { .. }
        | Event::ConnectDelayed { .. }
        | Event::Connected { .. }
        | Event::ConnectRetried { .. } => Level::DEBUG,
    }
}

/// Whether a connection that was up ended by more than somebody's wish.
fn is_a_fault(cause: &Cause) -> bool {
    !matches!(cause, Cause::PeerClosed | Cause::Closed | Cause::Wire(wire::Error::Denied(_)))
}

fn cause(event: &Event) -> Option<&Cause> {
    match event {
        Event::HandshakeFailed { cause, .. } | Event::Disconnected { cause, .. } => Some(cause),
        _ => None,
    }
}

/// What a ROUTER calls the peer, or what the peer calls itself.
fn routing_id(event: &Event) -> Option<String> {
    match event {
        Event::HandshakeSucceeded { peer, .. } | Event::Disconnected { peer, .. } => match &peer.routing_id {
            Some(id) => Some(id.to_string()),
            None => Some(peer.identity.escape_ascii().to_string()).filter(|id| !id.is_empty()),
        },
        _ => None,
    }
}
