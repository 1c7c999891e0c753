//! The same by libzmq, with its blocking calls.

use std::sync::LazyLock;

use zmtp_benches::keys;
use zmtp_libzmq::{Context, Opt, Socket, SocketType};

use crate::server::{Places, TICK};
use crate::visits::{PATIENCE, PUSHED_BY_VISIT, Visit};

/// Five messages to a ROUTER and back.
pub(crate) fn deal(places: &Places) -> Visit {
    let dealer = connected(SocketType::Dealer, &places.router, false)?;
    for number in 0..5 {
        let question = format!("question {number}");
        dealer.send(&[question.as_bytes()])?;
        let answer = dealer.recv()?;
        if answer != [question.as_bytes()] {
            return Err(format!("{answer:?} came instead of {question}").into());
        }
    }
    Ok(())
}

/// Five questions to a REP, in boxes.
pub(crate) fn ask_in_secret(places: &Places) -> Visit {
    let req = connected(SocketType::Req, &places.rep, true)?;
    for _ in 0..5 {
        req.send(&[b"question"])?;
        let answer = req.recv()?;
        if answer != [b"question"] {
            return Err(format!("{answer:?} came instead of question").into());
        }
    }
    Ok(())
}

/// Messages to a PULL; libzmq sends them in the background.
pub(crate) fn push(places: &Places) -> Visit {
    let push = connected(SocketType::Push, &places.pull, false)?;
    push.set_int(Opt::Linger, -1)?;
    for number in 0..PUSHED_BY_VISIT {
        push.send(&[format!("message {number}").as_bytes()])?;
    }
    Ok(())
}

/// Hears an XPUB tick five times, in boxes.
pub(crate) fn subscribe(places: &Places) -> Visit {
    let sub = connected(SocketType::Sub, &places.xpub, true)?;
    sub.set_bytes(Opt::Subscribe, TICK.as_bytes())?;
    for _ in 0..5 {
        let message = sub.recv()?;
        if message != [TICK.as_bytes()] {
            return Err(format!("{message:?} came, which was not subscribed to").into());
        }
    }
    Ok(())
}

fn connected(kind: SocketType, at: &str, in_secret: bool) -> zmtp_libzmq::Result<Socket> {
    let socket = Socket::new(&CONTEXT, kind)?;
    let patience = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
    socket.set_int(Opt::RcvTimeo, patience)?;
    socket.set_int(Opt::SndTimeo, patience)?;
    if in_secret {
        socket.set_bytes(Opt::CurveServerKey, keys::SERVER.0.as_bytes())?;
        socket.set_bytes(Opt::CurvePublicKey, keys::CLIENT.0.as_bytes())?;
        socket.set_bytes(Opt::CurveSecretKey, keys::CLIENT.1.as_bytes())?;
    }
    socket.connect(at)?;
    Ok(socket)
}

/// One for the whole process. It is never ended: what lingers does so until the process ends.
static CONTEXT: LazyLock<Context> = LazyLock::new(Context::new);
