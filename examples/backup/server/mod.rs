//! The server: what it does whichever way its orders travel ([`Shop`]), and the two ways.

mod balanced;
mod classic;
mod closing;
mod pool;
mod setup;

use std::collections::HashSet;

use tokio::time::{Instant, sleep_until};
use zmtp::Endpoint;

use self::{balanced::Balanced, classic::Classic, pool::Pool};
use crate::{
    events::{Event, Summary},
    folders::Fault,
    interrupt::Interrupt,
    outcome::{Outcome, Trouble},
    show::Show,
};

pub(crate) use self::setup::Setup;

/// A run, from the first bind to the closing table.
pub(crate) struct Server {
    shop: Shop,
    way: Way,
}

enum Way {
    Balanced(Box<Balanced>),
    Classic(Box<Classic>),
}

/// What does not depend on how orders travel.
struct Shop {
    setup: Setup,
    pool: Pool,
    interrupt: Interrupt,
    show: Show,
    /// Jobs whose copy has been put in place.
    in_place: HashSet<usize>,
}

impl Server {
    /// Binds and starts the workers.
    ///
    /// # Errors
    ///
    /// A sentence for the person at the keyboard.
    pub(crate) async fn start(setup: Setup, show: Show) -> Result<Self, String> {
        let (pool, interrupt, in_place) = (Pool::default(), Interrupt::new()?, HashSet::new());
        let mut shop = Shop { setup, pool, interrupt, show, in_place };
        let way = match shop.setup.classic {
            true => Way::Classic(Box::new(Classic::start(&mut shop).await?)),
            false => Way::Balanced(Box::new(Balanced::start(&mut shop).await?)),
        };
        Ok(Self { shop, way })
    }

    /// Backs up, archives, and returns what has come of it.
    pub(crate) async fn run(self) -> (Summary, Option<Trouble>) {
        let Self { mut shop, way } = self;
        let results = match way {
            Way::Balanced(way) => way.run(&mut shop).await,
            Way::Classic(way) => way.run(&mut shop).await,
        };
        let mut summary = shop.settle(&results);
        shop.archive(&results, &mut summary).await;
        let Shop { setup, mut show, .. } = shop;
        if let Err(fault) = setup.store.close() {
            show.tell(&Event::Note { text: format!("could not clean up: {fault}") });
        }
        summary.failed = summary.failures.len();
        summary.done = results.states.len() - summary.failed;
        summary.seconds = show.elapsed().as_millis() as f64 / 1000.0;
        show.tell(&Event::Summary(summary.clone()));
        (summary, results.trouble)
    }
}

impl Shop {
    /// Starts the workers, and returns their names and process ids.
    fn spawn(&mut self, way: &[(&str, String)]) -> Result<Vec<(String, u32)>, String> {
        let mut started = Vec::new();
        for number in 1..=self.setup.spawn {
            let worker = format!("worker-{number}");
            let mut args = self.setup.worker_args.clone();
            for (flag, value) in way.iter().chain([&("--name", worker.clone())]) {
                args.extend([(*flag).to_owned(), value.clone()]);
            }
            let pid = self.pool.spawn(&worker, &args).map_err(|e| format!("cannot start {worker}: {e}"))?;
            started.push((worker, pid));
        }
        Ok(started)
    }

    fn commit(&mut self, job: usize, outcome: &Outcome) -> Result<(), Fault> {
        let name = &self.setup.plans[job].name;
        if self.setup.store.commit(job, outcome.attempt, name, outcome.copied.files)? {
            self.in_place.insert(job);
        }
        Ok(())
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

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
