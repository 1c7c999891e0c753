//! Another broker: what it takes, what it has, and how long that takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::flow::Inflow;
use crate::peering::wire::{Card, LinkStatus, Report, State};

/// A broker that this one has dialled.
#[derive(Debug)]
pub(super) struct Peer {
    /// Where it was dialled.
    pub(super) cloud: String,
    /// The operator wants it: it is not forgotten.
    pub(super) is_given: bool,
    /// Who it is, once it has said so.
    pub(super) card: Option<Card>,
    pub(super) link: LinkStatus,
    /// Since when the link is no other.
    pub(super) since: Instant,
    /// When it carried tasks last.
    pub(super) was_up: Instant,
    /// Which of its lives this is.
    pub(super) session: u64,
    /// Counts what it is told.
    pub(super) number: u64,
    pub(super) inflow: Inflow,
    pub(super) heard: Instant,
    /// When it is looked at next.
    pub(super) watched: Instant,
    pub(super) failures: u32,
    pub(super) report: Report,
    pub(super) state: Known,
    /// The last task that it was sent.
    last: u64,
    /// Since when it has seen nothing new of that, though there is something.
    unseen: Option<Instant>,
    /// Tasks without an answer: the request of each, and since when.
    sent: BTreeMap<u64, (u64, Instant)>,
    rtt: Option<Duration>,
}

/// What it has published.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) slots: u32,
    pub(super) queue: u32,
    pub(super) service: Duration,
    pub(super) is_leaving: bool,
}

impl Peer {
    pub(super) fn new(cloud: String, is_given: bool, now: Instant) -> Self {
        Self {
            cloud,
            is_given,
            card: None,
            link: LinkStatus::Connecting,
            since: now,
            was_up: now,
            session: 0,
            number: 0,
            inflow: Inflow::default(),
            heard: now,
            watched: now,
            failures: 0,
            report: Report::default(),
            state: Known::default(),
            last: 0,
            unseen: None,
            sent: BTreeMap::new(),
            rtt: None,
        }
    }

    /// How many more tasks would find a worker there, if nobody else sends any: what it takes, without those that were
    /// sent and that it had not seen when it said so.
    pub(super) fn usable(&self) -> u32 {
        if self.link != LinkStatus::Up || self.state.is_leaving {
            return 0;
        }
        let unseen = self.last.saturating_sub(self.report.seen);
        self.report.free.saturating_sub(unseen.try_into().unwrap_or(u32::MAX))
    }

    /// How long it takes until a task is begun there, as far as is known.
    pub(super) fn wait(&self) -> Duration {
        let Known { slots, queue, service, .. } = self.state;
        self.rtt() + service.mul_f64(f64::from(queue) / f64::from(slots.max(1)))
    }

    /// How long a task takes to get there and back, without the work.
    pub(super) fn rtt(&self) -> Duration {
        self.rtt.unwrap_or_default()
    }

    /// So long did something take there and back.
    pub(super) fn measure(&mut self, rtt: Duration) {
        self.rtt = Some(self.rtt.map_or(rtt, |known| known.mul_f64(0.9) + rtt.mul_f64(0.1)));
    }

    /// A new connection: nothing that was sent counts any more. Gives back the requests.
    pub(super) fn restart(&mut self) -> Vec<u64> {
        (self.last, self.unseen) = (0, None);
        self.report = Report { number: self.report.number, ..Report::default() };
        let mut requests: Vec<_> = std::mem::take(&mut self.sent).into_values().map(|(it, _)| it).collect();
        requests.sort_unstable();
        requests
    }

    /// It is this one, in this life.
    pub(super) fn is(&mut self, now: Instant, card: Card, session: u64, report: Report) {
        if self.session != session {
            (self.session, self.report, self.state) = (session, Report::default(), Known::default());
        }
        self.card = Some(card);
        self.take(now, report);
    }

    /// What it takes now. What it has said before that and comes later counts for nothing.
    pub(super) fn take(&mut self, now: Instant, report: Report) {
        if report.number > self.report.number {
            if report.seen >= self.last {
                self.unseen = None;
            } else if report.seen > self.report.seen {
                self.unseen = Some(now);
            }
            self.report = report;
        }
    }

