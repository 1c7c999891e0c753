//! Standbys that do what only the one who decides may do, and pairs that end together.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use zmtp::SubSocket;
use zmtp_patterns::clone::wire::{Publication, beats};
use zmtp_patterns::clone::{Change, Changed, Client, Durable, Lasts, Place, Role, Store, To, Version, When};

use crate::pair::{BEAT, FAILOVER, Pair};
use crate::support::{SOON, agree, client, server_again, until};

/// The guide's standby takes the seconds that a key has to live for a date, which is long past, and deletes what is past
/// whether it decides or not: a second later none of those keys is there.
#[tokio::test]
async fn the_standby_that_deletes_a_key_lives_its_whole_time_while_one_follows_and_once_more_when_that_takes_over()
 {
    let mut pair = Pair::running().await;
    let standby = follow(&pair.places[1]);
    until("it is followed", async || pair.status(1).await.prefixes == 1).await;
    let near = pair.client();

    // While it follows.
    let written = Instant::now();
    write(&near).await;
    until("their time is up", async || {
        let keys = pair.status(1).await.keys;
        assert!(keys == KEYS || written.elapsed() >= TTL, "{keys} keys after {:?}", written.elapsed());
        keys == 0
    })
    .await;
    let expired = (pair.status(0).await.counters.expired, pair.status(1).await.counters.expired);
    assert_eq!(expired, (KEYS, 0));

    // When it takes over.
    write(&near).await;
    sleep(TTL / 2).await;
    assert_eq!(pair.status(1).await.keys, KEYS);
    let killed = Instant::now();
    pair.end(0);
    let told = told(standby, KEYS).await;
    // It has waited for the other one before it began to decide, and they live so long from then on.
    let lived = killed.elapsed();
    assert!(lived >= TTL + FAILOVER / 2, "{lived:?}");
    // The first that it ever said is that it decides.
    assert_eq!(told[0], (Bytes::new(), Changed::Epoch));
    let mut expired = BTreeMap::new();
    for (key, change) in &told[1..] {
        assert_eq!(*change, Changed::Expired, "{key:?}");
        *expired.entry(key).or_insert(0) += 1;
    }
    assert!(expired.len() as u64 == KEYS && expired.values().all(|times| *times == 1), "{expired:?}");
    let status = pair.status(1).await;
    assert_eq!((status.keys, status.counters.expired), (0, KEYS));
}

/// Keys with a time to live, so that they are at the standby.
async fn write(client: &Client) {
    let change = |number| {
        let to = To::Value { value: "here".into(), lasts: Lasts::For(TTL) };
        Change { key: format!("me {number}").into(), to, when: When::Always }
    };
    let changes = (0..KEYS).map(change).collect();
    client.write_durably(Durable::Standby, changes).await.unwrap();
}

/// All that a server publishes.
fn follow(place: &Place) -> SubSocket {
    let socket = SubSocket::new();
    socket.subscribe("");
    // The server says how many want beats about something: when it knows of this one, it knows of the first.
    socket.subscribe(beats(b""));
    socket.connect(place.updates.clone()).unwrap();
    socket
}

/// The changes that come, until so many keys have expired, and the next beats have come after that.
async fn told(mut socket: SubSocket, keys: u64) -> Vec<(Bytes, Changed)> {
    let (mut told, mut expired, mut beats) = (Vec::new(), 0, 0);
    while beats < 3 {
        let message = timeout(SOON, socket.recv()).await.unwrap().unwrap();
        match Publication::decode(message.into_frames()).unwrap().1 {
            Publication::Update(update) => {
                expired += u64::from(update.change == Changed::Expired);
                told.push((update.key, update.change));
            }
            Publication::Beat { .. } => beats += u32::from(expired >= keys),
            Publication::Passed { .. } => {}
        }
    }
    told
}

