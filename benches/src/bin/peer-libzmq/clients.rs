//! Many DEALER clients of one echoing ROUTER, each with a window of outstanding requests.

use std::collections::VecDeque;
use std::time::Instant;

use zmtp_benches::{Arguments, DATA, Latencies, Meter, Stdin, check, ready};
use zmtp_libzmq::{Context, RawMsg, SocketType, poll_in};

use super::asking::echo;
use super::{bound, connected};

pub(crate) fn router(context: Context, arguments: Arguments, stdin: &Stdin) {
    let router = bound(&context, SocketType::Router, &arguments);
    ready();
    let meter = Meter::start();
    std::thread::spawn(move || echo(&router));
    stdin.wait_over();
    meter.print("router");
}

pub(crate) fn dealer(context: &Context, arguments: &Arguments, stdin: &Stdin) {
    let start = Instant::now();
    let sockets: Vec<_> =
        (0..arguments.peers).map(|_| connected(context, SocketType::Dealer, arguments)).collect();
    let data = arguments.payload(DATA);
    let mut answer = RawMsg::new();
    sockets.iter().for_each(|socket| socket.send_one(&data).expect("send"));
    for socket in &sockets {
        socket.recv_into(&mut answer).expect("recv");
        check(answer.data(), arguments.size, DATA);
    }
    let mut meter = Meter::start();
    meter.note("setup_s", (meter.start - start).as_secs_f64());
    let each = arguments.count / arguments.peers as u64;
    let mut latencies = Latencies::new();
    let mut asked: Vec<VecDeque<Instant>> = sockets.iter().map(|_| VecDeque::new()).collect();
    let (mut sent, mut which) = (vec![0; sockets.len()], Vec::new());
    let mut left = each * arguments.peers as u64;
    while left > 0 {
        for (number, socket) in sockets.iter().enumerate() {
            while sent[number] < each && asked[number].len() < arguments.window {
                asked[number].push_back(Instant::now());
                socket.send_one(&data).expect("send");
                sent[number] += 1;
            }
        }
        poll_in(&sockets, &mut which).expect("poll");
        for (number, socket) in sockets.iter().enumerate().filter(|(number, _)| which[*number]) {
            while socket.try_recv_into(&mut answer).is_ok() {
                check(answer.data(), arguments.size, DATA);
                latencies.record(asked[number].pop_front().expect("it was asked").elapsed());
                left -= 1;
            }
        }
    }
    if each > 0 {
        meter.throughput(each * arguments.peers as u64, arguments.size, Instant::now());
        latencies.note(&mut meter);
    }
    meter.print("dealer");
    if arguments.hold {
        stdin.wait_over();
    }
}
