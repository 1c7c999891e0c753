//! Two of each: who binds, and whose socket is examined.

use std::time::Duration;

use support::{ANY_PORT, Zmq, within};
use zmtp::{Pattern, PullSocket, Reconnect, Socket};
use zmtp_libzmq::SocketType;

/// Who binds; the other one connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binder {
    Ours,
    Theirs,
}

pub(crate) const BOTH_ROLES: [Binder; 2] = [Binder::Ours, Binder::Theirs];

/// Joins a socket of ours with one of libzmq's.
pub(crate) async fn join<P: Pattern>(ours: &Socket<P>, theirs: &Zmq, binder: Binder) {
    match binder {
        Binder::Ours => theirs.connect(ours.bind(ANY_PORT).await.unwrap()).await,
        Binder::Theirs => ours.connect(theirs.bind(ANY_PORT).await).unwrap(),
    }
    within(20, ours.wait_for_peers(1)).await;
}

/// A bound PULL under examination.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) at: String,
    socket: Either,
}

#[derive(Debug)]
enum Either {
    Ours(Box<PullSocket>),
    Theirs(Zmq),
}

impl Examined {
    /// Ours, and libzmq's.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::ours(PullSocket::new()).await, Self::theirs(Zmq::new(SocketType::Pull)).await]
    }

    pub(crate) async fn ours(pull: PullSocket) -> Self {
        let at = pull.bind(ANY_PORT).await.unwrap().to_string();
        Self { at, socket: Either::Ours(Box::new(pull)) }
    }

    pub(crate) async fn theirs(pull: Zmq) -> Self {
        Self { at: pull.bind(ANY_PORT).await, socket: Either::Theirs(pull) }
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.socket, Either::Ours(_))
    }

    /// The next message's frames.
    pub(crate) async fn recv(&mut self) -> Vec<Vec<u8>> {
        match &mut self.socket {
            Either::Ours(pull) => {
                within(20, pull.recv()).await.unwrap().frames().map(|frame| frame.to_vec()).collect()
            }
            Either::Theirs(pull) => pull.recv().await,
        }
    }

    /// Nothing arrives for a while.
    pub(crate) async fn expect_silence(&mut self) {
        const WHILE: Duration = Duration::from_millis(50);
        match &mut self.socket {
            Either::Ours(pull) => {
                let got = tokio::time::timeout(WHILE, pull.recv()).await;
                assert!(got.is_err(), "{got:?}");
            }
            Either::Theirs(pull) => assert!(pull.is_silent(WHILE).await),
        }
    }
}

/// To dial again with no time lost.
pub(crate) fn quickly() -> Reconnect {
    Reconnect::between(Duration::from_millis(5), Duration::from_millis(50))
}
