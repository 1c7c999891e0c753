//! REQ and REP: how long a round trip takes.

use std::time::Instant;

use zmtp_benches::{Arguments, DATA, Latencies, Meter, Stdin, check, ready};
use zmtp_libzmq::{Context, RawMsg, Socket, SocketType};

use super::{bound, connected};

pub(crate) fn req(context: &Context, arguments: &Arguments) -> Meter {
    let req = connected(context, SocketType::Req, arguments);
    let data = arguments.payload(DATA);
    let mut answer = RawMsg::new();
    let mut ask = || {
        req.send_one(&data).expect("send");
        req.recv_into(&mut answer).expect("recv");
        check(answer.data(), &data);
    };
    (0..arguments.count.min(200)).for_each(|_| ask());
    let mut latencies = Latencies::new();
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        let asked = Instant::now();
        ask();
        latencies.record(asked.elapsed());
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    latencies.note(&mut meter);
    meter
}

pub(crate) fn rep(context: Context, arguments: Arguments, stdin: &Stdin) {
    let rep = bound(&context, SocketType::Rep, &arguments);
    ready();
    let meter = Meter::start();
    std::thread::spawn(move || echo(&rep));
    stdin.wait_over();
    meter.print("rep");
}

pub(crate) fn inproc(context: &Context, arguments: &Arguments) {
    let rep = bound(context, SocketType::Rep, arguments);
    std::thread::spawn(move || echo(&rep));
    req(context, arguments).print("inproc-req");
}

/// Sends back what comes, all frames of it.
pub(crate) fn echo(socket: &Socket) {
    let mut frame = RawMsg::new();
    loop {
        socket.recv_into(&mut frame).expect("recv");
        socket.send_moved(&mut frame).expect("send");
    }
}
