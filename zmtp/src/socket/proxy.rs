//! Proxies: what comes in at one socket goes out at another, both ways.

use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::stream::Slot;
use super::{Receives, Sends, Socket};
use crate::error::{RecvError, SendErrorKind};
use crate::message::Message;
use crate::pattern::{Dealer, Pair, Pattern, Pub, Pull, Push, Receiving, Rep, Router, Sub, Xpub, Xsub};

/// Passes messages between two sockets, both ways, for as long as they are open: ROUTER and DEALER, XSUB and XPUB,
/// PULL and PUSH, or any other two.
///
/// A message is taken from one side only when the other has room; so a side that is full slows the other down, where
/// its type does that. See [`Proxy`] for one that can be watched and steered.
///
/// # Errors
/// [`ProxyError`]: a socket was closed, or a [mandatory](crate::Builder::mandatory) ROUTER was given a message for
/// nobody.
///
/// # Cancel safety
/// If you drop the future, the sockets are yours again. At most one message in each direction is lost, and only at a
/// mandatory ROUTER or a [nodrop](crate::Builder::nodrop) publisher that waits for one of its peers.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use zmtp::{DealerSocket, RepSocket, ReqSocket, RouterSocket, proxy};
///
/// let (mut front, mut back) = (RouterSocket::new(), DealerSocket::new());
/// let (clients, workers) = (front.bind("tcp://127.0.0.1:*").await?, back.bind("tcp://127.0.0.1:*").await?);
/// tokio::spawn(async move { proxy(&mut front, &mut back).await });
///
/// let mut rep = RepSocket::new();
/// rep.connect(workers)?;
/// tokio::spawn(async move {
///     while let Ok(question) = rep.recv().await {
///         rep.send(question).await.expect("it is our turn");
///     }
/// });
///
/// let mut req = ReqSocket::new();
/// req.connect(clients)?;
/// assert_eq!(req.request("hello").await?, "hello");
/// # Ok(())
/// # }
/// ```
pub async fn proxy<A: Proxied, B: Proxied>(
    front: &mut Socket<A>,
    back: &mut Socket<B>,
) -> Result<Infallible, ProxyError> {
    loop {
        // Without a control socket nobody ends it but an error.
        Proxy::new(front, back).run().await?;
    }
}

/// A proxy that copies what passes to a third socket, and does what it is told by a fourth.
#[derive(Debug)]
pub struct Proxy<'a, A: Pattern, B: Pattern, C: Pattern = Push, D: Pattern = Rep> {
    front: &'a mut Socket<A>,
    back: &'a mut Socket<B>,
    capture: Option<&'a Socket<C>>,
    control: Option<&'a mut Socket<D>>,
}

impl<'a, A: Proxied, B: Proxied> Proxy<'a, A, B> {
    /// A proxy between these two. Nothing happens before [`run`](Self::run).
    pub fn new(front: &'a mut Socket<A>, back: &'a mut Socket<B>) -> Self {
        Self { front, back, capture: None, control: None }
    }
}

