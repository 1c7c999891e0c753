//! A worker on a REQ socket, as in the load-balancing brokers of the ZeroMQ guide: it says READY and gets a job; its
//! reply is the result, and says that it is free again.

use std::time::Duration;

use bytes::Bytes;

use super::envelope::{address, reply};
use super::{BEAT, Said, hello};
use crate::balancer::job::{Report, Status, WorkerId};
use crate::balancer::wire::{Command, Lease};
use crate::wire::Malformed;

/// Whether this is a REQ worker's first word: one octet 1, or `READY`.
pub(super) fn is_ready(frames: &[Bytes]) -> bool {
    matches!(frames, [delimiter, word] if delimiter.is_empty() && [&b"\x01"[..], b"READY"].contains(&&word[..]))
}

#[derive(Debug)]
pub(super) struct ReqWorker {
    name: WorkerId,
    has: Option<Lease>,
    is_draining: bool,
}

impl ReqWorker {
    pub(super) fn begin(name: WorkerId, said: &mut Said) -> Self {
        said.to_broker.push(hello(name, HOST, BEAT, Vec::new(), Vec::new()));
        Self { name, has: None, is_draining: false }
    }

    /// Its reply, whatever it is: it waits for the next job now.
    pub(super) fn heard(&mut self, frames: &[Bytes], said: &mut Said) {
        let Some(lease) = self.has.take() else {
            said.wrong = Some(Malformed::Frames);
            return;
        };
        let body = frames.split_first().and_then(|(_, reply_frames)| reply(reply_frames));
        let report = match body {
            Some((named, body)) if named == lease => done(body),
            _ => failed(),
        };
        let credit = u16::from(!self.is_draining);
        said.to_broker.push(Command::Done { lease, report, credit });
        self.go_if_told(said);
    }

    pub(super) fn told(&mut self, command: Command, said: &mut Said) {
        match command {
            // It was taken for lost.
            Command::Hail => {
                let in_hand = self.has.into_iter().collect();
                said.to_broker.push(hello(self.name, HOST, BEAT, Vec::new(), in_hand));
            }
            // Whatever it has is its turn, until it replies: what is sent to it meanwhile is lost.
            Command::Welcome { .. } if self.has.is_none() => {
                said.to_broker.push(Command::Ready { credit: 1 });
            }
            Command::Task { lease, job } => {
                self.has = Some(lease);
                said.to_peer.push(vec![Bytes::new(), address(lease), Bytes::new(), job.payload.clone()]);
            }
            Command::Drain { .. } => {
                self.is_draining = true;
                self.go_if_told(said);
            }
            _ => {}
        }
    }

    /// There is no word for it in its language: it waits for a job that does not come.
    fn go_if_told(&self, said: &mut Said) {
        if self.is_draining && self.has.is_none() {
            said.to_broker.push(Command::Bye);
        }
    }
}

pub(super) fn done(payload: Bytes) -> Report {
    Report { status: Status::Done, code: 0, took: Duration::ZERO, payload }
}

/// A reply to nothing: whatever the worker did, nobody can use it.
pub(super) fn failed() -> Report {
    let payload =
        Bytes::from_static(b"the worker's reply is not the address of the job, an empty frame and one more");
    Report { status: Status::Failed, code: 1, took: Duration::ZERO, payload }
}

/// In a status, where others have the name of their machine.
const HOST: &str = "(REQ)";
