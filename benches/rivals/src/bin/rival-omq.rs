//! omq-tokio: `--variant plain` is its socket on the caller's runtime, `io` the one on its own I/O thread.

use std::sync::OnceLock;
use std::time::Duration;

use omq::{Context, CurveKeypair, CurvePublicKey, CurveSecretKey, Message, Options, Socket, SocketType};
use zmtp_benches::{Arguments, keys};
use zmtp_rivals::{Kind, Rival, variant};

struct Omq(Socket);

fn make(kind: Kind, arguments: &Arguments) -> Omq {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| if variant() == "io" { Context::new() } else { Context::current() });
    let hwm = arguments.hwm as u32;
    let mut options = Options::default().send_hwm(hwm).recv_hwm(hwm).linger(Duration::from_secs(30));
    options.xpub_nodrop = kind == Kind::Pub;
    if arguments.curve {
        options = match kind {
            // Those that bind.
            Kind::Pull | Kind::Rep | Kind::Pub | Kind::Router => options.curve_server(pair(keys::SERVER)),
            _ => options.curve_client(pair(keys::CLIENT), pair(keys::SERVER).public),
        };
    }
    let kind = match kind {
        Kind::Push => SocketType::Push,
        Kind::Pull => SocketType::Pull,
        Kind::Req => SocketType::Req,
        Kind::Rep => SocketType::Rep,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
    };
    Omq(context.socket(kind, options))
}

fn pair((public, secret): (&str, &str)) -> CurveKeypair {
    let public = CurvePublicKey::from_z85(public).expect("a key");
    CurveKeypair { public, secret: CurveSecretKey::from_z85(secret).expect("a key") }
}

impl Rival for Omq {
    type Message = Message;

    async fn bind(kind: Kind, arguments: &Arguments) -> Self {
        let made = make(kind, arguments);
        made.0.bind(arguments.endpoint.as_str()).await.expect("bind");
        made
    }

    async fn connect(kind: Kind, arguments: &Arguments) -> Self {
        let made = make(kind, arguments);
        made.0.connect(arguments.endpoint.as_str()).await.expect("connect");
        if kind == Kind::Sub {
            made.0.subscribe("").await.expect("subscribe");
        }
        made
    }

    fn message(payload: &[u8]) -> Message {
        Message::from_slice(payload)
    }

    async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("send");
    }

    async fn recv<T>(&mut self, see: impl FnOnce(&[u8]) -> T) -> T {
        let message = self.0.recv().await.expect("recv");
        see(message.get(0).expect("a frame"))
    }

    async fn echo(&mut self) {
        let message = self.0.recv().await.expect("recv");
        self.0.send(message).await.expect("send");
    }
}

fn main() {
    zmtp_rivals::run::<Omq>(&["plain", "io"]);
}
