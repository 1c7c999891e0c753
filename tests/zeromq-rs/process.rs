//! The end of a process, without one: their sockets do not close what they hold when they are dropped, so what goes
//! away is the runtime that they were started on.

use tokio::runtime::{Builder, Runtime};

/// Where sockets of theirs are started, and end.
#[derive(Debug)]
pub(crate) struct Process(Runtime);

impl Process {
    pub(crate) fn start() -> Self {
        Self(Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread"))
    }

    /// What this starts ends with the process.
    pub(crate) async fn run<T: Send + 'static>(&self, does: impl Future<Output = T> + Send + 'static) -> T {
        self.0.spawn(does).await.expect("the process does not panic")
    }

    /// Ends, with these sockets.
    pub(crate) fn end<S>(self, sockets: S) {
        drop(sockets);
        self.0.shutdown_background();
    }
}
