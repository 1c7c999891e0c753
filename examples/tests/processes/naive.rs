//! Servers without a ready barrier, as everybody writes them first, dealing orders to real `backup` workers.
//! They fail, on our PUSH and on libzmq's alike: this is what the barrier is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    thread,
    time::Duration,
};

use zmtp::{BindError, Endpoint, Message, PullSocket, PushSocket};
use zmtp_libzmq::{Context, Opt, Socket, SocketType};

use crate::support::*;

/// A PUSH for orders and a PULL for reports, both bound, of one library or the other.
pub(crate) trait Naive {
    /// Blocks until there is room, hence until the first worker is attached.
    fn send(&mut self, frames: &[&str]);
    fn recv(&mut self) -> Vec<String>;
    fn endpoints(&self) -> (&str, &str);

    /// One job for every folder.
    fn send_jobs(&mut self, site: &Site) {
        let to = site.to();
        std::fs::create_dir_all(&to).unwrap();
        for (job, folder) in site.folders.iter().enumerate() {
            let copy: PathBuf = to.join(folder.file_name().unwrap());
            let (job, source, copy) = (job.to_string(), folder.to_str().unwrap(), copy.to_str().unwrap());
            self.send(&["backup", &job, "1", source, copy]);
        }
    }

    fn send_kills(&mut self, count: usize) {
        for _ in 0..count {
            self.send(&["KILL"]);
        }
    }

    /// Waits for `jobs` results; how many of them are whose.
    fn results(&mut self, jobs: usize) -> BTreeMap<String, usize> {
        let mut results = BTreeMap::new();
        for _ in 0..jobs {
            let report = self.recv_only("done");
            *results.entry(report[1].clone()).or_default() += 1;
        }
        results
    }

    fn recv_only(&mut self, word: &str) -> Vec<String> {
        loop {
            let report = self.recv();
            if report[0] == word {
                return report;
            }
        }
    }
}

pub(crate) struct Ours {
    runtime: tokio::runtime::Runtime,
    orders: PushSocket,
    reports: PullSocket,
    endpoints: (String, String),
}

impl Ours {
    pub(crate) fn bind(orders_at: &str, reports_at: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (orders, reports) = (PushSocket::builder().linger(Duration::ZERO).build(), PullSocket::new());
        let bind = |at: &str, bound: &dyn Fn() -> Result<Endpoint, BindError>| {
            // A process that another test starts right now has, until its `exec`, all our sockets, also one
            // that was closed here a moment ago.
            let mut result = bound();
            until(&format!("{at} is free"), || {
                if result.is_err() {
                    result = bound();
                }
                result.is_ok()
            });
            result.unwrap().to_string()
        };
        let endpoints = (
            bind(orders_at, &|| runtime.block_on(orders.bind(orders_at))),
            bind(reports_at, &|| runtime.block_on(reports.bind(reports_at))),
        );
        Self { runtime, orders, reports, endpoints }
    }
}

impl Naive for Ours {
    fn send(&mut self, frames: &[&str]) {
        let (first, rest) = frames.split_first().unwrap();
        let message = rest.iter().fold(Message::new(*first), |message, frame| message.with(*frame));
        let send = async { tokio::time::timeout(DEADLINE, self.orders.send(message)).await };
        self.runtime.block_on(send).expect("room in time").unwrap();
    }

    fn recv(&mut self) -> Vec<String> {
        let recv = async { tokio::time::timeout(DEADLINE, self.reports.recv()).await };
        let message = self.runtime.block_on(recv).expect("a report in time").unwrap();
        message.frames().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect()
    }

    fn endpoints(&self) -> (&str, &str) {
        (&self.endpoints.0, &self.endpoints.1)
    }
}

pub(crate) struct Theirs {
    orders: Socket,
    reports: Socket,
    endpoints: (String, String),
}

impl Theirs {
    pub(crate) fn bind(orders_at: &str, reports_at: &str) -> Self {
        let context = Context::new();
        let orders = Socket::new(&context, SocketType::Push).unwrap();
        let reports = Socket::new(&context, SocketType::Pull).unwrap();
        let deadline = DEADLINE.as_millis() as i32;
        orders.set_int(Opt::SndTimeo, deadline).unwrap();
        reports.set_int(Opt::RcvTimeo, deadline).unwrap();
        let endpoints = (orders.bind(orders_at).unwrap(), reports.bind(reports_at).unwrap());
        Self { orders, reports, endpoints }
    }
}

impl Naive for Theirs {
    fn send(&mut self, frames: &[&str]) {
        let frames: Vec<_> = frames.iter().map(|frame| frame.as_bytes()).collect();
        self.orders.send(&frames).unwrap();
    }

    fn recv(&mut self) -> Vec<String> {
        let frames = self.reports.recv().unwrap();
        frames.into_iter().map(|frame| String::from_utf8(frame).unwrap()).collect()
    }

