//! One endpoint that answers and one that does not: who gets what.

use support::{ANY_PORT, Zmq, nobody, within};
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::{Event, Opt, SocketType};

/// Half of the messages wait for a peer that may never come, unless only those that are there count.
#[tokio::test]
async fn case_114_of_ten_messages_the_live_peer_gets_five_or_with_immediate_all() {
    for (immediate, expected) in [(false, 5), (true, 10)] {
        let pull = Zmq::new(SocketType::Pull);
        let push = PushSocket::builder().immediate(immediate).build();
        push.connect(nobody()).unwrap();
        push.connect(pull.bind(ANY_PORT).await).unwrap();
        within(20, push.wait_for_peers(1)).await;
        for _ in 0..10 {
            within(20, push.send("x")).await.unwrap();
        }
        assert_eq!(pull.call(received).await, expected, "ours sends, immediate {immediate}");

        let mut pull = PullSocket::new();
        let push = Zmq::new(SocketType::Push);
        push.set(Opt::Immediate, immediate.into()).await;
        let mut monitor = push.monitor().await;
        push.connect(nobody()).await;
        push.connect(pull.bind(ANY_PORT).await.unwrap()).await;
        monitor.wait_for(Event::HANDSHAKE_SUCCEEDED).await;
        for _ in 0..10 {
            push.send("x").await;
        }
        for _ in 0..expected {
            within(20, pull.recv()).await.unwrap();
        }
        let more = tokio::time::timeout(QUIET, pull.recv()).await;
        assert!(more.is_err(), "libzmq sends, immediate {immediate}");
    }
}

/// And the queue of a peer that has gone goes with it.
#[tokio::test]
async fn case_114_with_immediate_a_socket_without_live_peers_waits() {
    let push = PushSocket::builder().immediate(true).build();
    push.connect(nobody()).unwrap();
    assert!(push.try_send("x").is_err());

    let zmq = Zmq::new(SocketType::Push);
    zmq.set(Opt::Immediate, 1).await;
    zmq.connect(nobody()).await;
    assert_eq!(zmq.call(|socket| socket.try_send(&[b"x"])).await, Err(zmtp_libzmq::Error::EAGAIN));
}

/// How many messages there are until it is quiet.
fn received(pull: &zmtp_libzmq::Socket) -> usize {
    std::iter::from_fn(|| pull.poll_in(QUIET).expect("an answer").then(|| pull.recv().expect("a message")))
        .count()
}

const QUIET: std::time::Duration = std::time::Duration::from_millis(200);
