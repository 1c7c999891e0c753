//! The beginning and the end: binding, waiting for peers, closing.

use support::{nobody, within};
use zmtp::{Message, PubSocket, PullSocket, PushSocket, SubSocket};

use super::{DROPS, Dice, body, number, polled};

/// `wait_for_peers` and `wait_for_subscribers`, while peers come and go.
#[tokio::test]
async fn waiting_for_peers_or_subscribers_can_be_given_up_at_any_time() {
    let publisher = PubSocket::new();
    publisher.bind("inproc://storm-of-waiting").await.unwrap();
    let mut dice = Dice::new();
    let mut drops = 0;
    while drops < DROPS {
        let subs = [(); 2].map(|()| SubSocket::builder().subscribe("A").build());
        for (n, sub) in subs.iter().enumerate() {
            for _ in 0..10 {
                drops += usize::from(polled(publisher.wait_for_peers(n + 1), dice.roll(3)).await.is_none());
                let waiting = publisher.wait_for_subscribers("A", n + 1);
                drops += usize::from(polled(waiting, dice.roll(3)).await.is_none());
            }
            sub.connect("inproc://storm-of-waiting").unwrap();
        }
        within(20, publisher.wait_for_peers(2)).await;
        within(20, publisher.wait_for_subscribers("A", 2)).await;
        for sub in subs {
            within(20, sub.close()).await.unwrap();
        }
        support::until(20, || publisher.peer_count() == 0).await;
    }
}

/// `bind`: bound when it says so, and otherwise not.
#[tokio::test]
async fn a_bind_that_is_dropped_has_bound_nothing() {
    let at = nobody().replace("127.0.0.1", "localhost");
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let mut dice = Dice::new();
    let (mut drops, mut bound) = (0, 0);
    while drops < DROPS {
        match polled(pull.bind(&at), dice.roll(6)).await {
            Some(Ok(endpoint)) => {
                assert!(pull.unbind(&endpoint));
                bound += 1;
            }
            // The last one is still being closed.
            Some(Err(error)) => assert_eq!(error.io_kind(), Some(std::io::ErrorKind::AddrInUse)),
            None => drops += 1,
        }
    }

    // Nobody is left at the door.
    let other = PullSocket::new();
    within(20, async {
        while other.bind(&at).await.is_err() {
            tokio::task::yield_now().await
        }
    })
    .await;
    within(20, pull.close()).await.unwrap();
    let mut listening = 0;
    while let Some(event) = within(20, monitor.next()).await {
        listening += usize::from(event.name() == "listening");
    }
    assert_eq!(listening, bound);
}

/// `close`: the lingering goes on in the background.
#[tokio::test]
async fn a_close_that_is_dropped_loses_nothing() {
    let mut pull = PullSocket::builder().recv_hwm(0).build();
    pull.bind("inproc://storm-of-closing").await.unwrap();
    let mut dice = Dice::new();
    let (mut drops, mut closed, mut n) = (0, 0, 0);
    while drops < DROPS {
        let push = PushSocket::new();
        push.connect("inproc://storm-of-closing").unwrap();
        for part in 0..2 {
            push.send(Message::new(body(n)).with(&[part])).await.unwrap();
        }
        match polled(push.close(), dice.roll(2)).await {
            Some(unsent) => {
                unsent.unwrap();
                closed += 1;
            }
            None => drops += 1,
        }
        n += 1;
    }

    let mut got = Vec::new();
    for _ in 0..2 * (drops + closed) {
        let message = within(20, pull.recv()).await.unwrap();
        got.push((number(message.first()), message[1].to_vec()));
    }
    got.sort();
    assert!(got.iter().cloned().eq((0..n).flat_map(|n| [(n, vec![0]), (n, vec![1])])));
}