impl<'a, A: Proxied, B: Proxied, C: Sends, D: Steers> Proxy<'a, A, B, C, D> {
    /// Copies every message that passes to this socket, a PUB, PUSH, DEALER or PAIR. What finds no room there is not
    /// copied: a capture does not slow the proxy down.
    #[must_use]
    pub fn capture<E: Sends>(self, to: &'a Socket<E>) -> Proxy<'a, A, B, E, D> {
        Proxy { front: self.front, back: self.back, capture: Some(to), control: self.control }
    }

    /// Obeys the messages of this socket, a REP or PAIR: `PAUSE`, `RESUME`, `TERMINATE`, `STATISTICS`. A REP answers
    /// each of them, and anything else, with an empty message; both answer `STATISTICS` with eight frames, each an
    /// unsigned number of 8 octets in the order of this machine: frames received, octets received, frames sent and
    /// octets sent in front, and the same behind.
    #[must_use]
    pub fn control<E: Steers>(self, by: &'a mut Socket<E>) -> Proxy<'a, A, B, C, E> {
        Proxy { front: self.front, back: self.back, capture: self.capture, control: Some(by) }
    }

    /// Passes messages until `TERMINATE`.
    ///
    /// # Errors
    /// The same as [`proxy`].
    ///
    /// # Cancel safety
    /// The same as [`proxy`].
    pub async fn run(self) -> Result<Statistics, ProxyError> {
        let Self { front, back, capture, mut control } = self;
        let (mut there, mut again) = (Slot::new(&back.core), Slot::new(&front.core));
        let mut answers = control.as_ref().map(|control| Slot::new(&control.core));
        let mut statistics = Statistics::default();
        let mut is_paused = false;
        poll_fn(|cx| {
            for _ in 0..BURST {
                let mut progress = false;
                if let (Some(control), Some(answers)) = (control.as_deref_mut(), &mut answers) {
                    match poll_word(control, answers, &statistics, cx)? {
                        Poll::Pending => {}
                        Poll::Ready(Word::Terminate) => return Poll::Ready(Ok(statistics)),
                        Poll::Ready(word) => {
                            progress = true;
                            is_paused = match word {
                                Word::Pause => true,
                                Word::Resume => false,
                                _ => is_paused,
                            };
                        }
                    }
                }
                if !is_paused {
                    let Statistics { front: f, back: b } = &mut statistics;
                    progress |= pass(front, &mut there, capture, (f, b), cx)?.is_ready();
                    progress |= pass(back, &mut again, capture, (b, f), cx)?.is_ready();
                }
                if !progress {
                    return Poll::Pending;
                }
            }
            // Others get the thread.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

/// What has passed through a [`Proxy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// At the front socket.
    pub front: Passed,
    /// At the back socket.
    pub back: Passed,
}

/// What has passed at one side of a [`Proxy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passed {
    /// Frames received.
    pub frames_in: u64,
    /// Octets received.
    pub octets_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Octets sent.
    pub octets_out: u64,
}

/// Why a proxy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// A message could not be passed on.
    #[error("the proxy cannot send: {0}")]
    Send(SendErrorKind),
    /// Nothing more can be received.
    #[error("the proxy cannot receive: {0}")]
    Recv(#[from] RecvError),
}

/// One side of a proxy.
#[allow(private_bounds, reason = "sealed")]
pub trait Proxied: Passing {}

/// What can steer a [`Proxy`].
#[allow(private_bounds, reason = "sealed")]
pub trait Steers: Receives + Sends + Answering {}

pub(crate) trait Answering {
    /// Whether every word must be answered.
    const ALWAYS: bool;
}

/// A type as far as a proxy cares: one direction or both may be missing.
pub(crate) trait Passing: Pattern {
    fn poll_take(socket: &mut Socket<Self>, cx: &Context<'_>) -> Poll<Result<Message, RecvError>>;

    /// Ready when a message would be taken.
    fn poll_room(slot: &mut Slot<Self>, cx: &Context<'_>) -> Poll<Result<(), SendErrorKind>>;

    /// Sends what the slot holds.
    fn poll_flush(slot: &mut Slot<Self>, cx: &Context<'_>) -> Poll<Result<(), SendErrorKind>>;
}

macro_rules! passes {
    (@take in $socket:ident $cx:ident) => { $socket.receiver.poll_next(&$socket.core, Some($cx), Self::accept) };
    (@take out $socket:ident $cx:ident) => {{ let _ = ($socket, $cx); Poll::Pending }};
    (@take both $socket:ident $cx:ident) => { passes!(@take in $socket $cx) };
    (@put in $call:ident $slot:ident $cx:ident) => {{ let _ = ($slot, $cx); Poll::Pending }};
    (@put out $call:ident $slot:ident $cx:ident) => { $slot.$call($cx) };
    (@put both $call:ident $slot:ident $cx:ident) => { $slot.$call($cx) };
    ($($pattern:ident: $way:ident;)*) => {$(
        impl Proxied for $pattern {}
        impl Passing for $pattern {
            fn poll_take(socket: &mut Socket<Self>, cx: &Context<'_>) -> Poll<Result<Message, RecvError>> {
                passes!(@take $way socket cx)
            }

            fn poll_room(slot: &mut Slot<Self>, cx: &Context<'_>) -> Poll<Result<(), SendErrorKind>> {
                passes!(@put $way poll_room slot cx)
            }

            fn poll_flush(slot: &mut Slot<Self>, cx: &Context<'_>) -> Poll<Result<(), SendErrorKind>> {
                passes!(@put $way poll_pass slot cx)
            }
        }
    )*};
}

passes! {
    Push: out;
    Pub: out;
    Pull: in;
    Sub: in;
    Dealer: both;
    Router: both;
    Pair: both;
    Xpub: both;
    Xsub: both;
}

impl Steers for Rep {}
impl Answering for Rep {
    const ALWAYS: bool = true;
}

impl Steers for Pair {}
impl Answering for Pair {
    const ALWAYS: bool = false;
}

/// Passes one message on, if there is one and room for it.
fn pass<A: Proxied, B: Proxied, C: Sends>(
    from: &mut Socket<A>,
    to: &mut Slot<B>,
    capture: Option<&Socket<C>>,
    (came, went): (&mut Passed, &mut Passed),
    cx: &Context<'_>,
) -> Poll<Result<(), ProxyError>> {
    if !to.is_full() {
        std::task::ready!(B::poll_room(to, cx)).map_err(ProxyError::Send)?;
        let message = std::task::ready!(A::poll_take(from, cx))?;
        let (frames, octets) = (message.frame_count() as u64, message.byte_len() as u64);
        came.frames_in += frames;
        came.octets_in += octets;
        went.frames_out += frames;
        went.octets_out += octets;
        if let Some(capture) = capture {
            let _ = capture.try_send(&message);
        }
        to.put(message);
    }
    B::poll_flush(to, cx).map_err(ProxyError::Send)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Pause,
    Resume,
    Terminate,
    Other,
}

/// The next word of the control socket, answered.
fn poll_word<D: Steers>(
    control: &mut Socket<D>,
    answers: &mut Slot<D>,
    statistics: &Statistics,
    cx: &Context<'_>,
) -> Poll<Result<Word, ProxyError>> {
    std::task::ready!(answers.poll_pass(cx)).map_err(ProxyError::Send)?;
    let word = std::task::ready!(control.receiver.poll_next(&control.core, Some(cx), D::accept))?;
    if word == "STATISTICS" {
        answers.put(statistics.encode());
    } else if D::ALWAYS {
        answers.put("".into());
    }
    // What does not go out now does so before the next word.
    if let Poll::Ready(Err(kind)) = answers.poll_pass(cx) {
        return Poll::Ready(Err(ProxyError::Send(kind)));
    }
    Poll::Ready(Ok(match word.first() {
        b"PAUSE" => Word::Pause,
        b"RESUME" => Word::Resume,
        b"TERMINATE" => Word::Terminate,
        _ => Word::Other,
    }))
}

impl Statistics {
    fn encode(&self) -> Message {
        let numbers = [self.front, self.back].into_iter().flat_map(|side| {
            [side.frames_in, side.octets_in, side.frames_out, side.octets_out].map(u64::to_ne_bytes)
        });
        let mut frames = numbers.map(|number| crate::Frame::from(&number));
        let first = Message::new(frames.next().unwrap_or_else(|| "".into()));
        frames.fold(first, Message::with)
    }
}

/// Messages that are passed before other tasks run.
const BURST: usize = 1000;
