//! The administration of a broker: somebody asks (REQ), the broker answers (REP), both in one frame of JSON.
//!
//! Whoever reaches it may end the broker, so it is only bound where this machine's own processes come.

use std::future::pending;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use zmtp::{Endpoint, RepSocket, ReqSocket};
use zmtp_patterns::balancer::Dead;
use zmtp_patterns::balancer::job::{TaskId, WorkerId};
use zmtp_patterns::balancer::state::{Presence, Status};

use crate::exit::Exit;
use crate::json::octets;
use crate::units::show;

/// What can be asked: `{"ask":"status"}`, `{"ask":"drain","now":false}`, `{"ask":"dead"}`, and by task
/// `{"ask":"retry","tasks":["5c1f0a7700000003"]}` and `drop`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Ask {
    Status,
    Drain { now: bool },
    Dead,
    Retry { tasks: Vec<String> },
    Drop { tasks: Vec<String> },
}

/// The broker's side, if it has one.
#[derive(Debug)]
pub(crate) struct Admin(Option<RepSocket>);

impl Admin {
    /// Binds, saying where.
    pub(crate) async fn bind(at: Option<&Endpoint>) -> Result<Self, Exit> {
        let Some(at) = at else { return Ok(Self(None)) };
        let socket = RepSocket::builder().linger(LINGER).max_message_size(MOST_ASKED).build();
        match socket.bind(at).await {
            Ok(bound) => _ = writeln!(io::stderr().lock(), "admin {bound}"),
            Err(error) => return Err(Exit::Failed(error.to_string())),
        }
        Ok(Self(Some(socket)))
    }

    /// What is asked next; what makes no sense is answered. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Ask {
        loop {
            let Some(socket) = &mut self.0 else { return pending().await };
            let Ok(message) = socket.recv().await else { return pending().await };
            match serde_json::from_slice(message.first()) {
                Ok(ask) => return ask,
                Err(error) => self.answer(&json!({ "error": error.to_string() })).await,
            }
        }
    }

    pub(crate) async fn answer(&mut self, answer: &Value) {
        if let Some(socket) = &mut self.0 {
            // Whoever asked may have gone.
            let _ = socket.send(answer.to_string()).await;
        }
    }

    /// Lets the last answer leave.
    pub(crate) async fn close(self) {
        if let Some(socket) = self.0 {
            let _ = socket.close().await;
        }
    }
}

/// Asks the broker there.
pub(crate) async fn ask(at: &Endpoint, ask: Ask, limit: Duration) -> Result<Value, Exit> {
    let mut socket = ReqSocket::builder().linger(Duration::ZERO).build();
    socket.connect(at).map_err(|error| Exit::Usage(error.to_string()))?;
    let asked = serde_json::to_string(&ask).unwrap_or_default();
    let answer = match timeout(limit, socket.request(asked)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Exit::Failed(error.to_string())),
        Err(_) => {
            let limit = show(limit);
            let sentence = format!("no answer within {limit}; see that a broker runs with `--admin {at}`");
            return Err(Exit::TimedOut(sentence));
        }
    };
    match serde_json::from_slice::<Value>(answer.first()) {
        Ok(answer) if answer["error"].is_null() && answer.is_object() => Ok(answer),
        _ => Err(Exit::Usage(format!("what answers at {at} is no broker's administration"))),
    }
}

/// Where an administration may be: where only this machine's own processes come.
pub(crate) fn place(text: &str) -> Result<Endpoint, String> {
    let at: Endpoint = text.parse().map_err(|error: zmtp::EndpointError| error.to_string())?;
    let is_near = match &at {
        Endpoint::Tcp { host, .. } => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Endpoint::Ipc { .. } => true,
        _ => false,
    };
    if is_near {
        Ok(at)
    } else {
        Err(format!("{at} can be reached from elsewhere; expected ipc:// or a loopback address"))
    }
}

/// The broker as an object.
pub(crate) fn picture(status: &Status) -> Value {
    let counters = status.counters;
    let workers: Vec<_> = status
        .workers
        .iter()
        .map(|worker| {
            let presence = match worker.presence {
                Presence::There => "there",
                Presence::Suspect => "suspect",
                Presence::Draining => "draining",
                Presence::Away => "away",
            };
            json!({
                "name": name(worker.worker), "host": worker.host, "pid": worker.pid, "busy": worker.busy,
                "done": worker.done, "failed": worker.failed,
                "slots": worker.slots, "presence": presence,
            })
        })
        .collect();
    json!({
        "blocked": status.blocked, "queued": status.queued, "waiting": status.waiting, "running": status.leased,
        "unclaimed": status.unclaimed, "dead": status.dead, "submitted": counters.submitted, "done": counters.done,
        "not_done": counters.not_done, "setbacks": counters.setbacks, "workers_lost": counters.workers_lost,
        "workers": workers,
    })
}

/// The dead as a list in an object: what stands in their jobs is left out, and of what was said of an end the last of it.
pub(crate) fn obituary(dead: &[Dead]) -> Value {
    let one = |dead: &Dead| {
        let attempts: Vec<_> = dead
            .attempts
            .iter()
            .map(|attempt| json!({ "worker": name(attempt.worker), "setback": attempt.setback.to_string() }))
            .collect();
        let (said, job) = (&dead.outcome.payload, &dead.job);
        let said = &said[said.len().saturating_sub(MOST_SAID)..];
        json!({
            "task": dead.task.to_string(), "key": octets(&job.key), "attempts": attempts, "code": dead.outcome.code,
            "result": octets(said),
        })
    };
    json!({ "dead": dead.iter().map(one).collect::<Vec<_>>() })
}

/// The tasks of these names, but for what is none.
pub(crate) fn tasks(names: &[String]) -> Vec<TaskId> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// A name that somebody has given, or the octets of one by chance.
pub(crate) fn name(worker: WorkerId) -> String {
    let end = worker.0.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    match std::str::from_utf8(&worker.0[..end]) {
        Ok(name) if end > 0 && !name.chars().any(char::is_control) => name.to_owned(),
        _ => worker.to_string(),
    }
}

const LINGER: Duration = Duration::from_secs(1);
/// No question is longer: it may name ten thousand tasks.
const MOST_ASKED: u64 = 256 << 10;
/// The most of what was said of an end.
const MOST_SAID: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administration_is_only_where_this_machine_comes() {
        for near in ["tcp://127.0.0.1:5556", "tcp://[::1]:5556", "tcp://localhost:5556", "ipc:///tmp/admin"] {
            assert!(place(near).is_ok(), "{near}");
        }
        for far in ["tcp://*:5556", "tcp://0.0.0.0:5556", "tcp://192.0.2.7:5556", "inproc://admin"] {
            assert!(place(far).unwrap_err().contains("expected ipc:// or a loopback address"), "{far}");
        }
    }

    #[test]
    fn a_worker_is_shown_by_the_name_that_it_was_given() {
        assert_eq!(name(WorkerId(*b"alpha\0\0\0\0\0\0\0\0\0\0\0")), "alpha");
        assert_eq!(name(WorkerId([0xff; 16])), "ff".repeat(16));
        assert_eq!(name(WorkerId([0; 16])), "00".repeat(16));
    }
}
