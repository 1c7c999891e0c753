//! How whoever gives an order to a task gets the answer.

use tokio::sync::{mpsc, oneshot};

/// What the driver answers, or nothing if it has ended. An order that is sent while it ends may be left lying in the
/// channel, with the sender of the answer in it, until the last sender of orders is gone: and that may be who waits.
pub(crate) async fn answer<T, O>(
    mut answer: oneshot::Receiver<T>,
    orders: &mpsc::UnboundedSender<O>,
) -> Option<T> {
    tokio::select! {
        biased;
        answer = &mut answer => answer.ok(),
        // What it had to say it has said by then.
        () = orders.closed() => answer.try_recv().ok(),
    }
}
