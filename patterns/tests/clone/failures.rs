//! What fails, or is too much, and what comes of it for everybody else.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use zmtp_patterns::clone::{Client, ClientConfig, Config, Health, Place, Refusal, Sockets, WriteError};

use crate::relay::Relay;
use crate::support::{SOON, client, server, server_with, set, sums, until};

/// More is published than the ways to it and its queue at the server hold.
#[tokio::test]
async fn who_does_not_read_keeps_nobody_waiting_and_has_everything_when_it_reads_again() {
    let updates = Sockets::updates().send_hwm_bytes(1 << 20);
    let (_server, place) = server_with(updates, Config::default()).await;
    let relay = Relay::to(&place.updates).await;
    let there = Place { updates: relay.at.clone(), ..place.clone() };
    let (near, far) = (client(&place, &[""]), client(&there, &[""]));
    timeout(SOON, far.ready()).await.unwrap();
    let before = far.state().counters;
    relay.open(false);
    for number in 0..64_u8 {
        let value = vec![number; 512 << 10];
        let version = timeout(SOON, near.set(vec![number], value)).await.unwrap().unwrap();
        timeout(SOON, near.wait_for(version)).await.unwrap();
    }
    assert!(far.state().tree.len() < 64);

    relay.open(true);
    until("it has everything", async || sums(&far, "") == sums(&near, "")).await;
    let after = far.state().counters;
    assert!(after.deltas + after.snapshots > before.deltas + before.snapshots, "{after:?}");
}

#[tokio::test]
async fn when_all_want_to_be_told_everything_at_once_they_are_told_one_after_the_other() {
    let config = Config { snapshots: 1, page: 4000, ..Config::default() };
    let (server, place) = server(config).await;
    let writer = client(&place, &["none"]);
    for batch in 0..20 {
        let changes = (0..100).map(|at| set(format!("{batch}/{at}"), "value"));
        writer.write(changes.collect()).await.unwrap();
    }
    let mut joining = JoinSet::new();
    for _ in 0..20 {
        let client = client(&place, &[""]);
        joining.spawn(async move { timeout(SOON, client.ready()).await.unwrap().tree.len() });
    }
    assert!(joining.join_all().await.into_iter().all(|keys| keys == 2000));
    let counters = server.status().await.unwrap().counters;
    assert!(counters.waits > 0 && counters.snapshots >= 20, "{counters:?}");
}

#[tokio::test]
async fn a_full_server_refuses_what_adds_and_takes_what_makes_room() {
    let (server, place) = server(Config { keys: 3, bytes: 100, ..Config::default() }).await;
    let client = client(&place, &["none"]);
    let full = Err(WriteError::Refused(Refusal::Full));
    for key in ["a", "b", "c"] {
        client.set(key, "value").await.unwrap();
    }
    assert_eq!(client.set("d", "").await, full);
    assert_eq!(client.write(vec![set("a", "other"), set("d", "")]).await, full);
    assert_eq!(client.set("a", vec![b'x'; 100]).await, full);
    client.set("a", "other").await.unwrap();
    client.delete("b").await.unwrap();
    client.set("d", "value").await.unwrap();
    let status = server.status().await.unwrap();
    assert_eq!((status.keys, status.counters.refused), (3, 3));
}

/// The first it is given is nobody, then one that is cut off in the middle of everything.
#[tokio::test]
async fn a_client_of_several_servers_turns_to_the_next_when_one_is_silent() {
    let config = Config { beat: Duration::from_millis(100), ..Config::default() };
    let ((_first, first), (_second, second)) = (server(config.clone()).await, server(config).await);
    let (control, updates) = (Relay::to(&first.control).await, Relay::to(&first.updates).await);
    let there = Place { control: control.at.clone(), updates: updates.at.clone(), ..first.clone() };
    for (place, value) in [(&first, "first"), (&second, "second")] {
        client(place, &["none"]).set("who", value).await.unwrap();
    }
    let nobody: Place = "ipc:///nowhere/clone".parse().unwrap();
    let config = ClientConfig::default();
    let client = Client::start(vec![nobody, there, second], config);
    timeout(SOON, client.ready()).await.unwrap();
    assert_eq!(client.get(b"who").unwrap().value, "first");
    control.open(false);
    updates.open(false);
    until("it turns to the second", async || client.get(b"who").is_some_and(|it| it.value == "second")).await;
    assert_eq!(client.state().health, Health::Live);
}
