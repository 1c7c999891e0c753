//! `zmtp doctor`: goes the way to a peer step by step, and says where it ends, why, and what to try.
//!
//! `place.rs` finds the peer and reaches it; `greeting.rs`, `handshake.rs` and `heartbeat.rs` talk to it over a
//! `line.rs`, which keeps the time. What a failure means is said in `advice.rs`, `stranger.rs` and `types.rs`, which are
//! pure; `tls.rs` asks once more. `report.rs` prints.

use std::time::Duration;

use zmtp::{Security, SocketType};

use self::advice::Failure;
pub(crate) use self::report::Report;
use crate::exit::{Exit, USAGE};

mod advice;
mod greeting;
mod handshake;
mod heartbeat;
mod line;
mod place;
mod report;
mod stranger;
mod tls;
mod types;

/// What is to be found out.
#[derive(Debug)]
pub(crate) struct Visit {
    /// As it was typed.
    pub(crate) endpoint: String,
    /// As which type to come in; if none, as one that suits the peer.
    pub(crate) as_type: Option<SocketType>,
    pub(crate) security: Security,
    /// How long each step may take.
    pub(crate) limit: Duration,
}

/// Goes as far as it goes.
pub(crate) async fn visit(visit: &Visit, report: &mut Report) -> Exit {
    let exit = match walk(visit, report).await {
        Ok(()) => Exit::Done,
        Err(Ended::AtTheEndpoint) => Exit::Told(USAGE),
        Err(Ended::OnTheWay) => Exit::Told(ON_THE_WAY),
    };
    report.settle(exit)
}

async fn walk(visit: &Visit, report: &mut Report) -> Result<(), Ended> {
    let limit = visit.limit;
    let endpoint = report.step("parse", async { place::parse(&visit.endpoint) }).await;
    let endpoint = endpoint.map_err(|Failed| Ended::AtTheEndpoint)?;
    let found = report.step("resolve", place::resolve(&endpoint, limit)).await?;
    let mut line = report.step("connect", place::connect(&found, limit)).await?;
    let mechanism = visit.security.mechanism();
    let greeted = report.step("greeting", greeting::greet(&mut line, &found, &mechanism, limit)).await?;
    let met = report.step("handshake", handshake::shake(&mut line, greeted, visit, &endpoint)).await?;
    let met = report.step("ready", async { met.judge(visit.as_type) }).await?;
    report.step("heartbeat", heartbeat::beat(&mut line, met, limit)).await?;
    Ok(())
}

/// What a step gives to the next one, and what it has to say.
type Outcome<T> = Result<(T, Finding), Failure>;

/// What a step has found.
#[derive(Debug)]
pub(crate) struct Finding {
    /// In words.
    says: String,
    /// For programs.
    facts: Vec<(&'static str, serde_json::Value)>,
    /// Nothing was done, and `says` why.
    skipped: bool,
}

impl Finding {
    fn new(says: impl Into<String>) -> Self {
        Self { says: says.into(), facts: Vec::new(), skipped: false }
    }

    fn skipped(says: impl Into<String>) -> Self {
        Self { skipped: true, ..Self::new(says) }
    }

    fn fact(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.facts.push((name, value.into()));
        self
    }
}

/// A step has failed, and the report says why.
#[derive(Debug)]
pub(crate) struct Failed;

/// Where the way ended.
#[derive(Debug)]
enum Ended {
    AtTheEndpoint,
    OnTheWay,
}

impl From<Failed> for Ended {
    fn from(Failed: Failed) -> Self {
        Self::OnTheWay
    }
}

/// The exit code for everything that fails behind the endpoint's text.
const ON_THE_WAY: u8 = 4;
