//! A stretch of network in the test's own process, with a weather.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the octets on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Clear,
    /// Everything comes later by so much.
    Slow(Duration),
    /// Nothing comes, and nobody is told. What was on its way comes when the weather changes, as after TCP has sent it
    /// again.
    Silent,
    /// Connections are ended, and new ones refused.
    Cut,
}

/// Passes connections on to one place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    at: SocketAddr,
    weather: Option<watch::Sender<Weather>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// A link to this place, in clear weather.
    pub(crate) fn to(place: &str) -> Self {
        let (weather, seen) = watch::channel(Weather::Clear);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (at, place) = (listener.local_addr().unwrap(), place.to_owned());
        let thread = thread::spawn(move || runtime.block_on(serve(listener, place, seen)));
        Self { at, weather: Some(weather), thread: Some(thread) }
    }

    /// Where to connect to.
    pub(crate) fn at(&self) -> String {
        self.at.to_string()
    }

    pub(crate) fn set(&self, weather: Weather) {
        // It is there until we are dropped.
        let _ = self.weather.as_ref().map(|now| now.send_replace(weather));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.weather = None;
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || thread::panicking());
    }
}

async fn serve(listener: TcpListener, place: String, weather: watch::Receiver<Weather>) {
    let mut end = weather.clone();
    loop {
        let near = tokio::select! {
            _ = end.wait_for(|_| false) => return,
            near = listener.accept() => near,
        };
        if let Ok((near, _)) = near
            && *weather.borrow() != Weather::Cut
        {
            tokio::spawn(pass(near, place.clone(), weather.clone()));
        }
    }
}

/// One connection, until both sides have ended it or it is cut.
async fn pass(near: TcpStream, place: String, mut weather: watch::Receiver<Weather>) {
    // If nobody is there, nobody is here.
    let Ok(far) = TcpStream::connect(place).await else { return };
    let (near, far) = (near.into_split(), far.into_split());
    let (out, back) = (carry(near.0, far.1, weather.clone()), carry(far.0, near.1, weather.clone()));
    tokio::select! {
        _ = weather.wait_for(|weather| *weather == Weather::Cut) => {}
        _ = async { tokio::join!(out, back) } => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let octets = from.read(&mut buffer).await.unwrap_or(0);
        let now = *weather.borrow();
        if let Weather::Slow(time) = now {
            tokio::time::sleep(time).await;
        }
        if weather.wait_for(|weather| *weather != Weather::Silent).await.is_err() {
            return;
        }
        // The end of one side is the end of the other, and comes as late as what was said before.
        if octets == 0 || to.write_all(&buffer[..octets]).await.is_err() {
            let _ = to.shutdown().await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// A relay, and the two ends of a connection through it.
    fn connected() -> (Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::to(&listener.local_addr().unwrap().to_string());
        let near = TcpStream::connect(relay.at()).unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        (relay, near, far)
    }

    #[test]
    fn in_silence_nothing_comes_until_it_is_over_and_nothing_is_lost() {
        let (relay, mut near, mut far) = connected();
        let mut two = [0; 2];
        near.write_all(b"ab").unwrap();
        far.read_exact(&mut two).unwrap();
        relay.set(Weather::Silent);
        near.write_all(b"cd").unwrap();
        assert!(far.read(&mut two).is_err());
        relay.set(Weather::Clear);
        far.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"cd");
    }

    #[test]
    fn what_is_slow_comes_late() {
        let (relay, mut near, mut far) = connected();
        relay.set(Weather::Slow(Duration::from_millis(200)));
        let begun = std::time::Instant::now();
        near.write_all(b"ab").unwrap();
        far.read_exact(&mut [0; 2]).unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn a_cut_ends_both_sides_and_refuses_newcomers() {
        let (relay, mut near, mut far) = connected();
        relay.set(Weather::Cut);
        let mut one = [0; 1];
        far.set_read_timeout(None).unwrap();
        assert_eq!((near.read(&mut one).unwrap(), far.read(&mut one).unwrap()), (0, 0));
        let mut late = TcpStream::connect(relay.at()).unwrap();
        assert!(late.read(&mut one).is_ok_and(|octets| octets == 0));
    }
}
