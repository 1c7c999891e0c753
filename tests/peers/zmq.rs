//! `zmq-peer`: a libzmq socket in a process of its own, to be stopped, killed and started again.
//!
//! ```text
//! zmq-peer TYPE bind|connect ENDPOINT [OPTION=VALUE]...
//! zmq-peer pull bind tcp://127.0.0.1:* rcvhwm=10 heartbeat-ivl=50
//! zmq-peer sub connect tcp://127.0.0.1:5555 subscribe=news
//! ```
//!
//! Options have libzmq's names in lower case with `-`; durations are in milliseconds. It prints one line for each
//! thing that happens: `at ENDPOINT` first (with the real port), `event NAME` for each of libzmq's monitor, and
//! `got FRAME<tab>FRAME...` for each message. Each line on its standard input is a message to send, in the same
//! form: what is not printable stands as `\x00`. At the end of its input it closes the socket, and lingers as long as
//! `linger` says (0 unless set).

use std::io::{self, BufRead, Write};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use support::{from_line, to_line};
use zmtp_libzmq::{Context, Error, Event, Opt, Socket, SocketType};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, how, endpoint, options @ ..] = &arguments[..] else {
        panic!("zmq-peer TYPE bind|connect ENDPOINT [OPTION=VALUE]...")
    };
    let socket = Socket::new(&Context::new(), socket_type(kind)).expect("a socket");
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or_else(|| panic!("{option}: no value"));
        set(&socket, name, value);
    }
    let monitor = socket.monitor().expect("a monitor");
    thread::spawn(move || {
        loop {
            match monitor.next(Duration::from_secs(60)) {
                Ok(event) if event.number == Event::MONITOR_STOPPED => break,
                Ok(event) => say(&format!("event {}", event.name())),
                Err(_) => {}
            }
        }
    });
    let at = match how.as_str() {
        "bind" => socket.bind(endpoint).expect("an endpoint that is free"),
        "connect" => {
            socket.connect(endpoint).expect("an endpoint");
            endpoint.clone()
        }
        other => panic!("{other}: neither bind nor connect"),
    };
    say(&format!("at {at}"));
    serve(&socket);
}

/// Sends what stands on standard input and prints what comes, until the input ends.
fn serve(socket: &Socket) {
    let (lines, input) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let _ = lines.send(line.expect("text"));
        }
    });
    let mut receives = true;
    loop {
        match input.try_recv() {
            Ok(line) => {
                let frames = from_line(&line);
                let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
                socket.send(&frames).expect("a socket that sends");
            }
            Err(TryRecvError::Empty) => thread::sleep(LOOK),
            Err(TryRecvError::Disconnected) => break,
        }
        while receives {
            match socket.try_recv() {
                Ok(frames) => say(&format!("got {}", to_line(&frames))),
                Err(Error::EAGAIN | Error::EFSM) => break,
                // It only sends.
                Err(_) => receives = false,
            }
        }
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Whoever started us may be gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn socket_type(name: &str) -> SocketType {
    match name {
        "pair" => SocketType::Pair,
        "pub" => SocketType::Pub,
        "sub" => SocketType::Sub,
        "req" => SocketType::Req,
        "rep" => SocketType::Rep,
        "dealer" => SocketType::Dealer,
        "router" => SocketType::Router,
        "pull" => SocketType::Pull,
        "push" => SocketType::Push,
        "xpub" => SocketType::Xpub,
        "xsub" => SocketType::Xsub,
        other => panic!("{other}: no type of socket"),
    }
}

fn set(socket: &Socket, name: &str, value: &str) {
    let result = match name {
        "subscribe" => socket.set_bytes(Opt::Subscribe, value.as_bytes()),
        "routing-id" => socket.set_bytes(Opt::RoutingId, value.as_bytes()),
        _ => {
            let value = value.parse().unwrap_or_else(|_| panic!("{name}={value}: not a number"));
            socket.set_int(number(name), value)
        }
    };
    result.unwrap_or_else(|error| panic!("{name}={value}: {error}"));
}

/// The options that are an int.
fn number(name: &str) -> Opt {
    match name {
        "linger" => Opt::Linger,
        "sndhwm" => Opt::SndHwm,
        "rcvhwm" => Opt::RcvHwm,
        "sndbuf" => Opt::SndBuf,
        "rcvbuf" => Opt::RcvBuf,
        "immediate" => Opt::Immediate,
        "conflate" => Opt::Conflate,
        "reconnect-ivl" => Opt::ReconnectIvl,
        "reconnect-ivl-max" => Opt::ReconnectIvlMax,
        "handshake-ivl" => Opt::HandshakeIvl,
        "heartbeat-ivl" => Opt::HeartbeatIvl,
        "heartbeat-ttl" => Opt::HeartbeatTtl,
        "heartbeat-timeout" => Opt::HeartbeatTimeout,
        "router-mandatory" => Opt::RouterMandatory,
        "router-handover" => Opt::RouterHandover,
        "probe-router" => Opt::ProbeRouter,
        "req-relaxed" => Opt::ReqRelaxed,
        "req-correlate" => Opt::ReqCorrelate,
        "xpub-verbose" => Opt::XpubVerbose,
        other => panic!("{other}: no option that we know"),
    }
}

/// Between two looks at input and socket.
const LOOK: Duration = Duration::from_millis(1);
