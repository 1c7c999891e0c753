//! Sessions: what lasts as long as its client.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};
use zmtp_patterns::clone::{
    Change, Client, ClientConfig, Config, Place, Refusal, To, Tree, Watched, When, WriteError,
};

use crate::support::{SOON, client, server, server_again, set, until};

/// What is to last with a session, and to go with it.
const TTL: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

fn keys(tree: &Tree) -> Vec<Bytes> {
    tree.iter(b"").map(|(key, _)| key.clone()).collect()
}

#[tokio::test]
async fn what_lasts_with_a_session_goes_with_it_all_at_once() {
    let (_server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    let session = client.session(LONG).await.unwrap();
    for key in ["a", "b", "c", "mine no more"] {
        session.set(key, "here").await.unwrap();
    }
    let version = client.write(vec![set("mine no more", "theirs"), set("other", "there")]).await.unwrap();
    client.wait_for(version).await;
    let mut watch = client.watch("");
    assert!(matches!(watch.next().await, Some(Watched::Now(tree)) if tree.len() == 5));
    session.close().await.unwrap();
    let Some(Watched::Changed(updates)) = timeout(SOON, watch.next()).await.unwrap() else {
        panic!("it is told what is gone");
    };
    let gone: Vec<_> = updates.iter().map(|update| (&update.key[..], update.now())).collect();
    assert_eq!(gone, [(&b"a"[..], None), (b"b", None), (b"c", None)]);
    assert_eq!(keys(&client.state().tree), ["mine no more", "other"]);
}

#[tokio::test]
async fn a_session_that_is_dropped_is_closed() {
    let (server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    let session = client.session(LONG).await.unwrap();
    client.wait_for(session.set("key", "here").await.unwrap()).await;
    drop(session);
    until("its key is gone", async || client.get(b"key").is_none()).await;
    assert_eq!(server.status().await.unwrap().sessions, 0);
}

#[tokio::test]
async fn a_session_is_open_as_long_as_its_client_is_heard() {
    let (server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    let start = Instant::now();
    let mut session = client.session(TTL).await.unwrap();
    client.wait_for(session.set("key", "here").await.unwrap()).await;
    let mut sure = session.open_until().unwrap();
    assert!(sure <= Instant::now() + TTL);
    while start.elapsed() < 5 * TTL {
        let later = timeout(SOON, session.changed()).await.unwrap().expect("it is open");
        assert!(sure <= later && later <= Instant::now() + TTL);
        sure = later;
    }
    assert!(client.get(b"key").is_some());
    assert_eq!(server.status().await.unwrap().counters.ended, 0);
}

#[tokio::test]
async fn when_its_client_is_gone_a_session_is_over_after_its_time_and_not_before() {
    let (server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    // One that ends without a word.
    let (said, session) = tokio::sync::oneshot::channel();
    let theirs = place.clone();
    let killed = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let session = runtime.block_on(async {
            let client = Client::start(vec![theirs], ClientConfig::default());
            let session = client.session(TTL).await.unwrap();
            session.set("key", "here").await.unwrap();
            session
        });
        drop(runtime);
        let _ = said.send(Instant::now());
        drop(session);
    });
    let end = session.await.unwrap();
    killed.join().unwrap();
    until("its key is there", async || client.state().version.seq >= 3).await;
    until("its key is gone", async || client.get(b"key").is_none()).await;
    // It was heard last when a third of its time was left, at the earliest.
    assert!(end.elapsed() >= TTL / 2, "after {:?}", end.elapsed());
    let status = server.status().await.unwrap();
    assert_eq!((status.sessions, status.counters.ended, status.counters.expired), (0, 1, 1));
}

#[tokio::test]
async fn who_has_a_session_learns_that_it_is_over_and_can_set_nothing_with_it() {
    let (_server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    let session = client.session(TTL).await.unwrap();
    let close = Change { key: Bytes::new(), to: To::Close(session.number()), when: When::Always };
    client.write(vec![close]).await.unwrap();
    timeout(SOON, session.over()).await.unwrap();
    assert_eq!(session.open_until(), None);
    assert_eq!(session.set("key", "here").await, Err(WriteError::Refused(Refusal::Session)));
    assert_eq!(session.close().await.map(|_| ()), Ok(()));
}

#[tokio::test]
async fn a_lock_is_let_go_of_by_whoever_has_it_and_by_nobody_else() {
    let (_server, place) = server(Config::default()).await;
    let client = client(&place, &[""]);
    let (mine, theirs) = (client.session(LONG).await.unwrap(), client.session(LONG).await.unwrap());
    let take = |session: &zmtp_patterns::clone::Session| {
        let to = To::Value { value: Bytes::new(), lasts: session.lasts() };
        vec![Change { key: "lock".into(), to, when: When::Absent }]
    };
    let leave = |session: &zmtp_patterns::clone::Session| {
        vec![Change { key: "lock".into(), to: To::Nothing, when: When::Held(session.number()) }]
    };
    let taken = client.write(take(&mine)).await.unwrap();
    let conflict = Err(WriteError::Conflict { change: 0, current: Some(taken) });
    assert_eq!(client.write(take(&theirs)).await, conflict);
    assert_eq!(client.write(leave(&theirs)).await, conflict);
    client.write(leave(&mine)).await.unwrap();
    client.write(take(&theirs)).await.unwrap();
}

#[tokio::test]
async fn a_server_takes_so_many_sessions_and_keys_of_one_and_no_more() {
    let (_server, place) = server(Config { sessions: 2, session_keys: 3, ..Config::default() }).await;
    let client = client(&place, &[""]);
    let (one, _other) = (client.session(LONG).await.unwrap(), client.session(LONG).await.unwrap());
    let full = WriteError::Refused(Refusal::Full);
    assert_eq!(client.session(LONG).await.map(|_| ()), Err(full));
    for key in ["a", "b", "c"] {
        one.set(key, "here").await.unwrap();
    }
    assert_eq!(one.set("d", "here").await, Err(full));
    one.close().await.unwrap();
    client.session(LONG).await.unwrap();
}

#[tokio::test]
async fn with_a_store_sessions_outlive_their_server_and_without_they_do_not() {
    for has_store in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let place: Place = format!("ipc://{}/clone", folder.path().display()).parse().unwrap();
        let file = folder.path().join("store");
        let file = has_store.then_some(&*file);
        let server = server_again(&place, file).await;
        let client = client(&place, &[""]);
        let mut session = client.session(Duration::from_secs(2)).await.unwrap();
        client.wait_for(session.set("key", "here").await.unwrap()).await;
        drop(server);
        let server = server_again(&place, file).await;
        let before = Instant::now();
        if has_store {
            // Two turns later it has been heard by the new one.
            for _ in 0..2 {
                assert!(timeout(SOON, session.changed()).await.unwrap() > Some(before));
            }
            assert!(client.get(b"key").is_some());
            assert_eq!(server.status().await.unwrap().sessions, 1);
        } else {
            timeout(SOON, session.over()).await.unwrap();
        }
    }
}
