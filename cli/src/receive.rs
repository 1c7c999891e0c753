//! The work of a verb that receives: messages become lines until enough have come, or none comes any more.

use zmtp::{Receives, Socket};

use crate::args::End;
use crate::exit::Exit;
use crate::output::Output;
use crate::patience::Patience;
use crate::run::Outcome;
use crate::units::show;

/// Prints what `socket` receives, until the end that the options ask for or until nobody reads `output`.
pub(crate) async fn receive_all<P: Receives>(
    socket: &mut Socket<P>,
    output: &mut Output,
    end: &End,
) -> Outcome {
    let mut patience = Patience::new(end.timeout);
    let mut left = end.count.unwrap_or(u64::MAX);
    while left > 0 {
        if let Err(exit) = output.room().await {
            return exit.into();
        }
        // Waiting for our own reader was no waiting for a message.
        patience.renew();
        let received = tokio::select! {
            biased;
            exit = output.ended() => return exit.into(),
            received = patience.wait(socket.recv()) => received,
        };
        let mut message = match received {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return Exit::Failed(error.to_string()).into(),
            Err(over) => {
                output.finish().await;
                return Exit::TimedOut(format!("no message for {}", show(over.limit))).into();
            }
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
    }
    output.finish().await.into()
}
