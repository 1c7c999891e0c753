//! The contender `peer-zmtp`: one side of a benchmark, on the plain public API and with default options.
//!
//! Every message is sent with `send(..).await` from a borrowed payload and received with `recv().await`. The one
//! option beside the high-water mark is PUB's `nodrop`, which all contenders set: a benchmark that loses messages
//! measures how fast they are lost.

mod asking;
mod clients;
mod fans;
mod pipeline;
mod publishing;
mod timing;

use zmtp::curve::{KeyPair, PublicKey, SecretKey};
use zmtp::{Authenticator, Builder, Curve, Hwm, Pattern};
use zmtp_benches::{Arguments, Stdin, keys, raise_descriptors};

fn main() {
    let arguments = Arguments::read();
    raise_descriptors();
    arguments.rt.run(play(arguments, Stdin::listen()));
    // Closing is not what is measured.
    std::process::exit(0);
}

async fn play(arguments: Arguments, stdin: Stdin) {
    match arguments.role.as_str() {
        "push" => pipeline::push(&arguments, stdin).await,
        "pull" => pipeline::pull(&arguments).await,
        "inproc" => pipeline::inproc(&arguments).await,
        "req" => asking::req(&arguments).await,
        "rep" => asking::rep(&arguments, stdin).await,
        "inproc-req" => asking::inproc(&arguments).await,
        "dealer" => clients::dealer(&arguments, stdin).await,
        "router" => clients::router(&arguments, stdin).await,
        "pub" => publishing::publish(&arguments, stdin).await,
        "sub" => publishing::subscribe(&arguments).await,
        "fan-pull" => fans::pull_many(&arguments).await,
        "stalled-push" => fans::push_to_some(&arguments, stdin).await,
        "stalled-pull" => fans::pull_but_one(&arguments).await,
        "paced-push" => timing::push(&arguments, stdin, timing::PACE).await,
        "idle-push" => timing::push(&arguments, stdin, timing::IDLE).await,
        "timed-pull" => timing::pull(&arguments).await,
        other => panic!("unknown role {other}"),
    }
}

/// The side that binds is the server of CURVE, if it is spoken.
fn bound<P: Pattern>(builder: Builder<P>, arguments: &Arguments) -> Builder<P> {
    if !arguments.curve {
        return builder;
    }
    builder.security(Curve::server(pair(keys::SERVER.1), Authenticator::keys([key(keys::CLIENT.0)])))
}

/// The side that connects is the client.
fn connected<P: Pattern>(builder: Builder<P>, arguments: &Arguments) -> Builder<P> {
    if !arguments.curve {
        return builder;
    }
    builder.security(Curve::client(pair(keys::CLIENT.1), key(keys::SERVER.0)))
}

fn pair(secret: &str) -> KeyPair {
    secret.parse::<SecretKey>().expect("a key").into()
}

fn key(public: &str) -> PublicKey {
    public.parse().expect("a key")
}

fn hwm(arguments: &Arguments) -> Hwm {
    Hwm::from(arguments.hwm)
}

/// Ten thousand peers of one host may shake hands at once, as with libzmq, which has no limit.
const CROWD: usize = 8 * 10_000;
