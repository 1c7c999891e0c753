//! [`Socket<P>`]: what a program holds. The pattern `P` decides which methods exist.

pub(crate) mod core;
pub(crate) mod inbox;
#[cfg(feature = "metrics")]
mod metering;
#[cfg(feature = "tokio")]
mod net;
mod owner;
mod port;
mod proxy;
pub(crate) mod receiver;
mod reqrep;
mod router;
mod sender;
mod shared;
mod split;
pub(crate) mod state;
mod stream;
mod topics;

use std::future::poll_fn;

use self::core::{Core, Waiting};
use self::inbox::Inbox;
use self::owner::Owner;
pub use self::proxy::{Passed, Proxied, Proxy, ProxyError, Statistics, Steers, proxy};
use self::receiver::Receiver;
pub use self::router::RouterEvent;
use self::sender::{SendFuture, Turn, refused};
pub use self::split::{RecvHalf, SendHalf};
use self::stream::Slot;
#[cfg(feature = "tokio")]
use crate::error::Unsent;
use crate::error::{RecvError, SendError, SendErrorKind};
use crate::message::Message;
use crate::options::{Builder, Options};
use crate::pattern::{
    Dealer, Pair, Pattern, Pub, Pull, Push, Receives, Rep, Req, Router, Sends, Splits, Sub, Xpub, Xsub,
};
use crate::pipe::Encode;
use crate::sync::Arc;

/// Asks, and waits for the answer; see [`Req`].
pub type ReqSocket = Socket<Req>;
/// Answers; see [`Rep`].
pub type RepSocket = Socket<Rep>;
/// Asks many and does not take turns; see [`Dealer`].
pub type DealerSocket = Socket<Dealer>;
/// Talks to each peer by name; see [`Router`].
pub type RouterSocket = Socket<Router>;
/// Publishes to whoever has subscribed; see [`Pub`].
pub type PubSocket = Socket<Pub>;
/// Subscribes to what is published; see [`Sub`].
pub type SubSocket = Socket<Sub>;
/// Publishes, and sees the subscriptions; see [`Xpub`].
pub type XpubSocket = Socket<Xpub>;
/// Subscribes by sending messages; see [`Xsub`].
pub type XsubSocket = Socket<Xsub>;
/// Hands out messages to [`PullSocket`]s by turns; see [`Push`].
pub type PushSocket = Socket<Push>;
/// Collects messages from [`PushSocket`]s; see [`Pull`].
pub type PullSocket = Socket<Pull>;
/// Talks to one peer alone; see [`Pair`].
pub type PairSocket = Socket<Pair>;

/// A socket: many peers behind one handle.
///
/// It is bound and connected as often as you like, in both directions at once. Peers come and go; nothing of that
/// shows in `send` and `recv`, it shows in [`monitor`](Self::monitor).
///
/// Sending takes `&self`: share the socket in an `Arc` and send from many tasks. Receiving takes
/// `&mut self`: one task receives, which keeps order meaningful.
///
/// Dropping a socket closes it in the background: what is queued still goes out for as long as the linger time and
/// the runtime last. [`close`](Self::close) waits for that and says what became of it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use zmtp::{PullSocket, PushSocket};
///
/// let mut pull = PullSocket::new();
/// let at = pull.bind("tcp://127.0.0.1:0").await?;
///
/// let push = PushSocket::builder().send_hwm(100).build();
/// push.connect(at)?; // returns at once; the peer may come later
/// push.send("hello").await?;
/// assert_eq!(pull.recv().await?, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Socket<P: Pattern> {
    core: Arc<Core<P>>,
    receiver: Receiver<P>,
    slot: Slot<P>,
    owner: Arc<Owner<P>>,
}

impl<P: Pattern> Socket<P> {
    /// A socket with default settings. Nothing happens yet: no task, no port.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings for a socket.
    pub fn builder() -> Builder<P> {
        Builder::new()
    }

