//! `zmtp-peer`: a PUSH or PULL of ours in a process of its own, to be stopped, killed and started again.
//!
//! ```text
//! zmtp-peer push|pull bind|connect ENDPOINT [heartbeat-ivl=MS]
//! ```
//!
//! It speaks on standard input and output as `zmq-peer` does; `event NAME` has the names of our monitor.

use std::io::{self, Write};
use std::time::Duration;

use support::{from_line, to_line};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use zmtp::{Builder, Frame, Heartbeat, Message, Pattern, PullSocket, PushSocket, Socket};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, how, endpoint, options @ ..] = &arguments[..] else {
        panic!("zmtp-peer push|pull bind|connect ENDPOINT [OPTION=VALUE]...")
    };
    let mut lines = BufReader::new(stdin()).lines();
    match kind.as_str() {
        "push" => {
            let push = open(PushSocket::builder(), options, how, endpoint).await;
            while let Some(line) = lines.next_line().await.expect("text") {
                let frames = from_line(&line).into_iter().map(Frame::from).collect::<Vec<_>>();
                push.send(Message::try_from(frames).expect("a frame")).await.expect("a live socket");
            }
        }
        "pull" => {
            let mut pull = open(PullSocket::builder(), options, how, endpoint).await;
            loop {
                tokio::select! {
                    line = lines.next_line() => match line.expect("text") {
                        Some(line) => panic!("{line}: a PULL does not send"),
                        None => break,
                    },
                    message = pull.recv() => {
                        let message = message.expect("a live socket");
                        say(&format!("got {}", to_line(message.frames())));
                    }
                }
            }
        }
        other => panic!("{other}: neither push nor pull"),
    }
}

async fn open<P: Pattern>(builder: Builder<P>, options: &[String], how: &str, endpoint: &str) -> Socket<P> {
    let socket = options.iter().fold(builder, set).build();
    let mut monitor = socket.monitor();
    tokio::spawn(async move {
        while let Some(event) = monitor.next().await {
            say(&format!("event {}", event.name()));
        }
    });
    let at = match how {
        "bind" => socket.bind(endpoint).await.expect("an endpoint that is free").to_string(),
        "connect" => {
            socket.connect(endpoint).expect("an endpoint");
            endpoint.to_owned()
        }
        other => panic!("{other}: neither bind nor connect"),
    };
    say(&format!("at {at}"));
    socket
}

fn set<P: Pattern>(builder: Builder<P>, option: &String) -> Builder<P> {
    match option.split_once('=') {
        Some(("heartbeat-ivl", ms)) => {
            builder.heartbeat(Heartbeat::every(Duration::from_millis(ms.parse().expect("milliseconds"))))
        }
        _ => panic!("{option}: no option that we know"),
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Whoever started us may be gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
