//! The shape of every component's hard part.

use std::time::Instant;

/// A state machine without sockets, clocks and tasks: what has happened comes in with the time at which it did, and
/// what is to be done comes out.
///
/// Whoever drives it calls [`handle`](Machine::handle) for each input, then [`poll_output`](Machine::poll_output) until
/// there is none, then waits for the next input or for [`next_deadline`](Machine::next_deadline), whichever is first;
/// at a deadline it calls [`wake`](Machine::wake). Time never runs backwards. Two machines that are told the same say
/// the same: chance is a seed that they are given.
pub trait Machine {
    /// What can happen to it.
    type Input;
    /// What it wants done.
    type Output;

    /// Something has happened.
    fn handle(&mut self, now: Instant, input: Self::Input);

    /// It is so late now.
    fn wake(&mut self, now: Instant);

    /// The next thing to do, in order.
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// When to call [`wake`](Machine::wake) at the latest, if nothing else happens. May be too early, never too late.
    fn next_deadline(&self) -> Option<Instant>;
}
