//! Many clients, each of which asks at random moments and waits for each reply.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use zmtp::{ReqSocket, Security};
use zmtp_patterns::peering::{Client, Place, Resend};

use super::tally::Tally;
use super::task::drawn;

/// Who they are, and what they ask.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) brokers: Vec<Place>,
    pub(crate) security: Security,
    pub(crate) clients: usize,
    /// How often each of them asks in a second, if replies come at once.
    pub(crate) rate: f64,
    /// How many octets a request has.
    pub(crate) size: usize,
    pub(crate) resend: Resend,
    /// The part of them that are plain REQ sockets.
    pub(crate) plain: f64,
    /// The part of them that is made anew each second.
    pub(crate) restart: f64,
}

/// They run until they are told that it is over, or are dropped.
#[derive(Debug)]
pub(crate) struct Crowd {
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
    over: watch::Sender<bool>,
    running: JoinSet<()>,
    clients: Vec<AbortHandle>,
}

impl Crowd {
    pub(crate) fn start(plan: Plan) -> Self {
        let (over, _) = watch::channel(false);
        let tally = Arc::new(Mutex::new(Tally::new()));
        let mut crowd =
            Self { plan: Arc::new(plan), tally, over, running: JoinSet::new(), clients: Vec::new() };
        for number in 0..crowd.plan.clients {
            let client = crowd.client(number);
            crowd.clients.push(client);
        }
        crowd
    }

    fn client(&mut self, number: usize) -> AbortHandle {
        let (plan, tally) = (Arc::clone(&self.plan), Arc::clone(&self.tally));
        let asking = Asking { plan, tally, number, over: self.over.subscribe() };
        self.running.spawn(asking.run())
    }

    /// Closes a part of them, and makes them anew. What they had asked for is withdrawn.
    pub(crate) fn restart_some(&mut self) {
        let some = (self.plan.restart * self.clients.len() as f64).round() as usize;
        for number in fastrand::choose_multiple(0..self.clients.len(), some) {
            self.clients[number].abort();
            self.clients[number] = self.client(number);
        }
        // Those that have ended.
        while self.running.try_join_next().is_some() {}
    }

    /// So far.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing new is asked.
    pub(crate) fn end(&self) {
        self.over.send_replace(true);
    }

    /// Waits until all have what they had asked for, or have given up.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub(crate) async fn ended(&mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

/// One of them.
struct Asking {
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
    number: usize,
    over: watch::Receiver<bool>,
}

impl Asking {
    async fn run(mut self) {
        let place = self.plan.brokers[self.number % self.plan.brokers.len()].clone();
        // Each part of the crowd, and each broker, has as many plain ones.
        let turn = (self.number / self.plan.brokers.len()) as f64;
        let is_plain = ((turn + 1.0) * self.plan.plain).floor() > (turn * self.plan.plain).floor();
        let mut way = if is_plain { Way::Plain(None) } else { Way::None };
        while self.pause().await {
            if matches!(way, Way::None) {
                let Some(client) = self.connected(&place).await else { return };
                way = Way::Client(client);
            }
            let body = self.body();
            self.tally().requests += 1;
            let withdrawn = Withdrawn(Some(Arc::clone(&self.tally)));
            let begun = Instant::now();
            let reply = self.ask(&mut way, &place, body.clone()).await;
            withdrawn.settled();
            let mut tally = self.tally();
            match reply {
                Ok(reply) if reply == [body] => tally.replied(begun.elapsed()),
                Ok(_) => tally.failed("a reply was not its request; see that the workers run with --echo"),
                Err(why) => tally.failed(why),
            }
        }
    }

    /// Waits until it wants to ask. False if it is over.
    async fn pause(&mut self) -> bool {
        let pause = Duration::from_secs_f64((drawn() / self.plan.rate).min(LONGEST));
        tokio::select! {
            biased;
            _ = self.over.wait_for(|over| *over) => false,
            () = sleep(pause) => true,
        }
    }

    /// A client, once its broker is there. None if it is over.
    async fn connected(&mut self, place: &Place) -> Option<Client> {
        let socket = Client::socket().security(self.plan.security.clone()).build();
        // Where it is was looked at before.
        socket.connect(place.clients.clone()).ok()?;
        tokio::select! {
            biased;
            _ = self.over.wait_for(|over| *over) => None,
            there = socket.writable() => there.ok().map(|()| Client::start(socket)),
        }
    }

    /// Its own number, and as many octets as are wanted.
    fn body(&self) -> Bytes {
        let mut body = vec![0; self.plan.size.max(16)];
        body[..8].copy_from_slice(&(self.number as u64).to_be_bytes());
        body[8..16].copy_from_slice(&fastrand::u64(..).to_be_bytes());
        body.into()
    }

    async fn ask(&self, way: &mut Way, place: &Place, body: Bytes) -> Result<Vec<Bytes>, String> {
        let resend = self.plan.resend;
        match way {
            Way::Client(client) => {
                client.request(vec![body], resend).await.map_err(|error| error.to_string())
            }
            Way::Plain(socket) => {
                let asked = async {
                    loop {
                        match timeout(resend.every, self.ask_plainly(socket, place, &body)).await {
                            Ok(Some(reply)) => return reply,
                            // A REQ that waits can do nothing else: it takes another one to ask again.
                            _ => *socket = None,
                        }
                    }
                };
                timeout(resend.within, asked).await.map_err(|_| {
                    *socket = None;
                    "no reply has come in time".to_owned()
                })
            }
            Way::None => Err("there is no client".to_owned()),
        }
    }

    async fn ask_plainly(
        &self,
        socket: &mut Option<Box<ReqSocket>>,
        place: &Place,
        body: &Bytes,
    ) -> Option<Vec<Bytes>> {
        let socket = match socket {
            Some(socket) => socket,
            None => {
                let security = self.plan.security.clone();
                let new = ReqSocket::builder().security(security).linger(Duration::ZERO).build();
                new.connect(place.clients.clone()).ok()?;
                socket.insert(Box::new(new))
            }
        };
        let reply = socket.request(body.clone()).await.ok()?;
        Some(reply.into_frames().map(zmtp::Frame::into_bytes).collect())
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it asks.
enum Way {
    None,
    Client(Client),
    Plain(Option<Box<ReqSocket>>),
}

/// A request that nobody waits for any more, unless it was settled.
struct Withdrawn(Option<Arc<Mutex<Tally>>>);

impl Withdrawn {
    fn settled(mut self) {
        self.0 = None;
    }
}

impl Drop for Withdrawn {
    fn drop(&mut self) {
        if let Some(tally) = &self.0 {
            tally.lock().unwrap_or_else(PoisonError::into_inner).withdrawn += 1;
        }
    }
}

/// Nobody waits longer, in seconds.
const LONGEST: f64 = 1e6;
