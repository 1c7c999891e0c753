//! rzmq on tokio's multi-thread runtime (`--variant mt`) or the current-thread one (`ct`), with its default options.

use std::sync::OnceLock;

use rzmq::socket::options as o;
use rzmq::{Context, Msg, Socket, SocketType};
use zmtp_benches::{Arguments, keys};
use zmtp_rivals::{Kind, Rival};

struct Rzmq {
    socket: Socket,
    is_router: bool,
}

async fn make(kind: Kind, arguments: &Arguments) -> Rzmq {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| Context::new().expect("a context"));
    let socket = context
        .socket(match kind {
            Kind::Push => SocketType::Push,
            Kind::Pull => SocketType::Pull,
            Kind::Req => SocketType::Req,
            Kind::Rep => SocketType::Rep,
            Kind::Pub => SocketType::Pub,
            Kind::Sub => SocketType::Sub,
            Kind::Dealer => SocketType::Dealer,
            Kind::Router => SocketType::Router,
        })
        .expect("a socket");
    let hwm = arguments.hwm as i32;
    socket.set_option(o::SNDHWM, hwm).await.expect("a mark");
    socket.set_option(o::RCVHWM, hwm).await.expect("a mark");
    if kind == Kind::Pub {
        socket.set_option(o::XPUB_NODROP, 1_i32).await.expect("nodrop");
    }
    if arguments.curve {
        match kind {
            // Those that bind.
            Kind::Pull | Kind::Rep | Kind::Pub | Kind::Router => {
                socket.set_option(o::CURVE_SERVER, true).await.expect("a server");
                socket.set_option_raw(o::CURVE_SECRET_KEY, keys::SERVER.1.as_bytes()).await.expect("a key");
            }
            _ => {
                socket.set_option_raw(o::CURVE_SECRET_KEY, keys::CLIENT.1.as_bytes()).await.expect("a key");
                socket.set_option_raw(o::CURVE_SERVER_KEY, keys::SERVER.0.as_bytes()).await.expect("a key");
            }
        }
    }
    Rzmq { socket, is_router: kind == Kind::Router }
}

impl Rival for Rzmq {
    type Message = Msg;

    async fn bind(kind: Kind, arguments: &Arguments) -> Self {
        let made = make(kind, arguments).await;
        made.socket.bind(&arguments.endpoint).await.expect("bind");
        made
    }

    async fn connect(kind: Kind, arguments: &Arguments) -> Self {
        let made = make(kind, arguments).await;
        if kind == Kind::Sub {
            made.socket.set_option_raw(o::SUBSCRIBE, b"").await.expect("subscribe");
        }
        made.socket.connect(&arguments.endpoint).await.expect("connect");
        made
    }

    fn message(payload: &[u8]) -> Msg {
        Msg::from_vec(payload.to_vec())
    }

    async fn send(&mut self, message: Msg) {
        self.socket.send(message).await.expect("send");
    }

    async fn recv<T>(&mut self, see: impl FnOnce(&[u8]) -> T) -> T {
        let message = self.socket.recv().await.expect("recv");
        see(message.data().unwrap_or_default())
    }

    async fn echo(&mut self) {
        if self.is_router {
            let message = self.socket.recv_multipart().await.expect("recv");
            self.socket.send_multipart(message).await.expect("send");
        } else {
            let message = self.socket.recv().await.expect("recv");
            self.socket.send(message).await.expect("send");
        }
    }
}

fn main() {
    zmtp_rivals::run::<Rzmq>(&["mt", "ct"]);
}
