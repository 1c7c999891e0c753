//! One connected peer: read, decode, deliver; take, encode, write.
//!
//! A connection goes through [`shake`] and, if that went well, through [`Traffic`]; [`session`] does so again and
//! again for a peer that is dialled, [`listener`] once for each that comes in. All of them see the socket as
//! [`dyn Port`](crate::pipe::Port).

mod beats;
mod handshake;
pub(crate) mod listener;
pub(crate) mod session;
mod traffic;
mod watch;

use std::time::Duration;

pub(crate) use handshake::shake;
pub(crate) use traffic::Traffic;

use crate::message::Frame;
use crate::options::{Heartbeat, Options, Progress, Reconnect};
use crate::pattern::Pattern;
use crate::wire::Config;

/// What an engine needs to know of its socket's options.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) progress: Progress,
    pub(crate) reconnect: Reconnect,
    pub(crate) heartbeat: Option<Heartbeat>,
}

impl Settings {
    pub(crate) fn new<P: Pattern>(options: &Options) -> Self {
        let mut config = Config::new(P::TYPE);
        config.limits = options.limits;
        config.properties = options.properties.clone();
        config.identity =
            options.routing_id.clone().map(|id| Frame::from(id).into_bytes()).unwrap_or_default();
        Self {
            config,
            connect_timeout: options.connect_timeout.unwrap_or(options.handshake_timeout),
            handshake_timeout: options.handshake_timeout,
            progress: options.progress,
            reconnect: options.reconnect,
            heartbeat: options.heartbeat,
        }
    }
}
