//! Every way in which a socket of ours meets another: one of libzmq's over tcp and ipc, where either binds; and, as
//! libzmq and we share no inproc, one of ours over inproc.

use std::sync::atomic::{AtomicU32, Ordering};

use support::{Zmq, within};
use zmtp::{Pattern, Socket};
use zmtp_libzmq::SocketType;

use crate::both::Binder;
use crate::subject::Subject;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meeting {
    pub(crate) transport: Transport,
    pub(crate) binder: Binder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    /// The other one is ours as well.
    Inproc,
}

/// All of them.
pub(crate) const MEETINGS: [Meeting; 6] = [
    Meeting { transport: Transport::Tcp, binder: Binder::Ours },
    Meeting { transport: Transport::Tcp, binder: Binder::Theirs },
    Meeting { transport: Transport::Ipc, binder: Binder::Ours },
    Meeting { transport: Transport::Ipc, binder: Binder::Theirs },
    Meeting { transport: Transport::Inproc, binder: Binder::Ours },
    Meeting { transport: Transport::Inproc, binder: Binder::Theirs },
];

/// Those with libzmq.
pub(crate) fn with_libzmq() -> impl Iterator<Item = Meeting> {
    MEETINGS.into_iter().filter(|meeting| meeting.transport != Transport::Inproc)
}

impl Meeting {
    /// Whom a socket of ours meets here.
    pub(crate) fn other<Q: Pattern>(self, theirs: SocketType) -> Subject<Q> {
        match self.transport {
            Transport::Tcp | Transport::Ipc => Subject::Theirs(Zmq::new(theirs)),
            Transport::Inproc => Subject::Ours(Socket::new()),
        }
    }

    /// The same of two that have been set up.
    pub(crate) fn either<Q: Pattern>(self, ours: Socket<Q>, theirs: Zmq) -> Subject<Q> {
        match self.transport {
            Transport::Tcp | Transport::Ipc => Subject::Theirs(theirs),
            Transport::Inproc => Subject::Ours(ours),
        }
    }

    /// Binds one, connects the other, and waits until ours has one peer more.
    pub(crate) async fn join<P: Pattern, Q: Pattern>(self, ours: &Socket<P>, other: &Subject<Q>) {
        match other {
            Subject::Theirs(theirs) => self.join_libzmq(ours, theirs).await,
            Subject::Ours(other) => {
                let peers = ours.peer_count() + 1;
                let at = self.transport.anywhere();
                match self.binder {
                    Binder::Ours => other.connect(ours.bind(at).await.unwrap()).unwrap(),
                    Binder::Theirs => ours.connect(other.bind(at).await.unwrap()).unwrap(),
                }
                within(20, ours.wait_for_peers(peers)).await;
                within(20, other.wait_for_peers(1)).await;
            }
        }
    }

    /// The same for a bare socket of libzmq's.
    pub(crate) async fn join_libzmq<P: Pattern>(self, ours: &Socket<P>, theirs: &Zmq) {
        let peers = ours.peer_count() + 1;
        match self.binder {
            Binder::Ours => theirs.connect(ours.bind(self.transport.anywhere()).await.unwrap()).await,
            Binder::Theirs => ours.connect(theirs.bind(self.transport.anywhere()).await).unwrap(),
        }
        within(20, ours.wait_for_peers(peers)).await;
    }
}

impl Transport {
    /// An endpoint to bind that is free for sure.
    pub(crate) fn anywhere(self) -> String {
        match self {
            Self::Tcp => support::ANY_PORT.to_owned(),
            Self::Ipc => "ipc://*".to_owned(),
            Self::Inproc => format!("inproc://interop-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// An endpoint where nobody is bound yet.
    pub(crate) fn nobody(self) -> String {
        match self {
            Self::Tcp => support::nobody(),
            Self::Ipc => {
                let (process, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                format!("ipc://{}/zmtp-interop-{process}-{n}", std::env::temp_dir().display())
            }
            Self::Inproc => self.anywhere(),
        }
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);
