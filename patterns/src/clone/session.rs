//! Sessions: what lasts as long as a client is there, and goes with it, all at once.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::client::{Client, WriteError};
use super::version::Version;
use super::wire::{Change, Lasts, To, When};

/// A session that a client has opened: [`Client::session`]. The client tells the server that it is there; when it was not
/// heard for the session's time the server closes it, and deletes what was to last with it in one batch. So it does when
/// it is dropped, if the server can be told; [`close`](Self::close) waits for that.
///
/// A pair of servers counts the time from the beginning when the other one takes over.
///
/// ```
/// use std::time::Duration;
/// use zmtp_patterns::clone::{Client, ClientConfig, Place, Server, Sockets};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let place: Place = format!("ipc://{}/clone", folder.path().display()).parse()?;
/// # let server = Server::start(Sockets::bind(&place).await?, Default::default());
/// let client = Client::start(vec![place], ClientConfig::default());
/// let session = client.session(Duration::from_secs(5)).await?;
/// let version = session.set("here/kitchen", "10.0.0.7").await?;
/// client.wait_for(version).await;
/// assert!(client.get(b"here/kitchen").is_some());
///
/// client.wait_for(session.close().await?).await;
/// assert!(client.get(b"here/kitchen").is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    client: Client,
    number: u64,
    is_closed: bool,
    state: watch::Receiver<SessionState>,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionState {
    Open(Instant),
    Over,
}

impl Session {
    pub(super) fn new(client: Client, number: u64, state: watch::Receiver<SessionState>) -> Self {
        Self { client, number, is_closed: false, state }
    }

    /// For what is to last with it: a [`Change`] to [`To::Value`].
    pub fn lasts(&self) -> Lasts {
        Lasts::With(self.number)
    }

    /// Its number, which no other has.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The key stands for this from now on, as long as the session is open, and nobody else changes it.
    ///
    /// # Errors
    /// As [`Client::write`]; [`Refusal::Session`](super::Refusal::Session) if it is over.
    ///
    /// # Cancel safety
    /// As [`Client::write`].
    pub async fn set(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<Version, WriteError> {
        let to = To::Value { value: value.into(), lasts: self.lasts() };
        self.client.write(vec![Change { key: key.into(), to, when: When::Always }]).await
    }

    /// Until when it is open for sure, as far as is known by now. None if it is over. Later than that it may be over, and
    /// what lasted with it may be another's: whoever holds something by it had better have let go of it by then.
    pub fn open_until(&self) -> Option<Instant> {
        match *self.state.borrow() {
            SessionState::Open(until) => Some(until),
            SessionState::Over => None,
        }
    }

    /// Waits until that is another time, and says it.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn changed(&mut self) -> Option<Instant> {
        // The client's task ends when nobody has a handle, and this is one.
        let _ = self.state.changed().await;
        self.state.borrow_and_update();
        self.open_until()
    }

    /// Waits until the server has said that it is over.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn over(&self) {
        let _ = self.state.clone().wait_for(|state| *state == SessionState::Over).await;
    }

    /// Closes it, and waits until what was to last with it is gone.
    ///
    /// # Errors
    /// As [`Client::write`].
    ///
    /// # Cancel safety
    /// As [`Client::write`].
    pub async fn close(mut self) -> Result<Version, WriteError> {
        let version = self.client.write(vec![closed(self.number)]).await?;
        self.is_closed = true;
        Ok(version)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.client.release(self.number, self.is_closed);
    }
}

/// A session of so long is opened, with this number.
pub(super) fn opened(session: u64, ttl: Duration) -> Change {
    Change { key: Bytes::new(), to: To::Open { session, ttl }, when: When::Always }
}

/// This session is closed.
pub(super) fn closed(session: u64) -> Change {
    Change { key: Bytes::new(), to: To::Close(session), when: When::Always }
}
