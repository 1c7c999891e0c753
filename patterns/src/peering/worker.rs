//! A worker with a socket, a clock and a handler around its state machine.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, yield_now};
use zmtp::{Builder, Dealer, DealerSocket};

use super::shell::{self, frames, message};
use super::state::{self, WorkerInput, WorkerOutput};
use super::wire::Body;
use crate::Machine;
use crate::clock::{now, until};

/// A worker that runs until it is drained or dropped. Clones are handles of the same.
#[derive(Debug, Clone)]
pub struct Worker {
    drains: mpsc::UnboundedSender<()>,
    gone: watch::Receiver<Option<u64>>,
}

impl Worker {
    /// The settings that a worker's socket needs. Add to them what the network asks for.
    pub fn socket() -> Builder<Dealer> {
        shell::introduced(DealerSocket::builder())
    }

    /// A worker on this socket, which has been connected or will be, to its own broker. It takes `slots` tasks at a time,
    /// 1 at least. Each runs `handler`: what that gives back is the reply. If it fails, or panics, another worker tries,
    /// once.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start<H, F, E>(socket: DealerSocket, slots: u16, handler: H) -> Self
    where
        H: Fn(Vec<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<Bytes>, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let (drains, drained) = mpsc::unbounded_channel();
        let (left, gone) = watch::channel(None);
        let machine = state::Worker::new(slots, BEAT, fastrand::u64(..), now());
        let handler = Arc::new(handler);
        let driver = Driver { machine, socket, handler, tasks: JoinSet::new(), names: Vec::new(), done: 0 };
        tokio::spawn(driver.run(drained, left));
        Self { drains, gone }
    }

    /// Takes no more tasks, and goes when it has none.
    pub fn drain(&self) {
        // If it is gone already, so is its side of the channel.
        let _ = self.drains.send(());
    }

    /// Waits until it is gone. Says how many tasks it has done.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn gone(&self) -> u64 {
        let mut gone = self.gone.clone();
        gone.wait_for(Option::is_some).await.map_or(0, |done| done.unwrap_or_default())
    }
}

/// The worker's task.
struct Driver<H> {
    machine: state::Worker,
    socket: DealerSocket,
    handler: Arc<H>,
    tasks: JoinSet<(u64, Option<Body>)>,
    /// Which of them is which task.
    names: Vec<(tokio::task::Id, u64)>,
    done: u64,
}

impl<H, F, E> Driver<H>
where
    H: Fn(Vec<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Vec<Bytes>, E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    async fn run(mut self, mut drained: mpsc::UnboundedReceiver<()>, left: watch::Sender<Option<u64>>) {
        loop {
            let is_all = self.take_what_is_there();
            if self.act() {
                let _ = self.socket.close().await;
                left.send_replace(Some(self.done));
                return;
            }
            let deadline = self.machine.next_deadline();
            let input = tokio::select! {
                heard = self.socket.recv() => match heard {
                    Ok(heard) => Some(WorkerInput::Heard(frames(heard))),
                    Err(_) => return,
                },
                Some(over) = self.tasks.join_next_with_id() => Some(self.over(over)),
                order = drained.recv() => match order {
                    Some(()) => Some(WorkerInput::Drain),
                    // Whoever had started it has dropped it.
                    None => return,
                },
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
        for _ in 0..TOGETHER {
            let input = match self.tasks.try_join_next_with_id() {
                Some(over) => self.over(over),
                None => match self.socket.try_recv() {
                    Ok(heard) => WorkerInput::Heard(frames(heard)),
                    Err(_) => return true,
                },
            };
            self.machine.handle(now(), input);
        }
        false
    }

    fn over(
        &mut self,
        over: Result<(tokio::task::Id, (u64, Option<Body>)), tokio::task::JoinError>,
    ) -> WorkerInput {
        let id = over.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let at = self.names.iter().position(|(its, _)| *its == id);
        let task = at.map(|at| self.names.swap_remove(at).1);
        let body = over.ok().and_then(|(_, (_, body))| body);
        self.done += u64::from(body.is_some());
        // Every one has a name.
        WorkerInput::Over(task.unwrap_or_default(), body)
    }

    /// Does what the machine wants. Says whether it is gone.
    fn act(&mut self) -> bool {
        while let Some(output) = self.machine.poll_output() {
            match output {
                WorkerOutput::Send(frames) => {
                    if let Some(message) = message(frames) {
                        // Without a broker there is nobody to hear it. The next one asks.
                        let _ = self.socket.try_send(message);
                    }
                }
                WorkerOutput::Start(task, body) => {
                    let handler = Arc::clone(&self.handler);
                    let abort = self.tasks.spawn(async move { (task, handler(body).await.ok()) });
                    self.names.push((abort.id(), task));
                }
                WorkerOutput::Gone => return true,
            }
        }
        false
    }
}

/// How often it speaks at least.
const BEAT: Duration = Duration::from_secs(1);
/// The most messages and ends that are taken together.
const TOGETHER: usize = 256;
