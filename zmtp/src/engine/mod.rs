//! One connected peer: read, decode, deliver; take, encode, write.
//!
//! A connection goes through [`shake`] and, if that went well, through [`Traffic`]; [`session`] does so again and
//! again for a peer that is dialled, [`listener`] once for each that comes in. All of them see the socket as
//! [`dyn Port`](crate::pipe::Port).

mod handshake;
pub(crate) mod listener;
pub(crate) mod session;
mod traffic;
mod watch;

use std::time::Duration;

pub(crate) use handshake::shake;
pub(crate) use traffic::Traffic;

use crate::options::{Options, Progress, Reconnect};
use crate::pattern::Pattern;
use crate::wire::Config;

/// What an engine needs to know of its socket's options.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) handshake_timeout: Duration,
    pub(crate) progress: Progress,
    pub(crate) reconnect: Reconnect,
}

impl Settings {
    pub(crate) fn new<P: Pattern>(options: &Options) -> Self {
        let mut config = Config::new(P::TYPE);
        config.limits = options.limits;
        Self {
            config,
            handshake_timeout: options.handshake_timeout,
            progress: options.progress,
            reconnect: options.reconnect,
        }
    }
}
