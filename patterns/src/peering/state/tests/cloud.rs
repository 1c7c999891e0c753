//! What is asked of a cloud, with the numbers there, in a simulated one.

use std::time::Duration;

use crate::peering::sim::{Cloud, CloudConfig, Fate};
use crate::peering::state::{Config, Resend};
use crate::peering::wire::LinkStatus;
use crate::sim::Weather;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The p-th of a thousand parts are no longer.
fn permille(cloud: &Cloud, p: usize) -> Duration {
    let mut all = cloud.latencies();
    all.sort_unstable();
    all[(all.len() * p).div_ceil(1000).max(1) - 1]
}

fn up(cloud: &Cloud) -> usize {
    let links = |one| {
        cloud.status(one).map_or(0, |it| it.peers.iter().filter(|it| it.link == LinkStatus::Up).count())
    };
    (0..cloud.clusters()).map(links).sum()
}

/// In real processes: `zmtp peer broker`.
#[test]
fn p18_thirty_brokers_with_the_same_code_find_one_another_from_one_address() {
    let mut cloud =
        Cloud::new(CloudConfig { clusters: 30, workers: 90, clients: 60, ..CloudConfig::default() });
    cloud.run_for(Duration::from_secs(2));
    assert_eq!(up(&cloud), 30 * 29);
}

#[test]
fn p02_three_hundred_workers_of_any_speed_have_no_rest_while_something_waits() {
    let mut cloud = Cloud::new(CloudConfig {
        clusters: 1,
        workers: 300,
        clients: 1000,
        rate: 20.0,
        service: ms(10),
        spread: 10.0,
        is_checked: true,
        size: 20,
        ..CloudConfig::default()
    });
    cloud.run_for(Duration::from_secs(3));
    assert_eq!(cloud.wrong(), Vec::<String>::new());
    assert!(cloud.totals().replied > 5000, "{:?}", cloud.totals());
}

/// 300 workers, 20 ms for a task on average, 10,000 requests a second: they are in use two thirds of the time.
#[test]
fn p06_a_thousand_clients_with_ten_requests_a_second_wait_for_the_work_and_not_for_a_worker() {
    let config = CloudConfig { clusters: 1, workers: 300, clients: 1000, size: 20, ..CloudConfig::default() };
    let mut cloud = Cloud::new(config);
    cloud.run_for(Duration::from_secs(5));
    let totals = cloud.totals();
    assert!(totals.replied > 35_000 && totals.failed == 0, "{totals:?}");
    // An exponential time of 20 ms: half of them take no more than 14 ms, and 99 of 100 no more than 92 ms.
    assert!(permille(&cloud, 500) < ms(20) && permille(&cloud, 990) < ms(120), "{:?}", permille(&cloud, 990));
}

fn two(clients: usize, local: usize, remote: usize, rate: f64) -> Cloud {
    let all = (local + remote) as f64;
    Cloud::new(CloudConfig {
        clusters: 2,
        workers: local + remote,
        clients,
        rate,
        shares: vec![(1.0, local as f64 / all), (0.0, remote as f64 / all)],
        size: 20,
        ..CloudConfig::default()
    })
}

#[test]
fn p08_at_eighty_per_cent_of_the_local_load_hardly_anything_leaves() {
    // 200 workers do 10,000 of 20 ms in a second; a client that asks 10 times waits 20 ms of each 120.
    let mut cloud = two(960, 200, 200, 10.0);
    cloud.run_for(Duration::from_secs(5));
    let counters = cloud.counters(0);
    assert!(counters.requests > 30_000, "{counters:?}");
    assert!(counters.spilled * 100 <= counters.requests, "{counters:?}");
}

#[test]
fn p08_at_one_and_a_half_times_the_local_load_nobody_waits_three_times_as_long() {
    let mut alone = two(100, 200, 200, 10.0);
    alone.run_for(Duration::from_secs(10));
    let mut cloud = two(1800, 200, 200, 10.0);
    cloud.run_for(Duration::from_secs(5));
    let counters = cloud.counters(0);
    assert!(counters.spilled * 5 > counters.requests, "{counters:?}");
    let (quiet, loaded) = (permille(&alone, 990), permille(&cloud, 990));
    assert!(loaded <= 3 * quiet, "{loaded:?}, and {quiet:?} without a load");
}

#[test]
fn p10_who_has_a_frozen_worker_asks_again_and_gets_one_reply() {
    let mut cloud = Cloud::new(CloudConfig {
        clusters: 1,
        workers: 2,
        clients: 4,
        plain: 0.0,
        resend: Resend { every: ms(500), within: Duration::from_secs(20) },
        ..CloudConfig::default()
    });
    cloud.run_for(Duration::from_secs(1));
    cloud.to_worker(0, 0, Fate::Frozen);
    cloud.run_for(Duration::from_secs(10));
    cloud.to_worker(0, 0, Fate::Thawed);
    cloud.run_for(Duration::from_secs(5));
    let totals = cloud.totals();
    assert!(totals.failed == 0 && totals.replied > 100, "{totals:?}");
    assert!(totals.again >= 1 && cloud.counters(0).repeated > 0, "{totals:?}");
    assert_eq!(cloud.wrong(), Vec::<String>::new());
}

