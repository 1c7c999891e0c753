//! Socket types that do not belong together (R37-TYPE): every such pair, each side binding, over tcp and ipc. They are
//! parted, nothing is delivered, and neither dials again.

use std::time::Duration;

use support::{Zmq, within};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zmtp::{
    Cause, Dealer, Event, Monitor, Pair, Pattern, Pub, Pull, Push, Rep, Req, Router, Socket, Sub, Xpub, Xsub,
};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

use crate::both::quickly;
use crate::meetings::Transport;

const ALL: [SocketType; 11] = [
    SocketType::Pair,
    SocketType::Pub,
    SocketType::Sub,
    SocketType::Req,
    SocketType::Rep,
    SocketType::Dealer,
    SocketType::Router,
    SocketType::Pull,
    SocketType::Push,
    SocketType::Xpub,
    SocketType::Xsub,
];

/// The partners of each type, as the specification's table has them.
fn partners(of: SocketType) -> &'static [SocketType] {
    use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Stream, Sub, Xpub, Xsub};
    match of {
        Pair => &[Pair],
        Req => &[Rep, Router],
        Rep => &[Req, Dealer],
        Dealer => &[Rep, Dealer, Router],
        Router => &[Req, Dealer, Router],
        Pub | Xpub => &[Sub, Xsub],
        Sub | Xsub => &[Pub, Xpub],
        Pull => &[Push],
        Push => &[Pull],
        Stream => &[],
    }
}

fn strangers(of: SocketType) -> impl Iterator<Item = SocketType> {
    ALL.into_iter().filter(move |other| !partners(of).contains(other))
}

#[test]
fn case_017_there_are_a_hundred_illegal_pairs() {
    assert_eq!(ALL.into_iter().map(|of| strangers(of).count()).sum::<usize>(), 121 - 21);
}

macro_rules! of_each_type {
    ($story:ident) => {
        $story::<Pair>(SocketType::Pair).await;
        $story::<Pub>(SocketType::Pub).await;
        $story::<Sub>(SocketType::Sub).await;
        $story::<Req>(SocketType::Req).await;
        $story::<Rep>(SocketType::Rep).await;
        $story::<Dealer>(SocketType::Dealer).await;
        $story::<Router>(SocketType::Router).await;
        $story::<Pull>(SocketType::Pull).await;
        $story::<Push>(SocketType::Push).await;
        $story::<Xpub>(SocketType::Xpub).await;
        $story::<Xsub>(SocketType::Xsub).await;
    };
}

#[tokio::test]
async fn case_017_a_libzmq_socket_of_a_wrong_type_that_dials_us_is_parted_and_stays_away() {
    of_each_type!(dialled_by_strangers);
}

async fn dialled_by_strangers<P: Pattern>(kind: SocketType) {
    let mut stories = JoinSet::new();
    for (stranger, transport) in strangers(kind).flat_map(|s| [(s, Transport::Tcp), (s, Transport::Ipc)]) {
        stories.spawn(async move {
            let ours = Socket::<P>::new();
            let mut monitor = ours.monitor();
            let at = ours.bind(transport.anywhere()).await.unwrap();
            let theirs = stranger_of(stranger).await;
            let mut watched = theirs.monitor().await;
            theirs.connect(&at).await;

            let cause = failure(&mut monitor).await;
            assert!(cause.is_incompatible(), "{kind:?} and {stranger:?}: {cause}");
            watched.wait_for(Theirs::DISCONNECTED).await;

            stays_away(&mut monitor, "accepted").await;
            assert_eq!(ours.peer_count(), 0);
            assert!(theirs.is_silent(Duration::ZERO).await);
        });
    }
    while let Some(story) = within(60, stories.join_next()).await {
        story.unwrap();
    }
}

#[tokio::test]
async fn case_017_a_libzmq_socket_of_a_wrong_type_that_we_dial_is_parted_and_not_dialled_again() {
    of_each_type!(dials_strangers);
}

async fn dials_strangers<P: Pattern>(kind: SocketType) {
    let mut stories = JoinSet::new();
    for (stranger, transport) in strangers(kind).flat_map(|s| [(s, Transport::Tcp), (s, Transport::Ipc)]) {
        stories.spawn(async move {
            let ours = Socket::<P>::builder().reconnect(quickly()).build();
            let mut monitor = ours.monitor();
            let theirs = stranger_of(stranger).await;
            ours.connect(theirs.bind(transport.anywhere()).await).unwrap();

            let cause = failure(&mut monitor).await;
            assert!(cause.is_incompatible(), "{kind:?} and {stranger:?}: {cause}");

            stays_away(&mut monitor, "connected").await;
            assert_eq!(ours.peer_count(), 0);
            assert!(theirs.is_silent(Duration::ZERO).await);
        });
    }
    while let Some(story) = within(60, stories.join_next()).await {
        story.unwrap();
    }
}

/// One that would come back at once, and that listens to everything.
async fn stranger_of(kind: SocketType) -> Zmq {
    let zmq = Zmq::new(kind);
    zmq.set(Opt::ReconnectIvl, 10).await;
    if kind == SocketType::Sub {
        zmq.set_bytes(Opt::Subscribe, "").await;
    }
    zmq
}

async fn failure(monitor: &mut Monitor) -> Cause {
    loop {
        if let Event::HandshakeFailed { cause, .. } = within(20, monitor.next()).await.unwrap() {
            return cause;
        }
    }
}

/// For ten times as long as the other side, or ours, would take to dial again.
async fn stays_away(monitor: &mut Monitor, name: &str) {
    let again = async {
        loop {
            let event = monitor.next().await.unwrap();
            if event.name() == name {
                return event;
            }
        }
    };
    let again = timeout(Duration::from_millis(200), again).await;
    assert!(again.is_err(), "{again:?}");
}
