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
fn client_random() -> Chosen {
    Chosen::new(&[(1, 32), (0x33, 16)])
}

fn server_random() -> Chosen {
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
            Client::new(client_keys(), server_keys().public(), &mut client_random()).unwrap();
        Self { client, server: Server::new(server_keys()), hello }
    }

    /// WELCOME.
    fn welcome(&mut self) -> Vec<u8> {
        self.server.hello(&self.hello, &mut server_random()).unwrap()
    }

    /// INITIATE.
    fn initiate(&mut self) -> Vec<u8> {
        let welcome = self.welcome();
        self.client.welcome(&welcome, DEALER, &mut Chosen::new(&[(0x33, 16)])).unwrap()
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

    let initiate = talk.client.welcome(&welcome, DEALER, &mut Chosen::new(&[(0x33, 16)])).unwrap();
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
