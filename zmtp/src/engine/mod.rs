//! One connected peer: read, decode, deliver; take, encode, write.
//!
//! A connection goes through [`shake`] and, if that went well, through [`Traffic`]; [`session`] does so again and
//! again for a peer that is dialled, [`listener`] once for each that comes in. All of them see the socket as
//! [`dyn Port`](crate::pipe::Port).

mod accounts;
mod beats;
mod handshake;
pub(crate) mod listener;
mod lobby;
#[cfg(feature = "curve")]
mod sealing;
pub(crate) mod session;
mod span;
mod traffic;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use handshake::shake;
pub(crate) use lobby::Place;
pub(crate) use span::ConnectionSpan;
pub(crate) use traffic::Traffic;

use crate::endpoint::Endpoint;
use crate::message::Frame;
use crate::monitor::{Cause, Event};
use crate::options::{Budget, Heartbeat, Options, Progress, Reconnect, tenths};
use crate::pattern::Pattern;
use crate::pipe::Port;
use crate::security::Authenticator;
use crate::wire::Config;

/// What an engine needs to know of its socket's options.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What the socket is called in traces.
    #[cfg(feature = "tracing")]
    name: String,
    pub(crate) config: Config,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) pending_handshakes: usize,
    pub(crate) progress: Progress,
    pub(crate) reconnect: Reconnect,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) budget: Budget,
    /// In tenths of a second.
    pub(crate) least_ttl: u16,
    pub(crate) stall_timeout: Option<Duration>,
    /// Who decides which peers come in, if somebody does.
    pub(crate) authenticator: Option<Authenticator>,
    denies_plaintext_remote: bool,
    /// Whether it was told that passwords cross a network.
    has_warned: AtomicBool,
}

impl Settings {
    /// For all connections of an endpoint together.
    pub(crate) fn new<P: Pattern>(options: &Options) -> Arc<Self> {
        let mut config = Config::new(P::TYPE);
        config.limits = options.limits;
        config.mechanism = options.security.mechanism();
        config.properties = options.properties.clone();
        config.identity =
            options.routing_id.clone().map(|id| Frame::from(id).into_bytes()).unwrap_or_default();
        Arc::new(Self {
            #[cfg(feature = "tracing")]
            name: options.name.clone(),
            config,
            connect_timeout: options.connect_timeout.unwrap_or(options.handshake_timeout),
            handshake_timeout: options.handshake_timeout,
            pending_handshakes: options.pending_handshakes,
            progress: options.progress,
            reconnect: options.reconnect,
            heartbeat: options.heartbeat,
            budget: options.budget,
            least_ttl: tenths(options.least_ttl),
            stall_timeout: options.stall_timeout,
            authenticator: options.security.authenticator().cloned(),
            denies_plaintext_remote: options.denies_plaintext_remote,
            has_warned: AtomicBool::new(false),
        })
    }

    /// Whether a handshake with a peer at this address may begin. Passwords that would cross a network are told once, or
    /// denied. A stream of the user's own has no address: it may well be encrypted.
    fn check_plaintext(
        &self,
        port: &dyn Port,
        endpoint: &Endpoint,
        address: Option<&String>,
    ) -> Result<(), Cause> {
        let Some(address) = address.filter(|address| self.config.mechanism.is_plain() && is_remote(address))
        else {
            return Ok(());
        };
        if self.denies_plaintext_remote {
            return Err(Cause::PlaintextRemote);
        }
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            port.report(Event::PlaintextRemote { endpoint: endpoint.clone(), address: address.clone() });
        }
        Ok(())
    }
}

/// Whether this is a network address of another host, or one that other hosts have a way to.
fn is_remote(address: &str) -> bool {
    address.parse::<SocketAddr>().is_ok_and(|address| !address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;
    use crate::pipe::{Origin, Pipe};

    #[test]
    fn what_is_not_loopback_is_remote_and_what_has_no_address_is_not() {
        for remote in ["192.0.2.2:1", "0.0.0.0:1", "[2001:db8::1]:1", "[fe80::1%2]:1", "[::ffff:192.0.2.2]:1"]
        {
            assert!(is_remote(remote), "{remote}");
        }
        for local in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "/tmp/socket", ""] {
            assert!(!is_remote(local), "{local}");
        }
    }

    /// Ten thousand idle connections cost ten thousand times these, and what the system and tokio keep of them.
    #[test]
    fn the_state_of_a_connection_stays_small() {
        fn future_of<A, B, C, D, E, F, R>(_: impl Fn(A, B, C, D, E, F) -> R) -> usize {
            size_of::<R>()
        }
        let serve =
            |io: TcpStream, from, origin: Origin, port: Arc<dyn Port>, settings, place: Box<Place>| {
                listener::serve(io, from, origin, port, settings, place)
            };
        assert!(future_of(serve) <= 1100, "{} octets of a connection's task", future_of(serve));
        assert!(size_of::<Pipe>() <= 704, "{} octets of a pipe", size_of::<Pipe>());
    }
}