    pub(crate) fn from_options(options: Options, own: &P::Options) -> Self {
        let core = Arc::new(Core::new(options, own));
        let intake = core.ask(|pattern: &mut P, _| pattern.intake(own));
        Self {
            receiver: Receiver { inbox: Inbox::default(), intake },
            slot: Slot::new(&core),
            owner: Arc::new(Owner::new(Arc::clone(&core))),
            core,
        }
    }

    /// Closes the socket: no more sending, receiving, accepting. Waits until what is queued has gone out, at most
    /// for the linger time and a second.
    ///
    /// # Errors
    /// [`Unsent`]: how much was discarded because nobody took it in time, or because its peer went away.
    ///
    /// # Cancel safety
    /// If you drop the future, the lingering goes on in the background.
    #[cfg(feature = "tokio")]
    pub async fn close(mut self) -> Result<(), Unsent> {
        // What the Sink half accepted and was never flushed.
        let slot = self.slot.take();
        let mut unsent = self.owner.close().await;
        unsent.messages += usize::from(slot.is_some());
        unsent.bytes += slot.map_or(0, |message| message.byte_len());
        unsent.into_result()
    }
}

macro_rules! sends {
    ($($handle:ident: $bound:ident;)*) => {$(
        impl<P: $bound> $handle<P> {
            /// Queues a message, and waits while it finds no room.
            ///
            /// Which peer it is for depends on the type: the next in turn that has room (PUSH, DEALER, REQ), the only one
            /// (PAIR), the one named by the first frame (ROUTER), who asked (REP), all who want it (PUB, XPUB, XSUB). The last
            /// five never wait for a peer, but drop the message for one that has no room: see [`drops`](Self::drops). They
            /// only let the engines run once, so that a loop of sends does not drop for peers that keep up.
            ///
            /// `Ok` means queued, not delivered. A message queued for a peer that was *dialled* is kept when the connection
            /// breaks and goes out after reconnection; one for a peer that was *accepted* is lost with its connection
            /// (R30-PUSH-09). What a broken connection had taken and not passed on is lost in both cases: ZMTP has no
            /// acknowledgements.
            ///
            /// What is queued leaves when the sending task next waits or yields, and after 4,096 sends at the latest. A task
            /// that goes on computing keeps it; `tokio::task::yield_now().await` lets it go.
            ///
            /// # Errors
            /// [`SendErrorKind::Closed`]; [`SendErrorKind::OutOfTurn`] on REQ and REP; [`SendErrorKind::Unroutable`] on a
            /// [mandatory](Builder::mandatory) ROUTER. The message is inside.
            ///
            /// # Cancel safety
            /// If you drop the future, the message was not sent, and is dropped with it. [`writable`](Self::writable) and
            /// [`try_send`](Self::try_send) let you keep it.
            #[inline]
            pub fn send(&self, message: impl Encode) -> impl Future<Output = Result<(), SendError>> + Send {
                SendFuture::new(&self.core, message.form())
            }

            /// Queues a message if it finds room now.
            ///
            /// # Errors
            /// [`SendErrorKind::Full`] where [`send`](Self::send) would wait: nobody has room or there is no peer; else the
            /// same as `send`. The message is inside.
            pub fn try_send(&self, message: impl Encode) -> Result<(), SendError> {
                self.core.try_send(message.form()).map_err(refused)
            }

            /// Waits until [`try_send`](Self::try_send) would find room. Another task may take it first.
            ///
            /// # Errors
            /// [`SendErrorKind::Closed`].
            ///
            /// # Cancel safety
            /// If you drop the future, nothing has happened.
            pub async fn writable(&self) -> Result<(), SendErrorKind> {
                let mut turn = Turn::new(&self.core, Waiting::ForRoom);
                poll_fn(|cx| self.core.poll_writable(&mut turn.turn.ticket, cx)).await
            }
        }
    )*};
}

sends! {
    Socket: Sends;
    SendHalf: Splits;
}

