//! Orders from a balancer: a worker of it, with the job as what it does.

use std::time::Duration;

use tokio::time::Instant;
use zmtp_patterns::balancer::{Failure, Task as Lease, Worker, WorkerConfig};

use super::{Farewell, LINGER, RECONNECT, describe, job, leash::Leash};
use crate::{
    args::WorkerArgs,
    interrupt::Interrupt,
    protocol::{Report, Task, worker_id},
};

pub(super) async fn work(
    name: String,
    args: WorkerArgs,
    say: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> Result<Farewell, String> {
    let socket = Worker::socket().reconnect(RECONNECT).build();
    let mut monitor = socket.monitor();
    let mut interrupt = Interrupt::new()?;
    socket.connect(args.orders.clone()).map_err(|error| error.to_string())?;

    let mut leash = Leash::new(Instant::now(), args.connect_timeout, args.orphan_timeout);
    // The broker shows whoever asks where its workers are, and not what they are called.
    let config = WorkerConfig { worker: worker_id(&name), host: name.clone(), ..WorkerConfig::default() };
    let worker = Worker::start(socket, config, move |lease: Lease| {
        let (name, args, say) = (name.clone(), args.clone(), say.clone());
        async move {
            let task = Task::from_payload(lease.payload(), lease.attempt())?;
            say(&format!("{}: started", task.source));
            let report = tokio::select! {
                report = job::report(name, task, args.command, args.job_timeout) => report,
                () = lease.cancelled() => return Err(Failure::again("cancelled")),
            };
            say(&describe(&report));
            match report {
                // It is the server who tries again: it wants to tell of each failure.
                Report::Failed { .. } => Err(Failure::for_good(report.to_payload())),
                _ => Ok(report.to_payload().into()),
            }
        }
    });
    let farewell = loop {
        tokio::select! {
            _ = worker.clone().gone() => return Ok(Farewell::Killed),
            Some(event) = monitor.next() => {
                leash.handle(Instant::now(), &event);
            }
            farewell = leash.snaps() => break farewell,
            () = interrupt.next() => break Farewell::Interrupted,
        }
    };
    // Nobody waits for a result where there is no server.
    worker.drain(true, if farewell == Farewell::Interrupted { LINGER } else { Duration::ZERO });
    worker.gone().await;
    Ok(farewell)
}
