//! Sockets of ours that talk and leave. All that they say must arrive, and be answered.

use std::path::Path;

use zmtp::curve::{KeyPair, SecretKey};
use zmtp::{Builder, Cause, Curve, Event, Pattern, PullSocket, PushSocket, ReqSocket, SubSocket};
use zmtp_benches::keys;

use crate::server::{Places, TICK};
use crate::visits::{PUSHED_BY_VISIT, Visit};

/// Five questions to a ROUTER.
pub(crate) async fn ask(places: &Places) -> Visit {
    talk(ReqSocket::new(), &places.router).await
}

/// The same to a REP, in boxes.
pub(crate) async fn ask_in_secret(places: &Places) -> Visit {
    talk(known(ReqSocket::builder()).build(), &places.rep).await
}

async fn talk(mut req: ReqSocket, at: &str) -> Visit {
    req.connect(at)?;
    for number in 0..5 {
        let question = format!("question {number}");
        let answer = req.request(&question).await?;
        if answer != question.as_str() {
            return Err(format!("{answer:?} came instead of {question}").into());
        }
    }
    req.close().await?;
    Ok(())
}

/// Messages to a PULL, over TCP or a path; `close` says that all of them have gone.
pub(crate) async fn push(at: &str) -> Visit {
    let push = PushSocket::new();
    push.connect(at)?;
    for number in 0..PUSHED_BY_VISIT {
        push.send(format!("message {number}")).await?;
    }
    push.close().await?;
    Ok(())
}

/// Hears a PUB tick five times, and leaves without a word.
pub(crate) async fn subscribe(places: &Places) -> Visit {
    let mut sub = SubSocket::builder().subscribe(TICK).build();
    sub.connect(&places.publisher)?;
    for _ in 0..5 {
        let message = sub.recv().await?;
        if message != TICK {
            return Err(format!("{message:?} came, which was not subscribed to").into());
        }
    }
    Ok(())
}

/// Is there for a PUSH that dials, until it has had ten messages.
pub(crate) async fn be_dialled(places: &Places) -> Visit {
    let mut pull = PullSocket::new();
    pull.bind(&places.away).await?;
    for _ in 0..10 {
        pull.recv().await?;
    }
    pull.close().await?;
    let path = places.away.strip_prefix("ipc://").unwrap_or_default();
    if Path::new(path).exists() { Err(format!("{path} is left behind").into()) } else { Ok(()) }
}

/// A client that the server does not know, or that takes it for another: it must not come in.
pub(crate) async fn be_a_stranger(places: &Places) -> Visit {
    let server_key = if fastrand::bool() { keys::SERVER.0.parse()? } else { KeyPair::generate()?.public() };
    let security = Curve::client(KeyPair::generate()?, server_key);
    let req = ReqSocket::builder().security(security).build();
    let mut monitor = req.monitor();
    req.connect(&places.rep)?;
    while let Some(event) = monitor.next().await {
        match event {
            Event::HandshakeFailed { cause: Cause::HandshakeTimeout(_), .. } => {
                return Err("the server let a stranger wait".into());
            }
            Event::HandshakeFailed { .. } => return Ok(()),
            Event::HandshakeSucceeded { .. } => return Err("the server let a stranger in".into()),
            _ => {}
        }
    }
    Err("the monitor ended".into())
}

fn known<P: Pattern>(builder: Builder<P>) -> Builder<P> {
    let client = keys::CLIENT.1.parse::<SecretKey>().expect("a key");
    builder.security(Curve::client(KeyPair::from(client), keys::SERVER.0.parse().expect("a key")))
}
