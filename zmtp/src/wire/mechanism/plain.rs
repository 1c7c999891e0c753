//! PLAIN (RFC 24): a name and a password, readable by everybody on the way.
//!
//! ```text
//!   HELLO = len8 username  len8 password      WELCOME = nothing      INITIATE, READY = metadata
//! ```

use bytes::{Buf, Bytes};

use super::{Credentials, Done, Password, Step, append, judge, judge_aloud, unexpected};
use crate::wire::command::Command;
use crate::wire::connection::Config;
use crate::wire::error::{Denied, Error, Malformed, printable};
use crate::wire::metadata::Metadata;

/// The side that has a name and a password (R24-FLOW-02).
#[derive(Debug)]
pub(in crate::wire) struct Client {
    is_welcome: bool,
}

impl Client {
    /// Says HELLO.
    pub(super) fn start(username: &[u8], password: &Password, out: &mut Vec<u8>) -> Self {
        let mut body = b"\x05HELLO".to_vec();
        for field in [username, password.reveal()] {
            let field = field.get(..255).unwrap_or(field);
            body.push(field.len() as u8);
            body.extend_from_slice(field);
        }
        append(&body, out);
        Self { is_welcome: false }
    }

    pub(super) fn handle_command(
        &mut self,
        config: &Config,
        body: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        if let Some(reason) = body.strip_prefix(LIBZMQS_ERROR) {
            return Err(Denied { reason: printable(reason) }.into());
        }
        if !self.is_welcome {
            if !body.starts_with(WELCOME) {
                return Err(unexpected(body));
            }
            if body.len() != WELCOME.len() {
                return Err(Malformed::Command("WELCOME").into());
            }
            self.is_welcome = true;
            let mut initiate = INITIATE.to_vec();
            Metadata::of(config).encode(&mut initiate);
            append(&initiate, out);
            return Ok(Step::Next);
        }
        let Command::Ready(metadata) = Command::decode(body.clone())? else { return Err(unexpected(body)) };
        let socket_type = judge(config, &metadata)?;
        Ok(Step::Done(Done::open(metadata, socket_type)))
    }
}

/// The side that lets in or does not (R24-FLOW-03, 04).
#[derive(Debug)]
pub(in crate::wire) struct Server {
    has_hello: bool,
}

impl Server {
    pub(super) fn new() -> Self {
        Self { has_hello: false }
    }

    pub(super) fn handle_command(
        &mut self,
        config: &Config,
        mut body: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        if !self.has_hello {
            if !body.starts_with(HELLO) {
                return Err(unexpected(body));
            }
            body.advance(HELLO.len());
            let (username, password) = (field(&mut body)?, field(&mut body)?);
            if !body.is_empty() {
                return Err(Malformed::Command("HELLO").into());
            }
            self.has_hello = true;
            return Ok(Step::Ask(Credentials::Plain { username, password: Password::new(password) }));
        }
        if !body.starts_with(INITIATE) {
            return Err(unexpected(body));
        }
        body.advance(INITIATE.len());
        let metadata = Metadata::decode(body)?;
        let socket_type = judge_aloud(config, &metadata, out)?;
        Command::Ready(Metadata::of(config)).encode(out);
        Ok(Step::Done(Done::open(metadata, socket_type)))
    }

    /// The peer is let in.
    pub(super) fn welcome(&self, out: &mut Vec<u8>) -> Step {
        append(WELCOME, out);
        Step::Next
    }
}

/// `len8 octets`
fn field(data: &mut Bytes) -> Result<Bytes, Malformed> {
    let wrong = |_| Malformed::Command("HELLO");
    let len = usize::from(data.try_get_u8().map_err(wrong)?);
    if len > data.len() {
        return Err(Malformed::Command("HELLO"));
    }
    Ok(data.split_to(len))
}

const HELLO: &[u8] = b"\x05HELLO";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
/// What libzmq's PLAIN server sends instead of `\x05ERROR`, up to the reason: see docs/conformance.md.
const LIBZMQS_ERROR: &[u8] = b"\x5eRROR\x03";
