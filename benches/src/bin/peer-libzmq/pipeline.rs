//! PUSH to PULL: how many messages a second, from one or many to one or many.

use std::time::Instant;

use zmtp_benches::{Arguments, DATA, END, Meter, Shares, Stdin, WARM, check, ready};
use zmtp_libzmq::{Context, RawMsg, Socket, SocketType, poll_in};

use super::{bound, connected};

pub(crate) fn push(context: &Context, arguments: &Arguments, stdin: &Stdin) {
    let (push, meter) = send_all(context, arguments);
    stdin.wait_over();
    meter.print("push");
    std::mem::forget(push);
}

pub(crate) fn pull(context: &Context, arguments: &Arguments) {
    let pull = bound(context, SocketType::Pull, arguments);
    ready();
    receive_all(&pull, arguments).print("pull");
}

pub(crate) fn inproc(context: &Context, arguments: &Arguments) {
    let pull = bound(context, SocketType::Pull, arguments);
    let (sending, its_context) = (arguments.clone(), context.clone());
    let sender = std::thread::spawn(move || send_all(&its_context, &sending));
    receive_all(&pull, arguments).print("inproc");
    std::mem::forget(sender.join().expect("the sender"));
}

fn send_all(context: &Context, arguments: &Arguments) -> (Socket, Meter) {
    let push = connected(context, SocketType::Push, arguments);
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    push.send_one(&warm).expect("send");
    let meter = Meter::start();
    for _ in 0..arguments.count {
        push.send_one(&data).expect("send");
    }
    push.send_one(&end).expect("send");
    (push, meter)
}

fn receive_all(pull: &Socket, arguments: &Arguments) -> Meter {
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    let mut message = RawMsg::new();
    pull.recv_into(&mut message).expect("recv");
    check(message.data(), &warm);
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        pull.recv_into(&mut message).expect("recv");
        check(message.data(), &data);
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    // Nothing was lost, and nothing came twice.
    pull.recv_into(&mut message).expect("recv");
    check(message.data(), &end);
    meter
}

/// What a crowd of pushers sends.
pub(crate) fn fan_pull(context: &Context, arguments: &Arguments) {
    let pull = bound(context, SocketType::Pull, arguments);
    ready();
    let data = arguments.payload(DATA);
    let mut message = RawMsg::new();
    let mut shares = Shares::new(arguments.peers);
    while !shares.all_there() {
        pull.recv_into(&mut message).expect("recv");
        shares.count(message.data());
    }
    shares.reset();
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        pull.recv_into(&mut message).expect("recv");
        check(message.data(), &data);
        shares.count(message.data());
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    shares.note(&mut meter);
    meter.print("fan-pull");
}

/// Sends by turns to all that connect, until the end.
pub(crate) fn stalled_push(context: Context, arguments: Arguments, stdin: &Stdin) {
    let push = bound(&context, SocketType::Push, &arguments);
    ready();
    let meter = Meter::start();
    std::thread::spawn(move || {
        let data = arguments.payload(DATA);
        loop {
            push.send_one(&data).expect("send");
        }
    });
    stdin.wait_over();
    meter.print("stalled-push");
}

/// Receives on all sockets but the first.
pub(crate) fn stalled_pull(context: &Context, arguments: &Arguments) {
    let sockets: Vec<_> =
        (0..arguments.peers).map(|_| connected(context, SocketType::Pull, arguments)).collect();
    let (_stalled, others) = sockets.split_first().expect("--peers");
    let data = arguments.payload(DATA);
    let mut shares = Shares::new(others.len());
    let mut message = RawMsg::new();
    let mut which = Vec::new();
    let (mut meter, mut received) = (None, 0);
    while received < arguments.count {
        poll_in(others, &mut which).expect("poll");
        for (number, socket) in others.iter().enumerate().filter(|(number, _)| which[*number]) {
            for _ in 0..256 {
                if socket.try_recv_into(&mut message).is_err() {
                    break;
                }
                check(message.data(), &data);
                shares.add(number);
                received += u64::from(meter.is_some());
            }
        }
        if meter.is_none() && shares.all_there() {
            meter = Some(Meter::start());
            shares.reset();
        }
    }
    let mut meter = meter.expect("it was started");
    meter.throughput(received, arguments.size, Instant::now());
    shares.note(&mut meter);
    meter.print("stalled-pull");
}
