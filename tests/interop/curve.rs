//! CURVE (RFC 25, 26), with libzmq as client and as server, and with raw peers that know its octets.

use std::sync::Arc;
use std::time::Duration;

use support::{
    ANY_PORT, Door, Peer, Received, Zmq, answer, event, failure, failure_and_retry, greeting, ready, until,
    within,
};
use zmtp::curve::{self, Client, Flags, KeyPair, OsRandom, PublicKey, SecretKey, Server, Session};
use zmtp::wire::{Denied, Error, Incompatible};
use zmtp::{
    Authenticator, Cause, Curve, DealerSocket, Denial, Event, Heartbeat, Message, PairSocket, Plain,
    PubSocket, PullSocket, PushSocket, Receives, RepSocket, ReqSocket, RouterSocket, Security, Sends, Socket,
    SubSocket, XpubSocket, XsubSocket,
};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

/// The pairs of keys that libzmq's manual shows.
fn client_keys() -> KeyPair {
    "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs".parse::<SecretKey>().unwrap().into()
}

fn server_keys() -> KeyPair {
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6".parse::<SecretKey>().unwrap().into()
}

fn our_client() -> Curve {
    Curve::client(client_keys(), server_keys().public())
}

fn our_server() -> Curve {
    Curve::server(server_keys(), Authenticator::keys([client_keys().public()]))
}

async fn as_server(zmq: &Zmq) {
    zmq.set(Opt::CurveServer, 1).await;
    zmq.set_bytes(Opt::CurveSecretKey, server_keys().secret().to_z85().as_bytes()).await;
}

async fn as_client(zmq: &Zmq) {
    zmq.set_bytes(Opt::CurveServerKey, server_keys().public().to_string()).await;
    zmq.set_bytes(Opt::CurvePublicKey, client_keys().public().to_string()).await;
    zmq.set_bytes(Opt::CurveSecretKey, client_keys().secret().to_z85().as_bytes()).await;
}

/// What every pair is sent: frames of every length form, an empty one, and 10 MB.
fn parcels() -> [Message; 4] {
    [
        Message::from("one"),
        Message::new("many").with("").with(vec![1; 255]).with(vec![2; 256]),
        Message::new("large").with(vec![3; 10_000_000]),
        Message::new("last").with(""),
    ]
}

macro_rules! both_ways {
    ($ours:expr, $theirs:ident, $security:expr, $prepare:ident, $talk:ident) => {{
        let zmq = Zmq::new(SocketType::$theirs);
        $prepare(&zmq).await;
        let mut ours = $ours.security($security).build();
        let at = ours.bind(ANY_PORT).await.unwrap();
        zmq.connect(&at).await;
        $talk(&mut ours, &zmq).await;
    }};
}

fn frames(message: &Message) -> Vec<Vec<u8>> {
    message.frames().map(|frame| frame.to_vec()).collect()
}

async fn push_to_pull(ours: &mut PushSocket, zmq: &Zmq) {
    for parcel in parcels() {
        let frames = frames(&parcel);
        within(60, ours.send(parcel)).await.unwrap();
        assert_eq!(zmq.recv().await, frames);
    }
}

async fn pull_from_push(ours: &mut PullSocket, zmq: &Zmq) {
    for parcel in parcels() {
        zmq.send_frames(&frames(&parcel)[..]).await;
        assert_eq!(within(60, ours.recv()).await.unwrap(), parcel);
    }
}

/// A parcel goes there, and one like it comes back: PAIR, DEALER, and REQ with its answer.
async fn there_and_back<P: Sends + Receives>(ours: &mut Socket<P>, zmq: &Zmq) {
    for parcel in parcels() {
        let frames = frames(&parcel);
        within(60, ours.send(parcel.clone())).await.unwrap();
        assert_eq!(zmq.recv().await, frames);
        zmq.send_frames(&frames[..]).await;
        assert_eq!(within(60, ours.recv()).await.unwrap(), parcel);
    }
}

