//! The fuzz target of whole sockets: users who give up waiting, engines, and streams in memory that somebody slows down,
//! cuts, and puts strangers at the end of.

use std::collections::HashMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::task::yield_now;

use crate::message::Message;
use crate::pattern::{Dealer, Pair, Pull, Push, Receives, Router, Sends};
use crate::security::{Authenticator, Decision, Plain, Security};
use crate::socket::Socket;
use crate::wire::Credentials;

/// Whatever happens to sockets and what connects them: nothing panics, every message arrives whole, none twice, those of
/// one connection in their order, and none that was not accepted for sending. A sender whose connection nobody cut loses
/// nothing. A future that was dropped has sent or taken nothing.
///
/// The first octet says which sockets, with which security, and how much fits into queues and streams. Then come steps: an
/// octet that says what, and one that says who or how much; for strangers what they say.
pub fn operations(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (kind, how) = (first % 4, usize::from(first / 4));
    runtime.block_on(async {
        match kind {
            0 => Play::<Push, Pull>::new(3, how, false).run(data).await,
            1 => Play::<Dealer, Dealer>::new(3, how, false).run(data).await,
            2 => Play::<Dealer, Router>::new(3, how, true).run(data).await,
            _ => Play::<Pair, Pair>::new(1, how, false).run(data).await,
        }
    });
}

/// Senders, and one socket that receives from all of them.
struct Play<S: Sends, R: Receives> {
    senders: Vec<Sender<S>>,
    receiver: Socket<R>,
    /// Whether the receiver puts the name of the sender in front.
    is_named: bool,
    /// Octets that a stream holds.
    stream: usize,
    strangers: Vec<DuplexStream>,
    had_strangers: bool,
    /// The latest message of each sender's each connection.
    latest: HashMap<(u8, u8), u16>,
    received: Vec<u16>,
}

struct Sender<S: Sends> {
    socket: Socket<S>,
    link: Option<Link>,
    /// How many it has had.
    links: u8,
    accepted: u16,
    /// Whether a connection of it ended that might have held messages.
    is_cut: bool,
}

/// A connection, with somebody in the middle.
struct Link {
    ends: [DuplexStream; 2],
    /// What was read at the one end and has found no room at the other.
    carried: [Vec<u8>; 2],
}

impl<S: Sends, R: Receives> Play<S, R> {
    fn new(senders: usize, how: usize, is_named: bool) -> Self {
        let (client, server) = securities(how % 3);
        let (mark, stream) = (how / 3 % 3 + 1, [7, 64, 4096][how / 9 % 3]);
        let sender = |security: &Security| Sender {
            socket: Socket::<S>::builder()
                .security(security.clone())
                .send_hwm(mark)
                .linger(Duration::ZERO)
                .build(),
            link: None,
            links: 0,
            accepted: 0,
            is_cut: false,
        };
        Self {
            senders: (0..senders).map(|_| sender(&client)).collect(),
            receiver: Socket::builder().security(server).recv_hwm(mark).linger(Duration::ZERO).build(),
            is_named,
            stream,
            strangers: Vec::new(),
            had_strangers: false,
            latest: HashMap::new(),
            received: vec![0; senders],
        }
    }

    async fn run(mut self, mut data: &[u8]) {
        let mut steps = 0;
        while let (Some((&[what, how], rest)), true) = (data.split_first_chunk(), steps < 300) {
            data = rest;
            steps += 1;
            let (who, how) = (usize::from(what / 16) % self.senders.len(), usize::from(how));
            match what % 16 {
                0 => self.attach(who),
                1 => self.carry(who, 0, how + 1),
                2 => self.carry(who, 1, how + 1),
                3 | 4 => self.carry_all(),
                5 | 6 => self.send(who, how % 4).await,
                7 => self.try_send(who),
                8 | 9 => self.recv(how % 4).await,
                10 => self.try_recv(),
                11 => self.cut(who, how),
                12 => {
                    let (octets, rest) = data.split_at(how.min(data.len()));
                    data = rest;
                    self.let_in(octets);
                }
                13 => drop(self.strangers.pop()),
                14 => self.evict(how),
                _ => rest_for(how % 16 + 1).await,
            }
            self.check();
        }
        self.finish().await;
    }

    fn attach(&mut self, who: usize) {
        let sender = &mut self.senders[who];
        if sender.link.is_some() || sender.links > 20 {
            return;
        }
        let (near, theirs) = duplex(self.stream);
        let (far, ours) = duplex(self.stream);
        sender.socket.attach(theirs, "inproc://fuzz").expect("a runtime");
        self.receiver.attach(ours, "inproc://fuzz").expect("a runtime");
        sender.link = Some(Link { ends: [near, far], carried: Default::default() });
        sender.links += 1;
    }

