//! How a broker is: columns for people, an object for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};
use zmtp::Message;
use zmtp_patterns::peering::{LinkStatus, PeerStatus, Status};

/// A line for it, one for each other broker, and one for each counter that is not 0.
pub(crate) fn lines(status: &Status) -> Vec<Message> {
    let own = [
        ("clients", status.clients),
        ("workers", status.workers),
        ("slots", status.slots),
        ("free", status.free),
        ("queue", status.queue),
        ("local", status.local),
        ("remote", status.remote),
        ("foreign", status.foreign),
    ];
    let first = Message::new("broker").with(status.name.clone());
    let first = own.iter().fold(first, |line, (what, number)| line.with(format!("{what} {number}")));
    let first = first.with(format!("service {}", millis(status.service)));
    let first = if status.is_leaving { first.with("leaving") } else { first };
    let counters = status.counters.all().into_iter().filter(|(_, count)| *count > 0);
    let counters = counters.map(|(name, count)| Message::new(name.replace('_', " ")).with(count.to_string()));
    [first].into_iter().chain(status.peers.iter().map(peer)).chain(counters).collect()
}

fn peer(peer: &PeerStatus) -> Message {
    let numbers = [
        ("slots", peer.slots),
        ("free", peer.free),
        ("queue", peer.queue),
        ("sent", peer.sent),
        ("usable", peer.usable),
    ];
    let line = Message::new("peer").with(name(peer).to_owned()).with(link(peer.link));
    let line = numbers.iter().fold(line, |line, (what, number)| line.with(format!("{what} {number}")));
    line.with(format!("rtt {}", millis(peer.rtt))).with(format!("age {}", millis(peer.age)))
}

/// What it is called; or where it is, as long as it has not said.
pub(crate) fn name(peer: &PeerStatus) -> &str {
    if peer.card.name.is_empty() { &peer.card.cloud } else { &peer.card.name }
}

pub(crate) fn link(link: LinkStatus) -> &'static str {
    match link {
        LinkStatus::Connecting => "connecting",
        LinkStatus::Greeting => "greeting",
        LinkStatus::Up => "up",
        LinkStatus::Stale => "stale",
        LinkStatus::Rejected => "rejected",
        _ => "unknown",
    }
}

/// For programs.
pub(crate) fn object(status: &Status) -> Value {
    let counters: Map<_, _> =
        status.counters.all().into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
    let peers: Vec<_> = status
        .peers
        .iter()
        .map(|peer| {
            json!({
                "name": peer.card.name,
                "cloud": peer.card.cloud,
                "state": peer.card.state,
                "link": link(peer.link),
                "slots": peer.slots,
                "free": peer.free,
                "queue": peer.queue,
                "sent": peer.sent,
                "usable": peer.usable,
                "rtt_ms": peer.rtt.as_secs_f64() * 1e3,
                "age_ms": peer.age.as_secs_f64() * 1e3,
            })
        })
        .collect();
    json!({
        "name": status.name,
        "clients": status.clients,
        "workers": status.workers,
        "slots": status.slots,
        "free": status.free,
        "queue": status.queue,
        "local": status.local,
        "remote": status.remote,
        "foreign": status.foreign,
        "service_ms": status.service.as_secs_f64() * 1e3,
        "leaving": status.is_leaving,
        "counters": counters,
        "peers": peers,
    })
}

fn millis(time: Duration) -> String {
    format!("{:.1}ms", time.as_secs_f64() * 1e3)
}
