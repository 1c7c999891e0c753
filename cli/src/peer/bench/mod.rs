//! What a cloud does and how fast, on this machine: brokers, workers and clients over loopback TCP, in threads of their own.

mod rows;

use std::convert::Infallible;
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use rows::ROWS;
use tokio::sync::oneshot;
use tokio::time::sleep;
use zmtp_patterns::peering::{Broker, Client, Place, Sockets, Status, Worker};

use crate::bench::thread;

/// Something that runs in a thread of its own until it is dropped.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn new<F: Future<Output = ()>>(body: impl FnOnce(oneshot::Receiver<()>) -> F + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop: Some(stop), thread: Some(thread(|| body(stopped))) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A broker.
struct Served {
    place: Place,
    ask: tokio::sync::mpsc::UnboundedSender<oneshot::Sender<Option<Status>>>,
    _running: Running,
}

impl Served {
    /// Of this name, that works with those at these places.
    async fn start(name: String, peers: Vec<Place>) -> Self {
        let (bound, place) = oneshot::channel();
        let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel::<oneshot::Sender<Option<Status>>>();
        let running = Running::new(|stopped| async move {
            let any = || "tcp://127.0.0.1:*".parse().expect("an endpoint");
            let place = Place { clients: any(), workers: any(), cloud: any(), state: any() };
            let sockets = Sockets::bind(&place).await.expect("free ports");
            let _ = bound.send(sockets.place.clone());
            let broker = Broker::start(&name, sockets, |_| {});
            peers.iter().for_each(|peer| broker.join(&peer.cloud));
            tokio::pin!(stopped);
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    Some(answer) = asked.recv() => {
                        let _ = answer.send(broker.status().await);
                    }
                }
            }
        });
        Self { place: place.await.expect("it is bound"), ask, _running: running }
    }

    async fn status(&self) -> Status {
        let (answer, status) = oneshot::channel();
        let _ = self.ask.send(answer);
        status.await.ok().flatten().expect("it is there")
    }

    /// Waits until it is so.
    async fn until(&self, mut is_so: impl FnMut(&Status) -> bool) {
        while !is_so(&self.status().await) {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// A worker in a thread of its own that replies with what is asked, at once or never.
    fn worker(&self, slots: u16, replies: bool) -> Running {
        let place = self.place.workers.clone();
        Running::new(move |stopped| async move {
            let socket = Worker::socket().build();
            socket.connect(place).expect("an endpoint");
            let _worker = Worker::start(socket, slots, move |body| async move {
                if !replies {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(body)
            });
            let _ = stopped.await;
        })
    }

    /// A client in this thread.
    fn client(&self) -> Client {
        let socket = Client::socket().build();
        socket.connect(self.place.clients.clone()).expect("an endpoint");
        Client::start(socket)
    }
}
