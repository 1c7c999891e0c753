//! The process that is visited: sockets that are always there, and some that come and go.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{interval, sleep};
use zmtp::curve::{KeyPair, SecretKey};
use zmtp::{
    Authenticator, Builder, Curve, Pattern, PubSocket, PullSocket, PushSocket, Reconnect, RepSocket,
    ReqSocket, RouterSocket, SendHalf, Xpub, XpubSocket,
};
use zmtp_benches::{keys, say};

use crate::sample::Sample;

/// Where the server can be visited.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Places {
    /// A ROUTER that says everything back.
    pub(crate) router: String,
    /// A REP that says everything back, with CURVE.
    pub(crate) rep: String,
    pub(crate) pull: String,
    /// The same PULL by a path.
    pub(crate) pull_ipc: String,
    /// A PUB of [`TICK`] and of [`BIG`].
    pub(crate) publisher: String,
    /// An XPUB of the same, with CURVE.
    pub(crate) xpub: String,
    /// Where a PUSH dials, whether somebody is there or not.
    pub(crate) away: String,
}

/// Serves until standard input closes. Answers `sample`, `begin` and `rest` with a sample: between the latter two it
/// makes and closes sockets of its own. Forgets `leak` octets with each answer.
pub(crate) fn main(folder: &Path, leak: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let pulled = Arc::new(AtomicU64::new(0));
    let is_busy = Arc::new(AtomicBool::new(false));
    let places = runtime.block_on(open(folder, &pulled));
    runtime.spawn(come_and_go(Arc::clone(&is_busy)));
    say(&serde_json::to_string(&places).expect("a plain record"));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            "begin" => is_busy.store(true, Ordering::Relaxed),
            "rest" => is_busy.store(false, Ordering::Relaxed),
            _ => {}
        }
        std::mem::forget(vec![1u8; leak]);
        let sample = Sample::take(runtime.handle(), pulled.load(Ordering::Relaxed));
        say(&serde_json::to_string(&sample).expect("a plain record"));
    }
    runtime.shutdown_background();
}

async fn open(folder: &Path, pulled: &Arc<AtomicU64>) -> Places {
    let path = |name: &str| format!("ipc://{}", folder.join(name).display());
    let router = set(RouterSocket::builder()).build();
    let rep = secret(set(RepSocket::builder())).build();
    let pull = set(PullSocket::builder()).build();
    let publisher = set(PubSocket::builder()).build();
    let xpub = secret(set(XpubSocket::builder())).build();
    let push = set(PushSocket::builder()).build();
    let bound = [
        router.bind(ANY_PORT).await,
        rep.bind(ANY_PORT).await,
        pull.bind(ANY_PORT).await,
        pull.bind(path("pull")).await,
        publisher.bind(ANY_PORT).await,
        xpub.bind(ANY_PORT).await,
    ];
    let [router_at, rep_at, pull_at, pull_ipc, publisher_at, xpub_at] =
        bound.map(|at| at.expect("a free port").to_string());
    let away = path("away");
    push.connect(away.as_str()).expect("an endpoint");

    tokio::spawn(echo(router));
    tokio::spawn(answer(rep));
    tokio::spawn(pull_all(pull, Arc::clone(pulled)));
    tokio::spawn(publish(publisher));
    let (xpub, mut subscriptions) = xpub.split();
    tokio::spawn(async move { while subscriptions.recv().await.is_ok() {} });
    tokio::spawn(publish_in_secret(xpub));
    tokio::spawn(push_on(push));
    Places {
        router: router_at,
        rep: rep_at,
        pull: pull_at,
        pull_ipc,
        publisher: publisher_at,
        xpub: xpub_at,
        away,
    }
}

fn set<P: Pattern>(builder: Builder<P>) -> Builder<P> {
    builder
        .handshake_timeout(HANDSHAKE)
        .linger(Duration::from_secs(1))
        .reconnect(Reconnect::between(Duration::from_millis(10), Duration::from_millis(200)))
}

fn secret<P: Pattern>(builder: Builder<P>) -> Builder<P> {
    let server = keys::SERVER.1.parse::<SecretKey>().expect("a key");
    let known = Authenticator::keys([keys::CLIENT.0.parse().expect("a key")]);
    builder.security(Curve::server(KeyPair::from(server), known))
}

async fn echo(mut router: RouterSocket) {
    while let Ok(message) = router.recv().await {
        // Who has gone needs no answer.
        let _ = router.send(message).await;
    }
}

async fn answer(mut rep: RepSocket) {
    while let Ok(question) = rep.recv().await {
        let _ = rep.send(question).await;
    }
}

async fn pull_all(mut pull: PullSocket, pulled: Arc<AtomicU64>) {
    while pull.recv().await.is_ok() {
        pulled.fetch_add(1, Ordering::Relaxed);
    }
}

async fn publish(publisher: PubSocket) {
    let (mut ticks, big) = (interval(TICK_EVERY), big());
    loop {
        ticks.tick().await;
        publisher.send(TICK).await.expect("it is open");
        publisher.send(&big).await.expect("it is open");
    }
}

async fn publish_in_secret(publisher: SendHalf<Xpub>) {
    let (mut ticks, big) = (interval(TICK_EVERY), big());
    loop {
        ticks.tick().await;
        publisher.send(TICK).await.expect("it is open");
        publisher.send(&big).await.expect("it is open");
    }
}

fn big() -> Vec<u8> {
    let mut big = BIG.to_vec();
    big.resize(4096, b'.');
    big
}

/// Waits while nobody is there, with a full queue.
async fn push_on(push: PushSocket) {
    while push.send("job").await.is_ok() {}
}

/// Sockets that live for a few messages, with all that belongs to them.
async fn come_and_go(is_busy: Arc<AtomicBool>) {
    for number in 0_u64.. {
        sleep(Duration::from_millis(50)).await;
        if !is_busy.load(Ordering::Relaxed) {
            continue;
        }
        let place =
            if number.is_multiple_of(2) { ANY_PORT.to_owned() } else { format!("inproc://soak-{number}") };
        let mut rep = set(RepSocket::builder()).build();
        let at = rep.bind(place.as_str()).await.expect("a free port");
        let mut req = set(ReqSocket::builder()).build();
        let _unread = req.monitor();
        req.connect(&at).expect("an endpoint");
        tokio::join!(async { assert_eq!(req.request("here").await.expect("an answer"), "here") }, async {
            let question = rep.recv().await.expect("a question");
            rep.send(question).await.expect("it is our turn");
        },);
        rep.unbind(&at);
        let _ = req.close().await;
    }
}

/// What is published for those who read.
pub(crate) const TICK: &str = "tick";
/// How a message of 4 KiB begins, for those who do not.
pub(crate) const BIG: &[u8] = b"big";
/// Mute ones are closed after it.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(2);
const TICK_EVERY: Duration = Duration::from_millis(5);
const ANY_PORT: &str = "tcp://127.0.0.1:*";