    /// What it has published, and of that what it has seen of us.
    pub(super) fn hear(&mut self, now: Instant, state: &State, seen: u64) {
        if state.number > self.report.number {
            self.take(now, Report { number: state.number, free: state.free, seen });
            let State { slots, queue, service, is_leaving, .. } = *state;
            self.state = Known { slots, queue, service, is_leaving };
        }
    }

    /// Sends it this. Says what to call it.
    pub(super) fn send(&mut self, now: Instant, request: u64) -> u64 {
        self.last += 1;
        self.unseen.get_or_insert(now);
        self.sent.insert(self.last, (request, now));
        self.last
    }

    /// This task has an answer. Says of which request it was and when it was sent, if it was.
    pub(super) fn end(&mut self, task: u64) -> Option<(u64, Instant)> {
        self.sent.remove(&task)
    }

    /// How many tasks have no answer.
    pub(super) fn has(&self) -> usize {
        self.sent.len()
    }

    /// For how long the link has been of no use: it was not heard, or it has not seen what it was sent.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now - self.unseen.map_or(self.heard, |unseen| unseen.min(self.heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up() -> Peer {
        let now = Instant::now();
        Peer { link: LinkStatus::Up, ..Peer::new("tcp://10.0.0.2:6002".into(), false, now) }
    }

    fn report(number: u64, free: u32, seen: u64) -> Report {
        Report { number, free, seen }
    }

    /// P16: a number that is spoken by many and spent by all is worth nothing; this one is spent when it is used.
    #[test]
    fn p16_what_a_peer_takes_is_less_by_what_it_had_not_seen_when_it_said_so() {
        let (mut peer, now) = (up(), Instant::now());
        peer.take(now, report(1, 3, 0));
        for (task, usable) in [(1, 2), (2, 1), (3, 0), (4, 0)] {
            assert_eq!((peer.send(now, task), peer.usable()), (task, usable));
        }
        // It has seen two of them, and takes two more: those that are on their way.
        peer.take(now, report(2, 2, 2));
        assert_eq!(peer.usable(), 0);
        peer.take(now, report(3, 3, 2));
        assert_eq!(peer.usable(), 1);
        // What was said before comes after it.
        peer.take(now, report(2, 100, 4));
        assert_eq!(peer.usable(), 1);
        peer.link = LinkStatus::Stale;
        assert_eq!(peer.usable(), 0);
    }

    #[test]
    fn what_is_answered_counts_no_less_than_what_is_not() {
        let (mut peer, now) = (up(), Instant::now());
        peer.take(now, report(1, 2, 0));
        peer.send(now, 10);
        peer.end(1);
        assert_eq!((peer.usable(), peer.has()), (1, 0));
    }

    #[test]
    fn another_life_knows_nothing_of_what_was_sent() {
        let (mut peer, now) = (up(), Instant::now());
        peer.take(now, report(9, 2, 0));
        peer.send(now, 10);
        assert_eq!(peer.restart(), [10]);
        let card = Card { name: "DC2".into(), cloud: String::new(), state: String::new() };
        peer.is(now, card, 77, report(1, 2, 0));
        assert_eq!(peer.usable(), 2);
    }

    #[test]
    fn a_link_on_which_nothing_is_seen_is_of_no_use_though_it_is_heard() {
        let (mut peer, start) = (up(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        peer.heard = at(900);
        assert_eq!(peer.silence(at(1000)), Duration::from_millis(100));
        peer.send(at(400), 10);
        assert_eq!(peer.silence(at(1000)), Duration::from_millis(600));
        // Also when nobody waits for it any more.
        peer.end(1);
        assert_eq!(peer.silence(at(1000)), Duration::from_millis(600));
        peer.send(at(500), 11);
        peer.take(at(700), report(1, 1, 1));
        assert_eq!(peer.silence(at(1000)), Duration::from_millis(300));
        peer.take(at(800), report(2, 1, 2));
        assert_eq!(peer.silence(at(1000)), Duration::from_millis(100));
    }
}
