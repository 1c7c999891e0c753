//! `inproc://`: ours with ours and libzmq's with libzmq's, for the two cannot meet there.

use std::io::ErrorKind;
use std::time::Duration;

use support::{until, within};
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::{Context, Error, Opt, Socket, SocketType};

#[tokio::test]
async fn case_177_ten_connects_before_the_bind_are_ten_peers() {
    let at = "inproc://case-177-ten";
    let pushes = [(); 10].map(|()| PushSocket::new());
    for push in &pushes {
        push.connect(at).unwrap();
        push.send("x").await.unwrap();
    }
    let mut pull = PullSocket::new();
    pull.bind(at).await.unwrap();
    for _ in 0..10 {
        within(20, pull.recv()).await.unwrap();
    }
    assert_eq!(pull.peer_count(), 10);

    libzmq(move |context| {
        let pushes = [(); 10].map(|()| socket(context, SocketType::Push));
        for push in &pushes {
            push.connect(at).unwrap();
            push.send_one(b"x").unwrap();
        }
        let pull = socket(context, SocketType::Pull);
        pull.bind(at).unwrap();
        (0..10).for_each(|_| drop(pull.recv().unwrap()));
    })
    .await;
}

#[tokio::test]
async fn case_177_a_name_is_bound_once_and_free_after_unbind() {
    let at = "inproc://case-177-once";
    let (one, other) = (PullSocket::new(), PullSocket::new());
    let bound = one.bind(at).await.unwrap();
    assert_eq!(other.bind(at).await.unwrap_err().io_kind(), Some(ErrorKind::AddrInUse));
    assert!(one.unbind(&bound));
    other.bind(at).await.unwrap();

    libzmq(move |context| {
        let (one, other) = (socket(context, SocketType::Pull), socket(context, SocketType::Pull));
        one.bind(at).unwrap();
        assert_eq!(other.bind(at), Err(Error::EADDRINUSE));
        one.unbind(at).unwrap();
        other.bind(at).unwrap();
    })
    .await;
}

/// In libzmq only the name goes, and its peers stay. With us what came in by an endpoint goes with it, over every
/// transport.
#[tokio::test]
async fn case_177_unbind_keeps_the_peers_in_libzmq_and_ends_them_here() {
    let at = "inproc://case-177-unbind";
    let pull = PullSocket::new();
    let bound = pull.bind(at).await.unwrap();
    let push = PushSocket::new();
    push.connect(at).unwrap();
    within(20, pull.wait_for_peers(1)).await;
    pull.unbind(&bound);
    until(20, || pull.peer_count() == 0 && push.peer_count() == 0).await;

    libzmq(move |context| {
        let (pull, push) = (socket(context, SocketType::Pull), socket(context, SocketType::Push));
        pull.bind(at).unwrap();
        push.connect(at).unwrap();
        pull.unbind(at).unwrap();
        push.send_one(b"still there").unwrap();
        assert_eq!(pull.recv().unwrap(), [b"still there"]);
    })
    .await;
}

#[tokio::test]
async fn case_177_what_waits_for_a_bind_that_never_comes_does_not_keep_anybody_from_ending() {
    let push = PushSocket::builder().linger(Duration::ZERO).build();
    push.connect("inproc://case-177-never").unwrap();
    push.send("x").await.unwrap();
    assert_eq!(within(5, push.close()).await.unwrap_err().messages, 1);

    libzmq(|context| {
        let push = socket(context, SocketType::Push);
        push.connect("inproc://case-177-never").unwrap();
        push.send_one(b"x").unwrap();
    })
    .await;
}

/// Runs a story in a context, which it ends.
async fn libzmq(story: impl FnOnce(&Context) + Send + 'static) {
    within(60, tokio::task::spawn_blocking(|| story(&Context::new()))).await.unwrap();
}

fn socket(context: &Context, kind: SocketType) -> Socket {
    let socket = Socket::new(context, kind).expect("a socket");
    socket.set_int(Opt::SndTimeo, 20_000).expect("a time");
    socket.set_int(Opt::RcvTimeo, 20_000).expect("a time");
    socket
}
