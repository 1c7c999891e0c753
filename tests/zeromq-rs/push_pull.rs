//! PUSH and PULL.

use support::within;
use zeromq::{Socket as _, SocketRecv as _, SocketSend as _};
use zmtp::{PullSocket, PushSocket};

use crate::both::{BOTH_ROLES, join};
use crate::story::{COUNT, expect, message, of_ours, of_theirs, ours, theirs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_pull_gets_what_our_push_sends() {
    for binder in BOTH_ROLES {
        let push = PushSocket::new();
        let mut pull = zeromq::PullSocket::new();
        join(&push, &mut pull, binder).await;

        let sending = tokio::spawn(async move {
            for n in 0..COUNT {
                push.send(ours(message(n))).await.unwrap();
            }
            push.close().await
        });

        for n in 0..COUNT {
            let got = within(20, pull.recv()).await.unwrap();
            expect(n, &of_theirs(got), &message(n));
        }
        assert_eq!(within(20, sending).await.unwrap(), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_pull_gets_what_their_push_sends() {
    for binder in BOTH_ROLES {
        let mut pull = PullSocket::new();
        let mut push = zeromq::PushSocket::new();
        join(&pull, &mut push, binder).await;

        let sending = tokio::spawn(async move {
            for n in 0..COUNT {
                push.send(theirs(message(n))).await.unwrap();
            }
        });

        for n in 0..COUNT {
            let got = within(20, pull.recv()).await.unwrap();
            expect(n, &of_ours(got), &message(n));
        }
        within(20, sending).await.unwrap();
    }
}

/// Small ones, as fast as both can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_each_way_arrive_in_order() {
    for binder in BOTH_ROLES {
        let push = PushSocket::new();
        let mut pull = zeromq::PullSocket::new();
        join(&push, &mut pull, binder).await;
        let sending = tokio::spawn(async move {
            for n in 0..100_000_u64 {
                push.send(&n.to_be_bytes()).await.unwrap();
            }
            push.close().await.unwrap();
        });
        for n in 0..100_000_u64 {
            let got = within(20, pull.recv()).await.unwrap();
            assert_eq!(of_theirs(got), [n.to_be_bytes()]);
        }
        sending.await.unwrap();

        let mut pull = PullSocket::new();
        let mut push = zeromq::PushSocket::new();
        join(&pull, &mut push, binder).await;
        let sending = tokio::spawn(async move {
            for n in 0..100_000_u64 {
                push.send(n.to_be_bytes().to_vec().into()).await.unwrap();
            }
        });
        for n in 0..100_000_u64 {
            assert_eq!(within(20, pull.recv()).await.unwrap(), n.to_be_bytes()[..]);
        }
        sending.await.unwrap();
    }
}

/// One PULL, and PUSH sockets of both kinds.
#[tokio::test]
async fn peers_of_both_kinds_share_one_socket() {
    let mut pull = PullSocket::new();
    let at = pull.bind(support::ANY_PORT).await.unwrap();
    let mut their_push = zeromq::PushSocket::new();
    within(20, their_push.connect(&at.to_string())).await.unwrap();
    let our_push = PushSocket::new();
    our_push.connect(&at).unwrap();

    their_push.send("theirs".into()).await.unwrap();
    our_push.send("ours").await.unwrap();

    let mut got = Vec::new();
    for _ in 0..2 {
        got.extend(of_ours(within(20, pull.recv()).await.unwrap()));
    }
    got.sort();
    assert_eq!(got, [&b"ours"[..], b"theirs"]);
}
