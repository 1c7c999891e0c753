//! Whoever joins while others write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zmtp_patterns::clone::{
    Client, ClientConfig, Config, Health, Place, ReplicaConfig, Server, State, Version, Watched,
};

use crate::relay::Relay;
use crate::support::{SOON, agree, client, server, set, until};

/// Two connections have no order between them: where the snapshot is asked for on one, and what is published comes on the
/// other, whoever is subscribed a little later than told misses what was between. Some here are subscribed 3 ms late, which
/// would lose them some changes each time; the others as chance has it. `JOINS=100000` tries more.
#[tokio::test(flavor = "multi_thread")]
async fn the_join_race_of_a_thousand_who_join_while_somebody_writes_none_misses_a_change() {
    let joins: u64 = std::env::var("JOINS").map_or(1000, |joins| joins.parse().unwrap());
    let (_server, place) = server(Config::default()).await;
    let relay = Relay::slow(&place.updates, Duration::from_millis(3)).await;
    let late = Place { updates: relay.at.clone(), ..place.clone() };
    let is_over = Arc::new(AtomicBool::new(false));
    let (begun, first) = oneshot::channel();
    let writing = tokio::spawn(write(client(&place, &["none"]), begun, Arc::clone(&is_over)));
    let first = first.await.unwrap();
    let mut joining = JoinSet::new();
    for task in 0..TASKS {
        let place = if task % 2 == 0 { late.clone() } else { place.clone() };
        joining.spawn(async move {
            for _ in 0..joins / TASKS {
                let client = client(&place, &[""]);
                let state = timeout(SOON, client.ready()).await.unwrap();
                check(first, &state);
                let later = Version { seq: state.version.seq + 10, ..state.version };
                let state = timeout(SOON, client.wait_for(later)).await.unwrap();
                check(first, &state);
                // Nothing was missed and asked for afterwards.
                assert_eq!((state.counters.mismatches, state.counters.deltas), (0, 0));
            }
        });
    }
    while let Some(joined) = joining.join_next().await {
        joined.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    println!("{} changes were written meanwhile", writing.await.unwrap());
}

/// Writes one number after the other, each under one of a few keys, and says with which version it began.
async fn write(client: Client, begun: oneshot::Sender<Version>, is_over: Arc<AtomicBool>) -> u64 {
    let first = client.set(slot(0), "0").await.unwrap();
    begun.send(first).unwrap();
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        let version = client.set(slot(number), number.to_string()).await.unwrap();
        assert_eq!(version.seq, first.seq + number);
    }
    number
}

/// What there was at its version is what it has, all of it.
fn check(first: Version, state: &State) {
    let last = state.version.seq - first.seq;
    let expected: BTreeMap<Bytes, Bytes> =
        (last.saturating_sub(SLOTS - 1)..=last).map(|it| (slot(it), it.to_string().into())).collect();
    let there = state.tree.iter(b"").map(|(key, entry)| (key.clone(), entry.value.clone())).collect();
    assert_eq!(expected, there, "at {}", state.version);
}

fn slot(number: u64) -> Bytes {
    format!("slot {}", number % SLOTS).into()
}

/// The guide keeps what is published meanwhile in a socket, which keeps a thousand.
#[tokio::test]
async fn the_queue_of_a_thousand_while_a_client_is_told_what_there_is_three_thousand_changes_wait() {
    let joining = Joining::begin(ClientConfig::default()).await;
    joining.write_more().await;

    joining.relay.open(true);
    agree(&joining.near, &joining.late).await;
    let counters = joining.late.state().counters;
    assert_eq!((counters.snapshots, counters.overflows, counters.mismatches), (1, 0, 0));
}

#[tokio::test]
async fn the_silent_overflow_who_cannot_keep_what_is_published_says_so_and_begins_again() {
    let replica = ReplicaConfig { buffer: 10_000, ..ReplicaConfig::default() };
    let joining = Joining::begin(ClientConfig { replica, ..ClientConfig::default() }).await;
    let mut watch = joining.late.watch("");
    joining.write_more().await;
    until("it overflows", async || joining.late.state().counters.overflows > 0).await;
    assert_eq!(joining.late.state().health, Health::Joining);

    joining.relay.open(true);
    // It says nothing before it has everything.
    let word = timeout(SOON, watch.next()).await.unwrap();
    assert!(matches!(word, Some(Watched::Now(tree)) if tree.len() == 2 * KEYS));
    agree(&joining.near, &joining.late).await;
    assert_eq!(joining.late.state().counters.mismatches, 0);
}

/// A client that is being told what there is, and will be no further before the relay is open.
struct Joining {
    near: Client,
    late: Client,
    relay: Relay,
    _server: Server,
}

impl Joining {
    async fn begin(config: ClientConfig) -> Self {
        let (server, place) = server(Config { page: 300, ..Config::default() }).await;
        let near = client(&place, &[""]);
        for batch in 0..KEYS / 100 {
            let changes = (0..100).map(|at| set(format!("before {batch} {at}"), "value"));
            near.write(changes.collect()).await.unwrap();
        }
        let relay = Relay::to(&place.control).await;
        let late = Client::start(vec![Place { control: relay.at.clone(), ..place }], config);
        until("it is being told", async || server.status().await.unwrap().snapshots == 1).await;
        relay.open(false);
        Self { near, late, relay, _server: server }
    }

    /// As many changes as there were keys, and half as many.
    async fn write_more(&self) {
        assert_eq!(self.late.state().health, Health::Joining);
        for batch in 0..KEYS / 100 {
            let changes = (0..100).map(|at| set(format!("meanwhile {batch} {at}"), "value"));
            self.near.write(changes.collect()).await.unwrap();
        }
        for batch in 0..KEYS / 200 {
            let changes = (0..100).map(|at| set(format!("before {batch} {at}"), "other"));
            self.near.write(changes.collect()).await.unwrap();
        }
        assert_eq!(self.late.state().health, Health::Joining);
    }
}

/// Who join at the same time.
const TASKS: u64 = 8;
/// Keys that are written in turns.
const SLOTS: u64 = 16;
const KEYS: u64 = 2000;
