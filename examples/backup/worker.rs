//! `backup worker`: takes orders one at a time, does them, reports.
//!
//! Orders are done in the order they came in, and `KILL` is one of them: what was sent before it is done first.
//! Whoever cannot wait sends SIGTERM: the worker leaves its job and takes its leave. It says `ready` at once and again whenever it has
//! been attached anew, for that may be another server. It is the server who waits until the worker is attached as
//! well.
//!
//! No worker stays for ever: one whose server has gone exits after `--orphan-timeout`.

use std::{
    collections::VecDeque,
    fmt,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};
use zmtp::{Endpoint, PullSocket, PushSocket, Reconnect};

use crate::{
    args::WorkerArgs,
    command::Command,
    events::Span,
    folders::{Tree, copy},
    interrupt::Interrupt,
    protocol::{Copied, Order, Report, Task},
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
    let cannot = |end: &Endpoint, error: &dyn fmt::Display| format!("cannot connect to {end}: {error}");
    reports.connect(args.reports.clone()).map_err(|error| cannot(&args.reports, &error))?;
    orders.connect(args.orders.clone()).map_err(|error| cannot(&args.orders, &error))?;

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
                unsaid.push_back(Report::Started { worker: worker.clone(), job: task.job, attempt: task.attempt });
                job = Some(Job::start(worker, task, args.command.clone(), limit));
            }
        }
        tokio::select! {
            order = orders.recv(), if waiting.len() < MOST_WAITING => match order.as_ref().map(Order::decode) {
                Ok(Ok(order)) => waiting.push_back(order),
                Ok(Err(malformed)) => say(&format!("order ignored: {malformed}")),
                Err(error) => return Err(format!("cannot read orders: {error}")),
            },
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

/// A job that is being done. Dropped, it stops: a program is killed, a copy ends at its next chunk.
struct Job {
    end: Pin<Box<dyn Future<Output = Report>>>,
}

impl Job {
    fn start(worker: String, task: Task, command: Option<Command>, limit: Option<Duration>) -> Self {
        let end = async move {
            let Task { job, attempt, .. } = task;
            match perform(&task, command, limit).await {
                Ok(copied) => Report::Done { worker, job, attempt, copied },
                Err(text) => Report::Failed { worker, job, attempt, text },
            }
        };
        Self { end: Box::pin(end) }
    }

    /// The report of the present job, after which there is none. Pending if there is none. Cancel-safe.
    async fn end(job: &mut Option<Self>) -> Report {
        let Some(present) = job else { return std::future::pending().await };
        let report = present.end.as_mut().await;
        *job = None;
        report
    }
}

async fn perform(task: &Task, command: Option<Command>, limit: Option<Duration>) -> Result<Copied, String> {
    let start = Instant::now();
    let work = async {
        match command {
            Some(command) => run(task, &command).await,
            None => copy_alone(task).await,
        }
    };
    let tree = match limit {
        Some(limit) => timeout(limit, work).await.map_err(|_| format!("not done within {}", Span(limit)))?,
        None => work.await,
    }?;
    let (files, bytes, digest) = (tree.files(), tree.bytes(), tree.digest());
    Ok(Copied { files, bytes, took: start.elapsed(), digest })
}

async fn copy_alone(task: &Task) -> Result<Tree, String> {
    let stop = Stop(Arc::default());
    let (task, flag) = (task.clone(), stop.0.clone());
    let copied = spawn_blocking(move || copy(Path::new(&task.source), Path::new(&task.destination), &flag));
    copied.await.map_err(|error| error.to_string())?.map_err(|fault| fault.to_string())
}

/// Lets a program fill the destination, and looks at what it has made.
async fn run(task: &Task, command: &Command) -> Result<Tree, String> {
    let destination = Path::new(&task.destination).to_owned();
    let fault = |error| format!("{}: {error}", destination.display());
    std::fs::create_dir(&destination).map_err(fault)?;
    command.run(&task.source, &destination).await?;
    let read = destination.clone();
    let tree = spawn_blocking(move || Tree::read(&read)).await.map_err(|error| error.to_string())?;
    let tree = tree.map_err(|fault| fault.to_string())?;
    if tree.leaves.is_empty() {
        // It has copied elsewhere, if at all: there is nothing to put in place.
        std::fs::remove_dir(&destination).map_err(fault)?;
    }
    Ok(tree)
}

/// Tells a copy on another thread to stop, by being dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long a worker holds out without a server. Pure, but for the waiting.
#[derive(Debug)]
struct Leash {
    /// Since when there is no server, if there is none.
    alone_since: Option<Instant>,
    was_attached: bool,
    connect_timeout: Option<Duration>,
    orphan_timeout: Duration,
}

impl Leash {
    fn new(now: Instant, connect_timeout: Option<Duration>, orphan_timeout: Duration) -> Self {
        Self { alone_since: Some(now), was_attached: false, connect_timeout, orphan_timeout }
    }

    /// True if there is a server again after there was none.
    fn handle_attached(&mut self, now: Instant, attached: bool) -> bool {
        let again = attached && self.was_attached && self.alone_since.is_some();
        self.was_attached |= attached;
        match attached {
            true => self.alone_since = None,
            false => _ = self.alone_since.get_or_insert(now),
        }
        again
    }

    fn end(&self) -> Option<(Instant, Farewell)> {
        let since = self.alone_since?;
        match self.was_attached {
            true => Some((since + self.orphan_timeout, Farewell::Orphaned(self.orphan_timeout))),
            false => self.connect_timeout.map(|limit| (since + limit, Farewell::NoServer(limit))),
        }
    }

    async fn snaps(&self) -> Farewell {
        match self.end() {
            Some((deadline, farewell)) => {
                sleep_until(deadline).await;
                farewell
            }
            None => std::future::pending().await,
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
const RECONNECT: Reconnect = Reconnect { first: Duration::from_millis(50), longest: Duration::from_secs(1) };
const LINGER: Duration = Duration::from_secs(1);
/// More orders than this stay in the socket, and then with the server.
const MOST_WAITING: usize = 1000;