    fn endpoints(&self) -> (&str, &str) {
        (&self.endpoints.0, &self.endpoints.1)
    }
}

/// Binds, and lets three workers come when they come: sends five jobs and three KILL as soon as somebody is
/// there. The jobs of each worker, and how many workers are left that nobody will ever stop.
fn without_barrier(mut server: impl Naive) -> (Vec<usize>, usize) {
    let site = Site::new(5);
    let (orders, reports) = server.endpoints();
    let (orders, reports) = (orders.to_owned(), reports.to_owned());
    let workers = thread::spawn(move || {
        ["a", "b", "c"].map(|name| {
            let (orders, reports) = (orders.clone(), reports.clone());
            thread::spawn(move || {
                thread::sleep(at_random(Duration::from_millis(500)));
                Worker::start(Way::Classic, name, &orders, &reports, &[])
            })
        })
    });

    server.send_jobs(&site);
    server.send_kills(3);
    let results = server.results(5);
    let mut workers = workers.join().unwrap().map(|worker| worker.join().unwrap());

    // Whoever has had a job has had a KILL behind it, unless the two got apart.
    until("those with jobs have gone", || {
        workers.iter_mut().all(|worker| !results.contains_key(&worker.name) || worker.has_exited())
    });
    let left = workers.iter_mut().filter_map(|worker| (!worker.has_exited()).then_some(())).count();
    (["a", "b", "c"].map(|name| results.get(name).copied().unwrap_or(0)).to_vec(), left)
}

fn b04_without_a_barrier_somebody_gets_nothing(bind: fn(&str, &str) -> Box<dyn Naive>, library: &str) {
    let _shared = MACHINE.read();
    let bad = std::sync::atomic::AtomicUsize::new(0);
    repeat(6, 3, |_| {
        let (jobs, left) = without_barrier(bind("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"));
        println!("{library}: jobs {jobs:?}, {left} workers never stopped");
        if jobs.contains(&0) && left > 0 {
            bad.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(bad.into_inner() >= 1, "{library} has dealt fairly to workers that were not there yet");
}

#[test]
fn b04_without_a_barrier_somebody_gets_nothing_from_our_push() {
    b04_without_a_barrier_somebody_gets_nothing(
        |orders, reports| Box::new(Ours::bind(orders, reports)),
        "zmtp",
    );
}

#[test]
fn b04_without_a_barrier_somebody_gets_nothing_from_libzmqs_push() {
    b04_without_a_barrier_somebody_gets_nothing(
        |orders, reports| Box::new(Theirs::bind(orders, reports)),
        "libzmq",
    );
}

impl Naive for Box<dyn Naive> {
    fn send(&mut self, frames: &[&str]) {
        (**self).send(frames);
    }

    fn recv(&mut self) -> Vec<String> {
        (**self).recv()
    }

    fn endpoints(&self) -> (&str, &str) {
        (**self).endpoints()
    }
}

/// Twelve workers wait already. The server binds, waits for twelve ready reports, and for nothing else. True
/// if nevertheless somebody has got no job.
fn ready_reports_alone(bind: fn(&str, &str) -> Box<dyn Naive>) -> bool {
    let site = Site::new(24);
    let (orders, reports) = (free_endpoint(), free_endpoint());
    let names: Vec<_> = (0..12).map(|n| format!("w{n}")).collect();
    let _workers: Vec<_> =
        names.iter().map(|name| Worker::start(Way::Classic, name, &orders, &reports, &[])).collect();
    thread::sleep(at_random(Duration::from_millis(500)));

    let mut server = bind(&orders, &reports);
    let mut ready = BTreeSet::new();
    while ready.len() < 12 {
        ready.insert(server.recv_only("ready")[1].clone());
    }
    server.send_jobs(&site);
    server.send_kills(12);
    let results = server.results(24);
    println!("jobs of 12 workers: {:?}", names.iter().map(|name| results.get(name)).collect::<Vec<_>>());
    results.len() < 12
}

#[test]
fn b26_ready_reports_alone_leave_somebody_without_a_job_on_our_push() {
    let _shared = MACHINE.read();
    let bind = |orders: &str, reports: &str| -> Box<dyn Naive> { Box::new(Ours::bind(orders, reports)) };
    assert!((0..40).any(|_| ready_reports_alone(bind)), "40 times right, by luck?");
}

#[test]
fn b26_ready_reports_alone_leave_somebody_without_a_job_on_libzmqs_push() {
    let _shared = MACHINE.read();
    let bind = |orders: &str, reports: &str| -> Box<dyn Naive> { Box::new(Theirs::bind(orders, reports)) };
    assert!((0..40).any(|_| ready_reports_alone(bind)), "40 times right, by luck?");
}
