//! REQ and REP: how long a round trip takes.

use std::time::Instant;

use zmtp::{RepSocket, ReqSocket};
use zmtp_benches::{Arguments, DATA, Latencies, Meter, Stdin, check, ready};

pub(crate) async fn req(arguments: &Arguments) {
    ask(arguments).await.print("req");
}

pub(crate) async fn rep(arguments: &Arguments, stdin: Stdin) {
    let rep = bound(arguments).await;
    ready();
    let meter = Meter::start();
    tokio::select! {
        () = answer(rep) => {}
        () = stdin.over() => {}
    }
    meter.print("rep");
}

/// Both in one process.
pub(crate) async fn inproc(arguments: &Arguments) {
    let rep = bound(arguments).await;
    tokio::spawn(answer(rep));
    ask(arguments).await.print("inproc-req");
}

async fn bound(arguments: &Arguments) -> RepSocket {
    let rep = super::bound(RepSocket::builder(), arguments).build();
    rep.bind(arguments.endpoint.as_str()).await.expect("bind");
    rep
}

async fn answer(mut rep: RepSocket) {
    loop {
        let question = rep.recv().await.expect("recv");
        rep.send(question).await.expect("send");
    }
}

async fn ask(arguments: &Arguments) -> Meter {
    let mut req = super::connected(ReqSocket::builder(), arguments).build();
    req.connect(arguments.endpoint.as_str()).expect("connect");
    let data = arguments.payload(DATA);
    for _ in 0..arguments.count.min(200) {
        check(req.request(&data).await.expect("an answer").first(), &data);
    }
    let mut latencies = Latencies::new();
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        let asked = Instant::now();
        req.send(&data).await.expect("send");
        let answer = req.recv().await.expect("recv");
        latencies.record(asked.elapsed());
        check(answer.first(), &data);
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    latencies.note(&mut meter);
    meter
}