    /// Carries octets from one end to the other. 0 is the sender's.
    fn carry(&mut self, who: usize, from: usize, octets: usize) {
        let sender = &mut self.senders[who];
        if sender.link.as_mut().is_some_and(|link| !link.carry(from, octets)) {
            (sender.link, sender.is_cut) = (None, true);
        }
    }

    fn carry_all(&mut self) {
        for who in 0..self.senders.len() {
            self.carry(who, 0, 10_000);
            self.carry(who, 1, 10_000);
        }
    }

    /// Tries to send, and gives up after a while.
    async fn send(&mut self, who: usize, patience: usize) {
        let sender = &mut self.senders[who];
        let message = sender.next(who);
        let sent = patiently(sender.socket.send(message), patience).await;
        sender.accepted += u16::from(sent.is_some_and(|sent| sent.is_ok()));
    }

    fn try_send(&mut self, who: usize) {
        let sender = &mut self.senders[who];
        let message = sender.next(who);
        match sender.socket.try_send(message.clone()) {
            Ok(()) => sender.accepted += 1,
            Err(refused) => assert_eq!(refused.into_message(), message),
        }
    }

    async fn recv(&mut self, patience: usize) {
        if let Some(received) = patiently(self.receiver.recv(), patience).await {
            self.take(received.expect("it is open"));
        }
    }

    fn try_recv(&mut self) {
        if let Ok(message) = self.receiver.try_recv() {
            self.take(message);
        }
    }

    /// It was sent, it is whole, and it comes behind those that were sent before.
    fn take(&mut self, mut message: Message) {
        if self.is_named {
            let mut frames: Vec<_> = message.into_frames().collect();
            frames.remove(0);
            message = frames.try_into().expect("what was sent");
        }
        let Some(&[MARK, who, link, high, low]) = message.first().first_chunk() else {
            assert!(self.had_strangers, "nobody has sent {message:?}");
            return;
        };
        let number = u16::from_be_bytes([high, low]);
        assert_eq!(message, ours(who, link, number));
        let sender = &self.senders[usize::from(who)];
        assert!(number < sender.accepted, "it was not accepted");
        let latest = self.latest.insert((who, link), number);
        assert!(latest.is_none_or(|latest| latest < number), "{number} after {latest:?}");
        let received = &mut self.received[usize::from(who)];
        assert!(sender.is_cut || *received == number, "{number} instead of {received}");
        *received += 1;
    }

    fn cut(&mut self, who: usize, how: usize) {
        let sender = &mut self.senders[who];
        sender.is_cut |= sender.link.is_some();
        if how.is_multiple_of(2) {
            sender.link = None;
        } else if let Some(link) = &mut sender.link {
            // One side finds out before the other.
            link.ends[how / 2 % 2] = duplex(1).0;
        }
    }

    /// A stranger dials and says this.
    fn let_in(&mut self, octets: &[u8]) {
        if self.strangers.len() >= 4 {
            return;
        }
        let (mut stranger, ours) = duplex(1024);
        self.receiver.attach(ours, "inproc://fuzz").expect("a runtime");
        // It cannot say what our senders say.
        let octets: Vec<u8> = octets.iter().map(|octet| if *octet == MARK { 0 } else { *octet }).collect();
        let _ = poll_once(|cx| std::pin::Pin::new(&mut stranger).poll_write(cx, &octets));
        self.strangers.push(stranger);
        self.had_strangers = true;
    }

    fn evict(&mut self, how: usize) {
        let peers = self.receiver.peers();
        if let Some(peer) = how.checked_rem(peers.len()).map(|at| &peers[at]) {
            self.receiver.disconnect_peer(peer.id);
            // Whose it was nobody knows here.
            self.senders.iter_mut().for_each(|sender| sender.is_cut |= sender.links > 0);
        }
    }

    fn check(&self) {
        let links: usize = self.senders.iter().map(|sender| usize::from(sender.links)).sum();
        assert_eq!(self.receiver.peers().len(), self.receiver.peer_count());
        assert!(self.had_strangers || self.receiver.peer_count() <= links);
        for sender in &self.senders {
            assert!(sender.socket.peer_count() <= usize::from(sender.links));
        }
        for (sender, received) in self.senders.iter().zip(&self.received) {
            assert!(*received <= sender.accepted);
        }
    }