async fn rep_with_req(ours: &mut RepSocket, zmq: &Zmq) {
    for parcel in parcels() {
        let frames = frames(&parcel);
        zmq.send_frames(&frames[..]).await;
        let question = within(60, ours.recv()).await.unwrap();
        assert_eq!(question, parcel);
        ours.send(question).await.unwrap();
        assert_eq!(zmq.recv().await, frames);
    }
}

async fn router_with_dealer(ours: &mut RouterSocket, zmq: &Zmq) {
    for parcel in parcels() {
        let frames = frames(&parcel);
        zmq.send_frames(&frames[..]).await;
        let question = within(60, ours.recv()).await.unwrap();
        assert_eq!(question.frames().skip(1).map(|frame| frame.to_vec()).collect::<Vec<_>>(), frames);
        ours.send(question).await.unwrap();
        assert_eq!(zmq.recv().await, frames);
    }
}

async fn pub_to_sub(ours: &mut PubSocket, zmq: &Zmq) {
    zmq.set_bytes(Opt::Subscribe, "").await;
    within(20, ours.wait_for_subscribers("", 1)).await;
    for parcel in parcels() {
        let frames = frames(&parcel);
        ours.send(parcel).await.unwrap();
        assert_eq!(zmq.recv().await, frames);
    }
}

async fn sub_from_xpub(ours: &mut SubSocket, zmq: &Zmq) {
    ours.subscribe("");
    assert_eq!(zmq.recv().await, [b"\x01"]);
    for parcel in parcels() {
        let frames = frames(&parcel);
        zmq.send_frames(&frames[..]).await;
        assert_eq!(within(60, ours.recv()).await.unwrap(), parcel);
    }
}

async fn xpub_to_sub(ours: &mut XpubSocket, zmq: &Zmq) {
    zmq.set_bytes(Opt::Subscribe, "l").await;
    assert_eq!(within(20, ours.recv()).await.unwrap(), "\x01l");
    for parcel in parcels().into_iter().skip(2) {
        let frames = frames(&parcel);
        ours.send(parcel).await.unwrap();
        assert_eq!(zmq.recv().await, frames);
    }
}

async fn xsub_from_xpub(ours: &mut XsubSocket, zmq: &Zmq) {
    ours.subscribe("l");
    assert_eq!(zmq.recv().await, [b"\x01l"]);
    for parcel in parcels().into_iter().skip(2) {
        let frames = frames(&parcel);
        zmq.send_frames(&frames[..]).await;
        assert_eq!(within(60, ours.recv()).await.unwrap(), parcel);
    }
}

/// Every pair, with either side as the server of CURVE. Who binds is another matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_148_all_pairs_of_types_talk_in_boxes_in_both_roles() {
    both_ways!(PushSocket::builder(), Pull, our_server(), as_client, push_to_pull);
    both_ways!(PushSocket::builder(), Pull, our_client(), as_server, push_to_pull);
    both_ways!(PullSocket::builder(), Push, our_server(), as_client, pull_from_push);
    both_ways!(PullSocket::builder(), Push, our_client(), as_server, pull_from_push);
    both_ways!(PairSocket::builder(), Pair, our_server(), as_client, there_and_back);
    both_ways!(PairSocket::builder(), Pair, our_client(), as_server, there_and_back);
    both_ways!(DealerSocket::builder(), Dealer, our_server(), as_client, there_and_back);
    both_ways!(DealerSocket::builder(), Dealer, our_client(), as_server, there_and_back);
    both_ways!(RepSocket::builder(), Req, our_server(), as_client, rep_with_req);
    both_ways!(RepSocket::builder(), Req, our_client(), as_server, rep_with_req);
    both_ways!(ReqSocket::builder(), Rep, our_server(), as_client, there_and_back);
    both_ways!(ReqSocket::builder(), Rep, our_client(), as_server, there_and_back);
    both_ways!(RouterSocket::builder(), Dealer, our_server(), as_client, router_with_dealer);
    both_ways!(RouterSocket::builder(), Dealer, our_client(), as_server, router_with_dealer);
    both_ways!(PubSocket::builder(), Sub, our_server(), as_client, pub_to_sub);
    both_ways!(PubSocket::builder(), Sub, our_client(), as_server, pub_to_sub);
    both_ways!(SubSocket::builder(), Xpub, our_server(), as_client, sub_from_xpub);
    both_ways!(SubSocket::builder(), Xpub, our_client(), as_server, sub_from_xpub);
    both_ways!(XpubSocket::builder(), Sub, our_server(), as_client, xpub_to_sub);
    both_ways!(XpubSocket::builder(), Sub, our_client(), as_server, xpub_to_sub);
    both_ways!(XsubSocket::builder(), Xpub, our_server(), as_client, xsub_from_xpub);
    both_ways!(XsubSocket::builder(), Xpub, our_client(), as_server, xsub_from_xpub);
}

