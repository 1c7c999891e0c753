//! The process that plays all that visit the server: which kinds there are, how often each comes, and how it fared.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use zmtp_benches::say;

use crate::server::Places;
use crate::{attackers, friends, libzmq};

/// How a visit went.
pub(crate) type Visit = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Req,
    SecretReq,
    Push,
    IpcPush,
    Sub,
    Pull,
    ZmqDealer,
    ZmqSecretReq,
    ZmqPush,
    ZmqSecretSub,
    Mute,
    Nonsense,
    TooLarge,
    Reset,
    Half,
    Topics,
    Deaf,
    Stranger,
}

impl Kind {
    async fn visit(self, places: &Arc<Places>) -> Visit {
        let blocking = async |visit: fn(&Places) -> Visit| {
            let places = Arc::clone(places);
            spawn_blocking(move || visit(&places)).await?
        };
        match self {
            Self::Req => friends::ask(places).await,
            Self::SecretReq => friends::ask_in_secret(places).await,
            Self::Push => friends::push(&places.pull).await,
            Self::IpcPush => friends::push(&places.pull_ipc).await,
            Self::Sub => friends::subscribe(places).await,
            Self::Pull => friends::be_dialled(places).await,
            Self::ZmqDealer => blocking(libzmq::deal).await,
            Self::ZmqSecretReq => blocking(libzmq::ask_in_secret).await,
            Self::ZmqPush => blocking(libzmq::push).await,
            Self::ZmqSecretSub => blocking(libzmq::subscribe).await,
            Self::Mute => attackers::be_mute(places).await,
            Self::Nonsense => attackers::talk_nonsense(places).await,
            Self::TooLarge => attackers::claim_too_much(places).await,
            Self::Reset => attackers::be_reset(places).await,
            Self::Half => attackers::say_half(places).await,
            Self::Topics => attackers::subscribe_to_everything(places).await,
            Self::Deaf => attackers::be_deaf(places).await,
            Self::Stranger => friends::be_a_stranger(places).await,
        }
    }

    fn pushes(self) -> bool {
        matches!(self, Self::Push | Self::IpcPush | Self::ZmqPush)
    }
}

/// A kind, what it does, how many come at the same time, and milliseconds between two visits of one of them.
#[rustfmt::skip]
const KINDS: [(Kind, &str, usize, u64); 18] = [
    (Kind::Req,          "REQ of ours asks a ROUTER",                        2, 60),
    (Kind::SecretReq,    "REQ of ours asks a REP, CURVE",                    2, 80),
    (Kind::Push,         "PUSH of ours to a PULL",                           2, 60),
    (Kind::IpcPush,      "PUSH of ours to a PULL, ipc",                      2, 60),
    (Kind::Sub,          "SUB of ours at a PUB, leaves without a word",      2, 40),
    (Kind::Pull,         "PULL of ours that a PUSH dials, ipc",              1, 60),
    (Kind::ZmqDealer,    "DEALER of libzmq at a ROUTER",                     2, 60),
    (Kind::ZmqSecretReq, "REQ of libzmq asks a REP, CURVE",                  1, 80),
    (Kind::ZmqPush,      "PUSH of libzmq to a PULL",                         1, 60),
    (Kind::ZmqSecretSub, "SUB of libzmq at an XPUB, CURVE",                  1, 80),
    (Kind::Mute,         "hostile: mute until the handshake's deadline",     8, 20),
    (Kind::Nonsense,     "hostile: HTTP and nonsense",                       2, 60),
    (Kind::TooLarge,     "hostile: announces too large a message",           2, 60),
    (Kind::Reset,        "hostile: reset in the handshake or after it",      3, 60),
    (Kind::Half,         "hostile: leaves in the middle of a message",       2, 60),
    (Kind::Topics,       "hostile: 300 topics, and leaves",                  2, 100),
    (Kind::Deaf,         "hostile: subscribes and never reads",              3, 20),
    (Kind::Stranger,     "hostile: without the right keys, CURVE",           2, 100),
];

/// How visits of one kind went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) kind: String,
    pub(crate) visits: u64,
    /// Those that did not go as they must.
    pub(crate) failures: u64,
    /// What the first of them said.
    pub(crate) first_failure: Option<String>,
    /// Messages that must arrive at the server's PULL.
    pub(crate) pushed: u64,
}

#[derive(Debug, Default)]
struct Tally {
    visits: AtomicU64,
    failures: AtomicU64,
    first_failure: OnceLock<String>,
}

/// Visits these places until standard input closes. Answers each line with the counts so far, and `stop` when the last
/// visit is over.
pub(crate) fn main(places: &str) {
    let places: Arc<Places> = Arc::new(serde_json::from_str(places).expect("places"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let tallies: Arc<[Tally]> = KINDS.iter().map(|_| Tally::default()).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut visitors = JoinSet::new();
    for (number, (kind, _, at_once, pause)) in KINDS.into_iter().enumerate() {
        for _ in 0..at_once {
            let (places, tallies, is_over) = (places.clone(), tallies.clone(), is_over.clone());
            visitors.spawn_on(
                async move {
                    while !is_over.load(Ordering::Relaxed) {
                        tallies[number].count(timeout(PATIENCE, kind.visit(&places)).await);
                        sleep(Duration::from_millis(fastrand::u64(..2 * pause))).await;
                    }
                },
                runtime.handle(),
            );
        }
    }
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line == "stop" {
            is_over.store(true, Ordering::Relaxed);
            runtime.block_on(async { while visitors.join_next().await.is_some() {} });
        }
        let counts: Vec<Count> = KINDS.iter().zip(&*tallies).map(|(kind, tally)| tally.told(kind)).collect();
        say(&serde_json::to_string(&counts).expect("plain records"));
    }
    runtime.shutdown_background();
}

impl Tally {
    fn count(&self, visit: Result<Visit, tokio::time::error::Elapsed>) {
        let failure = match visit {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("it was not over after {PATIENCE:?}")),
        };
        self.visits.fetch_add(1, Ordering::Relaxed);
        if let Some(failure) = failure {
            self.failures.fetch_add(1, Ordering::Relaxed);
            let _ = self.first_failure.set(failure);
        }
    }

    fn told(&self, (kind, name, _, _): &(Kind, &str, usize, u64)) -> Count {
        let (visits, failures) = (self.visits.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed));
        Count {
            kind: (*name).to_owned(),
            visits,
            failures,
            first_failure: self.first_failure.get().cloned(),
            pushed: if kind.pushes() { (visits - failures) * PUSHED_BY_VISIT } else { 0 },
        }
    }
}

/// How long a visit may take, on however busy a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Messages of one visit to a PULL.
pub(crate) const PUSHED_BY_VISIT: u64 = 20;
