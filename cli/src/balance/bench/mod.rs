//! What a balancer takes and how long, on this machine: a broker, workers and a client over loopback TCP, each in a thread
//! of its own.

mod rows;

use std::future::Future;
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{broadcast, oneshot, watch};
use zmtp::DealerSocket;
use zmtp_patterns::balancer::{Balancer, Client, Config, Failure, Notice, Task, Worker, WorkerConfig};

pub(crate) use rows::ROWS;

use crate::bench::thread;

/// A broker that runs until it is dropped.
struct Broker {
    at: String,
    ready: watch::Receiver<Option<Instant>>,
    notices: broadcast::Receiver<Notice>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    async fn start(config: Config) -> Self {
        let (bound, at) = oneshot::channel();
        let (opened, ready) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        let thread = thread(|| async move {
            let socket = Balancer::socket().build();
            let at = socket.bind("tcp://127.0.0.1:*").await.expect("a port");
            let balancer = Balancer::start(socket, config);
            let _ = bound.send((at.to_string(), balancer.notices()));
            tokio::select! {
                _ = async {
                    let _ = balancer.wait_ready().await;
                    opened.send_replace(Some(Instant::now()));
                    std::future::pending::<()>().await
                } => {}
                _ = stopped => {}
            }
        });
        let (at, notices) = at.await.expect("it is bound");
        Self { at, ready, notices, stop: Some(stop), thread: Some(thread) }
    }

    /// When as many workers as were expected were ready.
    async fn ready(&mut self) -> Instant {
        self.ready.wait_for(Option::is_some).await.expect("it runs").expect("it is ready")
    }

    /// Whatever has happened so far is not meant by what is waited for next.
    fn forget(&mut self) {
        while !matches!(self.notices.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
    }

    /// Waits until a worker gets a job.
    async fn leased(&mut self) {
        // What was missed is too old to matter.
        while !matches!(self.notices.recv().await, Ok(Notice::Leased(..))) {}
    }

    fn client(&self) -> Client {
        Client::start(self.there(Client::socket().build()))
    }

    fn there(&self, socket: DealerSocket) -> DealerSocket {
        socket.connect(self.at.as_str()).expect("an endpoint");
        socket
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Workers of one thread, until they are dropped.
struct Crew {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crew {
    /// Workers that send back what they get.
    fn start(broker: &Broker, workers: usize, slots: u16) -> Self {
        Self::with(broker, workers, slots, async |task| Ok(task.payload().clone()))
    }

    fn with<F>(
        broker: &Broker,
        workers: usize,
        slots: u16,
        handler: impl Fn(Task) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Bytes, Failure>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let at = broker.at.clone();
        let thread = thread(move || async move {
            let workers: Vec<_> = (0..workers)
                .map(|_| {
                    let socket = Worker::socket().build();
                    socket.connect(at.as_str()).expect("an endpoint");
                    let config = WorkerConfig { slots, ..WorkerConfig::default() };
                    Worker::start(socket, config, handler.clone())
                })
                .collect();
            let _ = stopped.await;
            drop(workers);
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
