//! What only a REQ can: ask and wait for the answer in one call.

use super::Socket;
use crate::error::RequestError;
use crate::message::Message;
use crate::pattern::Req;
use crate::pipe::Encode;

impl Socket<Req> {
    /// Asks the next peer in turn, and waits for its answer.
    ///
    /// There is no time-out but yours: `tokio::time::timeout(d, socket.request(..))`. If the peer dies, no answer
    /// comes; with [`relaxed`](crate::Builder::relaxed) the next request goes to the next peer.
    ///
    /// # Errors
    /// [`RequestError::Send`] if the request could not be sent, with the message inside;
    /// [`RequestError::Recv`] if the socket was closed meanwhile.
    ///
    /// # Cancel safety
    /// If you drop the future before the question has left, it was not sent. After that the answer waits for
    /// [`recv`](Self::recv); a new request is out of turn until then, unless the socket is relaxed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use zmtp::{RepSocket, ReqSocket};
    ///
    /// let mut rep = RepSocket::new();
    /// let at = rep.bind("tcp://127.0.0.1:*").await?;
    /// tokio::spawn(async move {
    ///     while let Ok(question) = rep.recv().await {
    ///         let answer = [b"you said ", question.first()].concat();
    ///         rep.send(answer).await.expect("it is our turn");
    ///     }
    /// });
    ///
    /// let mut req = ReqSocket::new();
    /// req.connect(at)?;
    /// assert_eq!(req.request("hello").await?, "you said hello");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn request(&mut self, message: impl Encode) -> Result<Message, RequestError> {
        self.send(message).await?;
        Ok(self.recv().await?)
    }
}
