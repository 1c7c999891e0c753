//! PAIR: one peer, both directions.

use std::time::Duration;

use support::{ANY_PORT, Zmq, until, within};
use tokio::time::timeout;
use zmtp::{Pair, PairSocket};
use zmtp_libzmq::{Event, Opt, SocketType};

use crate::meetings::MEETINGS;
use crate::subject::{Subject, recv, send};

#[tokio::test]
async fn case_013_a_pair_speaks_in_both_directions() {
    for meeting in MEETINGS {
        let mut ours = PairSocket::new();
        let mut other = meeting.other::<Pair>(SocketType::Pair);
        meeting.join(&ours, &other).await;

        for n in 0..500 {
            send(&ours, [format!("ours {n}"), String::new()]).await;
            other.send([format!("theirs {n}")]).await;
        }

        for n in 0..500 {
            assert_eq!(other.recv().await, [format!("ours {n}"), String::new()]);
            assert_eq!(recv(&mut ours).await, [format!("theirs {n}")]);
        }
    }
}

/// Without a peer it blocks and does not drop (R31-PAIR-08).
#[tokio::test]
async fn case_013_a_pair_without_a_peer_waits_for_one() {
    let ours = PairSocket::new();
    assert!(timeout(Duration::from_millis(20), ours.send("early")).await.is_err());
    let at = ours.bind(ANY_PORT).await.unwrap();
    let theirs = Zmq::connected(SocketType::Pair, &at).await;

    send(&ours, ["in time"]).await;

    assert_eq!(theirs.recv().await, [b"in time"]);
}

/// libzmq lets a second peer in and never listens to it; we close it. To the first it makes no difference, and when
/// that has gone the next is welcome.
#[tokio::test]
async fn case_013_a_second_peer_of_a_pair_is_not_heard_until_the_first_has_gone() {
    for mut pair in Subject::both(PairSocket::new(), Zmq::new(SocketType::Pair)) {
        let at = pair.bind(ANY_PORT).await;
        let first = Zmq::connected(SocketType::Pair, &at).await;
        first.send("first").await;
        assert_eq!(pair.recv().await, ["first"]);
        let second = Zmq::new(SocketType::Pair);
        let mut monitor = second.monitor().await;
        second.set(Opt::ReconnectIvl, -1).await;
        second.connect(&at).await;
        // We may have closed it by now, and then it has no place for the message.
        let _ = second.call(|socket| socket.try_send(&[b"second"])).await;
        monitor.wait_for(Event::HANDSHAKE_SUCCEEDED).await;

        pair.expect_silence().await;
        first.send("still here").await;
        assert_eq!(pair.recv().await, ["still here"]);
        pair.send(["to the first"]).await;
        assert_eq!(first.recv().await, [b"to the first"]);
        assert!(second.is_silent(Duration::from_millis(20)).await);

        // The second goes as well: libzmq does not promote it.
        first.close().await;
        second.close().await;
        if let Subject::Ours(pair) = &pair {
            until(20, || pair.peer_count() == 0).await;
        }
        pair.expect_silence().await;
        let third = Zmq::connected(SocketType::Pair, &at).await;
        third.send("third").await;
        assert_eq!(within(20, pair.recv()).await, ["third"]);
    }
}
