//! Is the codec right for every split of the input? A conversation is fed whole, byte by byte, and cut at random.

use bytes::Bytes;

use super::*;
use crate::message::Message;

/// What came of a conversation: the messages, the answers, and how it ended.
type Outcome = (Vec<Message>, Vec<u8>, Result<(), Error>);

fn converse(input: &[u8], limits: Limits, mut cut: impl FnMut(usize) -> usize) -> Outcome {
    let mut connection = Connection::new(Config { limits, ..Config::new(SocketType::Pull) });
    let (mut messages, mut answers, mut rest) = (Vec::new(), Vec::new(), input);
    loop {
        loop {
            match connection.poll_event(3) {
                Ok(Some(Event::Messages(mut chunk))) => {
                    assert!((1..=3).contains(&chunk.messages()));
                    messages.extend(std::iter::from_fn(|| chunk.next_message()));
                    assert_eq!(chunk.messages(), 0);
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    answers.extend(connection.transmit().unwrap_or_default());
                    return (messages, answers, Err(error));
                }
            }
        }
        answers.extend(connection.transmit().unwrap_or_default());
        if rest.is_empty() {
            return (messages, answers, Ok(()));
        }
        let (now, later) = rest.split_at(cut(rest.len()).clamp(1, rest.len()));
        connection.receive(now);
        rest = later;
    }
}

/// Feeds `input` in three ways, which must agree on everything but how PONGs are coalesced.
fn all_ways(input: &[u8], limits: Limits) -> Outcome {
    let whole = converse(input, limits, |left| left);
    let single = converse(input, limits, |_| 1);
    assert_eq!((&whole.0, &whole.2), (&single.0, &single.2));
    let mut seed = 0x9e37_79b9_u32;
    for _ in 0..50 {
        let cut = converse(input, limits, |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 20) as usize % 700
        });
        assert_eq!((&whole.0, &whole.2), (&cut.0, &cut.2));
    }
    whole
}

fn greeted(more: &[u8]) -> Vec<u8> {
    let mut wire = Greeting::new(&Mechanism::Null).encode().to_vec();
    Command::Ready(Metadata::new(SocketType::Push, Bytes::new())).encode(&mut wire);
    wire.extend(more);
    wire
}

fn frame(more: bool, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Header { more, command: false, len: body.len() as u64 }.encode(&mut wire);
    wire.extend(body);
    wire
}

