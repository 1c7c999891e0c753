//! The desk by hand, and then against a thousand simulated nights.

use std::collections::BTreeSet;

use super::*;
use crate::outcome::State;

const SECOND: Duration = Duration::from_secs(1);

fn rules(workers: usize) -> Rules {
    Rules {
        workers,
        min: workers,
        ready_timeout: 2 * SECOND,
        retries: 2,
        job_timeout: None,
        grace: 5 * SECOND,
    }
}

fn desk(rules: Rules, jobs: usize) -> (Desk, Instant) {
    let now = Instant::now();
    (Desk::new(now, rules, (0..jobs).map(|job| format!("folder-{job}")).collect()), now)
}

/// `names` ready and attached.
fn gathered(names: &[&str], rules: Rules, jobs: usize) -> (Desk, Instant) {
    let (mut desk, now) = desk(rules, jobs);
    for name in names {
        desk.handle_spawned(name, 1);
        desk.handle_peers(now, 1, 0, 0);
        desk.handle_report(now, Ok(ready(name)));
    }
    (desk, now)
}

fn ready(worker: &str) -> Report {
    Report::Ready { worker: worker.into() }
}

fn started(worker: &str, job: usize, attempt: u32) -> Report {
    Report::Started { worker: worker.into(), job, attempt }
}

fn done(worker: &str, job: usize, attempt: u32) -> Report {
    Report::Done { worker: worker.into(), job, attempt, copied: Copied::default() }
}

fn failed(worker: &str, job: usize, attempt: u32) -> Report {
    Report::Failed { worker: worker.into(), job, attempt, text: "no".into() }
}

/// Everything but remarks; commits succeed.
fn outputs(desk: &mut Desk, now: Instant) -> Vec<Output> {
    let mut all = Vec::new();
    while let Some(output) = desk.poll() {
        match output {
            Output::Tell(_) => {}
            Output::Commit { job, outcome } => desk.handle_committed(now, job, outcome, None),
            output => all.push(output),
        }
    }
    all
}

fn send(job: usize, attempt: u32) -> Output {
    Output::Send { job, attempt }
}

#[test]
fn no_order_is_sent_before_everybody_is_ready_and_attached() {
    let (mut desk, now) = desk(rules(2), 5);
    desk.handle_report(now, Ok(ready("a")));
    desk.handle_report(now, Ok(ready("b")));
    desk.handle_peers(now, 1, 0, 0);
    assert_eq!(outputs(&mut desk, now), []);

    desk.handle_peers(now, 1, 0, 0);

    assert_eq!(outputs(&mut desk, now), [send(0, 1), send(1, 1)]);
}

#[test]
fn there_are_as_many_orders_on_their_way_as_workers_and_late_ones_count() {
    let (mut desk, now) = gathered(&["a", "b"], rules(2), 9);
    assert_eq!(outputs(&mut desk, now), [send(0, 1), send(1, 1)]);
    desk.handle_report(now, Ok(started("a", 0, 1)));
    assert_eq!(outputs(&mut desk, now), []);
    desk.handle_report(now, Ok(done("a", 0, 1)));
    assert_eq!(outputs(&mut desk, now), [send(2, 1)]);

    desk.handle_peers(now, 1, 0, 0);
    desk.handle_report(now, Ok(ready("c")));
    assert_eq!(outputs(&mut desk, now), [send(3, 1)]);
}

#[test]
fn b09_at_the_deadline_the_minimum_starts_and_less_gives_up_with_the_count() {
    for (min, outcome) in [(2, None), (3, Some("2 of 3 workers ready after 2.0 s, at least 3 wanted"))] {
        let (mut desk, now) = desk(Rules { min, ..rules(3) }, 5);
        for name in ["a", "b"] {
            desk.handle_peers(now, 1, 0, 0);
            desk.handle_report(now, Ok(ready(name)));
        }
        assert_eq!(outputs(&mut desk, now), []);
        let deadline = desk.next_deadline().unwrap();
        assert_eq!(deadline, now + 2 * SECOND);

        desk.handle_timeout(deadline);

        let expected = if min == 2 { vec![send(0, 1), send(1, 1)] } else { vec![Output::Stop(2)] };
        assert_eq!(outputs(&mut desk, deadline), expected);
        let trouble = desk.results().trouble;
        assert_eq!(trouble, outcome.map(|text: &str| Trouble::TimedOut(text.into())));
    }
}

