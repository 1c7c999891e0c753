//! NULL (RFC 37, R37-NULL): both sides say READY.
//!
//! Both do so as soon as they have seen a greeting they like, without waiting for each other: it cannot deadlock with a
//! peer that waits, and it is what libzmq does.

use bytes::Bytes;

use super::{Done, Step, judge_aloud, unexpected};
use crate::wire::command::Command;
use crate::wire::connection::Config;
use crate::wire::error::Error;
use crate::wire::metadata::Metadata;

/// Our READY is sent, or will be before anything of the peer is read.
#[derive(Debug)]
pub(in crate::wire) struct Null;

impl Null {
    pub(super) fn start(config: &Config, out: &mut Vec<u8>) -> Step {
        Command::Ready(Metadata::of(config)).encode(out);
        Step::Next
    }

    pub(super) fn handle_command(
        &self,
        config: &Config,
        body: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        let Command::Ready(metadata) = Command::decode(body.clone())? else { return Err(unexpected(body)) };
        let socket_type = judge_aloud(config, &metadata, out)?;
        Ok(Step::Done(Done::open(metadata, socket_type)))
    }
}
