//! Sees whether modules of both systems are ever on: that is what all of this is there to prevent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Counts the modules that are on. It is told of each before that does anything, and after it has done its last.
#[derive(Debug, Default)]
pub(crate) struct Watchman {
    on: [AtomicUsize; 2],
    has_seen_both: AtomicBool,
}

/// A module of this system is on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Seen {
    watchman: Arc<Watchman>,
    system: usize,
}

impl Watchman {
    pub(crate) fn see(self: &Arc<Self>, system: usize) -> Seen {
        self.on[system].fetch_add(1, SeqCst);
        // Whoever comes second finds the other one.
        if self.on[1 - system].load(SeqCst) > 0 {
            self.has_seen_both.store(true, SeqCst);
        }
        Seen { watchman: Arc::clone(self), system }
    }

    pub(crate) fn has_seen_both(&self) -> bool {
        self.has_seen_both.load(SeqCst)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.watchman.on[self.system].fetch_sub(1, SeqCst);
    }
}
