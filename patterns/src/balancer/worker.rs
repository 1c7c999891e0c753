//! A worker with a socket, a clock and a handler around its state machine.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use zmtp::{Builder, Dealer, DealerSocket};

use super::job::{Job, Report, Status, WorkerId};
use super::shell;
use super::state::{self, WorkerInput, WorkerOutput};
use super::wire::Lease;
use crate::Machine;
use crate::clock::{now, until};

pub use super::state::WorkerConfig;

/// A worker that runs. Clones are handles of the same.
#[derive(Debug, Clone)]
pub struct Worker {
    orders: mpsc::UnboundedSender<Order>,
    over: watch::Receiver<Option<Gone>>,
    rejected: watch::Receiver<bool>,
}

/// What a worker has done in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Tasks that went well.
    pub done: u64,
    /// Tasks that did not.
    pub failed: u64,
    /// How often another worker with the same name was in its way.
    pub rejected: u64,
}

/// A task in a worker's hands.
#[derive(Debug)]
pub struct Task {
    job: Arc<Job>,
    lease: Lease,
    stop: CancellationToken,
    news: mpsc::Sender<News>,
}

/// Why a task did not go well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether it may go better another time.
    pub again: bool,
    /// A process's exit code, or whatever the program uses it for.
    pub code: i32,
    /// What is to be known of it.
    pub payload: Bytes,
}

#[derive(Debug)]
enum Order {
    Drain { now: bool, grace: Duration },
}

#[derive(Debug)]
struct News {
    lease: Lease,
    permille: u16,
    note: String,
}

impl Worker {
    /// The settings that a worker's socket needs. Add to them what the network asks for.
    pub fn socket() -> Builder<Dealer> {
        shell::introduced(DealerSocket::builder())
    }

    /// A worker on this socket, which has been connected or will be, to one broker. Each task runs `handler`, and ends
    /// with what that says: a result, or a [`Failure`]. If the handler panics, the task has failed.
    ///
    /// A result need not go through the broker. A handler that sends it to a third program, and waits until it is on its
    /// way before it says that the task is done, loses none while that program is away:
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use zmtp_patterns::balancer::{Worker, WorkerConfig};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sink = Arc::new(zmtp::PushSocket::new());
    /// sink.connect("tcp://192.0.2.9:5556")?;
    /// let worker = Worker::start(Worker::socket().build(), WorkerConfig::default(), move |task| {
    ///     let sink = Arc::clone(&sink);
    ///     async move {
    ///         let result = task.payload().to_ascii_uppercase();
    ///         sink.wait_for_peers(1).await;
    ///         sink.send(zmtp::Message::new(task.key().clone()).with("done").with(result)).await?;
    ///         Ok("".into())
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start<H, F>(socket: DealerSocket, config: WorkerConfig, handler: H) -> Self
    where
        H: Fn(Task) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Bytes, Failure>> + Send + 'static,
    {
        let (orders, taken) = mpsc::unbounded_channel();
        let (ended, over) = watch::channel(None);
        let (rejects, rejected) = watch::channel(false);
        let (news, heard) = mpsc::channel(NEWS);
        let driver = Driver {
            machine: state::Worker::new(config, now()),
            session: fastrand::u64(..),
            socket,
            handler: Arc::new(handler),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            news,
            gone: Gone::default(),
            rejects,
        };
        tokio::spawn(driver.run(taken, heard, ended));
        Self { orders, over, rejected }
    }

    /// Waits until the worker is gone: drained by its broker or by [`drain`](Self::drain), or since it has had as many
    /// tasks as it takes.
    pub async fn gone(mut self) -> Gone {
        self.over
            .wait_for(Option::is_some)
            .await
            .map_or_else(|_| Gone::default(), |gone| gone.unwrap_or_default())
    }

