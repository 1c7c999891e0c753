//! libzmq sockets that ask a ZAP handler, on libzmq too: what it is asked is told, what it answers is given.

use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use zmtp_libzmq::{Context, Opt, Socket, SocketType};

use crate::Zmq;

/// The frames of one request, as a REP sees them: version, request id, domain, address, identity, mechanism,
/// credentials.
pub type Asked = Vec<Vec<u8>>;

impl Zmq {
    /// A socket whose context has a ZAP handler that always gives these frames as its answer; and what it is asked.
    pub fn guarded(kind: SocketType, answer: impl Into<Vec<Vec<u8>>>) -> (Self, UnboundedReceiver<Asked>) {
        let (answer, context) = (answer.into(), Context::new());
        let (tell, asked) = unbounded_channel();
        let (bound, is_bound) = mpsc::channel();
        let its_context = context.clone();
        thread::spawn(move || {
            let handler = Socket::new(&its_context, SocketType::Rep).expect("a socket");
            handler.set_int(Opt::Linger, 0).expect("an option");
            handler.bind("inproc://zeromq.zap.01").expect("nobody else has that name");
            bound.send(()).expect("somebody waits");
            // Until the context is shut down.
            while let Ok(request) = handler.recv() {
                let _ = tell.send(request);
                let frames: Vec<&[u8]> = answer.iter().map(|frame| &frame[..]).collect();
                // A handler that never answers is one that has no frames for it.
                if frames.is_empty() || handler.send(&frames).is_err() {
                    break;
                }
            }
            // Without an answer it stays, so that it is a handler all the same.
            let _ = handler.recv();
        });
        is_bound.recv().expect("it is bound");
        (Self::on(context, kind), asked)
    }
}

/// An answer of RFC 27 with this status and user.
pub fn answer(status: &str, user: &str) -> Vec<Vec<u8>> {
    ["1.0", "1", status, "text", user, ""].map(|frame| frame.as_bytes().to_vec()).to_vec()
}
