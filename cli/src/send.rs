//! The work of a verb that sends: messages from the input go out until it ends, or enough have gone.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use zmtp::{Message, Sends, Socket};

use crate::args::{End, Sending};
use crate::exit::{Exit, say};
use crate::format::Format;
use crate::input::{Input, NotRead};
use crate::patience::{Over, Patience};
use crate::run::Outcome;
use crate::units::show;

/// What is to be sent, and when.
#[derive(Debug)]
pub(crate) struct Sender {
    input: Input,
    strict: bool,
    bad_lines: bool,
    wait_peers: usize,
    every: Option<Duration>,
    count: u64,
    patience: Patience,
}

impl Sender {
    /// As the options ask for. `largest` is the size of the largest message.
    pub(crate) fn new(sending: &Sending, end: &End, format: Format, largest: u64) -> Result<Self, Exit> {
        Ok(Self {
            input: Input::new(sending, format, largest).map_err(Exit::Usage)?,
            strict: sending.strict,
            bad_lines: false,
            wait_peers: sending.wait_peers.unwrap_or(0),
            every: sending.every.filter(|every| !every.is_zero()),
            count: end.count.unwrap_or(u64::MAX),
            patience: Patience::new(end.timeout),
        })
    }

    /// Sends everything through `socket`.
    pub(crate) async fn send_all<P: Sends>(mut self, socket: &Socket<P>) -> Outcome {
        self.patience.renew();
        if let Err(over) = self.patience.wait(socket.wait_for_peers(self.wait_peers)).await {
            let (came, wanted) = (socket.peer_count(), self.wait_peers);
            return Exit::TimedOut(format!("{came} of {wanted} peers within {}", show(over.limit))).into();
        }
        let mut pace = self.every.map(pace);
        for _ in 0..self.count {
            let message = match self.next(socket).await {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(exit) => return exit.into(),
            };
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            // A pause that was asked for was no waiting.
            self.patience.renew();
            match self.patience.wait(socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Exit::Failed(error.to_string()).into(),
                Err(Over { limit }) => {
                    let exit = Exit::TimedOut(format!("no peer took a message for {}", show(limit)));
                    return Outcome { exit, linger: false };
                }
            }
        }
        if self.bad_lines { Exit::BadInput.into() } else { Exit::Done.into() }
    }

    /// The next message of the input, nothing at its end. Lines that are none are told and left out.
    async fn next<P: Sends>(&mut self, socket: &Socket<P>) -> Result<Option<Message>, Exit> {
        loop {
            self.patience.renew();
            match self.patience.wait(self.input.next(socket.writable())).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(message))) => return Ok(Some(message)),
                Ok(Some(Err(NotRead::Line { number, expected }))) => {
                    say(format_args!("line {number}: {expected}"));
                    self.bad_lines = true;
                    if self.strict {
                        return Ok(None);
                    }
                }
                Ok(Some(Err(NotRead::Input(error)))) => {
                    return Err(Exit::Usage(format!("cannot read standard input: {error}")));
                }
                Err(Over { limit }) => return Err(Exit::TimedOut(format!("no input for {}", show(limit)))),
            }
        }
    }
}

/// Ticks at once and then `every` so often; a tick that comes late does not hurry the next.
fn pace(every: Duration) -> Interval {
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
