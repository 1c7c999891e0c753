//! The contender `peer-libzmq`: libzmq 4.3.5 with its blocking calls and default settings, one I/O thread. Same
//! command line, same payloads and same checks as `peer-zmtp`; where it has several sockets it polls them.

mod asking;
mod clients;
mod pipeline;
mod publishing;
mod timing;

use zmtp_benches::{Arguments, Stdin, keys, raise_descriptors};
use zmtp_libzmq::{Context, ContextOpt, Opt, Socket, SocketType};

fn main() {
    let arguments = Arguments::read();
    raise_descriptors();
    let stdin = Stdin::listen();
    let context = Context::new();
    context.set(ContextOpt::MaxSockets, 20_000).expect("many sockets");
    match arguments.role.as_str() {
        "push" => pipeline::push(&context, &arguments, &stdin),
        "pull" => pipeline::pull(&context, &arguments),
        "inproc" => pipeline::inproc(&context, &arguments),
        "fan-pull" => pipeline::fan_pull(&context, &arguments),
        "stalled-push" => pipeline::stalled_push(context, arguments, &stdin),
        "stalled-pull" => pipeline::stalled_pull(&context, &arguments),
        "req" => asking::req(&context, &arguments).print("req"),
        "rep" => asking::rep(context, arguments, &stdin),
        "inproc-req" => asking::inproc(&context, &arguments),
        "dealer" => clients::dealer(&context, &arguments, &stdin),
        "router" => clients::router(context, arguments, &stdin),
        "pub" => publishing::publish(&context, &arguments, &stdin),
        "sub" => publishing::subscribe(&context, &arguments),
        "paced-push" => timing::push(&context, &arguments, &stdin, timing::PACE),
        "idle-push" => timing::push(&context, &arguments, &stdin, timing::IDLE),
        "timed-pull" => timing::pull(&context, &arguments),
        other => panic!("unknown role {other}"),
    }
    // Closing is not what is measured.
    std::process::exit(0);
}

fn socket(context: &Context, kind: SocketType, arguments: &Arguments) -> Socket {
    let socket = Socket::new(context, kind).expect("a socket");
    let hwm = i32::try_from(arguments.hwm).expect("a mark that libzmq can express");
    socket.set_int(Opt::SndHwm, hwm).expect("a high-water mark");
    socket.set_int(Opt::RcvHwm, hwm).expect("a high-water mark");
    socket.set_int(Opt::Linger, 30_000).expect("linger");
    socket.set_int(Opt::Backlog, 4096).expect("a backlog");
    socket
}

fn bound(context: &Context, kind: SocketType, arguments: &Arguments) -> Socket {
    let socket = socket(context, kind, arguments);
    if arguments.curve {
        socket.set_int(Opt::CurveServer, 1).expect("an option");
        socket.set_bytes(Opt::CurveSecretKey, keys::SERVER.1.as_bytes()).expect("a key");
    }
    socket.bind(&arguments.endpoint).expect("bind");
    socket
}

fn connected(context: &Context, kind: SocketType, arguments: &Arguments) -> Socket {
    let socket = socket(context, kind, arguments);
    if arguments.curve {
        socket.set_bytes(Opt::CurveServerKey, keys::SERVER.0.as_bytes()).expect("a key");
        socket.set_bytes(Opt::CurvePublicKey, keys::CLIENT.0.as_bytes()).expect("a key");
        socket.set_bytes(Opt::CurveSecretKey, keys::CLIENT.1.as_bytes()).expect("a key");
    }
    socket.connect(&arguments.endpoint).expect("connect");
    socket
}
