//! The worker processes that the server has started: each is waited for, and none outlives the server.
//!
//! A worker leads a process group of its own. So Ctrl-C on a terminal reaches the server only, which then
//! stops the workers in order; and when a worker has died, what it had started dies too. That covers every
//! end of the server but `kill -9`; then the workers notice that it is gone (`--orphan-timeout`).

use std::{
    io,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{process, task::JoinSet};

use crate::worker::command::describe;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    waits: JoinSet<(String, io::Result<ExitStatus>)>,
    groups: Vec<(String, Group)>,
}

impl Pool {
    /// Starts one more worker and returns its process id.
    pub(crate) fn spawn(&mut self, worker: &str, args: &[String]) -> io::Result<u32> {
        let mut child = process::Command::new(std::env::current_exe()?)
            .arg("worker")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().expect("not waited for yet");
        self.groups.push((worker.to_owned(), Group::of(pid)));
        let worker = worker.to_owned();
        self.waits.spawn(async move { (worker, child.wait().await) });
        Ok(pid)
    }

    /// The next worker to have exited, and how. Waits for ever if there is none.
    pub(crate) async fn exited(&mut self) -> (String, String) {
        match self.waits.join_next().await {
            Some(Ok((worker, status))) => {
                self.groups.retain(|(name, _)| *name != worker);
                (worker, status.map_or_else(|error| error.to_string(), describe))
            }
            Some(Err(error)) => panic!("nobody aborts a wait: {error}"),
            None => std::future::pending().await,
        }
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Asks all that are left to go.
    pub(crate) fn terminate(&self) {
        for (_, group) in &self.groups {
            group.signal(Signal::TERM);
        }
    }

    /// Kills all that are left. They are still to be waited for.
    pub(crate) fn kill(&self) {
        for (_, group) in &self.groups {
            group.signal(Signal::KILL);
        }
    }
}

/// The processes of one worker, killed when dropped.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(leader: u32) -> Self {
        Self(i32::try_from(leader).ok().and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            // An error means that nobody is left in it.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
