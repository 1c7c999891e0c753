//! Whoever looks after servers: asks one how it is, and tells it what to do.

use zmtp::{Builder, Dealer, DealerSocket, Message};

use super::place::Place;
use super::wire::{Command, Order, Report};

/// A connection to one server.
///
/// It waits for the server as long as it takes: put a timeout around it.
#[derive(Debug)]
pub struct Operator {
    control: DealerSocket,
    session: u64,
    number: u64,
}

impl Operator {
    /// Of the server there, or of the one that will be.
    ///
    /// # Errors
    /// If there can be none.
    pub fn new(place: &Place, control: Builder<Dealer>) -> Result<Self, zmtp::ConnectError> {
        let control = control.build();
        control.connect(place.control.clone())?;
        Ok(Self { control, session: fastrand::u64(..), number: 0 })
    }

    /// How it is. None if the socket was closed.
    ///
    /// # Cancel safety
    /// If you drop the future, the answer may come later, and is passed over.
    pub async fn report(&mut self) -> Option<Report> {
        match self.ask(Command::Ask).await? {
            Command::Told { report } => Some(report),
            _ => None,
        }
    }

    /// Lets it do this. False if that cannot be done now, as [`Server::order`](super::Server::order) says.
    ///
    /// # Cancel safety
    /// If you drop the future, it may be done.
    pub async fn order(&mut self, order: Order) -> Option<bool> {
        match self.ask(Command::Order { order }).await? {
            Command::Obeyed { done } => Some(done),
            _ => None,
        }
    }

    /// Says it, until there is an answer.
    async fn ask(&mut self, command: Command) -> Option<Command> {
        self.number += 1;
        let (head, _) = command.encode(self.session, self.number);
        self.control.send(Message::from(head)).await.ok()?;
        loop {
            let heard = Command::decode(self.control.recv().await.ok()?.into_frames());
            match heard {
                Ok((_, command @ (Command::Told { .. } | Command::Obeyed { .. }))) => return Some(command),
                // It hails whoever comes.
                _ => continue,
            }
        }
    }
}
