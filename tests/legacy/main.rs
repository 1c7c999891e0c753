//! Workers and clients of older designs, on real libzmq, against a broker of ours: the load-balancing pattern's REQ
//! workers and REQ clients as the ZeroMQ guide has them, and workers of MDP/0.2. And clients of RFC 12 against a clone, and
//! clients and workers of the guide's peering example against two brokers.

mod chp;
mod peering;

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use support::within;
use tokio::sync::oneshot;
use zmtp_libzmq::{Context, Opt, Socket, SocketType};
use zmtp_patterns::balancer::{Balancer, Client, Config, Ending, Job, Worker, WorkerConfig};

async fn broker() -> (Balancer, String) {
    let socket = Balancer::socket().build();
    let at = socket.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
    (Balancer::start(socket, Config { legacy: true, ..Config::default() }), at)
}

fn socket(context: &Context, kind: SocketType, at: &str) -> Socket {
    let socket = Socket::new(context, kind).unwrap();
    socket.set_int(Opt::Linger, 0).unwrap();
    socket.set_int(Opt::RcvTimeo, 20_000).unwrap();
    socket.connect(at).unwrap();
    socket
}

/// Says READY, replies to so many requests with what was asked and its name, and goes when it is dropped.
fn req_worker(
    at: &str,
    word: &'static [u8],
    name: &'static str,
    requests: usize,
) -> (Sender<()>, JoinHandle<()>) {
    let at = at.to_owned();
    let (dropped, stays) = channel();
    let worker = spawn(move || {
        let context = Context::new();
        let worker = socket(&context, SocketType::Req, &at);
        worker.send(&[word]).unwrap();
        for _ in 0..requests {
            let Ok(job) = worker.recv() else { return };
            let [address, empty, request] = job.try_into().expect("a job in three frames");
            assert!(empty.is_empty());
            let reply = [&request[..], b" by ", name.as_bytes()].concat();
            worker.send(&[&address, b"", &reply]).unwrap();
        }
        // Its socket would take the last reply with it.
        let _ = stays.recv();
    });
    (dropped, worker)
}

/// So many clients make so many requests each, one at a time. Who has done how many.
async fn req_clients(at: &str, clients: usize, requests: usize) -> BTreeMap<String, usize> {
    let asking = (0..clients).map(|number| {
        let at = at.to_owned();
        tokio::task::spawn_blocking(move || {
            let context = Context::new();
            let client = socket(&context, SocketType::Req, &at);
            let mut by = BTreeMap::<String, usize>::new();
            for request in 0..requests {
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
    let mut by = BTreeMap::new();
    for client in asking.collect::<Vec<_>>() {
        for (who, how_many) in within(60, client).await.unwrap() {
            *by.entry(who).or_default() += how_many;
        }
    }
    by
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_req_clients_of_libzmq_are_served_by_req_workers_of_libzmq() {
    const CLIENTS: usize = 10;
    const REQUESTS: usize = 50;
    let (broker, at) = broker().await;
    let words = [(&b"READY"[..], "one"), (b"\x01", "two"), (b"READY", "three")];
    // They wait for more than there will be.
    let _workers = words.map(|(word, name)| req_worker(&at, word, name, CLIENTS * REQUESTS));
    within(20, async { while broker.status().await.unwrap().workers.len() < words.len() {} }).await;
    let by = req_clients(&at, CLIENTS, REQUESTS).await;
    assert_eq!(by.values().sum::<usize>(), CLIENTS * REQUESTS);
    assert!(by.len() == 3 && by.values().all(|done| *done > 0), "{by:?}");
    let status = broker.status().await.unwrap();
    assert_eq!((status.counters.done, status.counters.malformed), ((CLIENTS * REQUESTS) as u64, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_on_one_port_workers_and_clients_of_all_kinds_work_for_each_other() {
    let (broker, at) = broker().await;
    let (stays, worker) = req_worker(&at, b"READY", "req", 1);
    // Ours asks through its own library, and a REQ worker answers.
    let client = Client::socket().build();
    client.connect(at.as_str()).unwrap();
    let client = Client::start(client);
    let outcome = within(20, client.submit(Job::new("ours", "a")).await.unwrap().outcome()).await.unwrap();
    assert_eq!((outcome.ending, &outcome.payload[..]), (Ending::Done, &b"a by req"[..]));
    drop(stays);
    within(20, tokio::task::spawn_blocking(|| worker.join())).await.unwrap().unwrap();
    // A REQ client asks, and a worker of ours answers.
    let ours = Worker::socket().build();
    ours.connect(at.as_str()).unwrap();
    let _ours = Worker::start(ours, WorkerConfig::default(), async |task| {
        Ok([&task.payload()[..], b" by ours"].concat().into())
    });
    let asked = at.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let context = Context::new();
        let client = socket(&context, SocketType::Req, &asked);
        client.send(&[b"b"]).unwrap();
        client.recv().unwrap()
    });
    assert_eq!(within(20, asked).await.unwrap(), [b"b by ours"]);
    assert_eq!(broker.status().await.unwrap().counters.malformed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mdp_worker_of_libzmq_gets_the_jobs_of_its_service_and_hears_heartbeats() {
    let (broker, at) = broker().await;
    let (beats, heard) = oneshot::channel();
    let worker = tokio::task::spawn_blocking({
        let at = at.clone();
        move || {
            let context = Context::new();
            let worker = socket(&context, SocketType::Dealer, &at);
            worker.send(&[b"", b"MDPW02", b"\x01", b"echo"]).unwrap();
            let request = worker.recv().unwrap();
            let [.., address, empty, body] = &request[..] else { panic!("{request:?}") };
            assert_eq!((&request[1][..], &request[2][..], empty.len()), (&b"MDPW02"[..], &b"\x02"[..], 0));
            let start = Instant::now();
            worker.send(&[b"", b"MDPW02", b"\x04", address, b"", body]).unwrap();
            assert_eq!(worker.recv().unwrap(), [&b""[..], b"MDPW02", b"\x05"]);
            let _ = beats.send(start.elapsed());
            worker.send(&[b"", b"MDPW02", b"\x05"]).unwrap();
            // It is told to go when the broker is drained.
            assert_eq!(worker.recv().unwrap(), [&b""[..], b"MDPW02", b"\x06"]);
        }
    });
    let client = Client::socket().build();
    client.connect(at.as_str()).unwrap();
    let client = Client::start(client);
    let job = Job { tags: vec!["echo".to_owned()], ..Job::new("key", "said") };
    let outcome = within(20, client.submit(job).await.unwrap().outcome()).await.unwrap();
    assert_eq!(outcome.payload, "said");
    let waited = within(20, heard).await.unwrap();
    assert!(waited <= Duration::from_secs(5), "{waited:?}");
    assert_eq!(within(20, broker.drain(false)).await, 0);
    within(20, worker).await.unwrap();
}
