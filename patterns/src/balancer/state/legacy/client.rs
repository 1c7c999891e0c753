//! A client on a REQ socket, or of MDP/0.2: a request is a job, and its result the reply.
//!
//! A reply that is no result has two frames: `ERROR`, and why.

use std::sync::Arc;

use bytes::Bytes;
use fastrand::Rng;
use rustc_hash::FxHashMap;

use super::Said;
use super::envelope::split;
use crate::balancer::job::{Ending, Job};
use crate::balancer::wire::Command;

/// Somebody who waits for replies.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// What stands before the reply to each job.
    open: FxHashMap<Bytes, Vec<Bytes>>,
}

impl Client {
    pub(super) fn begin(frames: &[Bytes], rng: &mut Rng, said: &mut Said) -> Self {
        said.to_broker.push(Command::Greet);
        let mut client = Self::default();
        client.heard(frames, rng, said);
        client
    }

    pub(super) fn heard(&mut self, frames: &[Bytes], rng: &mut Rng, said: &mut Said) {
        let (envelope, request) = match frames {
            [first, ..] if first == MDP => frames.split_at(0),
            _ => split(frames),
        };
        let mut envelope = envelope.to_vec();
        let (service, body) = match request {
            [protocol, command, service, body @ ..] if protocol == MDP && command == &[REQUEST][..] => {
                // What comes back has the same head, but for the command.
                envelope.extend([protocol.clone(), Bytes::from_static(&[FINAL]), service.clone()]);
                (Some(service), body)
            }
            body => (None, body),
        };
        let [body] = body else {
            return refuse(envelope, "a request has one frame here", said);
        };
        let mut job = Job::new(format!("{:032x}", rng.u128(..)), body.clone());
        if let Some(service) = service {
            job.tags.push(String::from_utf8_lossy(service).into_owned());
        }
        self.open.insert(job.key.clone(), envelope);
        said.to_broker.push(Command::Submit { job: Arc::new(job) });
    }

    pub(super) fn told(&mut self, command: Command, said: &mut Said) {
        match command {
            Command::Result { key, outcome } => {
                if let Some(envelope) = self.open.remove(&key) {
                    match outcome.ending {
                        Ending::Done => said.to_peer.push([envelope, vec![outcome.payload]].concat()),
                        _ => said.to_peer.push([envelope, vec![ERROR, outcome.payload]].concat()),
                    }
                }
                said.to_broker.push(Command::Claimed { key });
            }
            Command::Busy { key, .. } => self.end(&key, "the queue is full, ask again later", said),
            Command::Refused { key, refusal } => self.end(&key, &refusal.to_string(), said),
            _ => {}
        }
    }

    /// Nobody will hear how they end.
    pub(super) fn left(&mut self, said: &mut Said) {
        for (key, _) in self.open.drain() {
            said.to_broker.extend([Command::Withdraw { key: key.clone() }, Command::Claimed { key }]);
        }
    }

    fn end(&mut self, key: &Bytes, why: &str, said: &mut Said) {
        if let Some(envelope) = self.open.remove(key) {
            refuse(envelope, why, said);
        }
    }
}

fn refuse(envelope: Vec<Bytes>, why: &str, said: &mut Said) {
    said.to_peer.push([envelope, vec![ERROR, Bytes::copy_from_slice(why.as_bytes())]].concat());
}

const ERROR: Bytes = Bytes::from_static(b"ERROR");
const MDP: &[u8] = b"MDPC02";
const REQUEST: u8 = 1;
const FINAL: u8 = 3;
