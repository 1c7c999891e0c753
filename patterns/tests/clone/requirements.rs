//! What was asked for, by its number: C2 is what was asked for as C2.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use zmtp_patterns::clone::{Config, Health, Place, Refusal, Watched, WriteError};

use crate::relay::Relay;
use crate::support::{SOON, agree, client, server, set};

#[tokio::test]
async fn c02_any_octets_make_a_round_trip() {
    let (_server, place) = server(Config::default()).await;
    let (writer, reader) = (client(&place, &[""]), client(&place, &[""]));
    let mut written = BTreeMap::new();
    let all: Vec<u8> = (0..=255).collect();
    for (number, len) in [0, 1, 255, 4096, 1 << 20, 16 << 20].into_iter().enumerate() {
        let key = Bytes::from([&[number as u8][..], &all].concat());
        let value: Bytes = all.iter().copied().cycle().skip(number).take(len).collect::<Vec<_>>().into();
        writer.set(key.clone(), value.clone()).await.unwrap();
        written.insert(key, value);
    }
    for octet in 0..=255_u8 {
        written.insert(vec![octet].into(), "".into());
        writer.set(vec![octet], "").await.unwrap();
    }
    agree(&writer, &reader).await;
    let late = client(&place, &[""]);
    timeout(SOON, late.ready()).await.unwrap();
    for client in [&writer, &reader, &late] {
        let tree = client.state().tree;
        assert!(tree.iter(b"").map(|(key, entry)| (key, &entry.value)).eq(written.iter()));
    }
    assert_eq!(writer.set("", "value").await, Err(WriteError::Refused(Refusal::Key)));
    assert_eq!(writer.set(vec![0; 1025], "value").await, Err(WriteError::Refused(Refusal::Key)));
    assert_eq!(writer.set("key", vec![0; (16 << 20) + 1]).await, Err(WriteError::Refused(Refusal::Value)));
}

/// `KEYS=1000000` is as many as it was promised for.
#[tokio::test]
async fn c03_a_client_is_told_only_what_it_follows() {
    let keys = std::env::var("KEYS").map_or(50_000, |keys| keys.parse().unwrap());
    let (server, place) = server(Config::default()).await;
    let writer = client(&place, &["nothing"]);
    let mut writes = JoinSet::new();
    for batch in 0..keys / 100 {
        let writer = writer.clone();
        writes.spawn(async move {
            // The others' keys are as long, before and after.
            let side = ["a", "c"][batch % 2];
            writer.write((0..100).map(|at| set(format!("{side}/{batch}/{at}"), "value")).collect()).await
        });
    }
    while let Some(written) = writes.join_next().await {
        written.unwrap().unwrap();
    }
    writer.write((0..100).map(|at| set(format!("b/{at}"), "value")).collect()).await.unwrap();
    let part = client(&place, &["b/"]);
    let state = timeout(SOON, part.ready()).await.unwrap();
    assert_eq!((state.tree.len(), state.counters.snapshots), (100, 1));
    assert_eq!(server.status().await.unwrap().keys, 100 + (keys / 100 * 100) as u64);
    assert_eq!(writer.state().tree.len(), 0);
}

