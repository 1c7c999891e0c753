//! Our monitor and libzmq's, told the same story.

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, Watched, Zmq, command, frame, greeting, nobody, ready, within};
use tokio::time::timeout;
use zmtp::{Event, Monitor, PullSocket, PushSocket};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

/// What a monitor told: the bit of the event, where, and the code of a failed handshake.
type Told = (u16, String, Option<u32>);

/// One of the two, and its monitor.
#[derive(Debug)]
enum Side {
    Ours(Monitor),
    Theirs(Watched),
}

impl Side {
    /// The next events, in libzmq's numbers.
    async fn tell(&mut self, count: usize) -> Vec<Told> {
        let mut all = Vec::new();
        while all.len() < count {
            match self {
                Self::Theirs(monitor) => {
                    let event = monitor.next().await;
                    let has_code = [Theirs::HANDSHAKE_FAILED_PROTOCOL, Theirs::HANDSHAKE_FAILED_AUTH];
                    let code = has_code.contains(&event.number).then_some(event.value);
                    all.push((event.number, event.endpoint, code));
                }
                Self::Ours(monitor) => {
                    let event = within(20, monitor.next()).await.unwrap();
                    let Some(number) = event.libzmq() else { continue };
                    let endpoint = event.endpoint().to_string();
                    let Event::HandshakeFailed { cause, .. } = &event else {
                        all.push((number, endpoint, None));
                        continue;
                    };
                    // One event of ours for two of libzmq's.
                    if number != Theirs::DISCONNECTED {
                        all.push((number, endpoint.clone(), cause.libzmq_code()));
                    }
                    all.push((Theirs::DISCONNECTED, endpoint, None));
                }
            }
        }
        all
    }
}

#[tokio::test]
async fn case_178_a_listener_its_peer_and_its_end() {
    let ours = PullSocket::new();
    let mut our_monitor = Side::Ours(ours.monitor());
    let here = ours.bind(ANY_PORT).await.unwrap();
    come_and_go(&here.to_string()).await;
    let mut told = our_monitor.tell(4).await;
    ours.unbind(&here);
    told.extend(our_monitor.tell(1).await);

    let theirs = Zmq::new(SocketType::Pull);
    let mut their_monitor = Side::Theirs(theirs.monitor().await);
    let there = theirs.bind(ANY_PORT).await;
    come_and_go(&there).await;
    let mut expected = their_monitor.tell(4).await;
    let at = there.clone();
    theirs.call(move |socket| socket.unbind(&at).expect("it was bound")).await;
    expected.extend(their_monitor.tell(1).await);

    assert_eq!(told, moved(&expected, &there, &here.to_string()));
    let story = [
        Theirs::LISTENING,
        Theirs::ACCEPTED,
        Theirs::HANDSHAKE_SUCCEEDED,
        Theirs::DISCONNECTED,
        Theirs::CLOSED,
    ];
    assert!(told.iter().map(|told| told.0).eq(story));
}

async fn come_and_go(at: &str) {
    let mut peer = Peer::connect(at).await;
    peer.shake("PUSH").await;
}

#[tokio::test]
async fn case_178_a_connection_that_ends_and_is_made_again() {
    let mut stories = Vec::new();
    for is_ours in [true, false] {
        let door = Door::open().await;
        let (mut side, _sockets) = push(is_ours, &door.endpoint()).await;
        let mut peer = door.accept().await;
        peer.shake("PULL").await;
        let mut told = side.tell(3).await;
        drop(peer);
        door.accept().await.shake("PULL").await;
        told.extend(side.tell(5).await);
        stories.push(moved(&told, &door.endpoint(), "there"));
    }
    assert_eq!(stories[0], stories[1]);
    assert_eq!(stories[0][3].0, Theirs::DISCONNECTED);
}

#[tokio::test]
async fn case_178_a_connection_that_is_refused_again_and_again() {
    let mut stories = Vec::new();
    for is_ours in [true, false] {
        let at = nobody();
        let (mut side, _sockets) = push(is_ours, &at).await;
        stories.push(moved(&side.tell(6).await, &at, "there"));
    }
    assert_eq!(stories[0], stories[1]);
    assert_eq!(
        stories[0][..3].iter().map(|told| told.0).collect::<Vec<_>>(),
        [Theirs::CONNECT_DELAYED, Theirs::CLOSED, Theirs::CONNECT_RETRIED,]
    );
}

