//! The ready barrier: nobody gets an order before everybody can, and nobody waits for ever.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::{
    naive::{Naive, Ours},
    support::*,
};

const ANY: &str = "tcp://127.0.0.1:0";

both_ways! {
    b04_every_worker_gets_a_job_in_100_of_100_runs_with_workers_starting_up_to_500_ms_apart
    b26_every_worker_gets_a_job_in_100_of_100_runs_with_12_workers_waiting_before_the_server_starts
    b05_200_workers_under_load_all_get_a_job_and_a_fixed_sleep_misses_some
    b09_with_the_minimum_ready_work_starts_at_the_deadline
    b09_with_fewer_than_the_minimum_the_server_gives_up_and_names_the_count
    workers_that_cannot_start_are_not_waited_for
}

fn b04_every_worker_gets_a_job_in_100_of_100_runs_with_workers_starting_up_to_500_ms_apart(way: Way) {
    let _shared = MACHINE.read();
    repeat(100, 8, |_| {
        let site = Site::new(5);
        let mut server = site.server(way, &[&["--external"], &way.ends(ANY, ANY)[..]].concat());
        let (orders, reports) = server.endpoints();
        let workers: Vec<_> = thread::scope(|scope| {
            let start = |name: &'static str| {
                let (orders, reports) = (&orders, &reports);
                scope.spawn(move || {
                    thread::sleep(at_random(Duration::from_millis(500)));
                    Worker::start(way, name, orders, reports, &[])
                })
            };
            ["a", "b", "c"].map(start).into_iter().map(|worker| worker.join().unwrap()).collect()
        });

        let finished = server.finish();

        assert_eq!(finished.code, 0, "{finished:#?}");
        let jobs = finished.jobs_per_worker();
        assert!(jobs.len() == 3 && jobs.iter().all(|jobs| *jobs >= 1), "{jobs:?}");
        site.assert_saved();
        for worker in workers {
            assert_eq!(worker.exit_code(), 0);
        }
    });
}

fn b26_every_worker_gets_a_job_in_100_of_100_runs_with_12_workers_waiting_before_the_server_starts(way: Way) {
    let _shared = MACHINE.read();
    repeat(100, 8, |_| {
        let site = Site::new(24);
        let (orders, reports) = (free_endpoint(), free_endpoint());
        let workers: Vec<_> =
            (0..12).map(|number| Worker::start(way, &format!("w{number}"), &orders, &reports, &[])).collect();
        thread::sleep(at_random(Duration::from_millis(300)));

        let args = [&["--external", "--workers", "12"], &way.ends(&orders, &reports)[..]].concat();
        let finished = site.server(way, &args).finish();

        assert_eq!(finished.code, 0, "{finished:#?}");
        let jobs = finished.jobs_per_worker();
        assert!(jobs.len() == 12 && jobs.iter().all(|jobs| *jobs >= 1), "{jobs:?}");
        site.assert_saved();
        for worker in workers {
            assert_eq!(worker.exit_code(), 0);
        }
    });
}

fn b05_200_workers_under_load_all_get_a_job_and_a_fixed_sleep_misses_some(way: Way) {
    let _alone = MACHINE.write();
    let (few, many, again) = (Site::new(3), Site::new(200), Site::new(200));
    let until_ready = |finished: &Finished| {
        let work = finished.all("work").next().unwrap();
        Duration::from_millis(work["ms"].as_u64().unwrap())
    };
    let three_need = until_ready(&few.server(way, &[]).finish());
    let load = Load::start(4);

    let finished =
        many.server(way, &["--workers", "200", "--ready-timeout", "90s", "--grace", "60s"]).finish();
    assert_eq!(finished.code, 0, "{:#?}", finished.summary());
    let jobs = finished.jobs_per_worker();
    assert!(jobs.len() == 200 && jobs.iter().all(|jobs| *jobs == 1), "{jobs:?}");
    many.assert_saved();

    if way == Way::Balanced {
        return;
    }
    // The article sleeps for three seconds. Somebody has tried that out, and found it to be more than enough:
    // for a few workers, on a machine with nothing else to do. So here, with ten times what three workers
    // needed.
    let all_need = until_ready(&finished);
    let sleep = (10 * three_need).min(all_need / 5);
    let mut server = Ours::bind("tcp://127.0.0.1:0", "tcp://127.0.0.1:0");
    let (orders, reports) = server.endpoints();
    let (orders, reports) = (orders.to_owned(), reports.to_owned());
    let workers = thread::spawn(move || {
        (0..200).map(|n| Worker::start(way, &format!("w{n}"), &orders, &reports, &[])).collect::<Vec<_>>()
    });
    thread::sleep(sleep);
    server.send_jobs(&again);
    server.send_kills(200);
    let results = server.results(200);
    println!("3 need {three_need:?}, 200 {all_need:?}; {} got a job after {sleep:?}", results.len());
    assert!(results.len() < 200);
    drop(load);
    drop(workers.join().unwrap());
}

