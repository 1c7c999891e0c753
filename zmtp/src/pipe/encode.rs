//! What `send` takes, and in which of two forms it reaches a pipe.

use bytes::Bytes;

use crate::message::{Frame, Message};

/// Anything that [`send`](crate::Socket::send) takes: text, octets, a [`Message`].
///
/// Borrowed octets are copied straight onto the wire's side of the queue; owned ones that are large travel without
/// a copy. Implemented for `&str`, `String`, `&[u8]`, `&[u8; N]`, `Vec<u8>`, [`Bytes`], [`Frame`], [`Message`] and
/// references to the owned ones but `Bytes` and `Frame`.
#[allow(private_bounds, reason = "sealed: the forms are the pipe's own business")]
pub trait Encode: Sealed {}

pub(crate) trait Sealed: Send {
    type Form: Form;
    fn form(self) -> Self::Form;
}

/// The two forms in which a message reaches a pipe: borrowed octets, or a message.
pub(crate) trait Form: Into<Message> + Send {
    fn view(&self) -> View<'_>;
}

/// What patterns route and the encoder writes: a message that somebody else owns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    /// One frame.
    Octets(&'a [u8]),
    /// The first frame, and the others.
    Frames(&'a Frame, &'a [Frame]),
    /// Frames that go before those of a message.
    Enveloped(&'a [Frame], &'a Self),
}

impl<'a> View<'a> {
    /// The first frame's octets.
    #[inline]
    pub(crate) fn first(self) -> &'a [u8] {
        match self {
            View::Octets(octets) => octets,
            View::Frames(first, _) => first,
            View::Enveloped([first, ..], _) => first,
            View::Enveloped([], body) => body.first(),
        }
    }

    /// The message without its first frame, if that leaves any.
    #[inline]
    pub(crate) fn rest(self) -> Option<Self> {
        match self {
            View::Octets(_) => None,
            View::Frames(_, rest) => rest.split_first().map(|(first, rest)| View::Frames(first, rest)),
            View::Enveloped([_, rest @ ..], body) => Some(View::Enveloped(rest, body)),
            View::Enveloped([], body) => body.rest(),
        }
    }

    /// Copies of its frames.
    pub(crate) fn to_frames(self) -> Vec<Frame> {
        match self {
            View::Octets(octets) => vec![octets.into()],
            View::Frames(first, rest) => std::iter::once(first).chain(rest).cloned().collect(),
            View::Enveloped(envelope, body) => [envelope, &body.to_frames()].concat(),
        }
    }
}

impl<'a> From<&'a Message> for View<'a> {
    #[inline]
    fn from(message: &'a Message) -> Self {
        View::Frames(message.first_frame(), message.rest())
    }
}

impl Form for &[u8] {
    #[inline]
    fn view(&self) -> View<'_> {
        View::Octets(self)
    }
}

impl Form for Message {
    #[inline]
    fn view(&self) -> View<'_> {
        self.into()
    }
}

macro_rules! encode {
    ($($from:ty => $form:ty, $value:ident => $how:expr;)*) => {$(
        impl Encode for $from {}
        impl Sealed for $from {
            type Form = $form;
            #[inline]
            fn form(self) -> $form {
                let $value = self;
                $how
            }
        }
    )*};
}

encode! {
    String => Message, text => text.into();
    Vec<u8> => Message, octets => octets.into();
    Bytes => Message, octets => octets.into();
    Frame => Message, frame => frame.into();
    Message => Message, message => message;
    &Message => Message, message => message.clone();
}

impl Encode for &[u8] {}
impl<'a> Sealed for &'a [u8] {
    type Form = &'a [u8];
    #[inline]
    fn form(self) -> &'a [u8] {
        self
    }
}

impl Encode for &String {}
impl<'a> Sealed for &'a String {
    type Form = &'a [u8];
    #[inline]
    fn form(self) -> &'a [u8] {
        self.as_bytes()
    }
}

impl Encode for &Vec<u8> {}
impl<'a> Sealed for &'a Vec<u8> {
    type Form = &'a [u8];
    #[inline]
    fn form(self) -> &'a [u8] {
        self
    }
}

impl Encode for &str {}
impl<'a> Sealed for &'a str {
    type Form = &'a [u8];
    #[inline]
    fn form(self) -> &'a [u8] {
        self.as_bytes()
    }
}

impl<const N: usize> Encode for &[u8; N] {}
impl<'a, const N: usize> Sealed for &'a [u8; N] {
    type Form = &'a [u8];
    #[inline]
    fn form(self) -> &'a [u8] {
        self
    }
}