#[test]
fn p11_workers_that_are_killed_ten_times_a_second_and_started_again_lose_nothing() {
    let mut cloud =
        Cloud::new(CloudConfig { clusters: 1, workers: 20, clients: 50, ..CloudConfig::default() });
    for round in 0..100 {
        cloud.run_for(ms(100));
        cloud.to_worker(0, round % 20, Fate::Killed);
        cloud.to_worker(0, (round + 10) % 20, Fate::Restarted);
    }
    let before = cloud.totals();
    cloud.run_for(Duration::from_secs(2));
    (0..20).for_each(|worker| cloud.to_worker(0, worker, Fate::Restarted));
    cloud.run_for(Duration::from_secs(5));
    let after = cloud.totals();
    assert!(before.replied > 2000 && after.replied - before.replied > 1500, "{before:?} {after:?}");
    // A request whose two workers were killed is told to a client that speaks.
    assert!(after.failed * 1000 < after.replied, "{after:?}");
}

/// What is on its way comes back when all that was offered is taken meanwhile by those who are nearer.
#[test]
fn p16_what_was_offered_and_is_gone_costs_one_way_there_and_back() {
    let mut cloud = Cloud::new(CloudConfig {
        clusters: 3,
        workers: 30,
        clients: 300,
        rate: 20.0,
        // The first has clients only, the second workers and clients, the third workers.
        shares: vec![(1.0, 0.0), (1.0, 1.0), (0.0, 1.0)],
        size: 20,
        ..CloudConfig::default()
    });
    cloud.run_for(Duration::from_secs(10));
    let (first, totals) = (cloud.counters(0), cloud.totals());
    assert!(first.refused > 0 && totals.failed == 0, "{first:?} {totals:?}");
    assert!(first.refused * 2 < first.spilled, "most find a worker: {first:?}");
}

#[test]
fn p17_a_link_carries_a_thousand_tasks_at_a_time() {
    let mut cloud = Cloud::new(CloudConfig {
        clusters: 2,
        workers: 1500,
        clients: 1500,
        rate: 1000.0,
        service: ms(500),
        shares: vec![(1.0, 0.0), (0.0, 1.0)],
        size: 20,
        ..CloudConfig::default()
    });
    cloud.run_for(Duration::from_secs(3));
    let sent = cloud.status(0).unwrap().peers[0].sent;
    assert!(sent >= 1000, "{sent}");
}

/// Three groups of five: each knows its own, and the super-broker that all of them know has no workers.
#[test]
fn p21_what_has_no_worker_in_its_group_goes_through_a_super_broker() {
    let given = (0..16).map(|one| match one {
        15 => (0..15).collect(),
        _ => {
            let group = one / 5 * 5;
            (group..group + 5).filter(|other| *other != one).chain([15]).collect::<Vec<_>>()
        }
    });
    let mut cloud = Cloud::new(CloudConfig {
        clusters: 16,
        workers: 50,
        clients: 50,
        shares: (0..16)
            .map(|one| (f64::from(u8::from(one < 5)), f64::from(u8::from((5..15).contains(&one)))))
            .collect(),
        given: Some(given.collect()),
        brokers: |number, config: &mut Config| {
            config.gossip = false;
            config.hops = 2;
            config.is_relay = number == 15;
        },
        is_checked: true,
        size: 20,
        ..CloudConfig::default()
    });
    cloud.run_for(Duration::from_secs(10));
    let totals = cloud.totals();
    assert!(totals.replied > 3000 && totals.failed == 0, "{totals:?}");
    assert_eq!((totals.again, cloud.wrong()), (0, Vec::new()));
    assert!(cloud.counters(15).foreign > 1000, "{:?}", cloud.counters(15));
}

#[test]
fn with_all_others_frozen_a_broker_serves_its_own_at_full_rate() {
    let run = |is_frozen: bool| {
        let config =
            CloudConfig { clusters: 4, workers: 40, clients: 40, size: 20, ..CloudConfig::default() };
        let mut cloud = Cloud::new(config);
        cloud.run_for(Duration::from_secs(1));
        (1..4).filter(|_| is_frozen).for_each(|one| cloud.freeze(one));
        let before = cloud.counters(0).replies;
        cloud.run_for(Duration::from_secs(10));
        cloud.counters(0).replies - before
    };
    let (usual, frozen) = (run(false), run(true));
    assert!(frozen * 100 >= usual * 95, "{frozen} of {usual}");
}

/// P7, a hundred times: any of them joins, leaves or dies at any moment, and all that is asked has a reply.
#[test]
fn p07_clusters_come_and_go_a_hundred_times_under_load_and_nothing_is_lost() {
    let mut cloud = Cloud::new(CloudConfig {
        clusters: 6,
        workers: 60,
        clients: 100,
        // The first two stay, and have all the clients.
        shares: (0..6).map(|one| (f64::from(u8::from(one < 2)), 1.0)).collect(),
        plain: 0.0,
        weather: Weather::default(),
        size: 20,
        ..CloudConfig::default()
    });
    cloud.run_for(Duration::from_secs(2));
    for _ in 0..100 {
        let pause = ms(cloud.rng().u64(50..700));
        cloud.run_for(pause);
        let one = cloud.rng().usize(2..6);
        match cloud.rng().u8(..3) {
            0 => cloud.kill(one),
            1 => cloud.leave(one, Duration::from_secs(2)),
            _ => cloud.restart(one),
        }
    }
    (2..6).for_each(|one| cloud.restart(one));
    cloud.run_for(Duration::from_secs(3));
    cloud.calm();
    cloud.run_for(Duration::from_secs(10));
    let totals = cloud.totals();
    assert!(totals.asked > 10_000, "{totals:?}");
    assert_eq!((totals.replied, totals.failed), (totals.asked, 0));
}

#[test]
fn p23_the_same_seed_is_the_same_cloud() {
    let run = |seed| {
        let mut cloud = Cloud::new(CloudConfig { seed, ..CloudConfig::default() });
        cloud.run_for(Duration::from_secs(3));
        (cloud.totals(), cloud.latencies())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
