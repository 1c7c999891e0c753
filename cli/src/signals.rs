//! SIGINT and SIGTERM: the first one closes in order, the second one ends at once.

use std::io;
use std::process;

/// The signals that end the command. Made before anything else happens, so that none is missed.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The number of the next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            Some(()) = self.interrupt.recv() => SIGINT,
            Some(()) = self.terminate.recv() => SIGTERM,
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The number of the next signal: there is only Ctrl-C. Cancel-safe.
    pub(crate) async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => SIGINT,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Signals {
    /// From now on a signal ends the command on the spot, whatever the rest of it is waiting for.
    pub(crate) fn end_at_the_next(mut self) {
        tokio::spawn(async move {
            let number = self.next().await;
            process::exit(128 + i32::from(number));
        });
    }
}

const SIGINT: u8 = 2;
#[cfg(unix)]
const SIGTERM: u8 = 15;
