//! A broker with a journal, four workers and four submitters, in a storm.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::JOB;
use super::promises::{History, List, SLOTS, Step, Told, doubled, lost};
use crate::folder::Folder;
use crate::log::Log;
use crate::process::{DEADLINE, Event, Name, Process, What, free_place};
use crate::relay::Relay;
use crate::schedule::{Blow, LINK, PROCESS, Schedule};
use crate::storm::{Stage, rage};

/// Who submits, and how.
struct Submitter {
    name: Name,
    options: &'static str,
    max_attempts: usize,
    is_ordered: bool,
    /// In each of its lists.
    jobs: usize,
}

/// The first two are killed now and then. The careful one has jobs that may be begun once, the orderly one jobs that are
/// done one after the other: what they are promised can only be seen by somebody who lives.
const SUBMITTERS: [Submitter; 4] = [
    Submitter { name: "first", options: "--max-attempts 9", max_attempts: 9, is_ordered: false, jobs: 60 },
    Submitter { name: "second", options: "", max_attempts: 3, is_ordered: false, jobs: 60 },
    Submitter { name: "careful", options: "--max-attempts 1", max_attempts: 1, is_ordered: false, jobs: 60 },
    Submitter { name: "orderly", options: "--order line", max_attempts: 3, is_ordered: true, jobs: 15 },
];

const WORKERS: [Name; 4] = ["ada", "bob", "cyd", "dan"];

/// Whose way to the broker is through a relay. The others are beside it.
const LINKS: [(Name, Name); 5] = [
    ("ada", "link of ada"),
    ("bob", "link of bob"),
    ("first", "link of first"),
    ("careful", "link of careful"),
    ("orderly", "link of orderly"),
];

const TARGETS: [(Name, &[Blow]); 14] = [
    ("broker", PROCESS),
    ("ada", PROCESS),
    ("bob", PROCESS),
    ("cyd", PROCESS),
    ("dan", PROCESS),
    ("first", PROCESS),
    ("second", PROCESS),
    ("careful", &[Blow::Freeze]),
    ("orderly", &[Blow::Freeze]),
    (LINKS[0].1, LINK),
    (LINKS[1].1, LINK),
    (LINKS[2].1, LINK),
    (LINKS[3].1, LINK),
    (LINKS[4].1, LINK),
];

struct Town<'a> {
    processes: BTreeMap<Name, Process>,
    links: BTreeMap<Name, Relay>,
    folder: &'a Folder,
    log: Log,
    /// The broker's administration.
    admin: String,
    lists: Vec<List>,
    /// Which list somebody submits, and in which life it began with it.
    current: BTreeMap<Name, (usize, u32)>,
    told: BTreeMap<(Name, u32), Vec<Told>>,
    takes_lists: bool,
}

impl<'a> Town<'a> {
    fn found(folder: &'a Folder, events: &Sender<Event>) -> Self {
        let place = free_place();
        let links: BTreeMap<_, _> = LINKS.iter().map(|(_, link)| (*link, Relay::to(&place))).collect();
        let way = |name: Name| {
            let link = LINKS.iter().find(|(whose, _)| *whose == name).map(|(_, link)| links[link].at());
            format!("tcp://{}", link.unwrap_or_else(|| place.clone()))
        };
        let (at, journal) = (format!("tcp://{place}"), folder.file("journal"));
        let admin = format!("tcp://{}", free_place());
        let log = Log::new(folder.file("log"));
        let mut processes = BTreeMap::new();
        let mut add = |name: Name, arguments: &[&str]| {
            processes.insert(name, Process::new(name, arguments, folder, events));
        };
        let broker = ["balance", "broker", "--bind", &at, "--admin", &admin];
        add("broker", &[&broker[..], &["--journal", journal.to_str().unwrap()]].concat());
        for name in WORKERS {
            let (at, slots) = (way(name), SLOTS.to_string());
            let log = log.path().to_str().unwrap();
            let worker = ["balance", "worker", "--connect", &at, "--name", name, "--slots", &slots, "--"];
            add(name, &[&worker[..], &["sh", "-c", JOB, "job", "{}", log]].concat());
        }
        for Submitter { name, options, .. } in &SUBMITTERS {
            let at = way(name);
            let submit = ["balance", "submit", "--connect", &at, "--key", "{}", "--json"];
            add(name, &[&submit[..], &options.split_whitespace().collect::<Vec<_>>()].concat());
        }
        let mut town = Self {
            processes,
            links,
            folder,
            log,
            admin,
            lists: vec![],
            current: BTreeMap::new(),
            told: BTreeMap::new(),
            takes_lists: true,
        };
        for name in WORKERS.into_iter().chain(["broker"]) {
            town.process(name).start();
        }
        for submitter in &SUBMITTERS {
            town.begin_list(submitter);
        }
        town
    }

