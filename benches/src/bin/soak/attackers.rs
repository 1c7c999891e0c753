//! Those who break the protocol. Each must be closed by the server, or leaves by itself; none may leave anything behind.

use std::time::Duration;

use tokio::time::sleep;
use zmtp::wire::{Config, Connection, SocketType};

use crate::raw::{Raw, header};
use crate::server::{BIG, Places};
use crate::visits::Visit;

/// Says nothing, or the begin of a greeting, and waits for the handshake's deadline.
pub(crate) async fn be_mute(places: &Places) -> Visit {
    let mut raw = Raw::dial(some(places)).await?;
    raw.send(&greeting()[..fastrand::usize(..64)]).await?;
    raw.be_closed().await
}

/// Speaks HTTP, nonsense, or nonsense after a good greeting.
pub(crate) async fn talk_nonsense(places: &Places) -> Visit {
    let mut raw = Raw::dial(some(places)).await?;
    let nonsense = std::iter::repeat_with(|| fastrand::u8(..)).take(200);
    let octets: Vec<u8> = match fastrand::u8(..3) {
        0 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        1 => nonsense.collect(),
        _ => greeting().into_iter().chain(nonsense).collect(),
    };
    // It may well be closed while we talk.
    let _ = raw.send(&octets).await;
    raw.be_closed().await
}

/// Shakes hands, and announces a message that is too large.
pub(crate) async fn claim_too_much(places: &Places) -> Visit {
    let mut raw = Raw::dial(&places.pull).await?;
    raw.shake(SocketType::Push).await?;
    raw.send(&header(fastrand::u64(1 << 27..), false)).await?;
    raw.be_closed().await
}

/// Is reset somewhere in its greeting, its handshake, or right after.
pub(crate) async fn be_reset(places: &Places) -> Visit {
    if fastrand::bool() {
        let mut raw = Raw::dial(some(places)).await?;
        raw.send(&greeting()[..fastrand::usize(..64)]).await?;
        return raw.reset();
    }
    let mut raw = Raw::dial(&places.router).await?;
    raw.shake(SocketType::Dealer).await?;
    raw.reset()
}

/// Leaves in the middle of a message: of its frame, or between two of them.
pub(crate) async fn say_half(places: &Places) -> Visit {
    let mut raw = Raw::dial(&places.pull).await?;
    raw.shake(SocketType::Push).await?;
    let len = fastrand::u16(1000..);
    let mut octets = header(len.into(), true);
    octets.resize(octets.len() + usize::from(len), b'x');
    if fastrand::bool() {
        octets.truncate(octets.len() / 2);
    }
    raw.send(&octets).await?;
    if fastrand::bool() { raw.reset() } else { Ok(()) }
}

/// Subscribes to a few hundred topics that nobody else wants, takes half of them back, and leaves.
pub(crate) async fn subscribe_to_everything(places: &Places) -> Visit {
    let mut raw = Raw::dial(&places.publisher).await?;
    raw.shake(SocketType::Sub).await?;
    let mut octets = Vec::new();
    for _ in 0..300 {
        let topic = format!("{:032x}", fastrand::u128(..));
        subscription(1, topic.as_bytes(), &mut octets);
        if fastrand::bool() {
            subscription(0, topic.as_bytes(), &mut octets);
        }
    }
    // What is published shows that all of them have been read.
    subscription(1, BIG, &mut octets);
    raw.send(&octets).await?;
    raw.skip(4096).await
}

/// Subscribes, and reads nothing of what comes until its queue is full, or time is up.
pub(crate) async fn be_deaf(places: &Places) -> Visit {
    let mut raw = Raw::dial_deaf(&places.publisher).await?;
    raw.shake(SocketType::Sub).await?;
    let mut octets = Vec::new();
    subscription(1, BIG, &mut octets);
    raw.send(&octets).await?;
    sleep(Duration::from_millis(fastrand::u64(..8000))).await;
    raw.reset()
}

/// One of the server's places.
fn some(places: &Places) -> &str {
    let all = [&places.router, &places.rep, &places.pull, &places.publisher, &places.xpub];
    all[fastrand::usize(..all.len())]
}

fn greeting() -> Vec<u8> {
    Connection::new(Config::new(SocketType::Dealer)).transmit().unwrap_or_default()
}

/// As a message of ZMTP 3.0: 1 to subscribe, 0 to cancel.
fn subscription(kind: u8, topic: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header(topic.len() as u64 + 1, false));
    out.push(kind);
    out.extend_from_slice(topic);
}
