//! `zmtp peer leave`: lets a broker leave the cloud.

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;
use zmtp::{Event, Monitor};
use zmtp_patterns::peering::Client;

use crate::exit::Exit;
use crate::peer::operators::Reached;
use crate::units::{self, show};

/// Let a broker leave the cloud, and wait until it is gone
///
/// It takes nothing more, offers what waits to others, and ends what it has; then it tells everybody and ends. Its own exit
/// code says whether something was left undone.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Leave {
    /// How long it may take
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration, help_heading = "End")]
    grace: Duration,

    #[command(flatten)]
    reached: Reached,
}

impl Leave {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let reached = &self.reached;
        // It notices when the broker is gone.
        let witness = Client::socket().security(reached.secured.security()).build();
        let mut events = witness.monitor();
        witness.connect(reached.connect.clients.clone()).map_err(|error| Exit::Usage(error.to_string()))?;
        reached.in_time(until(&mut events, |it| matches!(it, Event::HandshakeSucceeded { .. }))).await?;
        let mut operator = reached.operator()?;
        if !reached.in_time(operator.leave(self.grace)).await? {
            return Err(reached.too_late());
        }
        let gone = until(&mut events, |it| matches!(it, Event::Disconnected { .. }));
        match timeout(self.grace + reached.timeout, gone).await {
            Ok(()) => Ok(Exit::Done),
            Err(_) => Err(Exit::TimedOut(format!(
                "the broker at {} has been told to leave, and is there still after {}",
                reached.connect.clients,
                show(self.grace + reached.timeout)
            ))),
        }
    }
}

/// Until this happens.
async fn until(events: &mut Monitor, it: impl Fn(&Event) -> bool) {
    while let Some(event) = events.next().await {
        if it(&event) {
            return;
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Before its machine is switched off:
    zmtp peer leave --connect tcp://10.0.0.1:6000
  It has a minute to end what it has:
    zmtp peer leave --connect tcp://10.0.0.1:6000 --grace 1m
  At once, whatever it has:
    zmtp peer leave --connect tcp://10.0.0.1:6000 --grace 0

Exit codes: 0 it is gone; 2 it does not answer, or is not gone in time.";
