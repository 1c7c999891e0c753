//! Tasks that wait their turn, first come, first woken.

use std::collections::VecDeque;
use std::task::{Context, Waker};

/// A queue of sleeping tasks.
///
/// Waking takes a task out. A task that was woken and goes away without using its turn passes it on: see
/// [`leave`](Self::leave).
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    queue: VecDeque<(u64, Waker)>,
    next: u64,
}

/// A task's place in the queue; it keeps the number when it has been woken.
#[derive(Debug, Default)]
pub(crate) struct Ticket(Option<u64>);

impl Waiters {
    /// Puts the task into the queue, or refreshes its waker if it is still there.
    pub(crate) fn wait(&mut self, ticket: &mut Ticket, cx: &Context<'_>) {
        if let Some(number) = ticket.0
            && let Some((_, waker)) = self.queue.iter_mut().find(|(queued, _)| *queued == number)
        {
            waker.clone_from(cx.waker());
            return;
        }
        ticket.0 = Some(self.next);
        self.queue.push_back((self.next, cx.waker().clone()));
        self.next += 1;
    }

    /// Moves up to `turns` tasks to `wakes`.
    pub(crate) fn wake(&mut self, turns: usize, wakes: &mut Vec<Waker>) {
        let turns = turns.min(self.queue.len());
        wakes.extend(self.queue.drain(..turns).map(|(_, waker)| waker));
    }

    /// Takes a task out that no longer waits. If it had been woken and `used` is false, the next one gets its turn.
    pub(crate) fn leave(&mut self, ticket: &mut Ticket, used: bool, wakes: &mut Vec<Waker>) {
        let Some(number) = ticket.0.take() else { return };
        match self.queue.iter().position(|(queued, _)| *queued == number) {
            Some(place) => drop(self.queue.remove(place)),
            None if used => {}
            None => self.wake(1, wakes),
        }
    }
}

impl Ticket {
    /// Whether the task ever waited.
    pub(crate) fn is_drawn(&self) -> bool {
        self.0.is_some()
    }
}
