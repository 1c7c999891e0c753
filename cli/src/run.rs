//! The life of one socket, the same for every verb: bind and connect, do the verb's work, close in order.
//!
//! Whatever the work is waiting for, a signal ends it, and so does the refusal of every endpoint. The verbs
//! know neither.

use std::io::{self, Write};
use std::pin::pin;

use tokio::time::{Instant, sleep};
use zmtp::{BindError, Builder, Pattern, Socket};

use crate::args::{End, Form, Place, SocketOptions};
use crate::exit::{Exit, say};
use crate::signals::Signals;
use crate::units::show;
use crate::watch::Watch;

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

/// A socket as the options want it.
pub(crate) fn build<P: Pattern>(
    builder: Builder<P>,
    place: &Place,
    end: &End,
    options: &SocketOptions,
) -> Socket<P> {
    let waiting = if place.bind.is_empty() { WAITING / place.connect.len() } else { WAITING_PER_PEER };
    let mut builder = builder
        .send_hwm_bytes(waiting.max(WAITING_PER_PEER))
        .recv_hwm_bytes(WAITING_PER_PEER)
        .linger(end.linger)
        .max_message_size(options.max_message_size);
    if let Some(hwm) = options.send_hwm {
        builder = builder.send_hwm(hwm);
    }
    if let Some(hwm) = options.recv_hwm {
        builder = builder.recv_hwm(hwm);
    }
    if let Some(reconnect) = options.reconnect {
        builder = builder.reconnect(reconnect);
    }
    builder.build()
}

/// Lets `work` use `socket` until one of them ends, and closes the socket.
pub(crate) async fn run<P: Pattern>(
    mut socket: Socket<P>,
    place: &Place,
    end: &End,
    form: &Form,
    work: impl AsyncFnOnce(&mut Socket<P>) -> Outcome,
) -> Exit {
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
    let exit = match outcome {
        Outcome { exit, linger: false } => {
            drop(socket);
            exit
        }
        Outcome { exit, linger: true } => close(socket, signals, &mut watch, end, exit).await,
    };
    watch.rest().await;
    exit
}

/// Binds, saying where, and connects.
async fn open<P: Pattern>(socket: &Socket<P>, place: &Place) -> Result<(), Exit> {
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
async fn close<P: Pattern>(
    socket: Socket<P>,
    signals: Signals,
    watch: &mut Watch,
    end: &End,
    mut exit: Exit,
) -> Exit {
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
fn discarded(exit: Exit, messages: usize, in_time: bool) -> Exit {
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

/// What may wait for one peer, in bytes, beside the marks in messages: the command is to stay small, whatever
/// its peers do, and a socket that binds may have hundreds of them.
const WAITING_PER_PEER: usize = 128 << 10;
/// What may wait altogether when all peers are known beforehand.
const WAITING: usize = 16 << 20;
