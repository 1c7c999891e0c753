//! How long a message takes from `send` in one process to `recv` in another.

use std::time::{Duration, Instant};

use zmtp::{PullSocket, PushSocket};
use zmtp_benches::{Arguments, Clock, DATA, Latencies, Meter, Pacer, Stdin, WARM, check, ready};

use super::hwm;

/// Ten thousand messages a second.
pub(crate) const PACE: Duration = Duration::from_micros(100);
/// One message after a second of silence.
pub(crate) const IDLE: Duration = Duration::from_secs(1);

pub(crate) async fn push(arguments: &Arguments, stdin: Stdin, every: Duration) {
    let push = PushSocket::builder().send_hwm(hwm(arguments)).build();
    push.connect(arguments.endpoint.as_str()).expect("connect");
    push.send(&arguments.payload(WARM)).await.expect("send");
    let mut data = arguments.payload(DATA);
    let meter = Meter::start();
    let mut pacer = Pacer::start(every, arguments.count);
    while pacer.tick().await {
        Clock::stamp(&mut data);
        push.send(&data).await.expect("send");
    }
    stdin.over().await;
    meter.print("push");
}

pub(crate) async fn pull(arguments: &Arguments) {
    let mut pull = PullSocket::builder().recv_hwm(hwm(arguments)).build();
    pull.bind(arguments.endpoint.as_str()).await.expect("bind");
    ready();
    let (warm, data) = (arguments.payload(WARM), arguments.payload(DATA));
    check(pull.recv().await.expect("recv").first(), &warm);
    let mut latencies = Latencies::new();
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        let message = pull.recv().await.expect("recv");
        latencies.record(Clock::since(message.first()));
        check(message.first(), &data);
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    latencies.note(&mut meter);
    meter.print("timed-pull");
}
