//! Work on demand with DEALER and ROUTER: a worker asks for a job when it is free, and the ROUTER answers the one who
//! asked. A slow worker gets fewer jobs and holds nobody up, which taking turns would.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use tokio::time::sleep;
use zmtp::{DealerSocket, Endpoint, RouterSocket, RoutingId};

const JOBS: u32 = 30;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut desk = RouterSocket::new();
    let at = desk.bind("tcp://127.0.0.1:*").await?;
    for (name, millis) in [("quick", 1), ("steady", 5), ("slow", 50)] {
        tokio::spawn(work(RoutingId::try_from(name)?, Duration::from_millis(millis), at.clone()));
    }

    let mut jobs = 0..JOBS;
    let mut done = BTreeMap::<RoutingId, u32>::new();
    while done.values().sum::<u32>() < JOBS {
        let (worker, said) = desk.recv_from().await?;
        if said == "done" {
            *done.entry(worker.clone()).or_default() += 1;
        }
        // Whoever says anything is free. A worker that has gone meanwhile is an error of this one send.
        if let Some(job) = jobs.next() {
            desk.send_to(&worker, format!("job {job}"))?;
        }
    }

    for (worker, jobs) in &done {
        println!("{worker} did {jobs}");
    }
    println!("{} workers did {JOBS} jobs", done.len());
    Ok(())
}

/// Asks for a job, and for the next one whenever one is done.
async fn work(name: RoutingId, takes: Duration, desk: Endpoint) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut dealer = DealerSocket::builder().routing_id(name).build();
    dealer.connect(desk)?;
    dealer.send("free").await?;
    loop {
        let _job = dealer.recv().await?;
        sleep(takes).await;
        dealer.send("done").await?;
    }
}
