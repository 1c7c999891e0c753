//! How long a message takes from `send` in one process to `recv` in another.

use std::time::{Duration, Instant};

use zmtp_benches::{Arguments, Clock, DATA, Latencies, Meter, Stdin, WARM, check, pace, ready};
use zmtp_libzmq::{Context, RawMsg, SocketType};

use super::{bound, connected};

/// Ten thousand messages a second.
pub(crate) const PACE: Duration = Duration::from_micros(100);
/// One message after a second of silence.
pub(crate) const IDLE: Duration = Duration::from_secs(1);

pub(crate) fn push(context: &Context, arguments: &Arguments, stdin: &Stdin, every: Duration) {
    let push = connected(context, SocketType::Push, arguments);
    push.send_one(&arguments.payload(WARM)).expect("send");
    let mut data = arguments.payload(DATA);
    let meter = Meter::start();
    pace(every, arguments.count, || {
        Clock::stamp(&mut data);
        push.send_one(&data).expect("send");
    });
    stdin.wait_over();
    meter.print("push");
    std::mem::forget(push);
}

pub(crate) fn pull(context: &Context, arguments: &Arguments) {
    let pull = bound(context, SocketType::Pull, arguments);
    ready();
    let mut message = RawMsg::new();
    let (warm, data) = (arguments.payload(WARM), arguments.payload(DATA));
    pull.recv_into(&mut message).expect("recv");
    check(message.data(), &warm);
    let mut latencies = Latencies::new();
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        pull.recv_into(&mut message).expect("recv");
        latencies.record(Clock::since(message.data()));
        check(message.data(), &data);
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    latencies.note(&mut meter);
    meter.print("timed-pull");
}
