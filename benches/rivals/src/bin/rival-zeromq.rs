//! zeromq (zmq.rs): its only API, `send().await` and `recv().await`.

use bytes::Bytes;
use zeromq::{Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};
use zmtp_benches::Arguments;
use zmtp_rivals::{Kind, Rival};

enum Any {
    Push(zeromq::PushSocket),
    Pull(zeromq::PullSocket),
    Req(zeromq::ReqSocket),
    Rep(zeromq::RepSocket),
    Pub(zeromq::PubSocket),
    Sub(zeromq::SubSocket),
    Dealer(zeromq::DealerSocket),
    Router(zeromq::RouterSocket),
}

macro_rules! each {
    ($socket:expr, $x:ident => $e:expr; $($kind:ident),*) => {
        match $socket {
            $(Any::$kind($x) => $e,)*
            #[allow(unreachable_patterns, reason = "some calls are for all types")]
            _ => unreachable!("not with this type"),
        }
    };
}

impl Any {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Push => Self::Push(zeromq::PushSocket::new()),
            Kind::Pull => Self::Pull(zeromq::PullSocket::new()),
            Kind::Req => Self::Req(zeromq::ReqSocket::new()),
            Kind::Rep => Self::Rep(zeromq::RepSocket::new()),
            Kind::Pub => Self::Pub(zeromq::PubSocket::new()),
            Kind::Sub => Self::Sub(zeromq::SubSocket::new()),
            Kind::Dealer => Self::Dealer(zeromq::DealerSocket::new()),
            Kind::Router => Self::Router(zeromq::RouterSocket::new()),
        }
    }

    async fn get(&mut self) -> ZmqMessage {
        each!(self, x => x.recv().await; Pull, Req, Rep, Sub, Dealer, Router).expect("recv")
    }
}

impl Rival for Any {
    type Message = ZmqMessage;

    async fn bind(kind: Kind, arguments: &Arguments) -> Self {
        let mut socket = Self::new(kind);
        let at = &arguments.endpoint;
        each!(&mut socket, x => x.bind(at).await.map(drop); Push, Pull, Req, Rep, Pub, Sub, Dealer, Router)
            .expect("bind");
        socket
    }

    async fn connect(kind: Kind, arguments: &Arguments) -> Self {
        let mut socket = Self::new(kind);
        let to = &arguments.endpoint;
        each!(&mut socket, x => x.connect(to).await; Push, Pull, Req, Rep, Pub, Sub, Dealer, Router)
            .expect("connect");
        if let Self::Sub(sub) = &mut socket {
            sub.subscribe("").await.expect("subscribe");
        }
        socket
    }

    fn message(payload: &[u8]) -> ZmqMessage {
        Bytes::copy_from_slice(payload).into()
    }

    async fn send(&mut self, message: ZmqMessage) {
        each!(self, x => x.send(message).await; Push, Req, Rep, Pub, Dealer, Router).expect("send");
    }

    async fn recv<T>(&mut self, see: impl FnOnce(&[u8]) -> T) -> T {
        let message = self.get().await;
        see(message.get(message.len() - 1).expect("a frame"))
    }

    async fn echo(&mut self) {
        let message = self.get().await;
        self.send(message).await;
    }
}

fn main() {
    zmtp_rivals::run::<Any>(&[]);
}
