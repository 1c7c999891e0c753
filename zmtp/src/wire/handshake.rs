//! From the first octet to READY: greeting, then the commands of the mechanism (RFC 37).

use bytes::Bytes;

use super::buffer::Buffer;
use super::connection::Config;
use super::error::{Error, Incompatible, Malformed, Misbehaved};
use super::frame::Header;
use super::greeting::{Greeting, Version};
use super::mechanism::{Credentials, Denial, Done, Shaking, Step};
use crate::security::User;

/// What the handshake waits for.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// `None` until the peer's 64 octets are there.
    shaking: Option<(Version, Shaking)>,
    /// A decision is due, and nothing is read before it.
    is_asking: bool,
    decision: Option<Result<User, Denial>>,
    /// As whom the peer was let in.
    user: Option<Box<User>>,
}

/// How far it has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Somebody has to decide.
    Asked(Credentials),
    /// Both sides are ready.
    Done(Version, Done, Option<Box<User>>),
}

impl Handshake {
    /// Begins, and writes our greeting to `out`.
    pub(crate) fn new(config: &Config, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&Greeting::new(&config.mechanism).encode());
        Self { shaking: None, is_asking: false, decision: None, user: None }
    }

    /// Whether the peer is let in.
    pub(crate) fn decide(&mut self, decision: Result<User, Denial>) {
        if self.is_asking {
            self.decision = Some(decision);
        }
    }

    /// Takes what it can from the front of `input`, answers into `out`, and tells when it is somebody else's turn.
    #[inline(never)]
    pub(crate) fn handle_input(
        &mut self,
        config: &Config,
        input: &mut Buffer,
        out: &mut Vec<u8>,
    ) -> Result<Option<Progress>, Error> {
        loop {
            let step = match &mut self.shaking {
                None => {
                    let Some(greeting) = Greeting::decode(input.octets())? else { return Ok(None) };
                    input.take(Greeting::SIZE);
                    greeting.require(config.mechanism.name())?;
                    if config.mechanism.is_server() && greeting.as_server {
                        return Err(Incompatible::TwoServers.into());
                    }
                    let (shaking, step) = Shaking::start(config, out)?;
                    self.shaking = Some((greeting.spoken(), shaking));
                    step
                }
                Some((_, shaking)) if self.is_asking => {
                    let Some(decision) = self.decision.take() else { return Ok(None) };
                    self.is_asking = false;
                    let decision = decision.map(|user| self.user = Some(Box::new(user)));
                    shaking.handle_decision(config, decision, out)?
                }
                Some((_, shaking)) => {
                    let Some(body) = next_command(input)? else { return Ok(None) };
                    shaking.handle_command(config, body, out)?
                }
            };
            match (step, &self.shaking) {
                (Step::Ask(credentials), _) => {
                    self.is_asking = true;
                    return Ok(Some(Progress::Asked(credentials)));
                }
                (Step::Done(done), Some((version, _))) => {
                    return Ok(Some(Progress::Done(*version, done, self.user.take())));
                }
                _ => {}
            }
        }
    }
}

/// Takes the body of one whole command off the front. Its size is judged by its header, before the body is waited for.
fn next_command(input: &mut Buffer) -> Result<Option<Bytes>, Error> {
    let Some((header, size)) = Header::decode(input.octets())? else {
        return Ok(None);
    };
    if !header.command {
        return Err(Misbehaved::MessageBeforeReady.into());
    }
    if header.len > MAX_COMMAND {
        return Err(Misbehaved::CommandTooLarge { size: header.len, limit: MAX_COMMAND }.into());
    }
    let len = usize::try_from(header.len).map_err(|_| Malformed::FrameLength(header.len))?;
    if input.octets().len() < size.saturating_add(len) {
        return Ok(None);
    }
    input.take(size);
    Ok(Some(input.take(len)))
}

/// The longest command before READY.
pub(crate) const MAX_COMMAND: u64 = 8 * 1024;
