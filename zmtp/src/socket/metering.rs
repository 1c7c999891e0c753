//! What a socket counts for its metrics, and when it tells.
//!
//! Engines count each batch that they take and each chunk that they deliver, under the lock that they hold anyway. All
//! else is there already, and looked up when it is told.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::state::State;
use crate::monitor::meter::{Flow, Totals};
use crate::pattern::Pattern;
use crate::peer::Queued;
use crate::pipe::{Batch, Delivery, Pipe};

/// Tells each second, until `stop` or the end of the socket.
pub(super) async fn run<P: Pattern>(core: Weak<Core<P>>, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
        let Some(core) = core.upgrade() else { return };
        core.publish_metrics();
    }
}

impl<P: Pattern> State<P> {
    pub(super) fn totals(&mut self) -> Totals {
        self.pipes.spread();
        let mut totals = Totals {
            flow: self.flow,
            drops: self.drops(),
            connected: self.peers,
            subscriptions: self.pattern.subscription_count(),
            ..Totals::default()
        };
        for (_, pipe) in self.pipes.iter() {
            add(&mut totals.queued, pipe.out.messages(), pipe.out.bytes());
            add(&mut totals.received, pipe.inbound.messages(), pipe.inbound.bytes());
            totals.connecting += usize::from(is_connecting(pipe));
        }
        totals
    }
}

impl Flow {
    /// A connection has taken these to write.
    pub(super) fn handle_taken(&mut self, batch: &Batch) {
        self.sent += batch.messages() as u64;
        self.sent_bytes += batch.bytes() as u64;
    }

    /// A connection has ended without having written these.
    pub(super) fn handle_returned(&mut self, messages: usize, bytes: usize) {
        self.sent = self.sent.saturating_sub(messages as u64);
        self.sent_bytes = self.sent_bytes.saturating_sub(bytes as u64);
    }

    pub(super) fn handle_delivery(&mut self, delivery: &Delivery) {
        if let Delivery::Messages(chunk) = delivery {
            self.received += chunk.messages() as u64;
            self.received_bytes += chunk.size() as u64;
        }
    }
}

fn add(sum: &mut Queued, messages: usize, bytes: usize) {
    sum.messages += messages;
    sum.bytes += bytes;
}

fn is_connecting(pipe: &Pipe) -> bool {
    !pipe.origin.accepted && pipe.peer.is_none() && pipe.gone.is_none()
}

const EVERY: Duration = Duration::from_secs(1);
