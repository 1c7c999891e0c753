//! Words of the protocol among the keys, and values that mean something else.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::time::timeout;
use zmtp_patterns::clone::{Changed, Config, Lasts, Watched};

use crate::support::{SOON, agree, client, server};

/// Each page begins with one of them.
#[tokio::test]
async fn the_sentinel_a_key_with_the_name_of_a_word_of_a_protocol_ends_nothing_and_is_told_like_any_other() {
    let (_server, place) = server(Config { page: 1, ..Config::default() }).await;
    let (writer, follower, some) =
        (client(&place, &["none"]), client(&place, &[""]), client(&place, &["KTHX"]));
    timeout(SOON, follower.ready()).await.unwrap();
    let mut watch = follower.watch("");
    assert!(matches!(watch.next().await, Some(Watched::Now(_))));
    let words = [
        "KTHXBAI",
        "HUGZ",
        "ICANHAZ?",
        "KVSYNC",
        "KVPUB",
        "KVSET",
        "U",
        "B\0\0",
        "F",
        "UU",
        "\0",
        "\0nothing",
    ];
    for word in words {
        writer.set(word, word).await.unwrap();
    }
    for octet in 0..=255_u8 {
        writer.set(vec![octet, octet], vec![octet]).await.unwrap();
    }

    let late = client(&place, &[""]);
    timeout(SOON, late.ready()).await.unwrap();
    agree(&follower, &late).await;
    let mut told = BTreeMap::new();
    while told.len() < words.len() + 256 - 1 {
        let Some(Watched::Changed(updates)) = timeout(SOON, watch.next()).await.unwrap() else { continue };
        told.extend(updates.into_iter().map(|update| (update.key.clone(), update.now().cloned().unwrap())));
    }
    let tree = late.state().tree;
    assert!(tree.iter(b"").map(|(key, entry)| (key, &entry.value)).eq(&told));
    // One of the words is two equal octets as well.
    assert_eq!(tree.get(b"UU").unwrap().value, "U");
    timeout(SOON, some.ready()).await.unwrap();
    assert_eq!(some.state().tree.iter(b"").map(|(key, _)| key.clone()).collect::<Vec<_>>(), ["KTHXBAI"]);
}

#[tokio::test]
async fn the_empty_value_is_a_value_and_no_deletion() {
    let (_server, place) = server(Config::default()).await;
    let follower = client(&place, &[""]);
    timeout(SOON, follower.ready()).await.unwrap();
    let mut watch = follower.watch("");
    assert!(matches!(watch.next().await, Some(Watched::Now(_))));
    follower.set("lamp", "on").await.unwrap();
    follower.set("lamp", "").await.unwrap();
    let last = follower.delete("lamp").await.unwrap();
    let mut told = Vec::new();
    while told.len() < 3 {
        if let Some(Watched::Changed(updates)) = timeout(SOON, watch.next()).await.unwrap() {
            told.extend(updates.into_iter().map(|update| update.change));
        }
    }
    let set = |value: &'static str| Changed::Set { value: Bytes::from(value), lasts: Lasts::Forever };
    assert_eq!(told, [set("on"), set(""), Changed::Deleted]);

    follower.set("lamp", "").await.unwrap();
    let late = client(&place, &[""]);
    let state = timeout(SOON, late.ready()).await.unwrap();
    assert!(state.version > last && state.tree.get(b"lamp").unwrap().value.is_empty());
}
