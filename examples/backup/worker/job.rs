//! One job: a copy on a thread of its own, or a program.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::command::Command;
use crate::{
    events::Span,
    folders::{Tree, copy},
    protocol::{Copied, Report, Task},
};

/// Does it, and says how it went. Dropped, it stops: a program is killed, a copy ends at its next chunk.
pub(super) async fn report(
    worker: String,
    task: Task,
    command: Option<Command>,
    limit: Option<Duration>,
) -> Report {
    let Task { job, attempt, .. } = task;
    match perform(&task, command, limit).await {
        Ok(copied) => Report::Done { worker, job, attempt, copied },
        Err(text) => Report::Failed { worker, job, attempt, text },
    }
}

async fn perform(task: &Task, command: Option<Command>, limit: Option<Duration>) -> Result<Copied, String> {
    let start = Instant::now();
    let work = async {
        match command {
            Some(command) => run(task, &command).await,
            None => copy_alone(task).await,
        }
    };
    let tree = match limit {
        Some(limit) => timeout(limit, work).await.map_err(|_| format!("not done within {}", Span(limit)))?,
        None => work.await,
    }?;
    let (files, bytes, digest) = (tree.files(), tree.bytes(), tree.digest());
    Ok(Copied { files, bytes, took: start.elapsed(), digest })
}

async fn copy_alone(task: &Task) -> Result<Tree, String> {
    let stop = Stop(Arc::default());
    let (task, flag) = (task.clone(), stop.0.clone());
    let copied = spawn_blocking(move || copy(Path::new(&task.source), Path::new(&task.destination), &flag));
    copied.await.map_err(|error| error.to_string())?.map_err(|fault| fault.to_string())
}

/// Lets a program fill the destination, and looks at what it has made.
async fn run(task: &Task, command: &Command) -> Result<Tree, String> {
    let destination = Path::new(&task.destination).to_owned();
    let fault = |error| format!("{}: {error}", destination.display());
    std::fs::create_dir(&destination).map_err(fault)?;
    command.run(&task.source, &destination).await?;
    let read = destination.clone();
    let tree = spawn_blocking(move || Tree::read(&read)).await.map_err(|error| error.to_string())?;
    let tree = tree.map_err(|fault| fault.to_string())?;
    if tree.leaves.is_empty() {
        // It has copied elsewhere, if at all: there is nothing to put in place.
        std::fs::remove_dir(&destination).map_err(fault)?;
    }
    Ok(tree)
}

/// Tells a copy on another thread to stop, by being dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
