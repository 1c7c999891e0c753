//! A ventilator's life, told without sockets and in no time.

use std::time::{Duration, Instant};

use super::*;
use crate::Machine;
use crate::classic::wire::{Job, Report};

/// A ventilator, what it has wanted since it was last asked, and what time it is.
struct Scene {
    ventilator: Ventilator,
    now: Instant,
    room: bool,
}

const SECOND: Duration = Duration::from_secs(1);

impl Scene {
    fn new(expect: Expect, jobs: usize) -> Self {
        Self::with(Config { expect, ready_within: 2 * SECOND, work_within: None, grace: 5 * SECOND }, jobs)
    }

    fn with(config: Config, jobs: usize) -> Self {
        let now = Instant::now();
        let jobs = (0..jobs).map(|number| Job::new(format!("job {number}")).unwrap());
        Self { ventilator: Ventilator::new(config, jobs, now).unwrap(), now, room: true }
    }

    /// What the ventilator wants, once this has happened. Orders are sent, if there is room.
    fn then(&mut self, input: Input) -> Vec<Output> {
        self.ventilator.handle(self.now, input);
        self.wanted()
    }

    fn after(&mut self, time: Duration) -> Vec<Output> {
        self.now += time;
        self.ventilator.wake(self.now);
        self.wanted()
    }

    fn wanted(&mut self) -> Vec<Output> {
        let mut wanted = Vec::new();
        while let Some(output) = self.ventilator.poll_output() {
            match output {
                Output::Notice(_) => {}
                Output::Send(_) if !self.room => self.ventilator.handle(self.now, Input::Full),
                Output::Send(order) => {
                    wanted.push(Output::Send(order));
                    self.ventilator.handle(self.now, Input::Sent);
                }
                output => wanted.push(output),
            }
        }
        wanted
    }

    fn peers(&mut self, joined: usize, left: usize, reporting: usize) -> Vec<Output> {
        self.then(Input::Peers { joined, left, reporting })
    }

    fn ready(&mut self) -> Vec<Output> {
        self.then(Input::Report(Report::Ready))
    }

    fn done(&mut self, number: usize) -> Vec<Output> {
        self.then(Input::Report(Report::Done(format!("job {number}").into())))
    }

    /// So many workers come, all of them ready.
    fn gather(&mut self, workers: usize) -> Vec<Output> {
        let mut wanted = self.peers(workers, 0, workers);
        (0..workers).for_each(|_| wanted.extend(self.ready()));
        wanted
    }
}

fn orders(numbers: impl IntoIterator<Item = usize>) -> Vec<Output> {
    numbers.into_iter().map(|number| Output::Send(format!("job {number}").into())).collect()
}

fn summary(wanted: Vec<Output>) -> Summary {
    match <[Output; 1]>::try_from(wanted) {
        Ok([Output::Over(Ok(summary))]) => summary,
        other => panic!("{other:?}"),
    }
}

#[test]
fn b26_no_order_goes_out_before_as_many_are_attached_as_are_ready() {
    let mut scene = Scene::new(Expect::All(3), 2);
    for _ in 0..3 {
        assert_eq!(scene.ready(), []);
    }
    assert_eq!(scene.peers(2, 0, 3), []);
    assert_eq!(scene.peers(1, 0, 3), orders(0..2));

    let mut scene = Scene::new(Expect::All(3), 2);
    assert_eq!(scene.peers(3, 0, 3), []);
    assert_eq!([scene.ready(), scene.ready(), scene.ready()], [vec![], vec![], orders(0..2)]);
}

#[test]
fn b09_when_the_time_is_up_the_least_will_do() {
    let mut scene = Scene::new(Expect::AtLeast { least: 2, of: 3 }, 1);
    assert_eq!(scene.gather(2), []);
    assert_eq!(scene.ventilator.next_deadline(), Some(scene.now + 2 * SECOND));
    assert_eq!(scene.after(2 * SECOND), orders(0..1));

    let mut scene = Scene::new(Expect::Any, 1);
    assert_eq!(scene.gather(1), orders(0..1));
}

#[test]
fn b09_fewer_than_there_must_be_are_sent_home_and_told_of() {
    let mut scene = Scene::new(Expect::All(3), 1);
    scene.gather(2);
    assert_eq!(scene.after(2 * SECOND), [Output::Stop(2)]);
    let too_few = TooFew { ready: 2, attached: 2, wanted: 3 };
    assert_eq!(scene.peers(0, 2, 0), [Output::Over(Err(too_few))]);
    assert_eq!(
        too_few.to_string(),
        "2 of 3 workers ready in time, 2 attached; see that they run and reach both endpoints"
    );
}

#[test]
fn b08_whoever_comes_late_is_counted_and_whom_a_stop_order_has_missed_gets_another() {
    let mut scene = Scene::new(Expect::All(2), 1);
    scene.gather(2);
    assert_eq!(scene.gather(1), []);
    assert_eq!(scene.done(0), [Output::Stop(3)]);
    // One of them dies with its order, two obey, and a fourth one comes.
    assert_eq!(scene.peers(1, 3, 1), [Output::Stop(1)]);
    assert_eq!(scene.after(SECOND), [Output::Stop(1)]);
    let summary = summary(scene.peers(0, 1, 0));
    assert_eq!((summary.workers, summary.late, summary.stayed), (2, 2, 0));
}

