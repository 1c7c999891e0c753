//! Sending: what `send`, `try_send` and `writable` do when there is room, and when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt, SinkExt};
use support::{ANY_PORT, Door, Peer, join, nobody, pair, settle, until, within};
use tokio::time::timeout;
use zmtp::{Frame, Hwm, Message, PullSocket, PushSocket, SendErrorKind};

/// R30-PUSH-05: the queue is there from the moment of `connect`.
#[tokio::test]
async fn messages_queue_from_the_moment_of_connect_and_wait_for_the_peer() {
    let at = nobody();
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    for text in ["a", "b", "c"] {
        push.try_send(text).unwrap();
    }

    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();

    for text in ["a", "b", "c"] {
        assert_eq!(within(20, pull.recv()).await.unwrap(), text);
    }
}

/// R30-PUSH-03, R30-PULL-03, R30-PULL-12: nothing is filtered or altered on the way, whatever the way.
#[tokio::test]
async fn messages_arrive_as_they_were_sent() {
    let body = |len: usize| (0..len).map(|i| (i * 31) as u8).collect::<Vec<_>>();
    let sizes = [0, 1, 64, 65, 255, 256, 2048, 2049, 8192, 8193, 65_535, 65_536, 1 << 20];
    let mut sent: Vec<Message> = sizes.iter().map(|&len| body(len).into()).collect();
    sent.push(Message::new("").with("middle").with(""));
    sent.push(Message::new(body(3000)).with("").with(body(100_000)));
    sent.push(Message::try_from(vec![Frame::from("frame"); 1000]).unwrap());
    for at in ["a stream in memory", "inproc://as-they-were-sent", ANY_PORT] {
        let (push, mut pull) = (PushSocket::new(), PullSocket::builder().recv_hwm(3).build());
        match pull.bind(at).await {
            Ok(at) => push.connect(at).unwrap(),
            Err(_) => join(&push, &pull),
        }

        let sending = async {
            for message in &sent {
                push.send(message).await.unwrap();
            }
        };
        let receiving = async {
            for message in &sent {
                assert!(pull.recv().await.unwrap() == *message, "{at}: {} octets", message.byte_len());
            }
        };

        within(20, async { tokio::join!(sending, receiving) }).await;
    }
}

/// R30-PUSH-13 and R30-PUSH-15: with nobody there an error is returned, and the message is not discarded.
#[tokio::test(start_paused = true)]
async fn without_a_peer_try_send_says_full_and_gives_the_message_back() {
    let push = PushSocket::new();
    let message = Message::new("a").with(vec![7; 100_000]);

    let refused = push.try_send(&message).unwrap_err();

    assert_eq!(refused.kind(), SendErrorKind::Full);
    assert_eq!(refused.into_message(), message);
    assert_eq!(push.try_send("borrowed").unwrap_err().into_message(), "borrowed");
}

/// R30-PUSH-13 and R30-PUSH-14: with nobody there `send` blocks, and accepts nothing.
#[tokio::test(start_paused = true)]
async fn without_a_peer_send_waits_until_one_comes() {
    let push = Arc::new(PushSocket::new());
    let waiting = tokio::spawn({
        let push = Arc::clone(&push);
        async move { push.send("at last").await }
    });
    settle().await;
    assert!(!waiting.is_finished());

    let mut pull = PullSocket::new();
    join(&push, &pull);

    assert_eq!(within(20, pull.recv()).await.unwrap(), "at last");
    within(20, waiting).await.unwrap().unwrap();
}

/// R30-PUSH-10, R30-PUSH-11, R30-PUSH-14: the mark is kept to the message.
#[tokio::test(start_paused = true)]
async fn send_waits_at_the_high_water_mark_and_goes_on_when_there_is_room() {
    let push = PushSocket::builder().send_hwm(10).build();
    push.connect("inproc://send-waits-at-the-mark").unwrap();
    for n in 0..10 {
        push.send(n.to_string()).await.unwrap();
    }
    assert_eq!(push.try_send("more").unwrap_err().kind(), SendErrorKind::Full);
    assert!(timeout(Duration::from_secs(60), push.send("more")).await.is_err());

    let mut pull = PullSocket::new();
    pull.bind("inproc://send-waits-at-the-mark").await.unwrap();
    within(20, push.send("10")).await.unwrap();

    for n in 0..=10 {
        assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
    }
}

