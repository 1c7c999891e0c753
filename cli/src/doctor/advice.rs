//! What a failure means, and what to try next.

use std::io;
use std::time::Duration;

use zmtp::SocketType;
use zmtp::wire::{self, Incompatible, Mechanism};

use super::types::partners;
use crate::units::show;

/// Why a step has failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In one sentence.
    pub(super) reason: String,
    /// The next thing to try.
    pub(super) next: String,
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>, next: impl Into<String>) -> Self {
        Self { reason: reason.into(), next: next.into() }
    }
}

/// Text of the command line, safe to print.
pub(super) fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

/// What a peer has said, safe to print, and not too much of it.
pub(super) fn said(heard: &[u8]) -> String {
    let head = heard.get(..LONGEST).unwrap_or(heard);
    let more = if head.len() < heard.len() { "..." } else { "" };
    format!("\"{}\"{more}", head.escape_ascii())
}

/// A connection did not come about; without an error, in time.
pub(super) fn connect_failed(at: &str, error: Option<&io::Error>, limit: Duration) -> Failure {
    use io::ErrorKind as E;
    let Some(error) = error.filter(|error| error.kind() != E::TimedOut) else {
        return Failure::new(
            format!("nobody has answered at {at} within {}", show(limit)),
            "check the address, that its host is up, and that no firewall drops what is sent there",
        );
    };
    match error.kind() {
        E::ConnectionRefused => Failure::new(
            format!("nobody listens at {at}: the connection was refused"),
            "start the peer, and see that it binds this endpoint: one that connects too listens nowhere, and one bound \
             to 127.0.0.1 is reached from its own machine alone",
        ),
        E::HostUnreachable | E::NetworkUnreachable => Failure::new(
            format!("there is no way to {at}: {error}"),
            "check the address, and that this machine has a network that leads there",
        ),
        E::PermissionDenied => Failure::new(
            format!("this user may not connect to {at}: {error}"),
            "connect as the user who may write to the socket's file, or have a firewall let this through",
        ),
        E::WouldBlock => Failure::new(
            format!("somebody listens at {at}, but takes no more connections: {error}"),
            "see whether the peer's process is stopped or busy",
        ),
        _ => Failure::new(format!("no connection to {at}: {error}"), "check the endpoint"),
    }
}

/// The connection ended before the greeting did.
pub(super) fn closed_in_greeting(heard: usize, error: Option<&io::Error>) -> Failure {
    let why = cause(error);
    if heard == 0 {
        return Failure::new(
            format!("the peer closed the connection before it said a word{why}"),
            "see what it is: a ZMTP peer that turns us away says why in its log or monitor; a proxy in front of it, or \
             TLS, hangs up like this too",
        );
    }
    Failure::new(
        format!(
            "the peer closed the connection in the middle of its greeting, after {heard} of 64 octets{why}"
        ),
        "see in the peer's log or monitor why it hung up",
    )
}

/// The greeting did not come in time.
pub(super) fn silent_in_greeting(heard: usize, limit: Duration) -> Failure {
    let limit = show(limit);
    if heard == 0 {
        return Failure::new(
            format!("the connection is up, but the peer has said nothing within {limit}"),
            "see whether its process is stopped or busy; if not, this is no ZMTP peer: check the port",
        );
    }
    Failure::new(
        format!(
            "the peer has said {heard} of the 64 octets of its greeting within {limit}, and then nothing"
        ),
        "see whether its process is stopped or busy",
    )
}

/// A version that is not spoken here.
pub(super) fn version(theirs: &str) -> Failure {
    Failure::new(
        format!("the peer speaks ZMTP {theirs} and not 3"),
        "update the peer: libzmq speaks ZMTP 3 from 4.0 on",
    )
}

/// The peer is set to another mechanism. Its name is escaped.
pub(super) fn mechanisms_differ(theirs: &str, ours: &str) -> Failure {
    let next = match theirs {
        "CURVE" => {
            "give the server's public key, --curve-server-key KEY|FILE, and --curve-key FILE if it lets in known \
             clients alone"
        }
        "PLAIN" => "say who we are: --plain USER:FILE",
        "NULL" => {
            "leave the security options out; or set the peer to the same mechanism, for now it is open to everybody"
        }
        _ => "set the peer to NULL, PLAIN or CURVE: no other mechanism is spoken here",
    };
    Failure::new(format!("the peer's mechanism is {theirs}, and ours is {ours}"), next)
}

pub(super) fn two_servers() -> Failure {
    Failure::new(
        "the peer is the server of its mechanism, and so are we",
        "be its client: --plain USER:FILE, or --curve-server-key KEY|FILE",
    )
}

/// What we are in the handshake, and how far it has come.
#[derive(Debug)]
pub(super) struct At<'a> {
    pub(super) mechanism: &'a Mechanism,
    pub(super) ours: SocketType,
    /// That `ours` was asked for, and is no guess.
    pub(super) is_told: bool,
    /// Whether the peer has said something since its greeting.
    pub(super) is_answered: bool,
}

