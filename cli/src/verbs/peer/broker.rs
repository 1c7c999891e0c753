//! `zmtp peer broker`: one cluster of a cloud.

use std::future::pending;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use tokio::sync::broadcast::error::RecvError;
use zmtp_patterns::peering::wire::MAX_NAME;
use zmtp_patterns::peering::{Broker as Running, Notice, Place, Rejection};

use crate::exit::{Exit, say};
use crate::peer::limits::Limits;
use crate::peer::listen::Listen;
use crate::peer::notices::tell;
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::units;

/// Run the broker of a cluster
///
/// It gives the requests of its clients to its workers, and to other brokers when these have somebody free and it has not.
/// It uses four ports: PORT for clients and operators, PORT+1 for workers, PORT+2 and PORT+3 for other brokers; or four
/// files. One --peer is enough, whichever: brokers tell one another of all that they know, and may be started in any
/// order. It says on standard error where it is, and then what happens to the others.
///
/// The first SIGTERM or SIGINT lets it leave: it takes nothing more, offers what waits to others, and ends what it has. The
/// second one ends it at once. `zmtp peer leave` does the same from elsewhere.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Broker {
    /// What the cluster is called: 1 to 64 octets, and no other one in the cloud is called so
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = "Cloud")]
    name: String,

    #[command(flatten)]
    listen: Listen,

    /// Where another broker is, as its --listen says, now or when it comes (repeatable)
    #[arg(long, value_name = "EP", help_heading = "Cloud")]
    peer: Vec<Place>,

    #[command(flatten)]
    limits: Limits,

    /// How long it may take to leave
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration, help_heading = "End")]
    grace: Duration,

    /// Tell what happens in objects
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Broker {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        if self.secured.is_plain_server() && !self.peer.is_empty() {
            return Err(Exit::Usage(
                "with --plain-users a broker has no password for its --peer; expected --curve-key and --curve-clients"
                    .to_owned(),
            ));
        }
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let (sockets, bound) = tokio::select! {
            biased;
            _ = signals.next() => return Ok(Exit::Done),
            bound = self.listen.bind(&self.secured) => bound?,
        };
        let own = sockets.place.cloud.to_string();
        let broker = Running::start(&self.name, sockets, |config| self.limits.change(config));
        let mut notices = broker.notices();
        let Place { clients, workers, cloud, state } = bound;
        let faces = [(clients, "localfe"), (workers, "localbe"), (cloud, "cloudfe"), (state, "statebe")];
        for (at, face) in faces {
            let _ = writeln!(io::stderr().lock(), "bound {at} {face}");
        }
        for peer in &self.peer {
            broker.join(&peer.cloud);
        }
        let mut leaving = None;
        loop {
            let left = async {
                match &mut leaving {
                    Some(leaving) => leaving.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                notice = notices.recv() => match notice {
                    Ok(notice) => {
                        tell(&notice, self.json);
                        if let Notice::Rejected { cloud, rejection: Rejection::Name { cloud: other } } = notice {
                            return Err(self.is_taken(&own, &cloud, &other));
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return ended(broker.left().await),
                },
                undone = left => return ended(undone),
                undone = broker.left() => return ended(undone),
                number = signals.next() => {
                    if leaving.is_some() {
                        return Ok(Exit::Signal(number));
                    }
                    say("leaving; a second signal ends it at once");
                    leaving = Some(Box::pin(broker.leave(self.grace)));
                }
            }
        }
    }

    fn is_taken(&self, own: &str, cloud: &str, other: &str) -> Exit {
        let says = if cloud == other { String::new() } else { format!(", as {cloud} says") };
        Exit::Refused(format!(
            "the name {} is that of the broker at {other}{says}, so the one at {own} needs another --name",
            self.name
        ))
    }
}

fn ended(undone: usize) -> Result<Exit, Exit> {
    match undone {
        0 => Ok(Exit::Done),
        1 => Err(Exit::Failed("1 request is left undone".to_owned())),
        undone => Err(Exit::Failed(format!("{undone} requests are left undone"))),
    }
}

fn name(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_NAME => Ok(text.to_owned()),
        octets => Err(format!("`{}` has {octets} octets; expected 1 to {MAX_NAME}", text.escape_debug())),
    }
}

const EXAMPLES: &str = "\
Examples:
  The first one, and another one on another machine:
    zmtp peer broker --name DC1 --listen tcp://10.0.0.1:6000
    zmtp peer broker --name DC2 --listen tcp://10.0.0.2:6000 --peer tcp://10.0.0.1:6000
  On all addresses of this machine, which others know by a name:
    zmtp peer broker --name DC3 --listen 'tcp://*:6000' --advertise tcp://dc3.example:6000 --peer tcp://10.0.0.1:6000
  One that keeps half of its workers for its own clients:
    zmtp peer broker --name DC4 --listen tcp://10.0.0.4:6000 --peer tcp://10.0.0.1:6000 --reserve 50
  For those only who have a key; the brokers of a cloud have the same one:
    zmtp peer broker --name DC1 --listen tcp://10.0.0.1:6000 --curve-key broker.key --curve-clients known

Exit codes: 0 it has left; 1 requests are left undone, or it cannot listen; 3 usage; 4 another broker has its name.";