#[test]
fn b12_the_job_of_a_dead_worker_and_the_orders_in_its_queue_are_sent_again() {
    let (mut desk, now) = gathered(&["a", "b", "c"], rules(3), 3);
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(started("a", 0, 1)));
    desk.handle_report(now, Ok(started("b", 1, 1)));

    desk.handle_exit(now, "a", "killed by signal 9");
    assert_eq!(outputs(&mut desk, now), []); // two orders on their way for two workers
    desk.handle_peers(now, 0, 1, 0);
    assert_eq!(outputs(&mut desk, now), [send(0, 2)]);

    desk.handle_report(now, Ok(done("b", 1, 1)));
    assert_eq!(outputs(&mut desk, now), [send(2, 2)]);
    // The third order had been in the queue of a live worker after all: both do it, one counts.
    for report in [done("c", 2, 1), done("b", 0, 2), done("c", 2, 2)] {
        desk.handle_report(now, Ok(report));
    }
    assert_eq!(outputs(&mut desk, now), [Output::Stop(2)]);
    assert_eq!((desk.results().duplicates, desk.results().resent), (1, 2));
    assert!(desk.results().states.iter().all(|state| matches!(state, State::Done(_))));
}

#[test]
fn b11_a_failed_job_is_tried_again_and_its_worker_stays() {
    let (mut desk, now) = gathered(&["a"], rules(1), 1);
    for attempt in 1..=3 {
        assert_eq!(outputs(&mut desk, now), [send(0, attempt)]);
        desk.handle_report(now, Ok(started("a", 0, attempt)));
        desk.handle_report(now, Ok(failed("a", 0, attempt)));
    }
    assert_eq!(outputs(&mut desk, now), [Output::Stop(1)]);
    assert_eq!(desk.results().states[0], State::Failed("no".into()));
}

#[test]
fn a_copy_that_cannot_be_put_in_place_is_a_failed_attempt() {
    let (mut desk, now) = gathered(&["a"], rules(1), 1);
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(done("a", 0, 1)));
    while let Some(output) = desk.poll() {
        if let Output::Commit { job, outcome } = output {
            desk.handle_committed(now, job, outcome, Some("disk full".into()));
        }
    }
    desk.handle_report(now, Ok(done("a", 0, 2)));
    assert_eq!(outputs(&mut desk, now), [Output::Stop(1)]);
    assert!(matches!(&desk.results().states[0], State::Done(outcome) if outcome.attempt == 2));
}

#[test]
fn when_no_worker_is_left_what_is_open_has_failed() {
    let (mut desk, now) = gathered(&["a"], rules(1), 2);
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(started("a", 0, 1)));
    desk.handle_exit(now, "a", "exit code 1");
    desk.handle_peers(now, 0, 1, 0);

    outputs(&mut desk, now);
    assert!(desk.is_over());
    assert_eq!(desk.results().trouble, Some(Trouble::NobodyLeft));
    assert_eq!(desk.results().states[0], State::Failed("a has gone".into()));
    assert_eq!(desk.results().states[1], State::Failed("no worker is left".into()));
}

#[test]
fn workers_of_others_may_come_back_within_the_ready_timeout() {
    let (mut desk, now) = desk(rules(1), 1);
    desk.handle_peers(now, 1, 0, 0);
    desk.handle_report(now, Ok(ready("a")));
    desk.handle_peers(now, 0, 1, 0);
    outputs(&mut desk, now);

    assert_eq!(desk.next_deadline(), Some(now + 2 * SECOND));
    desk.handle_peers(now + SECOND, 1, 0, 0);
    assert_eq!(outputs(&mut desk, now), [send(0, 2)]);
    desk.handle_peers(now + SECOND, 0, 1, 0);
    desk.handle_timeout(now + 3 * SECOND);
    assert_eq!(desk.results().trouble, Some(Trouble::TimedOut("no worker attached for 2.0 s".into())));
}

#[test]
fn silence_past_the_job_timeout_is_a_lost_job() {
    let (mut desk, now) = gathered(&["a", "b"], Rules { job_timeout: Some(SECOND), ..rules(2) }, 1);
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(started("a", 0, 1)));
    assert_eq!(desk.next_deadline(), Some(now + 6 * SECOND)); // and the grace time
    desk.handle_timeout(now + 6 * SECOND);
    assert_eq!(outputs(&mut desk, now), [send(0, 2)]);
}

#[test]
fn b08_kill_goes_out_in_rounds_until_everybody_has_gone() {
    let (mut desk, now) = gathered(&["a", "b"], rules(2), 1);
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(done("a", 0, 1)));
    assert_eq!(outputs(&mut desk, now), [Output::Stop(2)]);

    // One leaves, one comes: the newcomer gets its own in the next round.
    desk.handle_exit(now, "a", "exit code 0");
    desk.handle_peers(now, 1, 1, 0);
    let round = desk.next_deadline().unwrap();
    desk.handle_timeout(round);
    assert_eq!(outputs(&mut desk, now), [Output::Stop(2)]);

    desk.handle_exit(round, "b", "exit code 0");
    assert!(!desk.is_over());
    desk.handle_peers(round, 0, 2, 0);
    outputs(&mut desk, now);
    assert!(desk.is_over());
}