#[test]
fn case_029_any_split_of_a_session_gives_the_same_messages() {
    let bodies: Vec<Vec<u8>> = [0, 1, 64, 65, 255, 256, 1000, 9000].map(|len| vec![len as u8; len]).into();
    let mut wire: Vec<u8> = bodies.iter().flat_map(|body| frame(false, body)).collect();
    wire.extend(bodies.iter().flat_map(|body| frame(true, body)).chain(frame(false, b"end")));
    let (messages, answers, end) = all_ways(&greeted(&wire), Limits::default());
    assert_eq!(end, Ok(()));
    assert_eq!(messages.len(), bodies.len() + 1);
    assert!(messages.iter().zip(&bodies).all(|(message, body)| *message == body[..]));
    assert_eq!(messages[bodies.len()].frame_count(), bodies.len() + 1);
    assert_eq!(answers[64..], *b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL");
}

#[test]
fn a_large_body_is_delivered_for_every_split() {
    let body: Vec<u8> = (0..700_000_u32).map(|i| i as u8).collect();
    let wire =
        greeted(&[frame(false, &body), frame(false, b"x"), frame(true, &body), frame(false, b"y")].concat());
    for step in [1000, 8192, 65_536, usize::MAX] {
        let (messages, _, end) = converse(&wire, Limits::default(), |_| step);
        assert_eq!((messages.len(), end), (3, Ok(())));
        assert_eq!(messages[0], body[..]);
        assert_eq!((&messages[2][0], &messages[2][1]), (&body[..], &b"y"[..]));
    }
}

#[test]
fn case_030_a_ping_between_the_frames_of_a_message_is_answered_and_the_message_stays_whole() {
    let wire = greeted(b"\x01\x01a\x04\x0a\x04PING\0\0ctx\0\x02hi");
    let (messages, answers, end) = all_ways(&wire, Limits::default());
    assert_eq!((messages, end), (vec![Message::new("a").with("hi")], Ok(())));
    assert!(answers.ends_with(b"\x04\x08\x04PONGctx"));
}

#[test]
fn case_033_an_unknown_command_in_traffic_is_ignored() {
    let wire = greeted(b"\x04\x07\x03Foobar\0\x01a");
    assert_eq!(all_ways(&wire, Limits::default()).0, [Message::from("a")]);
}

#[test]
fn a_peer_of_version_3_0_is_spoken_to_in_3_0() {
    let mut wire = greeted(b"");
    wire[11] = 0;
    let mut connection = Connection::new(Config::new(SocketType::Pull));
    connection.receive(&wire);
    let Ok(Some(Event::Ready(remote))) = connection.poll_event(1) else { panic!() };
    assert_eq!((remote.version, remote.socket_type), (Version::V3_0, Some(SocketType::Push)));
}

#[test]
fn hostile_15_a_message_before_ready_is_refused_and_never_delivered() {
    let wire = [&Greeting::new(&Mechanism::Null).encode()[..], b"\0\x01a"].concat();
    assert_eq!(all_ways(&wire, Limits::default()).2, Err(Misbehaved::MessageBeforeReady.into()));
}

#[test]
fn hostile_16_a_second_ready_is_refused() {
    let ready = &greeted(b"")[64..];
    for between in [&b""[..], b"\0\x01a"] {
        let (messages, _, end) = all_ways(&greeted(&[between, ready].concat()), Limits::default());
        assert_eq!(messages.len(), usize::from(!between.is_empty()));
        assert_eq!(end, Err(Misbehaved::UnexpectedCommand("READY".into()).into()));
    }
}

#[test]
fn hostile_17_an_error_in_the_handshake_is_final_and_its_reason_is_escaped() {
    let wire = [&Greeting::new(&Mechanism::Null).encode()[..], b"\x04\x0c\x05ERROR\x05no\n\xff\x1b"].concat();
    let end = all_ways(&wire, Limits::default()).2.unwrap_err();
    assert_eq!(end, Denied { reason: r"no\n\xff\x1b".into() }.into());
    assert!(end.is_final());
}

#[test]
fn hostile_21_and_27_a_handshake_command_above_8_kib_is_refused_at_its_header() {
    for len in [8193_u64, 2 << 20, 64 << 20] {
        let mut wire = Greeting::new(&Mechanism::Null).encode().to_vec();
        Header { more: false, command: true, len }.encode(&mut wire);
        let end = all_ways(&wire, Limits::default()).2;
        assert_eq!(end, Err(Misbehaved::CommandTooLarge { size: len, limit: 8192 }.into()));
    }
}

#[test]
fn hostile_23_an_incompatible_or_bogus_socket_type_gets_an_error() {
    for name in ["PULL", "push", "PUSH2", "", "\u{1b}[2J"] {
        let mut wire = Greeting::new(&Mechanism::Null).encode().to_vec();
        let body = [b"\x05READY\x0bSocket-Type\0\0\0", &[name.len() as u8][..], name.as_bytes()].concat();
        Header { more: false, command: true, len: body.len() as u64 }.encode(&mut wire);
        wire.extend(body);
        let (_, answers, end) = all_ways(&wire, Limits::default());
        assert!(end.unwrap_err().is_incompatible());
        assert!(answers.ends_with(b"\x04\x1f\x05ERROR\x18incompatible socket type"));
    }
    let nameless = [&Greeting::new(&Mechanism::Null).encode()[..], b"\x04\x06\x05READY"].concat();
    assert_eq!(all_ways(&nameless, Limits::default()).2, Ok(()));
}

#[test]
fn hostile_29_and_33_a_message_above_its_limits_is_refused_at_the_header_that_shows_it() {
    let limits = Limits { max_message: 1000, max_frames: 4 };
    let large = Error::from(Misbehaved::MessageTooLarge { size: 1001, limit: 1000 });
    assert_eq!(all_ways(&greeted(&frame(false, &[0; 1000])), limits).2, Ok(()));
    assert_eq!(all_ways(&greeted(&frame(false, &[0; 1001])[..9]), limits).2, Err(large.clone()));
    let parts = [frame(true, &[0; 501]), frame(false, &[0; 500])[..9].to_vec()].concat();
    assert_eq!(all_ways(&greeted(&parts), limits).2, Err(large));
    let four = b"\x01\0\x01\0\x01\0\0\0\x01\0\x01\0\x01\0\0\0";
    assert_eq!(all_ways(&greeted(four), limits).0.len(), 2);
    let endless = all_ways(&greeted(&b"\x01\0".repeat(5)), limits).2;
    assert_eq!(endless, Err(Misbehaved::TooManyFrames { limit: 4 }.into()));
}

#[test]
fn hostile_32_a_command_with_more_closes_and_does_not_desynchronise() {
    let (messages, _, end) = all_ways(&greeted(b"\0\x01a\x05\x02\x01x\0\x01b"), Limits::default());
    assert_eq!((messages, end), (vec![Message::from("a")], Err(Malformed::FrameFlags(5).into())));
}

#[test]
fn a_connection_knows_when_it_is_in_the_middle_of_a_message() {
    let mut connection = Connection::new(Config::new(SocketType::Pull));
    assert!(connection.is_mid_message());
    connection.receive(&greeted(b""));
    connection.poll_event(9).unwrap();
    assert!(!connection.is_mid_message());
    for (bytes, mid) in [(&b"\0"[..], true), (b"\x01a", false), (b"\x01\x01b", true), (b"\0\0", false)] {
        connection.receive(bytes);
        while connection.poll_event(9).unwrap().is_some() {}
        assert_eq!(connection.is_mid_message(), mid, "{bytes:?}");
    }
}

#[test]
fn without_room_nothing_is_taken() {
    let mut connection = Connection::new(Config::new(SocketType::Pull));
    connection.receive(&greeted(b"\0\x01a"));
    assert!(matches!(connection.poll_event(0), Ok(Some(Event::Ready(_)))));
    assert!(matches!(connection.poll_event(0), Ok(None)));
    assert!(matches!(connection.poll_event(1), Ok(Some(Event::Messages(_)))));
}

#[test]
fn each_pong_is_told_once_and_nothing_else_counts_as_one() {
    let mut connection = Connection::new(Config::new(SocketType::Pull));
    connection.receive(&greeted(b"\x04\x05\x04PONG\x04\x08\x04PONGctx\x04\x07\x04PING\0\0\x04\x02\x01X"));
    assert!(matches!(connection.poll_event(1), Ok(Some(Event::Ready(_)))));
    assert_eq!(connection.take_pongs(), 0);
    assert!(matches!(connection.poll_event(1), Ok(None)));
    assert_eq!((connection.take_pongs(), connection.take_idle_commands()), (2, 4));
    assert_eq!(connection.take_pongs(), 0);
}

#[test]
fn subscriptions_are_told_as_commands_to_3_1_and_as_messages_to_3_0_and_heard_as_commands() {
    for (minor, expected) in
        [(1, &b"\x04\x0c\x09SUBSCRIBEab\x04\x09\x06CANCELab"[..]), (0, b"\0\x03\x01ab\0\x03\0ab")]
    {
        let mut connection = Connection::new(Config::new(SocketType::Sub));
        let mut input = greeted(b"");
        input[11] = minor;
        let ready = input.windows(4).position(|octets| octets == b"PUSH").unwrap();
        input.splice(ready..ready + 4, *b"XPUB");
        connection.receive(&input);
        assert!(matches!(connection.poll_event(1), Ok(Some(Event::Ready(_)))), "3.{minor}");
        connection.transmit();
        for wanted in [true, false] {
            connection.announce(Subscription { topic: "ab".into(), wanted });
        }
        assert_eq!(connection.transmit().unwrap(), expected);

        connection.receive(b"\x04\x0b\x09SUBSCRIBEc\x04\x08\x06CANCELc");
        for wanted in [true, false] {
            let expected = Subscription { topic: "c".into(), wanted };
            assert!(
                matches!(connection.poll_event(1), Ok(Some(Event::Subscription(heard))) if heard == expected)
            );
        }
    }
}

#[test]
fn only_a_denial_for_now_lets_a_peer_come_again() {
    for (denial, text, is_final) in [
        (Denial::ForNow, "300 (not now)", false),
        (Denial::Denied, "400 (denied)", true),
        (Denial::Failed, "500 (there was no decision)", true),
    ] {
        assert_eq!(denial.to_string(), text);
        assert_eq!(Error::Refused(denial).is_final(), is_final);
    }
}

/// What let strangers past CURVE and PLAIN in libzmq once (CVE-2014-7202): the mechanism is ours to say, whatever a peer
/// calls its own, and whatever comes behind.
#[test]
fn no_bytes_reach_ready_under_another_mechanism_than_the_configured_one() {
    let mechanisms = mechanisms();
    for (ours, theirs) in mechanisms.iter().flat_map(|one| mechanisms.iter().map(move |other| (one, other))) {
        let is_null = ours.name() == "NULL";
        let fit = ours.name() == theirs.name() && (is_null || ours.is_server() != theirs.is_server());
        for seed in 0..5 {
            let mut random = fastrand::Rng::with_seed(seed);
            let config = |socket_type, mechanism: &Mechanism| Config {
                mechanism: mechanism.clone(),
                ..Config::new(socket_type)
            };
            let mut ends = [(SocketType::Pull, ours), (SocketType::Push, theirs)]
                .map(|(socket_type, mechanism)| Connection::new(config(socket_type, mechanism)));
            let mut ready = [false; 2];
            for (round, from) in (0..6).flat_map(|round| [(round, 0), (round, 1)]) {
                let mut said = ends[from].transmit().unwrap_or_default();
                if round == 0 {
                    // It calls itself what the other one wants to hear, and never a server.
                    let wanted = Greeting::new([theirs, ours][from]).encode();
                    said[12..32].copy_from_slice(&wanted[12..32]);
                    said[32] = 0;
                }
                if seed > 0 && round > 0 && !said.is_empty() && random.bool() {
                    let at = random.usize(..said.len());
                    said[at] ^= 1 << random.u8(..8);
                }
                let to = &mut ends[1 - from];
                to.receive(&said);
                loop {
                    match to.poll_event(1) {
                        Ok(Some(Event::Asked(_))) => to.decide(Ok(crate::security::User::default())),
                        Ok(Some(Event::Ready(_))) => ready[1 - from] = true,
                        Ok(Some(event)) => panic!("{event:?} out of nothing"),
                        Ok(None) | Err(_) => break,
                    }
                }
            }
            let said = format!("{} and {}, seed {seed}", ours.name(), theirs.name());
            assert!(fit || ready == [false; 2], "{said}: {ready:?}");
            assert!(!fit || seed > 0 || ready == [true; 2], "{said}: {ready:?}");
        }
    }
}

/// Each in each role.
fn mechanisms() -> Vec<Mechanism> {
    #[cfg(feature = "curve")]
    let keys = || std::sync::Arc::new(crate::curve::KeyPair::generate().unwrap());
    #[cfg(feature = "curve")]
    let server = keys();
    vec![
        Mechanism::Null,
        Mechanism::NullAsking,
        Mechanism::PlainClient { username: "name".into(), password: Password::new("secret") },
        Mechanism::PlainServer,
        #[cfg(feature = "curve")]
        Mechanism::CurveClient { keys: keys(), server: server.public() },
        #[cfg(feature = "curve")]
        Mechanism::CurveServer { keys: server },
    ]
}
