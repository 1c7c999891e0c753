//! Orders by PUSH and reports by PULL: sockets, processes and the clock around the [`Desk`], which decides.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;
use zmtp::{Monitor, PeerId, PullSocket, PushSocket};

use super::{Shop, near, until};
use crate::{
    desk::{Desk, Output},
    events::Event,
    outcome::Results,
    protocol::{Order, Report, Task},
};

pub(super) struct Classic {
    desk: Desk,
    orders: PushSocket,
    reports: PullSocket,
    monitors: [Monitor; 2],
    peers: HashSet<PeerId>,
    reporting: usize,
}

impl Classic {
    /// Binds both sockets and starts the workers.
    pub(super) async fn start(shop: &mut Shop) -> Result<Self, String> {
        let (orders, reports) = (PushSocket::builder().linger(Duration::ZERO).build(), PullSocket::new());
        let monitors = [orders.monitor(), reports.monitor()];
        let orders_at = orders.bind(shop.setup.orders.clone()).await.map_err(|error| error.to_string())?;
        let reports_at = reports.bind(shop.setup.reports.clone()).await.map_err(|error| error.to_string())?;

        let names = shop.setup.plans.iter().map(|plan| plan.name.clone()).collect();
        let mut desk = Desk::new(now(), shop.setup.rules.clone(), names);
        let reports_too = Some(reports_at.to_string());
        shop.show.tell(&Event::Listening { orders: orders_at.to_string(), reports: reports_too });
        for (worker, pid) in
            shop.spawn(&[("--orders", near(&orders_at)), ("--reports", near(&reports_at))])?
        {
            desk.handle_spawned(&worker, pid);
        }
        Ok(Self { desk, orders, reports, monitors, peers: HashSet::new(), reporting: 0 })
    }

    /// Until the desk says that it is over: everything done or given up, everybody gone.
    pub(super) async fn run(mut self, shop: &mut Shop) -> Results {
        loop {
            self.obey(shop);
            if self.desk.is_over() {
                return self.desk.results();
            }
            let [of_orders, of_reports] = &mut self.monitors;
            let deadline = self.desk.next_deadline().map(Instant::from_std);
            tokio::select! {
                Ok(report) = self.reports.recv() => self.desk.handle_report(now(), Report::decode(&report)),
                Some(_) = of_orders.next() => {} // the peers are looked at below
                Some(_) = of_reports.next() => {}
                (worker, how) = shop.pool.exited() => self.bury(&worker, &how),
                () = shop.interrupt.next() => self.desk.handle_interrupt(now()),
                () = until(deadline) => self.desk.handle_timeout(now()),
            }
            self.look_at_peers();
        }
    }

    /// Does what the desk wants.
    fn obey(&mut self, shop: &mut Shop) {
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Tell(event) => shop.show.tell(&event),
                Output::Send { job, attempt } => self.send(shop, job, attempt),
                Output::Stop(count) => {
                    // Where there is no room, the next round may find some.
                    let _ = (0..count).try_for_each(|_| self.orders.try_send(Order::Kill.encode()));
                }
                Output::Commit { job, outcome } => {
                    let fault = shop.commit(job, &outcome).err().map(|fault| fault.to_string());
                    self.desk.handle_committed(now(), job, outcome, fault);
                }
                Output::Terminate => shop.pool.terminate(),
                Output::Kill => shop.pool.kill(),
            }
        }
    }

    fn send(&mut self, shop: &Shop, job: usize, attempt: u32) {
        let destination = shop.setup.store.partial(job, attempt).to_string_lossy().into_owned();
        let source = shop.setup.plans[job].source.clone();
        let order = Order::Backup(Task { job, attempt, source, destination });
        match self.orders.try_send(order.encode()) {
            Ok(()) => self.desk.handle_sent(job, attempt),
            Err(_) => self.desk.handle_no_room(now(), job, attempt),
        }
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

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Reports read in one go, whoever keeps sending them.
const MOST_REPORTS: usize = 10_000;
