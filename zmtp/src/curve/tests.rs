//! Do client and server agree, with each other and with recorded octets; and does whatever was altered stay outside?

use std::sync::Arc;

use super::boxes::{BoxKey, long_nonce, short_nonce};
use super::session::Role;
use super::*;

/// Random octets that a test has chosen.
struct Chosen(Vec<u8>);

impl Chosen {
    fn new(parts: &[(u8, usize)]) -> Self {
        Self(parts.iter().flat_map(|(octet, times)| vec![*octet; *times]).collect())
    }
}

impl Random for Chosen {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        if octets.len() > self.0.len() {
            return Err(NoRandomness);
        }
        let rest = self.0.split_off(octets.len());
        octets.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

/// The random octets of the recorded handshake, in the order in which they are drawn.
fn hello_random() -> Chosen {
    Chosen::new(&[(1, 32)])
}

fn initiate_random() -> Chosen {
    Chosen::new(&[(0x33, 16)])
}

fn welcome_random() -> Chosen {
    Chosen::new(&[(2, 32), (3, 32), (0x11, 16), (0x22, 16)])
}

fn keys(secret: &str) -> Arc<KeyPair> {
    Arc::new(secret.parse::<SecretKey>().unwrap().into())
}

fn client_keys() -> Arc<KeyPair> {
    keys("D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs")
}

fn server_keys() -> Arc<KeyPair> {
    keys("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6")
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

const DEALER: &[u8] = b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0";
const ROUTER: &[u8] = b"\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\0";

/// A handshake so far: both ends, and what was said.
struct Talk {
    client: Client,
    server: Server,
    hello: Vec<u8>,
}

impl Talk {
    /// HELLO is said.
    fn new() -> Self {
        let (client, hello) =
            Client::new(client_keys(), server_keys().public(), &mut hello_random()).unwrap();
        Self { client, server: Server::new(server_keys()), hello }
    }

    /// WELCOME.
    fn welcome(&mut self) -> Vec<u8> {
        self.server.hello(&self.hello, &mut welcome_random()).unwrap()
    }

    /// INITIATE.
    fn initiate(&mut self) -> Vec<u8> {
        let welcome = self.welcome();
        self.client.welcome(&welcome, DEALER, &mut initiate_random()).unwrap()
    }

    /// READY, and the server's session.
    fn ready(&mut self) -> (Vec<u8>, Session) {
        let initiate = self.initiate();
        self.server.initiate(&initiate).unwrap();
        self.server.ready(ROUTER).unwrap()
    }

    /// Both sessions.
    fn sessions(mut self) -> (Session, Session) {
        let (ready, server) = self.ready();
        (self.client.ready(&ready).unwrap().1, server)
    }
}

fn sealed(session: &mut Session, flags: Flags, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    session.seal(flags, payload, &mut frame).unwrap();
    frame
}

/// The body of a sealed frame.
fn body(session: &mut Session, payload: &[u8]) -> Vec<u8> {
    let frame = sealed(session, Flags::default(), payload);
    let (header, size) = crate::wire::Header::decode(&frame).unwrap().unwrap();
    assert_eq!(header.len, (frame.len() - size) as u64);
    assert!(!header.more && !header.command);
    frame[size..].to_vec()
}

#[test]
fn a_handshake_is_octet_by_octet_the_recorded_one() {
    let mut talk = Talk::new();
    let mut hello = b"\x05HELLO\x01\0".to_vec();
    hello.extend([0; 72]);
    hello.extend(hex("a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209 0000000000000001"));
    hello.extend(hex(
        "8373e6339d1671fc8c8e1bd8896fa8eb3caa99ee23ab921111a41f4bdd6ec09729dd00c5951d9619a1586b75e93f5b21
         80c86e7866a061a6ec676f7819da3d9c68b56b80edc36981cab1b7ef50882957",
    ));
    assert_eq!(talk.hello, hello);

    let welcome = talk.welcome();
    let mut expected = b"\x07WELCOME".to_vec();
    expected.extend([0x22; 16]);
    expected.extend(hex(
        "867345eeee3c32c8796a7ce58fdd17f86edc8f9a6611de570e5a3d5cc18eed7ed8cefe9b98139cdfae886db9286d0dd7
         c129edcdce1f2c5f1d390a73f4ebd009e8773942973d4011938e43b95c09b52404a1af2612661f19a364c9c369cfe68f
         f7253b4e6198006489b043e36cb786d9450213f7e60efb0ec1aa67552a4508aa8296e097d386c59554bc8003964e2a00",
    ));
    assert_eq!(welcome, expected);

    let initiate = talk.client.welcome(&welcome, DEALER, &mut initiate_random()).unwrap();
    let mut expected = b"\x08INITIATE".to_vec();
    expected.extend(hex(
        "111111111111111111111111111111116d7a9a10a675383ba214a1aca0064b5317f72727ab502ba44a6568b6e299c70a
         5e78771bfb479edbbcc9813b959c2d4303a5a5405228f6e019701bb4b21c300aa858fe62a435f269d51217e9415916c2
         0000000000000002",
    ));
    expected.extend(hex(
        "324a9b681d3a4c948c5a9a1215fb65235d0d6412f78edb8a330ea01a031b62ba262a7983e1b3d89971a4c8787979010d
         c6130f218dd48fef555a22740cdcaf961e6f00dde93085cd9ddb4a82a6daa1c3a427dd5e7f9204444df690e416fdc321
         bfcc68d913a87ea58e520767b8753dbc6e8e4cc164ed0d6636775883aaae4bef2a0c45ff5ef73db38c3c3d02854453bd
         83bf8e3e81bf46b9cb4b7b101983b59d33fe504dfa2d6ecdc1d5679ee15c7b7bf73197",
    ));
    assert_eq!(initiate, expected);

    let initiated = talk.server.initiate(&initiate).unwrap();
    assert_eq!(initiated, Initiated { client: client_keys().public(), metadata: DEALER.to_vec() });
    let (ready, mut server) = talk.server.ready(ROUTER).unwrap();
    let mut expected = b"\x05READY\0\0\0\0\0\0\0\x01".to_vec();
    expected.extend(hex(
        "82a251187f98b2804a02ab6d34eb1a9e8c8523db54e3e1ea33d4794898e5721f7fec0a9e7d437eb1c0d9d2b28b3ca26a
         dc718b",
    ));
    assert_eq!(ready, expected);

    let (metadata, mut client) = talk.client.ready(&ready).unwrap();
    assert_eq!(metadata, ROUTER);
    assert_eq!(
        sealed(&mut client, Flags::default(), b"hello"),
        hex("0026074d45535341474500000000000000031a8def1a40425bd3503ffccad34f779e5fee9c50a189"),
    );
    assert_eq!(
        sealed(&mut server, Flags { command: true, more: false }, b"\x04PING\0\0"),
        hex("0028074d455353414745000000000000000220700b2a60c5b4f4c8cd630c03b123d529967b080629a5c7"),
    );
}

/// A vouch box and an INITIATE around it, as a hostile client that has the secrets of its connection makes them.
fn forged(welcome: &[u8], vouched: [&[u8]; 2], vouching: &KeyPair, counter: u64) -> Vec<u8> {
    let transient = SecretKey::from_bytes([1; 32]);
    let ours = BoxKey::agree(&transient, &server_keys().public()).unwrap();
    let nonce = long_nonce(b"WELCOME-", welcome[8..24].try_into().unwrap());
    let content = ours.unbox(&nonce, &welcome[24..]).unwrap();
    let theirs = PublicKey::from_bytes(content[..32].try_into().unwrap());

    let mut vouch = Vec::new();
    let with = BoxKey::agree(vouching.secret(), &theirs).unwrap();
    with.append(&long_nonce(b"VOUCH---", &[9; 16]), &vouched, &mut vouch);
    let mut initiate = b"\x08INITIATE".to_vec();
    initiate.extend_from_slice(&content[32..]);
    initiate.extend_from_slice(&counter.to_be_bytes());
    BoxKey::agree(&transient, &theirs).unwrap().append(
        &short_nonce(b"CurveZMQINITIATE", counter),
        &[client_keys().public().as_bytes(), &[9; 16], &vouch],
        &mut initiate,
    );
    initiate
}

/// C' of the recorded handshake.
fn transient() -> PublicKey {
    SecretKey::from_bytes([1; 32]).public()
}

#[test]
fn both_ends_agree_with_keys_of_their_own_and_talk_both_ways() {
    let (ours, theirs) = (Arc::new(KeyPair::generate().unwrap()), Arc::new(KeyPair::generate().unwrap()));
    let (mut client, hello) = Client::new(Arc::clone(&ours), theirs.public(), &mut OsRandom).unwrap();
    let mut server = Server::new(theirs);
    let welcome = server.hello(&hello, &mut OsRandom).unwrap();
    let initiate = client.welcome(&welcome, b"", &mut OsRandom).unwrap();
    assert_eq!((hello.len(), welcome.len(), initiate.len()), (Client::HELLO, Server::WELCOME, 257));
    assert_eq!(server.initiate(&initiate).unwrap(), Initiated { client: ours.public(), metadata: vec![] });
    let (ready, mut server) = server.ready(b"").unwrap();
    assert_eq!(ready.len(), 30);
    let (_, mut client) = client.ready(&ready).unwrap();

    let mut random = fastrand::Rng::with_seed(26);
    for len in (0..400).chain([1024, 65_536]) {
        let payload: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
        for flags in
            [(false, false), (true, false), (false, true)].map(|(more, command)| Flags { more, command })
        {
            for way in 0..2 {
                let (from, to) =
                    if way == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
                let mut frame = sealed(from, flags, &payload);
                let size = if len + Session::OVERHEAD > 255 { 9 } else { 2 };
                assert_eq!(frame[0], if size == 9 { 2 } else { 0 });
                let body = &mut frame[size..];
                let (read, place) = to.open_in_place(body).unwrap();
                assert_eq!((read, &body[place]), (flags, &payload[..]));
            }
        }
    }
}

#[test]
fn the_short_way_seals_the_same_octets_as_the_long_one() {
    let key =
        || BoxKey::agree(&SecretKey::from_bytes([1; 32]), &SecretKey::from_bytes([2; 32]).public()).unwrap();
    for len in 0..300 {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        for (role, prefix) in [(Role::Client, b"CurveZMQMESSAGEC"), (Role::Server, b"CurveZMQMESSAGES")] {
            let counter = 0x0102_0304_0506_0708 + len;
            let body = body(&mut Session::new(key(), role, counter - 1, 0), &payload);

            let mut expected = Vec::new();
            key().append(&short_nonce(prefix, counter), &[&[0], &payload], &mut expected);
            assert_eq!(body[16..], expected, "{len}");
        }
    }
}

#[test]
fn a_command_has_its_size_and_no_other() {
    for size in [0, 5, 6, 199, 201] {
        let mut hello = Talk::new().hello;
        hello.resize(size, 0);
        let refused = Server::new(server_keys()).hello(&hello, &mut welcome_random()).unwrap_err();
        assert_eq!(
            refused,
            if size < 6 { Error::Name(Step::Hello) } else { Error::Size { step: Step::Hello, size } }
        );
    }
    for size in [8, 167, 169] {
        let mut talk = Talk::new();
        let mut welcome = talk.welcome();
        welcome.resize(size, 0);
        let refused = talk.client.welcome(&welcome, b"", &mut initiate_random()).unwrap_err();
        assert_eq!(refused, Error::Size { step: Step::Welcome, size });
    }
    for size in [9, 256, 8193] {
        let mut talk = Talk::new();
        let mut initiate = talk.initiate();
        initiate.resize(size, 0);
        assert_eq!(talk.server.initiate(&initiate), Err(Error::Size { step: Step::Initiate, size }));
    }
    for size in [6, 29, 8193] {
        let mut talk = Talk::new();
        let (mut ready, _) = talk.ready();
        ready.resize(size, 0);
        assert_eq!(talk.client.ready(&ready).unwrap_err(), Error::Size { step: Step::Ready, size });
    }
    for size in [8, 32] {
        let (mut client, mut server) = Talk::new().sessions();
        let mut message = body(&mut client, b"");
        message.truncate(size);
        assert_eq!(server.open_in_place(&mut message), Err(Error::Size { step: Step::Message, size }));
    }
}

#[test]
fn metadata_up_to_8_kib_passes() {
    let mut talk = Talk::new();
    let welcome = talk.welcome();
    let initiate = talk.client.welcome(&welcome, &[b'm'; 8192 - 257], &mut initiate_random()).unwrap();
    assert_eq!(talk.server.initiate(&initiate).unwrap().metadata, [b'm'; 8192 - 257]);
    let (ready, _) = talk.server.ready(&[b'm'; 8192 - 30]).unwrap();
    assert_eq!(talk.client.ready(&ready).unwrap().0, [b'm'; 8192 - 30]);
}

#[test]
fn only_version_1_0_is_spoken() {
    for (major, minor) in [(0, 0), (1, 1), (2, 0), (255, 255)] {
        let mut hello = Talk::new().hello;
        (hello[6], hello[7]) = (major, minor);
        let refused = Server::new(server_keys()).hello(&hello, &mut welcome_random()).unwrap_err();
        assert_eq!(refused, Error::Version { major, minor });
    }
}

#[test]
fn a_hello_for_another_server_key_does_not_open() {
    let hello = Talk::new().hello;
    let refused = Server::new(client_keys()).hello(&hello, &mut welcome_random()).unwrap_err();
    assert_eq!(refused, Error::Box(Step::Hello));
}

#[test]
fn a_hello_whose_box_holds_other_than_zeros_is_refused() {
    let mut hello = Talk::new().hello;
    hello.truncate(120);
    BoxKey::agree(&SecretKey::from_bytes([1; 32]), &server_keys().public()).unwrap().append(
        &short_nonce(b"CurveZMQHELLO---", 1),
        &[&[1; 64]],
        &mut hello,
    );
    let refused = Server::new(server_keys()).hello(&hello, &mut welcome_random()).unwrap_err();
    assert_eq!(refused, Error::Padding);
}

/// Row by row what INITIATE's inside can be wrong in; with nothing wrong it passes.
#[test]
fn a_vouch_is_for_this_connection_and_this_server_and_by_who_it_says() {
    let (client, server, other) = (client_keys(), server_keys().public(), KeyPair::generate().unwrap());
    let (here, there) = (transient(), other.public());
    for (vouched, by, expected) in [
        ([here, server], &*client, None),
        ([there, server], &client, Some(Error::VouchTransient)),
        ([here, there], &client, Some(Error::VouchServer)),
        ([here, server], &other, Some(Error::Vouch)),
    ] {
        let mut talk = Talk::new();
        let welcome = talk.welcome();
        let [transient, server] = &vouched;
        let initiate = forged(&welcome, [transient.as_bytes(), server.as_bytes()], by, 2);
        assert_eq!(talk.server.initiate(&initiate).err(), expected);
    }
}

/// R26-HELLO-17, 18.
#[test]
fn the_counter_of_initiate_is_above_that_of_hello() {
    for (counter, good) in
        [(0, false), (1, false), (2, true), (1000, true), (u64::MAX - 1, true), (u64::MAX, false)]
    {
        let mut talk = Talk::new();
        let welcome = talk.welcome();
        let vouched = [transient(), server_keys().public()];
        let [transient, server] = &vouched;
        let initiate = forged(&welcome, [transient.as_bytes(), server.as_bytes()], &client_keys(), counter);
        let refused = Error::Counter { step: Step::Initiate, counter, last: 1 };
        assert_eq!(talk.server.initiate(&initiate).err(), (!good).then_some(refused));
    }
}

/// R26-HELLO-12, R26-WELCOME-05, 09.
#[test]
fn a_hello_said_again_gets_another_welcome_each_time_and_none_on_the_same_connection() {
    let hello = Talk::new().hello;
    let mut servers: Vec<Server> = (0..100).map(|_| Server::new(server_keys())).collect();
    let welcomes: Vec<_> = servers.iter_mut().map(|one| one.hello(&hello, &mut OsRandom).unwrap()).collect();
    for (at, welcome) in welcomes.iter().enumerate() {
        assert!(welcomes[..at].iter().all(|other| other != welcome));
    }
    // And to the same connection it cannot be said twice.
    for server in &mut servers {
        assert_eq!(server.hello(&hello, &mut OsRandom), Err(Error::OutOfTurn(Step::Hello)));
    }
}

#[test]
fn hostile_60_an_initiate_with_the_cookie_of_another_connection_is_refused_and_so_is_an_old_welcome() {
    // The client's octets are the same each time; the server's are its own.
    let talk = || {
        let mut talk = Talk::new();
        let welcome = talk.server.hello(&talk.hello, &mut OsRandom).unwrap();
        (talk, welcome)
    };
    let (mut first, welcome) = talk();
    let initiate = first.client.welcome(&welcome, DEALER, &mut initiate_random()).unwrap();
    assert!(first.server.initiate(&initiate).is_ok());

    // Recorded, and said again on another connection that began with the same HELLO.
    let (mut second, _) = talk();
    assert_eq!(second.server.initiate(&initiate), Err(Error::Cookie));

    // A WELCOME that answered another HELLO.
    let (mut client, _) = Client::new(client_keys(), server_keys().public(), &mut OsRandom).unwrap();
    let refused = client.welcome(&welcome, DEALER, &mut initiate_random()).unwrap_err();
    assert_eq!(refused, Error::Box(Step::Welcome));

    // Said twice on one connection.
    assert_eq!(first.server.initiate(&initiate), Err(Error::OutOfTurn(Step::Initiate)));
}

/// One test for each exchange: C' in HELLO, S' in WELCOME, C in INITIATE, and S in the client's settings. Which points
/// are weak is in `boxes.rs`.
#[test]
fn hostile_61_a_weak_point_ends_the_handshake_wherever_it_comes() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut alias = *transient().as_bytes();
    alias[31] |= 0x80;
    for point in [[0; 32], one, alias] {
        let mut hello = Talk::new().hello;
        hello[80..112].copy_from_slice(&point);
        let refused = Server::new(server_keys()).hello(&hello, &mut welcome_random()).unwrap_err();
        assert_eq!(refused, Error::Point(Step::Hello));

        let mut talk = Talk::new();
        let mut welcome = b"\x07WELCOME".to_vec();
        welcome.extend([5; 16]);
        BoxKey::agree(server_keys().secret(), &transient()).unwrap().append(
            &long_nonce(b"WELCOME-", &[5; 16]),
            &[&point, &[0; 96]],
            &mut welcome,
        );
        let refused = talk.client.welcome(&welcome, b"", &mut initiate_random()).unwrap_err();
        assert_eq!(refused, Error::Point(Step::Welcome));

        let mut talk = Talk::new();
        let welcome = talk.welcome();
        let theirs = SecretKey::from_bytes([2; 32]).public();
        let ours = BoxKey::agree(&SecretKey::from_bytes([1; 32]), &theirs).unwrap();
        let mut initiate = talk.client.welcome(&welcome, b"", &mut initiate_random()).unwrap();
        initiate.truncate(113);
        ours.append(&short_nonce(b"CurveZMQINITIATE", 2), &[&point, &[0; 96]], &mut initiate);
        assert_eq!(talk.server.initiate(&initiate), Err(Error::Point(Step::Initiate)));

        let refused = Client::new(client_keys(), point.into(), &mut hello_random()).unwrap_err();
        assert_eq!(refused, Error::ServerKey);
    }
}

#[test]
fn hostile_62_a_counter_said_again_or_lower_or_the_last_one_or_a_bad_tag_is_refused() {
    let refused = |counter, last| Err(Error::Counter { step: Step::Message, counter, last });
    for len in [5, 5000] {
        let (mut client, mut server) = Talk::new().sessions();
        let payload = vec![b'x'; len];
        let messages: Vec<_> = (0..4).map(|_| body(&mut client, &payload)).collect();
        let [third, fourth, fifth, sixth] = &messages[..] else { panic!() };

        // A bad tag changes nothing: neither the octets nor what is expected next.
        let mut altered = fourth.clone();
        altered[35] ^= 1;
        let before = altered.clone();
        assert_eq!(server.open_in_place(&mut altered), Err(Error::Box(Step::Message)));
        assert_eq!(altered, before);

        // Gaps are allowed, and there is no way back.
        assert!(server.open_in_place(&mut fourth.clone()).is_ok());
        assert_eq!(server.open_in_place(&mut fourth.clone()), refused(4, 4));
        assert_eq!(server.open_in_place(&mut third.clone()), refused(3, 4));
        assert!(server.open_in_place(&mut sixth.clone()).is_ok());
        assert_eq!(server.open_in_place(&mut fifth.clone()), refused(5, 6));
        // The counter is part of the nonce: with another one the tag is wrong.
        let mut raised = fifth.clone();
        raised[15] = 7;
        assert_eq!(server.open_in_place(&mut raised), Err(Error::Box(Step::Message)));
    }

    // Before the first MESSAGE, the counter of INITIATE or READY is the latest.
    let key =
        || BoxKey::agree(&SecretKey::from_bytes([1; 32]), &SecretKey::from_bytes([2; 32]).public()).unwrap();
    let (mut client, mut server) = Talk::new().sessions();
    let mut as_initiate = body(&mut Session::new(key(), Role::Client, 1, 0), b"");
    assert_eq!(server.open_in_place(&mut as_initiate), refused(2, 2));
    let mut as_ready = body(&mut Session::new(key(), Role::Server, 0, 0), b"");
    assert_eq!(client.open_in_place(&mut as_ready), refused(1, 1));

    // The last counter is refused from others, and our own stop before it.
    let mut message = b"\x07MESSAGE\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    key().append(&short_nonce(b"CurveZMQMESSAGEC", u64::MAX), &[&[0]], &mut message);
    assert_eq!(server.open_in_place(&mut message), refused(u64::MAX, 2));
    let mut old = Session::new(key(), Role::Client, u64::MAX - 2, 0);
    let mut last = body(&mut old, b"the last one");
    assert!(server.open_in_place(&mut last).is_ok());
    for _ in 0..2 {
        let mut out = b"kept".to_vec();
        assert_eq!(old.seal(Flags::default(), b"one more", &mut out), Err(Error::Exhausted));
        assert_eq!(out, b"kept");
    }
}

#[test]
fn a_message_goes_one_way_only() {
    let (mut client, mut server) = Talk::new().sessions();
    let mut own = body(&mut client, b"hello");
    assert_eq!(client.open_in_place(&mut own), Err(Error::Box(Step::Message)));
    assert!(server.open_in_place(&mut own).is_ok());
}

#[test]
fn flags_that_mean_nothing_are_refused() {
    let (mut client, mut server) = Talk::new().sessions();
    let both = Flags { more: true, command: true };
    assert_eq!(client.seal(both, b"", &mut Vec::new()), Err(Error::Flags(3)));
    for flags in 3..=255 {
        let key =
            BoxKey::agree(&SecretKey::from_bytes([1; 32]), &SecretKey::from_bytes([2; 32]).public()).unwrap();
        let counter = u64::from(flags);
        let mut message = [&b"\x07MESSAGE"[..], &counter.to_be_bytes()].concat();
        key.append(&short_nonce(b"CurveZMQMESSAGEC", counter), &[&[flags]], &mut message);
        assert_eq!(server.open_in_place(&mut message), Err(Error::Flags(flags)));
    }
}

#[test]
fn a_command_out_of_turn_is_an_error_and_after_an_error_everything_is() {
    let mut talk = Talk::new();
    assert_eq!(talk.client.ready(b"").unwrap_err(), Error::OutOfTurn(Step::Ready));
    assert_eq!(talk.client.welcome(b"", b"", &mut OsRandom), Err(Error::OutOfTurn(Step::Welcome)));

    let mut talk = Talk::new();
    assert_eq!(talk.server.ready(b"").unwrap_err(), Error::OutOfTurn(Step::Ready));
    assert_eq!(talk.server.hello(&talk.hello, &mut OsRandom), Err(Error::OutOfTurn(Step::Hello)));

    let mut talk = Talk::new();
    talk.welcome();
    assert_eq!(talk.server.initiate(b"\x05READY"), Err(Error::Name(Step::Initiate)));
    assert_eq!(talk.server.initiate(b"\x05READY"), Err(Error::OutOfTurn(Step::Initiate)));

    let (mut client, _) = Talk::new().sessions();
    assert_eq!(client.open_in_place(&mut b"\x04PING\0\0".to_vec()), Err(Error::Name(Step::Message)));
}

#[test]
fn without_randomness_there_is_no_handshake() {
    let none = &mut Chosen::new(&[]);
    let error = Error::Randomness(NoRandomness);
    assert_eq!(Client::new(client_keys(), server_keys().public(), none).unwrap_err(), error);
    let mut talk = Talk::new();
    assert_eq!(talk.server.hello(&talk.hello, &mut Chosen::new(&[(2, 95)])), Err(error));
    let mut talk = Talk::new();
    let welcome = talk.welcome();
    assert_eq!(talk.client.welcome(&welcome, b"", none), Err(error));
}

/// Every single bit of the handshake, and of a short and a long MESSAGE.
#[test]
fn a_flipped_bit_anywhere_never_passes() {
    let flips = |octets: &[u8]| {
        let octets = octets.to_vec();
        (0..octets.len() * 8).map(move |bit| {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        })
    };
    let hello = Talk::new().hello;
    for flipped in flips(&hello) {
        assert!(Server::new(server_keys()).hello(&flipped, &mut welcome_random()).is_err());
    }
    let welcome = Talk::new().welcome();
    for flipped in flips(&welcome) {
        assert!(Talk::new().client.welcome(&flipped, b"", &mut initiate_random()).is_err());
    }

    // From here on one exchange for each bit would take long: the states are put together by hand.
    let key =
        || BoxKey::agree(&SecretKey::from_bytes([1; 32]), &SecretKey::from_bytes([2; 32]).public()).unwrap();
    let mut random = fastrand::Rng::with_seed(62);
    let initiate = Talk::new().initiate();
    for flipped in flips(&initiate).filter(|_| random.u8(..) < 32) {
        let mut talk = Talk::new();
        talk.welcome();
        assert!(talk.server.initiate(&flipped).is_err());
    }
    let (ready, _) = Talk::new().ready();
    for flipped in flips(&ready) {
        assert!(
            Client::awaiting_ready(client_keys(), server_keys().public(), key()).ready(&flipped).is_err()
        );
    }
    for len in [0, 60, 500] {
        let (mut client, mut server) = Talk::new().sessions();
        let message = body(&mut client, &vec![7; len]);
        for mut flipped in flips(&message) {
            let before = flipped.clone();
            assert!(server.open_in_place(&mut flipped).is_err());
            assert_eq!(flipped, before);
        }
        assert!(server.open_in_place(&mut message.clone()).is_ok());
    }
}

#[test]
fn whatever_comes_is_read_or_refused() {
    let mut random = fastrand::Rng::with_seed(59);
    let names: [&[u8]; 6] =
        [b"\x05HELLO", b"\x07WELCOME", b"\x08INITIATE", b"\x05READY", b"\x07MESSAGE", b""];
    let (mut session, _) = Talk::new().sessions();
    for _ in 0..2000 {
        let mut octets = random.choice(names).unwrap().to_vec();
        octets.resize_with(octets.len() + random.usize(..400), || random.u8(..));
        let mut talk = Talk::new();
        assert!(talk.server.hello(&octets, &mut OsRandom).is_err());
        assert!(talk.client.welcome(&octets, b"", &mut OsRandom).is_err());
        assert!(session.open_in_place(&mut octets).is_err());
    }
}

#[test]
fn neither_sealing_nor_opening_allocates() {
    let (mut client, mut server) = Talk::new().sessions();
    let mut out = Vec::with_capacity(70_000);
    for len in [0, 64, 1024, 65_536] {
        let payload = vec![1; len];
        let allocated = allocation_counter::measure(|| {
            out.clear();
            client.seal(Flags::default(), &payload, &mut out).unwrap();
            let at = if len > 222 { 9 } else { 2 };
            server.open_in_place(&mut out[at..]).unwrap();
        });
        assert_eq!(allocated.count_total, 0, "{len}");
    }
}

#[test]
fn an_error_says_what_where_and_what_to_do() {
    for (error, text) in [
        (
            Error::Box(Step::Hello),
            "the box of HELLO does not open: the client was most likely given another server key than ours",
        ),
        (
            Error::Size { step: Step::Welcome, size: 3 },
            "WELCOME of 3 octets, where exactly 168 are due: the peer does not speak CURVE 1.0",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
