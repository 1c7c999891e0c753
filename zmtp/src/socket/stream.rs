//! Sockets as [`Stream`] and [`Sink`], for the combinators of the `futures` crate.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Socket, refused};
use crate::error::{RecvError, SendError};
use crate::message::Message;
use crate::pattern::{Receives, Sends};

/// The messages of [`recv`](Socket::recv). Never ends while the socket is open.
impl<P: Receives> Stream for Socket<P> {
    type Item = Result<Message, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(message) = self.next_held() {
            return Poll::Ready(Some(Ok(message)));
        }
        self.poll_recv(Some(cx)).map(|result| match result {
            Err(RecvError::Closed) => None,
            result => Some(result),
        })
    }
}

/// Like [`send`](Socket::send). A message that was started is queued at the latest when a flush is done.
impl<P: Sends> Sink<Message> for Socket<P> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.slot = Some(message);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = &mut *self;
        this.core.poll_send(&mut this.slot, &mut this.slot_turn, cx).map_err(refused)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx)
    }
}
