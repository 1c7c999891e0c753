//! What the stories of publishers and subscribers share: to know when a subscription has arrived.

use std::time::Duration;

use support::within;
use zmtp::{Pub, PubSocket, Receives, Sends, Socket, Sub, SubSocket, Xpub, XpubSocket, Xsub, XsubSocket};
use zmtp_libzmq::{Opt, SocketType};

use crate::subject::{Frames, Subject, recv};

/// PUB and XPUB.
pub(crate) trait Publishes: Sends {
    const THEIRS: SocketType;

    /// Waits until `n` peers would get messages that begin with `topic`.
    fn subscribed(socket: &Socket<Self>, topic: &str, n: usize) -> impl Future<Output = ()>
    where
        Self: Sized;
}

impl Publishes for Pub {
    const THEIRS: SocketType = SocketType::Pub;

    async fn subscribed(socket: &PubSocket, topic: &str, n: usize) {
        within(20, socket.wait_for_subscribers(topic, n)).await;
    }
}

impl Publishes for Xpub {
    const THEIRS: SocketType = SocketType::Xpub;

    async fn subscribed(socket: &XpubSocket, topic: &str, n: usize) {
        within(20, socket.wait_for_subscribers(topic, n)).await;
    }
}

/// SUB and XSUB.
pub(crate) trait Subscribes: Receives {
    const THEIRS: SocketType;

    fn subscribe(socket: &Socket<Self>, topic: &[u8])
    where
        Self: Sized;

    fn unsubscribe(socket: &Socket<Self>, topic: &[u8])
    where
        Self: Sized;
}

impl Subscribes for Sub {
    const THEIRS: SocketType = SocketType::Sub;

    fn subscribe(socket: &SubSocket, topic: &[u8]) {
        socket.subscribe(topic);
    }

    fn unsubscribe(socket: &SubSocket, topic: &[u8]) {
        socket.unsubscribe(topic);
    }
}

impl Subscribes for Xsub {
    const THEIRS: SocketType = SocketType::Xsub;

    fn subscribe(socket: &XsubSocket, topic: &[u8]) {
        socket.subscribe(topic);
    }

    fn unsubscribe(socket: &XsubSocket, topic: &[u8]) {
        socket.unsubscribe(topic);
    }
}

/// A SUB of libzmq has an option for it, an XSUB sends a message.
impl<S: Subscribes> Subject<S> {
    pub(crate) async fn subscribe(&self, topic: impl AsRef<[u8]>) {
        match self {
            Self::Ours(socket) => S::subscribe(socket, topic.as_ref()),
            Self::Theirs(socket) if S::THEIRS == SocketType::Sub => {
                socket.set_bytes(Opt::Subscribe, topic.as_ref()).await;
            }
            Self::Theirs(socket) => socket.send([&[1], topic.as_ref()].concat()).await,
        }
    }

    pub(crate) async fn unsubscribe(&self, topic: impl AsRef<[u8]>) {
        match self {
            Self::Ours(socket) => S::unsubscribe(socket, topic.as_ref()),
            Self::Theirs(socket) if S::THEIRS == SocketType::Sub => {
                socket.set_bytes(Opt::Unsubscribe, topic.as_ref()).await;
            }
            Self::Theirs(socket) => socket.send([&[0], topic.as_ref()].concat()).await,
        }
    }
}

/// Publishes until `subscriber` gets it, and leaves nothing of that behind. A PUB of libzmq does not tell when it
/// has learned of a subscription.
pub(crate) async fn until_heard<P: Sends, S: Receives>(
    publisher: &Subject<P>,
    topic: &str,
    subscriber: &mut Socket<S>,
) {
    let mut sent = 0;
    let all = async {
        let first: Frames = loop {
            sent += 1;
            publisher.send([format!("{topic} probe {sent}")]).await;
            if let Ok(got) = tokio::time::timeout(Duration::from_millis(5), subscriber.recv()).await {
                break got.unwrap().into();
            }
        };
        let last = [format!("{topic} probe {sent}")];
        let mut got = first;
        while got != last {
            got = recv(subscriber).await;
        }
    };
    within(20, all).await;
}