/// The handshake is spoken in command frames, MESSAGEs are not in such.
#[tokio::test]
async fn case_149_only_the_commands_of_the_handshake_are_command_frames() {
    for said in said_by_both().await {
        assert_eq!(said.map(|(flags, _)| flags), [4, 4, 0, 0]);
    }
}

/// R26-HELLO-15: one counter for all that a client says, from 1.
#[tokio::test]
async fn case_151_counters_begin_at_1_and_rise_by_1() {
    for said in said_by_both().await {
        assert_eq!(said.map(|(_, counter)| counter), [1, 2, 3, 4]);
    }
}

/// What libzmq and we say as clients of a raw server: HELLO, INITIATE and two MESSAGEs, each with the flags of its frame
/// (but for the one of length) and its counter.
async fn said_by_both() -> [[(u8, u64); 4]; 2] {
    let door = Door::open().await;
    let zmq = Zmq::new(SocketType::Push);
    as_client(&zmq).await;
    zmq.connect(door.endpoint()).await;
    let theirs = spoken(&door).await;
    for _ in 0..2 {
        zmq.send("hello").await;
    }
    let theirs = messages(theirs).await;

    let push = PushSocket::builder().security(our_client()).build();
    push.connect(door.endpoint()).unwrap();
    let ours = spoken(&door).await;
    for _ in 0..2 {
        push.send("hello").await.unwrap();
    }
    [theirs, messages(ours).await].map(|said| said.try_into().expect("four"))
}

/// What a client has said in its handshake with a raw server: flags and counter of each command.
async fn spoken(door: &Door) -> (Peer, Session, Vec<(u8, u64)>) {
    let mut peer = door.accept().await;
    let mut server = Server::new(Arc::new(server_keys()));
    peer.send(greeting().mechanism("CURVE")).await;
    peer.read(64).await;
    let hello = peer.frame().await;
    peer.send(boxed_command(&server.hello(&hello.body, &mut OsRandom).unwrap())).await;
    let initiate = peer.frame().await;
    assert_eq!(server.initiate(&initiate.body).unwrap().client, client_keys().public());
    let (ready, session) = server.ready(&metadata("PULL")).unwrap();
    peer.send(boxed_command(&ready)).await;
    let seen = vec![
        (hello.flags & !2, counter(&hello.body[112..])),
        (initiate.flags & !2, counter(&initiate.body[105..])),
    ];
    (peer, session, seen)
}

async fn messages((mut peer, mut session, mut seen): (Peer, Session, Vec<(u8, u64)>)) -> Vec<(u8, u64)> {
    for _ in 0..2 {
        let Received { flags, mut body } = peer.frame().await;
        seen.push((flags & !2, counter(&body[8..])));
        let (inside, payload) = session.open_in_place(&mut body).unwrap();
        assert_eq!((inside, &body[payload]), (Flags::default(), &b"hello"[..]));
    }
    seen
}

