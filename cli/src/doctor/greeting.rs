//! The greeting, in stages: some peers hang up on a whole greeting of another mechanism before they show their own.

use std::time::Duration;

use tokio::time::Instant;
use zmtp::wire::{Error, Greeting, Incompatible, Mechanism};

use super::advice::{
    Failure, broken, closed_in_greeting, mechanisms_differ, silent_in_greeting, two_servers, version,
};
use super::line::{Came, Line};
use super::place::Found;
use super::stranger::stranger;
use super::{Finding, Outcome, tls};

/// A peer that has greeted us.
#[derive(Debug)]
pub(super) struct Greeted {
    /// All that it has said so far: its greeting, and what came behind it.
    pub(super) heard: Vec<u8>,
}

/// Greets, and shows our mechanism only when the peer has shown its own, or says nothing before.
pub(super) async fn greet(
    line: &mut Line,
    found: &Found,
    mechanism: &Mechanism,
    limit: Duration,
) -> Outcome<Greeted> {
    let ours = Greeting::new(mechanism).encode();
    let start = Instant::now();
    let mut heard = Vec::new();
    let mut told = 0;
    // Our octets up to here, the peer's that are to follow, and until when to wait for them.
    for (until, wanted, quarters) in [
        (SIGNATURE, SIGNATURE, 1),
        (VERSION, ours.len(), 2),
        (ours.len(), ours.len(), 3),
        (ours.len(), ours.len(), 4),
    ] {
        let deadline = start + limit * quarters / 4;
        if quarters == 4 && heard.is_empty() {
            provoke(line, &mut heard, deadline).await?;
            break;
        }
        line.write(&ours[told..until], deadline).await;
        told = until;
        let theirs = match listen(line, &mut heard, wanted, deadline).await {
            Err(hung_up) if heard.is_empty() => {
                let is_tls = tls::is_behind(found, start + limit).await;
                return Err(if is_tls { tls::failure() } else { hung_up });
            }
            listened => listened?,
        };
        if let Some(theirs) = theirs {
            check(&theirs, mechanism)?;
            line.write(&ours[told..], start + limit).await;
            return Ok((Greeted { heard }, finding(&theirs, mechanism)));
        }
    }
    Err(silent_in_greeting(heard.len(), limit))
}

/// Waits for so many of the peer's first octets. Gives its greeting if that is whole by then.
async fn listen(
    line: &mut Line,
    heard: &mut Vec<u8>,
    wanted: usize,
    deadline: Instant,
) -> Result<Option<Greeting>, Failure> {
    loop {
        match Greeting::decode(heard) {
            Ok(Some(greeting)) => return Ok(Some(greeting)),
            Ok(None) if heard.len() >= wanted => return Ok(None),
            Ok(None) => {}
            Err(Error::Incompatible(Incompatible::Version(theirs))) => return Err(version(theirs)),
            Err(Error::Malformed(_)) => {
                // Whoever it is, it may have more to say of itself.
                let soon = deadline.min(Instant::now() + SENTENCE);
                while heard.len() < 512 && matches!(line.read(heard, soon).await, Came::Octets) {}
                return Err(stranger(heard));
            }
            Err(error) => return Err(broken(&error)),
        }
        match line.read(heard, deadline).await {
            Came::Octets => {}
            Came::Nothing => return Ok(None),
            Came::End(error) => return Err(closed_in_greeting(heard.len(), error.as_ref())),
        }
    }
}

/// Who has said nothing at all may speak another protocol, and wait for a line, or for the end of what we say.
async fn provoke(line: &mut Line, heard: &mut Vec<u8>, deadline: Instant) -> Result<(), Failure> {
    line.write(b"\r\n\r\n", deadline).await;
    line.shut(deadline).await;
    while let Came::Octets = line.read(heard, deadline).await {
        // A greeting now is too late, but one that is none is told.
        if Greeting::decode(heard).is_err() {
            return listen(line, heard, Greeting::SIZE, deadline).await.map(drop);
        }
    }
    Ok(())
}

fn check(theirs: &Greeting, ours: &Mechanism) -> Result<(), Failure> {
    match theirs.require(ours.name()) {
        Err(Error::Incompatible(Incompatible::Mechanism { theirs, ours })) => {
            Err(mechanisms_differ(&theirs, ours))
        }
        Err(error) => Err(broken(&error)),
        // Clients of libzmq and its servers both say that they are none.
        Ok(()) if theirs.as_server && ours.is_server() => Err(two_servers()),
        Ok(()) => Ok(()),
    }
}

fn finding(theirs: &Greeting, ours: &Mechanism) -> Finding {
    let (major, minor) = theirs.version;
    // It has been found to be the same.
    let mechanism = ours.name();
    let as_server = u8::from(theirs.as_server);
    Finding::new(format!("ZMTP {major}.{minor}, mechanism {mechanism}, as-server {as_server}"))
        .fact("version", format!("{major}.{minor}"))
        .fact("mechanism", mechanism)
        .fact("as_server", theirs.as_server)
}

/// Octets up to the end of the signature, and of the version.
const SIGNATURE: usize = 10;
const VERSION: usize = 12;
/// How long whoever has begun to say something else may take for the rest of it.
const SENTENCE: Duration = Duration::from_millis(300);
