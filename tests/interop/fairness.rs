//! Three peers of libzmq at one socket of ours: who sends gives to each in turn, who receives takes from each in turn.

use std::collections::HashMap;

use support::{Zmq, until};
use zmtp::{
    Dealer, DealerSocket, Pattern, PullSocket, PushSocket, Receives, RepSocket, ReqSocket, RouterSocket,
    Sends, Socket, SubSocket, XsubSocket,
};
use zmtp_libzmq::{Opt, SocketType};

use crate::meetings::{Meeting, with_libzmq};
use crate::subject::{Subject, recv, send};

async fn three<P: Pattern>(meeting: Meeting, ours: &Socket<P>, kind: SocketType) -> [Zmq; 3] {
    let peers = [(); 3].map(|()| Zmq::new(kind));
    for peer in &peers {
        meeting.join_libzmq(ours, peer).await;
    }
    peers
}

#[tokio::test]
async fn case_018_three_hundred_messages_to_three_peers_are_a_hundred_each() {
    for meeting in with_libzmq() {
        shares(meeting, PushSocket::new(), SocketType::Pull).await;
        shares(meeting, DealerSocket::new(), SocketType::Dealer).await;
        shares(meeting, DealerSocket::new(), SocketType::Router).await;
    }
}

async fn shares<P: Sends>(meeting: Meeting, ours: Socket<P>, kind: SocketType) {
    let peers = three(meeting, &ours, kind).await;

    for n in 0..300_u64 {
        send(&ours, [n.to_le_bytes()]).await;
    }

    let mut all = Vec::new();
    for peer in &peers {
        let some = peer.call(|socket| {
            [(); 100].map(|()| socket.recv().expect("one of a hundred").pop().expect("a last frame"))
        });
        all.extend(some.await.map(|body| u64::from_le_bytes(body.try_into().unwrap())));
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..300));
}

/// R28-REQ-07.
#[tokio::test]
async fn case_018_three_hundred_requests_to_three_reps_are_a_hundred_each() {
    for meeting in with_libzmq() {
        let mut req = ReqSocket::new();
        let reps = three(meeting, &req, SocketType::Rep).await;
        let answered = reps.each_ref().map(|rep| {
            rep.call(|socket| {
                for _ in 0..100 {
                    let asked = socket.recv().expect("one of a hundred");
                    socket.send(&[&asked[0]]).expect("its turn");
                }
            })
        });

        for n in 0..300 {
            send(&req, [n.to_string()]).await;
            assert_eq!(recv(&mut req).await, [n.to_string()]);
        }

        for done in answered {
            done.await;
        }
    }
}

/// A dealer that speaks to REPs shares its requests as well.
#[tokio::test]
async fn case_018_a_dealer_shares_among_reps() {
    for meeting in with_libzmq() {
        let mut dealer = DealerSocket::new();
        let reps = three(meeting, &dealer, SocketType::Rep).await;
        let answered = reps.each_ref().map(|rep| {
            rep.call(|socket| {
                for _ in 0..100 {
                    let asked = socket.recv().expect("one of a hundred");
                    socket.send(&[&asked[0]]).expect("its turn");
                }
            })
        });

        for n in 0..300 {
            send(&dealer, [String::new(), n.to_string()]).await;
        }

        let mut replies: Vec<u32> = Vec::new();
        for _ in 0..300 {
            replies.push(String::from_utf8(recv(&mut dealer).await[1].clone()).unwrap().parse().unwrap());
        }
        replies.sort_unstable();
        assert!(replies.into_iter().eq(0..300));
        for done in answered {
            done.await;
        }
    }
}

#[tokio::test]
async fn case_019_three_senders_are_received_in_turn() {
    for meeting in with_libzmq() {
        takes_turns(meeting, PullSocket::new(), SocketType::Push).await;
        takes_turns(meeting, DealerSocket::new(), SocketType::Dealer).await;
        takes_turns(meeting, RouterSocket::new(), SocketType::Dealer).await;
    }
}

