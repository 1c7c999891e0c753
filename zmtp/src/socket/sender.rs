//! What a sending task waits with: a message, and a place in the queue of those who wait for room.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::core::{Core, Waiting};
use super::state::SendTurn;
use crate::error::{SendError, SendErrorKind};
use crate::pattern::{Pattern, Sends};
use crate::pipe::Form;

/// Waits until a message is queued. A future of its own instead of an async function: most often there is room, and
/// that is said in fewer instructions than another layer costs.
pub(super) struct SendFuture<'a, P: Pattern, F> {
    message: Option<F>,
    turn: Turn<'a, P>,
}

impl<'a, P: Pattern, F> SendFuture<'a, P, F> {
    #[inline]
    pub(super) fn new(core: &'a Core<P>, message: F) -> Self {
        Self { message: Some(message), turn: Turn::new(core, Waiting::ForRoom) }
    }
}

// The message is moved, not pinned.
impl<P: Pattern, F> Unpin for SendFuture<'_, P, F> {}

impl<P: Sends, F: Form> Future for SendFuture<'_, P, F> {
    type Output = Result<(), SendError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { message, turn } = self.get_mut();
        turn.core.poll_send(message, &mut turn.turn, cx).map_err(refused)
    }
}

/// A task's place in one of the socket's queues, given up when the future goes.
pub(super) struct Turn<'a, P: Pattern> {
    pub(super) core: &'a Core<P>,
    whence: Waiting,
    pub(super) turn: SendTurn,
}

impl<'a, P: Pattern> Turn<'a, P> {
    #[inline]
    pub(super) fn new(core: &'a Core<P>, whence: Waiting) -> Self {
        Self { core, whence, turn: SendTurn::default() }
    }
}

impl<P: Pattern> Drop for Turn<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.core.leave(self.whence, &mut self.turn.ticket);
    }
}

/// A refused message, given back.
#[cold]
pub(super) fn refused<F: Form>((kind, message): (SendErrorKind, F)) -> SendError {
    SendError::new(kind, message.into())
}
