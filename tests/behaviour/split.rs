//! Both directions at once: one half sends, and may be cloned; the other receives.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use support::{ANY_PORT, Peer, frame, greeting, id, meet, ready, settle, within};
use zmtp::{
    DealerSocket, Message, PairSocket, RecvError, RouterEvent, RouterSocket, SendErrorKind, XpubSocket,
    XsubSocket,
};

/// A task for each direction, over a network.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dealers_flood_each_other_with_a_task_for_each_direction() {
    const MESSAGES: u32 = 10_000;
    let (one, other) = (DealerSocket::new(), DealerSocket::new());
    other.connect(one.bind(ANY_PORT).await.unwrap()).unwrap();
    let mut tasks = Vec::new();
    for dealer in [one, other] {
        let (sender, mut receiver) = dealer.split();
        tasks.push(tokio::spawn(async move {
            for n in 0..MESSAGES {
                sender.send(&n.to_le_bytes()).await.unwrap();
            }
        }));
        tasks.push(tokio::spawn(async move {
            for n in 0..MESSAGES {
                assert_eq!(receiver.recv().await.unwrap(), n.to_le_bytes()[..]);
            }
        }));
    }

    for task in tasks {
        within(60, task).await.unwrap();
    }
}

/// Every kind that splits: DEALER, ROUTER, PAIR, XPUB, XSUB.
#[tokio::test(start_paused = true)]
async fn every_kind_of_socket_with_two_directions_can_be_split() {
    let (one, other) = (PairSocket::new(), PairSocket::new());
    meet(&one, &other).await;
    let ((one, _one), (_other, mut other)) = (one.split(), other.split());
    one.send("a pair").await.unwrap();
    assert_eq!(within(20, other.recv()).await.unwrap(), "a pair");

    let (xpub, xsub) = (XpubSocket::new(), XsubSocket::new());
    meet(&xpub, &xsub).await;
    let ((publish, mut topics), (subscribe, mut news)) = (xpub.split(), xsub.split());
    subscribe.send("\u{1}A").await.unwrap();
    assert_eq!(within(20, topics.recv()).await.unwrap(), "\u{1}A");
    publish.send("A1").await.unwrap();
    assert_eq!(within(20, news.recv()).await.unwrap(), "A1");

    let router = RouterSocket::new();
    let dealer = DealerSocket::builder().routing_id(id("me")).build();
    meet(&router, &dealer).await;
    let ((answer, mut questions), (ask, mut answers)) = (router.split(), dealer.split());
    ask.send("question").await.unwrap();
    let (from, question) = within(20, questions.recv_from()).await.unwrap();
    assert_eq!((&from, question), (&id("me"), "question".into()));
    answer.send_to(&from, "answer").unwrap();
    assert_eq!(within(20, answers.recv()).await.unwrap(), "answer");
    answer.send(Message::new("me").with("another")).await.unwrap();
    assert_eq!(within(20, answers.next()).await.unwrap().unwrap(), "another");
}

/// The halves of a ROUTER hear of coming and going as the whole does.
#[tokio::test(start_paused = true)]
async fn the_receiving_half_of_a_router_tells_of_events() {
    let router = RouterSocket::new();
    let mut peer = Peer::attached(&router);
    let (sender, mut receiver) = router.split();
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "me")).await;
    peer.send(frame("x")).await;

    let joined = within(20, receiver.recv_event()).await.unwrap();
    assert!(matches!(&joined, RouterEvent::Joined(name, _) if *name == id("me")), "{joined:?}");
    let message = within(20, receiver.recv_event()).await.unwrap();
    assert!(
        matches!(&message, RouterEvent::Message(name, said) if *name == id("me") && *said == "x"),
        "{message:?}"
    );
    drop(peer);
    let left = within(20, receiver.recv_event()).await.unwrap();
    assert!(matches!(&left, RouterEvent::Left(name, _) if *name == id("me")), "{left:?}");
    assert_eq!(sender.send_to(&id("me"), "x").unwrap_err().kind(), SendErrorKind::Unroutable);
}

/// The sending half can be cloned: many tasks send, and what each sends stays in order.
#[tokio::test(start_paused = true)]
async fn many_tasks_send_through_clones_of_the_sending_half() {
    let (one, mut other) = (DealerSocket::builder().send_hwm(3).build(), DealerSocket::new());
    meet(&one, &other).await;
    let (sender, _receiver) = one.split();
    for task in 0..10_u8 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for n in 0..100_u8 {
                sender.send(&[task, n]).await.unwrap();
            }
        });
    }

    let mut next = [0; 10];
    for _ in 0..1000 {
        let message = within(20, other.recv()).await.unwrap();
        let [task, n] = message.first() else { panic!("{message:?}") };
        assert_eq!(*n, next[usize::from(*task)]);
        next[usize::from(*task)] += 1;
    }
}

