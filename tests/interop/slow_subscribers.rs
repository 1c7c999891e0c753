//! Subscribers that are slower than their publisher: who drops, who waits, and what is left.

use std::time::{Duration, Instant};

use support::{ANY_PORT, Door, Peer, Zmq, frame, more, ping, subscribe, within};
use zmtp::{Pub, PubSocket, Push, PushSocket, SendErrorKind, Sub, SubSocket, Xpub};
use zmtp_libzmq::{Error, Opt, SocketType};

use crate::meetings::{MEETINGS, with_libzmq};
use crate::publishing::Publishes;
use crate::subject::{Subject, message, recv, send};

/// R29-PUB-15, R29-PUB-16: the sender never waits, the subscriber gets a gap, and each message that it gets is whole.
#[tokio::test]
async fn case_098_a_publisher_never_waits_for_a_slow_subscriber() {
    const COUNT: u32 = 10_000;
    let body = |n: u32| vec![n as u8; 2000];
    for meeting in MEETINGS {
        let publisher = PubSocket::builder().send_hwm(10).build();
        let theirs = Zmq::new(SocketType::Sub);
        theirs.set(Opt::RcvHwm, 10).await;
        let mut subscriber = meeting.either(SubSocket::builder().recv_hwm(10).build(), theirs);
        meeting.join(&publisher, &subscriber).await;
        subscriber.subscribe("A").await;
        subscriber.attend(Pub::subscribed(&publisher, "A", 1)).await;

        let start = Instant::now();
        for n in 0..COUNT {
            publisher.try_send(message([b"A", &n.to_le_bytes()[..], &body(n)])).unwrap();
            tokio::task::yield_now().await;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());

        // Until the subscriber has worked off what is on its way and hears of the end.
        let mut got = Vec::new();
        loop {
            publisher.try_send("A end").unwrap();
            tokio::task::yield_now().await;
            let frames = subscriber.recv().await;
            if frames == ["A end"] {
                break;
            }
            assert_eq!(frames.len(), 3);
            let n = u32::from_le_bytes(frames[1][..].try_into().unwrap());
            assert!(frames[2] == body(n), "number {n} is not whole");
            got.push(n);
        }
        assert!(got.is_sorted() && got.len() >= 10 && got.len() < COUNT as usize, "{} came", got.len());
        assert!(publisher.drops().peer_full as usize >= COUNT as usize - got.len());
    }
}

/// One that is slow takes nothing from one that is not.
#[tokio::test]
async fn case_098_a_slow_subscriber_does_not_hurt_another() {
    let publisher = PubSocket::builder().send_hwm(100).build();
    let at = publisher.bind(ANY_PORT).await.unwrap();
    let mut slow = Peer::connect(&at).await;
    slow.shake("SUB").await;
    slow.send(subscribe("")).await;
    let fast = Zmq::connected(SocketType::Sub, &at).await;
    fast.set_bytes(Opt::Subscribe, "").await;
    Pub::subscribed(&publisher, "A", 2).await;

    for n in 0..2000_u32 {
        send(&publisher, [&n.to_le_bytes()[..], &[7; 20_000]]).await;
        assert_eq!(fast.recv().await[0], n.to_le_bytes());
    }

    assert!(publisher.drops().peer_full > 0);
}

#[tokio::test]
async fn case_099_without_dropping_a_publisher_waits_and_nothing_is_lost() {
    const COUNT: u32 = 3000;
    for meeting in MEETINGS {
        let publisher = PubSocket::builder().nodrop(true).send_hwm(10).build();
        let theirs = Zmq::new(SocketType::Sub);
        theirs.set(Opt::RcvHwm, 10).await;
        let mut subscriber = meeting.either(SubSocket::builder().recv_hwm(10).build(), theirs);
        meeting.join(&publisher, &subscriber).await;
        subscriber.subscribe("A").await;
        subscriber.attend(Pub::subscribed(&publisher, "A", 1)).await;

        let sending = async {
            for n in 0..COUNT {
                send(&publisher, [&b"A"[..], &n.to_le_bytes(), &[7; 2000]]).await;
            }
        };
        let receiving = async {
            for n in 0..COUNT {
                assert_eq!(subscriber.recv().await[1], n.to_le_bytes());
            }
        };

        within(60, async { tokio::join!(sending, receiving) }).await;
    }
}

