//! What is written down of tasks, and how a broker begins with what another has written.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use super::task::{Leased, Phase};
use super::workers::most_attempts;
use super::{Broker, Config, Timer};
use bytes::Bytes;

use crate::balancer::job::{Attempt, Ending, Job, Outcome, Setback, TaskId, WorkerId};
use crate::balancer::wire::{Hello, Lease};
use crate::wire::{Malformed, Reader, Writer};

/// Something that has happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// It is in the queue.
    Submitted {
        /// Its name.
        task: TaskId,
        /// What it is.
        job: Arc<Job>,
    },
    /// It went to a worker.
    Leased {
        /// Which attempt.
        lease: Lease,
        /// Whose.
        worker: WorkerId,
        /// The worker's session.
        session: u64,
    },
    /// It came back, and that cost nothing.
    Returned {
        /// Its name.
        task: TaskId,
    },
    /// An attempt did not go well.
    SetBack {
        /// Its name.
        task: TaskId,
        /// Whose attempt, and what was wrong.
        attempt: Attempt,
    },
    /// It has ended.
    Ended {
        /// Its name.
        task: TaskId,
        /// How.
        outcome: Outcome,
    },
    /// Its result was claimed, or nobody will claim it, or it was dead and was let go.
    Claimed {
        /// Its name.
        task: TaskId,
    },
    /// It was tried as often as it may be, and is kept with its history.
    Buried {
        /// Its name.
        task: TaskId,
    },
    /// It is tried again, and its history is over.
    Retried {
        /// Its name.
        task: TaskId,
    },
}

impl Record {
    /// Which task's it is.
    pub fn task(&self) -> TaskId {
        match self {
            Self::Leased { lease, .. } => lease.task,
            Self::Submitted { task, .. }
            | Self::Returned { task }
            | Self::SetBack { task, .. }
            | Self::Ended { task, .. }
            | Self::Claimed { task }
            | Self::Buried { task }
            | Self::Retried { task } => *task,
        }
    }

    /// As octets, for a journal.
    pub fn encode(&self) -> Vec<u8> {
        let kind = |kind: u8| Writer::default().u8(kind).u64(self.task().0);
        let (fields, payload) = match self {
            Self::Submitted { job, .. } => (job.write(kind(0)), &job.payload[..]),
            Self::Leased { lease, worker, session } => {
                (worker.write(kind(1).u16(lease.attempt)).u64(*session), &[][..])
            }
            Self::Returned { .. } => (kind(2), &[][..]),
            Self::SetBack { attempt, .. } => {
                let (setback, code) = match attempt.setback {
                    Setback::Failed { code } => (0, code),
                    Setback::WorkerLost => (1, 0),
                    Setback::HardLimit => (2, 0),
                    Setback::Stalled => (3, 0),
                };
                (attempt.worker.write(kind(3)).u8(setback).u32(code as u32), &[][..])
            }
            Self::Ended { outcome, .. } => (outcome.write(kind(4)), &outcome.payload[..]),
            Self::Claimed { .. } => (kind(5), &[][..]),
            Self::Buried { .. } => (kind(6), &[][..]),
            Self::Retried { .. } => (kind(7), &[][..]),
        };
        let fields = fields.end();
        [&(fields.len() as u32).to_be_bytes()[..], &fields, payload].concat()
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let cut = Malformed::Field("length");
        let (len, rest) = octets.split_first_chunk().ok_or(cut)?;
        let (fields, payload) = rest.split_at_checked(u32::from_be_bytes(*len) as usize).ok_or(cut)?;
        let (fields, payload) = (&mut Reader::new(fields), Bytes::copy_from_slice(payload));
        let kind = fields.u8("kind")?;
        let task = TaskId(fields.u64("task")?);
        Ok(match kind {
            0 => Self::Submitted { task, job: Arc::new(Job::read(fields, payload)?) },
            1 => Self::Leased {
                lease: Lease { task, attempt: fields.u16("attempt")? },
                worker: WorkerId::read(fields)?,
                session: fields.u64("session")?,
            },
            2 => Self::Returned { task },
            3 => {
                let worker = WorkerId::read(fields)?;
                let setback = match (fields.u8("setback")?, fields.u32("code")? as i32) {
                    (0, code) => Setback::Failed { code },
                    (1, _) => Setback::WorkerLost,
                    (2, _) => Setback::HardLimit,
                    (3, _) => Setback::Stalled,
                    _ => return Err(Malformed::Field("setback")),
                };
                Self::SetBack { task, attempt: Attempt { worker, setback } }
            }
            4 => Self::Ended { task, outcome: Outcome::read(fields, payload)? },
            5 => Self::Claimed { task },
            6 => Self::Buried { task },
            7 => Self::Retried { task },
            unknown => return Err(Malformed::Command(unknown)),
        })
    }
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// A broker that goes on where another stopped. Workers that had tasks then may come back to them for as long as
    /// they may be silent, and [`Config::resume_grace`] more.
    pub fn restore(
        config: Config,
        seed: u64,
        now: Instant,
        records: impl IntoIterator<Item = Record>,
    ) -> Self {
        // The other had room for all this.
        let all = usize::MAX;
        let room = Config { queue: all, queue_bytes: all, dead: all, dead_bytes: all, ..config.clone() };
        let mut broker = Self::new(room, seed, now);
        let names_of_this_life = broker.next_task;
        for record in records {
            broker.replay(now, record);
        }
        broker.config = config;
        // What replaying has said, nobody is there to hear, and all of it is written.
        broker.output.clear();
        broker.held_back.clear();
        (broker.recorded, broker.synced) = (0, 0);
        broker.forget_dead();
        // Records that follow, as that it is tried again, stand on this end.
        broker.end_spent();
        broker.counters = super::Counters::default();
        broker.next_task = names_of_this_life;
        broker.expect_back(now);
        broker
    }

