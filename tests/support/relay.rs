//! libzmq's proxy between two bound sockets, on a thread of its own.

use std::thread::{self, JoinHandle};

use zmtp_libzmq::{Context, Error, Socket, SocketType, proxy};

use crate::ANY_PORT;

/// Passes messages on until it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where the front is bound.
    pub front: String,
    /// Where the back is bound.
    pub back: String,
    context: Context,
    thread: Option<JoinHandle<Error>>,
}

impl Relay {
    /// Starts `zmq_proxy` between sockets of these types.
    pub fn start(front: SocketType, back: SocketType) -> Self {
        let context = Context::new();
        let bound = |kind| {
            let socket = Socket::new(&context, kind).expect("a socket");
            let at = socket.bind(ANY_PORT).expect("a free port");
            (socket, at)
        };
        let ((front, front_at), (back, back_at)) = (bound(front), bound(back));
        let thread = thread::spawn(move || proxy(&front, &back));
        Self { front: front_at, back: back_at, context, thread: Some(thread) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.context.shutdown();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(Error::ETERM))) || thread::panicking(), "{ended:?}");
    }
}