#[tokio::test]
async fn c05_a_client_is_told_of_every_change_that_it_follows_and_of_no_other() {
    let (_server, place) = server(Config::default()).await;
    let (writer, part) = (client(&place, &[""]), client(&place, &["a/", "b/x"]));
    timeout(SOON, part.ready()).await.unwrap();
    let mut watch = part.watch("");
    let Some(Watched::Now(tree)) = watch.next().await else { panic!("it is told what there is first") };
    assert!(tree.is_empty());
    let mut rng = fastrand::Rng::with_seed(3);
    let mut expected = Vec::new();
    for _ in 0..500 {
        let key = rng.choice(["a/1", "a/2", "a", "ab", "b/1", "b/x", "b/xy", "c", "\u{0}"]).unwrap();
        let version = match rng.bool() {
            true => writer.set(key, rng.u16(..).to_string()).await.unwrap(),
            false => writer.delete(key).await.unwrap(),
        };
        if key.starts_with("a/") || key.starts_with("b/x") {
            expected.push((version, Bytes::from(key)));
        }
    }
    let mut told = Vec::new();
    while told.len() < expected.len() {
        match timeout(SOON, watch.next()).await.unwrap() {
            Some(Watched::Changed(updates)) => {
                told.extend(updates.into_iter().map(|it| (it.version, it.key)))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, expected);
    agree(&writer, &client(&place, &[""])).await;
}

/// `WRITES=100000` is as many as it was promised for.
#[tokio::test(flavor = "multi_thread")]
async fn c06_all_replicas_see_all_writes_in_one_order() {
    let writes: u32 = std::env::var("WRITES").map_or(500, |writes| writes.parse().unwrap());
    let (server, place) = server(Config::default()).await;
    let replicas: Vec<_> = (0..20).map(|_| client(&place, &[""])).collect();
    let mut watching = JoinSet::new();
    let last = Bytes::from("last");
    for replica in &replicas {
        timeout(SOON, replica.ready()).await.unwrap();
        let (mut watch, last) = (replica.watch(""), last.clone());
        assert!(matches!(watch.next().await, Some(Watched::Now(_))));
        watching.spawn(async move {
            let mut seen = blake3::Hasher::new();
            let mut count = 0_u64;
            loop {
                match watch.next().await {
                    Some(Watched::Changed(updates)) => {
                        for update in updates {
                            seen.update(format!("{update:?}").as_bytes());
                            count += 1;
                            if update.key == last {
                                return (count, seen.finalize());
                            }
                        }
                    }
                    Some(Watched::Health(_)) => {}
                    other => panic!("after {count}: {other:?}"),
                }
            }
        });
    }
    let mut writing = JoinSet::new();
    for writer in 0..8 {
        let client = client(&place, &["none"]);
        writing.spawn(async move {
            for number in 0..writes {
                let key = format!("key {}", (writer + number) % 10);
                client.set(key, format!("{writer} {number}")).await.unwrap();
            }
        });
    }
    while let Some(wrote) = writing.join_next().await {
        wrote.unwrap();
    }
    client(&place, &["none"]).set(last, "").await.unwrap();
    let mut orders = Vec::new();
    while let Some(seen) = timeout(SOON, watching.join_next()).await.unwrap() {
        orders.push(seen.unwrap());
    }
    assert_eq!(orders.len(), 20);
    assert!(orders.iter().all(|order| *order == orders[0] && order.0 == u64::from(8 * writes) + 1));
    assert_eq!(server.status().await.unwrap().counters.written, u64::from(8 * writes) + 1);
}

#[tokio::test]
async fn c07_a_client_that_is_cut_off_says_so_within_three_beats_and_has_everything_afterwards() {
    let config = Config { beat: Duration::from_millis(100), ..Config::default() };
    let (_server, place) = server(config).await;
    let (control, updates) = (Relay::to(&place.control).await, Relay::to(&place.updates).await);
    let there = Place { control: control.at.clone(), updates: updates.at.clone(), ..place.clone() };
    let (near, far) = (client(&place, &[""]), client(&there, &[""]));
    near.set("before", "1").await.unwrap();
    timeout(SOON, far.ready()).await.unwrap();
    let mut watch = far.watch("");
    assert!(matches!(watch.next().await, Some(Watched::Now(_))));

    let cut = Instant::now();
    control.open(false);
    updates.open(false);
    let stale = loop {
        match timeout(SOON, watch.next()).await.unwrap() {
            Some(Watched::Health(Health::Stale)) => break cut.elapsed(),
            Some(_) => {}
            None => panic!("it has ended"),
        }
    };
    assert!(stale < Duration::from_millis(600), "it took {stale:?} to notice");
    for number in 0..100 {
        near.set(format!("meanwhile {number}"), "2").await.unwrap();
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(far.get(b"before").unwrap().value, "1");
    assert!(far.get(b"meanwhile 1").is_none());

    control.open(true);
    updates.open(true);
    agree(&near, &far).await;
    let mut keys = 0;
    while keys < 100 {
        match timeout(SOON, watch.next()).await.unwrap() {
            Some(Watched::Changed(updates)) => keys += updates.len(),
            Some(Watched::Now(tree)) => keys = tree.iter(b"meanwhile").count(),
            Some(Watched::Health(_)) => {}
            None => panic!("it has ended"),
        }
    }
}