/// R30-PUSH-04: each connected peer has a queue of its own.
#[tokio::test(start_paused = true)]
async fn high_water_marks_count_for_each_peer() {
    let push = PushSocket::builder().send_hwm(5).build();
    push.connect("inproc://marks-for-each-one").unwrap();
    push.connect("inproc://marks-for-each-other").unwrap();

    let accepted = (0..100).take_while(|_| push.try_send("x").is_ok()).count();

    assert_eq!(accepted, 10);
}

/// A message that begins below the mark fits whole. R30-PUSH-10.
#[tokio::test(start_paused = true)]
async fn the_mark_in_octets_stops_the_message_that_would_begin_above_it() {
    let push = PushSocket::builder().send_hwm_bytes(1000).build();
    push.connect("inproc://the-mark-in-octets").unwrap();

    // 300 octets and a header of 9.
    let accepted = (0..100).take_while(|_| push.try_send(&[0; 300]).is_ok()).count();

    assert_eq!(accepted, 4);
    assert_eq!(push.try_send("x").unwrap_err().kind(), SendErrorKind::Full);
}

#[tokio::test(start_paused = true)]
async fn a_mark_of_zero_or_unlimited_never_refuses() {
    for hwm in [Hwm::Unlimited, Hwm::from(0)] {
        let push = PushSocket::builder().send_hwm(hwm).send_hwm_bytes(hwm).build();
        push.connect("inproc://no-mark").unwrap();
        for _ in 0..5000 {
            push.try_send("x").unwrap();
        }
    }
}

/// 500 messages of 1 KB are below the mark of 1,000, so nobody has to read before they are all sent.
#[tokio::test(start_paused = true)]
async fn two_sides_that_send_before_they_read_do_not_deadlock() {
    let (push_a, mut pull_b) = pair(PushSocket::builder(), PullSocket::builder());
    let (push_b, mut pull_a) = pair(PushSocket::builder(), PullSocket::builder());
    let side = async |push: PushSocket, pull: &mut PullSocket| {
        for _ in 0..500 {
            push.send(&[1; 1024]).await.unwrap();
        }
        for _ in 0..500 {
            assert_eq!(pull.recv().await.unwrap(), [1; 1024][..]);
        }
    };

    within(20, async { tokio::join!(side(push_a, &mut pull_a), side(push_b, &mut pull_b)) }).await;
}

/// `send` waits only at the high-water mark, also when the peer has a connection and does not read from it.
#[tokio::test(start_paused = true)]
async fn waiting_senders_fill_the_queue_of_a_peer_that_never_reads_up_to_its_mark() {
    for (mark, size) in [(500, 1024), (1000, 430), (10, 60_000), (6000, 10)] {
        let push = PushSocket::builder().send_hwm(mark).build();
        let mut peer = Peer::attached_by(128, &push);
        peer.shake("PULL").await;
        within(20, push.wait_for_peers(1)).await;

        while timeout(Duration::from_secs(60), push.send(vec![0; size])).await.is_ok() {}

        assert_eq!(push.peers()[0].queued.messages, mark, "messages of {size} octets");
    }
}

/// The same when its connection ends and it is dialled again: what held the senders back was the connection.
#[tokio::test]
async fn waiting_senders_go_on_to_the_mark_when_the_connection_of_their_peer_ends() {
    let door = Door::open().await;
    let push = Arc::new(PushSocket::new());
    push.connect(door.endpoint()).unwrap();
    tokio::spawn({
        let push = Arc::clone(&push);
        async move { while push.send(&[0; 10_000]).await.is_ok() {} }
    });
    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    peer.read(20_000_000).await;

    drop((peer, door));

    // A pace would have stopped them at a few dozen messages of this size, where `try_send` finds room.
    until(20, || push.try_send("x").is_err_and(|error| error.kind() == SendErrorKind::Full)).await;
}

/// Who only asked for room and did not use it must not leave others asleep.
#[tokio::test(start_paused = true)]
async fn asking_for_room_takes_it_from_nobody() {
    let push = Arc::new(PushSocket::builder().send_hwm(1).build());
    push.connect("inproc://asking-for-room").unwrap();
    push.try_send("first").unwrap();
    let asking = tokio::spawn({
        let push = Arc::clone(&push);
        async move { push.writable().await }
    });
    settle().await;
    let sending = tokio::spawn({
        let push = Arc::clone(&push);
        async move { push.send("second").await }
    });
    settle().await;

    let mut pull = PullSocket::new();
    pull.bind("inproc://asking-for-room").await.unwrap();

    within(20, asking).await.unwrap().unwrap();
    within(20, sending).await.unwrap().unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "first");
    assert_eq!(within(20, pull.recv()).await.unwrap(), "second");
}

