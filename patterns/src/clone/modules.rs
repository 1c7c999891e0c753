//! The modules of one of two systems, with a client of the clone and a clock around them.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::{Client, ClientConfig, WriteError};
use super::place::Place;
use super::session::Session;
use super::state::{Health, Modules, ModulesConfig, ModulesInput, ModulesOutput, Sight};
use super::version::Version;
use super::wire::{Change, Durable, Lasts, To};
use crate::Machine;
use crate::clock::{now, until};

/// Looks after the modules of a system: says when they are to be on, and when off. They are on while the system's own
/// server decides, and never while those of the other system are, as long as whoever switches them does as it is told, and
/// in time.
///
/// ```no_run
/// use zmtp_patterns::clone::{ClientConfig, ModulesConfig, Order, Supervisor, Switch};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let servers = vec!["tcp://10.0.0.1:5556".parse()?, "tcp://10.0.0.2:5556".parse()?];
/// let mut supervisor = Supervisor::start(servers, ClientConfig::default(), ModulesConfig::of("first"));
/// while let Some(switch) = supervisor.next().await {
///     match switch {
///         Switch::On { epoch } => println!("start, in epoch {epoch}"),
///         Switch::Off { by } => {
///             println!("stop, before {by:?}");
///             supervisor.stopped();
///         }
///         Switch::Fence => supervisor.fenced(false),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Supervisor {
    switches: mpsc::UnboundedReceiver<Switch>,
    inputs: mpsc::UnboundedSender<ModulesInput>,
}

/// What is to be done with modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Start them. They follow their own server.
    On {
        /// The epoch in which that decides.
        epoch: u64,
    },
    /// Stop them, and say [`Supervisor::stopped`] when they are off. The first thing that is said.
    Off {
        /// What is not off by then is to be killed: then those of the other system may begin.
        by: Instant,
    },
    /// Make sure that the other system is off, and say [`Supervisor::fenced`]. Only if [`ModulesConfig::can_fence`].
    Fence,
}

impl Supervisor {
    /// Of the system whose server is the one of these that the configuration says.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock, and if its own server is none of these.
    pub fn start(servers: Vec<Place>, client: ClientConfig, config: ModulesConfig) -> Self {
        assert!(config.own < servers.len(), "a system has a server of its own");
        let replica = super::state::ReplicaConfig { prefixes: vec![config.key.clone()], ..client.replica };
        let client = Client::start(servers, ClientConfig { replica, ..client });
        let (say, switches) = mpsc::unbounded_channel();
        let (inputs, told) = mpsc::unbounded_channel();
        let driver = Driver {
            machine: Modules::new(config.clone(), now()),
            key: config.key.clone(),
            ttl: config.ttl,
            client,
            claim: None,
            word: None,
            session: None,
            switches: say,
        };
        tokio::spawn(driver.run(told));
        Self { switches, inputs }
    }

    /// Waits until something is to be done. None when they are off for good, after [`leave`](Self::leave).
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn next(&mut self) -> Option<Switch> {
        self.switches.recv().await
    }

    /// The modules are off.
    pub fn stopped(&self) {
        self.tell(ModulesInput::Stopped);
    }

    /// The other system is off for sure, or that could not be done.
    pub fn fenced(&self, is_done: bool) {
        self.tell(ModulesInput::Fenced(is_done));
    }

    /// They are to be switched off for good.
    pub fn leave(&self) {
        self.tell(ModulesInput::Leave);
    }

    fn tell(&self, input: ModulesInput) {
        // If its task has ended they are off.
        let _ = self.inputs.send(input);
    }
}

/// What is to come of a write.
type Answer<T> = Pin<Box<dyn Future<Output = Result<T, WriteError>> + Send>>;

/// The supervisor's task.
struct Driver {
    machine: Modules,
    key: Bytes,
    ttl: Duration,
    client: Client,
    claim: Option<Answer<(Session, Version)>>,
    word: Option<Answer<Version>>,
    session: Option<Session>,
    switches: mpsc::UnboundedSender<Switch>,
}

impl Driver {
    async fn run(mut self, mut told: mpsc::UnboundedReceiver<ModulesInput>) {
        let mut progress = self.client.progress();
        loop {
            progress.borrow_and_update();
            let sight = self.sight();
            self.machine.handle(now(), ModulesInput::Seen(sight));
            while let Some(output) = self.machine.poll_output() {
                if output == ModulesOutput::Left || !self.act(output).await {
                    return;
                }
            }
            let deadline = self.machine.next_deadline();
            let input = tokio::select! {
                input = told.recv() => match input {
                    Some(input) => input,
                    None => return,
                },
                _ = progress.changed() => continue,
                claimed = answered(self.claim.as_mut()) => self.claimed(claimed.ok()),
                said = answered(self.word.as_mut()) => {
                    self.word = None;
                    ModulesInput::Said(said.is_ok())
                }
                sure = sure(self.session.as_mut()) => ModulesInput::Sure(sure),
                () = until(deadline) => {
                    self.machine.wake(now());
                    continue;
                }
            };
            self.machine.handle(now(), input);
        }
    }

    fn sight(&self) -> Sight {
        let state = self.client.state();
        Sight {
            server: state.server.filter(|_| state.health == Health::Live),
            version: state.version,
            entry: state.tree.get(&self.key).cloned(),
        }
    }

    fn claimed(&mut self, claimed: Option<(Session, Version)>) -> ModulesInput {
        self.claim = None;
        let Some((session, version)) = claimed else { return ModulesInput::Claimed(None) };
        let Some(until) = session.open_until() else { return ModulesInput::Claimed(None) };
        let number = session.number();
        self.session = Some(session);
        ModulesInput::Claimed(Some((version, number, until.into_std())))
    }

    /// Does what is wanted. False if nobody listens any more.
    async fn act(&mut self, output: ModulesOutput) -> bool {
        let switch = match output {
            ModulesOutput::Claim(value, when) => {
                let (client, key, ttl) = (self.client.clone(), self.key.clone(), self.ttl);
                self.claim = Some(Box::pin(async move {
                    let change = |lasts| vec![Change { key, to: To::Value { value, lasts }, when }];
                    client.session_with(ttl, Durable::Server, change).await
                }));
                return true;
            }
            ModulesOutput::Say(value, when) => {
                let (client, key) = (self.client.clone(), self.key.clone());
                let change = Change { key, to: To::Value { value, lasts: Lasts::Forever }, when };
                self.word = Some(Box::pin(async move { client.write(vec![change]).await }));
                return true;
            }
            ModulesOutput::Abandon => {
                if let Some(session) = self.session.take() {
                    // Until it is closed the others wait.
                    let _ = timeout(self.ttl, session.close()).await;
                }
                return true;
            }
            ModulesOutput::Start { epoch } => Switch::On { epoch },
            ModulesOutput::Stop { by } => Switch::Off { by },
            ModulesOutput::Fence => Switch::Fence,
            ModulesOutput::Left => return false,
        };
        self.switches.send(switch).is_ok()
    }
}

async fn answered<T>(answer: Option<&mut Answer<T>>) -> Result<T, WriteError> {
    match answer {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

async fn sure(session: Option<&mut Session>) -> Option<Instant> {
    match session {
        Some(session) => session.changed().await.map(tokio::time::Instant::into_std),
        None => std::future::pending().await,
    }
}
