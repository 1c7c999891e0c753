//! A socket of ours or one of libzmq's, with the same methods: to tell one story of both.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use support::{Zmq, within};
use zmtp::{Frame, Message, Pattern, Receives, Sends, Socket};

/// Either socket.
#[allow(clippy::large_enum_variant, reason = "a test has one or two")]
#[derive(Debug)]
pub(crate) enum Subject<P: Pattern> {
    Ours(Socket<P>),
    Theirs(Zmq),
}

impl<P: Pattern> Subject<P> {
    /// One after the other.
    pub(crate) fn both(ours: Socket<P>, theirs: Zmq) -> [Self; 2] {
        [Self::Ours(ours), Self::Theirs(theirs)]
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }

    /// Binds, and says where.
    pub(crate) async fn bind(&self, at: impl ToString) -> String {
        match self {
            Self::Ours(socket) => socket.bind(at.to_string()).await.unwrap().to_string(),
            Self::Theirs(socket) => socket.bind(at).await,
        }
    }

    /// Connects.
    pub(crate) async fn connect(&self, to: impl ToString) {
        match self {
            Self::Ours(socket) => socket.connect(to.to_string()).unwrap(),
            Self::Theirs(socket) => socket.connect(to).await,
        }
    }

    /// Waits for `event`, and gives libzmq the calls that it needs to take notice of anything.
    pub(crate) async fn attend<T>(&self, event: impl Future<Output = T>) -> T {
        match self {
            Self::Ours(_) => event.await,
            Self::Theirs(socket) => socket.attend(event).await,
        }
    }
}

impl<P: Sends> Subject<P> {
    /// Sends a message of these frames.
    pub(crate) async fn send<F: AsRef<[u8]>>(&self, frames: impl AsRef<[F]>) {
        match self {
            Self::Ours(socket) => send(socket, frames).await,
            Self::Theirs(socket) => socket.send_frames(frames).await,
        }
    }
}

impl<P: Receives> Subject<P> {
    /// Receives the next message.
    #[track_caller]
    pub(crate) fn recv(&mut self) -> impl Future<Output = Frames> {
        let at = std::panic::Location::caller();
        async move {
            match self {
                Self::Ours(socket) => match tokio::time::timeout(PATIENCE, socket.recv()).await {
                    Ok(message) => message.unwrap().into(),
                    Err(_) => panic!("{at}: our socket got nothing"),
                },
                Self::Theirs(socket) => match socket.call(|socket| socket.recv()).await {
                    Ok(frames) => Frames(frames),
                    Err(error) => panic!("{at}: libzmq's socket got nothing: {error}"),
                },
            }
        }
    }

    /// Nothing arrives for a while.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            match self {
                Self::Ours(socket) => {
                    let got = tokio::time::timeout(WHILE, socket.recv()).await;
                    assert!(got.is_err(), "{at}: {got:?}");
                }
                Self::Theirs(socket) => assert!(socket.is_silent(WHILE).await, "{at}: libzmq got something"),
            }
        }
    }
}

/// Sends a message of these frames.
pub(crate) async fn send<P: Sends, F: AsRef<[u8]>>(socket: &Socket<P>, frames: impl AsRef<[F]>) {
    within(20, socket.send(message(frames))).await.unwrap();
}

/// Receives the next message.
#[track_caller]
pub(crate) fn recv<P: Receives>(socket: &mut Socket<P>) -> impl Future<Output = Frames> {
    let message = within(20, socket.recv());
    async move { message.await.unwrap().into() }
}

/// A message of these frames.
pub(crate) fn message<F: AsRef<[u8]>>(frames: impl AsRef<[F]>) -> Message {
    let frames: Vec<Frame> = frames.as_ref().iter().map(|frame| frame.as_ref().into()).collect();
    frames.try_into().unwrap()
}

/// The frames of a message, to be compared with text or octets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frames(pub(crate) Vec<Vec<u8>>);

impl Deref for Frames {
    type Target = [Vec<u8>];

    fn deref(&self) -> &[Vec<u8>] {
        &self.0
    }
}

impl From<Message> for Frames {
    fn from(message: Message) -> Self {
        Self(message.frames().map(|frame| frame.to_vec()).collect())
    }
}

impl<T: AsRef<[u8]>, const N: usize> PartialEq<[T; N]> for Frames {
    fn eq(&self, other: &[T; N]) -> bool {
        self.iter().map(|frame| &frame[..]).eq(other.iter().map(AsRef::as_ref))
    }
}

impl<T: AsRef<[u8]>> PartialEq<Vec<T>> for Frames {
    fn eq(&self, other: &Vec<T>) -> bool {
        self.iter().map(|frame| &frame[..]).eq(other.iter().map(AsRef::as_ref))
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |frame: &Vec<u8>| match frame.len() {
            0..=200 => frame.escape_ascii().to_string(),
            len => format!("{}... ({len} octets)", frame[..50].escape_ascii()),
        };
        f.debug_list().entries(self.iter().map(shown)).finish()
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

/// How long nothing has to happen to be taken for nothing.
const WHILE: Duration = Duration::from_millis(50);
