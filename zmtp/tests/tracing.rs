//! What sockets tell `tracing`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Level, Metadata, Subscriber};
use zmtp::{Event, Plain, PullSocket, PushSocket};

#[test]
fn coming_and_going_is_told_in_the_span_of_the_connection() {
    let told = run(async || {
        let mut pull = PullSocket::builder().name("sink").build();
        let mut monitor = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:*").await.unwrap();
        let push = PushSocket::builder().name("source").build();
        push.connect(&at).unwrap();
        push.send("hello").await.unwrap();
        pull.recv().await.unwrap();
        push.close().await.unwrap();
        while !matches!(monitor.next().await, Some(Event::Disconnected { .. })) {}
    });

    let sink = |name: &str| told.one(&[&format!("event={name:?}"), "socket=\"sink\""]);
    assert_eq!(sink("listening").level, Level::INFO);
    assert_eq!(sink("accepted").level, Level::DEBUG);
    for name in ["handshake-succeeded", "disconnected"] {
        let event = sink(name);
        assert_eq!(event.level, Level::INFO);
        let span = event.span.as_deref().expect("a span");
        for part in [
            "connection",
            "socket=\"sink\"",
            "socket_type=\"PULL\"",
            "mechanism=\"NULL\"",
            "tcp://127",
            "peer=",
        ] {
            assert!(span.contains(part), "{part} in {span}");
        }
    }
    let dialled = told.one(&["event=\"handshake-succeeded\"", "socket=\"source\""]);
    assert!(dialled.span.as_deref().is_some_and(|span| span.contains("socket_type=\"PUSH\"")), "{dialled:?}");
    // Nothing is told of a message.
    assert!(!told.everything().contains("hello"));
}

#[test]
fn a_refused_handshake_is_a_warning_with_its_cause_and_what_the_peer_said_is_escaped() {
    let told = run(async || {
        let pull = PullSocket::new();
        let mut monitor = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:*").await.unwrap().to_string();
        let mut peer = TcpStream::connect(at.strip_prefix("tcp://").unwrap()).await.unwrap();
        // A greeting, and an ERROR that would like to be a line of its own, in red.
        let mut octets = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
        octets.extend_from_slice(b"NULL");
        octets.resize(64, 0);
        octets.extend_from_slice(b"\x04\x15\x05ERROR\x0e\x1b[31m\nWARNING!");
        peer.write_all(&octets).await.unwrap();
        while !matches!(monitor.next().await, Some(Event::HandshakeFailed { .. })) {}
    });

    let failed = told.one(&["event=\"handshake-failed\""]);
    assert_eq!(failed.level, Level::WARN);
    assert!(failed.text.contains("cause=\"denied\""), "{failed:?}");
    assert!(failed.text.contains("\\x1b[31m\\nWARNING!"), "{failed:?}");
    assert!(!told.everything().contains(['\x1b', '\n']));
    assert!(failed.span.is_some());
}

#[test]
fn no_password_is_told() {
    let told = run(async || {
        let pull = PullSocket::builder().security(Plain::server(zmtp::Authenticator::anybody())).build();
        let at = pull.bind("tcp://127.0.0.1:*").await.unwrap();
        let security = Plain::client("ann", "open sesame").unwrap();
        let push = PushSocket::builder().security(security).build();
        push.connect(at).unwrap();
        push.wait_for_peers(1).await;
        pull.wait_for_peers(1).await;
    });
    assert!(
        told.one(&["event=\"handshake-succeeded\"", "socket_type=\"PUSH\""]).span.unwrap().contains("PLAIN")
    );
    assert!(!told.everything().contains("sesame"));
}

/// Runs `story` on this thread, and writes down what is told meanwhile.
fn run(story: impl AsyncFnOnce()) -> Told {
    let told = Told::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_default(told.clone(), || {
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), story()).await.unwrap() });
        drop(runtime);
    });
    told
}

#[derive(Debug, Clone, Default)]
struct Told(Arc<Book>);

#[derive(Debug, Default)]
struct Book {
    events: Mutex<Vec<Line>>,
    spans: Mutex<Vec<String>>,
    entered: Mutex<Vec<u64>>,
    next: AtomicU64,
}

#[derive(Debug, Clone)]
struct Line {
    level: Level,
    text: String,
    /// The span it was told in.
    span: Option<String>,
}

impl Told {
    /// The only event that has all these parts.
    fn one(&self, parts: &[&str]) -> Line {
        let events = self.0.events.lock().unwrap();
        let found: Vec<_> =
            events.iter().filter(|event| parts.iter().all(|part| event.text.contains(part))).collect();
        assert_eq!(found.len(), 1, "{parts:?} in {events:#?}");
        found[0].clone()
    }

    fn everything(&self) -> String {
        let events = self.0.events.lock().unwrap();
        let lines =
            events.iter().map(|event| format!("{} {}", event.text, event.span.as_deref().unwrap_or("")));
        lines.collect()
    }
}

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "zmtp"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(span.metadata().name().to_owned());
        span.record(&mut text);
        self.0.spans.lock().unwrap().push(text.0);
        Id::from_u64(self.0.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let inner = self.0.entered.lock().unwrap().last().copied();
        let span = inner.map(|id| self.0.spans.lock().unwrap()[id as usize - 1].clone());
        self.0.events.lock().unwrap().push(Line { level: *event.metadata().level(), text: text.0, span });
    }

    fn enter(&self, span: &Id) {
        self.0.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.entered.lock().unwrap().pop();
    }
}

/// All fields, as they would be printed.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}