/// A MESSAGE in a command frame is lost on libzmq, which is why we send none; from others we take it.
#[tokio::test]
async fn case_150_a_message_in_a_command_frame_is_lost_on_libzmq_and_not_on_us() {
    let zmq = Zmq::new(SocketType::Pull);
    as_server(&zmq).await;
    let theirs = zmq.bind(ANY_PORT).await;
    let mut pull = PullSocket::builder().security(our_server()).build();
    let ours = pull.bind(ANY_PORT).await.unwrap().to_string();
    for at in [&theirs, &ours] {
        let (mut peer, mut session) = client(at, "PUSH").await;
        let mut odd = Vec::new();
        session.seal(Flags::default(), b"odd", &mut odd).unwrap();
        odd[0] |= 4;
        session.seal(Flags::default(), b"even", &mut odd).unwrap();
        peer.send(odd).await;
    }
    assert_eq!(zmq.recv().await, [b"even"]);
    assert_eq!(within(20, pull.recv()).await.unwrap(), "odd");
    assert_eq!(within(20, pull.recv()).await.unwrap(), "even");
}

/// R26-HELLO-17: counters may leap, and never go back.
#[tokio::test]
async fn case_152_a_counter_may_leap_and_not_repeat_or_go_back() {
    let zmq = Zmq::new(SocketType::Pull);
    as_server(&zmq).await;
    let theirs = zmq.bind(ANY_PORT).await;
    let mut pull = PullSocket::builder().security(our_server()).build();
    let ours = pull.bind(ANY_PORT).await.unwrap().to_string();
    let mut monitor = pull.monitor();
    for at in [&theirs, &ours] {
        for back in [0, 1] {
            let (mut peer, mut session) = client(at, "PUSH").await;
            let mut sealed = [const { Vec::new() }; 4];
            for (number, message) in sealed.iter_mut().enumerate() {
                session.seal(Flags::default(), format!("{number}").as_bytes(), message).unwrap();
            }
            // 1 is left out; then one that was there comes again, or the one that was left out.
            peer.send([&sealed[0][..], &sealed[2]].concat()).await;
            for expected in ["0", "2"] {
                if *at == theirs {
                    assert_eq!(zmq.recv().await, [expected.as_bytes()]);
                } else {
                    assert_eq!(within(20, pull.recv()).await.unwrap(), expected);
                }
            }
            peer.send(&sealed[2 - back][..]).await;
            peer.expect_close().await;
        }
    }
    for _ in 0..2 {
        let cause = event(&mut monitor, |event| match event {
            Event::Disconnected { cause, .. } => Some(cause),
            _ => None,
        })
        .await;
        assert!(matches!(cause, Cause::Wire(Error::Curve(curve::Error::Counter { .. }))), "{cause}");
    }
}