#[tokio::test(start_paused = true)]
async fn writable_waits_for_room_and_then_try_send_finds_it() {
    let push = PushSocket::builder().send_hwm(2).build();
    assert!(timeout(Duration::from_secs(60), push.writable()).await.is_err());
    push.connect("inproc://writable").unwrap();
    within(20, push.writable()).await.unwrap();
    push.try_send("a").unwrap();
    push.try_send("b").unwrap();
    assert!(timeout(Duration::from_secs(60), push.writable()).await.is_err());

    let pull = PullSocket::new();
    pull.bind("inproc://writable").await.unwrap();

    within(20, push.writable()).await.unwrap();
    push.try_send("c").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_send_through_one_socket_and_each_keeps_its_order() {
    const TASKS: usize = 20;
    const EACH: usize = 500;
    let mut pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = Arc::new(PushSocket::builder().send_hwm(10).build());
    push.connect(at).unwrap();
    for task in 0..TASKS {
        let push = Arc::clone(&push);
        tokio::spawn(async move {
            for n in 0..EACH {
                push.send(Message::new(task.to_string()).with(n.to_string())).await.unwrap();
            }
        });
    }

    let mut next = [0; TASKS];
    for _ in 0..TASKS * EACH {
        let message = within(20, pull.recv()).await.unwrap();
        let number = |i: usize| str::from_utf8(&message[i]).unwrap().parse::<usize>().unwrap();
        assert_eq!(number(1), next[number(0)]);
        next[number(0)] += 1;
    }
    assert_eq!(next, [EACH; TASKS]);
}

#[test]
fn bind_and_connect_outside_of_a_runtime_are_errors_and_no_panics() {
    let push = PushSocket::new();
    let said = push.connect("tcp://127.0.0.1:1").unwrap_err().to_string();
    assert!(said.contains("tokio runtime"), "{said}");
    let bound = push.bind(ANY_PORT).now_or_never().unwrap().unwrap_err().to_string();
    assert!(bound.contains("tokio runtime"), "{bound}");
}

/// Also one that uses the `Sink`.
#[tokio::test(start_paused = true)]
async fn a_sender_that_always_finds_room_lets_others_run() {
    for is_sink in [false, true] {
        let mut push = PushSocket::builder().send_hwm(Hwm::Unlimited).build();
        push.connect(format!("inproc://lets-others-run-{is_sink}")).unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        tokio::spawn({
            let turns = Arc::clone(&turns);
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            }
        });

        for _ in 0..50_000 {
            if is_sink { push.feed("x".into()).await.unwrap() } else { push.send("x").await.unwrap() }
        }

        let turns = turns.load(Ordering::Relaxed);
        assert!(turns >= 10, "others ran {turns} times while 50,000 messages were sent; sink: {is_sink}");
    }
}

/// The narrowest queues there are, and two threads: nobody is left asleep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_of_one_pass_everything_on_from_many_tasks() {
    const TASKS: usize = 8;
    const EACH: usize = 1000;
    let mut pull = PullSocket::builder().recv_hwm(1).build();
    let push = Arc::new(PushSocket::builder().send_hwm(1).build());
    pull.bind("inproc://marks-of-one").await.unwrap();
    let tcp = pull.bind(ANY_PORT).await.unwrap();
    push.connect("inproc://marks-of-one").unwrap();
    push.connect(tcp).unwrap();
    for task in 0..TASKS {
        let push = Arc::clone(&push);
        tokio::spawn(async move {
            for n in 0..EACH {
                // Some give up and come again.
                if (task + n) % 5 == 0 {
                    let _ = push.send("dropped").now_or_never();
                    push.writable().await.unwrap();
                }
                push.send("kept").await.unwrap();
            }
        });
    }

    let mut kept = 0;
    while kept < TASKS * EACH {
        kept += usize::from(within(20, pull.recv()).await.unwrap() == "kept");
    }
}
