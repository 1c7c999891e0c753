//! The article's own workers, on libzmq and with nothing of ours in them: PULL for orders, PUSH for reports,
//! `1` when ready, and out on `KILL`.

use std::{sync::mpsc, thread};

use zmtp_libzmq::{Context, Opt, Socket, SocketType};

use crate::support::*;

/// What such a worker says at the end of a job.
#[derive(Debug, Clone, Copy)]
enum AtTheEnd {
    Nothing,
    One,
    Done,
}

/// The loop of the article, every job noted in `log`.
fn article_worker(
    number: usize,
    orders_at: &str,
    reports_at: &str,
    end: AtTheEnd,
    log: &mpsc::Sender<(usize, String)>,
) {
    let context = Context::new();
    let orders = Socket::new(&context, SocketType::Pull).unwrap();
    let reports = Socket::new(&context, SocketType::Push).unwrap();
    orders.set_int(Opt::RcvTimeo, DEADLINE.as_millis() as i32).unwrap();
    reports.set_int(Opt::Linger, 1000).unwrap();
    orders.connect(orders_at).unwrap();
    reports.connect(reports_at).unwrap();
    reports.send_one(b"1").unwrap();
    loop {
        let order = orders.recv().expect("an order or KILL in time");
        if order[0] == b"KILL" {
            return;
        }
        log.send((number, String::from_utf8(order[3].clone()).unwrap())).unwrap();
        match end {
            AtTheEnd::Nothing => {}
            AtTheEnd::One => reports.send_one(b"1").unwrap(),
            AtTheEnd::Done => {
                let (job, attempt) = (&order[1][..], &order[2][..]);
                reports.send(&[b"done", b"", job, attempt, b"0", b"0", b"0", b""]).unwrap();
            }
        }
    }
}

fn b06_article_workers_do_all_the_work(end: AtTheEnd) {
    let _shared = MACHINE.read();
    let site = Site::new(8);
    let ends = ["--orders", "tcp://127.0.0.1:0", "--reports", "tcp://127.0.0.1:0"];
    let mut server = site.server(Way::Classic, &[&["--external"], &ends[..]].concat());
    let (orders, reports) = server.endpoints();
    let (log, jobs) = mpsc::channel();
    let workers: Vec<_> = (0..3)
        .map(|number| {
            let (orders, reports, log) = (orders.clone(), reports.clone(), log.clone());
            thread::spawn(move || article_worker(number, &orders, &reports, end, &log))
        })
        .collect();
    drop(log);

    let finished = server.finish();
    for worker in workers {
        worker.join().unwrap();
    }

    assert_eq!(finished.code, 0, "{finished:#?}");
    assert_eq!(finished.summary()["done"], 8);
    let jobs: Vec<_> = jobs.iter().collect();
    let mut folders: Vec<_> = jobs.iter().map(|(_, folder)| folder.clone()).collect();
    folders.sort();
    let expected: Vec<_> = site.folders.iter().map(|folder| folder.to_str().unwrap()).collect();
    assert_eq!(folders, expected, "every folder once");
    assert!((0..3).all(|worker| jobs.iter().any(|(number, _)| *number == worker)), "{jobs:?}");
}

#[test]
fn b06_the_articles_workers_on_libzmq_need_no_change() {
    b06_article_workers_do_all_the_work(AtTheEnd::Nothing);
}

#[test]
fn b06_a_bare_one_after_each_job_is_its_end() {
    b06_article_workers_do_all_the_work(AtTheEnd::One);
}

#[test]
fn b06_a_worker_without_a_name_may_report_in_full() {
    b06_article_workers_do_all_the_work(AtTheEnd::Done);
}
