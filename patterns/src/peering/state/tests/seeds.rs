//! Thousands of clouds, each from a seed of its own: what must be so in every one of them.
//!
//! `SEED=n cargo test -p zmtp-patterns whatever_happens_in_a_cloud` has one again, `SEEDS=n` tries so many, `FROM=m SEEDS=n`
//! the last of them.

use std::time::Duration;

use fastrand::Rng;

use crate::peering::sim::{Cloud, CloudConfig, Fate};
use crate::peering::state::{Config, Resend};
use crate::peering::wire::LinkStatus;
use crate::sim::Weather;

/// How long all requests are wanted.
const WITHIN: Duration = Duration::from_secs(5);
/// What brokers know of each other may be so old.
const LEAST: Duration = Duration::from_millis(150);

fn found(seed: u64) -> Cloud {
    let mut rng = Rng::with_seed(seed);
    let is_stormy = rng.bool();
    let weather = Weather {
        loss: if is_stormy { 0.01 * rng.f64() } else { 0.0 },
        doubled: if is_stormy { 0.05 * rng.f64() } else { 0.0 },
        ..Weather::default()
    };
    let clusters = rng.usize(1..=5);
    // A reply that is lost on a connection that lives, which no TCP does, is waited for so long.
    let usual: fn(usize, &mut _) = |_, config: &mut Config| {
        config.ttl = WITHIN;
        config.least = LEAST;
    };
    let small: fn(usize, &mut _) = |number, config: &mut Config| {
        config.ttl = WITHIN;
        config.queue = 3;
        config.window = 2;
        config.hops = 2;
        config.reserve_percent = 40;
        config.is_relay = number == 0;
    };
    let (workers, clients) = (rng.usize(1..=8), rng.usize(1..=12));
    let (service, spread) = (Duration::from_millis(rng.u64(1..40)), 1.0 + 2.0 * rng.f64());
    // No more than all workers can do in half of their time, if each time others must learn first that they are free: with
    // more, somebody waits for ever.
    let took = service.mul_f64(spread) + LEAST;
    let most = 0.5 * workers as f64 / (clients as f64 * took.as_secs_f64());
    Cloud::new(CloudConfig {
        clusters,
        workers,
        clients,
        rate: most.min(4.0),
        service,
        spread,
        size: 20,
        resend: Resend { every: Duration::from_secs(1), within: WITHIN },
        plain: rng.f64(),
        shares: (0..clusters).map(|_| (rng.f64(), rng.f64() + 0.01)).collect(),
        brokers: if rng.u8(..4) == 0 { small } else { usual },
        is_checked: true,
        weather,
        seed: rng.u64(..),
        given: None,
    })
}

/// Things go wrong for a while.
fn suffer(cloud: &mut Cloud, clusters: usize) {
    for _ in 0..cloud.rng().usize(0..15) {
        let pause = Duration::from_millis(cloud.rng().u64(0..800));
        cloud.run_for(pause);
        let (one, other) = (cloud.rng().usize(..clusters), cloud.rng().usize(..clusters));
        let (workers, clients) = cloud.size(one);
        match cloud.rng().u8(..14) {
            0 => cloud.kill(one),
            1 => cloud.freeze(one),
            2 => cloud.thaw(one),
            3 if one != other => cloud.cut(one, other),
            4 if one != other => cloud.part(one, other),
            5 if one != other => cloud.join(one, other),
            6 => cloud.leave(one, Duration::from_secs(1)),
            7 | 8 if workers > 0 => {
                let worker = cloud.rng().usize(..workers);
                let fate =
                    [Fate::Killed, Fate::Restarted, Fate::Frozen, Fate::Thawed][cloud.rng().usize(..4)];
                cloud.to_worker(one, worker, fate);
            }
            9 | 10 if clients > 0 => {
                let client = cloud.rng().usize(..clients);
                let fate = if cloud.rng().bool() { Fate::Killed } else { Fate::Restarted };
                cloud.to_client(one, client, fate);
            }
            _ => cloud.restart(one),
        }
    }
}

/// Then everything is mended, and there is time.
fn recover(cloud: &mut Cloud, clusters: usize) {
    *cloud.weather() = Weather::default();
    for one in 0..clusters {
        cloud.thaw(one);
        cloud.restart(one);
        let (workers, clients) = cloud.size(one);
        for worker in 0..workers {
            cloud.to_worker(one, worker, Fate::Thawed);
            cloud.to_worker(one, worker, Fate::Restarted);
        }
        (0..clients).for_each(|client| cloud.to_client(one, client, Fate::Restarted));
        (0..clusters).filter(|other| *other != one).for_each(|other| cloud.join(one, other));
    }
    // A broker that was told to leave may just be doing so.
    cloud.run_for(Duration::from_secs(2));
    (0..clusters).for_each(|one| cloud.restart(one));
    cloud.run_for(WITHIN + Duration::from_secs(2));
}

/// With how many others this one works.
fn up(cloud: &Cloud, one: usize) -> usize {
    let status = cloud.status(one).expect("it is there");
    status.peers.iter().filter(|it| it.link == LinkStatus::Up).count()
}

fn live(seed: u64) {
    let mut cloud = found(seed);
    let clusters = cloud.clusters();
    suffer(&mut cloud, clusters);
    recover(&mut cloud, clusters);

    // All is well: everybody works with everybody, and nobody is without a reply.
    for _ in 0..10 {
        // That something was lost in the storm may be noticed only now, with what comes after it on the same link.
        if (0..clusters).all(|one| up(&cloud, one) == clusters - 1) {
            break;
        }
        cloud.run_for(Duration::from_millis(100));
    }
    for one in 0..clusters {
        assert_eq!(up(&cloud, one), clusters - 1, "DC{} of {clusters}: {:#?}", one + 1, cloud.status(one));
    }
    let before = cloud.totals();
    cloud.run_for(WITHIN + Duration::from_secs(1));
    let after = cloud.totals();
    assert_eq!(after.failed, before.failed, "with everything in order");

    // And at the end there is nothing left.
    cloud.calm();
    cloud.run_for(WITHIN + Duration::from_secs(1));
    for one in 0..clusters {
        let status = cloud.status(one).expect("it is there");
        let in_hand = (status.queue, status.local, status.remote, status.foreign);
        assert_eq!(in_hand, (0, 0, 0, 0), "DC{}", one + 1);
        assert_eq!(status.free, status.slots, "DC{}", one + 1);
        for peer in &status.peers {
            let beyond = peer.usable.abs_diff(peer.free);
            assert_eq!(beyond, 0, "nothing is on its way: {peer:?}");
        }
    }
    assert_eq!(cloud.wrong(), Vec::<String>::new());
}

/// Lives through ten thousand clouds, or `SEEDS`, or one again: `SEED`.
#[test]
fn whatever_happens_in_a_cloud_every_request_is_in_one_place_and_has_one_end() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect("a number"));
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => number("FROM").unwrap_or(0)..number("FROM").unwrap_or(0) + number("SEEDS").unwrap_or(10_000),
    };
    for seed in seeds {
        if seed % 10_000 == 9_999 {
            println!("{} clouds", seed + 1);
        }
        if std::panic::catch_unwind(|| live(seed)).is_err() {
            panic!("seed {seed}: SEED={seed} cargo test -p zmtp-patterns whatever_happens_in_a_cloud");
        }
    }
}
