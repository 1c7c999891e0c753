//! Clients and workers of the ZeroMQ guide's peering example, on real libzmq, at two brokers of ours: the clients are at one
//! of them, and the workers at the other.

use support::within;
use zmtp_patterns::peering::{Broker, Place, Sockets, Status};

use crate::{req_clients, req_worker};

async fn cluster(name: &str) -> (Broker, Place) {
    let any = || "tcp://127.0.0.1:*".parse().unwrap();
    let place = Place { clients: any(), workers: any(), cloud: any(), state: any() };
    let sockets = Sockets::bind(&place).await.unwrap();
    let place = sockets.place.clone();
    (Broker::start(name, sockets, |_| {}), place)
}

#[tokio::test(flavor = "multi_thread")]
async fn p14_req_clients_and_workers_of_libzmq_work_in_two_clusters_and_know_of_none() {
    const CLIENTS: usize = 10;
    const REQUESTS: usize = 50;
    let ((one, first), (two, second)) = (cluster("DC1").await, cluster("DC2").await);
    two.join(&first.cloud);
    let words = [(&b"\x01"[..], "one"), (b"READY", "two"), (b"\x01", "three")];
    let at = second.workers.to_string();
    let _workers = words.map(|(word, name)| req_worker(&at, word, name, CLIENTS * REQUESTS));
    let usable = |status: Status| status.peers.iter().map(|it| it.usable).sum::<u32>();
    within(20, async { while usable(one.status().await.unwrap()) < 3 {} }).await;
    let by = req_clients(&first.clients.to_string(), CLIENTS, REQUESTS).await;
    assert_eq!((by.len(), by.values().sum::<usize>()), (3, CLIENTS * REQUESTS), "{by:?}");
    let counters = one.status().await.unwrap().counters;
    assert_eq!(counters.spilled - counters.refused, (CLIENTS * REQUESTS) as u64, "{counters:?}");
}
