//! `zmtp clone serve`: puts changes in one order, and tells them.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc;
use zmtp::{BindError, Endpoint};
use zmtp_patterns::clone::{Chp, Place, Server, Sockets, Store, Update};

use crate::clone::entry;
use crate::clone::limits::Limits;
use crate::clone::pairing::Pairing;
use crate::exit::{Exit, say};
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;

/// Serve keys and values
///
/// Without --store what it has is in memory: a server that is started again begins with nothing, and its clients follow
/// it. It uses three ports, PORT for those who ask and write, PORT+1 for what changes, PORT+2 for writes without an answer; or three files.
/// It says on standard error where they are, once clients can come.
///
/// SIGTERM and SIGINT end it with 0.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Where: the first of the three ports; tcp://127.0.0.1:0 takes free ones and says which
    #[arg(long, value_name = "EP", required = true, help_heading = "Where")]
    at: Place,

    /// Serve clients of RFC 12 too, as the ZeroMQ guide has them, there and at the next two ports, with the races of that
    /// design
    #[arg(long, value_name = "EP", help_heading = "Where")]
    chp: Option<Place>,

    /// Write down what there is, and begin with what is there; writes are answered when they are on the disk
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    store: Option<PathBuf>,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    pairing: Pairing,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Serve {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let store = self.store.as_ref().map(Store::open).transpose();
        let store = store.map_err(|error| Exit::Failed(error.to_string()))?;
        let bound = tokio::select! {
            biased;
            _ = signals.next() => return Ok(Exit::Done),
            bound = self.bind() => bound,
        };
        let (sockets, places) = bound.map_err(|error| match error {
            BindError::Endpoint(error) => Exit::Usage(error.to_string()),
            error => Exit::Failed(error.to_string()),
        })?;
        let mut places = places.to_vec();
        let chp = match &self.chp {
            Some(place) => {
                let chp = Chp::new(self.secured.security());
                chp.bind(place).await.map_err(|error| Exit::Failed(error.to_string()))?;
                places.extend([&place.control, &place.updates, &place.changes].map(Clone::clone));
                Some(chp)
            }
            None => None,
        };
        let (sockets, config) = (Sockets { chp, ..sockets }, self.limits.config());
        let (tell, mut diverged) = mpsc::unbounded_channel();
        let paired = self.pairing.paired(&self.at, config.beat, &self.secured, tell).await?;
        let is_paired = paired.is_some();
        let server = match (paired, store) {
            (Some(paired), store) => Server::start_paired(sockets, config, paired, store),
            (None, Some(store)) => Server::start_with(sockets, config, store),
            (None, None) => Server::start(sockets, config),
        };
        for place in places {
            let _ = writeln!(io::stderr().lock(), "bound {place}");
        }
        let mut roles = server.role();
        if is_paired {
            say(format_args!("role {}", *roles.borrow_and_update()));
        }
        loop {
            tokio::select! {
                _ = signals.next() => return Ok(Exit::Done),
                Some(error) = server.stopped() => return Err(Exit::Failed(error.to_string())),
                Ok(()) = roles.changed(), if is_paired => say(format_args!("role {}", *roles.borrow_and_update())),
                Some(diverged) = diverged.recv() => self.keep(&diverged.updates),
            }
        }
    }

    /// What was done in vain is for people to look at.
    fn keep(&self, updates: &[Update]) {
        let (file, number) = (self.pairing.diverged(), updates.len());
        let line = |update: &Update| {
            let (event, value) = entry::change(update);
            entry::happened(event, &update.key, update.version, value).to_string() + "\n"
        };
        let lines: String = updates.iter().map(line).collect();
        let written = OpenOptions::new().append(true).create(true).open(file);
        match written.and_then(|mut file| file.write_all(lines.as_bytes()).and_then(|()| file.sync_all())) {
            Ok(()) => say(format_args!(
                "{number} changes that were done here are not what the other server has; they are in {}",
                file.display()
            )),
            Err(error) => say(format_args!(
                "{number} changes that were done here are lost: {} cannot be written: {error}",
                file.display()
            )),
        }
    }

    /// Its sockets, and where they are.
    async fn bind(&self) -> Result<(Sockets, [Endpoint; 3]), BindError> {
        let mut tries = if self.is_anywhere() { TRIES } else { 1 };
        loop {
            tries -= 1;
            match self.try_bind().await {
                // The ports beside a free one need not be free.
                Err(BindError::Endpoint(_)) if tries > 0 => {}
                Err(BindError::Io { source, .. }) if tries > 0 && source.kind() == ErrorKind::AddrInUse => {}
                bound => return bound,
            }
        }
    }

    async fn try_bind(&self) -> Result<(Sockets, [Endpoint; 3]), BindError> {
        let security = self.secured.security();
        let sockets = Sockets {
            control: Sockets::control().security(security.clone()).build(),
            updates: Sockets::updates().security(security.clone()).build(),
            changes: Sockets::changes().security(security).build(),
            chp: None,
        };
        let control = sockets.control.bind(&self.at.control).await?;
        let place = if self.is_anywhere() { control.to_string().parse()? } else { self.at.clone() };
        let updates = sockets.updates.bind(place.updates).await?;
        let changes = sockets.changes.bind(place.changes).await?;
        Ok((sockets, [control, updates, changes]))
    }

    /// The first of its endpoints is known when it is bound.
    fn is_anywhere(&self) -> bool {
        match &self.at.control {
            Endpoint::Tcp { port, .. } => *port == 0,
            Endpoint::Ipc { path } => path == "*",
            _ => false,
        }
    }
}

/// How often three free ports in a row are looked for.
const TRIES: u32 = 50;

const EXAMPLES: &str = "\
Examples:
  For everybody on this machine:
    zmtp clone serve --at tcp://127.0.0.1:5556
  For those only who have a key:
    zmtp clone serve --at 'tcp://*:5556' --curve-key server.key --curve-clients known
  Small values, and clients that notice within half a second when it is gone:
    zmtp clone serve --at 'tcp://*:5556' --value 64KiB --beat 100ms
  So that a server that is killed has lost nothing that it had answered:
    zmtp clone serve --at 'tcp://*:5556' --store /var/lib/clone
  Two of them, on two machines; clients are given both:
    zmtp clone serve --at 'tcp://*:5556' --primary --peer tcp://10.0.0.2:5556 --witness tcp://10.0.0.3:5600
    zmtp clone serve --at 'tcp://*:5556' --backup --peer tcp://10.0.0.1:5556 --witness tcp://10.0.0.3:5600
  On this machine only, by files:
    zmtp clone serve --at ipc:///run/clone";
