//! How the runner speaks to a contender: lines on its standard input, and the end of it.

use std::io::stdin;

use tokio::sync::watch;

/// Standard input, read by a thread of its own.
#[derive(Debug, Clone)]
pub struct Stdin(watch::Receiver<Heard>);

#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    lines: usize,
    is_over: bool,
}

impl Stdin {
    /// Starts to listen.
    pub fn listen() -> Self {
        let (tell, heard) = watch::channel(Heard::default());
        std::thread::spawn(move || {
            for _ in stdin().lines().map_while(Result::ok) {
                tell.send_modify(|heard| heard.lines += 1);
            }
            tell.send_modify(|heard| heard.is_over = true);
        });
        Self(heard)
    }

    /// Whether a line has come, or the end.
    pub fn has_line(&self) -> bool {
        let heard = self.0.borrow();
        heard.lines > 0 || heard.is_over
    }

    /// Whether the end has come.
    pub fn is_over(&self) -> bool {
        self.0.borrow().is_over
    }

    /// Waits for the end.
    pub async fn over(mut self) {
        // An error would mean that the listening thread is gone, which is an end too.
        let _ = self.0.wait_for(|heard| heard.is_over).await;
    }

    /// The same, on this thread.
    ///
    /// # Panics
    /// When the system grants no runtime.
    pub fn wait_over(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.clone().over());
    }
}
