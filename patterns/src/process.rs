//! Process groups: what gets the signals, so that nothing that a process has started goes on alone.

use std::io;

use tokio::process::{Child, Command};

/// A group whose leader has not been waited for: until then its number is nobody else's. What is left of it when this is
/// dropped is killed.
#[derive(Debug)]
pub struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    /// The one that this leads, as [`lead`] has it.
    pub fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: id.and_then(rustix::process::Pid::from_raw) }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Its leader has been waited for.
    pub fn is_over(&mut self) {
        self.leader = None;
    }

    /// Waits until its leader has ended. That is not waited for yet: the group keeps its number.
    ///
    /// # Errors
    /// If the system cannot tell.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn ended(&self, _leader: &mut Child) -> io::Result<()> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        use tokio::signal::unix::{SignalKind, signal};

        let Some(leader) = self.leader else { return Ok(()) };
        let mut signals = signal(SignalKind::child())?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(leader), options)?.is_none() {
            signals.recv().await;
        }
        Ok(())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(leader) = self.leader {
            // Fails when all of it has ended, which is what was wanted.
            let _ = rustix::process::kill_process_group(leader, signal);
        }
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        self.signal(rustix::process::Signal::KILL);
    }
}

/// Without groups the process alone is killed, when it is dropped.
#[cfg(not(unix))]
impl Group {
    /// The one that this leads, as [`lead`] has it.
    pub fn of(_child: &Child) -> Self {
        Self {}
    }

    /// Waits until its leader has ended.
    ///
    /// # Errors
    /// If the system cannot tell.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn ended(&self, leader: &mut Child) -> io::Result<()> {
        leader.wait().await.map(|_| ())
    }

    /// Nobody can ask it.
    pub fn terminate(&self) {}

    /// Its leader has been waited for.
    pub fn is_over(&mut self) {}
}

/// What this starts leads a group of its own.
pub fn lead(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Whether there are no descriptors left, here or anywhere.
pub(crate) fn is_short_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(
        rustix::io::Errno::from_io_error(error),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    );
    #[cfg(not(unix))]
    return error.raw_os_error().is_none();
}
