//! Rows 13 and 57 to 63: PLAIN, CURVE, and whoever decides who comes in.

use std::collections::HashSet;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use support::{Door, Peer, command, failure, frame, greeting, ready, within};
use zmtp::curve::{self, Flags, OsRandom, Server, Step};
use zmtp::wire::{Error, Incompatible, Malformed, Misbehaved};
use zmtp::{Cause, Curve, Denial, Event, Plain, PullSocket, PushSocket};
use zmtp_libzmq::SocketType;

use crate::arena::{Arena, DEFAULTS, Settings, blame, both};
use crate::guard::{
    Guard, client_keys, curve_client, curve_command, curve_hello, let_in, metadata, plain_hello, server_keys,
};

const PLAIN: Settings = Settings { guard: Guard::Plain, ..DEFAULTS };
const CURVE: Settings = Settings { guard: Guard::Curve, ..DEFAULTS };

/// That nobody says so is no trouble: libzmq, the good peer, never does.
#[tokio::test]
async fn hostile_13_two_servers_are_closed() {
    for settings in [PLAIN, CURVE] {
        both(settings, async |arena| {
            let mut peer = arena.attacker().await;
            peer.send(greeting().mechanism(settings.guard.name()).octet(32, 1)).await;
            peer.rest().await;
            assert_eq!(blame(arena.handshake_failed().await), Incompatible::TwoServers.into());
        })
        .await;
    }
}

#[tokio::test]
async fn hostile_57_a_hello_is_read_to_the_letter_and_refused_in_one_way() {
    both(PLAIN, async |arena| {
        // Cut, or longer than it says.
        for odd in [
            &b""[..],
            b"\x01",
            b"\x04good",
            b"\x04good\x06secre",
            b"\x04good\x06secretX",
            b"\xffgood\x06secret",
        ] {
            expect_end(arena, command("HELLO", odd), b"", Malformed::Command("HELLO").into()).await;
        }
        // Before HELLO, or instead of it.
        let unexpected = |name: &str| Error::from(Misbehaved::UnexpectedCommand(name.into()));
        expect_end(arena, ready(arena.partner()), b"", unexpected("READY")).await;
        expect_end(arena, command("INITIATE", metadata(arena.partner())), b"", unexpected("INITIATE")).await;
        expect_end(arena, frame("early"), b"", Misbehaved::MessageBeforeReady.into()).await;
        // The right one in another spelling, and every other one: all get the same octets.
        let (longest, denied) = ([b'u'; 255], command("ERROR", b"\x03400"));
        let wrong: [(&[u8], &[u8]); 9] = [
            (b"", b""),
            (b"good", b""),
            (b"", b"secret"),
            (b"good\0", b"secret"),
            (b"good", b"secret\0"),
            (b"good", b"secre"),
            (b"GOOD", b"secret"),
            (b"nobody", b"secret"),
            (&longest, &longest),
        ];
        for (username, password) in wrong {
            let hello = plain_hello(username, password).split_off(64);
            expect_end(arena, hello, &denied, Error::Refused(Denial::Denied)).await;
        }
        // Who is welcome has said nothing of itself yet: a second HELLO and a message are too early.
        for (early, error) in [
            (plain_hello("good", "secret").split_off(64), unexpected("HELLO")),
            (frame("early"), Misbehaved::MessageBeforeReady.into()),
        ] {
            let hello = plain_hello("good", "secret").split_off(64);
            expect_end(arena, [hello, early].concat(), &command("WELCOME", ""), error).await;
        }
    })
    .await;
}

/// After a greeting this is said: the answer is that, and the connection ends for this reason.
async fn expect_end(arena: &mut Arena, said: impl Into<Vec<u8>>, answer: &[u8], error: Error) {
    let mut peer = arena.attacker().await;
    peer.send([Vec::from(greeting().mechanism("PLAIN")), said.into()].concat()).await;
    peer.read(64).await;
    let answered = peer.rest().await;
    assert!(answered == answer, "{}", answered.escape_ascii());
    assert_eq!(blame(arena.handshake_failed().await), error);
}

