//! Every future may be dropped, at every await point, ten thousand times: nothing is lost, nothing comes twice,
//! nothing is torn.
//!
//! Each test polls its futures a random number of times under load and drops them, until there were
//! [`DROPS`] of them that had not come to their end. What a dropped future promises stands in
//! `docs/cancel-safety.md`; it is counted out here, message by message.

mod asking;
mod opening;
mod receiving;
mod sending;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use support::within;
use zmtp::{Message, Receives, Sends, Socket};

/// So many futures are dropped in each test before they have come to their end.
const DROPS: usize = 10_000;

/// Sends numbers by futures that are dropped at random, and compares what was said to be sent with what came.
/// Returns it.
async fn storm_of_sends<S: Sends, R: Receives>(
    socket: Socket<S>,
    receiver: Socket<R>,
    message: impl Fn(u64) -> Message,
) -> Vec<u64>
where
    Socket<R>: Send + 'static,
{
    let receiving = tokio::spawn(receive_all(receiver));
    let mut dice = Dice::new();
    let (mut drops, mut sent) = (0, Vec::new());
    for n in 0.. {
        match polled(socket.send(message(n)), dice.roll(3)).await {
            Some(result) => {
                result.unwrap();
                sent.push(n);
            }
            None => drops += 1,
        }
        if drops >= DROPS {
            break;
        }
    }
    within(60, socket.send(message(END))).await.unwrap();

    let (got, _receiver) = within(60, receiving).await.unwrap();
    assert_eq!(got.len(), sent.len());
    assert_eq!(got, sent);
    sent
}

/// Receives by futures that are dropped at random what another task sends.
async fn storm_of_recvs<S: Sends, R: Receives>(socket: Socket<S>, mut receiver: Socket<R>)
where
    Socket<S>: Send + Sync + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send_until(socket, Arc::clone(&stop)));
    let mut dice = Dice::new();
    let (mut drops, mut next) = (0, 0);
    loop {
        let Some(message) = polled(receiver.recv(), dice.roll(3)).await else {
            drops += 1;
            stop.store(drops >= DROPS, Ordering::Relaxed);
            continue;
        };
        let message = message.unwrap();
        // A ROUTER puts an id in front, and an XPUB hears of topics.
        match message.frames().last().map(|frame| frame.to_vec()) {
            Some(last) if last.len() < 8 => continue,
            Some(last) if number(&last) == END => break,
            last => assert_eq!(number(&last.unwrap_or_default()), next),
        }
        next += 1;
    }

    assert_eq!(within(20, sending).await.unwrap(), next);
}

/// Sends numbers until it is told to stop, then [`END`]; returns how many.
async fn send_until<S: Sends>(socket: Socket<S>, stop: Arc<AtomicBool>) -> u64 {
    let mut dice = Dice::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        within(60, socket.send(Message::new("").with(body(n)))).await.unwrap();
        n += 1;
        for _ in 0..dice.roll(3) {
            tokio::task::yield_now().await;
        }
    }
    within(60, socket.send(Message::new("").with(body(END)))).await.unwrap();
    let _ = within(60, socket.close()).await;
    n
}

/// All numbers up to [`END`].
async fn receive_all<R: Receives>(mut receiver: Socket<R>) -> (Vec<u64>, Socket<R>) {
    let mut dice = Dice::new();
    let mut got = Vec::new();
    loop {
        let message = within(60, receiver.recv()).await.unwrap();
        let last = message.frames().last().map(|frame| frame.to_vec()).unwrap_or_default();
        assert!(message.frame_count() >= 2, "torn: {message:?}");
        match number(&last) {
            END => return (got, receiver),
            n => got.push(n),
        }
        for _ in 0..dice.roll(3) {
            tokio::task::yield_now().await;
        }
    }
}

/// Polls a future at most so many times, lets others run in between, and drops it.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// A number as a message carries it: of different lengths, and recognisable when it is torn.
fn body(n: u64) -> Vec<u8> {
    let fill = if n == END { 0 } else { n as usize % 200 };
    [&n.to_be_bytes()[..], &vec![n as u8; fill]].concat()
}

/// The number in [`body`].
fn number(body: &[u8]) -> u64 {
    let (n, fill) = body.split_at(8);
    let n = u64::from_be_bytes(n.try_into().expect("eight octets"));
    assert!(fill.iter().all(|&octet| octet == n as u8), "torn: {}", body.escape_ascii());
    assert_eq!(fill.len(), if n == END { 0 } else { n as usize % 200 }, "torn: {}", body.escape_ascii());
    n
}

/// The last number.
const END: u64 = u64::MAX;

/// The same throws in every run.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// A number from 0 to `most`.
    fn roll(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % (most + 1)
    }
}
