//! What the balancer promises, checked against what submitters were told and what workers have written down.
//!
//! The broker is not asked. Each rule is a sentence, and says who has seen it broken.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// All that was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    pub(super) lists: Vec<List>,
    /// In the order in which it was written down.
    pub(super) work: Vec<Step>,
}

/// One list of jobs, and what its submitter was told.
#[derive(Debug, Clone, Default)]
pub(super) struct List {
    /// In the order of submission.
    pub(super) jobs: Vec<String>,
    pub(super) max_attempts: usize,
    /// Its jobs have one order key.
    pub(super) is_ordered: bool,
    /// What it was told in each life. All lives but the last were ended by SIGKILL, and each submitted all jobs.
    pub(super) lives: Vec<Vec<Told>>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) job: String,
    pub(super) ending: String,
    pub(super) attempts: usize,
    pub(super) result: String,
}

/// One line of a worker's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) is_end: bool,
    pub(super) job: String,
    pub(super) process: String,
    pub(super) worker: String,
}

impl Told {
    /// From a line of a submitter.
    pub(super) fn read(line: &str) -> Self {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name: &str| object[name].as_str().unwrap_or_default().trim_end().to_owned();
        let attempts = object["attempts"].as_u64().unwrap_or_default() as usize;
        Self { job: text("job"), ending: text("ending"), attempts, result: text("result") }
    }
}

impl Step {
    /// From a line of the log.
    pub(super) fn read(line: &str) -> Self {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let [what, job, process, worker] = words.try_into().unwrap_or_else(|_| panic!("{line:?}"));
        Self { is_end: what == "end", job, process, worker }
    }
}

impl History {
    /// Every promise that was broken.
    pub(super) fn broken(&self) -> Vec<String> {
        let rules =
            [lost, doubled, not_executed, begun_too_often, given_up, out_of_order, too_many_at_a_time];
        rules.iter().flat_map(|rule| rule(self)).collect()
    }

    pub(super) fn starts(&self) -> BTreeMap<&str, usize> {
        let mut starts = BTreeMap::new();
        for step in self.work.iter().filter(|step| !step.is_end) {
            *starts.entry(&*step.job).or_default() += 1;
        }
        starts
    }

    pub(super) fn told(&self) -> impl Iterator<Item = (&List, &Told)> {
        self.lists.iter().flat_map(|list| list.lives.iter().flatten().map(move |told| (list, told)))
    }
}

/// A submitter that lives until then has a result for each of its jobs.
pub(super) fn lost(history: &History) -> Vec<String> {
    let mut broken = vec![];
    for List { jobs, lives, .. } in &history.lists {
        let told: BTreeSet<_> = lives.last().into_iter().flatten().map(|told| &told.job).collect();
        broken.extend(jobs.iter().filter(|job| !told.contains(job)).map(|job| format!("{job} was lost")));
    }
    broken
}

/// A submitter has one result for each job in its life, and none that it has not asked for.
pub(super) fn doubled(history: &History) -> Vec<String> {
    let mut broken = vec![];
    for List { jobs, lives, .. } in &history.lists {
        for life in lives {
            let mut open: BTreeSet<_> = jobs.iter().collect();
            let again = life.iter().filter(|told| !open.remove(&told.job));
            broken.extend(again.map(|told| format!("{} was told twice, or to the wrong one", told.job)));
        }
    }
    broken
}

/// A result is that of an execution of this job, which came to its end.
fn not_executed(history: &History) -> Vec<String> {
    let ends = history.work.iter().filter(|step| step.is_end);
    let ends: BTreeSet<_> = ends.map(|step| (&step.job, &step.process)).collect();
    let done = history.told().filter(|(_, told)| told.ending == "done");
    let never = done.filter(|(_, told)| !ends.contains(&(&told.job, &told.result)));
    never
        .map(|(_, told)| format!("{} is done, but process {:?} never ended", told.job, told.result))
        .collect()
}

/// A job is begun as often as it may be tried, each time that it was submitted. One that was submitted again is the same
/// until its result was claimed; whether that was so before its submitter was killed, nobody has seen. For who was never
/// killed it is just as often as it may be tried: with one attempt once at most.
fn begun_too_often(history: &History) -> Vec<String> {
    let (mut broken, starts) = (vec![], history.starts());
    for List { jobs, max_attempts, lives, .. } in &history.lists {
        for job in jobs {
            let begun = starts.get(&**job).copied().unwrap_or_default();
            let most = max_attempts * lives.len();
            if begun > most {
                broken.push(format!("{job} was begun {begun} times, and might have been {most} times"));
            }
        }
    }
    broken
}

/// Nothing is given up before it was tried as often as it may be. No command here fails by itself, so nothing else is a
/// reason.
fn given_up(history: &History) -> Vec<String> {
    let mut broken = vec![];
    for (List { max_attempts: most, .. }, Told { job, ending, attempts, result }) in history.told() {
        let is_right = match &**ending {
            "done" => (1..=*most).contains(attempts),
            "failed" => attempts == most && result.contains("worker"),
            _ => false,
        };
        if !is_right {
            broken.push(format!("{job} is {ending} after {attempts} of {most} attempts: {result}"));
        }
    }
    broken
}