/// R26: a box that was altered does not open, whichever it is, and nobody says why.
#[tokio::test]
async fn case_153_one_bit_of_any_command_ends_the_connection_without_a_word() {
    let zmq = Zmq::new(SocketType::Pull);
    as_server(&zmq).await;
    let theirs = zmq.bind(ANY_PORT).await;
    let pull = PullSocket::builder().security(our_server()).build();
    let ours = pull.bind(ANY_PORT).await.unwrap().to_string();
    for at in [&theirs, &ours] {
        // In HELLO: C', the box. In INITIATE: the cookie, the box. In MESSAGE: the box.
        for (command, octet) in [(0, 90), (0, 150), (1, 50), (1, 200), (2, 20)] {
            let mut peer = Peer::connect(at).await;
            peer.send(greeting().mechanism("CURVE")).await;
            peer.read(64).await;
            let flip = |number, mut body: Vec<u8>| {
                if number == command {
                    body[octet] ^= 1;
                }
                body
            };
            let (mut state, hello) =
                Client::new(Arc::new(client_keys()), server_keys().public(), &mut OsRandom).unwrap();
            peer.send(boxed_command(&flip(0, hello))).await;
            if command == 0 {
                peer.expect_close().await;
                continue;
            }
            let welcome = peer.frame().await.body;
            let initiate = state.welcome(&welcome, &metadata("PUSH"), &mut OsRandom).unwrap();
            peer.send(boxed_command(&flip(1, initiate))).await;
            if command == 1 {
                peer.expect_close().await;
                continue;
            }
            let (_, mut session) = state.ready(&peer.frame().await.body).unwrap();
            let mut message = Vec::new();
            session.seal(Flags::default(), b"x", &mut message).unwrap();
            peer.send(flip(2, message)).await;
            peer.expect_close().await;
        }
    }
    // The other direction: WELCOME and READY of a raw server.
    for (command, octet) in [(0, 100), (1, 20)] {
        let door = Door::open().await;
        let push = PushSocket::builder().security(our_client()).build();
        let mut monitor = push.monitor();
        push.connect(door.endpoint()).unwrap();
        let mut peer = door.accept().await;
        let mut server = Server::new(Arc::new(server_keys()));
        peer.send(greeting().mechanism("CURVE")).await;
        peer.read(64).await;
        let mut welcome = server.hello(&peer.frame().await.body, &mut OsRandom).unwrap();
        if command == 0 {
            welcome[octet] ^= 1;
            peer.send(boxed_command(&welcome)).await;
        } else {
            peer.send(boxed_command(&welcome)).await;
            server.initiate(&peer.frame().await.body).unwrap();
            let (mut ready, _) = server.ready(&metadata("PULL")).unwrap();
            ready[octet] ^= 1;
            peer.send(boxed_command(&ready)).await;
        }
        peer.expect_close().await;
        let cause = failure(&mut monitor).await;
        assert!(matches!(cause, Cause::Wire(Error::Curve(curve::Error::Box(_)))), "{cause}");
    }
}

#[tokio::test]
async fn case_154_with_the_wrong_server_key_there_is_no_answer_and_who_connects_comes_back() {
    let stranger = KeyPair::generate().unwrap().public();
    let zmq = Zmq::new(SocketType::Pull);
    as_server(&zmq).await;
    let at = zmq.bind(ANY_PORT).await;
    let push = PushSocket::builder().security(Curve::client(client_keys(), stranger)).build();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    let retry = event(&mut monitor, |event| match event {
        Event::HandshakeFailed { cause: Cause::PeerClosed, retry, .. } => Some(retry),
        _ => None,
    });
    assert!(retry.await);

    let pull = PullSocket::builder().security(our_server()).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut monitor = pull.monitor();
    let zmq = Zmq::new(SocketType::Push);
    as_client(&zmq).await;
    zmq.set_bytes(Opt::CurveServerKey, stranger.to_string()).await;
    zmq.connect(&at).await;
    for _ in 0..2 {
        let cause = failure(&mut monitor).await;
        assert!(matches!(cause, Cause::Wire(Error::Curve(curve::Error::Box(curve::Step::Hello)))), "{cause}");
        assert!(cause.to_string().contains("another server key"), "{cause}");
    }
}

#[tokio::test]
async fn case_155_a_client_whose_key_is_not_known_is_told_400_and_stops() {
    let (zmq, mut asked) = Zmq::guarded(SocketType::Pull, answer("400", ""));
    as_server(&zmq).await;
    let at = zmq.bind(ANY_PORT).await;
    let push = PushSocket::builder().security(our_client()).build();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    let (cause, retry) = failure_and_retry(&mut monitor).await;
    assert!(matches!(cause, Cause::Wire(Error::Denied(Denied { reason })) if reason == "400"));
    assert!(!retry);
    let request = within(20, asked.recv()).await.unwrap();
    assert_eq!(request[5..], [b"CURVE".to_vec(), client_keys().public().as_bytes().to_vec()]);

    let nobody: [PublicKey; 0] = [];
    let pull =
        PullSocket::builder().security(Curve::server(server_keys(), Authenticator::keys(nobody))).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut monitor = pull.monitor();
    let zmq = Zmq::new(SocketType::Push);
    as_client(&zmq).await;
    let mut theirs = zmq.monitor().await;
    zmq.connect(&at).await;
    let cause = failure(&mut monitor).await;
    assert!(matches!(cause, Cause::Wire(Error::Refused(Denial::Denied))), "{cause}");
    assert_eq!(theirs.wait_for(Theirs::HANDSHAKE_FAILED_AUTH).await.value, 400);
}