/// Two of the guide's servers that both decide both end when they hear of it, and nothing says who was right.
#[tokio::test]
async fn the_two_that_exit_when_both_have_decided_the_later_epoch_goes_on_and_nobody_ends() {
    let mut pair = Pair::running().await;
    let near = [client(&pair.places[0], &[""]), client(&pair.places[1], &[""])];
    let Parted { later, earlier, epoch, in_vain } = part(&pair, &near).await;
    pair.open(true);
    // It is told, and is nowhere else.
    let told = timeout(SOON, pair.in_vain[earlier].recv()).await.unwrap().unwrap().updates;
    let told: Vec<_> = told.iter().map(|update| (&update.key[..], update.version)).collect();
    assert_eq!(told, [(&b"both"[..], in_vain[0]), (&b"of 0"[..], in_vain[1])]);
    pair.is_followed(later).await;
    assert_eq!(pair.status(later).await.version.epoch, epoch);
    assert!(pair.in_vain[later].try_recv().is_err());
    let late = pair.client();
    timeout(SOON, late.ready()).await.unwrap();
    let there: Vec<_> =
        late.state().tree.iter(b"").map(|(key, it)| (key.clone(), it.value.clone())).collect();
    assert_eq!(there, [("both".into(), "1".into()), ("of 1".into(), Bytes::from("1"))]);
    // Both go on.
    let change = Change { key: "both".into(), to: To::Nothing, when: When::Always };
    timeout(SOON, late.write_durably(Durable::Standby, vec![change])).await.unwrap().unwrap();
    agree(&late, &near[later]).await;
}

const KEYS: u64 = 5;
/// Longer than a second, after which the guide's standby deletes.
const TTL: Duration = Duration::from_secs(2);

/// What a server leaves that is killed before anybody has kept what it has done in vain.
#[tokio::test]
async fn what_was_done_in_vain_is_in_the_store_until_somebody_has_kept_it() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let stores = [&first, &second].map(|path| Some(Store::open(path).unwrap()));
    let mut pair = Pair::with(stores).await;
    let near = [client(&pair.places[0], &[""]), client(&pair.places[1], &[""])];
    let Parted { later, earlier, .. } = part(&pair, &near).await;
    pair.open(true);
    let diverged = timeout(SOON, pair.in_vain[earlier].recv()).await.unwrap().unwrap();
    // Long enough for its store to let go of that, if it did.
    sleep(5 * BEAT).await;
    let killed = folder.path().join("killed");
    std::fs::copy(&first, &killed).unwrap();
    drop(diverged);
    pair.is_followed(later).await;
    pair.end(0);
    pair.end(1);

    for (path, key, other) in [(&killed, "of 0", "of 1"), (&second, "of 1", "of 0")] {
        let _server = server_again(&pair.places[earlier], Some(path)).await;
        let client = client(&pair.places[earlier], &[""]);
        timeout(SOON, client.ready()).await.unwrap();
        assert!(client.get(key.as_bytes()).is_some() && client.get(other.as_bytes()).is_none(), "{key}");
    }
}

/// What became of two that could not hear each other.
struct Parted {
    later: usize,
    earlier: usize,
    /// That of the later one.
    epoch: u64,
    /// What the earlier one has done since: of the key that both have changed, and of its own.
    in_vain: [Version; 2],
}

/// Both decide, and both have done something. The one that has begun later is the second.
async fn part(pair: &Pair, near: &[Client; 2]) -> Parted {
    let before = pair.client().set("both", "before").await.unwrap();
    timeout(SOON, near[0].wait_for(before)).await.unwrap();
    pair.is_followed(0).await;
    pair.open(false);
    let mut done = Vec::new();
    // The other one decides when its client has asked for that long enough.
    for number in [1, 0] {
        let (mine, name) = (format!("of {number}"), number.to_string());
        let first = timeout(SOON, near[number].set("both", name.clone())).await.unwrap().unwrap();
        done.push((number, first, timeout(SOON, near[number].set(mine, name)).await.unwrap().unwrap()));
    }
    assert_eq!([0, 1].map(|number| *pair.server(number).role().borrow()), [Role::Active; 2]);
    let [(later, ..), (earlier, first, second)] = done[..] else { panic!("two") };
    let epoch = pair.status(later).await.version.epoch;
    assert!(epoch > first.epoch, "{epoch} after {}", first.epoch);
    Parted { later, earlier, epoch, in_vain: [first, second] }
}
