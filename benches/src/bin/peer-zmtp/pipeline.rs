//! PUSH to PULL: how many messages a second.

use std::time::Instant;

use zmtp::{PullSocket, PushSocket};
use zmtp_benches::{Arguments, DATA, END, Meter, Stdin, WARM, check, ready};

use super::{bound as bound_to, connected, hwm};

pub(crate) async fn push(arguments: &Arguments, stdin: Stdin) {
    let (push, meter) = send_all(arguments).await;
    stdin.over().await;
    meter.print("push");
    drop(push);
}

pub(crate) async fn pull(arguments: &Arguments) {
    let mut pull = bound(arguments).await;
    ready();
    receive_all(&mut pull, arguments).await.print("pull");
}

/// Both in one process.
pub(crate) async fn inproc(arguments: &Arguments) {
    let mut pull = bound(arguments).await;
    let sending = arguments.clone();
    let sender = tokio::spawn(async move { send_all(&sending).await });
    receive_all(&mut pull, arguments).await.print("inproc");
    sender.await.expect("the sender");
}

async fn bound(arguments: &Arguments) -> PullSocket {
    let pull = bound_to(PullSocket::builder().recv_hwm(hwm(arguments)), arguments).build();
    pull.bind(arguments.endpoint.as_str()).await.expect("bind");
    pull
}

async fn send_all(arguments: &Arguments) -> (PushSocket, Meter) {
    let push = connected(PushSocket::builder().send_hwm(hwm(arguments)), arguments).build();
    push.connect(arguments.endpoint.as_str()).expect("connect");
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    push.send(&warm).await.expect("send");
    let meter = Meter::start();
    for _ in 0..arguments.count {
        push.send(&data).await.expect("send");
    }
    push.send(&end).await.expect("send");
    (push, meter)
}

async fn receive_all(pull: &mut PullSocket, arguments: &Arguments) -> Meter {
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    check(pull.recv().await.expect("recv").first(), &warm);
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        let message = pull.recv().await.expect("recv");
        check(message.first(), &data);
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    // Nothing was lost, and nothing came twice.
    check(pull.recv().await.expect("recv").first(), &end);
    meter
}
