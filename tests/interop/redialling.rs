//! Who connects comes back: after how long, and when not.

use std::time::Duration;

use support::{ANY_PORT, Door, Zmq, event, greeting, nobody, until, within};
use tokio::time::timeout;
use zmtp::{DealerSocket, Event, PullSocket, PushSocket, Reconnect, ReconnectStop, ReqSocket, SubSocket};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

/// libzmq: without a longest wait, one to two intervals; with one, doubling without chance.
#[tokio::test]
async fn case_118_libzmq_waits_one_to_two_intervals_or_doubles_up_to_the_longest() {
    let waits = async |longest, count| {
        let push = Zmq::new(SocketType::Push);
        let mut monitor = push.monitor().await;
        push.set(Opt::ReconnectIvl, 100).await;
        push.set(Opt::ReconnectIvlMax, longest).await;
        push.connect(nobody()).await;
        let mut waits = Vec::new();
        for _ in 0..count {
            waits.push(monitor.wait_for(Theirs::CONNECT_RETRIED).await.value);
        }
        waits
    };

    assert_eq!(waits(1000, 6).await, [100, 200, 400, 800, 1000, 1000]);
    let constant = waits(0, 4).await;
    assert!(constant.iter().all(|wait| (100..200).contains(wait)), "{constant:?}");
}

/// Ours: anything up to the first wait, and with each failure up to twice as long, so that a thousand clients of one
/// server do not come back at once.
#[tokio::test]
async fn case_118_we_wait_a_random_time_below_a_ceiling_that_doubles() {
    let mut all = Vec::new();
    for _ in 0..4 {
        let (first, longest) = (Duration::from_millis(50), Duration::from_millis(400));
        let push =
            PushSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() }).build();
        let mut monitor = push.monitor();
        push.connect(nobody()).unwrap();
        for ceiling in [50_u32, 100, 200, 400, 400] {
            let after = event(&mut monitor, |event| match event {
                Event::ConnectRetried { after, .. } => Some(after),
                _ => None,
            });
            let after = after.await;
            assert!(after <= Duration::from_millis(ceiling.into()), "{after:?} of {ceiling} ms");
            all.push(after.as_secs_f64() * 1000.0 / f64::from(ceiling));
        }
    }
    // Once in half a million runs all twenty lie in the same half.
    assert!(all.iter().any(|share| *share < 0.5) && all.iter().any(|share| *share > 0.5), "{all:?}");
}

#[tokio::test]
async fn case_119_who_is_told_never_to_come_back_does_not() {
    for is_ours in [true, false] {
        let door = Door::open().await;
        let (ours, theirs) =
            (PushSocket::builder().reconnect(Reconnect::never()).build(), Zmq::new(SocketType::Push));
        if is_ours {
            ours.connect(door.endpoint()).unwrap();
        } else {
            theirs.set(Opt::ReconnectIvl, -1).await;
            theirs.connect(door.endpoint()).await;
        }
        let mut peer = door.accept().await;
        peer.shake("PULL").await;
        drop(peer);
        expect_nobody(&door).await;
    }

    // Nor when the first attempt fails.
    let at = nobody();
    let (ours, theirs) =
        (PushSocket::builder().reconnect(Reconnect::never()).build(), Zmq::new(SocketType::Push));
    let (mut monitor, mut their_monitor) = (ours.monitor(), theirs.monitor().await);
    theirs.set(Opt::ReconnectIvl, -1).await;
    ours.connect(&at).unwrap();
    theirs.connect(&at).await;
    event(&mut monitor, |event| matches!(event, Event::ConnectFailed { .. }).then_some(())).await;
    their_monitor.wait_for(Theirs::CLOSED).await;
    let pull = PullSocket::new();
    pull.bind(&at).await.unwrap();
    assert!(timeout(Duration::from_millis(400), pull.wait_for_peers(1)).await.is_err());
}

/// The options of libzmq's drafts, in our own words.
#[tokio::test]
async fn case_120_a_refused_connection_ends_the_dialling_where_that_is_asked_for() {
    for refused in [true, false] {
        let at = nobody();
        let stop = ReconnectStop { refused, ..ReconnectStop::default() };
        let push = PushSocket::builder().reconnect(at_once(stop)).build();
        let mut monitor = push.monitor();
        push.connect(&at).unwrap();
        event(&mut monitor, |event| matches!(event, Event::ConnectFailed { .. }).then_some(())).await;

        let pull = Zmq::new(SocketType::Pull);
        pull.bind(&at).await;

        let came = timeout(Duration::from_millis(400), push.wait_for_peers(1)).await.is_ok();
        assert_eq!(came, !refused);
    }
}

