//! A client with a socket and a clock around its state machine.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use zmtp::{Builder, Dealer, DealerSocket};

use super::shell::{self, frames, message};
use super::state::{self, ClientInput, ClientOutput, RequestError, Resend};
use super::wire::Body;
use crate::Machine;
use crate::answer::answer;
use crate::clock::{now, until};

/// A client that runs. Clones are handles of the same; it ends with the last one.
#[derive(Debug, Clone)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Request(u64, Resend, Body, oneshot::Sender<Result<Body, RequestError>>),
    Withdraw(u64),
}

impl Client {
    /// The settings that a client's socket needs. Add to them what the network asks for.
    pub fn socket() -> Builder<Dealer> {
        shell::introduced(DealerSocket::builder())
    }

    /// A client on this socket, which has been connected or will be, to its own broker.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start(socket: DealerSocket) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let machine = state::Client::new(fastrand::u64(..));
        tokio::spawn(Driver { machine, socket, waiting: HashMap::new() }.run(taken));
        Self { orders }
    }

    /// Has this done by a worker, wherever it is, and waits for the reply. If none comes it asks again and again, for as
    /// long as `resend` says: the broker knows a request that comes again, and gives it to one worker only, as long as that
    /// one is not lost.
    ///
    /// # Errors
    /// [`RequestError`]. The request may have been done nevertheless.
    ///
    /// # Cancel safety
    /// If you drop the future, the request is withdrawn, and may have been done.
    pub async fn request(&self, body: Vec<Bytes>, resend: Resend) -> Result<Vec<Bytes>, RequestError> {
        if body.is_empty() {
            return Err(RequestError::Empty);
        }
        let (settled, result) = oneshot::channel();
        let wanted = Wanted { number: fastrand::u64(..), orders: self.orders.clone() };
        let order = Order::Request(wanted.number, resend, body, settled);
        self.orders.send(order).map_err(|_| RequestError::Closed)?;
        answer(result, &self.orders).await.unwrap_or(Err(RequestError::Closed))
    }
}

/// Somebody waits for it.
struct Wanted {
    number: u64,
    orders: mpsc::UnboundedSender<Order>,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        // It knows nothing of one that is settled; and if it has ended, nobody wants anything.
        let _ = self.orders.send(Order::Withdraw(self.number));
    }
}

/// The client's task.
struct Driver {
    machine: state::Client,
    socket: DealerSocket,
    waiting: HashMap<u64, oneshot::Sender<Result<Body, RequestError>>>,
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let is_all = self.take_what_is_there(&mut orders);
            self.act();
            let deadline = self.machine.next_deadline();
            tokio::select! {
                heard = self.socket.recv() => match heard {
                    Ok(heard) => self.machine.handle(now(), ClientInput::Heard(frames(heard))),
                    Err(_) => return,
                },
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    // Nobody has a handle any more.
                    None => return,
                },
                // So that others of this thread have their turn.
                () = yield_now(), if !is_all => {}
                () = until(deadline) => self.machine.wake(now()),
            }
        }
    }

    /// What has come already, some together. Says whether it took all that there is.
    fn take_what_is_there(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> bool {
        for _ in 0..TOGETHER {
            if let Ok(heard) = self.socket.try_recv() {
                self.machine.handle(now(), ClientInput::Heard(frames(heard)));
            } else if let Ok(order) = orders.try_recv() {
                self.obey(order);
            } else {
                return true;
            }
        }
        false
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Request(number, resend, body, settled) => {
                self.waiting.insert(number, settled);
                self.machine.handle(now(), ClientInput::Request(number, resend, body));
            }
            Order::Withdraw(number) => {
                if self.waiting.remove(&number).is_some() {
                    self.machine.handle(now(), ClientInput::Withdraw(number));
                }
            }
        }
    }

    fn act(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                ClientOutput::Send(frames) => {
                    if let Some(message) = message(frames) {
                        // Without a broker there is nobody to hear it. It is said again.
                        let _ = self.socket.try_send(message);
                    }
                }
                ClientOutput::Settled(number, result) => {
                    if let Some(settled) = self.waiting.remove(&number) {
                        // Whoever asked may have gone.
                        let _ = settled.send(result);
                    }
                }
            }
        }
    }
}

/// The most messages and orders that are taken together.
const TOGETHER: usize = 256;