#[test]
fn the_last_reports_are_waited_for_and_so_is_who_is_ready_and_was_never_attached() {
    let mut scene = Scene::new(Expect::All(1), 1);
    scene.gather(1);
    scene.ready();
    assert_eq!(scene.done(0), [Output::Stop(1)]);
    assert_eq!(scene.peers(0, 1, 1), []);
    assert_eq!(scene.peers(0, 0, 0), []);
    assert_eq!(scene.peers(1, 0, 1), [Output::Stop(1)]);
    summary(scene.peers(0, 1, 0));
}

#[test]
fn who_does_not_go_is_left_behind_when_the_grace_is_over() {
    let mut scene = Scene::new(Expect::All(2), 0);
    assert_eq!(scene.gather(2), [Output::Stop(2)]);
    assert_eq!(scene.peers(0, 1, 2), []);
    let mut rounds = 0;
    let stayed = loop {
        let until = scene.ventilator.next_deadline().unwrap() - scene.now;
        match &scene.after(until)[..] {
            [Output::Stop(1)] => rounds += 1,
            other => break summary(other.to_vec()).stayed,
        }
    };
    assert_eq!((stayed, rounds), (1, 5), "0.1, 0.3, 0.7, 1.5 and 3.1 s after the first");
}

#[test]
fn b08_who_leaves_while_there_is_work_takes_it_along_and_nobody_waits_for_that() {
    let mut scene = Scene::new(Expect::All(3), 3);
    assert_eq!(scene.gather(3), orders(0..3));
    assert_eq!(scene.done(0), []);
    // The stop orders go out behind the work of the others.
    assert_eq!(scene.peers(0, 1, 2), [Output::Stop(2)]);
    assert_eq!(scene.done(2), []);
    let summary = summary(scene.peers(0, 2, 0));
    let endings: Vec<_> = summary.jobs.iter().map(|(_, ending)| ending.clone()).collect();
    assert_eq!(endings, [Ending::Done, Ending::Unreported, Ending::Done]);
    assert_eq!(summary.ended(), 2);
}

#[test]
fn without_room_orders_wait_and_nothing_is_sent_behind_them() {
    let mut scene = Scene::new(Expect::All(2), 3);
    scene.room = false;
    assert_eq!(scene.gather(2), []);
    assert!(scene.ventilator.wants_room());
    assert_eq!(scene.peers(0, 1, 1), []);
    scene.room = true;
    assert_eq!(scene.then(Input::Room), [orders(0..3), vec![Output::Stop(1)]].concat());
    assert!(!scene.ventilator.wants_room());
}

#[test]
fn b10_work_without_anybody_attached_waits_as_long_as_for_the_first() {
    let mut scene = Scene::new(Expect::All(1), 2);
    scene.room = false;
    scene.gather(1);
    assert_eq!(scene.peers(0, 1, 0), []);
    assert_eq!(scene.after(SECOND), []);
    // Somebody comes, and goes again.
    assert_eq!(scene.peers(1, 0, 1), []);
    assert_eq!(scene.peers(0, 1, 0), []);
    assert_eq!(scene.after(SECOND), []);
    assert_eq!(scene.ventilator.next_deadline(), Some(scene.now + SECOND));
    assert_eq!(summary(scene.after(SECOND)).ended(), 0);
}

#[test]
fn b10_work_has_an_end_if_one_was_set() {
    let config = Config { work_within: Some(10 * SECOND), ..Config::default() };
    let mut scene = Scene::with(config, 2);
    scene.gather(1);
    scene.done(0);
    assert_eq!(scene.after(9 * SECOND), []);
    assert_eq!(scene.after(SECOND), [Output::Stop(1)]);
    assert_eq!(scene.done(1), []);
    assert_eq!(summary(scene.peers(0, 1, 0)).ended(), 2, "late is better than never");
}

/// Workers report once, twice, never, with a name or without, and jobs that nobody has sent.
#[test]
fn b07_whatever_is_reported_each_job_has_one_accepted_end_at_most() {
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let jobs = random.usize(1..8);
        let mut scene = Scene::new(Expect::Any, jobs);
        assert_eq!(scene.gather(1), orders(0..jobs));
        let (mut named, mut nameless, mut reports) = (std::collections::BTreeSet::new(), 0, 0);
        let mut stopping = false;
        for _ in 0..random.usize(0..24) {
            let wanted = if random.bool() {
                nameless += 1;
                scene.then(Input::Report(Report::Nameless))
            } else {
                let number = random.usize(0..jobs + 1);
                if number < jobs {
                    named.insert(number);
                }
                scene.done(number)
            };
            reports += 1;
            // Work ends with the report that makes them as many as there are jobs, and not before.
            let ends = !stopping && named.len() + nameless >= jobs;
            assert_eq!(wanted, if ends { vec![Output::Stop(1)] } else { vec![] }, "seed {seed}");
            stopping |= ends;
        }
        if !stopping {
            assert_eq!(scene.peers(0, 1, 1), [], "seed {seed}");
        }
        let summary = summary(scene.peers(0, usize::from(stopping), 0));
        let ended = jobs.min(named.len() + nameless);
        assert_eq!(summary.ended(), ended, "seed {seed}");
        for (number, (_, ending)) in summary.jobs.iter().enumerate() {
            let expected = match named.contains(&number) {
                true => Ending::Done,
                false if ended == jobs => Ending::Nameless,
                false => Ending::Unreported,
            };
            assert_eq!(*ending, expected, "seed {seed}");
        }
        let counted = summary.duplicates + summary.unknown + ended as u64;
        assert_eq!(counted, reports, "seed {seed}");
    }
}
