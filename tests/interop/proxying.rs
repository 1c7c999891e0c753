//! Our proxy between peers of libzmq's, captured and steered.

use std::time::Duration;

use support::{ANY_PORT, Zmq, within};
use tokio::task::JoinHandle;
use zmtp::{
    DealerSocket, Proxy, ProxyError, PullSocket, PushSocket, RepSocket, RouterSocket, Statistics, XpubSocket,
    XsubSocket,
};
use zmtp_libzmq::{Opt, SocketType};

/// Nothing comes for so long.
const WHILE: Duration = Duration::from_millis(100);

/// A ROUTER and a DEALER with a proxy between them, a libzmq PULL that sees all, and a libzmq REQ that steers.
#[derive(Debug)]
struct Broker {
    front: String,
    back: String,
    capture: Zmq,
    control: Zmq,
    running: JoinHandle<Result<Statistics, ProxyError>>,
}

impl Broker {
    async fn start() -> Self {
        let (mut front, mut back) = (RouterSocket::new(), DealerSocket::new());
        let front_at = front.bind(ANY_PORT).await.unwrap().to_string();
        let back_at = back.bind(ANY_PORT).await.unwrap().to_string();
        let (capturing, mut steered) = (PushSocket::new(), RepSocket::new());
        let (capture, capture_at) = Zmq::bound(SocketType::Pull).await;
        capturing.connect(capture_at).unwrap();
        let control = Zmq::connected(SocketType::Req, steered.bind(ANY_PORT).await.unwrap()).await;
        let running = tokio::spawn(async move {
            Proxy::new(&mut front, &mut back).capture(&capturing).control(&mut steered).run().await
        });
        Self { front: front_at, back: back_at, capture, control, running }
    }

    /// Says this word, and returns the answer.
    async fn say(&self, word: &str) -> Vec<Vec<u8>> {
        self.control.send(word).await;
        self.control.recv().await
    }

    /// Frames and octets: received in front, sent in front, received behind, sent behind.
    async fn statistics(&self) -> [u64; 8] {
        let frames = self.say("STATISTICS").await;
        let numbers: Vec<_> =
            frames.into_iter().map(|frame| u64::from_ne_bytes(frame.try_into().expect("64 bits"))).collect();
        numbers.try_into().expect("eight numbers")
    }

    async fn end(self) {
        assert_eq!(self.say("TERMINATE").await, [b""]);
        within(20, self.running).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn case_182_requests_of_libzmq_and_replies_of_libzmq_are_passed_on_captured_and_counted() {
    let broker = Broker::start().await;
    let rep = Zmq::connected(SocketType::Rep, &broker.back).await;
    let req = Zmq::new(SocketType::Req);
    req.call(|socket| socket.set_bytes(Opt::RoutingId, b"me").expect("an id")).await;
    req.connect(&broker.front).await;

    for _ in 0..10 {
        req.send("request").await;
        assert_eq!(rep.recv().await, [b"request"]);
        rep.send("reply").await;
        assert_eq!(req.recv().await, [b"reply"]);
        assert_eq!(broker.capture.recv().await, [&b"me"[..], b"", b"request"]);
        assert_eq!(broker.capture.recv().await, [&b"me"[..], b"", b"reply"]);
    }

    // Three frames each, and the octets in them.
    let (requests, replies) = (10 * (2 + 7), 10 * (2 + 5));
    assert_eq!(broker.statistics().await, [30, requests, 30, replies, 30, replies, 30, requests]);
    broker.end().await;
}

/// As the manual has it; libzmq 4.3.5 itself confuses the two.
#[tokio::test]
async fn case_182_a_paused_proxy_passes_nothing_on_until_it_is_resumed() {
    let broker = Broker::start().await;
    let rep = Zmq::connected(SocketType::Rep, &broker.back).await;
    let req = Zmq::connected(SocketType::Req, &broker.front).await;

    assert_eq!(broker.say("PAUSE").await, [b""]);
    req.send("late").await;
    assert!(rep.is_silent(WHILE).await);
    assert_eq!(broker.statistics().await, [0; 8]);

    assert_eq!(broker.say("RESUME").await, [b""]);
    assert_eq!(rep.recv().await, [b"late"]);
    // A word it does not know is answered, and changes nothing.
    assert_eq!(broker.say("pause").await, [b""]);
    rep.send("reply").await;
    assert_eq!(req.recv().await, [b"reply"]);
    broker.end().await;
}

#[tokio::test]
async fn case_182_libzmqs_publisher_and_subscribers_meet_through_our_proxy() {
    let (mut front, mut back) = (XsubSocket::new(), XpubSocket::new());
    let publisher = Zmq::connected(SocketType::Pub, front.bind(ANY_PORT).await.unwrap()).await;
    let at = back.bind(ANY_PORT).await.unwrap();
    let proxy = tokio::spawn(async move { Proxy::new(&mut front, &mut back).run().await });
    let subscriber = Zmq::new(SocketType::Sub);
    subscriber.call(|socket| socket.set_bytes(Opt::Subscribe, b"A").expect("a topic")).await;
    subscriber.connect(at).await;

    // Until the subscription has made its way.
    let mut sent = 0;
    while subscriber.is_silent(Duration::from_millis(5)).await {
        publisher.send(format!("A{sent}")).await;
        publisher.send(format!("B{sent}")).await;
        sent += 1;
        assert!(sent < 4000, "the subscription never got through");
    }

    assert!(subscriber.recv().await[0].starts_with(b"A"));
    publisher.send("B last").await;
    publisher.send("A last").await;
    while subscriber.recv().await != [b"A last"] {}
    proxy.abort();
}

#[tokio::test]
async fn case_182_a_pipeline_of_libzmqs_runs_through_our_proxy_and_stops_when_nobody_takes() {
    let (mut front, mut back) =
        (PullSocket::builder().recv_hwm(5).build(), PushSocket::builder().send_hwm(5).build());
    let push = Zmq::connected(SocketType::Push, front.bind(ANY_PORT).await.unwrap()).await;
    push.set(Opt::SndHwm, 5).await;
    let at = back.bind(ANY_PORT).await.unwrap();
    let proxy = tokio::spawn(async move { Proxy::new(&mut front, &mut back).run().await });

    // Nobody is behind: what is not taken stays with who sends it.
    push.set(Opt::SndTimeo, 200).await;
    let body = |n: u32| [&n.to_le_bytes()[..], &[0; 100_000]].concat();
    let sent = push
        .call(move |socket| (0..).take_while(|n| socket.send_one(&body(*n)).is_ok()).count() as u32)
        .await;
    assert!(sent < 1000, "{sent} were taken");

    let pull = Zmq::connected(SocketType::Pull, at).await;
    for n in 0..sent {
        assert!(pull.recv().await[0] == body(n), "{n} of {sent}");
    }
    proxy.abort();
}
