//! Sockets that do not let everybody in: their mechanism, who decides, and the good peer as a client of libzmq.

use std::sync::Arc;

use support::{Peer, Zmq, command, greeting, ready};
use zmtp::curve::{Client, KeyPair, OsRandom, SecretKey, Session};
use zmtp::{Authenticator, Credentials, Curve, Decision, Denial, Plain, Security};
use zmtp_libzmq::{Opt, SocketType};

/// The security of the attacked socket, which is the server of its mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    Null,
    Plain,
    Curve,
}

impl Guard {
    pub(crate) fn security(self) -> Security {
        match self {
            Self::Null => Security::Null,
            Self::Plain => Plain::server(moody()).into(),
            Self::Curve => {
                let known = [client_keys().public(), other_keys().public()];
                Curve::server(server_keys(), Authenticator::keys(known)).into()
            }
        }
    }

    /// A socket of libzmq that is let in.
    pub(crate) async fn connected(self, kind: SocketType, at: &str) -> Zmq {
        let zmq = self.client(kind).await;
        zmq.connect(at).await;
        zmq
    }

    /// A socket of libzmq that will be let in.
    pub(crate) async fn client(self, kind: SocketType) -> Zmq {
        let zmq = Zmq::new(kind);
        match self {
            Self::Null => {}
            Self::Plain => {
                zmq.set_bytes(Opt::PlainUsername, "good").await;
                zmq.set_bytes(Opt::PlainPassword, "secret").await;
            }
            Self::Curve => {
                zmq.set_bytes(Opt::CurveServerKey, server_keys().public().to_string()).await;
                zmq.set_bytes(Opt::CurvePublicKey, client_keys().public().to_string()).await;
                zmq.set_bytes(Opt::CurveSecretKey, client_keys().secret().to_z85().as_bytes()).await;
            }
        }
        zmq
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Plain => "PLAIN",
            Self::Curve => "CURVE",
        }
    }
}

/// Knows two users and one password, and loses its composure over some names.
fn moody() -> Authenticator {
    Authenticator::new(async |request| {
        let Credentials::Plain { username, password } = request.credentials else { return Decision::DENY };
        match (&username[..], password.reveal()) {
            (b"good", b"secret") => Decision::accept("good"),
            (b"other", b"secret") => Decision::accept("other"),
            (b"panics", _) => panic!("the authenticator is out of order, as the test wants it"),
            (b"waits", _) => std::future::pending().await,
            (b"babbles", _) => Decision::accept("x".repeat(2000)),
            (b"later", _) => Decision::Deny(Denial::ForNow),
            _ => Decision::DENY,
        }
    })
}

/// The pairs of keys that libzmq's manual shows.
pub(crate) fn client_keys() -> KeyPair {
    "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs".parse::<SecretKey>().unwrap().into()
}

pub(crate) fn server_keys() -> KeyPair {
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6".parse::<SecretKey>().unwrap().into()
}

/// Of somebody else who is let in too.
pub(crate) fn other_keys() -> KeyPair {
    SecretKey::from_bytes([7; 32]).into()
}

/// Greeting and HELLO of PLAIN.
pub(crate) fn plain_hello(username: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Vec<u8> {
    let (username, password) = (username.as_ref(), password.as_ref());
    let data = [&[username.len() as u8], username, &[password.len() as u8], password].concat();
    [Vec::from(greeting().mechanism("PLAIN")), command("HELLO", data)].concat()
}

/// A client of CURVE that has said nothing yet, and the body of its HELLO.
pub(crate) fn curve_client() -> (Client, Vec<u8>) {
    curve_client_with(client_keys())
}

/// The same, with these keys.
fn curve_client_with(keys: KeyPair) -> (Client, Vec<u8>) {
    Client::new(Arc::new(keys), server_keys().public(), &mut OsRandom).unwrap()
}

/// Greeting and HELLO of CURVE.
pub(crate) fn curve_hello(hello: &[u8]) -> Vec<u8> {
    [Vec::from(greeting().mechanism("CURVE")), curve_command(hello)].concat()
}

/// A command whose body is at hand.
pub(crate) fn curve_command(body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(len) => [&[4, len], body].concat(),
        Err(_) => [&[6][..], &(body.len() as u64).to_be_bytes(), body].concat(),
    }
}

/// A property list: what stands in a READY behind its header and its name.
pub(crate) fn metadata(socket_type: &str) -> Vec<u8> {
    Vec::from(ready(socket_type)).split_off(8)
}

/// Takes a raw client of CURVE through the handshake.
pub(crate) async fn let_in(peer: &mut Peer, socket_type: &str) -> Session {
    let_in_as(client_keys(), peer, &metadata(socket_type)).await
}

/// The same, with these keys, and what it says of itself.
pub(crate) async fn let_in_as(keys: KeyPair, peer: &mut Peer, metadata: &[u8]) -> Session {
    let (mut client, hello) = curve_client_with(keys);
    peer.send(curve_hello(&hello)).await;
    peer.read(64).await;
    let welcome = peer.frame().await.body;
    let initiate = client.welcome(&welcome, metadata, &mut OsRandom).unwrap();
    peer.send(curve_command(&initiate)).await;
    client.ready(&peer.frame().await.body).unwrap().1
}
