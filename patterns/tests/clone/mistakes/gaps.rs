//! Changes that get lost on the way.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use zmtp_patterns::clone::{Config, Health, Place, Watched};

use crate::relay::Thief;
use crate::support::{SOON, client, server, sums, until};

/// Who follows a part sees numbers missing all the time: those of changes that are none of its business.
#[tokio::test]
async fn the_one_sequence_who_follows_a_part_notices_what_it_has_missed_and_not_what_is_of_another_part() {
    let (_server, place) = server(Config { beat: BEAT, ..Config::default() }).await;
    let thief = Thief::at(&place.updates).await;
    let there = Place { updates: thief.at.clone(), ..place.clone() };
    let (near, part, all) = (client(&place, &[""]), client(&there, &["a/"]), client(&there, &[""]));
    near.set("a/1", "before").await.unwrap();
    for client in [&part, &all] {
        timeout(SOON, client.ready()).await.unwrap();
    }
    let before = part.state().counters;

    thief.steal("b/lost");
    near.set("b/lost", "1").await.unwrap();
    near.set("b/seen", "1").await.unwrap();
    let last = near.set("a/seen", "1").await.unwrap();
    until("the other one mends it", async || sums(&all, "") == sums(&near, "")).await;
    assert!(thief.is_done() && all.state().counters.mismatches == 1);
    timeout(SOON, part.wait_for(last)).await.unwrap();
    sleep(4 * BEAT).await;
    assert_eq!((part.state().counters, sums(&part, "")), (before, sums(&near, "a/")));

    thief.steal("a/lost");
    near.set("a/lost", "1").await.unwrap();
    near.set("b/seen", "2").await.unwrap();
    until("it mends it", async || sums(&part, "") == sums(&near, "a/")).await;
    let counters = part.state().counters;
    assert_eq!((counters.mismatches, counters.deltas), (1, before.deltas + 1));
}

/// "All the client can do is stop and wait for a human."
#[tokio::test]
async fn the_human_a_gap_is_mended_while_nobody_writes_or_looks() {
    for is_kept in [true, false] {
        let log = if is_kept { 1000 } else { 3 };
        let (_server, place) = server(Config { beat: BEAT, log, ..Config::default() }).await;
        let thief = Thief::at(&place.updates).await;
        let there = Place { updates: thief.at.clone(), ..place.clone() };
        let (near, far) = (client(&place, &[""]), client(&there, &[""]));
        near.set("before", "1").await.unwrap();
        timeout(SOON, far.ready()).await.unwrap();
        let mut watch = far.watch("");
        assert!(matches!(watch.next().await, Some(Watched::Now(tree)) if tree.len() == 1));
        let before = far.state().counters;

        let lost = ["1", "2", "3", "4", "5"];
        for key in lost {
            thief.steal(key);
            near.set(key, "lost").await.unwrap();
        }
        // Nobody does anything any more. Whoever watches is told that there is a gap, what is new, and that all is well.
        let (mut health, mut keys) = (Vec::new(), 1);
        while health.last() != Some(&Health::Live) || keys < 6 {
            match timeout(SOON, watch.next()).await.expect("it mends it").unwrap() {
                Watched::Now(tree) => keys = tree.len(),
                Watched::Changed(updates) => keys += updates.len() as u64,
                Watched::Health(now) => health.push(now),
            }
        }
        assert_eq!(health, [Health::Stale, Health::Live]);
        assert_eq!(sums(&far, ""), sums(&near, ""));
        assert!(thief.is_done());
        let after = far.state().counters;
        let told = (after.snapshots - before.snapshots, after.deltas - before.deltas, after.mismatches);
        assert_eq!(told, if is_kept { (0, 1, 1) } else { (1, 0, 1) });
    }
}

/// Ten of them without a word are a server that is gone: so long may this machine be busy with something else.
const BEAT: Duration = Duration::from_millis(250);
