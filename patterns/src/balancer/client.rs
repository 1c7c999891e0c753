//! A client with a socket and a clock around its state machine.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::yield_now;
use zmtp::{Builder, Dealer, DealerSocket, Hwm};

use super::job::{Job, Outcome};
use super::shell;
use super::state::{self, ClientInput, ClientOutput};
use super::wire::Refusal;
use crate::Machine;
use crate::answer::answer;
use crate::clock::{now, until};

/// A client that runs. Clones are handles of the same; it ends with the last one and its last [`Handle`].
#[derive(Debug, Clone)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
    room: Arc<Semaphore>,
}

/// A job that was submitted.
#[derive(Debug)]
pub struct Handle {
    key: Bytes,
    outcome: oneshot::Receiver<Result<Outcome, SubmitError>>,
    orders: mpsc::UnboundedSender<Order>,
}

/// Why a job has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The broker does not take it.
    #[error("the broker does not take the job: {0}")]
    Refused(#[from] Refusal),
    /// This client waits for a job with the same key already.
    #[error("this client has submitted a job with the same key, and waits for its outcome")]
    SameKey,
    /// The client's socket was closed.
    #[error("the client's socket was closed")]
    Closed,
}

#[derive(Debug)]
enum Order {
    Submit(Arc<Job>, OwnedSemaphorePermit, oneshot::Sender<Result<Outcome, SubmitError>>),
    Withdraw(Bytes),
    Close(oneshot::Sender<()>),
}

impl Client {
    /// The settings that a client's socket needs. Add to them what the network asks for.
    pub fn socket() -> Builder<Dealer> {
        // It has a bound of its own for jobs without an answer. What the socket did not take the broker would miss, and end
        // the connection for it: the next broker is told of all open jobs at once, and of each result that it is known.
        shell::introduced(DealerSocket::builder()).send_hwm(Hwm::Unlimited).send_hwm_bytes(Hwm::Unlimited)
    }

    /// A client on this socket, which has been connected or will be, to one broker.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start(socket: DealerSocket) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let driver = Driver {
            machine: state::Client::new(BEAT),
            session: fastrand::u64(..),
            socket,
            waiting: HashMap::new(),
        };
        tokio::spawn(driver.run(taken));
        Self { orders, room: Arc::new(Semaphore::new(UNANSWERED)) }
    }

    /// Submits a job. Waits while the broker has not answered to a thousand others.
    ///
    /// # Errors
    /// [`SubmitError::Closed`], and [`SubmitError::Refused`] for what no broker would take.
    ///
    /// # Cancel safety
    /// If you drop the future, the job may have been submitted.
    pub async fn submit(&self, job: Job) -> Result<Handle, SubmitError> {
        job.check()?;
        let key = job.key.clone();
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| SubmitError::Closed)?;
        let (ended, outcome) = oneshot::channel();
        let order = Order::Submit(Arc::new(job), room, ended);
        self.orders.send(order).map_err(|_| SubmitError::Closed)?;
        Ok(Handle { key, outcome, orders: self.orders.clone() })
    }

    /// The job of this key is not wanted any more, as with [`Handle::withdraw`].
    pub fn withdraw(&self, key: Bytes) {
        // If the client has ended, so has what it could say.
        let _ = self.orders.send(Order::Withdraw(key));
    }

    /// Waits until the broker was told of all results that have arrived, and ends. Jobs without a result are left to the
    /// broker.
    pub async fn close(self) {
        let (closed, over) = oneshot::channel();
        let _ = self.orders.send(Order::Close(closed));
        let _ = answer(over, &self.orders).await;
    }
}

impl Handle {
    /// The job's key.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// Waits for the end of the job.
    ///
    /// # Errors
    /// [`SubmitError::Refused`], [`SubmitError::SameKey`], [`SubmitError::Closed`].
    pub async fn outcome(self) -> Result<Outcome, SubmitError> {
        answer(self.outcome, &self.orders).await.unwrap_or(Err(SubmitError::Closed))
    }

    /// The job is not wanted any more. It has an outcome nevertheless, and may have ended otherwise by then.
    pub fn withdraw(&self) {
        // If the client has ended, so has what it could say.
        let _ = self.orders.send(Order::Withdraw(self.key.clone()));
    }
}

/// The client's task.
struct Driver {
    machine: state::Client,
    session: u64,
    socket: DealerSocket,
    waiting: HashMap<Bytes, Waiting>,
}

struct Waiting {
    outcome: oneshot::Sender<Result<Outcome, SubmitError>>,
    /// Until the broker has it.
    room: Option<OwnedSemaphorePermit>,
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut together = Vec::new();
        let mut closed = Vec::new();
        loop {
            let is_all = self.take_what_is_there();
            self.act();
            let deadline = self.machine.next_deadline();
            tokio::select! {
                message = self.socket.recv() => match message {
                    Ok(message) => self.machine.handle(now(), ClientInput::Heard(shell::command(message))),
                    Err(_) => return,
                },
                taken = orders.recv_many(&mut together, TOGETHER) => {
                    closed.extend(together.drain(..).filter_map(|order| self.order(now(), order)));
                    if taken == 0 || !closed.is_empty() {
                        break;
                    }
                }
                // So that others of this thread have their turn.
                () = yield_now(), if !is_all => {}
                () = until(deadline) => self.machine.wake(now()),
            }
        }
        self.act();
        // The last claim goes out.
        let _ = self.socket.close().await;
        drop(closed);
    }

    /// Messages that have come already, some together. Says whether it took all that there are.
    fn take_what_is_there(&mut self) -> bool {
        let now = now();
        for _ in 0..TOGETHER {
            let Ok(message) = self.socket.try_recv() else { return true };
            self.machine.handle(now, ClientInput::Heard(shell::command(message)));
        }
        false
    }

    /// Says whom to tell when it is closed, if that is the order.
    fn order(&mut self, now: Instant, order: Order) -> Option<oneshot::Sender<()>> {
        match order {
            Order::Submit(job, room, outcome) => match self.waiting.entry(job.key.clone()) {
                // Whoever has submitted it may not care.
                Entry::Occupied(_) => _ = outcome.send(Err(SubmitError::SameKey)),
                Entry::Vacant(place) => {
                    place.insert(Waiting { outcome, room: Some(room) });
                    self.machine.handle(now, ClientInput::Submit(job));
                }
            },
            Order::Withdraw(key) => self.machine.handle(now, ClientInput::Withdraw(key)),
            Order::Close(closed) => return Some(closed),
        }
        None
    }

    fn act(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                // Without a broker there is nobody to hear it. The next one asks.
                ClientOutput::Send(number, command) => {
                    let _ = self.socket.try_send(shell::message(command.encode(self.session, number)));
                }
                ClientOutput::Accepted(key, _) => {
                    if let Some(waiting) = self.waiting.get_mut(&key) {
                        waiting.room = None;
                    }
                }
                ClientOutput::Busy(_) => {}
                ClientOutput::Refused(key, refusal) => self.end(&key, Err(refusal.into())),
                ClientOutput::Ended(key, outcome) => self.end(&key, Ok(outcome)),
            }
        }
    }

    fn end(&mut self, key: &Bytes, end: Result<Outcome, SubmitError>) {
        if let Some(waiting) = self.waiting.remove(key) {
            // Whoever submitted it may not care.
            let _ = waiting.outcome.send(end);
        }
    }
}

/// How often a client that waits makes sure of its broker.
const BEAT: Duration = Duration::from_secs(1);
/// The most messages or orders that are taken together.
const TOGETHER: usize = 256;
/// Jobs that the broker has not answered to.
const UNANSWERED: usize = 1000;
