//! Ways to a server on which something goes wrong.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use zmtp::{Endpoint, XpubSocket, XsubSocket};
use zmtp_patterns::clone::wire::updates;

use crate::support::ANY;

/// A way that can be closed, each direction by itself: connections stay, and nothing gets through until it is open again.
pub(crate) struct Relay {
    pub(crate) at: Endpoint,
    there: watch::Sender<bool>,
    back: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(endpoint: &Endpoint) -> Self {
        Self::slow(endpoint, Duration::ZERO).await
    }

    /// What goes through it takes so long.
    pub(crate) async fn slow(endpoint: &Endpoint, delay: Duration) -> Self {
        let Endpoint::Tcp { host, port, .. } = endpoint.clone() else { panic!("{endpoint}") };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (there, may_go) = watch::channel(true);
        let (back, may_come) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let Ok(far) = TcpStream::connect((&*host, port)).await else { continue };
                let ((near_reads, near_writes), (far_reads, far_writes)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(pass(near_reads, far_writes, may_go.clone(), delay));
                tokio::spawn(pass(far_reads, near_writes, may_come.clone(), delay));
            }
        });
        Self { at, there, back }
    }

    /// Opens or closes it.
    pub(crate) fn open(&self, is_open: bool) {
        self.there.send_replace(is_open);
        self.back.send_replace(is_open);
    }

    /// The same for what the server says.
    pub(crate) fn open_back(&self, is_open: bool) {
        self.back.send_replace(is_open);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_open: watch::Receiver<bool>,
    delay: Duration,
) {
    let mut octets = vec![0; 16 << 10];
    while let Ok(len @ 1..) = from.read(&mut octets).await {
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if is_open.wait_for(|is_open| *is_open).await.is_err() || to.write_all(&octets[..len]).await.is_err()
        {
            return;
        }
    }
}

/// A way from a server's publisher on which changes are lost: those of the keys that it is told, once each.
pub(crate) struct Thief {
    pub(crate) at: Endpoint,
    wanted: Arc<Mutex<BTreeSet<Bytes>>>,
}

impl Thief {
    pub(crate) async fn at(publisher: &Endpoint) -> Self {
        let (mut inlet, mut outlet) = (XsubSocket::new(), XpubSocket::new());
        inlet.connect(publisher.clone()).unwrap();
        let at = outlet.bind(ANY).await.unwrap();
        let thief = Self { at, wanted: Arc::default() };
        let wanted = Arc::clone(&thief.wanted);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    news = inlet.recv() => {
                        let Ok(news) = news else { return };
                        let is_stolen = wanted.lock().unwrap().remove(news.first());
                        if !is_stolen && outlet.send(news).await.is_err() {
                            return;
                        }
                    }
                    request = outlet.recv() => match request.as_ref().map(|request| request.first()) {
                        Ok([1, topic @ ..]) => inlet.subscribe(topic),
                        Ok([0, topic @ ..]) => _ = inlet.unsubscribe(topic),
                        Ok(_) => {}
                        Err(_) => return,
                    },
                }
            }
        });
        thief
    }

    /// The next change of this key gets lost.
    pub(crate) fn steal(&self, key: &'static str) {
        self.wanted.lock().unwrap().insert(updates(key.as_bytes()));
    }

    /// Whether all that was to be lost is.
    pub(crate) fn is_done(&self) -> bool {
        self.wanted.lock().unwrap().is_empty()
    }
}
