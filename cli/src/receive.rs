//! The receiving part of a verb: messages become lines until enough have come, or none comes any more.

use crate::exit::Exit;
use crate::output::Output;
use crate::run::Run;
use crate::sockets::{Incoming, Open};
use crate::units::show;

/// A verb that only receives.
pub(crate) async fn receive<S: Open + Incoming>(run: &Run<'_>, socket: S) -> Exit {
    let mut output = Output::new(run.common.form.format(None));
    let exit = run.socket(socket, async |socket: &mut S| {
        let exit = receive_all(run, socket, &mut output).await;
        exit.after_writing(&mut output).await.into()
    });
    let exit = exit.await;
    // What was received before a signal came is still on its way to the reader.
    output.finish_soon().await;
    exit
}

/// Prints what `socket` receives, until the end that the options ask for or until nobody reads `output`.
pub(crate) async fn receive_all(run: &Run<'_>, socket: &mut impl Incoming, output: &mut Output) -> Exit {
    let mut left = run.common.end.count.unwrap_or(u64::MAX);
    while left > 0 {
        // Waiting for our own reader is no waiting for a message.
        if let Err(exit) = run.patience.hold(output.room()).await {
            return exit;
        }
        let mut message = match output.during(run.patience.wait(socket.recv())).await {
            Ok(Ok(Ok(message))) => message,
            Ok(Ok(Err(error))) => return Exit::Failed(error.to_string()),
            Ok(Err(over)) => return Exit::TimedOut(format!("no message for {}", show(over.limit))),
            Err(exit) => return exit,
        };
        // Whatever is there already goes into the same block.
        loop {
            left -= 1;
            if !output.put(message) || left == 0 {
                break;
            }
            match socket.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
        output.hand_over();
        run.patience.renew();
    }
    Exit::Done
}