#[tokio::test]
async fn case_156_mechanisms_that_are_not_the_same_never_meet() {
    let everybody = || Authenticator::anybody();
    let securities = || -> [Security; 5] {
        [
            Security::Null,
            Plain::client("a", "b").unwrap().into(),
            Plain::server(everybody()).into(),
            our_client().into(),
            our_server().into(),
        ]
    };
    for (number, security) in securities().into_iter().enumerate() {
        let pull = PullSocket::builder().security(security).build();
        let at = pull.bind(ANY_PORT).await.unwrap();
        let mut monitor = pull.monitor();
        let mechanism = |number: usize| number.div_ceil(2);
        for other in (0..5).filter(|other| mechanism(*other) != mechanism(number)) {
            let zmq = Zmq::new(SocketType::Push);
            match other {
                0 => {}
                1 => {
                    zmq.set_bytes(Opt::PlainUsername, "a").await;
                    zmq.set_bytes(Opt::PlainPassword, "b").await;
                }
                2 => zmq.set(Opt::PlainServer, 1).await,
                3 => as_client(&zmq).await,
                _ => as_server(&zmq).await,
            }
            let mut theirs = zmq.monitor().await;
            zmq.connect(&at).await;
            let cause = failure(&mut monitor).await;
            // Unless libzmq was the first to see it, and has closed.
            let is_mismatch =
                matches!(&cause, Cause::Wire(Error::Incompatible(Incompatible::Mechanism { .. })));
            assert!(is_mismatch || matches!(cause, Cause::PeerClosed), "{cause}");
            theirs.wait_for(Theirs::DISCONNECTED).await;
        }
        // Row 45: an old peer says what it is before any mechanism.
        let mut old = Peer::connect(&at).await;
        old.send(*b"\xff\0\0\0\0\0\0\0\x01\x7f\x01").await;
        old.rest().await;
        assert!(matches!(
            failure(&mut monitor).await,
            Cause::Wire(Error::Incompatible(Incompatible::Version(_)))
        ));
        assert_eq!(pull.peer_count(), 0);
    }
}

#[tokio::test]
async fn case_157_libzmq_without_a_handler_lets_every_key_in_and_so_do_we_when_told_to() {
    let zmq = Zmq::new(SocketType::Pull);
    as_server(&zmq).await;
    let at = zmq.bind(ANY_PORT).await;
    let keys = KeyPair::generate().unwrap();
    let push = PushSocket::builder().security(Curve::client(keys, server_keys().public())).build();
    push.connect(&at).unwrap();
    push.send("from anybody").await.unwrap();
    assert_eq!(zmq.recv().await, [b"from anybody"]);

    let mut pull =
        PullSocket::builder().security(Curve::server(server_keys(), Authenticator::anybody())).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let zmq = Zmq::new(SocketType::Push);
    as_client(&zmq).await;
    zmq.connect(&at).await;
    zmq.send("from anybody").await;
    assert_eq!(within(20, pull.recv()).await.unwrap(), "from anybody");
    assert_eq!(pull.peers()[0].user.as_ref().unwrap().id, client_keys().public().to_string());
}

