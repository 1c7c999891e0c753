//! A worker of MDP/0.2 (ZeroMQ RFC 18): its service is a tag, and it beats while it has nothing to do.

use std::time::Duration;

use bytes::Bytes;

use super::envelope::{address, reply};
use super::req::{done, failed};
use super::{Said, hello};
use crate::balancer::job::WorkerId;
use crate::balancer::wire::{Command, Lease, MAX_NOTE};
use crate::wire::Malformed;

/// A worker's message: which command, and what follows it.
fn command(frames: &[Bytes]) -> Option<(u8, &[Bytes])> {
    match frames {
        [delimiter, protocol, command, rest @ ..] if delimiter.is_empty() && protocol == PROTOCOL => {
            <[u8; 1]>::try_from(&command[..]).ok().map(|[command]| (command, rest))
        }
        _ => None,
    }
}

/// Whether this is what an MDP worker says.
pub(super) fn is_worker(frames: &[Bytes]) -> bool {
    command(frames).is_some()
}

#[derive(Debug)]
pub(super) struct MdpWorker {
    has: Option<Lease>,
    is_draining: bool,
}

impl MdpWorker {
    pub(super) fn begin(name: WorkerId, frames: &[Bytes], said: &mut Said) -> Self {
        let worker = Self { has: None, is_draining: false };
        let service = match command(frames) {
            Some((READY, [service])) if service.len() <= 255 => String::from_utf8(service.to_vec()).ok(),
            _ => None,
        };
        match service {
            Some(service) => said.to_broker.push(hello(name, HOST, BEAT, vec![service], Vec::new())),
            // READY comes first: it was known to another broker.
            None => worker.end(said),
        }
        worker
    }

    /// While it works it need not beat.
    pub(super) fn is_busy(&self) -> bool {
        self.has.is_some()
    }

    pub(super) fn heard(&mut self, frames: &[Bytes], said: &mut Said) {
        match (command(frames), self.has) {
            (Some((HEARTBEAT, [])), _) => said.to_broker.push(Command::Beat),
            (Some((PARTIAL, rest)), Some(lease)) => {
                let note = rest.last().map_or(String::new(), |body| note(body));
                said.to_broker.push(Command::Progress { lease, permille: 0, note });
            }
            (Some((FINAL, rest)), Some(lease)) => {
                let report = match reply(rest) {
                    // An answer to what it had before it was taken for lost.
                    Some((named, _)) if named != lease => {
                        said.wrong = Some(Malformed::Field("address"));
                        return;
                    }
                    Some((_, body)) => done(body),
                    None => failed(),
                };
                self.has = None;
                let credit = u16::from(!self.is_draining);
                said.to_broker.push(Command::Done { lease, report, credit });
                self.go_if_told(said);
            }
            (Some((DISCONNECT, [])), _) => {
                said.to_broker.push(Command::Bye);
                said.is_over = true;
            }
            _ => said.wrong = Some(Malformed::Frames),
        }
    }

    pub(super) fn told(&mut self, command: Command, said: &mut Said) {
        match command {
            // The first is said before it is known. This one was taken for lost: it is to begin anew.
            Command::Hail => self.end(said),
            Command::Welcome { .. } => said.to_broker.push(Command::Ready { credit: 1 }),
            Command::Task { lease, job } => {
                self.has = Some(lease);
                let body = [address(lease), Bytes::new(), job.payload.clone()];
                said.to_peer.push([message(REQUEST), body.to_vec()].concat());
            }
            Command::Beat => said.to_peer.push(message(HEARTBEAT)),
            Command::Drain { .. } => {
                self.is_draining = true;
                self.go_if_told(said);
            }
            _ => {}
        }
    }

    fn go_if_told(&self, said: &mut Said) {
        if self.is_draining && self.has.is_none() {
            said.to_broker.push(Command::Bye);
            self.end(said);
        }
    }

    fn end(&self, said: &mut Said) {
        said.to_peer.push(message(DISCONNECT));
        said.is_over = true;
    }
}

fn message(command: u8) -> Vec<Bytes> {
    vec![Bytes::new(), Bytes::from_static(PROTOCOL), Bytes::copy_from_slice(&[command])]
}

/// As much of it as there is room for.
fn note(body: &[u8]) -> String {
    let mut note = String::from_utf8_lossy(body).into_owned();
    note.truncate(note.floor_char_boundary(MAX_NOTE));
    note
}

const PROTOCOL: &[u8] = b"MDPW02";
const READY: u8 = 1;
const REQUEST: u8 = 2;
const PARTIAL: u8 = 3;
const FINAL: u8 = 4;
const HEARTBEAT: u8 = 5;
const DISCONNECT: u8 = 6;

/// How often it is told that we are there, and says so while it is idle, as in the guide's programs.
const BEAT: Duration = Duration::from_millis(2500);
/// In a status, where others have the name of their machine.
const HOST: &str = "(MDP)";