    /// Waits until the broker has said that another worker of the same name is there. This one asks again and again, and
    /// gets no tasks until the other is gone.
    pub async fn rejected(&self) {
        let mut rejected = self.rejected.clone();
        if rejected.wait_for(|rejected| *rejected).await.is_err() {
            // It is gone, and was never rejected.
            std::future::pending::<()>().await;
        }
    }

    /// Takes no more tasks, and goes when it has ended what it has, or `now`: then its tasks are told to stop. What takes
    /// longer than `grace` is left behind.
    pub fn drain(&self, now: bool, grace: Duration) {
        // If it is gone already, so is its side of the channel.
        let _ = self.orders.send(Order::Drain { now, grace });
    }
}

impl Task {
    /// The job's key.
    pub fn key(&self) -> &Bytes {
        &self.job.key
    }

    /// What is to be done.
    pub fn payload(&self) -> &Bytes {
        &self.job.payload
    }

    /// Everything about the job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Which attempt this is, counted from 1; those that were given back are counted too.
    pub fn attempt(&self) -> u16 {
        self.lease.attempt
    }

    /// Tells the broker that the task goes on, and how far it is, in thousandths. A job's
    /// [`stall_timeout`](Job::stall_timeout) begins anew. What is told faster than it can be sent is left out.
    pub fn progress(&self, permille: u16, note: impl Into<String>) {
        let _ = self.news.try_send(News { lease: self.lease, permille, note: note.into() });
    }

    /// Waits until somebody wants the task to end. What goes on beyond the time that it has is dropped where it waits.
    pub async fn cancelled(&self) {
        self.stop.cancelled().await;
    }
}

impl Failure {
    /// It may go better another time.
    pub fn again(payload: impl Into<Bytes>) -> Self {
        Self { again: true, code: 1, payload: payload.into() }
    }

    /// It never will.
    pub fn for_good(payload: impl Into<Bytes>) -> Self {
        Self { again: false, code: 1, payload: payload.into() }
    }
}

/// For everything that shows itself as text.
impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::again(error.to_string())
    }
}

/// The worker's task.
struct Driver<H> {
    machine: state::Worker,
    session: u64,
    socket: DealerSocket,
    handler: Arc<H>,
    tasks: JoinSet<Ended>,
    running: HashMap<Lease, Running>,
    news: mpsc::Sender<News>,
    gone: Gone,
    /// Whether another of its name is there, or was.
    rejects: watch::Sender<bool>,
}

struct Running {
    task: tokio::task::Id,
    abort: AbortHandle,
    stop: CancellationToken,
    since: Instant,
}

