//! A full or frozen peer never slows another one: each kind of socket with one peer that never reads, and one that
//! stops in the middle of what it says.

use std::time::Duration;

use support::{Peer, command, frame, greeting, id, meet, more, ready, settle, within};
use tokio::time::{Instant, timeout};
use zmtp::{
    DealerSocket, Message, Pattern, PubSocket, RepSocket, ReqSocket, RouterSocket, Socket, SubSocket,
    XpubSocket, XsubSocket,
};

/// With a paused clock time passes only when everybody waits: nobody may have.
const AT_ONCE: Duration = Duration::from_millis(100);

const MESSAGES: usize = 20_000;

#[tokio::test(start_paused = true)]
async fn a_rep_answers_while_an_asker_never_reads() {
    let mut rep = RepSocket::new();
    let mut stuck = frozen(&rep, "DEALER", "").await;
    // As many questions as it can get rid of; it reads no answer.
    let flood = tokio::spawn(async move {
        let _ = stuck.try_send([more(""), frame([7; 100])].concat().repeat(1_000_000)).await;
    });
    let mut req = ReqSocket::new();
    meet(&req, &rep).await;
    let answering = tokio::spawn(async move {
        while let Ok(question) = rep.recv().await {
            rep.send(question).await.unwrap();
        }
    });

    let begun = Instant::now();
    for n in 0..MESSAGES / 10 {
        let text = n.to_string();
        assert_eq!(within(20, req.request(&text)).await.unwrap(), *text);
    }

    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    flood.abort();
    answering.abort();
}

#[tokio::test(start_paused = true)]
async fn a_router_serves_its_peers_while_one_never_reads() {
    for is_mandatory in [false, true] {
        let mut router = RouterSocket::builder().mandatory(is_mandatory).build();
        let _stuck = frozen(&router, "DEALER", "stuck").await;
        let mut dealer = DealerSocket::builder().routing_id(id("fine")).build();
        meet(&router, &dealer).await;

        let begun = Instant::now();
        let mut refused = 0;
        for n in 0..MESSAGES {
            // A mandatory `send` waits; those who do not want that have `try_send` and `send_to`.
            refused += usize::from(router.try_send(Message::new("stuck").with(&[7; 100])).is_err());
            router.send(Message::new("fine").with(n.to_string())).await.unwrap();
            assert_eq!(within(20, dealer.recv()).await.unwrap(), *n.to_string());
            dealer.send("answer").await.unwrap();
            assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("fine"), "answer".into()));
        }

        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        let dropped = router.drops().peer_full as usize;
        assert!(dropped + refused > MESSAGES - 1100, "{dropped} {refused}");
        assert_eq!(if is_mandatory { dropped } else { refused }, 0);
    }
}

/// A mandatory `send` that waits for one peer does not keep others from theirs.
#[tokio::test(start_paused = true)]
async fn a_mandatory_send_that_waits_for_a_peer_holds_nobody_up() {
    let router = RouterSocket::builder().mandatory(true).send_hwm(2).build();
    let _stuck = frozen(&router, "DEALER", "stuck").await;
    let mut dealer = DealerSocket::builder().routing_id(id("fine")).build();
    meet(&router, &dealer).await;
    let (sender, _receiver) = router.split();
    while sender.try_send(Message::new("stuck").with(&[7; 100])).is_ok() {
        settle().await;
    }
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send(Message::new("stuck").with("x")).await }
    });
    settle().await;

    let begun = Instant::now();
    for n in 0..1000 {
        within(20, sender.send(Message::new("fine").with(n.to_string()))).await.unwrap();
        assert_eq!(within(20, dealer.recv()).await.unwrap(), *n.to_string());
    }

    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_pub_serves_its_subscribers_while_one_never_reads() {
    let publisher = PubSocket::new();
    let mut stuck = frozen(&publisher, "SUB", "").await;
    stuck.send(command("SUBSCRIBE", "")).await;
    let mut sub = SubSocket::builder().subscribe("").build();
    meet(&publisher, &sub).await;
    within(20, publisher.wait_for_subscribers("", 2)).await;

    let begun = Instant::now();
    for n in 0..MESSAGES {
        publisher.send(format!("{n:100}")).await.unwrap();
        assert_eq!(within(20, sub.recv()).await.unwrap(), *format!("{n:100}"));
    }

    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let dropped = publisher.drops().peer_full as usize;
    assert!(dropped > MESSAGES - 1100, "{dropped}");
}

#[tokio::test(start_paused = true)]
async fn an_xpub_serves_its_subscribers_while_one_never_reads() {
    let mut publisher = XpubSocket::new();
    let mut stuck = frozen(&publisher, "XSUB", "").await;
    stuck.send(command("SUBSCRIBE", "")).await;
    let mut xsub = XsubSocket::new();
    meet(&publisher, &xsub).await;
    xsub.subscribe("A");
    within(20, publisher.wait_for_subscribers("A", 2)).await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}");
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");

    let begun = Instant::now();
    for n in 0..MESSAGES {
        publisher.send(format!("A{n:100}")).await.unwrap();
        assert_eq!(within(20, xsub.recv()).await.unwrap(), *format!("A{n:100}"));
        xsub.send("usr").await.unwrap();
        assert_eq!(within(20, publisher.recv()).await.unwrap(), "usr");
    }

    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let dropped = publisher.drops().peer_full as usize;
    assert!(dropped > MESSAGES - 1100, "{dropped}");
}