#[test]
fn who_has_not_gone_by_the_end_of_the_grace_time_is_killed() {
    let (mut desk, now) = gathered(&["a"], rules(1), 1);
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(done("a", 0, 1)));
    outputs(&mut desk, now);

    desk.handle_timeout(now + 5 * SECOND);
    assert_eq!(outputs(&mut desk, now), [Output::Kill]);
    desk.handle_exit(now + 5 * SECOND, "a", "killed by signal 9");
    desk.handle_peers(now + 5 * SECOND, 0, 1, 0);
    outputs(&mut desk, now);
    assert!(desk.is_over());
}

#[test]
fn the_second_interrupt_kills_at_once() {
    let (mut desk, now) = gathered(&["a"], rules(1), 1);
    outputs(&mut desk, now);
    desk.handle_interrupt(now);
    assert_eq!(outputs(&mut desk, now), [Output::Terminate, Output::Stop(1)]);
    assert_eq!(desk.results().states[0], State::Failed("interrupted".into()));
    desk.handle_interrupt(now);
    assert_eq!(outputs(&mut desk, now), [Output::Kill]);
}

#[test]
fn b06_workers_without_a_name_get_every_order_and_kill_behind_it() {
    let (mut desk, now) = desk(rules(2), 5);
    desk.handle_peers(now, 2, 0, 0);
    desk.handle_report(now, Ok(Report::One));
    desk.handle_report(now, Ok(Report::One));

    let orders: Vec<_> = (0..5).map(|job| send(job, 1)).chain([Output::Stop(2)]).collect();
    assert_eq!(outputs(&mut desk, now), orders);

    // They never say another word, and leave: all is done, for all we know.
    desk.handle_peers(now, 0, 2, 0);
    outputs(&mut desk, now);
    assert!(desk.is_over());
    assert!(desk.results().states.iter().all(|state| matches!(state, State::Done(_))));
}

#[test]
fn b06_workers_without_a_name_that_do_report_are_believed_job_by_job() {
    let (mut desk, now) = desk(rules(1), 3);
    desk.handle_peers(now, 1, 0, 0);
    desk.handle_report(now, Ok(Report::One));
    outputs(&mut desk, now);
    desk.handle_report(now, Ok(Report::One));
    desk.handle_report(now, Ok(done("", 1, 1)));
    desk.handle_peers(now, 0, 1, 0);
    outputs(&mut desk, now);

    assert!(desk.is_over());
    let states = desk.results().states;
    let state = |job: usize| &states[job];
    assert!(matches!((state(0), state(1)), (State::Done(_), State::Done(_))));
    assert_eq!(*state(2), State::Failed("its worker has left without a word".into()));
}

#[test]
fn an_order_without_room_waits_a_moment() {
    let (mut desk, now) = gathered(&["a"], rules(1), 1);
    assert_eq!(desk.poll().map(|output| matches!(output, Output::Tell(_))), Some(true));
    outputs(&mut desk, now);
    desk.handle_no_room(now, 0, 1);
    let again = desk.next_deadline().unwrap();
    assert!(again > now);
    desk.handle_timeout(again);
    assert_eq!(outputs(&mut desk, now), [send(0, 1)]);
}

/// A night with workers that die, join, fail and are slow, and a PUSH that deals in turn and loses the queues
/// of the dead. Whatever happens: it ends, every job is settled, and what is done was done by somebody.
#[test]
fn every_night_ends_with_every_job_settled() {
    for seed in 0..1000 {
        Night::new(seed).pass();
    }
}

struct Night {
    random: fastrand::Rng,
    seed: u64,
    desk: Desk,
    now: Instant,
    workers: Vec<Worker>,
    turn: usize,
    really_done: BTreeSet<usize>,
    /// So many of them may die.
    mortals: usize,
}

#[derive(Default)]
struct Worker {
    name: String,
    attached: bool,
    dead: bool,
    queue: VecDeque<Option<(usize, u32)>>,
    job: Option<(usize, u32)>,
    /// Reports on their way, on a connection of their own.
    said: VecDeque<Report>,
    reporting: bool,
}

