//! The attempts that a balancer tells of, and who was there to do them.
//!
//! However long it runs, no more than so many attempts are kept: the oldest are counted and forgotten.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use zmtp_patterns::balancer::job::{TaskId, WorkerId};
use zmtp_patterns::balancer::{Ending, Notice};

#[derive(Debug)]
pub(super) struct Record {
    most: usize,
    /// When the first attempt began and the last one ended.
    pub(super) begin: Option<Instant>,
    pub(super) end: Option<Instant>,
    pub(super) workers: BTreeMap<WorkerId, Presence>,
    /// In the order of their ends.
    pub(super) bars: VecDeque<Bar>,
    open: HashMap<TaskId, Open>,
    /// Attempts, and those that failed or were lost.
    pub(super) attempts: u64,
    pub(super) failed: u64,
    /// Attempts that were forgotten, and notices that were never heard.
    pub(super) dropped: u64,
    pub(super) missed: u64,
    /// How long there was something to do, for each attempt.
    pub(super) busy: Duration,
    /// Workers that are gone and have no attempt here, and how long their slots were there.
    pub(super) forgotten: usize,
    pub(super) forgotten_time: Duration,
}

/// A worker, from when it came first until it was gone last.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) came: Instant,
    left: Option<Instant>,
    pub(super) slots: u16,
    /// Which of its lanes have an attempt: as many as it ever had attempts at a time.
    pub(super) lanes: Vec<bool>,
    bars: usize,
}

/// One attempt that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) task: TaskId,
    pub(super) worker: WorkerId,
    pub(super) lane: usize,
    pub(super) since: Instant,
    pub(super) until: Instant,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    /// It did not go well, or its worker was lost.
    Failed,
    /// Given back, withdrawn, or still being done when nobody looked any more.
    Open,
}

#[derive(Debug)]
struct Open {
    worker: WorkerId,
    lane: usize,
    since: Instant,
}

