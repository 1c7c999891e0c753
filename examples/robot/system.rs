//! One of two systems: a server of a pair, and modules that are on while it decides, all of it on a computer of its own.

use std::error::Error;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use zmtp::{BindError, Endpoint, PubSocket};
use zmtp_patterns::clone::{
    ClientConfig, Config, ModulesConfig, Order, PairConfig, Paired, Path, Place, Server, Sockets, Supervisor,
};

use crate::computer::Computer;
use crate::crew::Crew;
use crate::free::{self, ANY};

/// A system that runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct System {
    server: Server,
    is_on: watch::Receiver<bool>,
    _computer: Computer,
}

/// A system that does not know the other one yet.
#[derive(Debug)]
pub(crate) struct Single {
    computer: Computer,
    sockets: Sockets,
    says: PubSocket,
    at: Address,
}

/// Where a server is, and where it says that it is alive.
#[derive(Debug, Clone)]
struct Address {
    place: Place,
    beats: Endpoint,
}

/// Starts both. The first one is the primary.
pub(crate) async fn pair([first, second]: [Crew; 2]) -> Result<[System; 2], Box<dyn Error>> {
    let (one, other) = (Single::new().await?, Single::new().await?);
    let (at, other_at) = (one.at.clone(), other.at.clone());
    Ok([one.start("first", other_at, first).await?, other.start("second", at, second).await?])
}

impl Single {
    async fn new() -> Result<Self, Box<dyn Error>> {
        let computer = Computer::start()?;
        let (sockets, says, at) = computer.run(bind()).await??;
        Ok(Self { computer, sockets, says, at })
    }

    async fn start(self, name: &'static str, other: Address, crew: Crew) -> Result<System, Box<dyn Error>> {
        let Self { computer, sockets, says, at } = self;
        // Its own server is the first.
        let places = vec![at.place, other.place.clone()];
        let theirs = Paired::path().1.build();
        theirs.subscribe("");
        let (say, is_on) = watch::channel(false);
        let start = async move {
            theirs.connect(other.beats)?;
            let is_primary = name == "first";
            let config = PairConfig { is_primary, beat: BEAT, failover: FAILOVER, ..PairConfig::default() };
            let paired = Paired::new(config, other.place, Path { ours: says, theirs });
            let config = Config { beat: BEAT, ..Config::default() };
            let server = Server::start_paired(sockets, config, paired, None);
            let config = ModulesConfig { ttl: TTL, grace: GRACE, ..ModulesConfig::of(name) };
            let supervisor = Supervisor::start(places.clone(), ClientConfig::default(), config);
            tokio::spawn(crew.obey(supervisor, places, say));
            Ok::<_, zmtp::ConnectError>(server)
        };
        let server = computer.run(start).await??;
        Ok(System { server, is_on, _computer: computer })
    }
}

async fn bind() -> Result<(Sockets, PubSocket, Address), BindError> {
    let (sockets, place) = free::bound().await?;
    let says = Paired::path().0.build();
    let beats = says.bind(ANY).await?;
    Ok((sockets, says, Address { place, beats }))
}

impl System {
    /// Waits until its modules are on.
    pub(crate) async fn drives(&mut self) -> Result<(), Box<dyn Error>> {
        self.is_on.wait_for(|is_on| *is_on).await?;
        Ok(())
    }

    pub(crate) fn is_on(&self) -> bool {
        *self.is_on.borrow()
    }

    /// Lets the other one decide, as soon as that follows.
    pub(crate) async fn hand_over(&self) {
        while !self.server.order(Order::HandOver).await {
            sleep(BEAT).await;
        }
    }
}

/// How often the servers say to each other, and to clients, that they are alive.
const BEAT: Duration = Duration::from_millis(50);
/// How long the server that decides may be silent.
pub(crate) const FAILOVER: Duration = Duration::from_millis(500);
/// How long a system that is not heard counts as on.
pub(crate) const TTL: Duration = Duration::from_millis(600);
/// How long modules may take to stop.
const GRACE: Duration = Duration::from_millis(150);