/// The flag of a command is inside the box; a peer of 3.0 gets its subscriptions as messages, in boxes too.
#[tokio::test]
async fn case_158_commands_are_in_boxes_with_their_flag_inside() {
    for (minor, expected) in [
        (1, (Flags { command: true, more: false }, &b"\x09SUBSCRIBEtopic"[..])),
        (0, (Flags::default(), &b"\x01topic"[..])),
    ] {
        let every = Duration::from_millis(50);
        let sub = SubSocket::builder()
            .security(our_server())
            .heartbeat(Heartbeat::every(every))
            .subscribe("topic")
            .build();
        let at = sub.bind(ANY_PORT).await.unwrap().to_string();
        let (mut peer, mut session) = client_of(&at, "PUB", minor).await;
        let mut body = peer.frame().await.body;
        let (flags, payload) = session.open_in_place(&mut body).unwrap();
        assert_eq!((flags, &body[payload]), expected);
        if minor == 1 {
            let Received { flags: outside, mut body } = peer.frame().await;
            let (flags, payload) = session.open_in_place(&mut body).unwrap();
            assert_eq!((outside & 4, flags), (0, Flags { command: true, more: false }));
            assert_eq!(&body[payload], b"\x04PING\0\0");
            let mut ping = Vec::new();
            session.seal(Flags { command: true, more: false }, b"\x04PING\0\0abc", &mut ping).unwrap();
            peer.send(ping).await;
            let mut body = peer.frame().await.body;
            let (_, payload) = session.open_in_place(&mut body).unwrap();
            let said = &body[payload];
            assert!(said == b"\x04PONGabc" || said == b"\x04PING\0\0", "{}", said.escape_ascii());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_165_of_a_thousand_handshakes_half_of_them_garbage_the_good_ones_succeed() {
    support::allow_descriptors();
    // All of them from one host, and on a busy machine the first lasts longer than a second: an eighth has to be enough.
    let pull = PullSocket::builder().security(our_server()).pending_handshakes(8 * 1000).build();
    let at = pull.bind(ANY_PORT).await.unwrap().to_string();
    let mut shaking = tokio::task::JoinSet::new();
    for number in 0..1000_u32 {
        let at = at.clone();
        shaking.spawn(async move {
            if number % 2 == 0 {
                Some(client(&at, "PUSH").await)
            } else {
                let mut peer = Peer::connect(&at).await;
                let noise = number.to_le_bytes().repeat(60);
                peer.send([Vec::from(greeting().mechanism("CURVE")), vec![4, 200], noise].concat()).await;
                peer.rest().await;
                None
            }
        });
    }
    let mut good = Vec::new();
    while let Some(done) = within(120, shaking.join_next()).await {
        good.extend(done.unwrap());
    }
    assert_eq!(good.len(), 500);
    until(20, || pull.peer_count() == 500).await;
}

/// A raw client whose handshake is done.
async fn client(at: &str, socket_type: &str) -> (Peer, Session) {
    client_of(at, socket_type, 1).await
}

async fn client_of(at: &str, socket_type: &str, minor: u8) -> (Peer, Session) {
    let mut peer = Peer::connect(at).await;
    peer.send(greeting().version(3, minor).mechanism("CURVE")).await;
    peer.read(64).await;
    let (mut state, hello) =
        Client::new(Arc::new(client_keys()), server_keys().public(), &mut OsRandom).unwrap();
    peer.send(boxed_command(&hello)).await;
    let welcome = peer.frame().await.body;
    let initiate = state.welcome(&welcome, &metadata(socket_type), &mut OsRandom).unwrap();
    peer.send(boxed_command(&initiate)).await;
    let (_, session) = state.ready(&peer.frame().await.body).unwrap();
    (peer, session)
}

fn metadata(socket_type: &str) -> Vec<u8> {
    // Behind the frame's header and the command's name.
    Vec::from(ready(socket_type))[8..].to_vec()
}

fn boxed_command(body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(len) => [&[4, len], body].concat(),
        Err(_) => [&[6][..], &(body.len() as u64).to_be_bytes(), body].concat(),
    }
}

fn counter(octets: &[u8]) -> u64 {
    u64::from_be_bytes(octets[..8].try_into().unwrap())
}