    fn replay(&mut self, now: Instant, record: Record) {
        match record {
            Record::Submitted { task, mut job } => {
                // Those that are not known any more have ended well and were claimed, or the end of this one follows.
                Arc::make_mut(&mut job).after.retain(|key| self.keys.contains_key(key));
                self.insert(task, job, None);
                self.begin(task);
            }
            Record::Leased { lease, worker, session } => {
                let Some(task) = self.tasks.get_mut(&lease.task) else { return };
                self.queue.remove(&task.needs, task.place(lease.task));
                task.leases = lease.attempt;
                task.phase =
                    Phase::Leased(Leased { worker, session, since: now, moved: now, cancelled: None });
            }
            Record::Returned { task } => self.enqueue(task),
            Record::SetBack { task: id, attempt } => {
                let Some(task) = self.tasks.get_mut(&id).filter(|task| task.is_open()) else { return };
                task.attempts.push(attempt);
                // Tried again at once: how long it has waited by now, nobody knows.
                self.enqueue(id);
            }
            Record::Ended { task, outcome } => self.end(task, outcome),
            Record::Claimed { task } => {
                self.forget(task);
                self.let_go(task);
            }
            Record::Buried { task } => self.bury(task),
            Record::Retried { task } => self.retry(task),
        }
    }

    /// Ends what was tried as often as it may be: its last setback was written, and its end was not any more.
    fn end_spent(&mut self) {
        let spent: Vec<_> = self
            .tasks
            .iter()
            .filter(|(_, task)| {
                task.is_open() && task.attempts.len() >= usize::from(most_attempts(&self.config, &task.job))
            })
            .filter_map(|(id, task)| Some((*id, task.attempts.len(), task.attempts.last()?.setback)))
            .collect();
        for (id, attempts, setback) in spent {
            let payload = setback.to_string().into();
            self.end(id, Outcome { ending: Ending::Dead, attempts: attempts as u16, code: 0, payload });
        }
    }

    /// Those who had tasks when the broker stopped are away.
    fn expect_back(&mut self, now: Instant) {
        let until = now + self.config.beat * self.config.liveness + self.config.resume_grace;
        let leased: Vec<_> =
            self.tasks.iter().filter_map(|(id, task)| Some((*id, task.leases, task.leased()?))).collect();
        for (id, attempt, Leased { worker, session, .. }) in leased {
            if self.crew.get(worker).is_none() {
                self.crew.expect(worker, session, until, now);
            }
            // Of two sessions of one worker the later is right: the earlier had lost its tasks by then.
            self.crew.change(worker, |hand| hand.held.insert(id, attempt));
            self.timers.set(Timer::Hand(worker), until);
        }
    }
}

