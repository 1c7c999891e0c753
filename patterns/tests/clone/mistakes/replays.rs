//! Old values that come back.

use std::time::Duration;

use tokio::time::timeout;
use zmtp_patterns::clone::{Config, Place, Server, Sockets};

use crate::relay::Relay;
use crate::support::{SOON, agree, client, server, until};

#[tokio::test]
async fn the_replay_what_was_written_and_never_confirmed_is_not_written_over_what_came_after() {
    let (server, place) = server(Config::default()).await;
    let relay = Relay::to(&place.control).await;
    let (near, far) =
        (client(&place, &[""]), client(&Place { control: relay.at.clone(), ..place.clone() }, &[""]));
    timeout(SOON, far.ready()).await.unwrap();
    relay.open_back(false);
    let writing = tokio::spawn({
        let far = far.clone();
        async move { far.set("lamp", "old").await }
    });
    until("it is written", async || near.get(b"lamp").is_some()).await;
    let old = near.get(b"lamp").unwrap().version;
    near.set("lamp", "new").await.unwrap();
    until("it is written again", async || server.status().await.unwrap().counters.repeated > 0).await;

    relay.open_back(true);
    assert_eq!(timeout(SOON, writing).await.unwrap().unwrap(), Ok(old));
    agree(&near, &far).await;
    assert_eq!(far.get(b"lamp").unwrap().value, "new");
    assert_eq!(server.status().await.unwrap().counters.written, 2);
}

#[tokio::test]
async fn the_replay_what_was_seen_of_a_server_that_has_lost_it_is_let_go_and_not_told_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let place: Place = format!("ipc://{}/clone", folder.path().display()).parse().unwrap();
    let first = Server::start(Sockets::bind(&place).await.unwrap(), Config::default());
    let (one, other) = (client(&place, &[""]), client(&place, &[""]));
    let seen = one.set("lamp", "old").await.unwrap();
    timeout(SOON, other.wait_for(seen)).await.unwrap();
    drop(first);
    let mut sockets = None;
    until("the first lets go of its sockets", async || {
        sockets = Sockets::bind(&place).await.ok();
        sockets.is_some()
    })
    .await;
    let second = Server::start(sockets.unwrap(), Config::default());

    let new = timeout(SOON, one.set("door", "new")).await.unwrap().unwrap();
    assert!(new.epoch > seen.epoch);
    for client in [&one, &other] {
        let state = timeout(SOON, client.wait_for(new)).await.unwrap();
        let keys: Vec<_> = state.tree.iter(b"").map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, ["door"]);
    }
    tokio::time::sleep(2 * Duration::from_millis(250)).await;
    assert_eq!(second.status().await.unwrap().keys, 1);
}
