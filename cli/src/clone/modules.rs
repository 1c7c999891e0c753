//! The modules of a system as commands: run while it is on, and stopped in time.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};
use zmtp_patterns::process::{Group, lead};

use crate::exit::say;

/// What is run.
#[derive(Debug)]
pub(crate) struct Crew {
    /// Each runs as long as the system is on, and is started again when it ends.
    pub(crate) run: Vec<String>,
    /// Run once when it is on, and again when it is off.
    pub(crate) on_active: Option<String>,
    pub(crate) on_fenced: Option<String>,
    /// Where modules find their own server.
    pub(crate) own: String,
    running: JoinSet<()>,
    /// By when all has to be off.
    stop: watch::Sender<Option<Instant>>,
}

impl Crew {
    pub(crate) fn new(
        run: Vec<String>,
        on_active: Option<String>,
        on_fenced: Option<String>,
        own: String,
    ) -> Self {
        Self { run, on_active, on_fenced, own, running: JoinSet::new(), stop: watch::Sender::new(None) }
    }

    pub(crate) fn start(&mut self, epoch: u64) {
        self.stop.send_replace(None);
        for command in &self.run {
            let (command, own, stop) = (command.clone(), self.own.clone(), self.stop.subscribe());
            self.running.spawn(async move { keep(&command, &own, epoch, stop).await });
        }
        if let Some(command) = self.on_active.clone() {
            let (own, stop) = (self.own.clone(), self.stop.subscribe());
            self.running.spawn(async move {
                if let Some(Err(why)) = once(&command, &own, epoch, stop).await {
                    say(format_args!("--on-active: {why}"));
                }
            });
        }
    }

    /// Stops all that was started. Says whether all is off; it may not be if --on-fenced fails.
    pub(crate) async fn stop(&mut self, by: Instant) -> bool {
        self.stop.send_replace(Some(by));
        while self.running.join_next().await.is_some() {}
        let Some(command) = &self.on_fenced else { return true };
        match self.command(command, by).await {
            Ok(()) => true,
            Err(why) => {
                say(format_args!("--on-fenced: {why}; the modules may be on, and it is run again in 1s"));
                sleep(AGAIN).await;
                false
            }
        }
    }

    /// Runs this once, and says why it did not end well by then.
    pub(crate) async fn command(&self, command: &str, by: Instant) -> Result<(), String> {
        // It is not to be asked to end before.
        let never = watch::Sender::new(None);
        let running = once(command, &self.own, 0, never.subscribe());
        match timeout_at(by.max(Instant::now() + SHORTEST).into(), running).await {
            Ok(result) => result.unwrap_or(Ok(())),
            Err(_) => Err(format!("`{command}` did not end in time")),
        }
    }
}

/// Runs it again and again until it is to stop.
async fn keep(command: &str, own: &str, epoch: u64, mut stop: watch::Receiver<Option<Instant>>) {
    while let Some(result) = once(command, own, epoch, stop.clone()).await {
        let how = result.err().unwrap_or_else(|| format!("`{command}` has ended"));
        say(format_args!("{how}; it is started again in 1s"));
        tokio::select! {
            () = sleep(AGAIN) => {}
            _ = deadline(&mut stop) => return,
        }
    }
}

/// Runs it to its end, and says how that was. None if it was to stop before.
async fn once(
    command: &str,
    own: &str,
    epoch: u64,
    mut stop: watch::Receiver<Option<Instant>>,
) -> Option<Result<(), String>> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).env("ZMTP_CLONE_CONNECT", own).env("ZMTP_EPOCH", epoch.to_string());
    lead(&mut shell);
    let mut child = match shell.kill_on_drop(true).spawn() {
        Ok(child) => child,
        Err(error) => return Some(Err(format!("cannot start `{command}`: {error}"))),
    };
    // Dropped before the child, whose group it is: then what is left of it is killed.
    let group = Group::of(&child);
    let by = tokio::select! {
        ended = group.ended(&mut child) => {
            drop(group);
            return Some(match ended {
                Ok(()) => done(command, child).await,
                Err(error) => Err(format!("cannot wait for `{command}`: {error}")),
            });
        }
        by = deadline(&mut stop) => by,
    };
    group.terminate();
    let _ = timeout_at((by - MARGIN).into(), group.ended(&mut child)).await;
    drop(group);
    let _ = child.wait().await;
    None
}

/// Waits until it is to stop, and says by when.
async fn deadline(stop: &mut watch::Receiver<Option<Instant>>) -> Instant {
    let by = stop.wait_for(Option::is_some).await.ok().and_then(|by| *by);
    by.unwrap_or_else(Instant::now)
}

/// It has ended.
async fn done(command: &str, mut child: Child) -> Result<(), String> {
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{command}` has ended with {}", code(status))),
        Err(error) => Err(format!("cannot wait for `{command}`: {error}")),
    }
}

fn code(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| code.to_string())
}

/// Between the end of a command and its next beginning.
const AGAIN: Duration = Duration::from_secs(1);
/// What is left of the time to stop when what has not stopped is killed.
const MARGIN: Duration = Duration::from_millis(50);
/// A command has so much time at least.
const SHORTEST: Duration = Duration::from_millis(500);
