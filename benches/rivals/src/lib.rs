//! The loops that all rivals run, on whatever socket they bring. They are the same as those of `peer-zmtp`: one `send`
//! and one `recv` per message, each message from a borrowed payload, every message checked.

mod roles;

use tokio::task::LocalSet;
use zmtp_benches::{Arguments, Stdin, raise_descriptors};

/// What a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Push,
    Pull,
    Req,
    Rep,
    Pub,
    Sub,
    Dealer,
    Router,
}

/// A socket of some implementation.
#[allow(async_fn_in_trait, reason = "all futures stay on one thread")]
pub trait Rival: Sized + 'static {
    type Message: 'static;

    /// A bound socket; it says `READY` itself if it can be connected to before this returns.
    async fn bind(kind: Kind, arguments: &Arguments) -> Self;

    async fn connect(kind: Kind, arguments: &Arguments) -> Self;

    /// A message from a borrowed payload.
    fn message(payload: &[u8]) -> Self::Message;

    async fn send(&mut self, message: Self::Message);

    /// Pushes out what an explicit buffering API holds back.
    async fn flush(&mut self) {}

    /// Shows the next message's body.
    async fn recv<T>(&mut self, see: impl FnOnce(&[u8]) -> T) -> T;

    /// Sends the next message back where it came from.
    async fn echo(&mut self);

    /// Binds, and echoes for ever.
    async fn serve(kind: Kind, arguments: &Arguments) {
        let mut socket = Self::bind(kind, arguments).await;
        ready();
        loop {
            socket.echo().await;
        }
    }
}

/// Plays the role of the command line.
pub fn run<R: Rival>(variants: &[&str]) {
    let (variant, arguments) = split(variants);
    VARIANT.set(variant).expect("set once");
    raise_descriptors();
    let mut builder = match VARIANT.get().map(String::as_str) {
        Some("mt") => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, roles::play::<R>(arguments, Stdin::listen()));
    // Closing is not what is measured.
    std::process::exit(0);
}

/// Which way of using the implementation was asked for.
pub fn variant() -> &'static str {
    VARIANT.get().map_or("", String::as_str)
}

/// Tells the runner, once, that this side can be connected to.
pub fn ready() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(zmtp_benches::ready);
}

/// `--variant NAME`, which only rivals have, is taken off the command line.
fn split(variants: &[&str]) -> (String, Arguments) {
    use clap::Parser;
    let mut words: Vec<String> = std::env::args().collect();
    let mut variant = variants.first().map_or_else(String::new, |first| (*first).to_owned());
    if let Some(at) = words.iter().position(|word| word == "--variant") {
        variant = words.remove(at + 1);
        words.remove(at);
    }
    assert!(
        variants.is_empty() || variants.contains(&variant.as_str()),
        "--variant takes one of {variants:?}"
    );
    (variant, Arguments::parse_from(words))
}

static VARIANT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