impl At<'_> {
    /// The peer closed the connection.
    pub(super) fn closed(&self, error: Option<&io::Error>) -> Failure {
        let (said, next) = self.standing();
        Failure::new(format!("the peer closed the connection after our {said}{}", cause(error)), next)
    }

    /// The peer said nothing more.
    pub(super) fn silent(&self, limit: Duration) -> Failure {
        let (said, next) = self.standing();
        Failure::new(format!("the peer has not answered our {said} within {}", show(limit)), next)
    }

    /// What it said was no good, or a refusal.
    pub(super) fn wrong(&self, error: &wire::Error) -> Failure {
        match error {
            wire::Error::Denied(denied) => self.denied(&denied.reason),
            wire::Error::Curve(curve) => Failure::new(
                format!("the CURVE handshake failed: {curve}"),
                "compare --curve-server-key with the `public` line of the server's own file of keys",
            ),
            wire::Error::Incompatible(Incompatible::SocketType { theirs, ours }) => Failure::new(
                format!("the peer is a {theirs}, which does not talk to a {ours}"),
                match SocketType::from_name(theirs.as_bytes()) {
                    Some(theirs) => format!("a {theirs} talks to {}: say which with --as", partners(theirs)),
                    None => "no such type is known here: check the endpoint".to_owned(),
                },
            ),
            wire::Error::Refused(denial) => Failure::new(
                format!("we are the server, and our options do not let the peer in: {denial}"),
                "add the peer to the file that --plain-users or --curve-clients names",
            ),
            other => broken(other),
        }
    }

    /// An ERROR with this reason, which is escaped.
    fn denied(&self, reason: &str) -> Failure {
        let (what, next) = match reason {
            "300" => ("not now", "try again later".to_owned()),
            "500" => ("its authenticator came to no decision", "see the peer's log".to_owned()),
            _ if reason.contains("socket type") => {
                ("our type does not suit it", format!("{}: say which with --as", self.typed()))
            }
            _ => ("its authenticator does not let us in", self.credentials()),
        };
        Failure::new(format!("the peer refused us with ERROR \"{reason}\": {what}"), next)
    }

    /// What we had said last, and what to look at if that was the end of it.
    fn standing(&self) -> (&'static str, String) {
        match (self.mechanism, self.is_answered) {
            (Mechanism::PlainClient { .. }, false) => (
                "HELLO",
                "see the peer's log: libzmq hangs up when it has no ZAP handler to ask, and when that says 300".to_owned(),
            ),
            (Mechanism::CurveClient { server, .. }, false) => (
                "HELLO",
                format!(
                    "compare the server's key with the `public` line of its own file of keys: a server cannot open a \
                     HELLO for another key than its own, and this was for {server}"
                ),
            ),
            (Mechanism::PlainClient { .. } | Mechanism::CurveClient { .. }, true) => (
                "INITIATE",
                format!("{}; {}", self.credentials(), self.typed()),
            ),
            (Mechanism::PlainServer | Mechanism::CurveServer { .. }, _) => (
                "greeting, as the server",
                "see that the peer is set to be a client, with the right server key or a name and a password".to_owned(),
            ),
            (_, false) => ("greeting", self.credentials()),
            (_, true) => ("READY", format!("{}; {}", self.credentials(), self.typed())),
        }
    }

    fn credentials(&self) -> String {
        match self.mechanism {
            Mechanism::PlainClient { .. } => "check the user and the password of --plain".to_owned(),
            Mechanism::CurveClient { keys, .. } => format!(
                "have the peer let in our public key, {}, or give a pair that it knows with --curve-key",
                keys.public()
            ),
            _ => "see in the peer's log whether it refuses this address".to_owned(),
        }
    }

    fn typed(&self) -> String {
        let ours = self.ours;
        if self.is_told {
            format!("a {ours} talks to {}: see that the peer is one of them", partners(ours))
        } else {
            format!(
                "we came as a {ours}, which talks to {}: if the peer is none of them, say a type with --as",
                partners(ours)
            )
        }
    }
}

/// What came when both were ready was no good, or a refusal.
pub(super) fn after_ready(error: &wire::Error) -> Failure {
    match error {
        wire::Error::Denied(denied) => Failure::new(
            format!("the peer refused us after the handshake, with ERROR \"{}\"", denied.reason),
            "see in its log or monitor why",
        ),
        other => broken(other),
    }
}

/// The peer does not keep to ZMTP.
pub(super) fn broken(error: &wire::Error) -> Failure {
    Failure::new(
        format!("the peer does not keep to the protocol: {error}"),
        "tell those who make the peer's ZMTP what this line says",
    )
}

fn cause(error: Option<&io::Error>) -> String {
    error.map(|error| format!(" ({error})")).unwrap_or_default()
}

/// Octets of a peer that are shown.
const LONGEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_is_escaped_and_cut() {
        assert_eq!(said(b"a\x1b[2J\n\xff"), "\"a\\x1b[2J\\n\\xff\"");
        assert_eq!(said(&[b'x'; 101]), format!("\"{}\"...", "x".repeat(100)));
    }

    #[test]
    fn who_has_guessed_the_type_says_so() {
        let at = |is_told| At {
            mechanism: &Mechanism::Null,
            ours: SocketType::Dealer,
            is_told,
            is_answered: true,
        };
        assert!(
            at(false)
                .closed(None)
                .next
                .contains("we came as a DEALER, which talks to REP, DEALER and ROUTER")
        );
        assert!(at(true).closed(None).next.contains("see that the peer is one of them"));
    }
}
