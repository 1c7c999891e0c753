//! What is written: on what conditions, for how long, and over the end of a server.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use zmtp::Hwm;
use zmtp_patterns::clone::{
    Change, Client, ClientConfig, Config, Lasts, Place, Refusal, Server, Sockets, To, Watched, When,
    WriteError,
};

use crate::support::{SOON, client, server, server_again, set};

#[tokio::test]
async fn a_write_is_done_if_its_conditions_are_so_and_all_of_it_or_nothing() {
    let (_server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    let change = |key: &'static str, value: &'static str, when| Change { when, ..set(key, value) };
    let first = client.write(vec![change("a", "1", When::Absent)]).await.unwrap();
    let conflict = Err(WriteError::Conflict { change: 1, current: Some(first) });
    assert_eq!(client.write(vec![set("b", "2"), change("a", "2", When::Absent)]).await, conflict);
    let second = client.write(vec![set("b", "2"), change("a", "2", When::Unchanged(first))]).await.unwrap();
    assert!(client.write(vec![change("a", "3", When::Unchanged(first))]).await.is_err());
    let state = timeout(SOON, client.wait_for(second)).await.unwrap();
    let values: Vec<_> = state.tree.iter(b"").map(|(_, entry)| entry.value.clone()).collect();
    assert_eq!(values, ["2", "2"]);
    assert_eq!(client.write(vec![]).await, Err(WriteError::Refused(Refusal::Changes)));
}

/// Those that come behind it wait for it, and are not refused.
#[tokio::test]
async fn a_write_that_finds_no_room_on_its_way_is_said_again_and_done_with_those_behind_it() {
    let (server, place) = server(Config::default()).await;
    let usual = ClientConfig::default();
    let config = ClientConfig { control: usual.control.send_hwm(Hwm::from(8)), ..usual };
    let client = Client::start(vec![place], config);
    timeout(SOON, client.ready()).await.unwrap();
    let mut writing = JoinSet::new();
    for number in 0..40 {
        let client = client.clone();
        writing.spawn(async move { client.set(format!("key {number}"), vec![0; 1 << 20]).await });
    }
    timeout(SOON, writing.join_next()).await.unwrap().unwrap().unwrap().unwrap();
    // There is room again.
    timeout(SOON, client.set("last", "value")).await.unwrap().unwrap();
    while let Some(written) = timeout(SOON, writing.join_next()).await.unwrap() {
        written.unwrap().unwrap();
    }
    let status = server.status().await.unwrap();
    assert_eq!((status.keys, status.counters.written, status.counters.refused), (41, 41, 0));
    assert!(status.counters.early > 0, "there was room for all of them");
}

#[tokio::test]
async fn a_key_with_a_time_to_live_lives_so_long_and_not_much_longer() {
    let (_server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    timeout(SOON, client.ready()).await.unwrap();
    let lasts = Lasts::For(Duration::from_millis(300));
    let to = To::Value { value: "here".into(), lasts };
    let start = Instant::now();
    let version = client.write(vec![Change { key: "me".into(), to, when: When::Always }]).await.unwrap();
    let mut watch = client.watch("me");
    client.wait_for(version).await;
    loop {
        match timeout(SOON, watch.next()).await.unwrap() {
            Some(Watched::Changed(updates)) if updates.iter().any(|update| update.now().is_none()) => break,
            Some(Watched::Now(tree)) if start.elapsed() > Duration::from_millis(300) && tree.is_empty() => {
                break;
            }
            _ => {}
        }
    }
    assert!((Duration::from_millis(300)..Duration::from_secs(2)).contains(&start.elapsed()));
}

#[tokio::test]
async fn a_server_that_was_started_again_is_another_and_writes_without_an_answer_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let place: Place = format!("ipc://{}/clone", folder.path().display()).parse().unwrap();
    let server = Server::start(Sockets::bind(&place).await.unwrap(), Config::default());
    let client = client(&place, &[""]);
    let before = client.set("old", "1").await.unwrap();
    timeout(SOON, client.wait_for(before)).await.unwrap();
    drop(server);
    let writing = tokio::spawn({
        let client = client.clone();
        async move { client.set("new", "2").await }
    });
    let _server = server_again(&place, None).await;
    let after = timeout(SOON, writing).await.unwrap().unwrap().unwrap();
    assert!(after.epoch > before.epoch);
    let state = timeout(SOON, client.wait_for(after)).await.unwrap();
    assert_eq!(state.tree.iter(b"").map(|(key, _)| key.clone()).collect::<Vec<_>>(), ["new"]);
}

/// Whoever is killed is shown by processes; this shows that what is written down is enough.
#[tokio::test]
async fn with_a_store_what_was_answered_is_there_again_and_what_is_said_again_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let place: Place = format!("ipc://{}/clone", folder.path().display()).parse().unwrap();
    let file = folder.path().join("store");
    let client = client(&place, &[""]);
    let mut versions = Vec::new();
    for round in 0..5 {
        let server = server_again(&place, Some(&file)).await;
        for number in 0..50 {
            let key = format!("{round} {number:02}");
            let absent = Change { when: When::Absent, ..set(key, "value") };
            versions.push(client.write(vec![absent]).await.unwrap());
        }
        let state = timeout(SOON, client.wait_for(versions[versions.len() - 1])).await.unwrap();
        let there: Vec<_> = state.tree.iter(b"").map(|(_, entry)| entry.version).collect();
        assert_eq!(there, versions);
        drop(server);
    }
}
