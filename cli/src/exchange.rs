//! A verb that sends and receives, both at once and neither waiting for the other.

use std::pin::pin;

use zmtp::{SendHalf, Socket, Splits};

use crate::args::Sending;
use crate::exit::Exit;
use crate::format::Format;
use crate::output::Output;
use crate::receive::receive_all;
use crate::run::{Outcome, Run};
use crate::send::Sender;
use crate::source::Source;

/// How a verb exchanges messages.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) sending: &'a Sending,
    pub(crate) format: Format,
    pub(crate) conflate: bool,
    /// It goes on receiving when there is nothing more to send, whatever its end is.
    pub(crate) stays: bool,
}

impl Exchange<'_> {
    /// Lets `socket` send and receive, until the end that the options ask for.
    pub(crate) async fn run<P: Splits>(
        self,
        run: &Run<'_>,
        socket: Socket<P>,
        ready: impl AsyncFn(&SendHalf<P>, usize),
    ) -> Exit {
        let source = match Source::new(self.sending, run, self.format) {
            Ok(source) => source,
            Err(exit) => return exit,
        };
        let mut sender = Sender { run, source, conflate: self.conflate, receives: true, peers: 0 };
        let wait_peers = self.sending.wait_peers.unwrap_or(0);
        let end = &run.common.end;
        let stays = self.stays || end.count.is_some() || end.timeout.is_some();
        let mut output = Output::new(self.format);
        let (outgoing, mut incoming) = socket.split();
        let work = async |outgoing: &mut SendHalf<P>| {
            let sending = async {
                run.wait_for_peers(outgoing, wait_peers, ready(outgoing, wait_peers)).await?;
                sender.send_all(outgoing, u64::MAX).await
            };
            let outcome = both(sending, receive_all(run, &mut incoming, &mut output), stays).await;
            Outcome { exit: outcome.exit.after_writing(&mut output).await, ..outcome }
        };
        let exit = run.socket(outgoing, work).await;
        output.finish_soon().await;
        exit
    }
}

async fn both(
    sending: impl Future<Output = Result<(), Outcome>>,
    receiving: impl Future<Output = Exit>,
    stays: bool,
) -> Outcome {
    let (mut sending, mut receiving) = (pin!(sending), pin!(receiving));
    // In a random order, for fairness: each of them runs until it has used up the task's budget.
    tokio::select! {
        sent = &mut sending => match sent {
            Ok(()) if stays => receiving.await.into(),
            Ok(()) => Exit::Done.into(),
            Err(outcome) => outcome,
        },
        exit = &mut receiving => {
            // When both give up in the same moment, the one that could not send knows better why.
            tokio::select! {
                biased;
                Err(outcome) = sending, if matches!(exit, Exit::TimedOut(_)) => outcome,
                () = std::future::ready(()) => exit.into(),
            }
        }
    }
}
