//! The server's half of the handshake: WELCOME, READY, and what it makes of HELLO and INITIATE.
//!
//! # What a server remembers of a stranger
//!
//! Between WELCOME and INITIATE a server keeps one key K and one counter, and no key of the connection: s' and C' are
//! in the cookie, which the client brings back (R26-HELLO-13, 14, R26-INIT-01). K is made for one connection, as in
//! libzmq, and forgotten when INITIATE has come or the connection has gone (R26-WELCOME-08). A K for all connections
//! would save 32 octets beside a TCP connection that needs kilobytes. And it would cost: while such a K lived, who
//! repeated a recorded INITIATE on a second connection would be answered with the keys, and the counters, of the first
//! one, so that the same nonces would seal other messages. With a K for each connection an old cookie never opens.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::MAX_COMMAND;
use super::boxes::{BoxKey, TAG, long_nonce, short_nonce};
use super::client::{Client, VOUCH, expect};
use super::error::{Error, Step};
use super::keys::{KeyPair, PublicKey, SecretKey};
use super::random::Random;
use super::session::{Role, Session};

/// A server, for one client that has connected.
///
/// After an error it is over, and answers [`Error::OutOfTurn`] to everything.
#[derive(Debug)]
pub struct Server {
    keys: Arc<KeyPair>,
    state: State,
}

#[derive(Debug)]
enum State {
    Hello,
    /// WELCOME is made. `counter` is that of HELLO.
    Initiate {
        cookie_key: BoxKey,
        counter: u64,
    },
    /// INITIATE has come, and the application decides. `counter` is that of INITIATE.
    Decide {
        shared: BoxKey,
        counter: u64,
    },
    /// READY is made, or something was wrong.
    Over,
}

/// What INITIATE has proved and told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiated {
    /// C: the client has the secret key to it. Whether it may come in is the application's to say (R26-INIT-15).
    pub client: PublicKey,
    /// What the client says of itself, as it came.
    pub metadata: Vec<u8>,
}

impl Server {
    /// Octets of a WELCOME body (R26-WELCOME-02).
    pub const WELCOME: usize = 168;

    /// Waits for HELLO.
    pub fn new(keys: Arc<KeyPair>) -> Self {
        Self { keys, state: State::Hello }
    }

    /// Takes the body of HELLO and gives that of WELCOME (R26-WELCOME-01).
    ///
    /// Takes 96 octets of `random`: 32 for s', 32 for K, 16 for the cookie's nonce and 16 for WELCOME's
    /// (R26-HELLO-12, R26-WELCOME-05, 09).
    ///
    /// # Errors
    /// What is wrong with HELLO (R26-HELLO-10). Close without a word (R26-HELLO-11).
    pub fn hello(&mut self, body: &[u8], random: &mut dyn Random) -> Result<Vec<u8>, Error> {
        let State::Hello = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::OutOfTurn(Step::Hello));
        };
        let Hello { theirs, counter, shared } = Hello::open(body, &self.keys)?;

        let transient = KeyPair::draw(random)?;
        let mut cookie_key = Zeroizing::new([0; 32]);
        let (mut cookie_nonce, mut nonce) = ([0; 16], [0; 16]);
        random.fill(&mut *cookie_key)?;
        random.fill(&mut cookie_nonce)?;
        random.fill(&mut nonce)?;
        let cookie_key = BoxKey::alone(cookie_key);

        let mut cookie = Vec::with_capacity(COOKIE);
        cookie.extend_from_slice(&cookie_nonce);
        cookie_key.append(
            &long_nonce(b"COOKIE--", &cookie_nonce),
            &[theirs.as_bytes(), transient.secret().as_bytes()],
            &mut cookie,
        );

        let mut welcome = Vec::with_capacity(Self::WELCOME);
        welcome.extend_from_slice(b"\x07WELCOME");
        welcome.extend_from_slice(&nonce);
        shared.append(
            &long_nonce(b"WELCOME-", &nonce),
            &[transient.public().as_bytes(), &cookie],
            &mut welcome,
        );
        self.state = State::Initiate { cookie_key, counter };
        Ok(welcome)
    }

    /// Takes the body of INITIATE. The client is then known by its key, and [`ready`](Self::ready) lets it in.
    ///
    /// # Errors
    /// What is wrong with INITIATE (R26-INIT-13).
    pub fn initiate(&mut self, body: &[u8]) -> Result<Initiated, Error> {
        let State::Initiate { cookie_key, counter: last } = std::mem::replace(&mut self.state, State::Over)
        else {
            return Err(Error::OutOfTurn(Step::Initiate));
        };
        let rest = expect(body, b"\x08INITIATE", Step::Initiate)?;
        let size = Error::Size { step: Step::Initiate, size: body.len() };
        if !(257..=MAX_COMMAND).contains(&body.len()) {
            return Err(size);
        }
        let (cookie, rest) = rest.split_first_chunk().ok_or(size)?;
        let (counter, sealed) = rest.split_first_chunk().ok_or(size)?;
        let counter = u64::from_be_bytes(*counter);

        let Cookie { theirs, ours } = Cookie::open(cookie, &cookie_key).ok_or(Error::Cookie)?;
        let shared = BoxKey::agree(&ours, &theirs).ok_or(Error::Point(Step::Hello))?;
        let content = shared
            .unbox(&short_nonce(b"CurveZMQINITIATE", counter), sealed)
            .ok_or(Error::Box(Step::Initiate))?;
        if counter <= last || counter == u64::MAX {
            return Err(Error::Counter { step: Step::Initiate, counter, last });
        }

        let (client, rest) = content.split_first_chunk().ok_or(size)?;
        let client = PublicKey::from_bytes(*client);
        let (nonce, rest) = rest.split_first_chunk().ok_or(size)?;
        let (vouch, metadata) = rest.split_first_chunk::<VOUCH>().ok_or(size)?;
        let vouching = BoxKey::agree(&ours, &client).ok_or(Error::Point(Step::Initiate))?;
        let vouched = vouching.unbox(&long_nonce(b"VOUCH---", nonce), vouch).ok_or(Error::Vouch)?;
        let (transient, server) = vouched.split_first_chunk::<32>().ok_or(size)?;
        if !bool::from(transient.ct_eq(theirs.as_bytes())) {
            return Err(Error::VouchTransient);
        }
        if !bool::from(server.ct_eq(self.keys.public().as_bytes())) {
            return Err(Error::VouchServer);
        }

        self.state = State::Decide { shared, counter };
        Ok(Initiated { client, metadata: metadata.to_vec() })
    }

    /// Lets the client in: gives the body of READY, which carries `metadata`, and the session (R26-INIT-17, 18).
    ///
    /// # Errors
    /// [`Error::OutOfTurn`] unless an INITIATE has been taken and not been answered yet.
    pub fn ready(&mut self, metadata: &[u8]) -> Result<(Vec<u8>, Session), Error> {
        let State::Decide { shared, counter } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::OutOfTurn(Step::Ready));
        };
        let mut ready = Vec::with_capacity(metadata.len().saturating_add(30));
        ready.extend_from_slice(b"\x05READY");
        ready.extend_from_slice(&READY_COUNTER.to_be_bytes());
        shared.append(&short_nonce(b"CurveZMQREADY---", READY_COUNTER), &[metadata], &mut ready);
        Ok((ready, Session::new(shared, Role::Server, READY_COUNTER, counter)))
    }
}

