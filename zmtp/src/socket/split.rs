//! The two halves of a socket whose sending and receiving are independent of each other.

use super::Socket;
use super::core::Core;
use super::owner::Owner;
use super::receiver::Receiver;
use super::stream::Slot;
use crate::pattern::{Pattern, Splits};
use crate::sync::Arc;

/// The sending half of a socket; see [`split`](Socket::split). Clones send through the same socket.
#[derive(Debug)]
pub struct SendHalf<P: Pattern> {
    pub(super) core: Arc<Core<P>>,
    pub(super) slot: Slot<P>,
    pub(super) owner: Arc<Owner<P>>,
}

/// The receiving half of a socket; see [`split`](Socket::split).
#[derive(Debug)]
pub struct RecvHalf<P: Pattern> {
    pub(super) core: Arc<Core<P>>,
    pub(super) receiver: Receiver<P>,
    pub(super) owner: Arc<Owner<P>>,
}

impl<P: Splits> Socket<P> {
    /// Splits the socket, so that one task can receive while others send. Either half can do everything else that the
    /// socket could. The socket is closed when the last half is dropped, or when [`close`](SendHalf::close) is called.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use zmtp::DealerSocket;
    ///
    /// let (left, right) = (DealerSocket::new(), DealerSocket::new());
    /// right.connect(left.bind("tcp://127.0.0.1:*").await?)?;
    ///
    /// let (echo, mut heard) = left.split();
    /// tokio::spawn(async move {
    ///     while let Ok(message) = heard.recv().await {
    ///         echo.send(message).await.expect("the socket is open");
    ///     }
    /// });
    ///
    /// let (send, mut recv) = right.split();
    /// send.send("hello").await?;
    /// assert_eq!(recv.recv().await?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(self) -> (SendHalf<P>, RecvHalf<P>) {
        let Self { core, receiver, slot, owner } = self;
        let send = SendHalf { core: Arc::clone(&core), slot, owner: Arc::clone(&owner) };
        (send, RecvHalf { core, receiver, owner })
    }
}

#[cfg(feature = "tokio")]
impl<P: Splits> SendHalf<P> {
    /// Closes the socket for both halves: from now on neither sends nor receives. Waits like
    /// [`Socket::close`].
    ///
    /// # Errors
    /// [`Unsent`](crate::Unsent): how much was discarded because nobody took it in time.
    ///
    /// # Cancel safety
    /// If you drop the future, the socket is closed and the lingering goes on in the background.
    pub async fn close(&self) -> Result<(), crate::Unsent> {
        self.owner.close().await.into_result()
    }
}

impl<P: Splits> Clone for SendHalf<P> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), slot: Slot::new(&self.core), owner: Arc::clone(&self.owner) }
    }
}
