//! The messages to send, one after the other: told about when they are none, and not before their time.

use tokio::time::{Interval, MissedTickBehavior, interval};
use zmtp::Message;

use crate::args::Sending;
use crate::exit::Exit;
use crate::format::Format;
use crate::input::{Input, NotRead};
use crate::run::Run;

/// What the user wants to be sent.
#[derive(Debug)]
pub(crate) struct Source {
    input: Input,
    strict: bool,
    pace: Option<Interval>,
    /// Taken from the input and waiting for its time.
    next: Option<Message>,
}

impl Source {
    /// As the options ask for.
    pub(crate) fn new(sending: &Sending, run: &Run<'_>, format: Format) -> Result<Self, Exit> {
        let largest = run.common.options.max_message_size;
        Ok(Self {
            input: Input::new(sending, format, largest).map_err(Exit::Usage)?,
            strict: sending.strict,
            pace: sending.every.filter(|every| !every.is_zero()).map(|every| {
                let mut pace = interval(every);
                // A message that comes late does not hurry the next.
                pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
                pace
            }),
            next: None,
        })
    }

    /// The next message, nothing at the end. Lines that are none are told and left out. After a large message
    /// the next one is not read before `room` says that there is room for it. Cancel-safe.
    pub(crate) async fn next<T>(
        &mut self,
        room: impl AsyncFn() -> T,
        run: &Run<'_>,
    ) -> Result<Option<Message>, Exit> {
        if self.next.is_none() {
            self.next = self.read(room, run).await?;
        }
        if let (Some(_), Some(pace)) = (&self.next, &mut self.pace) {
            run.patience.hold(pace.tick()).await;
        }
        Ok(self.next.take())
    }

    async fn read<T>(&mut self, room: impl AsyncFn() -> T, run: &Run<'_>) -> Result<Option<Message>, Exit> {
        loop {
            match self.input.next(room()).await {
                None => return Ok(None),
                Some(Ok(message)) => return Ok(Some(message)),
                Some(Err(NotRead::Line { number, expected })) => {
                    run.trouble.bad_line(number, &expected);
                    if self.strict {
                        return Ok(None);
                    }
                }
                Some(Err(NotRead::Input(error))) => {
                    return Err(Exit::Usage(format!("cannot read standard input: {error}")));
                }
            }
        }
    }
}