async fn takes_turns<P: Receives>(meeting: Meeting, mut ours: Socket<P>, kind: SocketType) {
    let peers = three(meeting, &ours, kind).await;
    for (n, peer) in (0..).zip(&peers) {
        peer.call(move |socket| (0..300).for_each(|_| socket.send_one(&[n]).expect("room"))).await;
    }
    until(20, || ours.peers().iter().filter(|peer| peer.received.messages >= 100).count() == 3).await;

    let mut first = [0; 3];
    for n in 0..900 {
        let got = recv(&mut ours).await;
        let last = got.last().expect("a frame");
        if n < 90 {
            first[usize::from(last[0])] += 1;
        }
    }

    assert_eq!(first, [30; 3], "{kind:?}");
}

/// R28-REP-08.
#[tokio::test]
async fn case_019_three_requesters_are_answered_in_turn() {
    for meeting in with_libzmq() {
        let mut rep = RepSocket::new();
        let dealers = three(meeting, &rep, SocketType::Dealer).await;
        for (n, dealer) in (0..).zip(&dealers) {
            dealer.call(move |socket| (0..100).for_each(|_| socket.send(&[b"", &[n]]).expect("room"))).await;
        }
        until(20, || rep.peers().iter().filter(|peer| peer.received.messages >= 100).count() == 3).await;

        let mut first = [0; 3];
        for n in 0..300 {
            let asked = recv(&mut rep).await;
            if n < 30 {
                first[usize::from(asked[0][0])] += 1;
            }
            send(&rep, [&asked[0]]).await;
        }

        assert_eq!(first, [10; 3]);
        for (n, dealer) in (0..).zip(&dealers) {
            let replies = dealer.call(|socket| [(); 100].map(|()| socket.recv().expect("a reply")));
            assert_eq!(replies.await, [(); 100].map(|()| vec![vec![], vec![n]]));
        }
    }
}

/// R29-SUB-11, R29-XSUB-12.
#[tokio::test]
async fn case_019_three_publishers_are_received_in_turn() {
    for meeting in with_libzmq() {
        let sub = SubSocket::new();
        sub.subscribe("");
        hears_in_turn(meeting, sub).await;
        let xsub = XsubSocket::new();
        xsub.subscribe("");
        hears_in_turn(meeting, xsub).await;
    }
}

async fn hears_in_turn<P: Receives>(meeting: Meeting, mut ours: Socket<P>) {
    let publishers = three(meeting, &ours, SocketType::Xpub).await;
    for (n, publisher) in (0..).zip(&publishers) {
        assert_eq!(publisher.recv().await, [[1]]);
        publisher.call(move |socket| (0..100).for_each(|_| socket.send_one(&[n]).expect("room"))).await;
    }
    until(20, || ours.peers().iter().filter(|peer| peer.received.messages == 100).count() == 3).await;

    let mut first = HashMap::new();
    for _ in 0..30 {
        let got = recv(&mut ours).await;
        *first.entry(got[0].clone()).or_insert(0) += 1;
    }

    assert_eq!(first.into_values().collect::<Vec<_>>(), [10; 3]);
}

/// A peer that floods does not starve one that asks now and then.
#[tokio::test]
async fn case_019_a_flood_starves_nobody() {
    for meeting in with_libzmq() {
        let mut ours = DealerSocket::new();
        let [flood, calm] = ["flood", "calm"].map(|id| (id, Zmq::new(SocketType::Dealer)));
        for (id, dealer) in [&flood, &calm] {
            dealer.set_bytes(Opt::RoutingId, *id).await;
            meeting.join_libzmq(&ours, dealer).await;
        }
        let flooding = flood.1.call(|socket| (0..20_000).for_each(|_| socket.send_one(b"!").expect("room")));
        let calm = Subject::<Dealer>::Theirs(calm.1);

        let mut longest = 0;
        for n in 0..20 {
            calm.send([n.to_string()]).await;
            until(20, || {
                ours.peers().iter().any(|peer| peer.identity == "calm" && peer.received.messages > 0)
            })
            .await;
            let mut others = 0;
            while recv(&mut ours).await == ["!"] {
                others += 1;
            }
            longest = longest.max(others);
        }

        assert!(longest <= 2, "{longest} of the flood came before one that was there already");
        // The flood's thread ends when it has been taken.
        tokio::select! {
            () = flooding => {}
            () = async { loop { recv(&mut ours).await; } } => {}
        }
    }
}
