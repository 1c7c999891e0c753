//! The life of one socket, the same for every verb: bind and connect, do the verb's work, close in order.
//!
//! Whatever the work is waiting for, a signal ends it, and so does the refusal of every endpoint. The verbs
//! know neither.

use std::io::{self, Write};
use std::pin::pin;

use tokio::time::{Instant, sleep};
use zmtp::{BindError, Builder, Heartbeat, Pattern, Socket};

use crate::args::{Common, End, Place};
use crate::exit::{Exit, say};
use crate::patience::Patience;
use crate::signals::Signals;
use crate::sockets::{Open, Outgoing};
use crate::trouble::Trouble;
use crate::units::show;
use crate::watch::Watch;

/// One run of a verb: its options, its clock, and what went wrong so far.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) place: &'a Place,
    pub(crate) common: &'a Common,
    pub(crate) patience: Patience,
    pub(crate) trouble: Trouble,
}

/// What the work came to, and whether messages that were not sent yet may still leave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) linger: bool,
}

impl From<Exit> for Outcome {
    fn from(exit: Exit) -> Self {
        Self { exit, linger: true }
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(place: &'a Place, common: &'a Common) -> Self {
        Self { place, common, patience: Patience::new(common.end.timeout), trouble: Trouble::default() }
    }

    /// A socket as the options want it.
    pub(crate) fn build<P: Pattern>(&self, builder: Builder<P>) -> Socket<P> {
        build(builder, self.place, self.common)
    }

    /// Waits until `ready` says that `wanted` peers are.
    pub(crate) async fn wait_for_peers(
        &self,
        socket: &impl Outgoing,
        wanted: usize,
        ready: impl Future<Output = ()>,
    ) -> Result<(), Exit> {
        self.patience.renew();
        let waited = self.patience.wait(ready).await;
        self.patience.renew();
        waited.map_err(|over| {
            let (there, limit) = (socket.peer_count(), show(over.limit));
            Exit::TimedOut(if there < wanted {
                format!("{there} of {wanted} peers within {limit}")
            } else {
                // That many are there; it is a publisher that waits for more than that.
                format!("fewer than {wanted} of {there} peers have subscribed within {limit}")
            })
        })
    }

    /// Lets `work` use `socket` until one of them ends, and closes the socket.
    pub(crate) async fn socket<S: Open>(
        &self,
        mut socket: S,
        work: impl AsyncFnOnce(&mut S) -> Outcome,
    ) -> Exit {
        let (place, Common { end, form, .. }) = (self.place, self.common);
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
        };
        let mut watch = Watch::new(socket.monitor(), place, form);
        tokio::select! {
            biased;
            number = signals.next() => return Exit::Signal(number),
            opened = open(&socket, place) => if let Err(exit) = opened { return exit },
        }

        let outcome = tokio::select! {
            biased;
            number = signals.next() => Exit::Signal(number).into(),
            cause = watch.refused() => Outcome { exit: Exit::Refused(cause), linger: false },
            outcome = work(&mut socket) => outcome,
        };
        let exit = self.trouble.settle(outcome.exit);
        let exit = if outcome.linger {
            close(socket, signals, &mut watch, end, exit).await
        } else {
            drop(socket);
            exit
        };
        watch.rest().await;
        exit
    }
}

/// A socket as the options want it.
pub(crate) fn build<P: Pattern>(builder: Builder<P>, place: &Place, common: &Common) -> Socket<P> {
    let Common { end, options, secured, .. } = common;
    // Whoever comes to us may be one of many.
    let waiting = if place.bind.is_empty() { share(place.connect.len()) } else { WAITING_PER_PEER };
    let mut builder = builder
        .send_hwm_bytes(waiting)
        .recv_hwm_bytes((waiting / 2).max(WAITING_PER_PEER))
        .linger(end.linger)
        .security(secured.security())
        .max_message_size(options.max_message_size);
    if let Some(hwm) = options.send_hwm {
        builder = builder.send_hwm(hwm);
    }
    if let Some(hwm) = options.recv_hwm {
        builder = builder.recv_hwm(hwm);
    }
    if let Some(every) = options.heartbeat {
        builder = builder.heartbeat(Heartbeat::every(every));
    }
    if let Some(reconnect) = options.reconnect {
        builder = builder.reconnect(reconnect);
    }
    builder.build()
}

/// Binds, saying where, and connects.
pub(crate) async fn open(socket: &impl Open, place: &Place) -> Result<(), Exit> {
    for endpoint in &place.bind {
        match socket.bind(endpoint).await {
            Ok(bound) => {
                let _ = writeln!(io::stderr().lock(), "bound {bound}");
            }
            Err(BindError::Endpoint(error)) => return Err(Exit::Usage(error.to_string())),
            Err(error) => return Err(Exit::Failed(error.to_string())),
        }
    }
    for endpoint in &place.connect {
        socket.connect(endpoint).map_err(|error| Exit::Usage(error.to_string()))?;
    }
    Ok(())
}

/// Lets what is queued leave for as long as the socket lingers, or until no peer has been there for the
/// `--timeout`. The first signal makes it the reason of the end, the next one ends it.
async fn close(socket: impl Open, signals: Signals, watch: &mut Watch, end: &End, mut exit: Exit) -> Exit {
    let (linger, patience) = (end.linger, end.timeout);
    let begun = Instant::now();
    let mut signals = Some(signals);
    let mut closing = pin!(socket.close());
    let mut check = pin!(sleep(patience.unwrap_or_default()));
    loop {
        if matches!(exit, Exit::Signal(_))
            && let Some(signals) = signals.take()
        {
            signals.end_at_the_next();
        }
        let signal = async {
            match &mut signals {
                Some(signals) => signals.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            number = signal => exit = Exit::Signal(number),
            // Before the end of closing, which a refusal brings about.
            cause = watch.refused() => return if exit == Exit::Done { Exit::Refused(cause) } else { exit },
            closed = &mut closing => match closed {
                Ok(()) => return exit,
                Err(unsent) => return discarded(exit, unsent.messages, begun.elapsed() < linger),
            },
            () = &mut check, if patience.is_some() => {
                let patience = patience.unwrap_or_default();
                let alone = watch.alone_since();
                if alone.is_some_and(|since| since.elapsed() >= patience) {
                    let sentence = format!("no peer for {}, what was queued is discarded", show(patience));
                    return if exit == Exit::Done { Exit::TimedOut(sentence) } else { exit };
                }
                check.as_mut().reset(alone.unwrap_or_else(Instant::now) + patience);
            }
        }
    }
}

/// Not everything was sent: the linger was too short, or the peers that were to have it went away.
pub(crate) fn discarded(exit: Exit, messages: usize, in_time: bool) -> Exit {
    let were = if messages == 1 { "message was" } else { "messages were" };
    let discarded = format!("{messages} {were} discarded");
    match exit {
        Exit::Done if in_time => Exit::Failed(format!("{discarded}, the peer has gone")),
        Exit::Done => Exit::TimedOut(format!("{discarded}, the linger was too short")),
        _ => {
            say(discarded);
            exit
        }
    }
}

/// How much may wait for each of so many peers, in bytes, beside the marks in messages: the command is to stay
/// small, whatever its peers do, and a socket that binds may have hundreds of them.
pub(crate) fn share(peers: usize) -> usize {
    (WAITING / peers.max(1)).max(WAITING_PER_PEER)
}

/// What may wait for one peer however many there are.
const WAITING_PER_PEER: usize = 128 << 10;
/// What may wait for all of them, if they are not that many.
const WAITING: usize = 16 << 20;
