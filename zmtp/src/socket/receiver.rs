//! What the receiving task holds for itself, and how it gets more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::core::Core;
use super::inbox::Inbox;
use crate::error::RecvError;
use crate::message::Message;
use crate::pattern::{Pattern, Receives, Source};

#[derive(Debug)]
pub(crate) struct Receiver<P: Pattern> {
    pub(crate) inbox: Inbox,
    pub(crate) intake: P::Intake,
}

impl<P: Receives> Receiver<P> {
    /// What `accept` makes of the next message of which it makes anything.
    #[inline(always)]
    pub(crate) fn poll_next<T>(
        &mut self,
        core: &Core<P>,
        cx: Option<&Context<'_>>,
        accept: impl Fn(&mut P::Intake, Source<'_>, Message) -> Option<T>,
    ) -> Poll<Result<T, RecvError>> {
        if P::IN_TURN {
            return self.poll_turn(core, cx, accept);
        }
        loop {
            // What is in our hands already, unless a peer that is not in the round may have something.
            if core.has_arrivals() || self.inbox.wants_more() {
                ready!(self.poll_refill(core, cx))?;
            }
            let taken = if let Some((source, octets, len)) = self.inbox.short() {
                // In the common case all of this comes down to moving the octets to where the caller wants them.
                let is_wanted = octets.get(..len).is_some_and(|body| P::wants(&mut self.intake, body));
                let taken = if is_wanted {
                    accept(&mut self.intake, source, Message::short(octets, len))
                } else {
                    None
                };
                self.inbox.advance_short(len);
                taken
            } else if let Some((source, body)) = self.inbox.single() {
                let is_wanted = P::wants(&mut self.intake, &body);
                let taken = if is_wanted { accept(&mut self.intake, source, body.into()) } else { None };
                self.inbox.advance();
                taken
            } else {
                let next =
                    self.inbox.long().filter(|(_, message)| P::wants(&mut self.intake, message.first()));
                let taken = next.and_then(|(source, message)| accept(&mut self.intake, source, message));
                self.inbox.advance();
                taken
            };
            if let Some(taken) = taken {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// Not inlined, and it gives no message: see [`Chunk::next_into`](crate::wire::Chunk::next_into).
    #[cold]
    #[inline(never)]
    fn poll_refill(&mut self, core: &Core<P>, cx: Option<&Context<'_>>) -> Poll<Result<(), RecvError>> {
        core.poll_refill(&mut self.inbox, cx)
    }

    fn poll_turn<T>(
        &mut self,
        core: &Core<P>,
        cx: Option<&Context<'_>>,
        accept: impl Fn(&mut P::Intake, Source<'_>, Message) -> Option<T>,
    ) -> Poll<Result<T, RecvError>> {
        loop {
            let (peer, message) = ready!(core.poll_turn(cx))?;
            let source = Source { peer, routing_id: None, note: None };
            if let Some(taken) = accept(&mut self.intake, source, message) {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// The next message.
    pub(crate) fn recv<'a>(&'a mut self, core: &'a Core<P>) -> Recv<'a, P> {
        Recv { receiver: self, core }
    }

    /// The same without waiting.
    pub(crate) fn try_next(&mut self, core: &Core<P>) -> Result<Message, RecvError> {
        match self.poll_next(core, None, P::accept) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(RecvError::Empty),
        }
    }
}

/// Waits for the next message. A future of its own instead of an async function: what is at hand already is taken in
/// fewer instructions than another layer costs.
pub(crate) struct Recv<'a, P: Pattern> {
    receiver: &'a mut Receiver<P>,
    core: &'a Core<P>,
}

impl<P: Receives> Future for Recv<'_, P> {
    type Output = Result<Message, RecvError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { receiver, core } = &mut *self;
        receiver.poll_next(core, Some(cx), P::accept)
    }
}
