//! The work of `rep`: every request is printed and answered, and then comes the next one.

use std::fmt::Display;
use std::future::pending;

use zmtp::{Message, RepSocket};

use crate::exit::Exit;
use crate::output::Output;
use crate::run::Run;
use crate::source::Source;
use crate::units::show;

/// Where the replies come from.
#[derive(Debug)]
pub(crate) enum Replies {
    /// The request itself.
    Echo,
    /// The same for every request.
    Always(Message),
    /// The next message of the source.
    Source { source: Box<Source>, next: Option<Message>, ended: bool },
}

impl Replies {
    /// Waits until there are no more of them. Cancel-safe.
    async fn ended(&mut self, run: &Run<'_>) -> Result<(), Exit> {
        if let Self::Source { source, next, ended } = self {
            if next.is_none() && !*ended {
                *next = source.next(async || (), run).await?;
                *ended = next.is_none();
            }
            if *ended {
                return Ok(());
            }
        }
        pending().await
    }

    /// The reply to `request`, if there is one.
    async fn to(&mut self, request: Message, run: &Run<'_>) -> Result<Option<Message>, Exit> {
        match self {
            Self::Echo => Ok(Some(request)),
            Self::Always(reply) => Ok(Some(reply.clone())),
            Self::Source { next: next @ Some(_), .. } => Ok(next.take()),
            Self::Source { ended: true, .. } => Ok(None),
            Self::Source { source, ended, .. } => {
                let reply = source.next(async || (), run).await?;
                *ended = reply.is_none();
                Ok(reply)
            }
        }
    }
}

/// Answers the requests that `socket` receives, the first one when `wait_peers` are there.
pub(crate) async fn reply(run: &Run<'_>, socket: RepSocket, mut replies: Replies, wait_peers: usize) -> Exit {
    let mut output = Output::new(run.common.form.format(None));
    let exit = run.socket(socket, async |socket: &mut RepSocket| {
        let work = async {
            run.wait_for_peers(socket, wait_peers, socket.wait_for_peers(wait_peers)).await?;
            reply_all(run, socket, &mut replies, &mut output).await
        };
        let exit = work.await.err().unwrap_or(Exit::Done);
        exit.after_writing(&mut output).await.into()
    });
    let exit = exit.await;
    output.finish_soon().await;
    exit
}

async fn reply_all(
    run: &Run<'_>,
    socket: &mut RepSocket,
    replies: &mut Replies,
    output: &mut Output,
) -> Result<(), Exit> {
    let failed = |error: &dyn Display| Exit::Failed(error.to_string());
    let end = &run.common.end;
    let stays = end.count.is_some() || end.timeout.is_some();
    let mut left = end.count.unwrap_or(u64::MAX);
    while left > 0 {
        let request = tokio::select! {
            biased;
            exit = output.ended() => return Err(exit),
            ended = replies.ended(run), if !stays => return ended,
            request = run.patience.wait(socket.recv()) => request,
        };
        let request = request
            .map_err(|over| Exit::TimedOut(format!("no request for {}", show(over.limit))))?
            .map_err(|error| failed(&error))?;
        left -= 1;
        run.patience.renew();
        run.patience.hold(output.print(request.clone())).await?;

        let reply = output.during(run.patience.wait(replies.to(request, run))).await?;
        match reply.map_err(|over| Exit::TimedOut(format!("no input for {}", show(over.limit))))?? {
            Some(reply) => socket.send(reply).await.map_err(|error| failed(&error))?,
            // Until this request is answered no other is received, and it never will be.
            None if left > 0 && stays => return Err(unanswered(run, output).await),
            None => break,
        }
        run.patience.renew();
    }
    Ok(())
}

async fn unanswered(run: &Run<'_>, output: &mut Output) -> Exit {
    let sentence = "the last request has no answer, the input has ended";
    if run.common.end.timeout.is_none() {
        return Exit::Failed(sentence.to_owned());
    }
    match output.during(run.patience.wait(pending::<()>())).await {
        Err(exit) => exit,
        Ok(_) => Exit::TimedOut(sentence.to_owned()),
    }
}
