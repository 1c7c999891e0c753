//! Who binds, and joining one of ours with one of theirs.

use futures::StreamExt;
use support::{ANY_PORT, within};
use zeromq::SocketEvent;
use zmtp::{Pattern, Socket};

/// Who binds; the other one connects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Binder {
    Ours,
    Theirs,
}

pub(crate) const BOTH_ROLES: [Binder; 2] = [Binder::Ours, Binder::Theirs];

/// Joins a socket of ours with one of theirs, and waits until both can send: theirs fails while it has no peer.
pub(crate) async fn join<P: Pattern>(ours: &Socket<P>, theirs: &mut impl zeromq::Socket, binder: Binder) {
    match binder {
        Binder::Ours => {
            let at = ours.bind(ANY_PORT).await.unwrap().to_string();
            within(20, theirs.connect(&at)).await.unwrap();
        }
        Binder::Theirs => {
            let mut events = theirs.monitor();
            ours.connect(bind_theirs(theirs).await.as_str()).unwrap();
            while !matches!(within(20, events.next()).await, Some(SocketEvent::Accepted(..))) {}
        }
    }
    within(20, ours.wait_for_peers(1)).await;
}

/// Binds theirs to any port, and says where.
pub(crate) async fn bind_theirs(theirs: &mut impl zeromq::Socket) -> String {
    within(20, theirs.bind("tcp://127.0.0.1:0")).await.unwrap().to_string()
}
