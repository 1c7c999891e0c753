//! Tasks that were tried as often as they may be. They are kept with their history when their result was claimed, or
//! nobody claimed it, until somebody tries them again or lets them go.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;

use super::Broker;
use super::record::Record;
use super::task::{Phase, Task};
use crate::balancer::job::{Attempt, Ending, Job, Outcome, TaskId};

/// A task that was tried as often as it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dead {
    /// Its name.
    pub task: TaskId,
    /// What was to be done. What it was to come after is left out: that has ended well.
    pub job: Job,
    /// What went wrong, in order.
    pub attempts: Vec<Attempt>,
    /// What its client was told.
    pub outcome: Outcome,
    /// The number of its last lease.
    pub(super) leases: u16,
}

/// All of them that are no tasks any more.
#[derive(Debug, Default)]
pub(super) struct Graveyard {
    dead: BTreeMap<TaskId, Dead>,
    bytes: usize,
}

impl Graveyard {
    fn insert(&mut self, dead: Dead) {
        self.bytes += dead.weight();
        self.dead.insert(dead.task, dead);
    }

    fn remove(&mut self, task: TaskId) -> Option<Dead> {
        let dead = self.dead.remove(&task)?;
        self.bytes -= dead.weight();
        Some(dead)
    }
}

impl Dead {
    fn weight(&self) -> usize {
        self.job.weight() + self.outcome.payload.len()
    }
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// All tasks that were tried as often as they may be, oldest first, but for those that somebody let go and those that
    /// were too many.
    pub fn dead(&self) -> impl Iterator<Item = Dead> {
        let unclaimed = self.tasks.iter().filter_map(|(id, task)| match &task.phase {
            Phase::Ended(outcome) if outcome.ending == Ending::Dead => Some(dead(*id, task, outcome)),
            _ => None,
        });
        let mut all: BTreeMap<_, _> = unclaimed.map(|dead| (dead.task, dead)).collect();
        all.extend(self.graves.dead.iter().map(|(task, dead)| (*task, dead.clone())));
        all.into_values()
    }

    /// How many there are.
    pub(super) fn count_dead(&self) -> usize {
        let is_dead =
            |task: &&Task<P>| matches!(&task.phase, Phase::Ended(end) if end.ending == Ending::Dead);
        self.graves.dead.len() + self.tasks.values().filter(is_dead).count()
    }

    /// One whose result was claimed, or that nobody will claim.
    pub(super) fn bury(&mut self, id: TaskId) {
        self.record(|| Record::Buried { task: id });
        if let Some((task, outcome)) = self.forget(id) {
            self.graves.insert(dead(id, &task, &outcome));
        }
        self.forget_dead();
    }

    /// There are too many.
    pub(super) fn forget_dead(&mut self) {
        while self.graves.dead.len() > self.config.dead || self.graves.bytes > self.config.dead_bytes {
            let Some(oldest) = self.graves.dead.keys().next().copied() else { return };
            self.counters.dead_forgotten += 1;
            self.let_go(oldest);
        }
    }

    /// It is tried again, as if it had never been, unless there is no room for it or its key was submitted again since.
    pub(super) fn retry(&mut self, id: TaskId) {
        let Some((key, weight)) = self.dead_at(id) else { return };
        let is_free = self.keys.get(&key).is_none_or(|known| *known == id);
        if !is_free || self.draining.is_some() || !self.has_room(weight) {
            return;
        }
        let unclaimed = self.forget(id).map(|(task, outcome)| dead(id, &task, &outcome));
        let Some(Dead { job, leases, .. }) = unclaimed.or_else(|| self.graves.remove(id)) else { return };
        self.record(|| Record::Retried { task: id });
        self.insert(id, Arc::new(job), None);
        if let Some(task) = self.tasks.get_mut(&id) {
            // Its next lease is none that a worker could still have.
            task.leases = leases;
        }
        self.begin(id);
    }

    /// Nobody will try it again.
    pub(super) fn let_go(&mut self, id: TaskId) {
        if self.dead_at(id).is_some() {
            self.record(|| Record::Claimed { task: id });
            self.forget(id);
            self.graves.remove(id);
        }
    }

    fn dead_at(&self, id: TaskId) -> Option<(Bytes, usize)> {
        let job = match self.graves.dead.get(&id) {
            Some(dead) => &dead.job,
            None => {
                let task = self.tasks.get(&id)?;
                let is_dead = matches!(&task.phase, Phase::Ended(end) if end.ending == Ending::Dead);
                is_dead.then_some(&task.job)?
            }
        };
        Some((job.key.clone(), job.weight()))
    }
}

