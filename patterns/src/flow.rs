//! Whether messages come once and in order: they are numbered, and a gap means that one was lost.

/// The messages of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inflow {
    /// The session, and the number that comes next.
    expected: Option<(u64, u64)>,
}

/// What a message's number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next, or the first of its session.
    InOrder,
    /// It has come before.
    Again,
    /// One before it was lost.
    AfterGap,
}

impl Inflow {
    /// Whether it is the session that was heard last.
    pub fn is_of(&self, session: u64) -> bool {
        self.expected.is_some_and(|(its, _)| its == session)
    }

    /// A message with this number has come.
    pub fn arrive(&mut self, session: u64, number: u64) -> Arrival {
        let arrival = match self.expected {
            Some((known, next)) if known == session && number < next => return Arrival::Again,
            Some((known, next)) if known == session && number > next => Arrival::AfterGap,
            _ => Arrival::InOrder,
        };
        self.restart(session, number);
        arrival
    }

    /// A message with this number begins a new count: it is the first of a connection.
    pub fn restart(&mut self, session: u64, number: u64) {
        self.expected = Some((session, number.saturating_add(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_and_a_lost_one_is_missed_with_the_next() {
        let mut inflow = Inflow::default();
        let arrivals = [(1, 5), (1, 6), (1, 6), (1, 5), (1, 8), (1, 9), (2, 9), (2, 10)];
        let expected = [
            Arrival::InOrder,
            Arrival::InOrder,
            Arrival::Again,
            Arrival::Again,
            Arrival::AfterGap,
            Arrival::InOrder,
            Arrival::InOrder,
            Arrival::InOrder,
        ];
        assert_eq!(arrivals.map(|(session, number)| inflow.arrive(session, number)), expected);
        inflow.restart(2, 0);
        assert_eq!(inflow.arrive(2, 1), Arrival::InOrder);
    }
}
