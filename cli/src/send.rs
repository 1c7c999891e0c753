//! The sending part of a verb: messages from the source go out until it ends, or enough have gone.

use std::future::pending;

use zmtp::{Message, SendErrorKind};

use crate::args::Sending;
use crate::exit::Exit;
use crate::patience::Over;
use crate::run::{Outcome, Run, share};
use crate::sockets::{Open, Outgoing};
use crate::source::Source;
use crate::units::show;

/// A verb that only sends. `ready` waits until so many peers are.
pub(crate) async fn send<S: Open + Outgoing>(
    run: &Run<'_>,
    socket: S,
    sending: &Sending,
    conflate: bool,
    ready: impl AsyncFn(&S, usize),
) -> Exit {
    let source = match Source::new(sending, run, run.common.form.format(Some(sending))) {
        Ok(source) => source,
        Err(exit) => return exit,
    };
    let mut sender = Sender { run, source, conflate, receives: false, peers: 0 };
    let wait_peers = sending.wait_peers.unwrap_or(0);
    let count = run.common.end.count.unwrap_or(u64::MAX);
    let work = async |socket: &mut S| {
        let work = async {
            run.wait_for_peers(socket, wait_peers, ready(socket, wait_peers)).await?;
            sender.send_all(socket, count).await
        };
        work.await.err().unwrap_or_else(|| Exit::Done.into())
    };
    run.socket(socket, work).await
}

/// What sends, perhaps beside a part that receives.
pub(crate) struct Sender<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) source: Source,
    /// While a message waits for a peer, a newer one takes its place.
    pub(crate) conflate: bool,
    /// Messages also come in: that the source has none is no reason to give up.
    pub(crate) receives: bool,
    /// How many peers there were when room was last shared out among them.
    pub(crate) peers: usize,
}

impl Sender<'_> {
    /// Sends everything through `socket`, at most `count` messages.
    pub(crate) async fn send_all(&mut self, socket: &impl Outgoing, count: u64) -> Result<(), Outcome> {
        for _ in 0..count {
            if !self.send_next(socket).await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends the next message. False if there is none.
    pub(crate) async fn send_next(&mut self, socket: &impl Outgoing) -> Result<bool, Outcome> {
        let patience = &self.run.patience;
        let next = self.source.next(async || socket.writable().await, self.run);
        let next = if self.receives { Ok(next.await) } else { patience.wait(next).await };
        let next = next.map_err(|Over { limit }| Exit::TimedOut(format!("no input for {}", show(limit))))?;
        let Some(message) = next? else { return Ok(false) };
        self.share_out(socket);
        // Waiting for input was no waiting for a peer.
        patience.renew();
        let delivered = patience.wait(self.deliver(socket, message)).await;
        delivered.map_err(|Over { limit }| Outcome {
            exit: Exit::TimedOut(format!("no peer took a message for {}", show(limit))),
            linger: false,
        })??;
        patience.renew();
        Ok(true)
    }

    /// Gives each peer the room that it can have with so many others.
    fn share_out(&mut self, socket: &impl Outgoing) {
        let peers = socket.peer_count().max(self.run.place.connect.len());
        if self.peers != peers {
            self.peers = peers;
            socket.set_send_hwm_bytes(share(peers));
        }
    }

    /// Queues `message` for a peer, or with `--conflate` the newest one there is when a peer comes.
    async fn deliver(&mut self, socket: &impl Outgoing, mut message: Message) -> Result<(), Outcome> {
        if self.conflate {
            let mut ended = false;
            loop {
                tokio::select! {
                    biased;
                    _ = socket.writable() => break,
                    next = self.source.next(pending::<()>, self.run), if !ended => match next? {
                        Some(newer) => message = newer,
                        None => ended = true,
                    },
                }
            }
        }
        match socket.send(message).await {
            Err(error) if error.kind() == SendErrorKind::Unroutable => {
                self.run.trouble.unroutable(&error.into_message());
                Ok(())
            }
            sent => sent.map_err(|error| Exit::Failed(error.to_string()).into()),
        }
    }
}
