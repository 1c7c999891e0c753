//! The jobs, the orders on their way, and what became of them. Pure: no clock, no sockets.
//!
//! A job is one folder. Every order sent for it is an *attempt* and, until its end is known, a [`Flight`].
//! PUSH does not say which worker an order went to; the worker's `started` does. Two rules keep the result
//! right:
//!
//! * The first accepted result of a job counts, whichever attempt it is of; later ones are duplicates.
//! * A job whose every flight is lost waits again. It is given up after more than `retries` failures; an
//!   order that nobody had started is not a failure of the job.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::job::{Flight, Job, Lost, Next, Unknown, Verdict};
use crate::{
    events::Span,
    outcome::{Outcome, State},
};

#[derive(Debug)]
pub(crate) struct Ledger {
    jobs: Vec<Job>,
    waiting: VecDeque<usize>,
    flights: Vec<Flight>,
    retries: u32,
    /// When a worker has reported last, or an order was sent.
    heard: Option<Instant>,
    duplicates: u64,
    resent: u64,
}

impl Ledger {
    pub(crate) fn new(jobs: usize, retries: u32) -> Self {
        Self {
            jobs: (0..jobs).map(|_| Job::default()).collect(),
            waiting: (0..jobs).collect(),
            flights: Vec::new(),
            retries,
            heard: None,
            duplicates: 0,
            resent: 0,
        }
    }

