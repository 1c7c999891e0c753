//! SIGINT, SIGTERM and SIGHUP: somebody wants this process to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) struct Interrupt([Signal; 3]);

impl Interrupt {
    pub(crate) fn new() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        let [int, term, hup] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self([listen(int)?, listen(term)?, listen(hup)?]))
    }

    /// The next of them. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        let [int, term, hup] = &mut self.0;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    }
}
