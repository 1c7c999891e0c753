//! From the greetings to both READYs, and what the peer's says.

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};
use zmtp::wire::{
    Command, Config, Connection, Error, Event, Greeting, Header, Incompatible, Mechanism, Metadata, Version,
};
use zmtp::{Denial, Endpoint, SocketType};

use super::advice::{At, Failure, said, shown};
use super::greeting::Greeted;
use super::line::{Came, Line};
use super::types::{self, Choice};
use super::{Finding, Outcome, Visit};
use crate::json;

/// A peer that has said what it is.
#[derive(Debug)]
pub(super) struct Met {
    metadata: Metadata,
    pub(super) stands: Stands,
}

/// How we stand with it.
#[derive(Debug)]
pub(super) enum Stands {
    /// Both are ready.
    Inside(Box<Connection>, Version),
    /// We have not said that we are ready, for this reason.
    Outside(String),
    /// Our types do not talk to each other.
    Unsuited(Failure),
}

/// Shakes hands. Where nothing is secret, our READY waits for the peer's, and for a type that suits it.
pub(super) async fn shake(
    line: &mut Line,
    greeted: Greeted,
    visit: &Visit,
    endpoint: &Endpoint,
) -> Outcome<Met> {
    let start = Instant::now();
    let mut heard = greeted.heard;
    let mechanism = visit.security.mechanism();
    let mut ours = visit.as_type.unwrap_or(SocketType::Dealer);
    if let Mechanism::Null = mechanism
        && let Some(metadata) = overhear(line, &mut heard, ours, start + visit.limit / 2).await?
        && let Some(theirs) = metadata.socket_type().and_then(|name| SocketType::from_name(name))
    {
        let stands = match types::choose(visit.as_type, theirs) {
            Ok(Choice::Come(suits)) => {
                ours = suits;
                None
            }
            Ok(Choice::Stay(why)) => Some(Stands::Outside(why)),
            Err(failure) => Some(Stands::Unsuited(failure)),
        };
        if let Some(stands) = stands {
            let finding = Finding::new("NULL, in which nothing is to be proven; our READY was held back");
            return Ok((Met { metadata, stands }, finding));
        }
    }
    converse(line, &heard, ours, mechanism, (visit, endpoint), start + visit.limit).await
}

/// The READY behind the greeting, if there is one in time. What else there is, is for the connection to judge.
async fn overhear(
    line: &mut Line,
    heard: &mut Vec<u8>,
    ours: SocketType,
    deadline: Instant,
) -> Result<Option<Metadata>, Failure> {
    loop {
        match ready(heard.get(Greeting::SIZE..).unwrap_or_default()) {
            Overheard::Ready(metadata) => return Ok(Some(metadata)),
            Overheard::Other => return Ok(None),
            Overheard::Part => {}
        }
        match line.read(heard, deadline).await {
            Came::Octets => {}
            Came::Nothing => return Ok(None),
            Came::End(error) => {
                let is_answered = heard.len() > Greeting::SIZE;
                let at = At { mechanism: &Mechanism::Null, ours, is_told: true, is_answered };
                return Err(at.closed(error.as_ref()));
            }
        }
    }
}

/// What stands behind a greeting.
enum Overheard {
    Ready(Metadata),
    /// Not enough to tell.
    Part,
    Other,
}

fn ready(behind: &[u8]) -> Overheard {
    let (header, size) = match Header::decode(behind) {
        Ok(Some(read)) => read,
        Ok(None) => return Overheard::Part,
        Err(_) => return Overheard::Other,
    };
    let Some(len) = usize::try_from(header.len).ok().filter(|len| header.command && *len <= LONGEST) else {
        return Overheard::Other;
    };
    let Some(body) = behind.get(size..size + len) else { return Overheard::Part };
    match Command::decode(body.to_vec().into()) {
        Ok(Command::Ready(metadata)) => Overheard::Ready(metadata),
        _ => Overheard::Other,
    }
}

async fn converse(
    line: &mut Line,
    heard: &[u8],
    ours: SocketType,
    mechanism: Mechanism,
    (visit, endpoint): (&Visit, &Endpoint),
    deadline: Instant,
) -> Outcome<Met> {
    let name = mechanism.name();
    let mut config = Config::new(ours);
    config.mechanism = mechanism.clone();
    let mut wire = Connection::new(config);
    // Our greeting, which has been said.
    wire.transmit();
    wire.receive(heard);
    let is_told = visit.as_type.is_some();
    let mut at = At { mechanism: &mechanism, ours, is_told, is_answered: heard.len() > Greeting::SIZE };
    loop {
        let event = wire.poll_event(0);
        if let Some(octets) = wire.transmit() {
            line.write(&octets, deadline).await;
        }
        match event {
            Ok(Some(Event::Ready(remote))) => {
                let finding = Finding::new(format!("{name}, as a {ours}")).fact("as", ours.as_str());
                let stands = Stands::Inside(Box::new(wire), remote.version);
                return Ok((Met { metadata: remote.metadata, stands }, finding));
            }
            Ok(Some(Event::Asked(credentials))) => {
                let deciding = visit.security.decide(credentials, None, endpoint.clone());
                wire.decide(timeout_at(deadline, deciding).await.unwrap_or(Err(Denial::Failed)));
                continue;
            }
            Ok(_) => {}
            Err(error @ Error::Incompatible(Incompatible::SocketType { .. })) => {
                let stands = Stands::Unsuited(at.wrong(&error));
                return Ok((Met { metadata: Metadata::default(), stands }, Finding::new(name)));
            }
            Err(error) => return Err(at.wrong(&error)),
        }
        let mut some = Vec::new();
        match line.read(&mut some, deadline).await {
            Came::Octets => {
                at.is_answered = true;
                wire.receive(&some);
            }
            Came::End(error) => return Err(at.closed(error.as_ref())),
            Came::Nothing => return Err(at.silent(visit.limit)),
        }
    }
}

impl Met {
    /// What the peer says of itself, or why we do not talk.
    pub(super) fn judge(self, asked: Option<SocketType>) -> Outcome<Self> {
        let Self { metadata, stands } = self;
        let kind = metadata.socket_type();
        let theirs = kind.and_then(|name| SocketType::from_name(name));
        let stands = match (stands, theirs.and_then(types::cost)) {
            (Stands::Unsuited(failure), _) => return Err(failure),
            // Behind PLAIN and CURVE the peer says what it is when we are inside already.
            (Stands::Inside(..), Some(why)) if asked.is_none() => Stands::Outside(why),
            (stands, _) => stands,
        };
        let identity = metadata.identity();
        let name = kind.map_or_else(
            || "a socket that does not say its type".to_owned(),
            |kind| kind.escape_ascii().to_string(),
        );
        let called = if identity.is_empty() {
            "no routing id".to_owned()
        } else {
            format!("routing id {}", said(&identity))
        };
        let mut says = format!("{name}, {called}");
        let mut further = Map::new();
        for (name, value) in metadata.iter().filter(|(name, _)| !is_known(name)) {
            says += &format!(", {} {}", shown(name), said(value));
            further.insert(name.to_owned(), json::octets(value));
        }
        let finding = Finding::new(says)
            .fact("type", kind.map_or(Value::Null, |kind| json::octets(kind)))
            .fact("routing_id", json::octets(&identity))
            .fact("metadata", further);
        Ok((Self { metadata, stands }, finding))
    }
}

fn is_known(name: &str) -> bool {
    ["Socket-Type", "Identity"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Octets of a command before READY; a longer one is refused.
const LONGEST: usize = 8 * 1024;
