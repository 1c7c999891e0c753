//! Leaving an endpoint while libzmq is there.

use support::{ANY_PORT, Zmq, until, within};
use zmtp::{PushSocket, SendErrorKind};
use zmtp_libzmq::{Event, SocketType};

#[tokio::test]
async fn case_124_unbind_closes_the_links_that_were_accepted() {
    let push = PushSocket::new();
    let at = push.bind(ANY_PORT).await.unwrap();
    let pull = Zmq::new(SocketType::Pull);
    let mut monitor = pull.monitor().await;
    pull.connect(&at).await;
    within(20, push.send("before")).await.unwrap();
    assert_eq!(pull.recv().await, [b"before"]);

    assert!(push.unbind(&at));

    monitor.wait_for(Event::DISCONNECTED).await;
    until(20, || push.peer_count() == 0).await;
    assert_eq!(push.try_send("x").unwrap_err().kind(), SendErrorKind::Full);
    // It comes back when we do.
    within(20, async { while push.bind(&at).await.is_err() {} }).await;
    within(20, push.send("again")).await.unwrap();
    assert_eq!(pull.recv().await, [b"again"]);
}

#[tokio::test]
async fn case_125_disconnect_from_one_of_two_moves_the_traffic_to_the_other() {
    let (one, at_one) = Zmq::bound(SocketType::Pull).await;
    let (other, at_other) = Zmq::bound(SocketType::Pull).await;
    let push = PushSocket::new();
    push.connect(&at_one).unwrap();
    push.connect(&at_other).unwrap();
    within(20, push.wait_for_peers(2)).await;
    for _ in 0..10 {
        push.send("both").await.unwrap();
    }

    assert!(push.disconnect(&at_one));
    for _ in 0..10 {
        push.send("one").await.unwrap();
    }

    let receive = |n: usize| {
        move |socket: &zmtp_libzmq::Socket| {
            (0..n).map(|_| socket.recv().expect("a message").remove(0)).collect::<Vec<_>>()
        }
    };
    assert_eq!(one.call(receive(5)).await, [b"both"; 5]);
    let rest = other.call(receive(15)).await;
    assert_eq!(rest[..5], [b"both"; 5]);
    assert_eq!(rest[5..], [b"one"; 10]);
}
