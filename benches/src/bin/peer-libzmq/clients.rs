//! Many DEALER clients of one echoing ROUTER, each with a window of outstanding requests.

use std::collections::VecDeque;
use std::time::Instant;

use zmtp_benches::{Arguments, DATA, END, Latencies, Meter, Stdin, check, ready};
use zmtp_libzmq::{Context, RawMsg, Socket, SocketType, poll_in};

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
        check(answer.data(), &data);
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
        wait(&sockets, &mut answer, &mut which);
        for (number, socket) in sockets.iter().enumerate().filter(|(number, _)| which[*number]) {
            // A single socket's first answer is there already.
            let mut has_come = sockets.len() == 1;
            while std::mem::take(&mut has_come) || socket.try_recv_into(&mut answer).is_ok() {
                check(answer.data(), &data);
                latencies.record(asked[number].pop_front().expect("it was asked").elapsed());
                left -= 1;
            }
        }
    }
    let ended = Instant::now();
    // Each request had one answer: the next one is that to this.
    let end = arguments.payload(END);
    for socket in &sockets {
        socket.send_one(&end).expect("send");
        socket.recv_into(&mut answer).expect("recv");
        check(answer.data(), &end);
    }
    if each > 0 {
        meter.throughput(each * arguments.peers as u64, arguments.size, ended);
        latencies.note(&mut meter);
    }
    meter.print("dealer");
    if arguments.hold {
        stdin.wait_over();
    }
}

/// Waits until some have something. A single socket is not polled, but asked for its next message.
pub(crate) fn wait(sockets: &[Socket], message: &mut RawMsg, which: &mut Vec<bool>) {
    if let [socket] = sockets {
        socket.recv_into(message).expect("recv");
        which.resize(1, true);
    } else {
        poll_in(sockets, which).expect("poll");
    }
}
