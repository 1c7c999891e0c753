//! [`Socket<P>`]: what a program holds. The pattern `P` decides which methods exist.

pub(crate) mod core;
pub(crate) mod inbox;
#[cfg(feature = "tokio")]
mod net;
mod port;
mod state;
mod stream;

use std::future::poll_fn;
use std::task::Poll;

use self::core::{Core, SendTurn, Waiting};
use self::inbox::Inbox;
use crate::error::{RecvError, SendError, SendErrorKind};
use crate::message::Message;
use crate::monitor::Monitor;
use crate::options::{Builder, Options};
use crate::pattern::{Pattern, Pull, Push, Receives, Sends};
use crate::peer::PeerInfo;
use crate::pipe::{Encode, Form};
use crate::sync::Arc;

/// Hands out messages to [`PullSocket`]s by turns; see [`Push`].
pub type PushSocket = Socket<Push>;
/// Collects messages from [`PushSocket`]s; see [`Pull`].
pub type PullSocket = Socket<Pull>;

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
    inbox: Inbox,
    /// A message that [`Sink::start_send`](futures_sink::Sink::start_send) accepted and that has found no room yet.
    slot: Option<Message>,
    /// The place in the queue for room of the `Sink` half.
    slot_turn: SendTurn,
    #[cfg(feature = "tokio")]
    net: net::Net,
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

    pub(crate) fn from_options(options: Options) -> Self {
        Self {
            core: Arc::new(Core::new(options)),
            inbox: Inbox::default(),
            slot: None,
            slot_turn: SendTurn::default(),
            #[cfg(feature = "tokio")]
            net: net::Net::default(),
        }
    }

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

    /// Waits until at least `n` peers are there: their handshake is done and messages are routed to them. Combine
    /// it with `tokio::time::timeout` to bound the wait.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing has happened.
    pub async fn wait_for_peers(&self, n: usize) {
        let mut turn = Turn { core: &*self.core, whence: Waiting::ForPeers, turn: SendTurn::default() };
        poll_fn(|cx| self.core.poll_peers(n, &mut turn.turn.ticket, cx)).await;
    }
}

impl<P: Sends> Socket<P> {
    /// Queues a message for the next peer in turn that has room, and waits while there is none.
    ///
    /// `Ok` means queued, not delivered. A message queued for a peer that was *dialled* is kept when the connection
    /// breaks and goes out after reconnection; one for a peer that was *accepted* is lost with its connection
    /// (R30-PUSH-09). What a broken connection had taken and not passed on is lost in both cases: ZMTP has no
    /// acknowledgements.
    ///
    /// # Errors
    /// [`SendErrorKind::Closed`], with the message inside.
    ///
    /// # Cancel safety
    /// If you drop the future, the message was not sent, and is dropped with it. [`writable`](Self::writable) and
    /// [`try_send`](Self::try_send) let you keep it.
    #[inline]
    pub fn send(&self, message: impl Encode) -> impl Future<Output = Result<(), SendError>> + Send {
        // Here and in `recv`: one plain future instead of an async function around one. A message is handled in
        // less time than a second layer costs.
        let mut message = Some(message.form());
        let mut turn = Turn { core: &*self.core, whence: Waiting::ForRoom, turn: SendTurn::default() };
        poll_fn(move |cx| turn.core.poll_send(&mut message, &mut turn.turn, cx).map_err(refused))
    }

    /// Queues a message if some peer has room now.
    ///
    /// # Errors
    /// [`SendErrorKind::Full`] when nobody has room or there is no peer, [`SendErrorKind::Closed`] after closing;
    /// both with the message inside.
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
        let mut turn = Turn { core: &*self.core, whence: Waiting::ForRoom, turn: SendTurn::default() };
        poll_fn(|cx| self.core.poll_writable(&mut turn.turn.ticket, cx)).await
    }
}

impl<P: Receives> Socket<P> {
    /// Receives the next message; peers that have some give one each in turn.
    ///
    /// # Errors
    /// [`RecvError::Closed`].
    ///
    /// # Cancel safety
    /// If you drop the future, no message was taken. `tokio::time::timeout(d, socket.recv())` is the time-out.
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Result<Message, RecvError>> + Send {
        poll_fn(move |cx| match self.next_held() {
            Some(message) => Poll::Ready(Ok(message)),
            None => self.poll_recv(Some(cx)),
        })
    }

    /// Receives a message if one is there.
    ///
    /// # Errors
    /// [`RecvError::Empty`] when there is none now, [`RecvError::Closed`] after closing.
    pub fn try_recv(&mut self) -> Result<Message, RecvError> {
        if let Some(message) = self.next_held() {
            return Ok(message);
        }
        match self.poll_recv(None) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(RecvError::Empty),
        }
    }

    /// The next message that is in our hands already, unless a peer that is not in the round may have something.
    #[inline]
    fn next_held(&mut self) -> Option<Message> {
        if self.core.has_arrivals() || self.inbox.has_spent() { None } else { self.inbox.next_message() }
    }

    #[cold]
    fn poll_recv(&mut self, cx: Option<&std::task::Context<'_>>) -> Poll<Result<Message, RecvError>> {
        loop {
            match self.core.poll_refill(&mut self.inbox, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            if let Some(message) = self.inbox.next_message() {
                return Poll::Ready(Ok(message));
            }
        }
    }
}

impl<P: Pattern> Default for Socket<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Pattern> Drop for Socket<P> {
    fn drop(&mut self) {
        self.core.leave(Waiting::ForRoom, &mut self.slot_turn.ticket);
        self.core.close();
        #[cfg(feature = "tokio")]
        self.net.close(&self.core);
        #[cfg(not(feature = "tokio"))]
        self.core.end_monitors();
    }
}

/// A task's place in one of the socket's queues, given up when the future goes.
struct Turn<'a, P: Pattern> {
    core: &'a Core<P>,
    whence: Waiting,
    turn: SendTurn,
}

impl<P: Pattern> Drop for Turn<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.core.leave(self.whence, &mut self.turn.ticket);
    }
}

fn refused<F: Form>((kind, message): (SendErrorKind, F)) -> SendError {
    SendError::new(kind, message.into())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::monitor::Cause;
    use crate::peer::PeerId;
    use crate::pipe::{Batch, Origin, Port};
    use crate::wire::{Chunk, Metadata, Remote, Version};

    fn join(pull: &PullSocket) -> PeerId {
        let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
        let metadata = Metadata::default();
        let remote =
            Remote { version: Version::V3_1, socket_type: None, identity: metadata.identity(), metadata };
        pull.core.join(None, &origin, &remote, None, &|| true).unwrap()
    }

    fn deliver(pull: &PullSocket, peer: PeerId, text: &str) {
        let wire: Vec<u8> = text.bytes().flat_map(|octet| [0, 1, octet]).collect();
        pull.core.deliver(peer, Chunk::new(VecDeque::from([wire.into()]), text.len()));
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
        assert!(pull.poll_recv(Some(&std::task::Context::from_waker(&ours))).is_pending());
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