    /// Everything arrives that can; then all sockets close.
    async fn finish(mut self) {
        let mut quiet = 0;
        while quiet < 30 {
            let before = self.received.clone();
            self.carry_all();
            rest_for(2).await;
            while let Ok(message) = self.receiver.try_recv() {
                self.take(message);
            }
            quiet = if before == self.received { quiet + 1 } else { 0 };
        }
        for (sender, received) in self.senders.iter().zip(&self.received) {
            assert!(sender.is_cut || sender.accepted == *received, "{received} of {}", sender.accepted);
        }
        // Whoever still writes finds out at once.
        self.senders.iter_mut().for_each(|sender| sender.link = None);
        self.strangers.clear();
        let in_time = Duration::from_secs(10);
        for (sender, received) in self.senders.into_iter().zip(self.received) {
            let closed = tokio::time::timeout(in_time, sender.socket.close()).await.expect("it closes");
            let unsent = closed.err().map_or(0, |unsent| unsent.messages);
            assert!(unsent + usize::from(received) <= usize::from(sender.accepted));
        }
        tokio::time::timeout(in_time, self.receiver.close())
            .await
            .expect("it closes")
            .expect("it sends nothing");
    }
}

impl<S: Sends> Sender<S> {
    fn next(&self, who: usize) -> Message {
        ours(who as u8, self.links, self.accepted)
    }
}

impl Link {
    /// False: it is over.
    fn carry(&mut self, from: usize, octets: usize) -> bool {
        let mut buffer = vec![0; octets];
        let mut read = ReadBuf::new(&mut buffer);
        let carried = &mut self.carried[from];
        if carried.is_empty() {
            let end = &mut self.ends[from];
            match poll_once(|cx| std::pin::Pin::new(&mut *end).poll_read(cx, &mut read)) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => return false,
                Poll::Ready(Ok(())) => carried.extend(read.filled()),
                Poll::Ready(Err(_)) => return false,
                Poll::Pending => return true,
            }
        }
        let end = &mut self.ends[1 - from];
        match poll_once(|cx| std::pin::Pin::new(&mut *end).poll_write(cx, carried)) {
            Poll::Ready(Ok(written)) => drop(carried.drain(..written)),
            Poll::Ready(Err(_)) => return false,
            Poll::Pending => {}
        }
        true
    }
}

fn poll_once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// What comes of a future while all others run so many times.
async fn patiently<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for left in (0..=times).rev() {
        if let Poll::Ready(output) = poll_once(|cx| future.as_mut().poll(cx)) {
            return Some(output);
        }
        rest_for(left.min(1)).await;
    }
    None
}

async fn rest_for(turns: usize) {
    for _ in 0..turns {
        yield_now().await;
    }
}

/// A message whose every octet is known.
fn ours(who: u8, link: u8, number: u16) -> Message {
    let [high, low] = number.to_be_bytes();
    let first = [&[MARK, who, link, high, low][..], &vec![low; usize::from(low) % 5 * 60]].concat();
    match number % 3 {
        0 => Message::from(first),
        1 => Message::new(first).with(""),
        _ => Message::new(first).with(vec![who; 300]).with("end"),
    }
}

/// What the senders use, and what the receiver.
fn securities(number: usize) -> (Security, Security) {
    let admins = Authenticator::new(async |request| match request.credentials {
        Credentials::Plain { username, password } if username == "a" && password.reveal() == b"\xa5" => {
            Decision::accept("a")
        }
        _ => Decision::DENY,
    });
    match number {
        #[cfg(feature = "curve")]
        2 => {
            use crate::curve::{KeyPair, SecretKey};
            use crate::security::Curve;

            let keys = |octet| KeyPair::from(SecretKey::from_bytes([octet; 32]));
            let known = Authenticator::keys([keys(1).public()]);
            (Curve::client(keys(1), keys(2).public()).into(), Curve::server(keys(2), known).into())
        }
        1 => (Plain::client("a", [MARK]).expect("it is short").into(), Plain::server(admins).into()),
        _ => (Security::Null, Security::Null),
    }
}

/// What messages of our senders begin with, and strangers never say.
const MARK: u8 = 0xa5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_done_to_sockets_messages_arrive_whole_in_order_and_once() {
        for seed in 0..200 {
            println!("seed {seed}");
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut data = vec![rng.u8(..)];
            for _ in 0..150 {
                // Seldom what ends connections.
                let what =
                    if rng.u8(..) < 240 { [0, 3, 4, 5, 7, 8, 10, 15][rng.usize(..8)] } else { rng.u8(..16) };
                data.extend([what | rng.u8(..16) << 4, rng.u8(..)]);
            }
            operations(&data);
        }
    }
}
