//! The client's half of the handshake: HELLO, INITIATE, and what it makes of WELCOME and READY.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::MAX_COMMAND;
use super::boxes::{BoxKey, long_nonce, short_nonce};
use super::error::{Error, Step};
use super::keys::{KeyPair, PublicKey};
use super::random::Random;
use super::session::{Role, Session};

/// A client that connects: it knows the server's public key (R26-GEN-07), and proves that it has its own.
///
/// After an error it is over, and answers [`Error::OutOfTurn`] to everything.
#[derive(Debug)]
pub struct Client {
    keys: Arc<KeyPair>,
    server: PublicKey,
    state: State,
}

#[derive(Debug)]
enum State {
    /// HELLO is made; WELCOME opens with the same two keys.
    Welcome { transient: KeyPair, hello: BoxKey },
    /// INITIATE is made.
    Ready { shared: BoxKey },
    /// READY has come, or an error.
    Over,
}

impl Client {
    /// Octets of a HELLO body (R26-HELLO-02).
    pub const HELLO: usize = 200;

    /// Begins a connection: gives the client and the body of its HELLO.
    ///
    /// Takes 32 octets of `random`, for the key C' that only this connection has (R26-HELLO-05).
    ///
    /// # Errors
    /// [`Error::ServerKey`] when `server` is no public key; [`Error::Randomness`].
    pub fn new(
        keys: Arc<KeyPair>,
        server: PublicKey,
        random: &mut dyn Random,
    ) -> Result<(Self, Vec<u8>), Error> {
        let transient = KeyPair::draw(random)?;
        let hello = BoxKey::agree(transient.secret(), &server).ok_or(Error::ServerKey)?;

        let mut body = Vec::with_capacity(Self::HELLO);
        body.extend_from_slice(b"\x05HELLO\x01\0");
        body.extend_from_slice(&[0; 72]);
        body.extend_from_slice(transient.public().as_bytes());
        body.extend_from_slice(&HELLO_COUNTER.to_be_bytes());
        hello.append(&short_nonce(b"CurveZMQHELLO---", HELLO_COUNTER), &[&[0; 64]], &mut body);
        Ok((Self { keys, server, state: State::Welcome { transient, hello } }, body))
    }

    /// Takes the body of WELCOME and gives that of INITIATE, which carries `metadata` (R26-INIT-02).
    ///
    /// Takes 16 octets of `random`, for the vouch (R26-INIT-07).
    ///
    /// # Errors
    /// What is wrong with WELCOME (R26-WELCOME-10).
    pub fn welcome(
        &mut self,
        body: &[u8],
        metadata: &[u8],
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Error> {
        let State::Welcome { transient, hello } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::OutOfTurn(Step::Welcome));
        };
        let Welcome { theirs, cookie } = Welcome::open(body, &hello)?;
        let shared = BoxKey::agree(transient.secret(), &theirs).ok_or(Error::Point(Step::Welcome))?;

        let mut nonce = [0; 16];
        random.fill(&mut nonce)?;
        let vouching = BoxKey::agree(self.keys.secret(), &theirs).ok_or(Error::Point(Step::Welcome))?;
        let mut vouch = Vec::with_capacity(VOUCH);
        vouching.append(
            &long_nonce(b"VOUCH---", &nonce),
            &[transient.public().as_bytes(), self.server.as_bytes()],
            &mut vouch,
        );

        let mut initiate = Vec::with_capacity(metadata.len().saturating_add(257));
        initiate.extend_from_slice(b"\x08INITIATE");
        initiate.extend_from_slice(&cookie);
        initiate.extend_from_slice(&INITIATE_COUNTER.to_be_bytes());
        shared.append(
            &short_nonce(b"CurveZMQINITIATE", INITIATE_COUNTER),
            &[self.keys.public().as_bytes(), &nonce, &vouch, metadata],
            &mut initiate,
        );
        self.state = State::Ready { shared };
        Ok(initiate)
    }

    /// Takes the body of READY: gives the server's metadata, and the session (R26-READY-08).
    ///
    /// # Errors
    /// What is wrong with READY (R26-READY-05).
    pub fn ready(&mut self, body: &[u8]) -> Result<(Vec<u8>, Session), Error> {
        let State::Ready { shared } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::OutOfTurn(Step::Ready));
        };
        let rest = expect(body, b"\x05READY", Step::Ready)?;
        let too = Error::Size { step: Step::Ready, size: body.len() };
        if !(30..=MAX_COMMAND).contains(&body.len()) {
            return Err(too);
        }
        let (counter, sealed) = rest.split_first_chunk().ok_or(too)?;
        let counter = u64::from_be_bytes(*counter);
        let metadata = shared
            .unbox(&short_nonce(b"CurveZMQREADY---", counter), sealed)
            .ok_or(Error::Box(Step::Ready))?;
        Ok((metadata.to_vec(), Session::new(shared, Role::Client, INITIATE_COUNTER, counter)))
    }
}

#[cfg(test)]
impl Client {
    /// One that has sent INITIATE.
    pub(super) fn awaiting_ready(keys: Arc<KeyPair>, server: PublicKey, shared: BoxKey) -> Self {
        Self { keys, server, state: State::Ready { shared } }
    }
}

/// What WELCOME tells.
struct Welcome {
    /// S'.
    theirs: PublicKey,
    cookie: [u8; 96],
}

impl Welcome {
    fn open(body: &[u8], hello: &BoxKey) -> Result<Self, Error> {
        let rest = expect(body, b"\x07WELCOME", Step::Welcome)?;
        let size = Error::Size { step: Step::Welcome, size: body.len() };
        if body.len() != 168 {
            return Err(size);
        }
        let (nonce, sealed) = rest.split_first_chunk().ok_or(size)?;
        let content: Zeroizing<Vec<u8>> =
            hello.unbox(&long_nonce(b"WELCOME-", nonce), sealed).ok_or(Error::Box(Step::Welcome))?;
        let (theirs, cookie) = content.split_first_chunk().ok_or(size)?;
        let cookie = cookie.try_into().map_err(|_| size)?;
        Ok(Self { theirs: PublicKey::from_bytes(*theirs), cookie })
    }
}

/// What comes after the name, when it is the one that is due.
pub(super) fn expect<'a>(body: &'a [u8], name: &[u8], step: Step) -> Result<&'a [u8], Error> {
    body.strip_prefix(name).ok_or(Error::Name(step))
}

/// Octets of a vouch's box.
pub(super) const VOUCH: usize = 80;

/// R26-HELLO-15: one more for each command.
const HELLO_COUNTER: u64 = 1;
const INITIATE_COUNTER: u64 = 2;