    /// A submitter submits its next list.
    fn begin_list(&mut self, submitter: &Submitter) {
        let Submitter { name, max_attempts, is_ordered, jobs, .. } = *submitter;
        let list = self.lists.len();
        // From 0 to 50 ms, different ones beside each other.
        let job = |job: usize| format!("{name}-{list}-{job}:0.{:03}", job * 17 % 51);
        let jobs: Vec<_> = (0..jobs).map(job).collect();
        let process = self.processes.get_mut(name).expect(name);
        process.give(self.folder, &(jobs.join("\n") + "\n"));
        process.start();
        self.current.insert(name, (list, process.life()));
        self.lists.push(List { jobs, max_attempts, is_ordered, lives: vec![] });
    }

    /// Waits for the end of the lists that were begun, and lets everybody go.
    fn close(mut self, events: &Receiver<Event>) -> History {
        self.takes_lists = false;
        let begun = Instant::now();
        while !self.current.is_empty() {
            let event = events.recv_timeout(DEADLINE.saturating_sub(begun.elapsed()));
            self.heard(event.unwrap_or_else(|_| panic!("{:?} have not ended in time", self.current)));
        }
        let ended = begun.elapsed();
        self.gather();
        self.process("broker").terminate();
        let mut left: Vec<_> = WORKERS.into_iter().chain(["broker"]).collect();
        while !left.is_empty() {
            let event = events.recv_timeout((ended + DEADLINE).saturating_sub(begun.elapsed()));
            let event = event.unwrap_or_else(|_| panic!("{left:?} have not gone in time"));
            if self.process(event.process).has_ended(&event) {
                assert_eq!(self.process(event.process).code(), Some(0), "{}", event.process);
                left.retain(|name| *name != event.process);
            }
        }
        println!("the last list ended after {ended:?}, all had gone after {:?}", begun.elapsed());
        let work = self.log.lines().iter().map(|line| Step::read(line)).collect();
        History { lists: self.lists, work }
    }

    /// Waits until all workers are at the broker. A broker that drains takes leave of those that it knows, and who was away
    /// would wait for the next one.
    fn gather(&self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = ["balance", "status", &self.admin, "--json"];
            let said = Command::new(env!("CARGO_BIN_EXE_zmtp")).args(status).output().unwrap();
            let status: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
            let is_there = |name: &Name| {
                let mut workers = status["workers"].as_array().into_iter().flatten();
                workers.any(|worker| worker["name"] == **name && worker["presence"] == "there")
            };
            if WORKERS.iter().all(is_there) {
                return;
            }
            assert!(Instant::now() < deadline, "not all are at the broker: {said:?}");
            sleep(Duration::from_millis(5));
        }
    }

    /// A submitter has ended, and not since it was killed.
    fn end_list(&mut self, name: Name, last: u32) {
        let code = self.process(name).code();
        // Some is not done, when all attempts were used up.
        assert!(matches!(code, Some(0 | 1)), "{name} ended with {code:?}");
        let (list, first) = self.current.remove(name).expect("a list");
        let told = (first..=last).map(|life| self.told.remove(&(name, life)).unwrap_or_default());
        self.lists[list].lives = told.collect();
    }
}

impl Stage for Town<'_> {
    fn process(&mut self, name: Name) -> &mut Process {
        self.processes.get_mut(name).expect(name)
    }

    fn link(&mut self, name: Name) -> &Relay {
        &self.links[name]
    }

    fn heard(&mut self, event: Event) {
        let Event { process: name, life, what } = &event;
        if let What::Said(line) = what {
            return self.told.entry((name, *life)).or_default().push(Told::read(line));
        }
        if !self.process(name).has_ended(&event) {
            return;
        }
        let submitter = SUBMITTERS.iter().find(|submitter| submitter.name == *name);
        let submitter = submitter.unwrap_or_else(|| panic!("{name} has ended by itself"));
        self.end_list(name, *life);
        if self.takes_lists {
            self.begin_list(submitter);
        }
    }
}

/// What happened, in numbers.
fn told(schedule: &Schedule, history: &History) -> String {
    let (starts, jobs) = (history.starts(), history.lists.iter().map(|list| list.jobs.len()).sum::<usize>());
    let failed = history.told().filter(|(_, told)| told.ending == "failed").count();
    format!(
        "{schedule}: {}; {jobs} jobs in {} lists, submitted in {} lives; {} starts, {} jobs begun more than once; {} results, \
         {failed} of them that all attempts were used up; lost {}, doubled {}",
        schedule.kinds(),
        history.lists.len(),
        history.lists.iter().map(|list| list.lives.len()).sum::<usize>(),
        starts.values().sum::<usize>(),
        starts.values().filter(|starts| **starts > 1).count(),
        history.told().count(),
        lost(history).len(),
        doubled(history).len(),
    )
}

#[test]
fn b07_b12_whatever_happens_to_processes_and_links_no_job_is_lost_and_none_has_two_results() {
    let schedule = Schedule::from_environment(&TARGETS);
    println!("{schedule}");
    let (folder, (sender, events)) = (Folder::new(), channel());
    let mut town = Town::found(&folder, &sender);
    rage(&schedule, &mut town, &events);
    let history = town.close(&events);
    println!("{}", told(&schedule, &history));
    let broken = history.broken();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
