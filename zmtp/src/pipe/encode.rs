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

    /// The first frame's octets.
    #[inline]
    fn first(&self) -> &[u8] {
        match self.view() {
            View::Octets(octets) => octets,
            View::Message(message) => message.first(),
        }
    }

    /// Whether it has one frame.
    fn is_single(&self) -> bool {
        match self.view() {
            View::Octets(_) => true,
            View::Message(message) => message.frame_count() == 1,
        }
    }
}

/// What the encoder looks at.
pub(crate) enum View<'a> {
    Octets(&'a [u8]),
    Message(&'a Message),
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
        View::Message(self)
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