    /// The next job to be sent and its attempt; from now on it is in flight.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(usize, u32)> {
        let id = self.waiting.pop_front()?;
        let job = &mut self.jobs[id];
        job.attempts += 1;
        self.resent += u64::from(job.attempts > 1);
        self.heard = Some(now);
        self.flights.push(Flight { job: id, attempt: job.attempts, since: now, worker: None });
        Some((id, job.attempts))
    }

    /// The socket had no room: as if [`Self::next`] had not been called.
    pub(crate) fn put_back(&mut self, id: usize, attempt: u32) {
        self.remove(id, attempt);
        self.jobs[id].attempts -= 1;
        self.resent -= u64::from(attempt > 1);
        self.waiting.push_front(id);
    }

    pub(crate) fn handle_report(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// A worker has begun. Does this make another flight of the same worker a lost one? It does one job at a
    /// time, and tells the end of the old one before the start of the new one.
    pub(crate) fn handle_started(
        &mut self,
        now: Instant,
        worker: &str,
        id: usize,
        attempt: u32,
    ) -> Result<Vec<Lost>, Unknown> {
        self.check(id, attempt)?;
        let same = |flight: &Flight| flight.job == id && flight.attempt == attempt;
        let lost = self.lose("its result was lost", |flight| flight.by(worker) && !same(flight));
        match self.flights.iter_mut().find(|flight| same(flight)) {
            Some(flight) => (flight.worker, flight.since) = (Some(worker.to_owned()), now),
            // It had been counted as lost with a peer, yet sat in the queue of another.
            None => {
                self.flights.push(Flight { job: id, attempt, since: now, worker: Some(worker.to_owned()) });
                self.waiting.retain(|&waiting| waiting != id);
            }
        }
        Ok(lost)
    }

    /// Is this the result that counts? Then the caller commits it and says [`Self::settle`] or
    /// [`Self::reopen`].
    pub(crate) fn handle_done(&mut self, id: usize, attempt: u32) -> Result<Verdict, Unknown> {
        self.check(id, attempt)?;
        self.remove(id, attempt);
        if self.jobs[id].state != State::Open {
            self.duplicates += 1;
            return Ok(Verdict::Duplicate);
        }
        self.jobs[id].state = State::Accepted;
        self.waiting.retain(|&waiting| waiting != id);
        Ok(Verdict::Accepted)
    }

    /// The job is done, for good.
    pub(crate) fn settle(&mut self, id: usize, result: Outcome) {
        self.jobs[id].state = State::Done(result);
    }

    /// The accepted result could not be put in place.
    pub(crate) fn reopen(&mut self, id: usize, attempt: u32, why: &str) -> Next {
        if self.jobs[id].state == State::Accepted {
            self.jobs[id].state = State::Open;
        }
        self.fail(id, attempt, why)
    }

    /// An attempt has failed and its worker is free again.
    pub(crate) fn handle_failed(&mut self, id: usize, attempt: u32, text: &str) -> Result<Next, Unknown> {
        self.check(id, attempt)?;
        self.remove(id, attempt);
        Ok(self.fail(id, attempt, text))
    }

    /// A worker is known to be dead: what it had started is lost.
    pub(crate) fn handle_death(&mut self, worker: &str) -> Vec<Lost> {
        self.lose(&format!("{worker} has gone"), |flight| flight.by(worker))
    }

    /// A peer has left the orders socket. Whatever nobody has started may have been in its queue.
    pub(crate) fn handle_peer_lost(&mut self) -> Vec<usize> {
        let mut doubtful = Vec::new();
        self.flights.retain(|flight| {
            let keep = flight.worker.is_some();
            if !keep {
                doubtful.push(flight.job);
            }
            keep
        });
        doubtful.retain(|&id| self.is_idle(id));
        self.waiting.extend(&doubtful);
        doubtful
    }

    /// What has been away for too long, a job taking `limit` at most.
    pub(crate) fn handle_overdue(&mut self, now: Instant, limit: Duration) -> Vec<Lost> {
        let last_start = self.last_start(limit);
        self.lose(&format!("no answer for {}", Span(limit)), |flight| flight.end(limit, last_start) <= now)
    }

    /// When that happens next.
    pub(crate) fn next_overdue(&self, limit: Duration) -> Option<Instant> {
        let last_start = self.last_start(limit);
        self.flights.iter().map(|flight| flight.end(limit, last_start)).min()
    }

    /// The oldest order that no worker with a name has started.
    pub(crate) fn oldest_unnamed(&self) -> Option<(usize, u32)> {
        self.flights.iter().find(|flight| flight.worker.is_none()).map(|flight| (flight.job, flight.attempt))
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn all_settled(&self) -> bool {
        self.jobs.iter().all(Job::is_settled)
    }

    /// What is still open will not be done; the last failure of the job itself is the better reason.
    pub(crate) fn give_up(&mut self, reason: &str) {
        self.waiting.clear();
        for job in self.jobs.iter_mut().filter(|job| !job.is_settled()) {
            job.state = State::Failed(job.last_failure.take().unwrap_or_else(|| reason.to_owned()));
        }
    }

    /// What is still open counts as done by workers that do not report.
    pub(crate) fn settle_unreported(&mut self) -> usize {
        let open = self.jobs.iter_mut().filter(|job| !job.is_settled() && job.last_failure.is_none());
        open.map(|job| job.state = State::Done(Outcome::default())).count()
    }

    pub(crate) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    pub(crate) fn resent(&self) -> u64 {
        self.resent
    }

    fn check(&self, id: usize, attempt: u32) -> Result<(), Unknown> {
        match self.jobs.get(id) {
            Some(job) if (1..=job.attempts).contains(&attempt) => Ok(()),
            _ => Err(Unknown),
        }
    }

    /// When the last of the orders that nobody has started must have been started, even if all of them are in
    /// the queue of one worker: it would be heard of every `limit`.
    fn last_start(&self, limit: Duration) -> Option<Instant> {
        let queued = self.flights.iter().filter(|flight| flight.worker.is_none()).count();
        self.heard?.checked_add(limit.saturating_mul(u32::try_from(queued).unwrap_or(u32::MAX)))
    }

    fn remove(&mut self, id: usize, attempt: u32) {
        self.flights.retain(|flight| flight.job != id || flight.attempt != attempt);
    }

    fn lose(&mut self, why: &str, which: impl Fn(&Flight) -> bool) -> Vec<Lost> {
        let lost: Vec<_> = self.flights.extract_if(.., |flight| which(flight)).collect();
        let lost = lost.into_iter();
        lost.map(|Flight { job, attempt, .. }| (job, attempt, self.fail(job, attempt, why))).collect()
    }

    fn fail(&mut self, id: usize, attempt: u32, why: &str) -> Next {
        if self.jobs[id].state != State::Open {
            return Next::Settled;
        }
        let job = &mut self.jobs[id];
        job.failures.insert(attempt);
        job.last_failure = Some(why.to_owned());
        if !self.is_idle(id) {
            Next::StillTrying
        } else if self.jobs[id].failures.len() > self.retries as usize {
            self.jobs[id].state = State::Failed(why.to_owned());
            Next::GivenUp
        } else {
            self.waiting.push_back(id);
            Next::Again
        }
    }

    /// Open, and neither waiting nor in flight.
    fn is_idle(&self, id: usize) -> bool {
        self.jobs[id].state == State::Open
            && !self.waiting.contains(&id)
            && !self.flights.iter().any(|flight| flight.job == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(jobs: usize) -> (Ledger, Instant) {
        let (mut ledger, now) = (Ledger::new(jobs, 2), Instant::now());
        for job in 0..jobs {
            assert_eq!(ledger.next(now), Some((job, 1)));
        }
        (ledger, now)
    }

    #[test]
    fn the_first_result_counts_and_the_second_is_a_duplicate() {
        let (mut ledger, now) = sent(1);
        ledger.handle_started(now, "a", 0, 1).unwrap();
        assert_eq!(ledger.handle_death("a"), [(0, 1, Next::Again)]);
        assert_eq!(ledger.next(now), Some((0, 2)));

        // The dead worker's last words arrive late, and before those of the second worker.
        assert_eq!(ledger.handle_done(0, 1), Ok(Verdict::Accepted));
        ledger.settle(0, Outcome::default());
        assert_eq!(ledger.handle_done(0, 2), Ok(Verdict::Duplicate));

        assert!(ledger.all_settled());
        assert_eq!((ledger.duplicates(), ledger.resent(), ledger.in_flight()), (1, 1, 0));
    }

    #[test]
    fn an_order_nobody_started_is_sent_again_when_a_peer_leaves_and_that_is_no_failure() {
        let (mut ledger, now) = sent(3);
        ledger.handle_started(now, "a", 1, 1).unwrap();

        for attempt in 2..10 {
            assert_eq!(ledger.handle_peer_lost(), [0, 2]);
            assert_eq!(ledger.next(now), Some((0, attempt)));
            assert_eq!(ledger.next(now), Some((2, attempt)));
        }
        assert_eq!(ledger.in_flight(), 3);
    }

    #[test]
    fn an_order_taken_for_lost_is_not_sent_again_once_it_shows_up() {
        let (mut ledger, now) = sent(1);
        assert_eq!(ledger.handle_peer_lost(), [0]);
        assert!(ledger.has_waiting());

        ledger.handle_started(now, "b", 0, 1).unwrap();

        assert_eq!(ledger.next(now), None);
        assert_eq!(ledger.in_flight(), 1);
    }

    #[test]
    fn a_worker_that_starts_another_job_has_lost_the_first() {
        let (mut ledger, now) = sent(2);
        assert_eq!(ledger.handle_started(now, "a", 0, 1), Ok(vec![]));
        assert_eq!(ledger.handle_started(now, "a", 1, 1), Ok(vec![(0, 1, Next::Again)]));
    }

    #[test]
    fn a_job_is_given_up_after_its_retries() {
        let mut ledger = Ledger::new(1, 2);
        let now = Instant::now();
        for next in [Next::Again, Next::Again, Next::GivenUp] {
            let (job, attempt) = ledger.next(now).unwrap();
            assert_eq!(ledger.handle_failed(job, attempt, "no"), Ok(next));
        }
        assert_eq!(ledger.jobs()[0].state, State::Failed("no".into()));
        assert!(ledger.all_settled());
    }

    #[test]
    fn silence_is_a_failure_only_after_the_limit() {
        let (mut ledger, now) = sent(1);
        let limit = Duration::from_secs(5);
        assert_eq!(ledger.handle_overdue(now + limit / 2, limit), []);
        assert_eq!(ledger.handle_overdue(now + limit, limit), [(0, 1, Next::Again)]);
    }

    #[test]
    fn an_order_in_a_queue_is_missed_only_when_those_before_it_would_be_through() {
        let (mut ledger, now) = sent(3);
        let limit = Duration::from_secs(5);
        ledger.handle_report(now + limit / 2);
        ledger.handle_started(now + limit / 2, "a", 0, 1).unwrap();

        assert_eq!(ledger.next_overdue(limit), Some(now + limit * 3 / 2));
        assert_eq!(ledger.handle_overdue(now + limit * 3 / 2, limit), [(0, 1, Next::Again)]);
        assert_eq!(ledger.next_overdue(limit), Some(now + limit * 5 / 2));
        assert_eq!(ledger.handle_overdue(now + limit * 5 / 2, limit).len(), 2);
    }

    #[test]
    fn a_failure_of_one_attempt_leaves_the_other_alone() {
        let (mut ledger, now) = sent(1);
        ledger.handle_peer_lost();
        ledger.next(now);
        ledger.handle_started(now, "b", 0, 1).unwrap();
        assert_eq!(ledger.handle_failed(0, 1, "no"), Ok(Next::StillTrying));
        assert_eq!(ledger.handle_done(0, 2), Ok(Verdict::Accepted));
    }

    #[test]
    fn reports_of_orders_never_sent_are_refused() {
        let (mut ledger, now) = sent(1);
        for (job, attempt) in [(0, 0), (0, 2), (1, 1), (usize::MAX, u32::MAX)] {
            assert_eq!(ledger.handle_started(now, "a", job, attempt), Err(Unknown));
            assert_eq!(ledger.handle_done(job, attempt), Err(Unknown));
            assert_eq!(ledger.handle_failed(job, attempt, ""), Err(Unknown));
        }
    }

    #[test]
    fn an_order_without_room_goes_back_to_the_front() {
        let mut ledger = Ledger::new(2, 0);
        let now = Instant::now();
        let (job, attempt) = ledger.next(now).unwrap();
        ledger.put_back(job, attempt);
        assert_eq!((ledger.in_flight(), ledger.next(now)), (0, Some((0, 1))));
    }
}
