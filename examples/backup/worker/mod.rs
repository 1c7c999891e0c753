//! `backup worker`: takes orders one at a time, does them, reports.
//!
//! Orders are done in the order they came in, and `KILL` is one of them: what was sent before it is done
//! first. Whoever cannot wait sends SIGTERM: the worker leaves its job and takes its leave. It says `ready`
//! at once and again whenever it has been attached anew, for that may be another server. It is the server who
//! waits until the worker is attached as well.
//!
//! No worker stays for ever: one whose server has gone exits after `--orphan-timeout`.

pub(crate) mod command;
mod job;
mod leash;

use std::{collections::VecDeque, fmt, time::Duration};

use tokio::time::{Instant, timeout};
use zmtp::{PullSocket, PushSocket, Reconnect};

use self::{job::Job, leash::Leash};
use crate::{
    args::WorkerArgs,
    events::Span,
    interrupt::Interrupt,
    protocol::{Order, Report},
};

/// Why a worker has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    Killed,
    Interrupted,
    Orphaned(Duration),
    NoServer(Duration),
}

/// Works until told to stop, or until there is nobody to work for.
///
/// # Errors
///
/// If an endpoint cannot be connected to, ever.
pub(crate) async fn work(args: WorkerArgs, say: impl Fn(&str)) -> Result<Farewell, String> {
    let name = args.name.clone().unwrap_or_else(default_name);
    let mut orders = PullSocket::builder().reconnect(RECONNECT).build();
    let reports = PushSocket::builder().reconnect(RECONNECT).linger(LINGER).build();
    let mut monitor = orders.monitor();
    let mut interrupt = Interrupt::new()?;
    reports.connect(args.reports.clone()).map_err(|error| error.to_string())?;
    orders.connect(args.orders.clone()).map_err(|error| error.to_string())?;

    let mut leash = Leash::new(Instant::now(), args.connect_timeout, args.orphan_timeout);
    let mut unsaid = VecDeque::from([Report::Ready { worker: name.clone() }]);
    let mut waiting = VecDeque::new();
    let mut job: Option<Job> = None;
    say(&format!("{name} takes orders from {}", args.orders));
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
                job = Some(Job::start(worker, task, args.command.clone(), limit));
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
            report = Job::end(&mut job) => {
                say(&describe(&report));
                unsaid.push_back(report);
            }
            room = reports.writable(), if !unsaid.is_empty() => {
                room.map_err(|error| format!("cannot report: {error}"))?;
                if reports.try_send(unsaid[0].encode()).is_ok() {
                    unsaid.pop_front();
                }
            }
            _ = monitor.next() => {
                if leash.handle_attached(Instant::now(), orders.peer_count() > 0) {
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

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => f.write_str("stopped by the server"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Orphaned(limit) => {
                write!(f, "the server has been gone for {}, nothing more to do", Span(*limit))
            }
            Self::NoServer(limit) => write!(f, "no server within {}", Span(*limit)),
        }
    }
}

fn default_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host:.40}-{}", std::process::id())
}

fn describe(report: &Report) -> String {
    match report {
        Report::Done { job, copied, .. } => format!("job {job}: {} files done", copied.files),
        Report::Failed { job, text, .. } => format!("job {job}: failed: {text}"),
        other => format!("{other:?}"),
    }
}

/// Workers wait for a server that starts any time; when it does, it should not have to wait for them.
const RECONNECT: Reconnect = Reconnect::between(Duration::from_millis(50), Duration::from_secs(1));
const LINGER: Duration = Duration::from_secs(1);
/// More orders than this stay in the socket, and then with the server.
const MOST_WAITING: usize = 1000;
