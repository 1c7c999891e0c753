//! A PING, and the PONG that a peer which is well answers it with.

use std::time::Duration;

use tokio::time::Instant;
use zmtp::wire::{Connection, Event, Version};

use super::advice::{Failure, after_ready, shown};
use super::handshake::{Met, Stands};
use super::line::{Came, Line};
use super::{Finding, Outcome};
use crate::units::show;

/// Asks the peer for a sign of life.
pub(super) async fn beat(line: &mut Line, met: Met, limit: Duration) -> Outcome<()> {
    match met.stands {
        Stands::Outside(why) => Ok(((), Finding::skipped(why))),
        Stands::Inside(_, Version::V3_0) => {
            let why = "the peer speaks ZMTP 3.0, which has no heartbeats: whether it is alive shows in its messages alone";
            Ok(((), Finding::skipped(why)))
        }
        Stands::Inside(mut wire, _) => ping(line, &mut wire, limit).await,
        Stands::Unsuited(failure) => Err(failure),
    }
}

async fn ping(line: &mut Line, wire: &mut Connection, limit: Duration) -> Outcome<()> {
    let deadline = Instant::now() + limit;
    let mut messages = 0;
    wire.ping(0);
    let start = Instant::now();
    loop {
        if let Some(octets) = wire.transmit() {
            line.write(&octets, deadline).await;
        }
        match wire.poll_event(usize::MAX) {
            Ok(Some(Event::Messages(mut chunk))) => {
                while chunk.next_message().is_some() {
                    messages += 1;
                }
                continue;
            }
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(error) => return Err(after_ready(&error)),
        }
        if wire.take_pongs() > 0 {
            return Ok(((), finding(start.elapsed(), messages)));
        }
        let mut some = Vec::new();
        match line.read(&mut some, deadline).await {
            Came::Octets => wire.receive(&some),
            Came::End(error) => {
                let why = error.map(|error| format!(" ({})", shown(&error.to_string()))).unwrap_or_default();
                return Err(Failure::new(
                    format!("the peer closed the connection instead of answering a PING{why}"),
                    "see in its log or monitor why: it may have no place for us, as a PAIR with a peer has none, or not \
                     let us in after all",
                ));
            }
            Came::Nothing => {
                return Err(Failure::new(
                    format!("the peer has not answered a PING within {}", show(limit)),
                    "see whether its process is stopped or busy: every peer that speaks ZMTP 3.1 answers",
                ));
            }
        }
    }
}

fn finding(round_trip: Duration, messages: u64) -> Finding {
    let ms = (round_trip.as_secs_f64() * 1e5).round() / 100.0;
    let lost = match messages {
        0 => String::new(),
        1 => "; a message came meanwhile, and is lost".to_owned(),
        many => format!("; {many} messages came meanwhile, and are lost"),
    };
    Finding::new(format!("PING was answered in {ms} ms{lost}"))
        .fact("round_trip_ms", ms)
        .fact("messages_lost", messages)
}
