//! How fast, as far as that can be said of a machine that does something else as well: bounds are wide here, or of one thing
//! against another in the same run. The figures themselves are what `zmtp clone bench` is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use zmtp_patterns::clone::{Client, ClientConfig, Config, Place};

use crate::support::{SOON, client, percentile, server, set};

/// Whoever waited for the snapshot would wait for about as long as it takes. That p99 does not double with a million keys is
/// what `zmtp clone bench --row join` shows; `KEYS=1000000` has as many here.
#[tokio::test(flavor = "multi_thread")]
async fn c04_writers_do_not_wait_for_a_client_that_is_told_everything() {
    let keys: usize = std::env::var("KEYS").map_or(50_000, |keys| keys.parse().unwrap());
    let (_server, place) = server(Config::default()).await;
    let filler = client(&place, &["none"]);
    let mut filling = JoinSet::new();
    for batch in 0..keys / 100 {
        let filler = filler.clone();
        filling.spawn(async move {
            let changes = (0..100).map(|at| set(format!("{batch}/{at}"), vec![b'x'; 100]));
            filler.write(changes.collect()).await.unwrap();
        });
    }
    filling.join_all().await;

    let (mut usual, ()) = writes(&place, sleep(Duration::from_millis(500))).await;
    let begun = Instant::now();
    let joiner = client(&place, &[""]);
    let (mut meanwhile, state) = writes(&place, timeout(SOON, joiner.ready())).await;
    let joined = begun.elapsed();

    let state = state.unwrap();
    assert!(state.tree.len() >= keys as u64);
    assert_eq!((state.counters.mismatches, state.counters.overflows), (0, 0));
    let [usual, meanwhile] = [&mut usual, &mut meanwhile].map(|times| percentile(times, 99));
    println!("p99 {usual:?}, and {meanwhile:?} while a client was told everything, which took {joined:?}");
    assert!(meanwhile < joined / 2 || meanwhile < 5 * usual, "{usual:?}, {meanwhile:?} of {joined:?}");
}

/// How long writes take for as long as that takes.
async fn writes<T>(place: &Place, meanwhile: impl Future<Output = T>) -> (Vec<Duration>, T) {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writing = JoinSet::new();
    for number in 0..4 {
        let (client, is_over) = (client(place, &["none"]), Arc::clone(&is_over));
        client.ready().await;
        writing.spawn(async move {
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                client.set(format!("writer {number}"), "value").await.unwrap();
                times.push(start.elapsed());
                sleep(Duration::from_millis(2)).await;
            }
            times
        });
    }
    let done = meanwhile.await;
    is_over.store(true, Ordering::Relaxed);
    (writing.join_all().await.concat(), done)
}

/// A millisecond is what `zmtp clone bench --row seen` shows. Here: it comes with the answer, and not with a beat.
#[tokio::test(flavor = "multi_thread")]
async fn c08_what_is_written_is_in_the_writers_replica_about_when_it_is_answered() {
    let (_server, place) = server(Config { beat: Duration::from_secs(1), ..Config::default() }).await;
    let client = client(&place, &[""]);
    timeout(SOON, client.ready()).await.unwrap();
    let (mut answered, mut seen) = (Vec::new(), Vec::new());
    for number in 0..500 {
        let start = Instant::now();
        let version = client.set("key", number.to_string()).await.unwrap();
        answered.push(start.elapsed());
        timeout(SOON, client.wait_for(version)).await.unwrap();
        seen.push(start.elapsed());
    }
    let [answered, seen] = [&mut answered, &mut seen].map(|times| percentile(times, 50));
    println!("p50 {answered:?} until it is answered, {seen:?} until it is seen");
    assert!(seen < 3 * answered && seen < Duration::from_millis(100), "{answered:?}, {seen:?}");
}

/// A p99 of 5 ms, and of 15 ms at a hundred times as many, is what `zmtp clone bench --row seen --row curve` shows.
#[tokio::test(flavor = "multi_thread")]
async fn c09_a_hundred_writers_of_800_octets_each_200_ms_see_what_they_write_before_they_write_again() {
    const EACH: Duration = Duration::from_millis(200);
    let (server, place) = server(Config::default()).await;
    let mut writing = JoinSet::new();
    for writer in 0..100 {
        let own = ClientConfig::of([format!("{writer}/")]);
        let client = Client::start(vec![place.clone()], own);
        writing.spawn(async move {
            timeout(SOON, client.ready()).await.unwrap();
            sleep(EACH * writer as u32 / 100).await;
            let mut ticks = interval(EACH);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut times = Vec::new();
            for number in 0..10 {
                ticks.tick().await;
                times.push(seen(&client, format!("{writer}/{number}")).await);
            }
            times
        });
    }
    let watching = tokio::spawn(lateness());
    let mut times = writing.join_all().await.concat();
    watching.abort();
    let [p50, p99] = [50, 99].map(|p| percentile(&mut times, p));
    let late = LATEST.load(Ordering::Relaxed);
    println!("p50 {p50:?}, p99 {p99:?}; a task that does nothing was {late} ms late at most");
    assert_eq!((times.len(), server.status().await.unwrap().keys), (1000, 1000));
    assert!(p99 < EACH + 5 * Duration::from_millis(late), "p50 {p50:?}, p99 {p99:?}, {late} ms late");
}

/// How late this machine is anyway, in milliseconds.
async fn lateness() {
    loop {
        let start = Instant::now();
        sleep(Duration::from_millis(5)).await;
        LATEST.fetch_max(start.elapsed().as_millis() as u64 - 5, Ordering::Relaxed);
    }
}

static LATEST: AtomicU64 = AtomicU64::new(0);

/// From a write of 800 octets to its being in the writer's replica.
async fn seen(client: &Client, key: String) -> Duration {
    let start = Instant::now();
    let version = client.set(key, vec![b'x'; 800]).await.unwrap();
    timeout(SOON, client.wait_for(version)).await.unwrap();
    start.elapsed()
}