impl<H, F> Driver<H>
where
    H: Fn(Task) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, Failure>> + Send + 'static,
{
    async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut news: mpsc::Receiver<News>,
        over: watch::Sender<Option<Gone>>,
    ) {
        loop {
            let is_all = self.take_what_is_there();
            if self.act() {
                self.tasks.shutdown().await;
                let _ = self.socket.close().await;
                let _ = over.send(Some(self.gone));
                return;
            }
            let deadline = self.machine.next_deadline();
            let input = tokio::select! {
                message = self.socket.recv() => match message {
                    Ok(message) => Some(WorkerInput::Heard(shell::command(message))),
                    Err(_) => return,
                },
                Some(ended) = self.tasks.join_next_with_id() => Some(self.ended(ended)),
                Some(News { lease, permille, note }) = news.recv() => {
                    Some(WorkerInput::Progress { lease, permille, note })
                }
                Some(Order::Drain { now, grace }) = orders.recv() => Some(WorkerInput::Drain { now, grace }),
                // So that the tasks of this thread have their turn.
                () = yield_now(), if !is_all => continue,
                () = until(deadline) => None,
            };
            match input {
                Some(input) => self.machine.handle(now(), input),
                None => self.machine.wake(now()),
            }
        }
    }

    /// Messages and ends of tasks that have come already, some together. Says whether it took all that there are.
    fn take_what_is_there(&mut self) -> bool {
        let now = now();
        for _ in 0..TOGETHER {
            let input = match self.tasks.try_join_next_with_id() {
                Some(ended) => self.ended(ended),
                None => match self.socket.try_recv() {
                    Ok(message) => WorkerInput::Heard(shell::command(message)),
                    Err(_) => return true,
                },
            };
            self.machine.handle(now, input);
        }
        false
    }

    /// Does what the machine wants. Says whether it is gone.
    fn act(&mut self) -> bool {
        while let Some(output) = self.machine.poll_output() {
            match output {
                // Without a broker there is nobody to hear it. The next one asks.
                WorkerOutput::Send(number, command) => {
                    let _ = self.socket.try_send(shell::message(command.encode(self.session, number)));
                }
                WorkerOutput::Start(lease, job) => self.begin(lease, job),
                WorkerOutput::Stop(lease, grace) => self.stop(lease, grace),
                WorkerOutput::Rejected => {
                    self.gone.rejected += 1;
                    self.rejects.send_replace(true);
                }
                WorkerOutput::Gone => return true,
            }
        }
        false
    }

    fn begin(&mut self, lease: Lease, job: Arc<Job>) {
        let (stop, since) = (CancellationToken::new(), now());
        let task = Task { job, lease, stop: stop.clone(), news: self.news.clone() };
        let handler = Arc::clone(&self.handler);
        let abort = self.tasks.spawn(async move { (lease, handler(task).await) });
        self.running.insert(lease, Running { task: abort.id(), abort, stop, since });
    }

    fn stop(&self, lease: Lease, grace: Duration) {
        if let Some(Running { abort, stop, .. }) = self.running.get(&lease) {
            stop.cancel();
            let abort = abort.clone();
            tokio::spawn(async move {
                tokio::time::sleep(grace).await;
                abort.abort();
            });
        }
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, Ended), tokio::task::JoinError>) -> WorkerInput {
        let (lease, status, code, payload) = match ended {
            Ok((_, (lease, Ok(payload)))) => (lease, Status::Done, 0, payload),
            Ok((_, (lease, Err(failure)))) => {
                let stopped = self.running.get(&lease).is_some_and(|running| running.stop.is_cancelled());
                let status = match failure.again {
                    _ if stopped => Status::Cancelled,
                    true => Status::Failed,
                    false => Status::Hopeless,
                };
                (lease, status, failure.code, failure.payload)
            }
            Err(error) => {
                let lease = self.running.iter().find(|(_, running)| running.task == error.id());
                let lease = lease.map_or(NOBODYS, |(lease, _)| *lease);
                let status = if error.is_panic() { Status::Failed } else { Status::Cancelled };
                let said = if error.is_panic() { "the worker's handler panicked" } else { "" };
                (lease, status, 1, Bytes::from_static(said.as_bytes()))
            }
        };
        let took = self.running.remove(&lease).map_or(Duration::ZERO, |running| now() - running.since);
        match status {
            Status::Done => self.gone.done += 1,
            _ => self.gone.failed += 1,
        }
        WorkerInput::Done { lease, report: Report { status, code, took, payload } }
    }
}

type Ended = (Lease, Result<Bytes, Failure>);

/// The most messages and ends that are taken together.
const TOGETHER: usize = 256;
/// News of tasks that wait to be told.
const NEWS: usize = 1024;
/// No task has this name.
const NOBODYS: Lease = Lease { task: super::job::TaskId(u64::MAX), attempt: 0 };

impl Default for WorkerConfig {
    /// A name by chance, one slot, any number of tasks, a beat each second.
    fn default() -> Self {
        Self {
            worker: WorkerId(fastrand::u128(..).to_be_bytes()),
            host: String::new(),
            pid: std::process::id(),
            slots: 1,
            max_tasks: None,
            beat: Duration::from_secs(1),
            tags: Vec::new(),
        }
    }
}
