//! Defaults: equal to libzmq's where they are meant to be, and libzmq's where ours differ on purpose, so that the
//! documentation is right about both.

use std::time::Duration;

use support::{Zmq, nobody};
use zmtp::{Hwm, Keepalive, PullSocket, PushSocket, Reconnect, ReconnectStop, TcpOptions};
use zmtp_libzmq::{Error, Opt, SocketType};

#[tokio::test]
async fn case_179_marks_are_a_thousand_messages_in_both() {
    assert_eq!(default(Opt::SndHwm).await, 1000);
    assert_eq!(default(Opt::RcvHwm).await, 1000);

    let push = PushSocket::new();
    push.connect(nobody()).unwrap();
    let accepted = (0..3000).take_while(|_| push.try_send("x").is_ok()).count();
    assert_eq!(accepted, 1000);

    // Between two of ours in one process both marks count.
    let (push, pull) = (PushSocket::new(), PullSocket::new());
    pull.bind("inproc://case-179").await.unwrap();
    push.connect("inproc://case-179").unwrap();
    push.wait_for_peers(1).await;
    let mut accepted = 0;
    while tokio::time::timeout(Duration::from_millis(50), push.send("x")).await.is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 2000);
}

/// −1 there is `None` here.
#[tokio::test]
async fn case_179_what_the_system_decides_it_decides_in_both() {
    for option in [
        Opt::SndBuf,
        Opt::RcvBuf,
        Opt::TcpKeepalive,
        Opt::TcpKeepaliveCnt,
        Opt::TcpKeepaliveIdle,
        Opt::TcpKeepaliveIntvl,
    ] {
        assert_eq!(default(option).await, -1, "{option:?}");
    }
    for option in [Opt::Tos, Opt::TcpMaxrt, Opt::Ipv6] {
        assert_eq!(default(option).await, 0, "{option:?}");
    }
    let TcpOptions {
        ipv6: false,
        keepalive: None,
        send_buffer: None,
        recv_buffer: None,
        tos: None,
        max_retransmit: None,
        ..
    } = TcpOptions::default()
    else {
        panic!("{:?}", TcpOptions::default())
    };
    let Keepalive { idle: None, interval: None, probes: None, .. } = Keepalive::default() else {
        panic!("{:?}", Keepalive::default())
    };
}

#[tokio::test]
async fn case_179_what_is_off_is_off_in_both() {
    for option in [Opt::HeartbeatIvl, Opt::HeartbeatTtl, Opt::Immediate, Opt::Conflate, Opt::InvertMatching] {
        assert_eq!(default(option).await, 0, "{option:?}");
    }
    // Not immediate: what is sent before a peer is there waits for it. Not conflated: all of it.
    let push = PushSocket::new();
    push.connect(nobody()).unwrap();
    push.try_send("x").unwrap();
    push.try_send("y").unwrap();
    assert_eq!(Reconnect::default().stop, ReconnectStop::default());
}

/// The first wait is the same number; the rest is not.
#[tokio::test]
async fn case_179_what_differs_on_purpose() {
    assert_eq!(u128::try_from(default(Opt::ReconnectIvl).await), Ok(Reconnect::default().first.as_millis()));
    // No longest wait, hence no back-off; ours is 5 s.
    assert_eq!(default(Opt::ReconnectIvlMax).await, 0);
    assert_eq!(Reconnect::default().longest, Duration::from_secs(5));
    // 30 s; ours is 10 s. Whatever is announced; ours is 64 MiB. (LINGER is set to 0 by our wrapper of libzmq.)
    assert_eq!(default(Opt::HandshakeIvl).await, 30_000);
    let unlimited = Zmq::new(SocketType::Push).call(|socket| socket.get_i64(Opt::MaxMsgSize)).await;
    assert_eq!(unlimited, Ok(-1));
    assert_eq!(default(Opt::Backlog).await, 100);
}

/// Where libzmq says EINVAL, a value that makes no sense cannot be written down here.
#[tokio::test]
async fn case_179_limits() {
    let push = Zmq::new(SocketType::Push);
    for (option, value) in [
        (Opt::SndHwm, -1),
        (Opt::RcvHwm, -1),
        (Opt::Linger, -2),
        (Opt::ReconnectIvl, -2),
        (Opt::Backlog, -1),
        (Opt::HandshakeIvl, -1),
        (Opt::HeartbeatTtl, 6_553_600),
        (Opt::Immediate, 2),
        (Opt::Conflate, 2),
    ] {
        let refused = push.call(move |socket| socket.set_int(option, value)).await;
        assert_eq!(refused, Err(Error::EINVAL), "{option:?} = {value}");
    }
    assert_eq!(Hwm::from(0), Hwm::Unlimited);

    // A routing id has 1 to 255 octets. That it does not begin with a zero libzmq leaves to its users.
    let dealer = Zmq::new(SocketType::Dealer);
    for (id, theirs, ours) in [
        (vec![], false, false),
        (vec![1], true, true),
        (vec![1; 255], true, true),
        (vec![1; 256], false, false),
        (vec![0, 1], true, false),
    ] {
        let octets = id.clone();
        let taken = dealer.call(move |socket| socket.set_bytes(Opt::RoutingId, &octets).is_ok()).await;
        assert_eq!(taken, theirs, "{id:?}");
        assert_eq!(zmtp::RoutingId::try_from(id.clone()).is_ok(), ours, "{id:?}");
    }
}

/// What a socket of libzmq's has before anybody sets it.
async fn default(option: Opt) -> i32 {
    let kind = if option == Opt::InvertMatching { SocketType::Pub } else { SocketType::Push };
    Zmq::new(kind).call(move |socket| socket.get_int(option).expect("an option")).await
}
