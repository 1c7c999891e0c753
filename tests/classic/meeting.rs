//! One side is ours, the other one the article's.

use support::{ANY_PORT, within};
use zmtp_libzmq::Context;
use zmtp_patterns::classic::{Ending, Expect, Ventilator, Worker};

use crate::article::{self, Library, Server};
use crate::barrier::{bound, jobs, patient};

#[tokio::test]
async fn b06_the_ventilator_serves_workers_that_are_written_on_libzmq() {
    let (orders, reports, at) = bound([ANY_PORT; 2]).await;
    let context = Context::new();
    let workers = [(); 3].map(|()| article::worker(&context, &at));
    let ventilator = Ventilator::new(orders, reports, patient(Expect::All(3)));
    let summary = within(60, ventilator.run(jobs(5))).await.unwrap();
    assert!(summary.jobs.iter().all(|(_, ending)| *ending == Ending::Nameless), "{summary:?}");
    assert_eq!((summary.ended(), summary.nameless, summary.duplicates, summary.stayed), (5, 5, 0, 0));
    let mut done = Vec::new();
    for worker in workers {
        let worked = within(20, worker).await.unwrap();
        assert!(worked.stopped);
        done.push(worked.jobs);
    }
    done.sort_unstable();
    assert_eq!(done, [1, 2, 2]);
}

#[tokio::test]
async fn b06_a_worker_of_ours_works_for_a_server_that_is_written_on_libzmq() {
    let (mut server, at) = Server::bind(Library::Libzmq, [ANY_PORT; 2]).await;
    let worker =
        tokio::spawn(worker(&at).run(async |order| if order == "job 3" { Err("exit 1") } else { Ok(()) }));
    server.wait_ready(1).await;
    server.send_all(5, 1).await;
    for report in ["done\tjob 0", "done\tjob 1", "done\tjob 2", "failed\tjob 3\texit 1", "done\tjob 4"] {
        assert_eq!(server.recv().await, report);
    }
    let gone = within(20, worker).await.unwrap();
    assert_eq!((gone.done, gone.failed, gone.unsent), (4, 1, 0));
}

#[tokio::test]
async fn b06_workers_of_both_kinds_work_together() {
    let (orders, reports, at) = bound([ANY_PORT; 2]).await;
    let context = Context::new();
    let theirs = [(); 2].map(|()| article::worker(&context, &at));
    let ours = [(); 2].map(|()| tokio::spawn(worker(&at).run(async |_| Ok::<_, String>(()))));
    let ventilator = Ventilator::new(orders, reports, patient(Expect::All(4)));
    let summary = within(60, ventilator.run(jobs(8))).await.unwrap();
    assert_eq!((summary.ended(), summary.nameless, summary.duplicates, summary.stayed), (8, 4, 0, 0));
    for worker in theirs {
        assert_eq!(within(20, worker).await.unwrap(), article::Worked { jobs: 2, stopped: true });
    }
    for worker in ours {
        assert_eq!(within(20, worker).await.unwrap().done, 2);
    }
}

/// A worker of ours that has connected.
pub(crate) fn worker(at: &[String; 2]) -> Worker {
    let (orders, reports) = (Worker::orders().build(), Worker::reports().build());
    orders.connect(at[0].as_str()).unwrap();
    reports.connect(at[1].as_str()).unwrap();
    Worker::new(orders, reports)
}
