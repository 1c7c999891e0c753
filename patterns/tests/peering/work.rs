//! Work is done here if it can be, and elsewhere if not.

use std::time::Duration;

use tokio::time::timeout;
use zmtp_patterns::peering::{Place, Resend, Sockets};

use crate::support::{Cluster, SOON, ask, until};

#[tokio::test]
async fn a_request_that_has_no_worker_here_goes_to_one_elsewhere() {
    let (one, two) = (Cluster::new("DC1").await, Cluster::new("DC2").await);
    two.broker.join(&one.place.cloud);
    one.works_with(1).await;
    two.works_with(1).await;
    let _worker = one.worker(1, "of DC1", Duration::ZERO);
    until("the worker is there", async || one.status().await.workers == 1).await;
    let client = two.client();
    assert_eq!(ask(&client, "hello").await, ("hello".into(), "of DC1".into()));
    let counters = two.status().await.counters;
    assert_eq!((counters.spilled, counters.replies), (1, 1));
}

#[tokio::test]
async fn p08_a_request_that_has_a_free_worker_here_stays_here() {
    let (one, two) = (Cluster::new("DC1").await, Cluster::new("DC2").await);
    let _workers = [one.worker(1, "of DC1", Duration::ZERO), two.worker(1, "of DC2", Duration::ZERO)];
    two.broker.join(&one.place.cloud);
    two.works_with(1).await;
    until("its worker is there", async || two.status().await.workers == 1).await;
    let client = two.client();
    for _ in 0..100 {
        assert_eq!(ask(&client, "hello").await.1, "of DC2");
    }
    assert_eq!(two.status().await.counters.spilled, 0);
}

#[tokio::test]
async fn p24_whoever_joins_needs_one_address_and_is_known_to_all() {
    let mut clusters = Vec::new();
    for name in ["DC1", "DC2", "DC3", "DC4", "DC5", "DC6"] {
        let cluster = Cluster::new(name).await;
        let one: Option<&Cluster> = clusters.first();
        if let Some(one) = one {
            cluster.broker.join(&one.place.cloud);
        }
        clusters.push(cluster);
    }
    for cluster in &clusters {
        cluster.works_with(5).await;
    }
}

#[tokio::test]
async fn p07_who_leaves_ends_what_it_has_and_nobody_waits_for_it() {
    let (one, two) = (Cluster::new("DC1").await, Cluster::new("DC2").await);
    two.broker.join(&one.place.cloud);
    two.works_with(1).await;
    let _worker = one.worker(4, "of DC1", Duration::from_millis(200));
    until("there is something to be had", async || two.status().await.peers[0].usable > 0).await;
    let client = two.client();
    let asking = tokio::spawn(async move { ask(&client, "hello").await });
    until("it is under way", async || one.status().await.foreign == 1).await;
    assert_eq!(timeout(SOON, one.broker.leave(SOON)).await.unwrap(), 0);
    assert_eq!(asking.await.unwrap().1, "of DC1");
    assert_eq!(two.status().await.counters.requeued, 0);
    until("it is forgotten", async || two.status().await.peers.iter().all(|it| it.usable == 0)).await;
    assert!(one.broker.status().await.is_none());
}

/// Each flow has endpoints and settings of its own.
#[tokio::test]
async fn p22_each_flow_may_go_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = |name: &'static str| {
        let file = |what: &str| format!("ipc://{}/{name}-{what}", folder.path().display()).parse().unwrap();
        let any = "tcp://127.0.0.1:0".parse().unwrap();
        let place =
            Place { clients: file("clients"), workers: any, cloud: file("cloud"), state: file("state") };
        async move {
            let tasks = Sockets::tasks().heartbeat(zmtp::Heartbeat::every(Duration::from_secs(5)));
            Cluster::on(
                name,
                Sockets::bind_with(&place, tasks.clone(), tasks, Sockets::follows(), Sockets::publishes())
                    .await
                    .unwrap(),
            )
        }
    };
    let (one, two) = (cluster("DC1").await, cluster("DC2").await);
    two.broker.join(&one.place.cloud);
    let _worker = one.worker(1, "of DC1", Duration::ZERO);
    let client = two.client();
    assert_eq!(ask(&client, "hello").await.1, "of DC1");
}

#[tokio::test]
async fn p20_each_broker_dials_the_tasks_and_follows_the_state_of_each_other() {
    let mut clusters = Vec::new();
    for name in ["DC1", "DC2", "DC3"] {
        let any = || "tcp://127.0.0.1:0".parse().unwrap();
        let place = Place { clients: any(), workers: any(), cloud: any(), state: any() };
        let sockets = Sockets::bind(&place).await.unwrap();
        let monitors = (sockets.cloudbe.monitor(), sockets.statefe.monitor());
        clusters.push((Cluster::on(name, sockets), monitors));
    }
    let one = clusters[0].0.place.cloud.clone();
    for (cluster, _) in &clusters[1..] {
        cluster.broker.join(&one);
    }
    for (cluster, _) in &clusters {
        cluster.works_with(2).await;
    }
    let places: Vec<_> = clusters.iter().map(|(cluster, _)| cluster.place.clone()).collect();
    for (number, (_, (cloudbe, statefe))) in clusters.iter_mut().enumerate() {
        let others = |of: fn(&Place) -> &zmtp::Endpoint| {
            let others = places.iter().enumerate().filter(|(other, _)| *other != number);
            let mut others: Vec<_> = others.map(|(_, place)| of(place).to_string()).collect();
            others.sort_unstable();
            others
        };
        assert_eq!(connected(cloudbe).await, others(|place| &place.cloud));
        assert_eq!(connected(statefe).await, others(|place| &place.state));
    }
}

/// Where its connections went, once there are two.
async fn connected(monitor: &mut zmtp::Monitor) -> Vec<String> {
    let mut places = Vec::new();
    loop {
        let patience = if places.len() < 2 { SOON } else { Duration::ZERO };
        match timeout(patience, monitor.next()).await {
            Ok(Some(zmtp::Event::Connected { endpoint })) => places.push(endpoint.to_string()),
            Ok(event) => assert!(event.is_some(), "the socket is gone"),
            Err(_) => break,
        }
    }
    places.sort_unstable();
    places
}

#[tokio::test]
async fn p12_what_is_asked_names_no_worker_and_may_have_several_frames() {
    let one = Cluster::new("DC1").await;
    let _worker = one.worker(1, "of DC1", Duration::ZERO);
    let body = vec!["one".into(), "".into(), "three".into()];
    let reply = timeout(SOON, one.client().request(body, Resend::default())).await.unwrap().unwrap();
    assert_eq!(reply, ["one", "", "three", "of DC1"]);
}
