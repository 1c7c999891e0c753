//! libzmq in a process of its own, which is stopped, let go on, and killed.

use std::time::Duration;

use support::{ANY_PORT, Child, Door, Zmq, until, within};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use zmtp::{Message, PullSocket, PushSocket};
use zmtp_libzmq::SocketType;

#[tokio::test]
async fn case_113_a_libzmq_process_that_is_stopped_and_goes_on_loses_nothing() {
    for ours_binds in [true, false] {
        let push = PushSocket::builder().send_hwm(50).build();
        let mut pull = if ours_binds {
            let at = push.bind(ANY_PORT).await.unwrap();
            Child::zmq(&format!("pull connect {at} rcvhwm=10")).await
        } else {
            let pull = Child::zmq(&format!("pull bind {ANY_PORT} rcvhwm=10")).await;
            push.connect(pull.at()).unwrap();
            pull
        };
        within(20, push.wait_for_peers(1)).await;

        pull.stop();
        let mut sent = 0_u32;
        // Until nothing moves for a while.
        while timeout(Duration::from_millis(300), push.send(numbered(sent))).await.is_ok() {
            sent += 1;
        }
        assert!(sent >= 50, "{sent}");
        pull.go_on();

        for n in 0..sent {
            assert!(pull.got().await == [numbered(n)], "{n} of {sent}");
        }
        within(20, push.send("goes on")).await.unwrap();
        assert_eq!(pull.got().await, [b"goes on"]);
    }
}

fn numbered(n: u32) -> Vec<u8> {
    let mut body = vec![b'x'; 20_000];
    body[..8].copy_from_slice(format!("{n:8}").as_bytes());
    body
}

#[tokio::test]
async fn case_117_a_libzmq_process_that_is_killed_while_it_receives_a_hundred_megabytes_is_replaced() {
    let push = PushSocket::new();
    let at = push.bind(ANY_PORT).await.unwrap();
    let mut dying = Child::zmq(&format!("pull connect {at}")).await;
    within(20, push.wait_for_peers(1)).await;
    // It cannot have taken all of it when it dies.
    dying.stop();
    let large = Message::new(vec![1; 50_000_000]).with(vec![2; 50_000_000]);
    within(20, push.send(large)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    dying.kill();
    until(20, || push.peer_count() == 0).await;
    let pull = Zmq::connected(SocketType::Pull, &at).await;
    within(20, push.send(Message::new("whole").with("message"))).await.unwrap();

    assert_eq!(pull.recv().await, [&b"whole"[..], b"message"]);
}

/// What it has sent is passed on up to the middle of a message, and then it is killed.
#[tokio::test]
async fn case_117_a_message_of_a_libzmq_process_that_is_killed_in_the_middle_is_never_seen() {
    let door = Door::open().await;
    let mut pull = PullSocket::new();
    let mut push = Child::zmq(&format!("push connect {}", door.endpoint())).await;
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    pull.attach(far, "inproc://relayed").unwrap();
    let mut theirs = door.accept().await;
    theirs.shake("PULL").await;
    near.write_all(&support::session("PUSH", "")).await.unwrap();
    push.send("whole");
    push.send_frames(&[&b"first"[..], &vec![b'x'; 30_000_000]]);

    // 5 octets and a header of 2, twice, and then the long frame.
    let some = theirs.read(14 + 9 + 1_000_000).await;
    near.write_all(&some).await.unwrap();
    push.kill();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "whole");
    let rest = theirs.rest().await;
    assert!(rest.len() < 29_000_000, "it had said everything");
    near.write_all(&rest).await.unwrap();
    drop(near);

    until(20, || pull.peer_count() == 0).await;
    let got = timeout(Duration::from_millis(50), pull.recv()).await;
    assert!(got.is_err(), "{got:?}");
}
