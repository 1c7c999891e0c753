//! What every handle of a socket can do: the whole socket, and its halves.

use std::future::poll_fn;
use std::time::Duration;

#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite};

use super::core::Waiting;
use super::{RecvHalf, SendHalf, Socket, Turn};
#[cfg(feature = "tokio")]
use crate::endpoint::{Endpoint, EndpointError};
#[cfg(feature = "tokio")]
use crate::error::{BindError, ConnectError};
use crate::monitor::Monitor;
use crate::options::Hwm;
use crate::pattern::Pattern;
use crate::peer::{Drops, PeerId, PeerInfo};

macro_rules! shared {
    ($($handle:ident),*) => {$(
        impl<P: Pattern> $handle<P> {
            /// Watches connections come, fail and go, from now on.
            pub fn monitor(&self) -> Monitor {
                self.core.monitor()
            }

            /// Who is there: every peer whose handshake is done, and how full its queues are.
            ///
            /// A peer leaves this list when its connection ends. What it had sent by then is still received.
            pub fn peers(&self) -> Vec<PeerInfo> {
                self.core.peers()
            }

            /// How many peers there are.
            pub fn peer_count(&self) -> usize {
                self.core.peer_count()
            }

            /// Waits until at least `n` peers are there: their handshake is done and messages are routed to them.
            /// Combine it with `tokio::time::timeout` to bound the wait.
            ///
            /// # Cancel safety
            /// If you drop the future, nothing has happened.
            pub async fn wait_for_peers(&self, n: usize) {
                let mut turn = Turn::new(&self.core, Waiting::ForPeers);
                poll_fn(|cx| self.core.poll_peers(n, &mut turn.turn.ticket, cx)).await;
            }

            /// What the socket is [called](crate::Builder::name) in metrics and traces.
            pub fn name(&self) -> &str {
                &self.core.options.name
            }

            /// Tells the installed recorder what this socket has counted since it last did. It does so by itself each
            /// second, from the first `bind`, `connect` or `attach` on, and when it is closed; this is for who cannot
            /// wait.
            #[cfg(feature = "metrics")]
            pub fn publish_metrics(&self) {
                self.core.publish_metrics();
            }

            /// How many messages were dropped since the socket was made, by reason.
            pub fn drops(&self) -> Drops {
                self.core.drops()
            }

            /// Ends the connection to a peer at once, and discards what is queued for it. One that was dialled is not
            /// dialled again; one that came in may come back. False if it was gone already.
            pub fn disconnect_peer(&self, peer: PeerId) -> bool {
                self.core.evict(peer)
            }

            /// Changes the [high-water mark](crate::Builder::send_hwm) of all queues to peers, those that are there and
            /// those to come.
            pub fn set_send_hwm(&self, messages: impl Into<Hwm>) {
                let mark = messages.into().get();
                self.core.set_marks(|marks| marks.send = mark);
            }

            /// Changes the [high-water mark](crate::Builder::recv_hwm) of all queues from peers, those that are there
            /// and those to come.
            pub fn set_recv_hwm(&self, messages: impl Into<Hwm>) {
                let mark = messages.into().get();
                self.core.set_marks(|marks| marks.recv = mark);
            }

            /// Changes the [high-water mark in octets](crate::Builder::send_hwm_bytes) of all queues to peers, those that
            /// are there and those to come.
            pub fn set_send_hwm_bytes(&self, octets: impl Into<Hwm>) {
                let mark = octets.into().get();
                self.core.set_marks(|marks| marks.send_bytes = mark);
            }

            /// Changes the [high-water mark in octets](crate::Builder::recv_hwm_bytes) of all queues from peers, those
            /// that are there and those to come.
            pub fn set_recv_hwm_bytes(&self, octets: impl Into<Hwm>) {
                let mark = octets.into().get();
                self.core.set_marks(|marks| marks.recv_bytes = mark);
            }

            /// Changes the [linger time](crate::Builder::linger).
            pub fn set_linger(&self, linger: Duration) {
                self.core.set_linger(linger);
            }
        }

        #[cfg(feature = "tokio")]
        impl<P: Pattern> $handle<P> {
            /// Accepts peers at an endpoint, and returns it with the real address, port or path.
            ///
            /// The file of an `ipc://` path is made here and removed when the endpoint is unbound or the socket is closed. One
            /// that a killed process left behind is taken over; one where somebody listens is in use, unlike in libzmq, and
            /// one that is no socket is left alone.
            ///
            /// # Errors
            /// [`BindError::Endpoint`] for an endpoint that makes no sense, or cannot be bound. [`BindError::Io`] when the
            /// system refuses: the port or path is taken, the address is not this machine's, the name does not resolve, the
            /// system lacks what the settings ask for. The monitor then shows `BindFailed`.
            ///
            /// # Cancel safety
            /// If you drop the future, nothing is bound.
            pub async fn bind<E>(&self, at: E) -> Result<Endpoint, BindError>
            where
                E: TryInto<Endpoint>,
                EndpointError: From<E::Error>,
            {
                self.owner.bind(at).await
            }

            /// Dials an endpoint in the background, and again whenever the connection is lost, until
            /// [`disconnect`](Self::disconnect). Returns at once: messages can be sent from this moment and wait for the
            /// peer.
            ///
            /// An `inproc://` name is joined once, now or when somebody binds it; when the binder closes, that connection is
            /// over for good and what was queued for it is discarded.
            ///
            /// Dialling stops for good when the peer cannot be talked to: it sent ERROR, or is of another mechanism or
            /// socket type. [`monitor`](Self::monitor) then shows `HandshakeFailed` with `retry: false`. What else stops it is
            /// for [`Reconnect`](crate::Reconnect) to say.
            ///
            /// A DEALER, SUB, PUB or REQ connects to an endpoint once, and a second call does nothing; other sockets make a
            /// second connection.
            ///
            /// # Errors
            /// [`ConnectError::Endpoint`] for an endpoint that makes no sense or cannot be dialled;
            /// [`ConnectError::Unsupported`] when the system lacks what the endpoint or the settings ask for.
            pub fn connect<E>(&self, to: E) -> Result<(), ConnectError>
            where
                E: TryInto<Endpoint>,
                EndpointError: From<E::Error>,
            {
                self.owner.connect(to, None)
            }

            /// Serves a byte stream that is connected already, as if it had been accepted at `endpoint`: TLS, a Unix
            /// socket, the end of a `tokio::io::duplex`. The other side may be in either role.
            ///
            /// # Errors
            /// [`ConnectError::Endpoint`] for an endpoint that makes no sense.
            pub fn attach<S, E>(&self, io: S, endpoint: E) -> Result<(), ConnectError>
            where
                S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
                E: TryInto<Endpoint>,
                EndpointError: From<E::Error>,
            {
                self.owner.attach(io, endpoint)
            }

            /// Stops accepting at an endpoint, and closes what was accepted there; what is queued for those peers goes out
            /// first, within the linger time. False if it is not bound there: what counts is the endpoint that
            /// [`bind`](Self::bind) returned, which is never a wildcard. The port is free again when the monitor shows
            /// `Closed`.
            pub fn unbind<E: TryInto<Endpoint>>(&self, at: E) -> bool {
                self.owner.unbind(at)
            }

            /// Stops dialling an endpoint, and closes the connection; what is queued for that peer goes out first, within
            /// the linger time. False if it was not connected there.
            pub fn disconnect<E: TryInto<Endpoint>>(&self, from: E) -> bool {
                self.owner.disconnect(from)
            }
        }
    )*};
}

shared!(Socket, SendHalf, RecvHalf);
