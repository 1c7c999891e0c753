//! Whoever looks after brokers: asks one how it is, and tells it to leave.

use std::time::Duration;

use zmtp::{Builder, Dealer, DealerSocket};

use super::place::Place;
use super::shell::{frames, message};
use super::wire::{ClientCommand, Spoken, Status};

/// A connection to one broker.
///
/// It waits for the broker as long as it takes: put a timeout around it.
#[derive(Debug)]
pub struct Operator {
    socket: DealerSocket,
    session: u64,
    number: u64,
}

impl Operator {
    /// Of the broker there, or of the one that will be.
    ///
    /// # Errors
    /// If there can be none.
    pub fn new(place: &Place, socket: Builder<Dealer>) -> Result<Self, zmtp::ConnectError> {
        let socket = socket.build();
        socket.connect(place.clients.clone())?;
        Ok(Self { socket, session: fastrand::u64(1..), number: 0 })
    }

    /// How it is. None if the socket was closed.
    ///
    /// # Cancel safety
    /// If you drop the future, the answer may come later, and is passed over.
    pub async fn status(&mut self) -> Option<Status> {
        match self.ask(ClientCommand::Ask).await? {
            ClientCommand::Told { status } => Some(*status),
            _ => None,
        }
    }

    /// Lets it leave the cloud: take nothing more, and end what it has in this time. Waits until it has heard of that, and
    /// not until it has left. False if the socket was closed.
    ///
    /// # Cancel safety
    /// If you drop the future, it may leave.
    pub async fn leave(&mut self, grace: Duration) -> bool {
        self.ask(ClientCommand::Leave { grace }).await.is_some()
    }

    /// Says it, and waits for the answer.
    async fn ask(&mut self, command: ClientCommand) -> Option<ClientCommand> {
        self.number += 1;
        self.socket.send(message(command.encode(self.session, self.number))?).await.ok()?;
        loop {
            let heard = ClientCommand::decode(frames(self.socket.recv().await.ok()?));
            match (&command, heard) {
                (ClientCommand::Ask, Ok((_, told @ ClientCommand::Told { .. }))) => return Some(told),
                (ClientCommand::Leave { .. }, Ok((_, ClientCommand::Leaving))) => {
                    return Some(ClientCommand::Leaving);
                }
                // An answer to an earlier question.
                _ => {}
            }
        }
    }
}
