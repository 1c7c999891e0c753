//! Results for a third program: each leaves for there before the broker hears that its job is done.

use std::future::Future;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use zmtp::{Endpoint, Message, PushSocket, Security};
use zmtp_patterns::balancer::Failure;

use super::crew::FOR_EVER;
use crate::exit::Exit;

/// Where the results go. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Results(mpsc::Sender<Parcel>);

/// What sends them, until all [`Results`] are gone and what was sent has left.
#[derive(Debug)]
pub(crate) struct Sink {
    at: Endpoint,
    sending: JoinHandle<Result<(), zmtp::Unsent>>,
}

/// One result, and whoever waits until it is on its way.
#[derive(Debug)]
struct Parcel {
    message: Message,
    sent: oneshot::Sender<()>,
}

/// Results that go to the sink there, which is there or will be.
pub(crate) fn open(at: &Endpoint, security: Security) -> Result<(Results, Sink), Exit> {
    let socket = PushSocket::builder().security(security).linger(FOR_EVER).build();
    socket.connect(at).map_err(|error| Exit::Usage(error.to_string()))?;
    let (results, taken) = mpsc::channel(1);
    Ok((Results(results), Sink { at: at.clone(), sending: tokio::spawn(send(socket, taken)) }))
}

impl Results {
    /// Waits until the result of this job is on its way. Nobody takes it while the sink is away.
    pub(crate) async fn send(&self, key: Bytes, payload: Bytes) -> Result<(), Failure> {
        let (sent, heard) = oneshot::channel();
        let message = Message::new(key).with("done").with(payload);
        let gone = |_| Failure::again("the way to the sink is gone");
        self.0.send(Parcel { message, sent }).await.map_err(|_| gone(()))?;
        heard.await.map_err(|_| gone(()))
    }
}

impl Sink {
    /// Waits until all has left, unless `enough` comes first.
    pub(crate) async fn end(self, enough: impl Future) -> Exit {
        tokio::select! {
            biased;
            sent = self.sending => match sent {
                Ok(Err(unsent)) => Exit::Failed(format!("results did not reach {}: {unsent}", self.at)),
                _ => Exit::Done,
            },
            _ = enough => Exit::Failed(format!("results were still on their way to {}", self.at)),
        }
    }
}

async fn send(socket: PushSocket, mut results: mpsc::Receiver<Parcel>) -> Result<(), zmtp::Unsent> {
    while let Some(Parcel { message, mut sent }) = results.recv().await {
        // Not before it is there: what waits in this process would be lost with it, and the broker would not know.
        let sending = async {
            socket.wait_for_peers(1).await;
            socket.send(message).await
        };
        tokio::select! {
            biased;
            // The attempt was stopped; another one will have a result.
            () = sent.closed() => {}
            // Only a closed socket takes nothing.
            _ = sending => {
                let _ = sent.send(());
            }
        }
    }
    socket.close().await
}
