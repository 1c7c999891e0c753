//! A server, clients of it, and what is said of them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use zmtp::{Builder, Xpub};
use zmtp_patterns::clone::{
    Change, Client, ClientConfig, Config, Lasts, Place, Server, Sockets, Store, Sums, To, When,
};

/// A server on free ports.
pub(crate) async fn server(config: Config) -> (Server, Place) {
    server_with(Sockets::updates(), config).await
}

/// The same, with these settings for the socket that tells everybody.
pub(crate) async fn server_with(updates: Builder<Xpub>, config: Config) -> (Server, Place) {
    let (sockets, place) = bound(updates).await;
    (Server::start(sockets, config), place)
}

/// The sockets of a server, on free ports.
pub(crate) async fn bound(updates: Builder<Xpub>) -> (Sockets, Place) {
    let sockets = Sockets {
        control: Sockets::control().build(),
        updates: updates.build(),
        changes: Sockets::changes().build(),
        chp: None,
    };
    let place = Place {
        control: sockets.control.bind(ANY).await.unwrap(),
        updates: sockets.updates.bind(ANY).await.unwrap(),
        changes: sockets.changes.bind(ANY).await.unwrap(),
    };
    (sockets, place)
}

/// A server there, with this file if there is one, as soon as the last one lets go of both.
pub(crate) async fn server_again(place: &Place, file: Option<&Path>) -> Server {
    let waiting = timeout(SOON, async {
        loop {
            let store = file.map(Store::open).transpose();
            if let (Ok(store), Ok(sockets)) = (store, Sockets::bind(place).await) {
                return match store {
                    Some(store) => Server::start_with(sockets, Config::default(), store),
                    None => Server::start(sockets, Config::default()),
                };
            }
            tokio::task::yield_now().await;
        }
    });
    waiting.await.expect("there is a server")
}

pub(crate) fn client(place: &Place, prefixes: &[&'static str]) -> Client {
    Client::start(vec![place.clone()], ClientConfig::of(prefixes.iter().copied()))
}

pub(crate) fn set(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Change {
    Change {
        key: key.into(),
        to: To::Value { value: value.into(), lasts: Lasts::Forever },
        when: When::Always,
    }
}

pub(crate) fn sums(client: &Client, prefix: &str) -> Sums {
    client.state().tree.sums(prefix.as_bytes())
}

/// Whether it has exactly what the other has, soon.
pub(crate) async fn agree(one: &Client, other: &Client) {
    let version = one.state().version.max(other.state().version);
    timeout(SOON, async { (one.wait_for(version).await, other.wait_for(version).await) }).await.unwrap();
    assert_eq!(sums(one, ""), sums(other, ""));
}

/// Waits until that is so, and not for ever.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = timeout(SOON, async {
        while !is_so().await {
            sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waiting.await.is_ok(), "not in time: {what}");
}

/// The p-th of a hundred parts of them are no longer.
pub(crate) fn percentile(times: &mut [Duration], p: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * p).div_ceil(100) - 1]
}

pub(crate) const ANY: &str = "tcp://127.0.0.1:*";
/// Whatever takes longer will not happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);
