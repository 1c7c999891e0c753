//! The work of `req`: a request goes out, its reply is printed, and then comes the next one.

use zmtp::ReqSocket;

use crate::args::Sending;
use crate::exit::Exit;
use crate::output::Output;
use crate::patience::Over;
use crate::run::{Outcome, Run};
use crate::send::Sender;
use crate::source::Source;
use crate::units::show;

/// Sends every message of the source and prints every reply.
pub(crate) async fn request(run: &Run<'_>, socket: ReqSocket, sending: &Sending) -> Exit {
    let format = run.common.form.format(Some(sending));
    let source = match Source::new(sending, run, format) {
        Ok(source) => source,
        Err(exit) => return exit,
    };
    let mut sender = Sender { run, source, conflate: false, receives: false, peers: 0 };
    let wait_peers = sending.wait_peers.unwrap_or(0);
    let mut output = Output::new(format);
    let exit = run.socket(socket, async |socket: &mut ReqSocket| {
        let replies = async {
            run.wait_for_peers(socket, wait_peers, socket.wait_for_peers(wait_peers)).await?;
            request_all(&mut sender, socket, &mut output).await
        };
        let outcome = replies.await.err().unwrap_or_else(|| Exit::Done.into());
        Outcome { exit: outcome.exit.after_writing(&mut output).await, ..outcome }
    });
    let exit = exit.await;
    output.finish_soon().await;
    exit
}

async fn request_all(
    sender: &mut Sender<'_>,
    socket: &mut ReqSocket,
    output: &mut Output,
) -> Result<(), Outcome> {
    let run = sender.run;
    for _ in 0..run.common.end.count.unwrap_or(u64::MAX) {
        // One request at a time: until its reply is here no other is sent.
        if !output.during(sender.send_next(socket)).await?? {
            break;
        }
        let reply = match output.during(run.patience.wait(socket.recv())).await? {
            Ok(reply) => reply.map_err(|error| Exit::Failed(error.to_string()))?,
            Err(Over { limit }) => {
                return Err(Exit::TimedOut(format!("no reply for {}", show(limit))).into());
            }
        };
        run.patience.hold(output.print(reply)).await?;
    }
    Ok(())
}
