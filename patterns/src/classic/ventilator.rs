//! The ventilator with sockets and a clock around its state machine.

use std::collections::HashSet;
use std::time::Duration;

use zmtp::{Builder, Monitor, PeerId, Pull, PullSocket, Push, PushSocket};

use super::state::{self, Config, Input, Notice, Output, Summary, TooFew, Twice};
use super::wire::{Job, KILL, Report};
use crate::Machine;
use crate::clock::{now, until};

/// Deals jobs to workers, once they are there, and sends them home afterwards.
///
/// See the [module](super) for what it promises, and for an example.
#[derive(Debug)]
pub struct Ventilator {
    orders: PushSocket,
    reports: PullSocket,
    config: Config,
}

/// Why no work was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Nobody was told anything.
    #[error(transparent)]
    Twice(#[from] Twice),
    /// Those that were there have been told to go.
    #[error(transparent)]
    TooFew(#[from] TooFew),
}

impl Ventilator {
    /// The settings that the socket for orders needs: when all is over, the last stop orders have 1 s to be sent. Add to
    /// them what the network asks for. With heartbeats, workers that are frozen or cut off are seen to leave.
    pub fn orders() -> Builder<Push> {
        PushSocket::builder().linger(Duration::from_secs(1))
    }

    /// The settings that the socket for reports needs: none of more than 64 KiB. Add to them what the network asks for.
    pub fn reports() -> Builder<Pull> {
        PullSocket::builder().max_message_size(64 * 1024)
    }

    /// A ventilator on these sockets, which have been bound. It is their only user.
    pub fn new(orders: PushSocket, reports: PullSocket, config: Config) -> Self {
        Self { orders, reports, config }
    }

    /// Waits for workers, deals the jobs out in the order given, waits for their reports, and sends everybody home. The
    /// time to wait for workers begins now. All jobs are in memory. Orders wait for room where workers have none.
    ///
    /// It ends: when the workers are too few, after [`Config::ready_within`] and [`Config::grace`]; else when all jobs have
    /// ended, or those that had the rest are gone, or [`Config::work_within`] is over, and then all workers have gone or
    /// [`Config::grace`] is over, too. What cannot be sent by then takes two more seconds at most.
    ///
    /// # Errors
    /// [`RunError::Twice`], when two jobs have the same name. [`RunError::TooFew`], when the time is up and there are fewer
    /// workers than [`Config::expect`] says.
    ///
    /// # Cancel safety
    /// If you drop the future, the sockets are closed. Nobody is told to stop: workers end what they have and wait for the
    /// next ventilator.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub async fn run(self, jobs: impl IntoIterator<Item = Job>) -> Result<Summary, RunError> {
        self.run_watched(jobs, |_| {}).await
    }

    /// The same, and it tells what happens as it does. Nothing goes on until `watch` returns.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub async fn run_watched(
        self,
        jobs: impl IntoIterator<Item = Job>,
        watch: impl FnMut(Notice),
    ) -> Result<Summary, RunError> {
        let Self { orders, reports, config } = self;
        let machine = state::Ventilator::new(config, jobs, now())?;
        let monitors = [orders.monitor(), reports.monitor()];
        let mut driver = Driver { machine, orders, reports, attached: HashSet::new(), watch };
        let result = driver.run(monitors).await;
        // Whoever has not read the last stop order by now is counted already.
        let _ = driver.orders.close().await;
        let _ = driver.reports.close().await;
        Ok(result?)
    }
}

struct Driver<W> {
    machine: state::Ventilator,
    orders: PushSocket,
    reports: PullSocket,
    /// The pipes of the orders socket, when they were last looked at.
    attached: HashSet<PeerId>,
    watch: W,
}

impl<W: FnMut(Notice)> Driver<W> {
    async fn run(&mut self, monitors: [Monitor; 2]) -> Result<Summary, TooFew> {
        let [mut of_orders, mut of_reports] = monitors;
        // Some may have come before anybody watched.
        self.look();
        loop {
            if let Some(result) = self.act() {
                return result;
            }
            let deadline = self.machine.next_deadline();
            tokio::select! {
                Ok(report) = self.reports.recv() => self.hear(report.first()),
                Some(_) = of_orders.next() => self.look(),
                Some(_) = of_reports.next() => self.look(),
                Ok(()) = self.orders.writable(), if self.machine.wants_room() => {
                    self.machine.handle(now(), Input::Room);
                }
                () = until(deadline) => self.machine.wake(now()),
            }
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        self.machine.handle(now(), Input::Report(Report::decode(frame)));
    }

    /// Who has come and gone. What those that have gone had said is heard first.
    fn look(&mut self) {
        let reporting = self.reports.peer_count();
        let attached: HashSet<_> = self.orders.peers().into_iter().map(|peer| peer.id).collect();
        for _ in 0..MOST_REPORTS {
            let Ok(report) = self.reports.try_recv() else { break };
            self.hear(report.first());
        }
        let joined = attached.difference(&self.attached).count();
        let left = self.attached.difference(&attached).count();
        self.attached = attached;
        self.machine.handle(now(), Input::Peers { joined, left, reporting });
    }

    /// Does what the machine wants. Says what has come of it, once it is over.
    fn act(&mut self) -> Option<Result<Summary, TooFew>> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(order) => {
                    let sent = self.orders.try_send(order).is_ok();
                    self.machine.handle(now(), if sent { Input::Sent } else { Input::Full });
                }
                Output::Stop(count) => {
                    // Where there is no room now, the next round may find some.
                    let _ = (0..count).try_for_each(|_| self.orders.try_send(KILL));
                }
                Output::Notice(notice) => (self.watch)(notice),
                Output::Over(result) => return Some(result),
            }
        }
        None
    }
}

/// Reports heard in one go, whoever keeps sending them.
const MOST_REPORTS: usize = 10_000;
