//! Security mechanisms (RFC 37, R37-SEC): what is said between the greeting and the first message.
//!
//! ```text
//!   NULL    READY          ──►  ◄── READY                                (RFC 37)
//!   PLAIN   HELLO ──► ◄── WELCOME   INITIATE ──► ◄── READY               (RFC 24)
//!   CURVE   the same four, in boxes; then every frame in a MESSAGE       (RFC 25, 26)
//! ```
//!
//! Each is a state machine over whole command bodies. A server asks whoever drives it before it lets a peer in
//! ([`Step::Ask`]), and reads nothing until it is told. Which mechanism is spoken is our own configuration: no octet of a
//! peer leads to another one.

#[cfg(feature = "curve")]
mod curve;
mod null;
mod plain;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::command::Command;
use super::connection::Config;
use super::error::{Error, Incompatible, Misbehaved, printable};
use super::metadata::Metadata;
use super::socket_type::SocketType;
#[cfg(feature = "curve")]
use crate::curve::{KeyPair, PublicKey, Session};

/// A security mechanism, and our role in it. Who binds and who connects has nothing to do with it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Mechanism {
    /// No security: everybody is let in.
    #[default]
    Null,
    /// No secrets, but this side decides who is let in.
    NullAsking,
    /// We say who we are, unencrypted.
    PlainClient {
        /// At most 255 octets.
        username: Bytes,
        /// At most 255 octets.
        password: Password,
    },
    /// Peers say who they are.
    PlainServer,
    /// We know the server's key and prove that we have ours.
    #[cfg(feature = "curve")]
    CurveClient {
        /// Ours.
        keys: Arc<KeyPair>,
        /// The server's.
        server: PublicKey,
    },
    /// Peers know our key and prove that they have theirs.
    #[cfg(feature = "curve")]
    CurveServer {
        /// Ours.
        keys: Arc<KeyPair>,
    },
}

impl Mechanism {
    /// The name, as it stands in the greeting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null | Self::NullAsking => "NULL",
            Self::PlainClient { .. } | Self::PlainServer => "PLAIN",
            #[cfg(feature = "curve")]
            Self::CurveClient { .. } | Self::CurveServer { .. } => "CURVE",
        }
    }

    /// Whether names and passwords are said so that everybody on the way can read them.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::PlainClient { .. } | Self::PlainServer)
    }

    /// Whether we are the server. NULL has none.
    pub fn is_server(&self) -> bool {
        match self {
            Self::PlainServer => true,
            #[cfg(feature = "curve")]
            Self::CurveServer { .. } => true,
            _ => false,
        }
    }
}

/// A secret that is neither printed nor left in memory.
#[derive(Clone)]
pub struct Password(Arc<Zeroizing<Vec<u8>>>);

impl Password {
    /// Takes the octets over.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Zeroizing::new(octets.into())))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What a peer shows to be let in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// Nothing.
    Null,
    /// What it says of itself. Nobody has looked whether it is true.
    Plain {
        /// As it came.
        username: Bytes,
        /// As it came.
        password: Password,
    },
    /// The key that it has proven to have the secret half of.
    #[cfg(feature = "curve")]
    Curve {
        /// Its permanent key.
        key: PublicKey,
    },
}

/// Why a peer is not let in: the status codes of RFC 27 (R27-FIELD-07).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// 300: not now. The connection is closed without a word, and the peer tries again.
    ForNow,
    /// 400: not with these credentials. The peer is told and stops.
    Denied,
    /// 500: there is nobody to decide. The peer is told and stops.
    Failed,
}

impl Denial {
    /// The status code.
    pub fn code(self) -> &'static str {
        match self {
            Self::ForNow => "300",
            Self::Denied => "400",
            Self::Failed => "500",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self {
            Self::ForNow => "not now",
            Self::Denied => "denied",
            Self::Failed => "there was no decision",
        };
        write!(f, "{} ({meaning})", self.code())
    }
}

/// Where a handshake has come to.
#[derive(Debug)]
pub(super) enum Step {
    /// The peer's next command is due.
    Next,
    /// Whoever drives the connection has to decide.
    Ask(Credentials),
    /// Both sides are ready.
    Done(Done),
}

/// A handshake that went well.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) metadata: Metadata,
    pub(super) socket_type: Option<SocketType>,
    #[cfg(feature = "curve")]
    pub(super) session: Option<Session>,
}