/// What a peer that comes in may do wrong, and in what detail it is told.
#[tokio::test]
async fn case_178_handshakes_that_fail() {
    let after_greeting = |octets: Vec<u8>| [Vec::from(greeting()), octets].concat();
    let wrongs = [
        ("another mechanism", greeting().mechanism("CURVE").into()),
        ("a type that does not fit", after_greeting(ready("PUB").into())),
        ("metadata that is cut off", after_greeting(ready("PUSH").then(b"\x05na").into())),
        ("a message first", after_greeting(frame("early"))),
        ("a command of another mechanism", after_greeting(command("HELLO", ""))),
        ("the end of the connection", after_greeting(vec![])),
        ("silence", vec![]),
    ];
    for (what, octets) in wrongs {
        let mut stories = Vec::new();
        for is_ours in [true, false] {
            let limit = 200;
            let ours = PullSocket::builder().handshake_timeout(Duration::from_millis(limit)).build();
            let theirs = Zmq::new(SocketType::Pull);
            theirs.set(Opt::HandshakeIvl, limit as i32).await;
            let (mut side, at) = if is_ours {
                (Side::Ours(ours.monitor()), ours.bind(ANY_PORT).await.unwrap().to_string())
            } else {
                (Side::Theirs(theirs.monitor().await), theirs.bind(ANY_PORT).await)
            };
            let mut peer = Peer::connect(&at).await;
            peer.send(octets.clone()).await;
            if octets.len() == 64 && what != "another mechanism" {
                peer.shut().await;
            }
            peer.rest().await;
            drop(peer);
            // Listening, accepted, and what there is to say of the failure.
            let count =
                if what == "a type that does not fit" || what.starts_with("metadata") { 3 } else { 4 };
            stories.push(moved(&side.tell(count).await, &at, "here"));
        }
        assert_eq!(stories[0], stories[1], "{what}");
    }
}

#[tokio::test]
async fn case_178_a_refusal_by_the_other_side() {
    for reason in ["400", "no"] {
        let mut stories = Vec::new();
        for is_ours in [true, false] {
            let door = Door::open().await;
            let (mut side, _sockets) = push(is_ours, &door.endpoint()).await;
            let mut peer = door.accept().await;
            peer.send(greeting()).await;
            peer.expect_greeting().await;
            peer.expect(ready("PUSH")).await;
            peer.send(command("ERROR", [&[reason.len() as u8], reason.as_bytes()].concat())).await;
            peer.rest().await;
            let count = if reason == "400" { 4 } else { 3 };
            stories.push(moved(&side.tell(count).await, &door.endpoint(), "there"));
        }
        assert_eq!(stories[0], stories[1], "{reason}");
    }
}

#[tokio::test]
async fn case_178_a_bind_that_fails() {
    let (_taken, at) = Zmq::bound(SocketType::Pull).await;
    let ours = PullSocket::new();
    let mut our_monitor = Side::Ours(ours.monitor());
    ours.bind(&at).await.unwrap_err();
    let theirs = Zmq::new(SocketType::Pull);
    let mut their_monitor = Side::Theirs(theirs.monitor().await);
    let there = at.clone();
    theirs.call(move |socket| socket.bind(&there)).await.unwrap_err();

    // libzmq tells of the descriptor that it closes, without an endpoint, and leaves the transport out of the next.
    let [closed, failed] = their_monitor.tell(2).await.try_into().unwrap();
    assert_eq!(closed, (Theirs::CLOSED, String::new(), None));
    assert_eq!(our_monitor.tell(1).await, [(failed.0, format!("tcp://{}", failed.1), None)]);
}

/// libzmq's I/O thread waits for somebody to read, and nothing else of that context happens meanwhile. A monitor of
/// ours that nobody reads costs what it holds.
#[tokio::test]
async fn case_178a_a_monitor_that_nobody_reads_stops_libzmq_and_not_us() {
    let theirs = Zmq::new(SocketType::Pull);
    let there = theirs.bind(ANY_PORT).await;
    theirs.call(|socket| socket.monitor_unread("inproc://nobody-reads").expect("a monitor")).await;
    let push = PushSocket::builder().handshake_timeout(Duration::from_secs(20)).build();
    push.connect(there).unwrap();
    assert!(timeout(Duration::from_millis(300), push.wait_for_peers(1)).await.is_err());
    theirs.call(|socket| socket.read_monitor("inproc://nobody-reads").expect("a reader")).await;
    within(20, push.wait_for_peers(1)).await;

    let mut ours = PullSocket::new();
    let unread = ours.monitor();
    let here = ours.bind(ANY_PORT).await.unwrap();
    for _ in 0..3 {
        let push = Zmq::connected(SocketType::Push, &here).await;
        push.send("x").await;
        assert_eq!(within(20, ours.recv()).await.unwrap(), "x");
    }
    drop(unread);
}

/// A PUSH of one side that connects there, and its monitor from before that.
async fn push(is_ours: bool, at: &str) -> (Side, (PushSocket, Zmq)) {
    let (ours, theirs) = (PushSocket::new(), Zmq::new(SocketType::Push));
    let side = if is_ours { Side::Ours(ours.monitor()) } else { Side::Theirs(theirs.monitor().await) };
    if is_ours {
        ours.connect(at).unwrap()
    } else {
        theirs.connect(at).await
    }
    (side, (ours, theirs))
}

/// The same story at another endpoint.
fn moved(story: &[Told], from: &str, to: &str) -> Vec<Told> {
    let told = |(number, endpoint, code): &Told| (*number, endpoint.replace(from, to), *code);
    story.iter().map(told).collect()
}
