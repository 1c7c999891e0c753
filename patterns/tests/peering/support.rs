//! Clouds to try things in.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use zmtp_patterns::peering::{Broker, Client, Config, LinkStatus, Place, Resend, Sockets, Status, Worker};

/// Long enough for what takes no time, on any machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A cluster: its broker, and where it is.
pub(crate) struct Cluster {
    pub(crate) broker: Broker,
    pub(crate) place: Place,
}

impl Cluster {
    /// On free ports of the loopback.
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, |_| {}).await
    }

    pub(crate) async fn with(name: &str, change: impl FnOnce(&mut Config)) -> Self {
        let free = || "tcp://127.0.0.1:0".parse().unwrap();
        let place = Place { clients: free(), workers: free(), cloud: free(), state: free() };
        let sockets = Sockets::bind(&place).await.unwrap();
        let place = sockets.place.clone();
        Self { broker: Broker::start(name, sockets, change), place }
    }

    /// On these sockets.
    pub(crate) fn on(name: &str, sockets: Sockets) -> Self {
        let place = sockets.place.clone();
        Self { broker: Broker::start(name, sockets, |_| {}), place }
    }

    /// There, as soon as the last one lets go of it.
    pub(crate) async fn again(name: &str, place: &Place) -> Self {
        let mut sockets = None;
        until("the last one lets go", async || {
            sockets = Sockets::bind(place).await.ok();
            sockets.is_some()
        })
        .await;
        Self::on(name, sockets.unwrap())
    }

    pub(crate) async fn status(&self) -> Status {
        self.broker.status().await.expect("it is there")
    }

    /// A worker that says whose it is, after so long.
    pub(crate) fn worker(&self, slots: u16, name: &'static str, takes: Duration) -> Worker {
        let socket = Worker::socket().build();
        socket.connect(self.place.workers.clone()).unwrap();
        Worker::start(socket, slots, move |mut body: Vec<Bytes>| async move {
            sleep(takes).await;
            body.push(name.into());
            Ok::<_, Infallible>(body)
        })
    }

    pub(crate) fn client(&self) -> Client {
        let socket = Client::socket().build();
        socket.connect(self.place.clients.clone()).unwrap();
        Client::start(socket)
    }

    /// Waits until so many others are up.
    pub(crate) async fn works_with(&self, others: usize) {
        until("others are up", async || {
            let up = |status: Status| status.peers.iter().filter(|it| it.link == LinkStatus::Up).count();
            up(self.status().await) == others
        })
        .await;
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waits = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(SOON, waits).await.is_ok(), "it is not so that {what}");
}

/// What came of it, and who has done it.
pub(crate) async fn ask(client: &Client, what: &'static str) -> (Bytes, Bytes) {
    let reply = timeout(SOON, client.request(vec![what.into()], Resend::default())).await.unwrap().unwrap();
    (reply[0].clone(), reply[1].clone())
}