fn dead<P>(id: TaskId, task: &Task<P>, outcome: &Outcome) -> Dead {
    Dead {
        task: id,
        job: Job { after: Vec::new(), ..Job::clone(&task.job) },
        attempts: task.attempts.clone(),
        outcome: outcome.clone(),
        leases: task.leases,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balancer::job::{Setback, WorkerId};
    use crate::balancer::state::tests::desk::Desk;
    use crate::balancer::state::{Config, Input};
    use crate::balancer::wire::{Command, Lease};

    fn journal() -> Config {
        Config { journal: true, ..Config::default() }
    }

    /// A job of this key is dead, and its client knows.
    fn dies(desk: &mut Desk, key: &'static str) -> TaskId {
        let task = dies_unheard(desk, key);
        desk.says(0, Command::Claimed { key: key.into() });
        task
    }

    /// A job of this key is dead, and its client has not said that it knows.
    fn dies_unheard(desk: &mut Desk, key: &'static str) -> TaskId {
        desk.submit(Job::new(key, "payload"));
        let task = desk.task();
        let outcome = Outcome { ending: Ending::Dead, attempts: 3, code: 4, payload: "no space".into() };
        desk.broker.end(task, outcome);
        desk.handle(Input::Synced(0));
        task
    }

    fn keys(desk: &Desk) -> Vec<Bytes> {
        desk.broker.dead().map(|dead| dead.job.key).collect()
    }

    #[test]
    fn the_dead_are_kept_when_their_results_were_claimed_also_by_the_next_broker_until_they_are_let_go() {
        let mut desk = Desk::open(journal(), vec![]);
        let (one, two) = (dies(&mut desk, "one"), dies(&mut desk, "two"));
        assert_eq!(keys(&desk), ["one", "two"]);
        let mut next = Desk::open(journal(), desk.records);
        assert_eq!(keys(&next), ["one", "two"]);
        let dead = next.broker.dead().next().unwrap();
        assert_eq!((dead.task, &dead.job.payload[..], dead.outcome.code), (one, &b"payload"[..], 4));
        next.handle(Input::LetGo(one));
        assert_eq!(keys(&Desk::open(journal(), next.records.clone())), ["two"]);
        next.handle(Input::LetGo(two));
        assert_eq!(next.broker.status().dead, 0);
    }

    #[test]
    fn one_that_is_tried_again_is_a_task_as_any_other_and_its_result_is_for_whoever_submits_its_key() {
        let mut desk = Desk::open(journal(), vec![]);
        let task = dies(&mut desk, "one");
        desk.handle(Input::Retry(task));
        assert_eq!((desk.broker.open(), keys(&desk).len()), (1, 0));
        desk.submit(Job::new("one", "payload"));
        assert_eq!(desk.task(), task);
        let next = Desk::open(journal(), desk.records);
        assert_eq!((next.broker.open(), keys(&next).len()), (1, 0));
    }

    #[test]
    fn one_whose_key_was_submitted_again_stays_dead() {
        let mut desk = Desk::open(journal(), vec![]);
        let task = dies(&mut desk, "one");
        desk.submit(Job::new("one", "payload"));
        desk.handle(Input::Retry(task));
        assert_eq!((desk.broker.open(), keys(&desk)), (1, vec!["one".into()]));
    }

    /// What is tried again is none of the dead any more, however few of them are kept.
    #[test]
    fn one_that_is_tried_again_takes_nobodys_place_among_the_dead() {
        for config in [Config { dead: 1, ..journal() }, Config { dead_bytes: 300, ..journal() }] {
            let mut desk = Desk::open(config.clone(), vec![]);
            let task = dies_unheard(&mut desk, "unclaimed");
            dies(&mut desk, "claimed");
            desk.handle(Input::Retry(task));
            assert_eq!((desk.broker.open(), keys(&desk)), (1, vec!["claimed".into()]));
            let next = Desk::open(config, desk.records);
            assert_eq!((next.broker.open(), keys(&next)), (1, vec!["claimed".into()]));
        }
    }

    #[test]
    fn one_that_was_tried_again_is_a_task_of_the_next_broker_however_little_that_takes() {
        for dies in [dies, dies_unheard] {
            let mut desk = Desk::open(journal(), vec![]);
            let task = dies(&mut desk, "one");
            desk.handle(Input::Retry(task));
            for little in [
                Config { queue: 0, ..journal() },
                Config { queue_bytes: 0, ..journal() },
                Config { dead: 0, ..journal() },
                Config { dead_bytes: 0, ..journal() },
                Config { results: 0, ..journal() },
            ] {
                let next = Desk::open(little.clone(), desk.records.clone());
                assert_eq!((next.broker.open(), keys(&next).len()), (1, 0), "{little:?}");
            }
        }
    }

    /// A broker may be killed when the last setback was written, and the end was not.
    #[test]
    fn one_whose_end_was_not_written_can_be_tried_again_and_is_so_for_the_next_broker() {
        let mut desk = Desk::open(journal(), vec![]);
        desk.submit(Job { max_attempts: Some(1), ..Job::new("one", "payload") });
        let (task, worker) = (desk.task(), WorkerId([9; 16]));
        desk.records.push(Record::Leased { lease: Lease { task, attempt: 1 }, worker, session: 5 });
        let attempt = Attempt { worker, setback: Setback::Failed { code: 4 } };
        desk.records.push(Record::SetBack { task, attempt });
        let mut next = Desk::open(journal(), desk.records);
        assert_eq!(keys(&next), ["one"]);
        next.handle(Input::Retry(task));
        let last = Desk::open(journal(), next.records);
        assert_eq!((last.broker.open(), keys(&last).len()), (1, 0));
    }

    #[test]
    fn of_too_many_dead_the_oldest_are_forgotten_and_counted() {
        let mut desk = Desk::open(Config { dead: 2, ..journal() }, vec![]);
        for key in ["one", "two", "three"] {
            dies(&mut desk, key);
        }
        assert_eq!(keys(&desk), ["two", "three"]);
        assert_eq!(desk.broker.counters().dead_forgotten, 1);
        let heavy = Config { dead_bytes: 700, ..journal() };
        assert_eq!(keys(&Desk::open(heavy, desk.records)), ["two", "three"]);
    }
}
