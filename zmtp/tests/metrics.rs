//! What sockets tell the `metrics` facade.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, with_local_recorder,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use zmtp::{
    Event, Frame, Heartbeat, Message, Monitor, PubSocket, PullSocket, PushSocket, Reconnect, RouterSocket,
    SubSocket, describe_metrics,
};

#[test]
fn messages_octets_queues_and_peers_are_told_by_type_and_name() {
    let book = run(async |book| {
        let mut pull = PullSocket::builder().name("sink").build();
        let at = pull.bind("tcp://127.0.0.1:*").await.unwrap();
        let push = PushSocket::builder().name("source").build();
        push.connect(&at).unwrap();
        for _ in 0..3 {
            push.send("hello").await.unwrap();
        }
        push.wait_for_peers(1).await;
        assert_eq!(pull.recv().await.unwrap(), "hello");
        push.publish_metrics();
        pull.publish_metrics();

        assert_eq!(book.is("zmq_messages_sent_total{socket=source,type=PUSH}"), 3.0);
        // A header of two octets each.
        assert_eq!(book.is("zmq_bytes_sent_total{socket=source,type=PUSH}"), 21.0);
        assert_eq!(book.is("zmq_messages_received_total{socket=sink,type=PULL}"), 3.0);
        assert_eq!(book.is("zmq_bytes_received_total{socket=sink,type=PULL}"), 21.0);
        assert_eq!(book.is("zmq_peers{socket=source,state=connected,type=PUSH}"), 1.0);
        assert_eq!(book.is("zmq_queue_messages{direction=out,socket=source,type=PUSH}"), 0.0);
        let shaken = "zmq_handshakes_total{mechanism=NULL,reason=,result=succeeded,socket=sink,type=PULL}";
        assert_eq!(book.is(shaken), 1.0);
        assert_eq!(book.is("zmq_handshake_seconds{mechanism=NULL,socket=sink,type=PULL}"), 1.0);
        push.close().await.unwrap();
    });
    assert_eq!(book.is("zmq_peers{socket=source,state=connected,type=PUSH}"), 0.0);
}

#[test]
fn a_queue_that_waits_for_a_peer_shows_and_is_gone_with_its_socket() {
    let (queue, octets) = (
        "zmq_queue_messages{direction=out,socket=,type=PUSH}",
        "zmq_queue_bytes{direction=out,socket=,type=PUSH}",
    );
    let away = "zmq_peers{socket=,state=connecting,type=PUSH}";
    let book = run(async |book| {
        let sockets = [(), ()].map(|()| PushSocket::builder().linger(Duration::ZERO).build());
        for push in &sockets {
            push.connect("ipc:///nobody/is/here").unwrap();
            push.send("abc").await.unwrap();
            push.publish_metrics();
            push.publish_metrics();
        }
        // Sockets of the same type and name add up.
        assert_eq!((book.is(queue), book.is(octets), book.is(away)), (2.0, 10.0, 2.0));
        for push in sockets {
            push.close().await.unwrap_err();
        }
    });
    assert_eq!((book.is(queue), book.is(octets), book.is(away)), (0.0, 0.0, 0.0));
    assert_eq!(book.is("zmq_messages_dropped_total{reason=discarded,socket=,type=PUSH}"), 2.0);
}

#[test]
fn drops_and_subscriptions_are_told() {
    run(async |book| {
        let router = RouterSocket::new();
        let message: Vec<Frame> = ["nobody", "hello"].map(Frame::from).into();
        router.send(Message::try_from(message).unwrap()).await.unwrap();
        router.publish_metrics();
        assert_eq!(book.is("zmq_messages_dropped_total{reason=no_peer,socket=,type=ROUTER}"), 1.0);

        let publisher = PubSocket::new();
        let at = publisher.bind("tcp://127.0.0.1:*").await.unwrap();
        let sub = SubSocket::builder().subscribe("rain").subscribe("snow").build();
        sub.connect(at).unwrap();
        publisher.wait_for_subscribers("rain", 1).await;
        publisher.wait_for_subscribers("snow", 1).await;
        publisher.publish_metrics();
        sub.publish_metrics();
        assert_eq!(book.is("zmq_subscriptions{socket=,type=PUB}"), 2.0);
        assert_eq!(book.is("zmq_subscriptions{socket=,type=SUB}"), 2.0);
    });
}