/// Keeps processors busy.
struct Load {
    stop: std::sync::Arc<AtomicBool>,
}

impl Load {
    fn start(threads: usize) -> Self {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        for _ in 0..threads {
            let stop = stop.clone();
            thread::spawn(move || while !stop.load(Ordering::Relaxed) {});
        }
        Self { stop }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Three workers started, one killed before there is a server that it could be ready for.
fn two_of_three(way: Way) -> (Vec<Worker>, [String; 2]) {
    let ends = [free_endpoint(), free_endpoint()];
    let mut workers: Vec<_> =
        ["a", "b", "c"].map(|name| Worker::start(way, name, &ends[0], &ends[1], &[])).into();
    workers.remove(1).kill();
    (workers, ends)
}

fn b09_with_the_minimum_ready_work_starts_at_the_deadline(way: Way) {
    let _alone = MACHINE.write();
    let (workers, [orders, reports]) = two_of_three(way);
    let site = Site::new(5);
    let ends = way.ends(&orders, &reports);
    let args = [&["--external", "--min", "2", "--ready-timeout", "2s"], &ends[..]].concat();

    let finished = site.server(way, &args).finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    let work = finished.all("work").next().unwrap();
    assert!((1800..=2200).contains(&work["ms"].as_u64().unwrap()), "{work}");
    assert_eq!((&work["ready"], &work["wanted"]), (&2.into(), &3.into()));
    let workers: Vec<_> = workers.into_iter().map(Worker::exit_code).collect();
    assert_eq!(workers, [0, 0]);
    site.assert_saved();
}

fn b09_with_fewer_than_the_minimum_the_server_gives_up_and_names_the_count(way: Way) {
    let _shared = MACHINE.read();
    let (workers, [orders, reports]) = two_of_three(way);
    let site = Site::new(5);
    let ends = way.ends(&orders, &reports);
    let args = [&["--external", "--min", "3", "--ready-timeout", "2s"], &ends[..]].concat();

    let finished = site.server(way, &args).finish();

    assert_eq!(finished.code, 2, "{finished:#?}");
    assert_eq!(finished.stderr, "backup: 2 of 3 workers ready after 2.0 s, at least 3 wanted\n");
    assert_eq!(finished.all("started").count(), 0);
    // Those that did come are sent home.
    let workers: Vec<_> = workers.into_iter().map(Worker::exit_code).collect();
    assert_eq!(workers, [0, 0]);
}

fn workers_that_cannot_start_are_not_waited_for(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let mut server = site.server(way, &["--ready-timeout", "90s", "--workers", "2", "--command", "sleep 1"]);
    let pids: BTreeSet<_> =
        (0..2).map(|_| server.wait_for_event("worker-started")["pid"].as_u64().unwrap()).collect();
    pids.iter().for_each(|pid| signal(*pid, "-9"));

    let finished = server.finish();

    // Unless they were faster than the signal; then there was work, and nobody left to do it.
    if finished.all("work").next().is_none() {
        assert_eq!(finished.code, 2);
        assert!(finished.stderr.ends_with("every process has exited\n"), "{}", finished.stderr);
    }
    assert!(finished.summary()["seconds"].as_f64().unwrap() < 60.0);
}
