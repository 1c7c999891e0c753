//! What is measured.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use zmtp_patterns::peering::{Client, LinkStatus, Resend};

use super::Served;
use crate::bench::{Figure, Row, millis, percentile, thread};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "served",
        figures: &[Figure {
            name: "served",
            what: "requests of 1,000 octets, and as many back, through a broker: 2 clients with 250 at a time each, 2 workers with 250 slots each",
            unit: "requests/s",
        }],
        measure: |about| Box::pin(served(about)),
    },
    Row {
        name: "spill",
        figures: &[
            Figure {
                name: "here",
                what: "from a request to its reply, with a worker here, one at a time",
                unit: "us",
            },
            Figure { name: "there", what: "the same, with a worker of another cluster", unit: "us" },
            Figure { name: "spill", what: "how much that is more", unit: "us" },
        ],
        measure: |about| Box::pin(spill(about)),
    },
    Row {
        name: "requeue",
        figures: &[Figure {
            name: "requeue",
            what: "from the death of a cluster to the reply of another one to what the first had",
            unit: "ms",
        }],
        measure: |_| Box::pin(requeue()),
    },
    Row {
        name: "mesh",
        figures: &[Figure {
            name: "mesh",
            what: "until each of 30 brokers, of which 29 know the first, works with all others",
            unit: "ms",
        }],
        measure: |_| Box::pin(mesh()),
    },
];

/// Asks so many at a time until the time is up. Says how many replies there were.
async fn ask(client: Client, at_a_time: usize, until: Instant) -> u64 {
    let body = Bytes::from(vec![b'x'; 1000]);
    let mut asking = JoinSet::new();
    for _ in 0..at_a_time {
        let (client, body) = (client.clone(), body.clone());
        asking.spawn(async move {
            let mut replies = 0;
            while Instant::now() < until {
                replies += u64::from(client.request(vec![body.clone()], Resend::default()).await.is_ok());
            }
            replies
        });
    }
    asking.join_all().await.into_iter().sum()
}

async fn served(about: Duration) -> Vec<f64> {
    let broker = Served::start("DC1".into(), Vec::new()).await;
    let _workers = [broker.worker(250, true), broker.worker(250, true)];
    broker.until(|status| status.slots == 500).await;
    let (begun, until) = (Instant::now(), Instant::now() + about);
    let mut told = Vec::new();
    for _ in 0..2 {
        let (done, count) = oneshot::channel();
        let place = broker.place.clients.clone();
        let asking = thread(move || async move {
            let socket = Client::socket().build();
            socket.connect(place).expect("an endpoint");
            let _ = done.send(ask(Client::start(socket), 250, until).await);
        });
        told.push((asking, count));
    }
    let mut replies = 0;
    for (asking, count) in told {
        replies += count.await.unwrap_or_default();
        let _ = asking.join();
    }
    vec![replies as f64 / begun.elapsed().as_secs_f64()]
}

/// Half of all take no longer, with one request at a time.
async fn round_trips(client: &Client, about: Duration) -> f64 {
    let until = Instant::now() + about;
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        if client.request(vec![Bytes::from(vec![b'x'; 1000])], Resend::default()).await.is_ok() {
            times.push(begun.elapsed());
        }
    }
    millis(percentile(&mut times, 50)) * 1000.0
}

async fn spill(about: Duration) -> Vec<f64> {
    let one = Served::start("DC1".into(), Vec::new()).await;
    let two = Served::start("DC2".into(), vec![one.place.clone()]).await;
    let _worker = one.worker(1, true);
    two.until(|status| status.peers.iter().any(|it| it.usable > 0)).await;
    let here = round_trips(&one.client(), about / 2).await;
    let there = round_trips(&two.client(), about / 2).await;
    vec![here, there, (there - here).max(0.0)]
}

async fn requeue() -> Vec<f64> {
    let one = Served::start("DC1".into(), Vec::new()).await;
    let two = Served::start("DC2".into(), vec![one.place.clone()]).await;
    let _silent = two.worker(1, false);
    one.until(|status| status.peers.iter().any(|it| it.usable > 0)).await;
    let client = one.client();
    let asking = tokio::spawn(async move {
        let reply = client.request(vec![Bytes::from_static(b"x")], Resend::default()).await;
        (reply.is_ok(), Instant::now())
    });
    two.until(|status| status.foreign == 1).await;
    let three = Served::start("DC3".into(), vec![one.place.clone()]).await;
    let _worker = three.worker(1, true);
    one.until(|status| status.peers.iter().any(|it| it.usable > 0)).await;
    let begun = Instant::now();
    drop(two);
    match asking.await {
        Ok((true, at)) => vec![millis(at - begun)],
        _ => vec![f64::NAN],
    }
}

async fn mesh() -> Vec<f64> {
    let begun = Instant::now();
    let one = Served::start("DC1".into(), Vec::new()).await;
    let mut brokers = vec![one];
    for number in 2..=30 {
        let first = brokers[0].place.clone();
        brokers.push(Served::start(format!("DC{number}"), vec![first]).await);
    }
    for broker in &brokers {
        let up = |it: &&zmtp_patterns::peering::PeerStatus| it.link == LinkStatus::Up;
        broker.until(|status| status.peers.iter().filter(up).count() == 29).await;
    }
    vec![millis(begun.elapsed())]
}
