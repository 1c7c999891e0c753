//! The server: sockets, processes and the clock around the [`Desk`], which decides.

mod closing;
mod pool;
mod setup;

use std::collections::HashSet;

use tokio::time::{Instant, sleep_until};
use zmtp::{Endpoint, Monitor, PeerId, PullSocket, PushSocket};

use self::pool::Pool;
use crate::{
    desk::{Desk, Outcome, Output, Trouble},
    events::{Event, Summary},
    folders::Fault,
    interrupt::Interrupt,
    protocol::{Order, Report, Task},
    show::Show,
};

pub(crate) use self::setup::Setup;

/// A run, from the first bind to the closing table.
pub(crate) struct Server {
    setup: Setup,
    desk: Desk,
    orders: PushSocket,
    reports: PullSocket,
    monitors: [Monitor; 2],
    peers: HashSet<PeerId>,
    reporting: usize,
    pool: Pool,
    interrupt: Interrupt,
    show: Show,
    /// Jobs whose copy has been put in place.
    in_place: HashSet<usize>,
}

impl Server {
    /// Binds both sockets and starts the workers.
    ///
    /// # Errors
    ///
    /// A sentence for the person at the keyboard.
    pub(crate) async fn start(setup: Setup, show: Show) -> Result<Self, String> {
        let (orders, reports) = (PushSocket::builder().linger(NONE).build(), PullSocket::new());
        let monitors = [orders.monitor(), reports.monitor()];
        let orders_at = orders.bind(setup.orders.clone()).await.map_err(|error| error.to_string())?;
        let reports_at = reports.bind(setup.reports.clone()).await.map_err(|error| error.to_string())?;

        let names = setup.plans.iter().map(|plan| plan.name.clone()).collect();
        let desk = Desk::new(now(), setup.rules.clone(), names);
        let (peers, pool, interrupt) = (HashSet::new(), Pool::default(), Interrupt::new()?);
        let in_place = HashSet::new();
        let mut server = Self {
            setup,
            desk,
            orders,
            reports,
            monitors,
            peers,
            reporting: 0,
            pool,
            interrupt,
            show,
            in_place,
        };
        let (orders, reports) = (orders_at.to_string(), reports_at.to_string());
        server.show.tell(&Event::Listening { orders, reports });
        server.spawn(&orders_at, &reports_at)?;
        Ok(server)
    }

    /// Backs up, archives, and returns what has come of it.
    pub(crate) async fn run(mut self) -> (Summary, Option<Trouble>) {
        self.attend().await;
        let mut summary = self.settle();
        self.archive(&mut summary).await;
        let Self { setup, desk, mut show, .. } = self;
        if let Err(fault) = setup.store.close() {
            show.tell(&Event::Note { text: format!("could not clean up: {fault}") });
        }
        summary.failed = summary.failures.len();
        summary.done = desk.jobs().len() - summary.failed;
        summary.seconds = show.elapsed().as_millis() as f64 / 1000.0;
        show.tell(&Event::Summary(summary.clone()));
        (summary, desk.trouble().cloned())
    }

    fn spawn(&mut self, orders: &Endpoint, reports: &Endpoint) -> Result<(), String> {
        for number in 1..=self.setup.spawn {
            let worker = format!("worker-{number}");
            let mut args = self.setup.worker_args.clone();
            for (flag, value) in
                [("--orders", near(orders)), ("--reports", near(reports)), ("--name", worker.clone())]
            {
                args.extend([flag.to_owned(), value]);
            }
            let pid = self.pool.spawn(&worker, &args).map_err(|e| format!("cannot start {worker}: {e}"))?;
            self.desk.handle_spawned(&worker, pid);
        }
        Ok(())
    }

    /// Until the desk says that it is over: everything done or given up, everybody gone.
    async fn attend(&mut self) {
        loop {
            self.obey();
            if self.desk.is_over() {
                return;
            }
            let [of_orders, of_reports] = &mut self.monitors;
            let deadline = self.desk.next_deadline().map(Instant::from_std);
            tokio::select! {
                Ok(report) = self.reports.recv() => self.desk.handle_report(now(), Report::decode(&report)),
                Some(_) = of_orders.next() => {} // the peers are looked at below
                Some(_) = of_reports.next() => {}
                (worker, how) = self.pool.exited() => self.bury(&worker, &how),
                () = self.interrupt.next() => self.desk.handle_interrupt(now()),
                () = until(deadline) => self.desk.handle_timeout(now()),
            }
            self.look_at_peers();
        }
    }

    /// Does what the desk wants.
    fn obey(&mut self) {
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Tell(event) => self.show.tell(&event),
                Output::Send { job, attempt } => self.send(job, attempt),
                Output::Stop(count) => {
                    // Where there is no room, the next round may find some.
                    let _ = (0..count).try_for_each(|_| self.orders.try_send(Order::Kill.encode()));
                }
                Output::Commit { job, outcome } => {
                    let fault = self.commit(job, &outcome).err().map(|fault| fault.to_string());
                    self.desk.handle_committed(now(), job, outcome, fault);
                }
                Output::Terminate => self.pool.terminate(),
                Output::Kill => self.pool.kill(),
            }
        }
    }

    fn send(&mut self, job: usize, attempt: u32) {
        let destination = self.setup.store.partial(job, attempt).to_string_lossy().into_owned();
        let source = self.setup.plans[job].source.clone();
        let order = Order::Backup(Task { job, attempt, source, destination });
        match self.orders.try_send(order.encode()) {
            Ok(()) => self.desk.handle_sent(job, attempt),
            Err(_) => self.desk.handle_no_room(now(), job, attempt),
        }
    }

    fn commit(&mut self, job: usize, outcome: &Outcome) -> Result<(), Fault> {
        let name = &self.setup.plans[job].name;
        if self.setup.store.commit(job, outcome.attempt, name, outcome.copied.files)? {
            self.in_place.insert(job);
        }
        Ok(())
    }

    /// Hands the desk every report that is there already.
    fn hear(&mut self) {
        for _ in 0..MOST_REPORTS {
            let Ok(report) = self.reports.try_recv() else { break };
            self.desk.handle_report(now(), Report::decode(&report));
        }
    }

    /// A process has exited. What it has said before is heard first.
    fn bury(&mut self, worker: &str, how: &str) {
        self.hear();
        self.desk.handle_exit(now(), worker, how);
    }

    fn look_at_peers(&mut self) {
        let reporting = self.reports.peer_count();
        let peers: HashSet<_> = self.orders.peers().into_iter().map(|peer| peer.id).collect();
        if reporting < self.reporting {
            self.hear();
        }
        let joined = peers.difference(&self.peers).count();
        let lost = self.peers.difference(&peers).count();
        if joined + lost > 0 || reporting != self.reporting {
            (self.peers, self.reporting) = (peers, reporting);
            self.desk.handle_peers(now(), joined, lost, reporting);
        }
    }
}

/// Where to connect to what is bound here, from this machine.
fn near(bound: &Endpoint) -> String {
    match bound {
        Endpoint::Tcp { host, port, .. } if host == "*" || host == "0.0.0.0" => {
            format!("tcp://127.0.0.1:{port}")
        }
        other => other.to_string(),
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

const NONE: std::time::Duration = std::time::Duration::ZERO;
/// Reports read in one go, whoever keeps sending them.
const MOST_REPORTS: usize = 10_000;

#[cfg(test)]
mod tests;