/// The rows of hostile inputs 50 and 51: dropped for this one only, and counted for it.
#[tokio::test(start_paused = true)]
async fn hostile_50_what_is_dropped_is_counted_for_the_peer_that_missed_it() {
    let publisher = PubSocket::builder().send_hwm(10).build();
    let mut stuck = frozen(&publisher, "SUB", "").await;
    stuck.send(command("SUBSCRIBE", "")).await;
    let mut sub = SubSocket::builder().subscribe("").build();
    meet(&publisher, &sub).await;
    within(20, publisher.wait_for_subscribers("", 2)).await;
    for _ in 0..100 {
        publisher.send(&[7; 100]).await.unwrap();
        within(20, sub.recv()).await.unwrap();
    }

    let dropped: Vec<_> = publisher.peers().iter().map(|peer| peer.dropped).collect();

    assert_eq!(dropped, [publisher.drops().peer_full, 0]);
    assert!((78..=90).contains(&dropped[0]), "{dropped:?}");
}

#[tokio::test(start_paused = true)]
async fn an_xsub_serves_its_publishers_while_one_never_reads() {
    let xsub = XsubSocket::new();
    let _stuck = frozen(&xsub, "XPUB", "").await;
    let mut publisher = XpubSocket::new();
    meet(&publisher, &xsub).await;

    let begun = Instant::now();
    for n in 0..MESSAGES {
        xsub.send(format!("{n:100}")).await.unwrap();
        assert_eq!(within(20, publisher.recv()).await.unwrap(), *format!("{n:100}"));
    }

    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

/// DEALER waits only when all are full: a stuck one is passed over.
#[tokio::test(start_paused = true)]
async fn a_dealer_serves_its_peers_while_one_never_reads() {
    let mut dealer = DealerSocket::builder().send_hwm(10).build();
    let _stuck = frozen(&dealer, "DEALER", "").await;
    let other = DealerSocket::new();
    meet(&dealer, &other).await;
    let (answer, mut requests) = other.split();
    tokio::spawn(async move {
        while let Ok(message) = requests.recv().await {
            answer.send(message).await.unwrap();
        }
    });

    let begun = Instant::now();
    let mut stuck = 0;
    for n in 0..MESSAGES {
        within(20, dealer.send(&[7; 100])).await.unwrap();
        if timeout(AT_ONCE / 2, dealer.recv()).await.is_err() {
            stuck += 1;
            // A batch on its way and a full queue; and then nothing more.
            assert!(stuck <= 30, "{stuck} of {n} messages went where nobody reads");
        }
    }

    assert!(begun.elapsed() < AT_ONCE * 30, "{:?}", begun.elapsed());
}

/// Every kind that receives, with a peer that has stopped in the middle of a message, and one that has stopped in the
/// middle of its handshake.
#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_in_the_middle_of_what_it_says_holds_nobody_up() {
    let mut rep = RepSocket::new();
    let _half = halfway(&rep, "REQ", [more(""), more("half")].concat()).await;
    let mut req = ReqSocket::new();
    meet(&req, &rep).await;
    let mut router = RouterSocket::new();
    let _other = halfway(&router, "DEALER", more("half")).await;
    let dealer = DealerSocket::new();
    meet(&dealer, &router).await;
    let mut publisher = XpubSocket::new();
    let _third = halfway(&publisher, "SUB", command("SUBSCRIBE", "A")[..5].to_vec()).await;
    let mut sub = SubSocket::new();
    let _fourth = halfway(&sub, "PUB", frame("A message")[..5].to_vec()).await;
    meet(&publisher, &sub).await;
    sub.subscribe("A");

    let begun = Instant::now();
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");
    for n in 0..1000 {
        let text = format!("A{n}");
        let answering = async {
            let question = rep.recv().await.unwrap();
            rep.send(question).await.unwrap();
        };
        let (answer, ()) = within(20, async { tokio::join!(req.request(&text), answering) }).await;
        assert_eq!(answer.unwrap(), *text);
        dealer.send(&text).await.unwrap();
        assert_eq!(within(20, router.recv_from()).await.unwrap().1, *text);
        publisher.send(&text).await.unwrap();
        assert_eq!(within(20, sub.recv()).await.unwrap(), *text);
    }

    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

/// A peer that shakes hands and then never reads; its way in memory holds next to nothing.
async fn frozen<P: Pattern>(socket: &Socket<P>, kind: &str, name: &str) -> Peer {
    let before = socket.peer_count();
    let mut peer = Peer::attached_by(256, socket);
    peer.shake_with(greeting(), ready(kind).property("Identity", name)).await;
    within(20, socket.wait_for_peers(before + 1)).await;
    peer
}

/// A peer that says this much, and another that stops before its READY.
async fn halfway<P: Pattern>(socket: &Socket<P>, kind: &str, said: Vec<u8>) -> [Peer; 2] {
    let mut peer = Peer::attached(socket);
    peer.shake(kind).await;
    peer.send(said).await;
    within(20, socket.wait_for_peers(1)).await;
    let mut other = Peer::attached(socket);
    other.send(greeting()).await;
    [peer, other]
}
