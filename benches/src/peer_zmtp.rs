//! The contender `peer-zmtp`: one side of a benchmark, on the plain public API.
//!
//! Its command line is the one that all contenders of the comparison share:
//!
//! ```text
//! peer-zmtp push|pull|inproc --endpoint E --size S --count N [--rt ct|mt] [--hwm H]
//! ```
//!
//! The pulling side prints `READY` once it can be connected to. The push side sends one message that begins with
//! `W`, then N that begin with `M`; the pulling side starts its clock at the `W`, checks every message's length and
//! first octet, and prints one JSON line. The push side prints its own line (CPU) when its standard input closes.

mod meter;
mod usage;

use meter::{Arguments, Meter, Runtime, check, ready, wait_for_stdin};
use zmtp::{Hwm, PullSocket, PushSocket};

fn main() {
    let arguments = Arguments::read();
    let runtime = match arguments.rt {
        Runtime::Ct => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        Runtime::Mt => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
    };
    runtime.expect("a runtime").block_on(run(arguments));
    // Closing is not what is measured.
    std::process::exit(0);
}

async fn run(arguments: Arguments) {
    match arguments.role.as_str() {
        "push" => {
            let meter = push(&arguments).await;
            wait_for_stdin().await;
            meter.print("push");
        }
        "pull" => {
            let mut pull = PullSocket::builder().recv_hwm(Hwm::from(arguments.hwm)).build();
            pull.bind(arguments.endpoint.as_str()).await.expect("bind");
            ready();
            receive(&mut pull, &arguments).await.print("pull");
        }
        "inproc" => {
            let mut pull = PullSocket::builder().recv_hwm(Hwm::from(arguments.hwm)).build();
            pull.bind(arguments.endpoint.as_str()).await.expect("bind");
            let sending = arguments.clone();
            let sender = tokio::spawn(async move { push(&sending).await });
            receive(&mut pull, &arguments).await.print("inproc");
            sender.await.expect("the sender");
        }
        other => panic!("unknown role {other}; expected push, pull or inproc"),
    }
}

/// Sends the warm-up message and then `count` messages, each from a borrowed payload.
async fn push(arguments: &Arguments) -> Meter {
    let push = PushSocket::builder().send_hwm(Hwm::from(arguments.hwm)).build();
    push.connect(arguments.endpoint.as_str()).expect("connect");
    let (warm, data) = (arguments.payload(b'W'), arguments.payload(b'M'));
    push.send(&warm[..]).await.expect("send");
    let meter = Meter::start();
    for _ in 0..arguments.count {
        push.send(&data[..]).await.expect("send");
    }
    std::mem::forget(push);
    meter
}

async fn receive(pull: &mut PullSocket, arguments: &Arguments) -> Meter {
    check(pull.recv().await.expect("recv").first(), arguments.size, b'W');
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        check(pull.recv().await.expect("recv").first(), arguments.size, b'M');
    }
    meter.stop(arguments);
    meter
}