/// `close` of the sending half ends all of it: the other half, and every clone.
#[tokio::test(start_paused = true)]
async fn closing_the_sending_half_ends_the_others() {
    let (one, mut other) = (DealerSocket::new(), DealerSocket::new());
    meet(&one, &other).await;
    let (sender, mut receiver) = one.split();
    let clone = sender.clone();
    sender.send("last").await.unwrap();
    let receiving = tokio::spawn(async move { (receiver.recv().await, receiver.next().await.is_none()) });
    settle().await;
    assert!(!receiving.is_finished());

    within(20, sender.close()).await.unwrap();

    assert_eq!(within(20, receiving).await.unwrap(), (Err(RecvError::Closed), true));
    for half in [&sender, &clone] {
        let refused = within(20, half.send("too late")).await.unwrap_err();
        assert_eq!((refused.kind(), refused.into_message()), (SendErrorKind::Closed, "too late".into()));
        assert_eq!(half.try_send("too late").unwrap_err().kind(), SendErrorKind::Closed);
    }
    assert_eq!(within(20, other.recv()).await.unwrap(), "last");
    settle().await;
    assert_eq!(other.peer_count(), 0);
}

/// A half that is left keeps the socket alive; the last one to go closes it.
#[tokio::test(start_paused = true)]
async fn the_socket_lives_as_long_as_one_of_its_halves() {
    let (one, mut other) = (DealerSocket::new(), DealerSocket::new());
    meet(&one, &other).await;
    let (sender, mut receiver) = one.split();
    let clone = sender.clone();
    drop(sender);
    clone.send("from the clone").await.unwrap();
    assert_eq!(within(20, other.recv()).await.unwrap(), "from the clone");
    drop(clone);
    settle().await;
    other.send("to the receiving half").await.unwrap();
    assert_eq!(within(20, receiver.recv()).await.unwrap(), "to the receiving half");
    assert_eq!(other.peer_count(), 1);

    drop(receiver);
    settle().await;

    assert_eq!(other.peer_count(), 0);
}

/// ... also if the receiving one goes first.
#[tokio::test(start_paused = true)]
async fn the_sending_half_goes_on_without_the_receiving_one() {
    let (one, mut other) = (PairSocket::new(), PairSocket::new());
    meet(&one, &other).await;
    let (sender, receiver) = one.split();
    drop(receiver);
    settle().await;

    sender.send("still here").await.unwrap();

    assert_eq!(within(20, other.recv()).await.unwrap(), "still here");
    assert_eq!(other.peer_count(), 1);
}

/// What concerns both directions is there on both halves.
#[tokio::test]
async fn both_halves_bind_connect_and_watch() {
    let (sender, receiver) = DealerSocket::new().split();
    let (mut one, mut other) = (sender.monitor(), receiver.monitor());
    let first = sender.bind(ANY_PORT).await.unwrap();
    let second = receiver.bind(ANY_PORT).await.unwrap();
    for monitor in [&mut one, &mut other] {
        for at in [&first, &second] {
            let event = within(20, monitor.next()).await.unwrap();
            assert_eq!((event.name(), event.endpoint()), ("listening", at));
        }
    }

    let mut peers = [DealerSocket::new(), DealerSocket::new()];
    peers[0].connect(&first).unwrap();
    let theirs = peers[1].bind(ANY_PORT).await.unwrap();
    receiver.connect(&theirs).unwrap();
    within(20, sender.wait_for_peers(2)).await;
    within(20, receiver.wait_for_peers(2)).await;
    assert_eq!((sender.peer_count(), receiver.peers().len()), (2, 2));
    for _ in 0..2 {
        sender.send("x").await.unwrap();
    }
    for peer in &mut peers {
        assert_eq!(within(20, peer.recv()).await.unwrap(), "x");
    }

    assert!(sender.disconnect(&theirs));
    assert!(sender.unbind(&first));
    support::until(20, || receiver.peer_count() == 0).await;
}

/// What had been received and not yet handed out before the split is not lost by it.
#[tokio::test(start_paused = true)]
async fn splitting_loses_nothing() {
    let (one, mut other) = (DealerSocket::new(), DealerSocket::new());
    meet(&one, &other).await;
    for n in 0..10 {
        one.send(n.to_string()).await.unwrap();
    }
    settle().await;
    assert_eq!(within(20, other.recv()).await.unwrap(), "0");

    let (_sender, mut receiver) = other.split();

    for n in 1..10 {
        assert_eq!(within(20, receiver.recv()).await.unwrap(), *n.to_string());
    }
    assert!(receiver.recv().now_or_never().is_none());
    assert!(tokio::time::timeout(Duration::from_secs(60), receiver.recv()).await.is_err());
}
