//! Clients and workers of the ZeroMQ guide's peering example, on real libzmq, at two brokers of ours: the clients are at one
//! of them, and the workers at the other.

use std::collections::BTreeMap;
use std::time::Duration;

use support::within;
use zmtp_libzmq::{Context, SocketType};
use zmtp_patterns::peering::{Broker, Place, Sockets};

use crate::{req_worker, socket};

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
    within(20, async {
        let usable =
            |status: zmtp_patterns::peering::Status| status.peers.iter().map(|it| it.usable).sum::<u32>();
        while usable(one.status().await.unwrap()) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let clients = (0..CLIENTS).map(|number| {
        let at = first.clients.to_string();
        tokio::task::spawn_blocking(move || {
            let context = Context::new();
            let client = socket(&context, SocketType::Req, &at);
            let mut by = BTreeMap::<String, usize>::new();
            for request in 0..REQUESTS {
                let asked = format!("{number}.{request}");
                client.send(&[asked.as_bytes()]).unwrap();
                let [reply] = client.recv().unwrap().try_into().expect("a reply in one frame");
                let reply = String::from_utf8(reply).unwrap();
                let (what, who) = reply.split_once(" by ").unwrap();
                assert_eq!(what, asked);
                *by.entry(who.to_owned()).or_default() += 1;
            }
            by
        })
    });
    let mut by = BTreeMap::<String, usize>::new();
    for client in clients.collect::<Vec<_>>() {
        for (who, times) in client.await.unwrap() {
            *by.entry(who).or_default() += times;
        }
    }
    assert_eq!((by.len(), by.values().sum::<usize>()), (3, CLIENTS * REQUESTS), "{by:?}");
    let counters = one.status().await.unwrap().counters;
    assert_eq!(counters.spilled - counters.refused, (CLIENTS * REQUESTS) as u64, "{counters:?}");
}
