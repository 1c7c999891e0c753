//! What happens when something fails.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;
use zmtp_patterns::peering::{Failure, Notice, Rejection, RequestError, Resend, Worker};

use crate::support::{Cluster, SOON, ask, until};

#[tokio::test]
async fn p07_what_a_lost_cluster_had_is_done_elsewhere_at_once() {
    let (one, two, three) = (Cluster::new("DC1").await, Cluster::new("DC2").await, Cluster::new("DC3").await);
    two.broker.join(&one.place.cloud);
    let _slow = two.worker(1, "of DC2", Duration::from_secs(600));
    one.works_with(1).await;
    until("there is something to be had", async || one.status().await.peers[0].usable == 1).await;
    let client = one.client();
    let asking = tokio::spawn(async move { ask(&client, "hello").await });
    until("it is under way", async || two.status().await.foreign == 1).await;
    three.broker.join(&one.place.cloud);
    let _worker = three.worker(1, "of DC3", Duration::ZERO);
    one.works_with(2).await;
    let begun = Instant::now();
    drop(two);
    assert_eq!(timeout(SOON, asking).await.unwrap().unwrap().1, "of DC3");
    println!("done elsewhere {:?} after the cluster was lost", begun.elapsed());
    assert_eq!(one.status().await.counters.requeued, 1);
}

/// Long before it counts as lost for its silence: the other broker's thread stands still.
#[tokio::test]
async fn what_a_cluster_that_does_not_read_was_sent_is_done_elsewhere_at_once() {
    let one = Cluster::with("DC1", |config| (config.stale, config.down) = (1000, 1000)).await;
    let cloud = one.place.cloud.clone();
    let (freeze, frozen) = oneshot::channel();
    let (thaw, thawed) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let two = Cluster::new("DC2").await;
            let _worker = two.worker(SLOTS, "of DC2", Duration::ZERO);
            two.broker.join(&cloud);
            frozen.await.unwrap();
            // All of this thread's tasks: until the sender is dropped.
            thawed.recv().unwrap_err();
        });
    });
    until("DC2 has something to be had", async || {
        one.status().await.peers.first().is_some_and(|it| it.usable as usize >= REQUESTS)
    })
    .await;
    freeze.send(()).unwrap();
    let (clients, body) = ([one.client(), one.client()], Bytes::from(vec![0; 1 << 20]));
    let asking: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let (client, body) = (clients[number % 2].clone(), body.clone());
            tokio::spawn(async move { client.request(vec![body], Resend::default()).await })
        })
        .collect();
    until("the link is given up", async || one.status().await.counters.lost_links == 1).await;
    let _worker = one.worker(1, "of DC1", Duration::ZERO);
    for asking in asking {
        let reply = timeout(SOON, asking).await.unwrap().unwrap().unwrap();
        assert_eq!(reply[1], "of DC1");
    }
    drop(thaw);
    other.join().unwrap();
}

#[tokio::test]
async fn what_a_lost_worker_had_goes_to_another_one_once() {
    let one = Cluster::new("DC1").await;
    let first = one.worker(1, "first", Duration::from_secs(600));
    until("it is there", async || one.status().await.workers == 1).await;
    let client = one.client();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.request(vec!["hello".into()], Resend::default()).await }
    });
    until("it has it", async || one.status().await.local == 1).await;
    let second = one.worker(1, "second", Duration::from_secs(600));
    until("another one is there", async || one.status().await.workers == 2).await;
    drop(first);
    until("that one has it", async || one.status().await.workers == 1 && one.status().await.local == 1).await;
    drop(second);
    let result = timeout(SOON, asking).await.unwrap().unwrap();
    assert_eq!(result, Err(RequestError::Failed(Failure::Lost)));
}

#[tokio::test]
async fn what_a_worker_cannot_do_another_one_tries_once() {
    let one = Cluster::new("DC1").await;
    let failing = |place: &zmtp_patterns::peering::Place| {
        let socket = Worker::socket().build();
        socket.connect(place.workers.clone()).unwrap();
        Worker::start(socket, 1, |_| async { Err::<Vec<_>, _>("it cannot") })
    };
    let _workers = [failing(&one.place), failing(&one.place)];
    let asking = one.client();
    let result = timeout(SOON, asking.request(vec!["hello".into()], Resend::default())).await.unwrap();
    assert_eq!(result, Err(RequestError::Failed(Failure::Refused)));
}

#[tokio::test]
async fn p10_without_a_worker_anywhere_the_client_is_told_in_its_time() {
    let one = Cluster::new("DC1").await;
    let client = one.client();
    let resend = Resend { every: Duration::from_millis(50), within: Duration::from_millis(300) };
    let begun = Instant::now();
    let result = timeout(SOON, client.request(vec!["hello".into()], resend)).await.unwrap();
    assert!(
        matches!(result, Err(RequestError::NoReply | RequestError::Failed(Failure::Expired))),
        "{result:?}"
    );
    assert!(begun.elapsed() >= Duration::from_millis(300));
    until("nothing is left of it", async || one.status().await.queue == 0).await;
    assert_eq!(one.status().await.counters.requests, 1);
}

#[tokio::test]
async fn a_request_whose_future_is_dropped_is_withdrawn() {
    let one = Cluster::new("DC1").await;
    let client = one.client();
    let asking = tokio::spawn(async move { client.request(vec!["hello".into()], Resend::default()).await });
    until("it waits", async || one.status().await.queue == 1).await;
    asking.abort();
    until("it does not any more", async || one.status().await.queue == 0).await;
    assert_eq!(one.status().await.counters.withdrawn, 1);
}

#[tokio::test]
async fn two_brokers_of_one_name_are_told_of_each_other() {
    let (one, two, third) = (Cluster::new("DC1").await, Cluster::new("DC2").await, Cluster::new("DC2").await);
    two.broker.join(&one.place.cloud);
    one.works_with(1).await;
    let (mut here, mut there) = (one.broker.notices(), third.broker.notices());
    third.broker.join(&one.place.cloud);
    let rejected = timeout(SOON, there.recv()).await.unwrap().unwrap();
    let rejection = Rejection::Name { cloud: two.place.cloud.to_string() };
    assert_eq!(rejected, Notice::Rejected { cloud: one.place.cloud.to_string(), rejection });
    let collision = timeout(SOON, here.recv()).await.unwrap().unwrap();
    let (here, there) = (two.place.cloud.to_string(), third.place.cloud.to_string());
    assert_eq!(collision, Notice::Collision { name: "DC2".into(), here, there });
}

/// It has a new life at the old place: what it was told before counts for nothing, and clients ask it again by themselves.
#[tokio::test]
async fn a_broker_that_is_started_again_is_known_by_everybody_at_once() {
    let (one, two) = (Cluster::new("DC1").await, Cluster::new("DC2").await);
    two.broker.join(&one.place.cloud);
    let _worker = one.worker(1, "of DC1", Duration::ZERO);
    two.works_with(1).await;
    let client = two.client();
    assert_eq!(ask(&client, "hello").await.1, "of DC1");
    let place = two.place.clone();
    drop(two);
    let two = Cluster::again("DC2", &place).await;
    two.broker.join(&one.place.cloud);
    assert_eq!(ask(&client, "again").await, ("again".into(), "of DC1".into()));
}

/// More than waits for a peer, which is 64 MiB.
const REQUESTS: usize = 90;
/// Some of them are not offered to others.
const SLOTS: u16 = 100;
