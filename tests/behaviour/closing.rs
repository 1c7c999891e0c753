//! The end of a socket: what still goes out, how long that may take, and what is said of the rest.

use std::time::{Duration, Instant};

use support::{ANY_PORT, Peer, frame, nobody, pair, session, settle, until, within};
use zmtp::{PullSocket, PushSocket};

#[tokio::test]
async fn close_returns_when_everything_has_gone_out() {
    let mut pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = PushSocket::new();
    push.connect(at).unwrap();
    for n in 0..1000 {
        push.try_send(n.to_string()).unwrap();
    }

    within(20, push.close()).await.unwrap();

    for n in 0..1000 {
        assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
    }
}

/// Two hundred short lives, on two threads and both transports: what `close` said has gone out has arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_from_many_sockets_that_connect_send_and_close() {
    const SOCKETS: usize = 200;
    const EACH: usize = 50;
    let mut pull = PullSocket::builder().recv_hwm(20).build();
    pull.bind("inproc://many-short-lives").await.unwrap();
    let tcp = pull.bind(ANY_PORT).await.unwrap();
    let mut lives = tokio::task::JoinSet::new();
    for life in 0..SOCKETS {
        let at = if life % 2 == 0 { tcp.clone() } else { "inproc://many-short-lives".try_into().unwrap() };
        lives.spawn(async move {
            let push = PushSocket::new();
            push.connect(at).unwrap();
            for _ in 0..EACH {
                push.send(&[life as u8; 5000]).await.unwrap();
            }
            push.close().await
        });
    }

    let mut arrived = [0; SOCKETS];
    for _ in 0..SOCKETS * EACH {
        arrived[usize::from(within(20, pull.recv()).await.unwrap()[0][0])] += 1;
    }

    assert_eq!(arrived, [EACH; SOCKETS]);
    while let Some(closed) = within(20, lives.join_next()).await {
        closed.unwrap().unwrap();
    }
    until(20, || pull.peer_count() == 0).await;
}

/// The peer may come within the linger time.
#[tokio::test]
async fn close_waits_for_a_peer_that_comes_late() {
    let at = nobody();
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("patience").await.unwrap();
    let closing = tokio::spawn(push.close());
    tokio::task::yield_now().await;

    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "patience");
    within(20, closing).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_reports_what_nobody_took_in_time() {
    let push = PushSocket::builder().linger(Duration::from_secs(3)).build();
    push.connect("inproc://close-reports").unwrap();
    for _ in 0..10 {
        push.send(&[0; 98]).await.unwrap();
    }
    let start = tokio::time::Instant::now();

    let unsent = within(20, push.close()).await.unwrap_err();

    assert_eq!((unsent.messages, unsent.bytes), (10, 1000));
    assert!(unsent.to_string().starts_with("10 messages (1000 octets) were discarded"), "{unsent}");
    let took = start.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_linger_of_zero_discards_at_once() {
    let push = PushSocket::builder().linger(Duration::ZERO).build();
    push.connect("inproc://linger-zero").unwrap();
    push.send("x").await.unwrap();
    let start = tokio::time::Instant::now();

    assert_eq!(within(20, push.close()).await.unwrap_err().messages, 1);

    assert!(start.elapsed() < Duration::from_millis(100));
}

/// Promise: `close` ends within linger + 1 s, whatever the peer does.
#[tokio::test(start_paused = true)]
async fn close_ends_within_the_linger_time_and_a_second_with_a_peer_that_never_reads() {
    for handshake in [false, true] {
        let push = PushSocket::builder().linger(Duration::from_secs(2)).build();
        let mut peer = Peer::attached_by(64, &push);
        if handshake {
            peer.shake("PULL").await;
            within(20, push.wait_for_peers(1)).await;
            for _ in 0..100 {
                push.try_send(&[0; 98]).unwrap();
            }
        }
        settle().await;
        let start = tokio::time::Instant::now();

        let closed = within(20, push.close()).await;

        assert!(start.elapsed() <= Duration::from_secs(3), "{:?}", start.elapsed());
        assert_eq!(closed.is_err(), handshake);
        if let Err(unsent) = closed {
            // The stream holds 64 octets: less than one message.
            assert_eq!((unsent.messages, unsent.bytes), (100, 10_000));
        }
    }
}

/// To the message: what the peer has whole is not unsent, what it has in part is.
#[tokio::test(start_paused = true)]
async fn close_counts_exactly_what_the_peer_has_not_got() {
    let push = PushSocket::builder().linger(Duration::from_secs(2)).build();
    let mut peer = Peer::attached_by(64, &push);
    peer.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    for _ in 0..100 {
        push.try_send(&[0; 98]).unwrap();
    }
    // 30 whole messages, and the stream is full with a part of the next.
    peer.read(3000).await;

    let unsent = within(20, push.close()).await.unwrap_err();

    assert_eq!((unsent.messages, unsent.bytes), (70, 7000));
}

/// A socket with nothing to send has nothing to wait for, whatever it has received.
#[tokio::test(start_paused = true)]
async fn a_pull_closes_at_once_with_messages_that_nobody_has_received() {
    for (taken, peer_stays) in [(0, true), (3, true), (0, false), (3, false)] {
        let mut pull = PullSocket::new();
        let mut peer = Peer::attached(&pull);
        peer.send(session("PUSH", frame("x").repeat(10))).await;
        for _ in 0..taken {
            within(20, pull.recv()).await.unwrap();
        }
        settle().await;
        let peer = peer_stays.then_some(peer);
        settle().await;
        let start = tokio::time::Instant::now();

        within(60, pull.close()).await.unwrap();

        let took = start.elapsed();
        assert!(took <= Duration::from_secs(1), "{taken} taken, peer stays {peer_stays}: {took:?}");
        drop(peer);
    }
}

#[tokio::test(start_paused = true)]
async fn the_other_side_sees_a_close_at_once() {
    let (push, pull) = pair(PushSocket::builder(), PullSocket::builder());
    within(20, push.wait_for_peers(1)).await;

    within(20, pull.close()).await.unwrap();

    settle().await;
    assert_eq!(push.peer_count(), 0);
}

/// Promise: `Drop` never blocks, and what is queued still goes out.
#[tokio::test(start_paused = true)]
async fn a_dropped_socket_sends_what_is_queued_in_the_background() {
    let push = PushSocket::new();
    let mut peer = Peer::attached_by(64, &push);
    peer.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    for _ in 0..100 {
        push.try_send(&[7; 100]).unwrap();
    }
    let start = Instant::now();

    drop(push);

    assert!(start.elapsed() < Duration::from_secs(1));
    peer.expect(frame([7; 100]).repeat(100)).await;
    peer.expect_close().await;
}

/// Also not on a thread without a runtime, nor when the runtime has gone.
#[test]
fn a_socket_may_be_dropped_where_there_is_no_runtime() {
    let push = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let push = PushSocket::new();
            push.connect(nobody()).unwrap();
            push.send("x").await.unwrap();
            push
        })
    };
    let start = Instant::now();

    drop(push);

    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn the_port_of_a_closed_socket_is_free_as_soon_as_close_returns() {
    let pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let other = PullSocket::new();
    let taken = other.bind(&at).await.unwrap_err();
    assert_eq!(taken.io_kind(), Some(std::io::ErrorKind::AddrInUse));

    within(20, pull.close()).await.unwrap();

    assert_eq!(other.bind(&at).await.unwrap(), at);
}
