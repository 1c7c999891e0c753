//! Many sockets, several runtimes, and sockets that end while they are waited for.

use std::thread;
use std::time::Duration;

use futures::future::join_all;
use support::{ANY_PORT, Zmq, descriptors, resident, until, within};
use zmtp::{DealerSocket, PullSocket, PushSocket, RecvError, SendErrorKind};
use zmtp_libzmq::SocketType;

use crate::{alone, run};

/// All at once, by turns connected to libzmq and to each other, and twice: the second thousand takes nothing that the
/// first has not given back.
#[test]
fn case_183_a_thousand_sockets_leave_nothing_behind() {
    run(async {
        let mut before = (0, 0);
        for round in 0..3 {
            let theirs = Zmq::new(SocketType::Pull);
            let at = theirs.bind(ANY_PORT).await;
            let mut pull = PullSocket::new();
            let here = pull.bind(ANY_PORT).await.unwrap();
            let pushes: Vec<_> = (0..1000)
                .map(|n| {
                    let push = PushSocket::new();
                    if n % 2 == 0 {
                        push.connect(&at).unwrap()
                    } else {
                        push.connect(&here).unwrap()
                    }
                    push
                })
                .collect();
            within(60, join_all(pushes.iter().map(|push| push.send("x")))).await;
            let all = theirs.call(|socket| (0..500).for_each(|_| drop(socket.recv().expect("a message"))));
            for _ in 0..500 {
                within(20, pull.recv()).await.unwrap();
            }
            all.await;
            within(60, join_all(pushes.into_iter().map(PushSocket::close))).await;
            pull.close().await.unwrap();
            theirs.close().await;
            if round == 0 {
                before = (descriptors(), resident());
            }
        }
        until(20, || descriptors() <= before.0).await;
        let grown = resident().saturating_sub(before.1);
        assert!(grown < 8 << 20, "{grown} octets");
    });
}

/// libzmq says ETERM; we say `Closed`.
#[test]
fn case_183_who_waits_is_woken_when_the_socket_closes() {
    run(async {
        let dealer = DealerSocket::new();
        dealer.bind(ANY_PORT).await.unwrap();
        let (send, mut recv) = dealer.split();
        let sender = send.clone();
        let receiving = tokio::spawn(async move { recv.recv().await });
        let sending = tokio::spawn(async move { sender.send("x").await });
        // Both wait: nobody is there.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!receiving.is_finished() && !sending.is_finished());

        let _ = within(20, send.close()).await;

        assert_eq!(within(20, receiving).await.unwrap().unwrap_err(), RecvError::Closed);
        assert_eq!(within(20, sending).await.unwrap().unwrap_err().kind(), SendErrorKind::Closed);
        assert_eq!(send.try_send("x").unwrap_err().kind(), SendErrorKind::Closed);
    });
}

/// libzmq would have two contexts; here there are two runtimes, which end one after the other.
#[test]
fn case_183_sockets_of_two_runtimes_in_one_process_meet() {
    let _alone = alone();
    let (tell, told) = std::sync::mpsc::channel();
    let receiver = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut pull = PullSocket::new();
            tell.send(pull.bind(ANY_PORT).await.unwrap()).unwrap();
            for n in 0..1000 {
                assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
            }
            until(20, || pull.peer_count() == 0).await;
        });
    });
    let at = told.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let push = PushSocket::new();
        push.connect(at).unwrap();
        for n in 0..1000 {
            within(20, push.send(n.to_string())).await.unwrap();
        }
        within(20, push.close()).await.unwrap();
    });
    drop(runtime);
    receiver.join().expect("it received everything");
}
