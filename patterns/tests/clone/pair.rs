//! Two servers, of which one decides, and the ways between them.

use std::time::Duration;

use tokio::sync::mpsc;
use zmtp::{Endpoint, PubSocket, SubSocket};
use zmtp_patterns::clone::{
    Client, ClientConfig, Config, Diverged, PairConfig, Paired, Path, Place, Role, Server, Sockets, Status,
    Store,
};

use crate::relay::Relay;
use crate::support::{ANY, bound, until};

/// The two, without a witness. Clients reach them whatever is cut.
pub(crate) struct Pair {
    pub(crate) places: [Place; 2],
    /// What each of them says that it has done in vain. It waits until that is taken.
    pub(crate) in_vain: [mpsc::UnboundedReceiver<Diverged>; 2],
    servers: [Option<Server>; 2],
    ways: Vec<Relay>,
}

impl Pair {
    /// The first one decides, and the other one follows.
    pub(crate) async fn running() -> Self {
        Self::with([None, None]).await
    }

    /// The same, with these stores.
    pub(crate) async fn with([store, of_other]: [Option<Store>; 2]) -> Self {
        let (first, second) = (One::bound().await, One::bound().await);
        let places = [first.place.clone(), second.place.clone()];
        let (to_first, to_second) = (first.ways().await, second.ways().await);
        let (server, first_in_vain) = first.start(true, &to_second, store);
        let (other, second_in_vain) = second.start(false, &to_first, of_other);
        let pair = Self {
            places,
            in_vain: [first_in_vain, second_in_vain],
            servers: [Some(server), Some(other)],
            ways: [to_first, to_second].into_iter().flatten().collect(),
        };
        pair.is_followed(0).await;
        pair
    }

    pub(crate) fn server(&self, number: usize) -> &Server {
        self.servers[number].as_ref().expect("it runs")
    }

    /// How it is; it is, then, and has not ended.
    pub(crate) async fn status(&self, number: usize) -> Status {
        self.server(number).status().await.expect("it has not ended")
    }

    /// Waits until this one decides, and the other one has all that it has.
    pub(crate) async fn is_followed(&self, active: usize) {
        until("one decides, and the other one follows", async || {
            let node = self.status(active).await.node.unwrap();
            (node.role, node.peer, node.lag) == (Role::Active, Some(Role::Standby), Some(0))
        })
        .await;
    }

    /// Ends it.
    pub(crate) fn end(&mut self, number: usize) {
        self.servers[number] = None;
    }

    /// Opens or closes all ways between the two.
    pub(crate) fn open(&self, are_open: bool) {
        self.ways.iter().for_each(|way| way.open(are_open));
    }

    /// A client of both.
    pub(crate) fn client(&self) -> Client {
        Client::start(self.places.to_vec(), ClientConfig::default())
    }
}

/// One of them, before it knows the other.
struct One {
    sockets: Sockets,
    place: Place,
    says: PubSocket,
    beats: Endpoint,
}

impl One {
    async fn bound() -> Self {
        let (sockets, place) = bound(Sockets::updates()).await;
        let says = Paired::path().0.build();
        let beats = says.bind(ANY).await.unwrap();
        Self { sockets, place, says, beats }
    }

    /// To what it is asked, what it publishes, and how it says that it is alive.
    async fn ways(&self) -> [Relay; 3] {
        let Place { control, updates, .. } = &self.place;
        [Relay::to(control).await, Relay::to(updates).await, Relay::to(&self.beats).await]
    }

    /// It hears the other one by these.
    fn start(
        self,
        is_primary: bool,
        ways: &[Relay; 3],
        store: Option<Store>,
    ) -> (Server, mpsc::UnboundedReceiver<Diverged>) {
        let [control, updates, beats] = ways.each_ref().map(|way| way.at.clone());
        let hears: SubSocket = Paired::path().1.build();
        hears.subscribe("");
        hears.connect(beats).unwrap();
        let (diverged, in_vain) = mpsc::unbounded_channel();
        let config = PairConfig { is_primary, beat: BEAT, failover: FAILOVER, ..PairConfig::default() };
        // It writes nothing that it wants no answer to.
        let peer = Place { control, updates, changes: self.place.changes };
        let path = Path { ours: self.says, theirs: hears };
        let paired = Paired { diverged: Some(diverged), ..Paired::new(config, peer, path) };
        let config = Config { beat: BEAT, ..Config::default() };
        (Server::start_paired(self.sockets, config, paired, store), in_vain)
    }
}

pub(crate) const BEAT: Duration = Duration::from_millis(100);
/// How long the one who decides may be silent.
pub(crate) const FAILOVER: Duration = Duration::from_secs(1);