/// This host itself, by its address in the network, is a stranger here.
#[tokio::test]
async fn hostile_58_plain_with_another_host_is_told_once_or_denied() {
    let Some(network) = network() else { return eprintln!("this host has no network: nothing to be shown") };
    let everywhere = format!("tcp://{network}:*");
    for denies in [false, true] {
        let mut pull =
            PullSocket::builder().security(Guard::Plain.security()).deny_plaintext_remote(denies).build();
        let mut monitor = pull.monitor();
        let here = pull.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
        let there = pull.bind(everywhere.as_str()).await.unwrap().to_string();
        let good = Guard::Plain.connected(SocketType::Push, &here).await;
        good.send("good").await;
        assert_eq!(within(20, pull.recv()).await.unwrap(), "good");

        let (mut told, mut failed) = (0, 0);
        for number in 1..=3 {
            let mut peer = Peer::connect(&there).await;
            if denies {
                peer.try_send(plain_hello("good", "secret")).await.ok();
                assert!(peer.rest().await.is_empty(), "it says nothing, not even what it speaks");
            } else {
                peer.send(plain_hello("good", "secret")).await;
                peer.read(64).await;
                peer.expect(command("WELCOME", "")).await;
            }
            drop(peer);
            while failed < number {
                match within(20, monitor.next()).await.unwrap() {
                    Event::PlaintextRemote { endpoint, address } => {
                        assert_eq!(endpoint.to_string(), there);
                        assert!(address.starts_with(&network.to_string()), "{address}");
                        told += 1;
                    }
                    Event::HandshakeFailed { cause, endpoint, .. } => {
                        assert_eq!(matches!(cause, Cause::PlaintextRemote), denies, "{cause}");
                        assert_eq!(endpoint.to_string(), there);
                        failed += 1;
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(told, u32::from(!denies));
        good.send("still good").await;
        assert_eq!(within(20, pull.recv()).await.unwrap(), "still good");

        // Who dials has more to lose: with the option no password leaves.
        let door = Door::open_at(network).await;
        let push = PushSocket::builder()
            .security(Plain::client("me", "secret").unwrap())
            .deny_plaintext_remote(denies)
            .build();
        let mut monitor = push.monitor();
        push.connect(door.endpoint()).unwrap();
        let mut peer = door.accept().await;
        if denies {
            peer.expect_close().await;
            let cause = failure(&mut monitor).await;
            assert!(matches!(cause, Cause::PlaintextRemote) && cause.is_final(), "{cause}");
        } else {
            peer.send(greeting().mechanism("PLAIN").octet(32, 1)).await;
            peer.read(64).await;
            peer.expect(command("HELLO", b"\x02me\x06secret")).await;
        }
    }
}

/// The address of this host that others see, if there is one.
fn network() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // No packet is sent.
    socket.connect("192.0.2.1:9").ok()?;
    let ours = socket.local_addr().ok()?.ip();
    (!ours.is_loopback()).then_some(ours)
}

#[tokio::test]
async fn hostile_59_hellos_cost_little_and_one_that_is_repeated_gets_a_welcome_that_helps_nobody() {
    const MANY: usize = 200;
    // All of one host.
    both(Settings { pending_handshakes: 8 * MANY, ..CURVE }, async |arena| {
        let (_, hello) = curve_client();
        let (mut waiting, mut welcomes) = (Vec::new(), HashSet::new());
        for _ in 0..MANY {
            let mut peer = arena.attacker().await;
            peer.send(curve_hello(&hello)).await;
            waiting.push(peer);
        }
        for peer in &mut waiting {
            peer.read(64).await;
            let welcome = peer.frame().await.body;
            assert!(welcome.len() == 168 && welcomes.insert(welcome), "each is new");
        }
        arena.expect_service().await;
        let held = arena.memory() / MANY as u64;
        assert!(held <= 24 << 10, "{held} octets each, the attackers' own ends included");
        assert_eq!(arena.peers().await.len(), 1);
        // And none gets a second one.
        for mut peer in waiting {
            peer.send(curve_command(&hello)).await;
            peer.expect_close().await;
            let error = curve::Error::Name(Step::Initiate);
            assert_eq!(blame(arena.handshake_failed().await), error.into());
        }
        // One that is cut, of another version, or for another key.
        let change = |at: usize, to: u8| {
            let mut changed = hello.clone();
            changed[at] = to;
            changed
        };
        for (odd, error) in [
            (hello[..199].to_vec(), curve::Error::Size { step: Step::Hello, size: 199 }),
            (change(6, 2), curve::Error::Version { major: 2, minor: 0 }),
            (change(50, 1), curve::Error::Padding),
            (change(199, hello[199] ^ 1), curve::Error::Box(Step::Hello)),
        ] {
            closed_without_a_word(arena, curve_hello(&odd), error).await;
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_60_an_initiate_of_another_connection_is_closed() {
    both(CURVE, async |arena| {
        // Of a connection that is there, and of one that is gone.
        let mut one = arena.attacker().await;
        let (mut client, hello) = curve_client();
        one.send(curve_hello(&hello)).await;
        one.read(64).await;
        let welcome = one.frame().await.body;
        let initiate = client.welcome(&welcome, &metadata(arena.partner()), &mut OsRandom).unwrap();
        for _ in 0..2 {
            let mut other = arena.attacker().await;
            other.send([curve_hello(&hello), curve_command(&initiate)].concat()).await;
            other.read(64).await;
            other.frame().await;
            other.expect_close().await;
            assert_eq!(blame(arena.handshake_failed().await), curve::Error::Cookie.into());
        }
        one.send(curve_command(&initiate)).await;
        client.ready(&one.frame().await.body).unwrap();
        // On its own connection it is none too, the second time.
        one.send(curve_command(&initiate)).await;
        one.rest().await;
        assert_eq!(blame(arena.disconnected().await), curve::Error::Name(Step::Message).into());
        let mut late = arena.attacker().await;
        late.send([curve_hello(&hello), curve_command(&initiate)].concat()).await;
        late.rest().await;
        assert_eq!(blame(arena.handshake_failed().await), curve::Error::Cookie.into());
    })
    .await;
}

/// The attacker listens here.
#[tokio::test]
async fn hostile_60_an_old_welcome_is_closed_by_the_client() {
    let door = Door::open().await;
    let push = PushSocket::builder().security(Curve::client(client_keys(), server_keys().public())).build();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();
    let mut old = None;
    for _ in 0..3 {
        let mut peer = door.accept().await;
        peer.send(greeting().mechanism("CURVE").octet(32, 1)).await;
        peer.read(64).await;
        let hello = peer.frame().await.body;
        match &old {
            None => {
                let mut server = Server::new(Arc::new(server_keys()));
                let welcome = server.hello(&hello, &mut OsRandom).unwrap();
                peer.send(curve_command(&welcome)).await;
                server.initiate(&peer.frame().await.body).unwrap();
                old = Some(welcome);
                drop(peer);
                assert!(matches!(failure(&mut monitor).await, Cause::PeerClosed));
            }
            Some(welcome) => {
                peer.send(curve_command(welcome)).await;
                peer.expect_close().await;
                assert_eq!(blame(failure(&mut monitor).await), curve::Error::Box(Step::Welcome).into());
            }
        }
    }
}

#[tokio::test]
async fn hostile_61_a_weak_point_is_closed_before_its_box_is_looked_at() {
    both(CURVE, async |arena| {
        let (_, hello) = curve_client();
        for point in weak_points() {
            let mut weak = hello.clone();
            weak[80..112].copy_from_slice(&point);
            closed_without_a_word(arena, curve_hello(&weak), curve::Error::Point(Step::Hello)).await;
        }
    })
    .await;
}

/// Points whose multiples are few, points that are no number below 2^255-19, and the first ones with the top bit set.
fn weak_points() -> Vec<[u8; 32]> {
    let from = |lowest: u8, others: u8, highest: u8| {
        let mut point = [others; 32];
        (point[0], point[31]) = (lowest, highest);
        point
    };
    let eight = *b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\
        \xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00";
    let mut points = vec![from(0, 0, 0), from(1, 0, 0), eight];
    points.extend([0xec, 0xed, 0xee, 0xff].map(|lowest| from(lowest, 0xff, 0x7f)));
    for mut point in points.clone() {
        point[31] |= 0x80;
        points.push(point);
    }
    // The base point, in a way that nobody writes it.
    points.push(from(9, 0, 0x80));
    points
}

#[tokio::test]
async fn hostile_62_a_message_that_is_repeated_late_or_altered_is_closed() {
    both(CURVE, async |arena| {
        let counter = |counter, last| curve::Error::Counter { step: Step::Message, counter, last };
        let altered = curve::Error::Box(Step::Message);
        for (attack, error) in [
            // INITIATE was the second command, so these are the third to the fifth.
            (Attack::Again, counter(5, 5)),
            (Attack::Skipped, counter(4, 5)),
            (Attack::Bit(2 + 20), altered),
            (Attack::Bit(2 + 33), altered),
            (Attack::HighestCounter, altered),
            (Attack::Cut, curve::Error::Size { step: Step::Message, size: 32 }),
            (Attack::InClear, curve::Error::Name(Step::Message)),
        ] {
            let mut peer = arena.attacker().await;
            let mut session = let_in(&mut peer, arena.partner()).await;
            let [first, skipped, third, mut fourth] = ["first", "skipped", "third", "fourth"].map(|text| {
                let mut sealed = Vec::new();
                session.seal(Flags::default(), text.as_bytes(), &mut sealed).unwrap();
                sealed
            });
            peer.send([&first[..], &third].concat()).await;
            if arena.is_pull {
                assert_eq!(arena.delivered().await, "first");
                assert_eq!(arena.delivered().await, "third");
            }
            let attack = match attack {
                Attack::Again => third,
                Attack::Skipped => skipped,
                Attack::Bit(octet) => {
                    fourth[octet] ^= 1;
                    fourth
                }
                Attack::HighestCounter => {
                    fourth[10..18].fill(0xff);
                    fourth
                }
                Attack::Cut => frame(&fourth[2..34]),
                Attack::InClear => frame("in clear"),
            };
            // What comes behind it is not heard.
            let _ = peer.try_send([attack, first].concat()).await;
            peer.rest().await;
            assert_eq!(blame(arena.disconnected().await), error.into());
        }
    })
    .await;
}

#[derive(Debug, Clone, Copy)]
enum Attack {
    Again,
    Skipped,
    Bit(usize),
    HighestCounter,
    Cut,
    InClear,
}

#[tokio::test]
async fn hostile_63_an_authenticator_that_panics_waits_or_babbles_denies_and_disturbs_nobody() {
    let limit = Duration::from_secs(2);
    both(Settings { handshake_timeout: limit, ..PLAIN }, async |arena| {
        let failed = command("ERROR", b"\x03500");
        for name in ["panics", "babbles"] {
            let hello = plain_hello(name, "").split_off(64);
            expect_end(arena, hello, &failed, Error::Refused(Denial::Failed)).await;
        }
        // The process keeps the debug information that it has read for the panic's backtrace.
        arena.forgive_memory();
        // Told to come later: without a word.
        let later = plain_hello("later", "").split_off(64);
        expect_end(arena, later, b"", Error::Refused(Denial::ForNow)).await;

        // While many wait, others are let in.
        let mut waiting = Vec::new();
        for _ in 0..100 {
            let mut peer = arena.attacker().await;
            peer.send(plain_hello("waits", "")).await;
            waiting.push(peer);
        }
        let mut good = arena.attacker().await;
        good.send(plain_hello("good", "secret")).await;
        good.read(64).await;
        good.expect(command("WELCOME", "")).await;
        arena.expect_service().await;
        drop(good);
        for mut peer in waiting {
            peer.read(64).await;
            peer.expect_close().await;
        }
        let mut late = 0;
        while late < 100 {
            match arena.handshake_failed().await {
                Cause::HandshakeTimeout(_) => late += 1,
                Cause::PeerClosed => {}
                other => panic!("{other}"),
            }
        }
    })
    .await;
}

async fn closed_without_a_word(arena: &mut Arena, said: Vec<u8>, error: curve::Error) {
    let mut peer = arena.attacker().await;
    peer.send(said).await;
    peer.read(64).await;
    peer.expect_close().await;
    assert_eq!(blame(arena.handshake_failed().await), error.into());
}
