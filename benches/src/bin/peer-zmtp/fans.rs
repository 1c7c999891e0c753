//! PUSH to PULL with many on one side: who gets how much.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;
use zmtp::{PullSocket, PushSocket};
use zmtp_benches::{Arguments, DATA, Meter, Shares, Stdin, check, ready};

use super::{CROWD, hwm};

/// What a crowd of pushers sends.
pub(crate) async fn pull_many(arguments: &Arguments) {
    let mut pull = PullSocket::builder().pending_handshakes(CROWD).recv_hwm(hwm(arguments)).build();
    pull.bind(arguments.endpoint.as_str()).await.expect("bind");
    ready();
    let data = arguments.payload(DATA);
    let mut shares = Shares::new(arguments.peers);
    while !shares.all_there() {
        shares.count(pull.recv().await.expect("recv").first());
    }
    shares.reset();
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        let message = pull.recv().await.expect("recv");
        check(message.first(), &data);
        shares.count(message.first());
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    shares.note(&mut meter);
    meter.print("fan-pull");
}

/// Sends by turns to all that connect, until the end.
pub(crate) async fn push_to_some(arguments: &Arguments, stdin: Stdin) {
    let push = PushSocket::builder().pending_handshakes(CROWD).send_hwm(hwm(arguments)).build();
    push.bind(arguments.endpoint.as_str()).await.expect("bind");
    ready();
    let meter = Meter::start();
    let data = arguments.payload(DATA);
    tokio::spawn(async move {
        loop {
            push.send(&data).await.expect("send");
        }
    });
    stdin.over().await;
    meter.print("stalled-push");
}

/// What the receiving tasks share.
struct Progress {
    shares: Shares,
    meter: Option<Meter>,
    received: u64,
}

/// Receives on all sockets but the first.
pub(crate) async fn pull_but_one(arguments: &Arguments) {
    let progress =
        Arc::new(Mutex::new(Progress { shares: Shares::new(arguments.peers - 1), meter: None, received: 0 }));
    let done = Arc::new(Notify::new());
    let connected = || {
        let pull = PullSocket::builder().recv_hwm(hwm(arguments)).build();
        pull.connect(arguments.endpoint.as_str()).expect("connect");
        pull
    };
    let stalled = connected();
    for number in 0..arguments.peers - 1 {
        let (mut pull, data, count) = (connected(), arguments.payload(DATA), arguments.count);
        let (progress, done) = (Arc::clone(&progress), Arc::clone(&done));
        tokio::spawn(async move {
            loop {
                let message = pull.recv().await.expect("recv");
                check(message.first(), &data);
                let mut progress = progress.lock().expect("nobody panicked");
                progress.shares.add(number);
                progress.received += u64::from(progress.meter.is_some());
                if progress.meter.is_none() && progress.shares.all_there() {
                    progress.meter = Some(Meter::start());
                    progress.shares.reset();
                }
                if progress.received == count {
                    done.notify_one();
                }
            }
        });
    }
    done.notified().await;
    let mut progress = progress.lock().expect("nobody panicked");
    let received = progress.received;
    let mut meter = progress.meter.take().expect("it was started");
    meter.throughput(received, arguments.size, Instant::now());
    progress.shares.note(&mut meter);
    meter.print("stalled-pull");
    drop(stalled);
}
