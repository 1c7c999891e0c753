//! Sockets of one process, joined by name.

use std::time::Duration;

use support::{nobody, settle, within};
use zmtp::{Message, PullSocket, PushSocket, SendErrorKind};

#[tokio::test(start_paused = true)]
async fn bind_and_connect_may_come_in_either_order() {
    for bind_first in [true, false] {
        let (push, mut pull) = (PushSocket::new(), PullSocket::new());
        let at = format!("inproc://either-order-{bind_first}");
        if bind_first {
            pull.bind(&at).await.unwrap();
        }
        push.connect(&at).unwrap();
        push.send(Message::new("a").with("b")).await.unwrap();
        settle().await;
        if !bind_first {
            pull.bind(&at).await.unwrap();
        }
        assert_eq!(within(20, pull.recv()).await.unwrap(), Message::new("a").with("b"));
    }
}

#[tokio::test(start_paused = true)]
async fn either_side_may_bind() {
    let (push, mut pull) = (PushSocket::new(), PullSocket::new());
    push.bind("inproc://push-binds").await.unwrap();
    pull.connect("inproc://push-binds").unwrap();

    within(20, push.send("x")).await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "x");
}

/// Case 109: what one side may send and the other may hold adds up. R30-PUSH-10, R30-PULL-10.
#[tokio::test(start_paused = true)]
async fn marks_of_three_and_four_accept_seven() {
    let push = PushSocket::builder().send_hwm(3).build();
    let mut pull = PullSocket::builder().recv_hwm(4).build();
    pull.bind("inproc://three-and-four").await.unwrap();
    push.connect("inproc://three-and-four").unwrap();
    let mut accepted = 0;
    loop {
        settle().await;
        match push.try_send("x") {
            Ok(()) => accepted += 1,
            Err(refused) => {
                assert_eq!(refused.kind(), SendErrorKind::Full);
                break;
            }
        }
    }
    assert_eq!(accepted, 7);

    for _ in 0..4 {
        within(20, pull.recv()).await.unwrap();
    }
    settle().await;
    push.try_send("again").unwrap();
}

/// Case 111: before anybody binds there is only the sender's mark.
#[tokio::test(start_paused = true)]
async fn marks_of_one_and_one_accept_one_before_and_two_after_the_bind() {
    let push = PushSocket::builder().send_hwm(1).build();
    let pull = PullSocket::builder().recv_hwm(1).build();
    push.connect("inproc://one-and-one").unwrap();
    push.try_send("1").unwrap();
    assert!(push.try_send("2").is_err());

    pull.bind("inproc://one-and-one").await.unwrap();
    settle().await;

    push.try_send("2").unwrap();
    settle().await;
    assert!(push.try_send("3").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_name_is_bound_once_and_free_again_after_unbind_or_close() {
    let one = PullSocket::new();
    let at = one.bind("inproc://bound-once").await.unwrap();
    let other = PullSocket::new();

    let refused = other.bind(&at).await.unwrap_err();
    assert_eq!(refused.io_kind(), Some(std::io::ErrorKind::AddrInUse));
    assert_eq!(
        refused.to_string(),
        "cannot bind to inproc://bound-once: another socket of this process is bound to this name"
    );

    assert!(one.unbind(&at));
    other.bind(&at).await.unwrap();
    other.close().await.unwrap();
    one.bind(&at).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_the_binder_closes_the_connecter_is_told_and_what_it_sent_is_still_received() {
    let push = PushSocket::new();
    let mut pull = PullSocket::new();
    push.bind("inproc://binder-closes").await.unwrap();
    pull.connect("inproc://binder-closes").unwrap();
    within(20, push.wait_for_peers(1)).await;
    let mut monitor = pull.monitor();
    for n in 0..10 {
        push.send(n.to_string()).await.unwrap();
    }

    within(20, push.close()).await.unwrap();

    let event = within(20, monitor.next()).await.unwrap().to_string();
    assert_eq!(event, "disconnected inproc://binder-closes: the peer closed the connection");
    for n in 0..10 {
        assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
    }
    assert_eq!(pull.peer_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn ten_connecters_that_came_before_the_binder_all_get_through() {
    let pushes = [(); 10].map(|()| PushSocket::new());
    for (n, push) in pushes.iter().enumerate() {
        push.connect("inproc://ten-connecters").unwrap();
        push.send(n.to_string()).await.unwrap();
    }

    let mut pull = PullSocket::new();
    pull.bind("inproc://ten-connecters").await.unwrap();

    within(20, pull.wait_for_peers(10)).await;
    let mut got = Vec::new();
    for _ in 0..10 {
        got.push(within(20, pull.recv()).await.unwrap()[0][0] - b'0');
    }
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[tokio::test(start_paused = true)]
async fn two_sockets_that_do_not_belong_together_are_not_joined() {
    let (one, other) = (PushSocket::new(), PushSocket::new());
    let mut monitor = other.monitor();
    one.bind("inproc://push-to-push").await.unwrap();

    other.connect("inproc://push-to-push").unwrap();

    let event = within(20, monitor.next()).await.unwrap().to_string();
    assert_eq!(
        event,
        "handshake-failed inproc://push-to-push: incompatible: the peer is a PUSH, which does not go with our PUSH"
    );
    settle().await;
    assert_eq!((one.peer_count(), other.peer_count()), (0, 0));
}

/// One PULL, both kinds of transport at once.
#[tokio::test]
async fn a_socket_may_be_bound_to_inproc_and_tcp_at_once() {
    let tcp = nobody();
    let mut pull = PullSocket::new();
    pull.bind("inproc://both-transports").await.unwrap();
    pull.bind(&tcp).await.unwrap();
    for at in ["inproc://both-transports", &tcp] {
        let push = PushSocket::new();
        push.connect(at).unwrap();
        push.send(at).await.unwrap();
        assert_eq!(within(20, pull.recv()).await.unwrap(), at);
        within(20, push.close()).await.unwrap();
    }
}

/// A message is shared between the two sockets, not copied.
#[tokio::test(start_paused = true)]
async fn a_large_body_crosses_without_a_copy() {
    let (push, mut pull) = (PushSocket::new(), PullSocket::new());
    pull.bind("inproc://without-a-copy").await.unwrap();
    push.connect("inproc://without-a-copy").unwrap();
    let body = bytes::Bytes::from(vec![1; 1 << 20]);

    push.send(body.clone()).await.unwrap();

    let got = within(Duration::from_secs(20).as_secs(), pull.recv()).await.unwrap();
    assert_eq!(got.first().as_ptr(), body.as_ptr());
}