/// What HELLO tells.
struct Hello {
    /// C'.
    theirs: PublicKey,
    counter: u64,
    /// What C' and S agree on.
    shared: BoxKey,
}

impl Hello {
    fn open(body: &[u8], keys: &KeyPair) -> Result<Self, Error> {
        let rest = expect(body, b"\x05HELLO", Step::Hello)?;
        let size = Error::Size { step: Step::Hello, size: body.len() };
        if body.len() != Client::HELLO {
            return Err(size);
        }
        let ([major, minor], rest) = rest.split_first_chunk().ok_or(size)?;
        if [*major, *minor] != [1, 0] {
            return Err(Error::Version { major: *major, minor: *minor });
        }
        let (padding, rest) = rest.split_first_chunk::<72>().ok_or(size)?;
        if *padding != [0; 72] {
            return Err(Error::Padding);
        }
        let (theirs, rest) = rest.split_first_chunk().ok_or(size)?;
        let theirs = PublicKey::from_bytes(*theirs);
        let (counter, sealed) = rest.split_first_chunk().ok_or(size)?;
        let counter = u64::from_be_bytes(*counter);

        let shared = BoxKey::agree(keys.secret(), &theirs).ok_or(Error::Point(Step::Hello))?;
        let signature = shared
            .unbox(&short_nonce(b"CurveZMQHELLO---", counter), sealed)
            .ok_or(Error::Box(Step::Hello))?;
        if signature.iter().any(|octet| *octet != 0) {
            return Err(Error::Padding);
        }
        Ok(Self { theirs, counter, shared })
    }
}

/// What the server told itself.
struct Cookie {
    /// C'.
    theirs: PublicKey,
    /// s'.
    ours: SecretKey,
}

impl Cookie {
    fn open(cookie: &[u8; COOKIE], key: &BoxKey) -> Option<Self> {
        let (nonce, sealed) = cookie.split_first_chunk()?;
        let content = key.unbox(&long_nonce(b"COOKIE--", nonce), sealed)?;
        let (theirs, ours) = content.split_first_chunk()?;
        let ours = SecretKey::from_bytes(ours.try_into().ok()?);
        Some(Self { theirs: PublicKey::from_bytes(*theirs), ours })
    }
}

/// Octets of a cookie: nonce part and box (R26-GRAM-04).
const COOKIE: usize = 16 + TAG + 32 + 32;

const READY_COUNTER: u64 = 1;