#[test]
fn a_refused_handshake_and_the_limit_it_hit_are_counted() {
    run(async |book| {
        for (patience, said) in [(Duration::from_millis(20), ""), (Duration::from_secs(20), "GET / HTTP/1.1")]
        {
            let pull = PullSocket::builder().handshake_timeout(patience).build();
            let mut monitor = pull.monitor();
            let at = pull.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
            let mut peer = TcpStream::connect(at.strip_prefix("tcp://").unwrap()).await.unwrap();
            peer.write_all(said.as_bytes()).await.unwrap();
            until(&mut monitor, |event| matches!(event, Event::HandshakeFailed { .. })).await;
        }

        let failed = |reason: &str| {
            format!("zmq_handshakes_total{{mechanism=NULL,reason={reason},result=failed,socket=,type=PULL}}")
        };
        assert_eq!(book.is(&failed("handshake-timeout")), 1.0);
        assert_eq!(book.is(&failed("malformed")), 1.0);
        assert_eq!(book.is("zmq_limit_hits_total{limit=handshake_timeout,socket=,type=PULL}"), 1.0);
    });
}

#[test]
fn dialling_again_is_counted() {
    run(async |book| {
        let soon = Reconnect::between(Duration::from_millis(1), Duration::from_millis(1));
        let push = PushSocket::builder().reconnect(soon).build();
        let mut monitor = push.monitor();
        push.connect("ipc:///nobody/is/here").unwrap();
        for _ in 0..2 {
            until(&mut monitor, |event| matches!(event, Event::ConnectRetried { .. })).await;
        }
        assert!(book.is("zmq_reconnects_total{socket=,type=PUSH}") >= 2.0);
    });
}

#[test]
fn the_time_from_ping_to_pong_is_told() {
    run(async |book| {
        let heartbeat = Heartbeat::every(Duration::from_millis(5));
        let push = PushSocket::builder().heartbeat(heartbeat).build();
        let at = push.bind("tcp://127.0.0.1:*").await.unwrap();
        let pull = PullSocket::new();
        pull.connect(at).unwrap();
        book.until("zmq_rtt_seconds{socket=,type=PUSH}", 2.0).await;
    });
}

/// Nobody has to ask.
#[test]
fn a_socket_that_is_bound_tells_what_it_counts_all_the_time_and_at_its_end() {
    run(async |book| {
        let mut pull = PullSocket::new();
        let at = pull.bind("tcp://127.0.0.1:*").await.unwrap();
        let push = PushSocket::new();
        push.connect(at).unwrap();
        push.send("a").await.unwrap();
        pull.recv().await.unwrap();
        book.until("zmq_messages_received_total{socket=,type=PULL}", 1.0).await;
        push.send("b").await.unwrap();
        push.close().await.unwrap();
        assert_eq!(book.is("zmq_messages_sent_total{socket=,type=PUSH}"), 2.0);
    });
}

#[test]
fn every_metric_is_described() {
    let book = Book::default();
    with_local_recorder(&book, describe_metrics);
    let described = book.described.lock().unwrap();
    assert_eq!(described.len(), 15, "{described:?}");
    assert!(described.iter().all(|name| name.starts_with("zmq_")), "{described:?}");
}

/// Runs `story` on this thread, with a recorder that writes everything down.
fn run(story: impl AsyncFnOnce(&Book)) -> Book {
    let book = Book::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_local_recorder(&book, || {
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), story(&book)).await.unwrap() });
        drop(runtime);
    });
    book
}

async fn until(monitor: &mut Monitor, is_it: impl Fn(&Event) -> bool) {
    while !is_it(&monitor.next().await.unwrap()) {}
}

/// All metrics, as `name{label=value,..}`. A histogram counts how often it was told.
#[derive(Debug, Default)]
struct Book {
    values: Mutex<BTreeMap<String, Arc<Value>>>,
    described: Mutex<Vec<String>>,
}

impl Book {
    fn is(&self, name: &str) -> f64 {
        let values = self.values.lock().unwrap();
        let value = values.get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", values.keys()));
        f64::from_bits(value.0.load(Ordering::Relaxed))
    }

    /// Looks again and again: nothing says when a metric is told.
    async fn until(&self, name: &str, least: f64) {
        while !self.values.lock().unwrap().contains_key(name) || self.is(name) < least {
            tokio::task::yield_now().await;
        }
    }

    fn value(&self, key: &Key) -> Arc<Value> {
        let mut labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.values.lock().unwrap().entry(name).or_default())
    }

    fn describe(&self, name: &KeyName) {
        self.described.lock().unwrap().push(name.as_str().to_owned());
    }
}

impl Recorder for Book {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.value(key))
    }
}

/// The bits of a float.
#[derive(Debug, Default)]
struct Value(AtomicU64);

impl Value {
    fn change(&self, change: impl Fn(f64) -> f64) {
        let bits = |now: u64| Some(change(f64::from_bits(now)).to_bits());
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, bits).unwrap();
    }
}

impl CounterFn for Value {
    fn increment(&self, value: u64) {
        self.change(|now| now + value as f64);
    }

    fn absolute(&self, value: u64) {
        self.change(|_| value as f64);
    }
}

impl GaugeFn for Value {
    fn increment(&self, value: f64) {
        self.change(|now| now + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|now| now - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Value {
    fn record(&self, _: f64) {
        self.change(|now| now + 1.0);
    }
}