impl<P> super::crew::Crew<P> {
    /// A worker that is away and may come back.
    fn expect(&mut self, worker: WorkerId, session: u64, until: Instant, now: Instant) {
        let (host, beat) = (String::new(), std::time::Duration::ZERO);
        let hello = Hello {
            worker,
            host,
            pid: 0,
            slots: u16::MAX,
            max_tasks: 0,
            beat,
            tags: vec![],
            in_hand: vec![],
        };
        self.take_in_away(&hello, session, until, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;
    use crate::balancer::state::{Input, Output};
    use crate::balancer::wire::Command;
    use crate::wire::Header;

    /// What a client is told of a job that it submits again to a broker with these records.
    fn told(records: Vec<Record>) -> Command {
        let now = Instant::now();
        let mut broker = Broker::restore(Config::default(), 1, now, records);
        broker.handle(now, Input::Joined(0));
        for (number, command) in
            [Command::Greet, Command::Submit { job: Arc::new(Job::new("key", "")) }].into_iter().enumerate()
        {
            let header = Header { command: 0, session: 1, number: number as u64 };
            broker.handle(now, Input::Heard(0, Ok((header, command))));
        }
        let said = std::iter::from_fn(|| broker.poll_output());
        said.filter_map(|output| match output {
            Output::Send(_, _, command) => Some(command),
            _ => None,
        })
        .last()
        .unwrap()
    }

    #[test]
    fn a_result_is_told_as_it_was_written_and_an_end_that_was_not_written_follows_from_the_last_setback() {
        let (task, worker) = (TaskId(7), WorkerId([9; 16]));
        let job = Job { max_attempts: Some(1), ..Job::new("key", "") };
        let attempt = Attempt { worker, setback: Setback::Failed { code: 4 } };
        let outcome = Outcome { ending: Ending::Dead, attempts: 1, code: 4, payload: "no space".into() };
        let mut records = vec![
            Record::Submitted { task, job: Arc::new(job) },
            Record::Leased { lease: Lease { task, attempt: 1 }, worker, session: 5 },
            Record::SetBack { task, attempt },
            Record::Ended { task, outcome: outcome.clone() },
        ];
        let key = Bytes::from("key");
        assert_eq!(told(records.clone()), Command::Result { key, outcome });
        records.pop();
        let Command::Result { outcome, .. } = told(records) else { panic!("it is tried again") };
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Dead, 1));
    }

    #[test]
    fn every_record_is_read_as_it_was_written_and_what_is_cut_off_is_refused() {
        let (task, worker) = (TaskId(7), WorkerId([9; 16]));
        let set_back = |setback| Record::SetBack { task, attempt: Attempt { worker, setback } };
        let outcome = Outcome { ending: Ending::Dead, attempts: 3, code: -1, payload: "no space".into() };
        for record in [
            Record::Submitted {
                task,
                job: Arc::new(Job { after: vec!["one".into()], ..Job::new("two", "payload") }),
            },
            Record::Leased { lease: Lease { task, attempt: 2 }, worker, session: 5 },
            Record::Returned { task },
            set_back(Setback::Failed { code: -9 }),
            set_back(Setback::WorkerLost),
            set_back(Setback::HardLimit),
            set_back(Setback::Stalled),
            Record::Ended { task, outcome },
            Record::Claimed { task },
            Record::Buried { task },
            Record::Retried { task },
        ] {
            let octets = record.encode();
            assert_eq!(Record::decode(&octets), Ok(record.clone()));
            assert_eq!(record.task(), task);
            let fields = 4 + u32::from_be_bytes(*octets.first_chunk().unwrap()) as usize;
            for len in 0..fields {
                assert!(Record::decode(&octets[..len]).is_err(), "{record:?} {len}");
            }
        }
    }
}
