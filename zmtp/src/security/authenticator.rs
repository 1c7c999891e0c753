//! Who decides whether a peer comes in.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::User;
#[cfg(feature = "curve")]
use crate::curve::PublicKey;
use crate::endpoint::Endpoint;
use crate::wire::{Credentials, Denial};

/// Decides whether a peer comes in, once for each connection.
///
/// It is asked on the runtime, in a task of its own, while the peer waits under its handshake's deadline. What is not a
/// clear yes is a no: an authenticator that panics, or is not done in time, or names a user that is not one, denies.
///
/// ```
/// use zmtp::{Authenticator, Credentials, Decision, Plain};
///
/// let authenticator = Authenticator::new(async |request| match request.credentials {
///     Credentials::Plain { username, password } if password.reveal() == b"secret" => {
///         Decision::accept(String::from_utf8_lossy(&username))
///     }
///     _ => Decision::DENY,
/// });
/// let security = Plain::server(authenticator);
/// ```
#[derive(Clone)]
pub struct Authenticator(Arc<Handler>);

type Handler = dyn Fn(Request) -> Deciding + Send + Sync;
pub(super) type Deciding = Pin<Box<dyn Future<Output = Decision> + Send>>;

impl Authenticator {
    /// Asks this function.
    pub fn new<F, D>(decide: F) -> Self
    where
        F: Fn(Request) -> D + Send + Sync + 'static,
        D: Future<Output = Decision> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(decide(request))))
    }

    /// Lets everybody in. With CURVE, peers still prove that they have a key, and are named after it.
    pub fn anybody() -> Self {
        Self::new(|request| std::future::ready(Decision::Accept(request.user())))
    }

    /// Lets in who has proven to have one of these keys, named after it.
    #[cfg(feature = "curve")]
    pub fn keys(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        Self::new(move |request| {
            let is_known = matches!(&request.credentials, Credentials::Curve { key } if keys.contains(key));
            let decision = if is_known { Decision::Accept(request.user()) } else { Decision::DENY };
            std::future::ready(decision)
        })
    }

    pub(super) fn decide(&self, request: Request) -> Deciding {
        self.0(request)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(..)")
    }
}

/// A peer that wants to come in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// What it shows.
    pub credentials: Credentials,
    /// Where it comes from, where that is known: `192.0.2.7:40321`, or what the transport says of it.
    pub address: Option<String>,
    /// The endpoint of ours that it came to.
    pub endpoint: Endpoint,
}

impl Request {
    /// The user that the credentials name: PLAIN's username, CURVE's key in Z85, nobody with NULL. With PLAIN it is only
    /// what the peer says.
    pub fn user(&self) -> User {
        User::new(match &self.credentials {
            Credentials::Null => String::new(),
            Credentials::Plain { username, .. } => String::from_utf8_lossy(username).into_owned(),
            #[cfg(feature = "curve")]
            Credentials::Curve { key } => key.to_string(),
        })
    }
}

/// What becomes of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It comes in, as this user.
    Accept(User),
    /// It does not.
    Deny(Denial),
}

impl Decision {
    /// Not with these credentials: the peer is told "400" and stops.
    pub const DENY: Self = Self::Deny(Denial::Denied);

    /// It comes in, as the user of this name.
    pub fn accept(user: impl Into<String>) -> Self {
        Self::Accept(User::new(user))
    }
}
