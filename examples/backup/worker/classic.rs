//! Orders by PULL and reports by PUSH.
//!
//! Orders are done in the order they came in, and `KILL` is one of them: what was sent before it is done
//! first. Whoever cannot wait sends SIGTERM: the worker leaves its job and takes its leave. It says `ready`
//! at once and again whenever either of its connections is a new one, for that may be to another server. It is
//! the server who waits until the worker is attached as well.

use std::{collections::VecDeque, mem, pin::Pin};

use tokio::time::{Instant, timeout};
use zmtp::{Event, PullSocket, PushSocket};

use super::{Farewell, LINGER, RECONNECT, describe, job, leash::Leash};
use crate::{
    args::WorkerArgs,
    interrupt::Interrupt,
    protocol::{Order, Report},
};

pub(super) async fn work(name: String, args: WorkerArgs, say: impl Fn(&str)) -> Result<Farewell, String> {
    let mut orders = PullSocket::builder().reconnect(RECONNECT).build();
    let reports = PushSocket::builder().reconnect(RECONNECT).linger(LINGER).build();
    let (mut monitor, mut introductions) = (orders.monitor(), reports.monitor());
    let mut interrupt = Interrupt::new()?;
    reports.connect(args.reports.clone()).map_err(|error| error.to_string())?;
    orders.connect(args.orders.clone()).map_err(|error| error.to_string())?;

    let mut leash = Leash::new(Instant::now(), args.connect_timeout, args.orphan_timeout);
    let mut unsaid = VecDeque::from([Report::Ready { worker: name.clone() }]);
    let mut waiting = VecDeque::new();
    let mut was_introduced = false;
    let mut job: Option<Job> = None;
    let farewell = loop {
        match waiting.pop_front_if(|_| job.is_none()) {
            None => {}
            Some(Order::Kill) => break Farewell::Killed,
            Some(Order::Backup(task)) => {
                say(&format!("{}: started", task.source));
                let (worker, limit) = (name.clone(), args.job_timeout);
                unsaid.push_back(Report::Started {
                    worker: worker.clone(),
                    job: task.job,
                    attempt: task.attempt,
                });
                let report = job::report(worker, task, args.command.clone(), limit);
                job = Some(Box::pin(report));
            }
        }
        tokio::select! {
            order = orders.recv(), if waiting.len() < MOST_WAITING => {
                let order = order.map_err(|error| format!("cannot read orders: {error}"))?;
                match Order::decode(&order) {
                    Ok(order) => waiting.push_back(order),
                    Err(malformed) => say(&format!("order ignored: {malformed}")),
                }
            }
            report = end(&mut job) => {
                say(&describe(&report));
                unsaid.push_back(report);
            }
            room = reports.writable(), if !unsaid.is_empty() => {
                room.map_err(|error| format!("cannot report: {error}"))?;
                if reports.try_send(unsaid[0].encode()).is_ok() {
                    unsaid.pop_front();
                }
            }
            Some(event) = monitor.next() => {
                if leash.handle(Instant::now(), &event) {
                    unsaid.push_back(Report::Ready { worker: name.clone() });
                }
            }
            Some(event) = introductions.next() => {
                // Whom it was said to may have gone before there was a connection for orders.
                if matches!(event, Event::HandshakeSucceeded { .. }) && mem::replace(&mut was_introduced, true) {
                    unsaid.push_back(Report::Ready { worker: name.clone() });
                }
            }
            farewell = leash.snaps() => break farewell,
            () = interrupt.next() => break Farewell::Interrupted,
        }
    };

    drop(job);
    if let Farewell::Killed | Farewell::Interrupted = farewell {
        unsaid.push_back(Report::Bye { worker: name });
        let last_words = async {
            for report in unsaid {
                reports.send(report.encode()).await?;
            }
            Ok::<_, zmtp::SendError>(())
        };
        let _ = timeout(LINGER, last_words).await;
        // What is not read within the linger time will be missed by nobody.
        let _ = reports.close().await;
    }
    Ok(farewell)
}

/// A job that is being done. Dropped, it stops: a program is killed, a copy ends at its next chunk.
type Job = Pin<Box<dyn Future<Output = Report>>>;

/// The report of the present job, after which there is none. Pending if there is none. Cancel-safe.
async fn end(job: &mut Option<Job>) -> Report {
    let Some(present) = job else { return std::future::pending().await };
    let report = present.as_mut().await;
    *job = None;
    report
}

/// More orders than this stay in the socket, and then with the server.
const MOST_WAITING: usize = 1000;
