//! What ends a socket: its handles share it, and when the last of them goes the socket is closed.

use std::sync::atomic::{AtomicBool, Ordering};

use super::core::Core;
use crate::pattern::Pattern;
use crate::sync::Arc;

#[derive(Debug)]
pub(super) struct Owner<P: Pattern> {
    pub(super) core: Arc<Core<P>>,
    #[cfg(feature = "tokio")]
    pub(super) net: super::net::Net,
    is_shut: AtomicBool,
}

impl<P: Pattern> Owner<P> {
    pub(super) fn new(core: Arc<Core<P>>) -> Self {
        Self {
            core,
            #[cfg(feature = "tokio")]
            net: super::net::Net::default(),
            is_shut: AtomicBool::new(false),
        }
    }

    /// Closes the socket in the background.
    pub(super) fn shut(&self) {
        if self.is_shut.swap(true, Ordering::Relaxed) {
            return;
        }
        self.core.close();
        #[cfg(feature = "tokio")]
        self.net.close(&self.core);
        #[cfg(not(feature = "tokio"))]
        self.core.end_monitors();
    }
}

impl<P: Pattern> Drop for Owner<P> {
    fn drop(&mut self) {
        self.shut();
    }
}
