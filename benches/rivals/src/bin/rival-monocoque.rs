//! monocoque-rs on tokio, over TCP. Its sockets own one connection each: a bound ROUTER or REP is an accept loop with a
//! socket per client. `--variant eager` writes once per send, `coalesce` gathers writes until `flush`.

use bytes::Bytes;
use monocoque::rt::{TcpListener, TcpStream};
use monocoque::zmq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket, SocketOptions,
    SubSocket,
};
use zmtp_benches::{Arguments, keys};
use zmtp_rivals::{Kind, Rival, ready, variant};

enum Any {
    Push(PushSocket),
    Pull(PullSocket),
    Req(ReqSocket),
    Rep(RepSocket),
    Dealer(DealerSocket),
    Router(RouterSocket),
    Pub(PubSocket),
    Sub(SubSocket),
}

struct Monocoque {
    socket: Any,
    frames: Vec<Bytes>,
    coalesces: bool,
}

fn options(kind: Kind, arguments: &Arguments) -> SocketOptions {
    let options = SocketOptions::default()
        .with_recv_hwm(arguments.hwm)
        .with_send_hwm(arguments.hwm)
        .with_write_coalescing(variant() == "coalesce");
    let options = if kind == Kind::Pub { options.with_xpub_nodrop(true) } else { options };
    let pair = |options: SocketOptions, (public, secret)| {
        options.with_curve_keypair(keys::octets(public), keys::octets(secret))
    };
    match kind {
        _ if !arguments.curve => options,
        // Those that bind.
        Kind::Pull | Kind::Rep | Kind::Pub | Kind::Router => {
            pair(options, keys::SERVER).with_curve_server(true)
        }
        _ => pair(options, keys::CLIENT).with_curve_serverkey(keys::octets(keys::SERVER.0)),
    }
}

fn made(socket: Any) -> Monocoque {
    Monocoque { socket, frames: Vec::with_capacity(4), coalesces: variant() == "coalesce" }
}

fn address(arguments: &Arguments) -> &str {
    arguments.endpoint.strip_prefix("tcp://").expect("this contender is measured over tcp")
}

async fn over(kind: Kind, io: TcpStream, options: SocketOptions) -> Any {
    const SHAKEN: &str = "a handshake";
    match kind {
        Kind::Push => Any::Push(PushSocket::from_tcp_with_options(io, options).await.expect(SHAKEN)),
        Kind::Pull => Any::Pull(PullSocket::from_tcp_with_options(io, options).await.expect(SHAKEN)),
        Kind::Req => Any::Req(ReqSocket::from_tcp_with_options(io, options).await.expect(SHAKEN)),
        Kind::Rep => Any::Rep(RepSocket::from_tcp_with_options(io, options).await.expect(SHAKEN)),
        Kind::Dealer => Any::Dealer(DealerSocket::from_tcp_with_options(io, options).await.expect(SHAKEN)),
        Kind::Router => Any::Router(RouterSocket::from_tcp_with_options(io, options).await.expect(SHAKEN)),
        Kind::Sub => {
            let mut sub = SubSocket::from_tcp_with_options(io, options).await.expect(SHAKEN);
            sub.subscribe(b"").await.expect("subscribe");
            Any::Sub(sub)
        }
        Kind::Pub => unreachable!("a PUB is bound"),
    }
}

impl Rival for Monocoque {
    type Message = Bytes;

    async fn bind(kind: Kind, arguments: &Arguments) -> Self {
        let options = options(kind, arguments);
        if kind == Kind::Pub {
            let mut publisher =
                PubSocket::bind_with_options(address(arguments), options).await.expect("bind");
            ready();
            for _ in 0..arguments.peers {
                publisher.accept_subscriber().await.expect("accept");
            }
            return made(Any::Pub(publisher));
        }
        let listener = TcpListener::bind(address(arguments)).await.expect("bind");
        ready();
        let (io, _) = listener.accept().await.expect("accept");
        made(over(kind, io, options).await)
    }

    async fn connect(kind: Kind, arguments: &Arguments) -> Self {
        let io = TcpStream::connect(address(arguments)).await.expect("connect");
        made(over(kind, io, options(kind, arguments)).await)
    }

    fn message(payload: &[u8]) -> Bytes {
        Bytes::copy_from_slice(payload)
    }

    async fn send(&mut self, message: Bytes) {
        match &mut self.socket {
            Any::Push(socket) => socket.send_one(message).await,
            Any::Req(socket) => socket.send_one(message).await,
            Any::Dealer(socket) if self.coalesces => socket.send_buffered(vec![message]),
            Any::Dealer(socket) => socket.send(vec![message]).await,
            Any::Pub(socket) => socket.send_frames(&[message]).await,
            _ => unreachable!("not with this type"),
        }
        .expect("send");
    }

    async fn flush(&mut self) {
        match &mut self.socket {
            Any::Push(socket) => socket.flush().await.expect("flush"),
            Any::Dealer(socket) if self.coalesces => socket.flush().await.expect("flush"),
            _ => {}
        }
    }

    async fn recv<T>(&mut self, see: impl FnOnce(&[u8]) -> T) -> T {
        let frames = &mut self.frames;
        let is_open = match &mut self.socket {
            Any::Pull(socket) => socket.recv_into(frames).await,
            Any::Req(socket) => socket.recv_into(frames).await,
            Any::Dealer(socket) => socket.recv_into(frames).await,
            Any::Sub(socket) => socket.recv_into(frames).await,
            _ => unreachable!("not with this type"),
        };
        assert!(is_open.expect("recv"), "the connection is closed");
        see(frames.last().expect("a frame"))
    }

    async fn echo(&mut self) {
        assert!(self.echo_once().await, "the connection is closed");
    }

    async fn serve(kind: Kind, arguments: &Arguments) {
        let listener = TcpListener::bind(address(arguments)).await.expect("bind");
        ready();
        loop {
            let (io, _) = listener.accept().await.expect("accept");
            let options = options(kind, arguments);
            tokio::task::spawn_local(async move {
                let mut socket = made(over(kind, io, options).await);
                while socket.echo_once().await {}
            });
        }
    }
}

impl Monocoque {
    async fn echo_once(&mut self) -> bool {
        match &mut self.socket {
            Any::Rep(socket) => match socket.recv().await {
                Ok(Some(question)) => socket.send(question).await.is_ok(),
                _ => false,
            },
            Any::Router(socket) => {
                let Ok(Some(question)) = socket.recv().await else { return false };
                if !self.coalesces {
                    return socket.send(question).await.is_ok();
                }
                // What one read has brought is answered with one write.
                socket.send_buffered(question).expect("send");
                while let Ok(true) = socket.try_recv_into(&mut self.frames) {
                    socket.send_buffered(std::mem::take(&mut self.frames)).expect("send");
                }
                socket.flush().await.is_ok()
            }
            _ => unreachable!("not with this type"),
        }
    }
}

fn main() {
    zmtp_rivals::run::<Monocoque>(&["eager", "coalesce"]);
}