/// With an order key jobs begin in the order of their submission, each for the first time after the one before it has
/// ended, if that was done at the first attempt. (The process of one that was lost may run on.)
fn out_of_order(history: &History) -> Vec<String> {
    let mut broken = vec![];
    for list in history.lists.iter().filter(|list| list.is_ordered) {
        let place = |is_end, job: &String| {
            history.work.iter().position(|step| step.is_end == is_end && step.job == *job)
        };
        let begun = list.jobs.iter().filter_map(|job| Some((job, place(false, job)?)));
        let begun: Vec<_> = begun.collect();
        for pair in begun.windows(2) {
            let [(first, first_start), (second, second_start)] = pair else { continue };
            let at_once = |told: &&Told| told.job == **first && told.ending == "done" && told.attempts == 1;
            let first_end = list.lives.iter().flatten().find(at_once).and_then(|_| place(true, first));
            if second_start < &first_end.unwrap_or(*first_start) {
                broken.push(format!("{second} was begun before its turn, which is after {first}"));
            }
        }
    }
    broken
}

/// A worker has no more at a time than it has slots for. Those that never ended may have been stopped.
fn too_many_at_a_time(history: &History) -> Vec<String> {
    let ended = history.work.iter().filter(|step| step.is_end);
    let ended: BTreeSet<_> = ended.map(|step| (&step.job, &step.process)).collect();
    let (mut broken, mut running) = (vec![], BTreeMap::<_, usize>::new());
    for step in history.work.iter().filter(|step| ended.contains(&(&step.job, &step.process))) {
        let running = running.entry(&step.worker).or_default();
        if step.is_end {
            *running -= 1;
        } else {
            *running += 1;
            if *running > SLOTS {
                broken.push(format!("{} was begun by a worker that had {SLOTS} already", step.job));
            }
        }
    }
    broken
}

/// Of each worker.
pub(super) const SLOTS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Told {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let [job, ending, attempts, result] = words.try_into().unwrap();
        Told { job, ending, attempts: attempts.parse().unwrap(), result }
    }

    fn steps(lines: &[&str]) -> Vec<Step> {
        lines.iter().map(|line| Step::read(line)).collect()
    }

    /// Two jobs, of which one was done at the second attempt, at a submitter that was killed once.
    fn good() -> History {
        let lives = vec![vec![told("a done 1 11")], vec![told("b done 2 13"), told("a done 1 14")]];
        let list =
            List { jobs: vec!["a".to_owned(), "b".to_owned()], max_attempts: 2, is_ordered: true, lives };
        let work = steps(&[
            "start a 11 1",
            "end a 11 1",
            "start b 12 1",
            "start b 13 2",
            "end b 13 2",
            "start a 14 2",
            "end a 14 2",
        ]);
        History { lists: vec![list], work }
    }

    /// What a change to the good history breaks.
    fn broken(change: impl FnOnce(&mut History)) -> Vec<String> {
        let mut history = good();
        change(&mut history);
        history.broken()
    }

    #[test]
    fn nothing_is_wrong_with_a_good_history() {
        assert_eq!(broken(|_| ()), [""; 0]);
    }

    #[test]
    fn a_job_without_a_result_is_lost_whatever_an_earlier_life_was_told() {
        let broken = broken(|history| _ = history.lists[0].lives[1].pop());
        assert_eq!(broken, ["a was lost"]);
    }

    #[test]
    fn a_second_result_in_one_life_is_found_and_so_is_one_that_nobody_asked_for() {
        let twice = broken(|history| history.lists[0].lives[1].push(told("b done 2 13")));
        assert_eq!(twice, ["b was told twice, or to the wrong one"]);
        let strange = broken(|history| history.lists[0].jobs.truncate(1));
        assert_eq!(strange, ["b was told twice, or to the wrong one"]);
    }

    #[test]
    fn a_result_without_an_execution_is_found_and_so_is_that_of_one_that_never_ended() {
        let none = broken(|history| history.lists[0].lives[1][1].result = "99".to_owned());
        assert_eq!(none, [r#"a is done, but process "99" never ended"#]);
        let lost = broken(|history| history.lists[0].lives[1][0].result = "12".to_owned());
        assert_eq!(lost, [r#"b is done, but process "12" never ended"#]);
    }

    #[test]
    fn more_starts_than_attempts_are_found() {
        let broken = broken(|history| {
            history.work.extend(steps(&["start b 15 3", "start b 16 4", "start b 17 5"]));
        });
        assert_eq!(broken, ["b was begun 5 times, and might have been 4 times"]);
    }

    #[test]
    fn what_is_given_up_too_early_is_found_and_what_was_tried_often_enough_is_not() {
        let failed = |attempts, result: &str| {
            let result = result.to_owned();
            broken(|history| {
                history.lists[0].lives[1][0] =
                    Told { job: "b".to_owned(), ending: "failed".to_owned(), attempts, result };
            })
        };
        assert_eq!(failed(2, "the worker was lost"), [""; 0]);
        assert_eq!(failed(1, "the worker was lost").len(), 1);
        assert_eq!(failed(2, "not found").len(), 1);
    }

    #[test]
    fn a_job_before_its_turn_is_found() {
        let sooner = broken(|history| history.work.swap(1, 2));
        assert_eq!(sooner, ["b was begun before its turn, which is after a"]);
    }

    #[test]
    fn a_worker_with_too_much_is_found_unless_it_was_stopped() {
        let starts = ["start a 15 9", "start b 16 9", "start a 17 9"];
        let ends = ["end a 15 9", "end b 16 9", "end a 17 9"];
        let most = |history: &mut History| history.lists[0].max_attempts = 9;
        let all = |history: &mut History| {
            history.lists[0].max_attempts = 9;
            history.work.extend(steps(&[starts, ends].concat()));
        };
        assert_eq!(broken(all), ["a was begun by a worker that had 2 already"]);
        let stopped = |history: &mut History| {
            most(history);
            history.work.extend(steps(&[&starts[..], &ends[1..]].concat()));
        };
        assert_eq!(broken(stopped), [""; 0]);
    }
}
