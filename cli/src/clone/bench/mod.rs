//! What a clone does and how fast, on this machine: a server and its clients over loopback TCP, in threads of their own.

mod flood;
mod memory;
mod pairs;
mod rows;

use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
pub(crate) use rows::ROWS;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use zmtp_patterns::clone::{
    Change, Client, ClientConfig, Config, Lasts, Place, Server, Sockets, State, To, Version, When,
};

use crate::bench::thread;

/// A server that runs until it is dropped.
struct Served {
    place: Place,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    async fn start() -> Self {
        let (bound, place) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread(|| async move {
            let sockets = Sockets {
                control: Sockets::control().build(),
                updates: Sockets::updates().build(),
                changes: Sockets::changes().build(),
                chp: None,
            };
            let any = "tcp://127.0.0.1:*";
            let place = Place {
                control: sockets.control.bind(any).await.expect("a port"),
                updates: sockets.updates.bind(any).await.expect("a port"),
                changes: sockets.changes.bind(any).await.expect("a port"),
            };
            let _server = Server::start(sockets, Config::default());
            let _ = bound.send(place);
            let _ = stopped.await;
        });
        Self { place: place.await.expect("it is bound"), stop: Some(stop), thread: Some(thread) }
    }

    /// A client that follows what begins with this.
    fn client(&self, prefix: &'static str) -> Client {
        Client::start(vec![self.place.clone()], ClientConfig::of([prefix]))
    }

    /// A client that follows everything, in a thread of its own, until it knows everything: how long that took.
    async fn join(&self) -> (Duration, State) {
        let (place, (known, told)) = (self.place.clone(), oneshot::channel());
        let joining = thread(|| async move {
            let begun = std::time::Instant::now();
            let state = Client::start(vec![place], ClientConfig::default()).ready().await;
            let _ = known.send((begun.elapsed(), state));
        });
        let told = told.await.expect("it is told");
        let _ = joining.join();
        told
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn set(key: String, octets: usize) -> Change {
    let to = To::Value { value: Bytes::from(vec![b'x'; octets]), lasts: Lasts::Forever };
    Change { key: key.into(), to, when: When::Always }
}

async fn write(client: &Client, key: String, octets: usize) -> Version {
    client.write(vec![set(key, octets)]).await.expect("a server")
}

/// 1,000,000, or the part of them that this is of a second.
fn keys(about: Duration) -> u64 {
    (about.as_millis() as u64 * 1000).clamp(TOGETHER, 1_000_000)
}

/// Sets so many keys of 16 octets to values of 100, in no order.
async fn fill(client: &Client, keys: u64) {
    client.ready().await;
    let mut filling = JoinSet::new();
    for batch in 0..keys / TOGETHER {
        let client = client.clone();
        filling.spawn(async move {
            let key =
                |at: u64| format!("{:016x}", (batch * TOGETHER + at).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            client.write((0..TOGETHER).map(|at| set(key(at), 100)).collect()).await.expect("a server")
        });
    }
    filling.join_all().await;
}

/// So many keys are set by one write.
const TOGETHER: u64 = 100;
