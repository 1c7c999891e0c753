//! A worker: says that it is ready, does what it is told, says what has come of it, and goes when it is told to.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use zmtp::{Builder, Event, Frame, Message, Pull, PullSocket, Push, PushSocket};

use super::wire::{Job, KILL, Report};

/// One of those that do the work: one job after the other.
///
/// It says `1` once its connection for orders is there, and again whenever that has come anew, which may be to another
/// ventilator. So it can be waiting long before there is one. The end of a job it reports by name; see [`wire`](super::wire).
#[derive(Debug)]
pub struct Worker {
    orders: PullSocket,
    reports: PushSocket,
}

/// What a worker has done in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Jobs that went well.
    pub done: u64,
    /// Jobs that did not.
    pub failed: u64,
    /// Reports that nobody took in time.
    pub unsent: usize,
}

impl Worker {
    /// The settings that the socket for orders needs. Add to them what the network asks for.
    pub fn orders() -> Builder<Pull> {
        PullSocket::builder()
    }

    /// The settings that the socket for reports needs: when the worker goes, the last ones have 5 s to be sent. Add to them
    /// what the network asks for.
    pub fn reports() -> Builder<Push> {
        PushSocket::builder().linger(Duration::from_secs(5))
    }

    /// A worker on these sockets, which have been connected, each to one endpoint of the same ventilator. It is their only
    /// user.
    pub fn new(orders: PullSocket, reports: PushSocket) -> Self {
        Self { orders, reports }
    }

    /// Does what it is told until it is told to go. Each order runs `handler`; if that says why not, or panics, the job has
    /// failed, and the worker goes on. There is no limit on the time that it waits for a ventilator, or for its next order.
    ///
    /// # Cancel safety
    /// If you drop the future, the handler is dropped where it waits, and so are the orders that were taken but not begun.
    /// Reports that were made still go out.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub async fn run<H, F, E>(self, handler: H) -> Gone
    where
        H: Fn(Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let Self { mut orders, reports } = self;
        let handler = Arc::new(handler);
        let mut monitor = orders.monitor();
        let (mut gone, mut is_away, mut says_ready) = (Gone::default(), false, true);
        orders.wait_for_peers(1).await;
        // Receiving and sending end with the socket, which is ours.
        loop {
            if says_ready && reports.send(Report::Ready.encode()).await.is_err() {
                break;
            }
            says_ready = tokio::select! {
                order = orders.recv() => {
                    let Ok(order) = order else { break };
                    if order.first() == KILL {
                        break;
                    }
                    let (went_well, report) = perform(Arc::clone(&handler), order).await;
                    *if went_well { &mut gone.done } else { &mut gone.failed } += 1;
                    if reports.send(report.encode()).await.is_err() {
                        break;
                    }
                    false
                }
                Some(event) = monitor.next() => match event {
                    Event::Disconnected { .. } => {
                        is_away = true;
                        false
                    }
                    Event::HandshakeSucceeded { .. } => std::mem::take(&mut is_away),
                    _ => false,
                },
            };
        }
        gone.unsent = reports.close().await.map_or_else(|unsent| unsent.messages, |()| 0);
        gone
    }
}

/// Whether the job went well, and the report of it. In a task of its own, so that a panic stays in there.
async fn perform<H, F, E>(handler: Arc<H>, order: Message) -> (bool, Report)
where
    H: Fn(Bytes) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let order = order.into_frames().next().map(Frame::into_bytes).unwrap_or_default();
    let name = Job::new(order.clone()).map(|job| job.name().clone());
    let mut task = JoinSet::new();
    task.spawn(async move { handler(order).await });
    let ending = match task.join_next().await {
        Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(why))) => Err(why.to_string()),
        _ => Err("the worker's handler panicked".to_owned()),
    };
    let went_well = ending.is_ok();
    let report = match (name, ending) {
        (Ok(name), Ok(())) => Report::Done(name),
        (Ok(name), Err(why)) => Report::Failed(name, why),
        // Not from a ventilator of ours, which would not understand more.
        (Err(_), _) => Report::Nameless,
    };
    (went_well, report)
}