impl Night {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (workers, jobs) = (random.usize(1..6), random.usize(1..40));
        let min = random.usize(1..=workers);
        let (mut desk, now) = desk(Rules { min, ..rules(workers) }, jobs);
        let workers = (0..workers).map(|number| format!("w{number}"));
        let workers: Vec<_> = workers.map(|name| Worker { name, ..Worker::default() }).collect();
        for worker in &workers {
            desk.handle_spawned(&worker.name, 1);
        }
        let mortals = random.usize(0..=workers.len());
        Self { random, seed, desk, now, workers, turn: 0, really_done: BTreeSet::new(), mortals }
    }

    fn pass(mut self) {
        for step in 0.. {
            assert!(step < 100_000, "seed {}: no end", self.seed);
            self.obey();
            if self.desk.is_over() {
                break;
            }
            self.now += Duration::from_millis(self.random.u64(0..40));
            if self.desk.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.desk.handle_timeout(self.now);
            }
            let at = self.random.usize(..self.workers.len());
            self.step(at);
        }
        for (id, state) in self.desk.results().states.iter().enumerate() {
            match state {
                State::Open | State::Accepted => panic!("seed {}: job {id} is open", self.seed),
                State::Done(_) => assert!(self.really_done.contains(&id), "seed {}: job {id}", self.seed),
                State::Failed(_) if self.desk.results().trouble.is_none() => {
                    assert!(
                        self.desk.ledger.jobs()[id].attempts > 2,
                        "seed {}: job {id} had not its retries",
                        self.seed
                    );
                }
                State::Failed(_) => {}
            }
        }
        assert!(self.workers.iter().all(|worker| worker.dead), "seed {}: a worker stays", self.seed);
        let survivors = self.mortals < self.workers.len();
        let alone = self.desk.results().trouble == Some(Trouble::NobodyLeft);
        assert!(!(survivors && alone), "seed {}: somebody was left", self.seed);
    }

    fn obey(&mut self) {
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Tell(_) => {}
                Output::Send { job, attempt } => match self.deal(Some((job, attempt))) {
                    true => self.desk.handle_sent(job, attempt),
                    false => self.desk.handle_no_room(self.now, job, attempt),
                },
                Output::Stop(count) => (0..count).for_each(|_| _ = self.deal(None)),
                Output::Commit { job, outcome } => {
                    let fault = (self.random.u8(..) < 8).then(|| "disk full".to_owned());
                    self.desk.handle_committed(self.now, job, outcome, fault);
                }
                Output::Terminate | Output::Kill => (0..self.workers.len()).for_each(|at| self.die(at)),
            }
        }
    }

    /// In turn, to whoever is attached; who has died is so until that is noticed.
    fn deal(&mut self, order: Option<(usize, u32)>) -> bool {
        for _ in 0..self.workers.len() {
            self.turn = (self.turn + 1) % self.workers.len();
            let worker = &mut self.workers[self.turn];
            if worker.attached {
                worker.queue.push_back(order);
                return true;
            }
        }
        false
    }

    fn step(&mut self, at: usize) {
        if self.random.bool() {
            return self.hear(at);
        }
        let chance = self.random.u8(..);
        let worker = &mut self.workers[at];
        let name = worker.name.clone();
        if worker.dead {
            if std::mem::take(&mut worker.attached) {
                self.look_at_peers(0, 1);
            }
        } else if chance < 3 && at < self.mortals {
            self.die(at);
        } else if !worker.reporting {
            (worker.reporting, worker.said) = (true, [ready(&name)].into());
            self.look_at_peers(0, 0);
        } else if !worker.attached {
            worker.attached = true;
            self.look_at_peers(1, 0);
        } else if let Some((job, attempt)) = worker.job.take() {
            if chance < 40 {
                worker.said.push_back(failed(&name, job, attempt));
            } else {
                self.really_done.insert(job);
                worker.said.push_back(done(&name, job, attempt));
            }
        } else {
            match worker.queue.pop_front() {
                Some(Some((job, attempt))) => {
                    worker.job = Some((job, attempt));
                    worker.said.push_back(started(&name, job, attempt));
                }
                Some(None) => {
                    worker.said.push_back(Report::Bye { worker: name });
                    self.die(at);
                }
                None => {}
            }
        }
    }

    /// One of its reports arrives, or the end of its connection.
    fn hear(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        if let Some(report) = worker.said.pop_front() {
            self.desk.handle_report(self.now, Ok(report));
        } else if worker.dead && std::mem::take(&mut worker.reporting) {
            self.look_at_peers(0, 0);
        }
    }

    fn look_at_peers(&mut self, joined: usize, lost: usize) {
        let reporting = self.workers.iter().filter(|worker| worker.reporting).count();
        self.desk.handle_peers(self.now, joined, lost, reporting);
    }

    /// The process is gone; its connections are seen to be gone some time later, and some of its last words
    /// with them.
    fn die(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        if !std::mem::replace(&mut worker.dead, true) {
            worker.queue.clear();
            worker.said.truncate(self.random.usize(..=worker.said.len()));
            self.desk.handle_exit(self.now, &worker.name.clone(), "killed by signal 9");
        }
    }
}
