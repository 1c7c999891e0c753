//! A computer, as far as a system can tell: a thread that runs its tasks, until it is switched off.

use std::convert::Infallible;
use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// Drop it, and whatever runs there is gone at once, without a word to anybody.
#[derive(Debug)]
pub(crate) struct Computer {
    tasks: Handle,
    plug: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Computer {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tasks = runtime.handle().clone();
        let (plug, pulled) = oneshot::channel::<Infallible>();
        // Nothing comes that way but its end, and with it that of the runtime.
        let thread = std::thread::spawn(move || _ = runtime.block_on(pulled));
        Ok(Self { tasks, plug: Some(plug), thread: Some(thread) })
    }

    /// Does this there, and waits for what comes of it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.tasks.spawn(work).await
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        self.plug = None;
        if let Some(thread) = self.thread.take() {
            // What has panicked there has ended too.
            let _ = thread.join();
        }
    }
}
