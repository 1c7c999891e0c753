//! The builder's settings of connections: how they are made, accepted, and made again.

use std::time::Duration;

use super::{Builder, IpcOptions, Reconnect, TcpOptions};
use crate::pattern::Pattern;

impl<P: Pattern> Builder<P> {
    /// How long a connecting socket waits before it dials again, and when it gives up.
    #[must_use]
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.options.reconnect = reconnect;
        self
    }

    /// How long one attempt to connect may take, names and proxies included. As long as
    /// [`handshake_timeout`](Self::handshake_timeout) unless set.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = Some(timeout);
        self
    }

    /// How many connections may wait in the system until they are accepted. 4,096 unless set; most systems have a
    /// limit of their own below that.
    #[must_use]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.backlog = connections;
        self
    }

    /// How many connections of one listener may be in their handshake at a time. 1,024 unless set; at least one.
    ///
    /// An address may have an eighth of them, and more as long as some are free and none of its handshakes has taken
    /// longer than a second: beyond that its newest connection is closed
    /// ([`Refusal::AddressCrowded`](crate::Refusal::AddressCrowded)). When all places are taken the oldest handshake
    /// ends for the newest connection of another address ([`Refusal::Crowded`](crate::Refusal::Crowded)).
    ///
    /// The addresses of one IPv6 network of 64 bits count as one. Peers of `ipc://` have no address, and share all
    /// places. Raise it where more than a thousand honest peers connect in one instant; those that are refused dial
    /// again.
    #[must_use]
    pub fn pending_handshakes(mut self, connections: usize) -> Self {
        self.options.pending_handshakes = connections;
        self
    }

    /// Settings of `tcp://`.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.options.tcp = options;
        self
    }

    /// Settings of `ipc://`.
    #[must_use]
    pub fn ipc(mut self, options: IpcOptions) -> Self {
        self.options.ipc = options;
        self
    }
}
