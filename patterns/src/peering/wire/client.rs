//! Between a broker and its clients.

use std::time::Duration;

use bytes::Bytes;

use super::{Body, Spoken, Status, none, some};
use crate::wire::{Malformed, Reader, Writer};

/// What clients and brokers say to each other. A plain REQ socket says its requests without any of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand {
    /// Broker to client: here is a broker. The first word on a connection, so that the client says what it wants.
    Hail,
    /// Client to broker: do this. Said again with the same number, it is the same request.
    Request {
        /// Counts the client's requests.
        id: u64,
        /// How long the client will want it.
        ttl: Duration,
        /// What.
        body: Body,
    },
    /// Broker to client: what came of it.
    Reply {
        /// Of this request.
        id: u64,
        /// What.
        body: Body,
    },
    /// Broker to client: there is no room for it.
    Busy {
        /// For this request.
        id: u64,
        /// When to ask again at the earliest.
        retry_after: Duration,
    },
    /// Broker to client: nothing came of it. It may be asked again.
    Failed {
        /// Of this request.
        id: u64,
        /// Why.
        failure: Failure,
    },
    /// Client to broker: it does not want it any more.
    Withdraw {
        /// This request.
        id: u64,
    },
    /// Operator to broker: how is it?
    Ask,
    /// Broker to operator.
    Told {
        /// How it is.
        status: Box<Status>,
    },
    /// Operator to broker: leave the cloud.
    Leave {
        /// How long what there is may take.
        grace: Duration,
    },
    /// Broker to operator: it leaves.
    Leaving,
}

/// Why nothing came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Nobody has done it in time.
    #[error("nobody has done it in the time that it had")]
    Expired,
    /// Two workers were lost while they had it.
    #[error("two workers were lost while they had it: it may be the request that does that")]
    Lost,
    /// The cluster that had it is lost, and the broker was told not to give it to another.
    #[error("the cluster that had it is lost")]
    PeerLost,
    /// Its worker has said that it did not go well, twice.
    #[error("two workers have said that they could not do it")]
    Refused,
}

impl Failure {
    const ALL: [Self; 4] = [Self::Expired, Self::Lost, Self::PeerLost, Self::Refused];
}

impl Spoken for ClientCommand {
    fn number(&self) -> u8 {
        match self {
            Self::Request { .. } => 0,
            Self::Reply { .. } => 1,
            Self::Busy { .. } => 2,
            Self::Failed { .. } => 3,
            Self::Withdraw { .. } => 4,
            Self::Ask => 5,
            Self::Told { .. } => 6,
            Self::Leave { .. } => 7,
            Self::Leaving => 8,
            Self::Hail => 9,
        }
    }

    fn write(&self, fields: Writer) -> Writer {
        match self {
            Self::Request { id, ttl, .. } => fields.u64(*id).duration(*ttl),
            Self::Reply { id, .. } | Self::Withdraw { id } => fields.u64(*id),
            Self::Busy { id, retry_after } => fields.u64(*id).duration(*retry_after),
            Self::Failed { id, failure } => fields.u64(*id).u8(*failure as u8),
            Self::Ask | Self::Leaving | Self::Hail => fields,
            Self::Told { status } => status.write(fields),
            Self::Leave { grace } => fields.duration(*grace),
        }
    }

    fn read(command: u8, fields: &mut Reader<'_>, body: Body) -> Result<Self, Malformed> {
        if command > 1 {
            none(&body)?;
        }
        Ok(match command {
            0 => Self::Request { id: fields.u64("id")?, ttl: fields.duration("ttl")?, body: some(body)? },
            1 => Self::Reply { id: fields.u64("id")?, body: some(body)? },
            2 => Self::Busy { id: fields.u64("id")?, retry_after: fields.duration("retry after")? },
            3 => Self::Failed { id: fields.u64("id")?, failure: fields.one_of("failure", &Failure::ALL)? },
            4 => Self::Withdraw { id: fields.u64("id")? },
            5 => Self::Ask,
            6 => Self::Told { status: Box::new(Status::read(fields)?) },
            7 => Self::Leave { grace: fields.duration("grace")? },
            8 => Self::Leaving,
            9 => Self::Hail,
            unknown => return Err(Malformed::Command(unknown)),
        })
    }

    fn body(&self) -> &[Bytes] {
        match self {
            Self::Request { body, .. } | Self::Reply { body, .. } => body,
            _ => &[],
        }
    }
}
