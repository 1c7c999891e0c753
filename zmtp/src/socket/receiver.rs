//! What the receiving task holds for itself, and how it gets more.

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
    #[inline]
    pub(crate) fn poll_next<T>(
        &mut self,
        core: &Core<P>,
        cx: Option<&Context<'_>>,
        accept: impl Fn(&mut P::Intake, Source<'_>, Message) -> Option<T>,
    ) -> Poll<Result<T, RecvError>> {
        // What is in our hands already, unless a peer that is not in the round may have something.
        if !core.has_arrivals()
            && !self.inbox.has_spent()
            && let Some(Some(taken)) =
                self.inbox.next(|source, message| accept(&mut self.intake, source, message))
        {
            return Poll::Ready(Ok(taken));
        }
        self.poll_more(core, cx, accept)
    }

    #[cold]
    fn poll_more<T>(
        &mut self,
        core: &Core<P>,
        cx: Option<&Context<'_>>,
        accept: impl Fn(&mut P::Intake, Source<'_>, Message) -> Option<T>,
    ) -> Poll<Result<T, RecvError>> {
        loop {
            let taken = match ready!(core.poll_refill(&mut self.inbox, cx))? {
                Some((peer, message)) => {
                    let source = Source { peer, routing_id: None, note: None };
                    accept(&mut self.intake, source, message)
                }
                None => {
                    let next = self.inbox.next(|source, message| accept(&mut self.intake, source, message));
                    next.flatten()
                }
            };
            if let Some(taken) = taken {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// The same without waiting.
    pub(crate) fn try_next(&mut self, core: &Core<P>) -> Result<Message, RecvError> {
        match self.poll_next(core, None, P::accept) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(RecvError::Empty),
        }
    }
}
