//! A socket, whole or as its halves: what the parts of a verb need of either.

use zmtp::{
    BindError, ConnectError, Endpoint, Message, Monitor, Pattern, Receives, RecvError, RecvHalf, SendError,
    SendErrorKind, SendHalf, Sends, Socket, Splits, Unsent,
};

/// What is bound, connected, watched and closed.
pub(crate) trait Open {
    fn monitor(&self) -> Monitor;
    async fn bind(&self, at: &Endpoint) -> Result<Endpoint, BindError>;
    fn connect(&self, to: &Endpoint) -> Result<(), ConnectError>;
    async fn close(self) -> Result<(), Unsent>;
}

/// What sends.
pub(crate) trait Outgoing {
    async fn send(&self, message: Message) -> Result<(), SendError>;
    async fn writable(&self) -> Result<(), SendErrorKind>;
    fn peer_count(&self) -> usize;
    fn set_send_hwm_bytes(&self, octets: usize);
}

/// What receives.
pub(crate) trait Incoming {
    async fn recv(&mut self) -> Result<Message, RecvError>;
    fn try_recv(&mut self) -> Result<Message, RecvError>;
}

macro_rules! open {
    () => {
        fn monitor(&self) -> Monitor {
            self.monitor()
        }

        async fn bind(&self, at: &Endpoint) -> Result<Endpoint, BindError> {
            self.bind(at).await
        }

        fn connect(&self, to: &Endpoint) -> Result<(), ConnectError> {
            self.connect(to)
        }
    };
}

macro_rules! outgoing {
    () => {
        async fn send(&self, message: Message) -> Result<(), SendError> {
            self.send(message).await
        }

        async fn writable(&self) -> Result<(), SendErrorKind> {
            self.writable().await
        }

        fn peer_count(&self) -> usize {
            self.peer_count()
        }

        fn set_send_hwm_bytes(&self, octets: usize) {
            self.set_send_hwm_bytes(octets)
        }
    };
}

macro_rules! incoming {
    () => {
        async fn recv(&mut self) -> Result<Message, RecvError> {
            self.recv().await
        }

        fn try_recv(&mut self) -> Result<Message, RecvError> {
            self.try_recv()
        }
    };
}

impl<P: Pattern> Open for Socket<P> {
    open!();

    async fn close(self) -> Result<(), Unsent> {
        self.close().await
    }
}

impl<P: Splits> Open for SendHalf<P> {
    open!();

    async fn close(self) -> Result<(), Unsent> {
        Self::close(&self).await
    }
}

impl<P: Sends> Outgoing for Socket<P> {
    outgoing!();
}

impl<P: Splits> Outgoing for SendHalf<P> {
    outgoing!();
}

impl<P: Receives> Incoming for Socket<P> {
    incoming!();
}

impl<P: Splits> Incoming for RecvHalf<P> {
    incoming!();
}
