//! Who may talk to a socket, and who can listen: the mechanism, our role in it, and who decides.

#[cfg(feature = "tokio")]
mod ask;
mod authenticator;
#[cfg(feature = "auth")]
mod files;
#[cfg(feature = "auth")]
mod known;

use std::fmt;
#[cfg(feature = "curve")]
use std::sync::Arc;

use bytes::Bytes;

#[cfg(feature = "tokio")]
pub(crate) use self::ask::ask;
pub use self::authenticator::{Authenticator, Decision, Request};
#[cfg(feature = "auth")]
pub use self::files::FileError;
#[cfg(feature = "auth")]
pub use self::known::{InvalidNetwork, hash_password};
#[cfg(feature = "curve")]
use crate::curve::{KeyPair, PublicKey};
#[cfg(feature = "tokio")]
use crate::endpoint::Endpoint;
#[cfg(feature = "tokio")]
use crate::wire::{Credentials, Denial};
use crate::wire::{Mechanism, Password};

/// The security mechanism of a socket, the same for all its connections over `tcp://` and `ipc://`.
///
/// Who is the client and who the server has nothing to do with who connects and who binds. A peer of another mechanism
/// is refused at its greeting: there is no falling back. `inproc://` needs none, as in libzmq: whoever can reach it is in
/// the same process.
///
/// ```
/// use zmtp::{Authenticator, Curve, PullSocket, PushSocket, Security};
/// use zmtp::curve::KeyPair;
///
/// let (server, client) = (KeyPair::generate()?, KeyPair::generate()?);
/// let (server_key, client_key) = (server.public(), client.public());
/// // Lets in who has one key.
/// let allowed = Authenticator::keys([client_key]);
/// let pull = PullSocket::builder().security(Curve::server(server, allowed)).build();
/// let push = PushSocket::builder().security(Curve::client(client, server_key)).build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Security {
    /// None (RFC 37): everybody is let in, everybody on the way can read and write.
    #[default]
    Null,
    /// No secrets, but who comes in is decided by where it comes from.
    NullAsking(Authenticator),
    /// Names and passwords, which everybody on the way can read (RFC 24).
    Plain(Plain),
    /// Keys. Nobody on the way can read or forge anything (RFC 25, 26). Who can cut the stream can leave messages out
    /// unnoticed: counters may leap, as with libzmq.
    #[cfg(feature = "curve")]
    Curve(Curve),
}

/// A role in PLAIN.
#[derive(Debug, Clone)]
pub struct Plain(PlainRole);

#[derive(Debug, Clone)]
enum PlainRole {
    Client { username: Bytes, password: Password },
    Server(Authenticator),
}

impl Plain {
    /// Shows this name and this password to peers, which have to be servers.
    ///
    /// # Errors
    /// [`TooLong`]: each may have 255 octets (R24-GRAM-02).
    pub fn client(username: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Result<Self, TooLong> {
        let (username, password) = (username.as_ref(), password.as_ref());
        if username.len() > 255 || password.len() > 255 {
            return Err(TooLong);
        }
        let username = Bytes::copy_from_slice(username);
        Ok(Self(PlainRole::Client { username, password: Password::new(password) }))
    }

    /// Lets in whom the authenticator knows.
    pub fn server(clients: Authenticator) -> Self {
        Self(PlainRole::Server(clients))
    }
}

/// A name or a password of more than 255 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name and a password of PLAIN have at most 255 octets each")]
pub struct TooLong;

/// A role in CURVE.
#[cfg(feature = "curve")]
#[derive(Debug, Clone)]
pub struct Curve(CurveRole);

#[cfg(feature = "curve")]
#[derive(Debug, Clone)]
enum CurveRole {
    Client { keys: Arc<KeyPair>, server: PublicKey },
    Server { keys: Arc<KeyPair>, clients: Authenticator },
}

#[cfg(feature = "curve")]
impl Curve {
    /// Talks to whoever has the secret half of `server`, and to nobody else.
    pub fn client(keys: impl Into<Arc<KeyPair>>, server: PublicKey) -> Self {
        Self(CurveRole::Client { keys: keys.into(), server })
    }

    /// Proves to have `keys`, and lets in whom the authenticator knows.
    pub fn server(keys: impl Into<Arc<KeyPair>>, clients: Authenticator) -> Self {
        Self(CurveRole::Server { keys: keys.into(), clients })
    }
}

impl Security {
    /// What this is on the wire, for the [`Config`](crate::wire::Config) of a connection that you drive yourself.
    ///
    /// ```
    /// use zmtp::wire::{Config, Connection, Greeting};
    /// use zmtp::{Plain, Security, SocketType};
    ///
    /// let security = Security::from(Plain::client("alice", "secret")?);
    /// let mut config = Config::new(SocketType::Dealer);
    /// config.mechanism = security.mechanism();
    /// let greeting = Connection::new(config).transmit().unwrap();
    /// assert_eq!(greeting, Greeting::new(&security.mechanism()).encode());
    /// # Ok::<(), zmtp::TooLong>(())
    /// ```
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Self::Null => Mechanism::Null,
            Self::NullAsking(_) => Mechanism::NullAsking,
            Self::Plain(Plain(PlainRole::Client { username, password })) => {
                Mechanism::PlainClient { username: username.clone(), password: password.clone() }
            }
            Self::Plain(Plain(PlainRole::Server(_))) => Mechanism::PlainServer,
            #[cfg(feature = "curve")]
            Self::Curve(Curve(CurveRole::Client { keys, server })) => {
                Mechanism::CurveClient { keys: Arc::clone(keys), server: *server }
            }
            #[cfg(feature = "curve")]
            Self::Curve(Curve(CurveRole::Server { keys, .. })) => {
                Mechanism::CurveServer { keys: Arc::clone(keys) }
            }
        }
    }

    /// What to tell such a connection when it has [asked](crate::wire::Event::Asked): whether a peer with these
    /// credentials comes in, from this address, to this endpoint of ours. Without an authenticator nobody does.
    ///
    /// # Errors
    /// The denial, also when the authenticator panics. How long it may take is the caller's to say.
    ///
    /// # Cancel safety
    /// If you drop the future, the authenticator's ends too.
    #[cfg(feature = "tokio")]
    pub async fn decide(
        &self,
        credentials: Credentials,
        address: Option<String>,
        endpoint: Endpoint,
    ) -> Result<User, Denial> {
        ask(self.authenticator(), Request { credentials, address, endpoint }).await
    }

    /// Who decides. Clients take the server that they know.
    pub(crate) fn authenticator(&self) -> Option<&Authenticator> {
        match self {
            Self::NullAsking(authenticator) | Self::Plain(Plain(PlainRole::Server(authenticator))) => {
                Some(authenticator)
            }
            #[cfg(feature = "curve")]
            Self::Curve(Curve(CurveRole::Server { clients, .. })) => Some(clients),
            _ => None,
        }
    }
}

impl From<Plain> for Security {
    fn from(plain: Plain) -> Self {
        Self::Plain(plain)
    }
}

#[cfg(feature = "curve")]
impl From<Curve> for Security {
    fn from(curve: Curve) -> Self {
        Self::Curve(curve)
    }
}

/// Whom a peer was let in as, by whoever decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Its name; libzmq's `User-Id`. Empty for nobody in particular.
    pub id: String,
    /// What else is known of it.
    pub properties: Vec<(String, Bytes)>,
}

impl User {
    /// A user of this name, of whom nothing else is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), properties: Vec::new() }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id.escape_debug().to_string())
    }
}
