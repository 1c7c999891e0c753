//! Sockets as [`Stream`] and [`Sink`], for the combinators of the `futures` crate.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::core::{Core, Waiting};
use super::sender::refused;
use super::state::SendTurn;
use super::{RecvHalf, SendHalf, Socket};
use crate::error::{RecvError, SendError, SendErrorKind};
use crate::message::Message;
use crate::pattern::{Pattern, Receives, Sends, Splits};
use crate::sync::Arc;

/// A message that [`Sink::start_send`] accepted and that has found no room yet.
#[derive(Debug)]
pub(crate) struct Slot<P: Pattern> {
    core: Arc<Core<P>>,
    message: Option<Message>,
    turn: SendTurn,
}

impl<P: Pattern> Slot<P> {
    pub(super) fn new(core: &Arc<Core<P>>) -> Self {
        Self { core: Arc::clone(core), message: None, turn: SendTurn::default() }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn take(&mut self) -> Option<Message> {
        self.message.take()
    }
}

impl<P: Pattern> Slot<P> {
    pub(super) fn put(&mut self, message: Message) {
        self.message = Some(message);
    }

    pub(super) fn is_full(&self) -> bool {
        self.message.is_some()
    }
}

impl<P: Sends> Slot<P> {
    /// Ready when a message would be taken.
    pub(super) fn poll_room(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendErrorKind>> {
        self.core.poll_writable(&mut self.turn.ticket, cx)
    }

    /// Sends what it holds, or drops it when it cannot be sent.
    pub(super) fn poll_pass(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendErrorKind>> {
        self.core.poll_send(&mut self.message, &mut self.turn, cx).map_err(|(kind, _)| kind)
    }

    fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        self.core.poll_send(&mut self.message, &mut self.turn, cx).map_err(refused)
    }
}

impl<P: Pattern> Drop for Slot<P> {
    fn drop(&mut self) {
        self.core.leave(Waiting::ForRoom, &mut self.turn.ticket);
    }
}

macro_rules! stream {
    ($($handle:ident: $bound:ident;)*) => {$(
        /// The messages of `recv`. Ends when the socket is closed.
        impl<P: $bound> Stream for $handle<P> {
            type Item = Result<Message, RecvError>;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                let this = self.get_mut();
                this.receiver.poll_next(&this.core, Some(cx), P::accept).map(|result| match result {
                    Err(RecvError::Closed) => None,
                    result => Some(result),
                })
            }
        }
    )*};
}

stream! {
    Socket: Receives;
    RecvHalf: Splits;
}

macro_rules! sink {
    ($($handle:ident: $bound:ident;)*) => {$(
        /// Like `send`. A message that was started is queued at the latest when a flush is done.
        impl<P: $bound> Sink<Message> for $handle<P> {
            type Error = SendError;

            fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
                self.get_mut().slot.poll_flush(cx)
            }

            fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
                self.get_mut().slot.put(message);
                Ok(())
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
                self.get_mut().slot.poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
                self.get_mut().slot.poll_flush(cx)
            }
        }
    )*};
}

sink! {
    Socket: Sends;
    SendHalf: Splits;
}
