//! The monitor: what happened, in order, and nothing else.

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, frame, greeting, nobody, ready, settle, within};
use zmtp::{Event, Monitor, PullSocket, PushSocket};

#[tokio::test]
async fn both_sides_of_a_connection_tell_its_story() {
    let pull = PullSocket::new();
    let mut below = pull.monitor();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = PushSocket::new();
    let mut above = push.monitor();
    push.connect(&at).unwrap();
    within(20, pull.wait_for_peers(1)).await;
    within(20, push.wait_for_peers(1)).await;

    within(20, push.close()).await.unwrap();

    expect(&mut above, &["connect-delayed", "connected", "handshake-succeeded", "disconnected"]).await;
    assert!(within(20, above.next()).await.is_none(), "a monitor ends with its socket");
    expect(&mut below, &["listening", "accepted", "handshake-succeeded", "disconnected"]).await;
    pull.unbind(&at);
    expect(&mut below, &["closed"]).await;
}

#[tokio::test]
async fn events_say_where_and_who_and_why() {
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut peer = Peer::connect(&at).await;
    peer.shake("PUSH").await;

    assert_eq!(next(&mut monitor).await.to_string(), format!("listening {at}"));
    let Event::Accepted { endpoint, address } = next(&mut monitor).await else { panic!() };
    assert_eq!(endpoint, at);
    let Event::HandshakeSucceeded { peer: info, .. } = next(&mut monitor).await else { panic!() };
    assert_eq!(info.address.as_ref(), Some(&address));
    assert_eq!(info.socket_type, Some(zmtp::SocketType::Push));
    assert_eq!(pull.peers()[0].id, info.id);
    peer.send(*b"\xff").await;
    let disconnected = next(&mut monitor).await;
    let Event::Disconnected { peer: gone, .. } = &disconnected else { panic!("{disconnected}") };
    assert_eq!((gone.id, gone.address.as_ref()), (info.id, Some(&address)));
    assert_eq!(
        disconnected.to_string(),
        format!("disconnected {at} from {address}: malformed: frame flags 0xff")
    );

    // Also when there is no peer yet.
    let mut stranger = Peer::connect(&at).await;
    stranger.send("GET").await;
    let Event::Accepted { address: dialled_from, .. } = next(&mut monitor).await else { panic!() };
    let Event::HandshakeFailed { address, retry: false, .. } = next(&mut monitor).await else { panic!() };
    assert_eq!(address, Some(dialled_from));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_is_reported_with_its_cause() {
    let pull = PullSocket::builder().handshake_timeout(Duration::from_secs(2)).build();
    let mut monitor = pull.monitor();
    let mut scripted = Peer::attached(&pull);
    scripted.send("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(
        next(&mut monitor).await.to_string(),
        "handshake-failed inproc://scripted: malformed: the first octets are not a ZMTP signature; \
         this looks like HTTP"
    );
    let mut scripted = Peer::attached(&pull);
    scripted.send(greeting()).await;
    scripted.send(ready("PUB")).await;
    assert_eq!(
        next(&mut monitor).await.to_string(),
        "handshake-failed inproc://scripted: incompatible: the peer is a PUB, which does not go with our PULL"
    );
    let _silent = Peer::attached(&pull);
    assert_eq!(
        next(&mut monitor).await.to_string(),
        "handshake-failed inproc://scripted: the handshake was not finished within 2000 ms"
    );
    // It hangs up properly: reads what we say, and closes.
    let mut scripted = Peer::attached(&pull);
    scripted.expect(greeting()).await;
    drop(scripted);
    assert_eq!(
        next(&mut monitor).await.to_string(),
        "handshake-failed inproc://scripted: the peer closed the connection"
    );
}

#[tokio::test]
async fn a_dialled_peer_that_hangs_up_is_reported_with_the_retry() {
    let door = Door::open().await;
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();

    drop(door.accept().await);

    expect(&mut monitor, &["connect-delayed", "connected"]).await;
    let failed = next(&mut monitor).await.to_string();
    assert!(failed.ends_with(": the peer closed the connection; will retry"), "{failed}");
    expect(&mut monitor, &["connect-retried", "connect-delayed", "connected"]).await;
}

/// "From now on": each monitor has its own queue, and nothing of the past.
#[tokio::test]
async fn two_monitors_see_the_same_from_when_they_began() {
    let push = PushSocket::new();
    let mut first = push.monitor();
    let at = push.bind(ANY_PORT).await.unwrap();
    expect(&mut first, &["listening"]).await;

    let mut second = push.monitor();
    push.unbind(&at);

    expect(&mut first, &["closed"]).await;
    expect(&mut second, &["closed"]).await;
}

/// "The next event, or `None` when the socket is gone."
#[tokio::test(start_paused = true)]
async fn a_monitor_ends_when_its_socket_is_dropped_used_or_not() {
    let used = PullSocket::new();
    used.bind("inproc://monitor-ends").await.unwrap();
    let mut monitor = used.monitor();
    drop(used);
    within(20, async { while monitor.next().await.is_some() {} }).await;

    let unused = PullSocket::new();
    let mut monitor = unused.monitor();
    drop(unused);
    assert!(within(20, monitor.next()).await.is_none());
}

/// A listener's end is reported also when it is the socket that ends.
#[tokio::test]
async fn a_socket_that_closes_reports_the_end_of_its_listeners() {
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    pull.bind(ANY_PORT).await.unwrap();
    expect(&mut monitor, &["listening"]).await;

    within(20, pull.close()).await.unwrap();

    expect(&mut monitor, &["closed"]).await;
    assert!(within(20, monitor.next()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_again_at_once_still_reports_both_listeners() {
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let at = pull.bind("inproc://taken-again").await.unwrap();
    pull.unbind(&at);
    pull.bind("inproc://taken-again").await.unwrap();
    settle().await;

    let mut names: Vec<_> = Vec::new();
    for _ in 0..3 {
        names.push(next(&mut monitor).await.name());
    }
    names.sort_unstable();
    assert_eq!(names, ["closed", "listening", "listening"]);
}

/// Who is there and how full its queues are.
#[tokio::test(start_paused = true)]
async fn peers_tells_what_waits_in_both_directions() {
    let push = PushSocket::new();
    let mut stuck = Peer::attached_by(64, &push);
    stuck.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    // The engine takes a batch and is stuck with it; what comes then waits.
    push.try_send("in the batch").unwrap();
    push.try_send(&[0; 200]).unwrap();
    settle().await;
    push.try_send(&[0; 98]).unwrap();
    push.try_send(&[0; 98]).unwrap();
    let peer = push.peers().remove(0);
    assert_eq!((peer.queued.messages, peer.queued.bytes), (2, 200));

    let pull = PullSocket::new();
    let mut chatty = Peer::attached(&pull);
    chatty.shake("PUSH").await;
    chatty.send(frame([0; 98]).repeat(3)).await;
    settle().await;
    let peer = pull.peers().remove(0);
    assert_eq!((peer.received.messages, peer.received.bytes), (3, 300));
}

#[tokio::test]
async fn wait_for_peers_counts_those_that_are_there_now() {
    let pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut peers = Vec::new();
    for n in 1..=3 {
        let mut peer = Peer::connect(&at).await;
        peer.shake("PUSH").await;
        within(20, pull.wait_for_peers(n)).await;
        assert_eq!(pull.peer_count(), n);
        peers.push(peer);
    }
    within(20, pull.wait_for_peers(0)).await;
    drop(peers);
    support::until(20, || pull.peer_count() == 0).await;
    assert!(pull.peers().is_empty());
}

/// An endpoint that is only dialled has no peer yet.
#[tokio::test]
async fn a_peer_that_is_dialled_is_not_there_before_its_handshake() {
    let push = PushSocket::new();
    push.connect(nobody()).unwrap();
    assert_eq!((push.peer_count(), push.peers().len()), (0, 0));
}

async fn next(monitor: &mut Monitor) -> Event {
    within(20, monitor.next()).await.expect("the socket is open")
}

async fn expect(monitor: &mut Monitor, names: &[&str]) {
    for name in names {
        let event = next(monitor).await;
        assert_eq!(event.name(), *name, "{event}");
    }
}