/// EAGAIN and Full.
#[tokio::test]
async fn case_099_without_dropping_a_full_queue_is_told() {
    let theirs = Zmq::new(SocketType::Xpub);
    theirs.set(Opt::XpubNoDrop, 1).await;
    theirs.set(Opt::SndHwm, 10).await;
    let ours = zmtp::XpubSocket::builder().nodrop(true).send_hwm(10).build();
    for mut publisher in Subject::<Xpub>::both(ours, theirs) {
        let mut peer = Peer::connect(publisher.bind(ANY_PORT).await).await;
        peer.shake("SUB").await;
        peer.send(subscribe("A")).await;
        assert_eq!(publisher.recv().await, ["\x01A"]);
        let body = [&b"A"[..], &[7; 100_000]].concat();

        let (mut sent, mut refused) = (0, 0);
        while refused < 50 {
            let taken = match &publisher {
                Subject::Ours(publisher) => match publisher.try_send(&body) {
                    Ok(()) => true,
                    Err(error) => {
                        assert_eq!(error.kind(), SendErrorKind::Full);
                        false
                    }
                },
                Subject::Theirs(publisher) => {
                    let body = body.clone();
                    let result = publisher.call(move |socket| socket.try_send(&[&body])).await;
                    assert!(matches!(result, Ok(()) | Err(Error::EAGAIN)), "{result:?}");
                    result.is_ok()
                }
            };
            if taken {
                (sent, refused) = (sent + 1, 0);
            } else {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        // What nobody wants has no need of room.
        publisher.send(["B"]).await;

        for _ in 0..sent {
            assert!(peer.frame().await.body == body);
        }
        publisher.send(["A again"]).await;
        peer.expect(frame("A again")).await;
    }
}

/// Only the newest is kept.
#[tokio::test]
async fn case_108_a_conflating_sub_has_the_last_message_only() {
    let theirs = Zmq::new(SocketType::Sub);
    theirs.set(Opt::Conflate, 1).await;
    for mut subscriber in Subject::<Sub>::both(SubSocket::builder().conflate(true).build(), theirs) {
        let door = Door::open().await;
        subscriber.subscribe("A").await;
        subscriber.connect(door.endpoint()).await;
        let mut peer = door.accept().await;
        peer.shake("PUB").await;
        peer.expect(subscribe("A")).await;

        let hundred: Vec<u8> = (0..100).flat_map(|n| frame(format!("A{n}"))).collect();
        peer.send([hundred, ping(0, "all")].concat()).await;
        // Whoever answers has read what came before.
        peer.expect(support::command("PONG", "all")).await;

        assert_eq!(subscriber.recv().await, ["A99"]);
        subscriber.expect_silence().await;
    }
}

#[tokio::test]
async fn case_108_a_conflating_push_sends_the_last_message_only() {
    let theirs = Zmq::new(SocketType::Push);
    theirs.set(Opt::Conflate, 1).await;
    for push in Subject::<Push>::both(PushSocket::builder().conflate(true).build(), theirs) {
        let at = support::nobody();
        push.connect(&at).await;
        for n in 0..100 {
            push.send([n.to_string()]).await;
        }

        let pull = Zmq::new(SocketType::Pull);
        pull.bind(&at).await;

        assert_eq!(pull.recv().await, [b"99"]);
        assert!(pull.is_silent(Duration::from_millis(20)).await);
    }
}

/// From libzmq's PUB: what comes is in order, and the last one comes.
#[tokio::test]
async fn case_108_a_conflating_sub_of_ours_gets_the_last_of_libzmqs_publications() {
    for meeting in with_libzmq() {
        let mut subscriber = SubSocket::builder().conflate(true).subscribe("A").build();
        let publisher = meeting.other::<Pub>(SocketType::Pub);
        meeting.join(&subscriber, &publisher).await;
        crate::publishing::until_heard(&publisher, "A", &mut subscriber).await;

        for n in 100..200 {
            publisher.send([format!("A{n}")]).await;
        }

        let mut last = 0;
        while last != 199 {
            let n = String::from_utf8(recv(&mut subscriber).await[0][1..].to_vec()).unwrap().parse().unwrap();
            assert!(n > last, "{n} after {last}");
            last = n;
        }
    }
}

/// A message of two frames is not for conflating: libzmq's manual says so, and breaks it. Ours stays whole.
#[tokio::test]
async fn case_108_a_conflated_message_of_two_frames_stays_whole() {
    let door = Door::open().await;
    let mut subscriber = SubSocket::builder().conflate(true).subscribe("A").build();
    subscriber.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("PUB").await;
    peer.expect(subscribe("A")).await;

    peer.send([frame("A1"), more("A2"), frame("second"), ping(0, "all")].concat()).await;
    peer.expect(support::command("PONG", "all")).await;

    assert_eq!(recv(&mut subscriber).await, ["A2", "second"]);
}