macro_rules! receives {
    ($($handle:ident: $bound:ident;)*) => {$(
        impl<P: $bound> $handle<P> {
            /// Receives the next message; peers that have some give one each in turn.
            ///
            /// # Errors
            /// [`RecvError::Closed`]; [`RecvError::OutOfTurn`] on REQ and REP.
            ///
            /// # Cancel safety
            /// If you drop the future, no message was taken. `tokio::time::timeout(d, socket.recv())` is the time-out.
            #[inline]
            pub fn recv(&mut self) -> impl Future<Output = Result<Message, RecvError>> + Send {
                self.receiver.recv(&self.core)
            }

            /// Receives a message if one is there.
            ///
            /// # Errors
            /// [`RecvError::Empty`] when there is none now, else the same as [`recv`](Self::recv).
            pub fn try_recv(&mut self) -> Result<Message, RecvError> {
                self.receiver.try_next(&self.core)
            }
        }
    )*};
}

receives! {
    Socket: Receives;
    RecvHalf: Splits;
}

impl<P: Pattern> Default for Socket<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;
    use crate::monitor::Cause;
    use crate::pattern::Receiving;
    use crate::peer::PeerId;
    use crate::pipe::{Batch, Delivery, Join, Origin, Port};
    use crate::wire::{Chunk, Metadata, Remote, Version};

    fn join(pull: &PullSocket) -> PeerId {
        let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
        let metadata = Metadata::default();
        let remote = Remote {
            version: Version::V3_1,
            socket_type: None,
            identity: metadata.identity(),
            metadata,
            user: None,
        };
        match pull.core.join(None, &origin, &remote, None, &|| true) {
            Join::Yes(id) => id,
            refused => panic!("{refused:?}"),
        }
    }

    fn deliver(pull: &PullSocket, peer: PeerId, text: &str) {
        let wire: Vec<u8> = text.bytes().flat_map(|octet| [0, 1, octet]).collect();
        let chunk = Chunk::new([wire.into()], text.len());
        pull.core.deliver(peer, Delivery::Messages(chunk)).unwrap();
    }

    fn received(pull: &mut PullSocket) -> String {
        std::iter::from_fn(|| pull.try_recv().ok()).map(|message| char::from(message.first()[0])).collect()
    }

    #[test]
    fn a_peer_that_was_worked_off_gets_its_turn_again_while_others_still_have_messages() {
        let mut pull = PullSocket::new();
        let (trickle, flood) = (join(&pull), join(&pull));
        deliver(&pull, trickle, "t");
        deliver(&pull, flood, &"f".repeat(100));
        assert_eq!(pull.try_recv().unwrap(), "t");
        for _ in 0..10 {
            deliver(&pull, trickle, "t");
            let turns = [(); 3].map(|()| pull.try_recv().unwrap());
            assert!(turns.iter().any(|message| *message == "t"));
        }
    }

    #[test]
    fn peers_that_come_and_go_leave_no_more_behind_than_one_that_is_there() {
        let mut pull = PullSocket::builder().recv_hwm_bytes(5000).build();
        for _ in 0..100 {
            let peer = join(&pull);
            deliver(&pull, peer, "abc");
            pull.core.part(peer, Batch::default(), Cause::PeerClosed, false);
        }
        // Each counts for a little more than its messages.
        let mut left: Vec<char> = received(&mut pull).chars().collect();
        left.sort_unstable();
        assert_eq!(left, ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b', 'c', 'c', 'c', 'c']);
        // Once they are received there is room again.
        let peer = join(&pull);
        deliver(&pull, peer, "x");
        pull.core.part(peer, Batch::default(), Cause::PeerClosed, false);
        assert_eq!(received(&mut pull), "x");
    }

    #[test]
    fn looking_for_a_message_does_not_forget_who_waits_for_one() {
        let mut pull = PullSocket::new();
        let peer = join(&pull);
        let waker = Arc::new(Woken::default());
        let ours = waker.clone().into();
        assert!(
            pull.receiver.poll_next(&pull.core, Some(&Context::from_waker(&ours)), Pull::accept).is_pending()
        );
        assert_eq!(pull.try_recv(), Err(RecvError::Empty));
        deliver(&pull, peer, "a");
        assert!(waker.0.load(std::sync::atomic::Ordering::Relaxed));
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
