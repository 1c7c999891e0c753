//! The contender `peer-libzmq`: libzmq 4.3.5 with its blocking calls and default settings, one I/O thread. Same
//! command line and same payload policy as `peer-zmtp`: every message is sent from a borrowed payload.

use std::time::Instant;

use zmtp_benches::{Arguments, DATA, Meter, Stdin, WARM, check, ready};
use zmtp_libzmq::{Context, Opt, RawMsg, Socket, SocketType};

fn main() {
    let arguments = Arguments::read();
    match arguments.role.as_str() {
        "push" => {
            let meter = push(&Context::new(), &arguments);
            Stdin::listen().wait_over();
            meter.print("push");
        }
        "pull" => {
            let pull = bound(&Context::new(), &arguments);
            ready();
            receive(&pull, &arguments).print("pull");
        }
        "inproc" => {
            let context = Context::new();
            let pull = bound(&context, &arguments);
            let sending = arguments.clone();
            let sender = std::thread::spawn(move || push(&context, &sending));
            receive(&pull, &arguments).print("inproc");
            sender.join().expect("the sender");
        }
        other => panic!("unknown role {other}; expected push, pull or inproc"),
    }
    // Closing is not what is measured.
    std::process::exit(0);
}

fn socket(context: &Context, kind: SocketType, hwm: Opt, arguments: &Arguments) -> Socket {
    let socket = Socket::new(context, kind).expect("a socket");
    socket.set_int(hwm, arguments.hwm as i32).expect("a high-water mark");
    socket.set_int(Opt::Linger, 30_000).expect("linger");
    socket
}

fn bound(context: &Context, arguments: &Arguments) -> Socket {
    let pull = socket(context, SocketType::Pull, Opt::RcvHwm, arguments);
    pull.bind(&arguments.endpoint).expect("bind");
    pull
}

fn push(context: &Context, arguments: &Arguments) -> Meter {
    let push = socket(context, SocketType::Push, Opt::SndHwm, arguments);
    push.connect(&arguments.endpoint).expect("connect");
    let (warm, data) = (arguments.payload(WARM), arguments.payload(DATA));
    push.send_one(&warm).expect("send");
    let meter = Meter::start();
    for _ in 0..arguments.count {
        push.send_one(&data).expect("send");
    }
    std::mem::forget(push);
    meter
}

fn receive(pull: &Socket, arguments: &Arguments) -> Meter {
    let mut message = RawMsg::new();
    pull.recv_into(&mut message).expect("recv");
    check(message.data(), arguments.size, WARM);
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        pull.recv_into(&mut message).expect("recv");
        check(message.data(), arguments.size, DATA);
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    meter
}