impl Done {
    /// Frames stay as they are.
    fn open(metadata: Metadata, socket_type: Option<SocketType>) -> Self {
        Self {
            metadata,
            socket_type,
            #[cfg(feature = "curve")]
            session: None,
        }
    }
}

/// A handshake on its way.
#[derive(Debug)]
pub(super) enum Shaking {
    Null(null::Null),
    PlainClient(plain::Client),
    PlainServer(plain::Server),
    #[cfg(feature = "curve")]
    CurveClient(Box<curve::Client>),
    #[cfg(feature = "curve")]
    CurveServer(Box<curve::Server>),
}

impl Shaking {
    /// The peer's greeting was good.
    pub(super) fn start(config: &Config, out: &mut Vec<u8>) -> Result<(Self, Step), Error> {
        Ok(match &config.mechanism {
            Mechanism::Null => (Self::Null(null::Null), null::Null::start(config, out)),
            Mechanism::NullAsking => (Self::Null(null::Null), Step::Ask(Credentials::Null)),
            Mechanism::PlainClient { username, password } => {
                (Self::PlainClient(plain::Client::start(username, password, out)), Step::Next)
            }
            Mechanism::PlainServer => (Self::PlainServer(plain::Server::new()), Step::Next),
            #[cfg(feature = "curve")]
            Mechanism::CurveClient { keys, server } => {
                (Self::CurveClient(Box::new(curve::Client::start(keys, *server, out)?)), Step::Next)
            }
            #[cfg(feature = "curve")]
            Mechanism::CurveServer { keys } => {
                (Self::CurveServer(Box::new(curve::Server::new(keys))), Step::Next)
            }
        })
    }

    /// A command of the peer.
    pub(super) fn handle_command(
        &mut self,
        config: &Config,
        body: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        match self {
            Self::Null(null) => null.handle_command(config, body, out),
            Self::PlainClient(client) => client.handle_command(config, body, out),
            Self::PlainServer(server) => server.handle_command(config, body, out),
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.handle_command(config, body, out),
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.handle_command(config, body, out),
        }
    }

    /// The decision that a [`Step::Ask`] has asked for.
    pub(super) fn handle_decision(
        &mut self,
        config: &Config,
        decision: Result<(), Denial>,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        if let Err(denial) = decision {
            // R27-FIELD-07: 300 is told to nobody.
            if denial != Denial::ForNow {
                Command::Error(Bytes::from_static(denial.code().as_bytes())).encode(out);
            }
            return Err(Error::Refused(denial));
        }
        match self {
            Self::Null(_) => Ok(null::Null::start(config, out)),
            Self::PlainServer(server) => Ok(server.welcome(out)),
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.ready(config, out),
            // Clients ask nobody.
            _ => Ok(Step::Next),
        }
    }
}

/// Judges what a peer says of itself. A peer without a Socket-Type is accepted, since R37-META-03 is only a SHOULD.
fn judge(config: &Config, metadata: &Metadata) -> Result<Option<SocketType>, Incompatible> {
    let Some(name) = metadata.socket_type() else { return Ok(None) };
    match SocketType::from_name(name).filter(|theirs| config.socket_type.goes_with(*theirs)) {
        Some(theirs) => Ok(Some(theirs)),
        None => Err(Incompatible::SocketType { theirs: printable(name), ours: config.socket_type.as_str() }),
    }
}

/// The same, and one of a type that does not go with ours is told so (R37-TYPE-12).
fn judge_aloud(
    config: &Config,
    metadata: &Metadata,
    out: &mut Vec<u8>,
) -> Result<Option<SocketType>, Incompatible> {
    judge(config, metadata)
        .inspect_err(|_| Command::Error(b"incompatible socket type"[..].into()).encode(out))
}

/// A command that is not the one that is due.
fn unexpected(body: Bytes) -> Error {
    match Command::decode(body) {
        Ok(Command::Error(reason)) => super::error::Denied { reason: printable(&reason) }.into(),
        Ok(other) => Misbehaved::UnexpectedCommand(other.name().to_owned()).into(),
        Err(error) => error,
    }
}

/// Appends a command as a whole frame.
fn append(body: &[u8], out: &mut Vec<u8>) {
    super::frame::Header { more: false, command: true, len: body.len() as u64 }.encode(out);
    out.extend_from_slice(body);
}