impl Record {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            begin: None,
            end: None,
            workers: BTreeMap::new(),
            bars: VecDeque::new(),
            open: HashMap::new(),
            attempts: 0,
            failed: 0,
            dropped: 0,
            missed: 0,
            busy: Duration::ZERO,
            forgotten: 0,
            forgotten_time: Duration::ZERO,
        }
    }

    pub(super) fn note(&mut self, now: Instant, notice: Notice) {
        match notice {
            Notice::Came(worker, slots) => {
                let hand = self.worker(worker, now);
                (hand.slots, hand.left) = (slots, None);
            }
            Notice::Lost(worker) => {
                if let Some(hand) = self.workers.get_mut(&worker) {
                    hand.left = Some(now);
                }
                self.forget(worker);
            }
            Notice::Leased(task, worker) => self.begun(now, task, worker),
            Notice::SetBack(task, ..) => self.ended(now, task, End::Failed),
            Notice::Returned(task, _) => self.ended(now, task, End::Open),
            Notice::Ended(task, ending) => {
                let end = match ending {
                    Ending::Done => End::Done,
                    Ending::Dead => End::Failed,
                    Ending::Skipped | Ending::Cancelled => End::Open,
                };
                self.ended(now, task, end);
            }
            _ => {}
        }
    }

    /// So many notices were told faster than they were heard.
    pub(super) fn miss(&mut self, notices: u64) {
        self.missed += notices;
    }

    /// Nobody looks any more.
    pub(super) fn close(&mut self, now: Instant) {
        let open: Vec<_> = self.open.keys().copied().collect();
        for task in open {
            self.ended(now, task, End::Open);
        }
    }

    /// How long the slots of all workers were there, between the first beginning and the last end.
    pub(super) fn capacity(&self) -> Duration {
        let there = self.workers.values().map(|hand| self.there(hand)).sum::<Duration>();
        self.forgotten_time + there
    }

    fn there(&self, hand: &Presence) -> Duration {
        let (Some(begin), Some(end)) = (self.begin, self.end) else { return Duration::ZERO };
        let until = hand.left.map_or(end, |left| left.min(end));
        until.saturating_duration_since(hand.came.max(begin)) * hand.slots.into()
    }

    fn worker(&mut self, worker: WorkerId, now: Instant) -> &mut Presence {
        self.workers.entry(worker).or_insert_with(|| Presence {
            came: now,
            left: None,
            slots: 1,
            lanes: Vec::new(),
            bars: 0,
        })
    }

    fn begun(&mut self, now: Instant, task: TaskId, worker: WorkerId) {
        // Unless its end was missed there is none.
        self.ended(now, task, End::Open);
        self.begin.get_or_insert(now);
        self.attempts += 1;
        let lanes = &mut self.worker(worker, now).lanes;
        let lane = lanes.iter().position(|taken| !taken).unwrap_or(lanes.len());
        match lanes.get_mut(lane) {
            Some(taken) => *taken = true,
            None => lanes.push(true),
        }
        self.open.insert(task, Open { worker, lane, since: now });
    }

    fn ended(&mut self, now: Instant, task: TaskId, end: End) {
        let Some(Open { worker, lane, since }) = self.open.remove(&task) else { return };
        self.end = Some(now);
        self.busy += now - since;
        self.failed += u64::from(end == End::Failed);
        let hand = self.worker(worker, now);
        if let Some(taken) = hand.lanes.get_mut(lane) {
            *taken = false;
        }
        hand.bars += 1;
        self.bars.push_back(Bar { task, worker, lane, since, until: now, end });
        if self.bars.len() > self.most
            && let Some(oldest) = self.bars.pop_front()
        {
            self.dropped += 1;
            if let Some(hand) = self.workers.get_mut(&oldest.worker) {
                hand.bars -= 1;
            }
            self.forget(oldest.worker);
        }
    }

    /// Forgets a worker that is gone and of which there is nothing to be seen.
    fn forget(&mut self, worker: WorkerId) {
        let Some(hand) = self.workers.get(&worker) else { return };
        let is_busy = hand.lanes.contains(&true);
        if hand.bars == 0 && hand.left.is_some() && !is_busy {
            self.forgotten_time += self.there(hand);
            self.forgotten += usize::from(!hand.lanes.is_empty());
            self.workers.remove(&worker);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const A: WorkerId = WorkerId([1; 16]);
    pub(in super::super) const B: WorkerId = WorkerId([2; 16]);

    /// A record of these notices, at so many milliseconds each.
    pub(in super::super) fn recorded(most: usize, notices: &[(u64, Notice)]) -> Record {
        let (start, mut record) = (Instant::now(), Record::new(most));
        let mut now = start;
        for (at, notice) in notices {
            now = start + Duration::from_millis(*at);
            record.note(now, *notice);
        }
        record.close(now);
        record
    }

    #[test]
    fn each_attempt_has_the_lowest_lane_that_is_free_and_an_end() {
        let [one, two, three] = [1, 2, 3].map(TaskId);
        let record = recorded(
            100,
            &[
                (0, Notice::Came(A, 2)),
                (10, Notice::Leased(one, A)),
                (10, Notice::Leased(two, A)),
                (20, Notice::Ended(one, Ending::Done)),
                (25, Notice::Leased(three, A)),
                (40, Notice::Returned(two, A)),
                (50, Notice::Leased(two, A)),
                (60, Notice::Ended(two, Ending::Dead)),
            ],
        );
        let bars: Vec<_> = record.bars.iter().map(|bar| (bar.task.0, bar.lane, bar.end)).collect();
        // The last one was not over.
        assert_eq!(bars, [(1, 0, End::Done), (2, 1, End::Open), (2, 1, End::Failed), (3, 0, End::Open)]);
        assert_eq!((record.attempts, record.failed), (4, 1));
        assert_eq!(record.busy, Duration::from_millis(10 + 30 + 10 + 35));
        assert_eq!(record.capacity(), Duration::from_millis(2 * 50));
    }

    #[test]
    fn a_worker_counts_while_it_is_there_and_there_is_work() {
        let record = recorded(
            100,
            &[
                (0, Notice::Came(A, 1)),
                (100, Notice::Leased(TaskId(1), A)),
                (120, Notice::Came(B, 3)),
                (130, Notice::SetBack(TaskId(1), A, zmtp_patterns::balancer::job::Setback::WorkerLost)),
                (130, Notice::Lost(A)),
                (140, Notice::Leased(TaskId(1), B)),
                (200, Notice::Ended(TaskId(1), Ending::Done)),
                (900, Notice::Lost(B)),
            ],
        );
        assert_eq!(record.capacity(), Duration::from_millis(30 + 3 * 80));
        assert_eq!(record.busy, Duration::from_millis(30 + 60));
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_what_is_forgotten_is_counted() {
        let mut notices = vec![];
        for number in 0..10 {
            // Each worker takes one task.
            let (at, worker, task) = (number * 10, WorkerId([number as u8; 16]), TaskId(number));
            notices.push((at, Notice::Came(worker, 1)));
            notices.push((at, Notice::Leased(task, worker)));
            notices.push((at + 10, Notice::Ended(task, Ending::Done)));
            notices.push((at + 10, Notice::Lost(worker)));
        }
        let record = recorded(4, &notices);
        assert_eq!((record.bars.len(), record.dropped, record.workers.len()), (4, 6, 4));
        assert_eq!((record.attempts, record.forgotten), (10, 6));
        assert_eq!(
            (record.busy, record.capacity()),
            (Duration::from_millis(100), Duration::from_millis(100))
        );
        // One that has done nothing leaves nothing.
        let record = recorded(4, &[(0, Notice::Came(A, 1)), (5, Notice::Lost(A))]);
        assert_eq!((record.workers.len(), record.forgotten), (0, 0));
    }
}
