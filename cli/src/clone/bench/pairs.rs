//! How long nobody takes writes when another server begins to decide.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::sleep;
use zmtp::Endpoint;
use zmtp_patterns::clone::{
    Client, ClientConfig, Config, Operator, Order, PairConfig, Paired, Path, Place, Server, Sockets,
};

use super::set;
use crate::bench::{millis, thread};

/// Two servers, of which the first decides and the other one follows.
struct Pair {
    servers: Vec<One>,
}

/// One of them, in a thread of its own, until it is dropped.
struct One {
    place: Place,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A planned change, a death with the usual settings, and one with tight ones.
pub(super) async fn changeover(_about: Duration) -> Vec<f64> {
    let usual = PairConfig::default();
    let tight = PairConfig { beat: Duration::from_millis(50), failover: Duration::from_millis(200), ..usual };
    let pair = Pair::start(&tight).await;
    let client = pair.client();
    let planned = gap(&client, pair.hand_over()).await;
    drop(pair);
    let mut gaps = vec![millis(planned)];
    for config in [usual, tight] {
        let mut pair = Pair::start(&config).await;
        let client = pair.client();
        // It is followed, so that it can be followed on.
        write(&client).await;
        pair.is_followed().await;
        gaps.push(millis(gap(&client, async { drop(pair.servers.remove(0)) }).await));
    }
    gaps
}

/// From when that begins until a write is answered that was made after it.
async fn gap(client: &Client, happens: impl Future<Output = ()>) -> Duration {
    write(client).await;
    let begun = Instant::now();
    happens.await;
    write(client).await;
    begun.elapsed()
}

async fn write(client: &Client) {
    client.write(vec![set("key".to_owned(), 100)]).await.expect("a server");
}

impl Pair {
    async fn start(config: &PairConfig) -> Self {
        let (mut servers, mut tells, mut beats) = (Vec::new(), Vec::new(), Vec::new());
        for is_primary in [true, false] {
            let (bound, place) = oneshot::channel();
            let (tell, peer) = oneshot::channel();
            let (stop, stopped) = oneshot::channel();
            let config = PairConfig { is_primary, bootstrap: is_primary, ..config.clone() };
            let thread = thread(move || serve(config, bound, peer, stopped));
            let (place, at): (Place, Endpoint) = place.await.expect("it is bound");
            servers.push(One { place, stop: Some(stop), thread: Some(thread) });
            tells.push(tell);
            beats.push(at);
        }
        for (number, tell) in tells.into_iter().enumerate() {
            let _ = tell.send((servers[1 - number].place.clone(), beats[1 - number].clone()));
        }
        let pair = Self { servers };
        pair.is_followed().await;
        pair
    }

    fn client(&self) -> Client {
        let places = self.servers.iter().map(|server| server.place.clone()).collect();
        Client::start(places, ClientConfig::of(["\0nothing"]))
    }

    fn operator(&self) -> Operator {
        Operator::new(&self.servers[0].place, ClientConfig::default().control).expect("an endpoint")
    }

    /// Waits until the second one follows the first.
    async fn is_followed(&self) {
        let mut operator = self.operator();
        let lag = |figures: &[(String, u64)]| figures.iter().any(|(name, lag)| name == "lag" && *lag == 0);
        while !operator.report().await.is_some_and(|report| lag(&report.figures)) {
            sleep(PAUSE).await;
        }
    }

    async fn hand_over(&self) {
        let mut operator = self.operator();
        while operator.order(Order::HandOver).await != Some(true) {
            sleep(PAUSE).await;
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    config: PairConfig,
    bound: oneshot::Sender<(Place, Endpoint)>,
    peer: oneshot::Receiver<(Place, Endpoint)>,
    stopped: oneshot::Receiver<()>,
) {
    let any = "tcp://127.0.0.1:*";
    let sockets = Sockets {
        control: Sockets::control().build(),
        updates: Sockets::updates().build(),
        changes: Sockets::changes().build(),
        chp: None,
    };
    let place = Place {
        control: sockets.control.bind(any).await.expect("a port"),
        updates: sockets.updates.bind(any).await.expect("a port"),
        changes: sockets.changes.bind(any).await.expect("a port"),
    };
    let (say, hear) = Paired::path();
    let path = Path { ours: say.build(), theirs: hear.build() };
    let beats = path.ours.bind(any).await.expect("a port");
    let _ = bound.send((place, beats));
    let Ok((peer, beats)) = peer.await else { return };
    path.theirs.subscribe("");
    path.theirs.connect(beats).expect("an endpoint");
    let beat = config.beat;
    let paired = Paired::new(config, peer, path);
    let _server = Server::start_paired(sockets, Config { beat, ..Config::default() }, paired, None);
    let _ = stopped.await;
}

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);