#[tokio::test]
async fn case_120_a_handshake_that_fails_ends_the_dialling_where_that_is_asked_for() {
    for handshake_failed in [true, false] {
        let door = Door::open().await;
        let stop = ReconnectStop { handshake_failed, ..ReconnectStop::default() };
        let push = PushSocket::builder().reconnect(at_once(stop)).build();
        push.connect(door.endpoint()).unwrap();
        let mut peer = door.accept().await;
        peer.send(greeting()).await;
        drop(peer);

        if handshake_failed {
            expect_nobody(&door).await;
        } else {
            let mut peer = door.accept().await;
            peer.shake("PULL").await;
            // Once it was up, the end of the connection is not the end.
            drop(peer);
            door.accept().await;
        }
    }
}

#[tokio::test]
async fn case_120_after_a_disconnect_a_refused_connection_ends_the_dialling_where_that_is_asked_for() {
    for after_disconnect in [true, false] {
        let (other, at) = (Zmq::new(SocketType::Pull), nobody());
        let stop = ReconnectStop { after_disconnect, ..ReconnectStop::default() };
        let push = PushSocket::builder().reconnect(at_once(stop)).build();
        let mut monitor = push.monitor();
        let elsewhere = other.bind(ANY_PORT).await;
        push.connect(&elsewhere).unwrap();
        within(20, push.wait_for_peers(1)).await;
        assert!(push.disconnect(&elsewhere));
        push.connect(&at).unwrap();
        event(&mut monitor, |event| matches!(event, Event::ConnectFailed { .. }).then_some(())).await;

        let pull = Zmq::new(SocketType::Pull);
        pull.bind(&at).await;

        let came = timeout(Duration::from_millis(400), push.wait_for_peers(1)).await.is_ok();
        assert_eq!(came, !after_disconnect);
    }
}

/// DEALER, SUB, PUB and REQ take the second connect for the first one said again; PUSH and PULL connect twice.
#[tokio::test]
async fn case_126_connect_twice_is_once_for_some_types_and_twice_for_others() {
    let libzmq = async |kind, partner| {
        let partner = Zmq::new(partner);
        let mut monitor = partner.monitor().await;
        let at = partner.bind(ANY_PORT).await;
        let zmq = Zmq::connected(kind, &at).await;
        zmq.connect(&at).await;
        accepted(&mut monitor).await
    };
    for (kind, partner) in [
        (SocketType::Dealer, SocketType::Router),
        (SocketType::Sub, SocketType::Pub),
        (SocketType::Pub, SocketType::Sub),
        (SocketType::Req, SocketType::Rep),
    ] {
        assert_eq!(libzmq(kind, partner).await, 1, "{kind:?}");
    }
    assert_eq!(libzmq(SocketType::Push, SocketType::Pull).await, 2);
    assert_eq!(libzmq(SocketType::Pull, SocketType::Push).await, 2);

    macro_rules! ours {
        ($($socket:ty, $partner:ident, $times:literal;)*) => {$(
            let partner = Zmq::new(SocketType::$partner);
            let mut monitor = partner.monitor().await;
            let at = partner.bind(ANY_PORT).await;
            let ours = <$socket>::new();
            ours.connect(&at).unwrap();
            ours.connect(&at).unwrap();
            assert_eq!(accepted(&mut monitor).await, $times, stringify!($socket));
        )*};
    }
    ours! {
        DealerSocket, Router, 1;
        SubSocket, Pub, 1;
        zmtp::PubSocket, Sub, 1;
        ReqSocket, Rep, 1;
        PushSocket, Pull, 2;
        PullSocket, Push, 2;
    }
}

/// How many connections a listener of libzmq's got before it was quiet for a while.
async fn accepted(monitor: &mut support::Watched) -> u32 {
    let mut accepted = 0;
    while let Ok(event) = timeout(Duration::from_millis(300), monitor.next()).await {
        accepted += u32::from(event.number == Theirs::ACCEPTED);
    }
    accepted
}

/// The same endpoint again after `disconnect` is a new connection.
#[tokio::test]
async fn case_126_connect_disconnect_connect_is_one_connection() {
    let (router, at) = Zmq::bound(SocketType::Router).await;
    let dealer = DealerSocket::new();
    dealer.connect(&at).unwrap();
    within(20, dealer.wait_for_peers(1)).await;
    assert!(dealer.disconnect(&at));
    until(20, || dealer.peer_count() == 0).await;

    dealer.connect(&at).unwrap();

    within(20, dealer.wait_for_peers(1)).await;
    within(20, dealer.send("x")).await.unwrap();
    assert_eq!(router.recv().await[1], b"x");
}

/// libzmq would come back after 100 to 200 ms, we after a millisecond or the default's 100.
async fn expect_nobody(door: &Door) {
    assert!(timeout(Duration::from_millis(400), door.accept()).await.is_err(), "it came back");
}

fn at_once(stop: ReconnectStop) -> Reconnect {
    let wait = Duration::from_millis(1);
    Reconnect { first: wait, longest: wait, stop }
}
