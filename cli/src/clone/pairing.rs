//! What makes a server one of a pair.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use tokio::sync::mpsc;
use zmtp::curve::PublicKey;
use zmtp::{DealerSocket, Endpoint};
use zmtp_patterns::clone::{Diverged, PairConfig, Paired, Path, Place};

use crate::exit::Exit;
use crate::security::Secured;
use crate::units;

/// The other one, and who decides when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pair")]
pub(crate) struct Pairing {
    /// Be the primary of a pair: it decides if all else is equal
    #[arg(long, requires = "peer", conflicts_with = "backup")]
    primary: bool,

    /// Be the backup of a pair
    #[arg(long, requires = "peer")]
    backup: bool,

    /// Where the other one of the pair is, as its --at says
    #[arg(long, value_name = "EP")]
    peer: Option<Place>,

    /// A way on which the two hear whether the other is alive: where we say it, and where that one does (repeatable: ways
    /// without a network in common). Port+3 of --at and --peer, unless given
    #[arg(long, value_name = "OURS=THEIRS", value_parser = path, requires = "peer")]
    path: Vec<(Endpoint, Endpoint)>,

    /// Where the witness of the pair is: without its word neither of the two decides when it does not hear the other
    #[arg(long, value_name = "EP", requires = "peer")]
    witness: Option<Endpoint>,

    /// By which name the witness knows the pair
    #[arg(long, value_name = "NAME", default_value = "clone", requires = "peer")]
    pair: String,

    /// How long the one who decides may be silent before the other one does; at most a minute
    #[arg(long, value_name = "D", default_value = "2s", value_parser = failover)]
    failover: Duration,

    /// How many changes one may lack that takes over
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_lag: u64,

    /// Begin even if neither the other one is there nor a client asks
    #[arg(long, requires = "peer")]
    bootstrap: bool,

    /// The other one's public key, or a file with it, if it is not our own
    #[arg(long, value_name = "KEY|FILE", value_parser = key, requires = "curve_clients")]
    peer_key: Option<PublicKey>,

    /// Where to write changes that were done here and that the one who decides has not got
    #[arg(long, value_name = "FILE", default_value = "clone-diverged.jsonl", requires = "peer")]
    diverged: PathBuf,
}

impl Pairing {
    /// Of the server at this place, which says how it is so often. None if it is by itself.
    pub(crate) async fn paired(
        &self,
        at: &Place,
        beat: Duration,
        secured: &Secured,
        diverged: mpsc::UnboundedSender<Diverged>,
    ) -> Result<Option<Paired>, Exit> {
        let Some(peer) = &self.peer else { return Ok(None) };
        if !self.primary && !self.backup {
            return Err(Exit::Usage("one of a pair is --primary, and the other one --backup".to_owned()));
        }
        if matches!(&at.control, Endpoint::Tcp { port: 0, .. }) {
            return Err(Exit::Usage(
                "where one of a pair is the other one has to know: expected a port in --at".to_owned(),
            ));
        }
        let usage = |error: zmtp::EndpointError| Exit::Usage(error.to_string());
        let ways = match &self.path[..] {
            [] => vec![(at.beats().map_err(usage)?, peer.beats().map_err(usage)?)],
            ways => ways.to_vec(),
        };
        let as_client = secured.as_client(self.peer_key);
        let mut paths = Vec::new();
        for (ours, theirs) in ways {
            let (say, hear) = Paired::path();
            let path = Path {
                ours: say.security(secured.security()).build(),
                theirs: hear.security(as_client.clone()).build(),
            };
            path.ours.bind(ours).await.map_err(|error| Exit::Failed(error.to_string()))?;
            path.theirs.subscribe("");
            path.theirs.connect(theirs).map_err(|error| Exit::Failed(error.to_string()))?;
            paths.push(path);
        }
        let witness = match &self.witness {
            Some(at) => {
                let socket =
                    DealerSocket::builder().security(as_client.clone()).linger(Duration::ZERO).build();
                socket.connect(at.clone()).map_err(|error| Exit::Failed(error.to_string()))?;
                Some((socket, Bytes::from(self.pair.clone())))
            }
            None => None,
        };
        let config = PairConfig {
            is_primary: self.primary,
            beat,
            failover: self.failover,
            lease: self.failover,
            max_lag: self.max_lag,
            bootstrap: self.bootstrap,
            ..PairConfig::default()
        };
        let alone = zmtp_patterns::clone::ClientConfig::default();
        Ok(Some(Paired {
            config,
            peer: peer.clone(),
            control: alone.control.security(as_client.clone()),
            updates: alone.updates.security(as_client),
            paths,
            witness,
            diverged: Some(diverged),
        }))
    }

    /// Where changes go that were in vain.
    pub(crate) fn diverged(&self) -> &std::path::Path {
        &self.diverged
    }
}

fn path(text: &str) -> Result<(Endpoint, Endpoint), String> {
    let (ours, theirs) =
        text.split_once('=').ok_or("expected OURS=THEIRS, as in tcp://10.1.0.1:7001=tcp://10.1.0.2:7001")?;
    let endpoint = |text: &str| text.parse().map_err(|error: zmtp::EndpointError| error.to_string());
    Ok((endpoint(ours)?, endpoint(theirs)?))
}

fn failover(text: &str) -> Result<Duration, String> {
    let failover = units::pause(text)?;
    if failover > Duration::from_secs(60) {
        return Err("expected a minute at most".to_owned());
    }
    Ok(failover)
}

fn key(text: &str) -> Result<PublicKey, String> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(_) if std::path::Path::new(text).exists() => {
            PublicKey::read(text).map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("neither a file nor a public key in Z85: {error}")),
    }
}
