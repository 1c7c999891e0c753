//! High-water marks, counted exactly: without a network in between, our sockets and libzmq's hold the same.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use support::{Zmq, nobody, until, within};
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::{Context, Opt, Socket, SocketType};

/// What one side may send and the other may hold adds up. There is room again when half of it has been received.
#[tokio::test]
async fn case_109_inproc_marks_of_three_and_four_take_seven() {
    let (push, mut pull) = joined_inproc(3, 4).await;
    assert_eq!(accepted(&push, 8).await, 7);
    for _ in 0..4 {
        within(20, pull.recv()).await.unwrap();
    }
    until(20, || push.try_send("again").is_ok()).await;

    libzmq(|push, pull| {
        let (push, pull) = (push(3), pull(4));
        join_inproc(&push, &pull);
        assert_eq!(their_accepted(&push, 8), 7);
        for _ in 0..4 {
            pull.recv().unwrap();
        }
        push.send(&[b"again"]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn case_110_inproc_a_mark_of_zero_on_either_side_is_no_mark() {
    for (send, recv) in [(3, 0), (0, 4), (0, 0)] {
        let (push, _pull) = joined_inproc(send, recv).await;
        assert_eq!(accepted(&push, 5000).await, 5000);
    }

    libzmq(|push, pull| {
        for (send, recv) in [(3, 0), (0, 4), (0, 0)] {
            let (push, pull) = (push(send), pull(recv));
            join_inproc(&push, &pull);
            assert_eq!(their_accepted(&push, 5000), 5000);
        }
    })
    .await;
}

/// Before anybody binds there is only the sender's mark.
#[tokio::test]
async fn case_111_inproc_connect_first_with_marks_of_one_takes_one_and_then_two() {
    let at = name();
    let push = PushSocket::builder().send_hwm(1).build();
    let pull = PullSocket::builder().recv_hwm(1).build();
    push.connect(&at).unwrap();
    push.try_send("1").unwrap();
    assert!(push.try_send("2").is_err());
    pull.bind(&at).await.unwrap();
    assert_eq!(accepted(&push, 3).await, 1);

    libzmq(|push, pull| {
        let (push, pull) = (push(1), pull(1));
        let at = name();
        push.connect(&at).unwrap();
        assert_eq!(their_accepted(&push, 3), 1);
        pull.bind(&at).unwrap();
        assert_eq!(their_accepted(&push, 3), 1);
    })
    .await;
}

/// With nobody at the other end of the connection, so that nothing leaves the queue.
#[tokio::test]
async fn case_127_a_mark_that_is_changed_counts_for_the_pipes_there_are() {
    let push = PushSocket::builder().send_hwm(2).build();
    push.connect(nobody()).unwrap();
    assert_eq!(accepted(&push, 10).await, 2);
    push.set_send_hwm(5);
    assert_eq!(accepted(&push, 10).await, 3);
    push.set_send_hwm(1);
    assert_eq!(accepted(&push, 10).await, 0);
    push.set_send_hwm(0);
    assert_eq!(accepted(&push, 1000).await, 1000);

    // In libzmq a pipe that is full already waits for its reader all the same.
    for (before, after) in [(1, 4), (3, 0)] {
        let push = Zmq::new(SocketType::Push);
        push.set(Opt::SndHwm, 2).await;
        push.connect(nobody()).await;
        push.call(move |push| their_accepted(push, before)).await;
        push.set(Opt::SndHwm, 5).await;
        assert_eq!(push.call(|push| their_accepted(push, 10)).await, after, "after {before}");
    }
}

/// A receiver's mark that grows lets in what waited outside, and one that shrinks holds libzmq back.
#[tokio::test]
async fn case_127_a_receivers_mark_that_is_changed_counts_for_libzmq_too() {
    let mut pull = PullSocket::builder().recv_hwm(2).build();
    let push = Zmq::connected(SocketType::Push, pull.bind(support::ANY_PORT).await.unwrap()).await;
    push.call(|push| (0..10).for_each(|_| push.send_one(&[0; 50_000]).expect("room"))).await;
    until(20, || held(&pull) == 2).await;

    pull.set_recv_hwm(6);

    until(20, || held(&pull) == 6).await;
    for _ in 0..10 {
        within(20, pull.recv()).await.unwrap();
    }
}

fn held(pull: &PullSocket) -> usize {
    pull.peers().first().map_or(0, |peer| peer.received.messages)
}

async fn joined_inproc(send: usize, recv: usize) -> (PushSocket, PullSocket) {
    let at = name();
    let (push, pull) =
        (PushSocket::builder().send_hwm(send).build(), PullSocket::builder().recv_hwm(recv).build());
    pull.bind(&at).await.unwrap();
    push.connect(&at).unwrap();
    within(20, push.wait_for_peers(1)).await;
    (push, pull)
}

/// How many messages are taken before the socket says that it is full, and goes on saying so.
async fn accepted(push: &PushSocket, most: u32) -> u32 {
    let (mut accepted, mut refused) = (0, 0);
    while accepted < most && refused < 10 {
        match push.try_send("x") {
            Ok(()) => (accepted, refused) = (accepted + 1, 0),
            // What is sent may be on its way from one queue to the other.
            Err(_) => {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    accepted
}

fn their_accepted(push: &Socket, most: u32) -> u32 {
    let (mut accepted, mut refused) = (0, 0);
    while accepted < most && refused < 10 {
        match push.try_send(&[b"x"]) {
            Ok(()) => (accepted, refused) = (accepted + 1, 0),
            Err(_) => {
                refused += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    accepted
}

type Make<'a> = &'a dyn Fn(i32) -> Socket;

/// Runs a story of two libzmq sockets in one context.
async fn libzmq(story: impl FnOnce(Make<'_>, Make<'_>) + Send + 'static) {
    let running = tokio::task::spawn_blocking(|| {
        let context = Context::new();
        let make = |kind, mark, hwm| {
            let socket = Socket::new(&context, kind).expect("a socket");
            socket.set_int(mark, hwm).expect("a mark");
            socket.set_int(Opt::SndTimeo, 20_000).expect("a time");
            socket.set_int(Opt::RcvTimeo, 20_000).expect("a time");
            socket
        };
        let push = |hwm| make(SocketType::Push, Opt::SndHwm, hwm);
        let pull = |hwm| make(SocketType::Pull, Opt::RcvHwm, hwm);
        story(&push, &pull);
    });
    within(60, running).await.unwrap();
}

fn join_inproc(push: &Socket, pull: &Socket) {
    let at = name();
    pull.bind(&at).unwrap();
    push.connect(&at).unwrap();
}

fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("inproc://marks-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
