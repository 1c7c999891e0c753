//! Routing ids as they come in a handshake, and handshakes that are too large.

use std::time::Duration;

use support::{ANY_PORT, Peer, Zmq, event, failure, frame, greeting, ready, within};
use zmtp::wire::Misbehaved;
use zmtp::{Cause, DealerSocket, Event, RouterSocket};
use zmtp_libzmq::{Opt, SocketType};

/// libzmq takes any octets, and as many as come. Ours takes what R37-ID-03 and 04 allow: up to 255 octets, of which
/// the first is not zero, for such ids are those that a ROUTER makes itself.
#[tokio::test]
async fn case_064_libzmq_takes_any_identity_and_we_those_of_up_to_255_octets_without_leading_zero() {
    let identities = [
        (&b""[..], true),
        (b"i", true),
        (&[7; 255], true),
        (&[7; 256], false),
        (&[7; 300], false),
        (b"\0ab", false),
    ];
    let theirs = Zmq::new(SocketType::Router);
    let at = theirs.bind(ANY_PORT).await;
    let mut ours = RouterSocket::new();
    let mut monitor = ours.monitor();
    let at_ours = ours.bind(ANY_PORT).await.unwrap();
    for (identity, is_allowed) in identities {
        let dealer = ready("DEALER").property("Identity", identity);
        let check = |id: &[u8]| {
            if identity.is_empty() {
                assert!(id.len() == 5 && id[0] == 0, "not a generated id: {}", id.escape_ascii());
            } else {
                assert!(id == identity, "{}", id.escape_ascii());
            }
        };

        let mut peer = Peer::connect(&at).await;
        peer.shake_with(greeting(), dealer.clone()).await;
        peer.send(frame("x")).await;
        let message = theirs.recv().await;
        check(&message[0]);
        assert_eq!(message[1], b"x");

        let mut peer = Peer::connect(&at_ours).await;
        peer.shake_with(greeting(), dealer).await;
        if is_allowed {
            peer.send(frame("x")).await;
            let message = within(20, ours.recv()).await.unwrap();
            check(&message[0]);
            assert_eq!(message[1], *b"x");
        } else {
            peer.expect_close().await;
            let Cause::Wire(error) = failure(&mut monitor).await else { panic!("something else failed") };
            assert_eq!(error, Misbehaved::Identity.into());
        }
    }
}

/// MAXMSGSIZE counts for libzmq's handshake as well. Ours has a limit of its own for that.
#[tokio::test]
async fn case_065_a_limit_below_ready_fails_the_handshake_with_libzmq_and_not_with_us() {
    // 41 octets of READY pass, and the same with a long property do not.
    for (limit, property, passes) in [(64, 0, true), (64, 100, false), (10, 0, false)] {
        let theirs = Zmq::new(SocketType::Router);
        theirs.call(move |socket| socket.set_i64(Opt::MaxMsgSize, limit).expect("a size")).await;
        let at = theirs.bind(ANY_PORT).await;
        let mut ours = DealerSocket::builder();
        if property > 0 {
            ours = ours.property("X-long", vec![b'v'; property]).unwrap();
        }
        let ours = ours.build();
        let mut monitor = ours.monitor();
        ours.connect(at).unwrap();
        if passes {
            ours.send("x").await.unwrap();
            assert_eq!(theirs.recv().await[1], b"x");
        } else {
            // Its own READY may have come before it saw ours.
            let cause = event(&mut monitor, |event| match event {
                Event::HandshakeFailed { cause, .. } | Event::Disconnected { cause, .. } => Some(cause),
                _ => None,
            });
            assert!(matches!(cause.await, Cause::PeerClosed));
        }
    }

    let mut ours = RouterSocket::builder().max_message_size(3).build();
    let theirs = Zmq::connected(SocketType::Dealer, ours.bind(ANY_PORT).await.unwrap()).await;
    theirs.send("abc").await;
    assert_eq!(within(20, ours.recv()).await.unwrap()[1], *b"abc");
    theirs.send("abcd").await;
    support::until(20, || ours.peer_count() == 0).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), ours.recv()).await.is_err());
}
