//! A server that may be one of a pair: it is the [`Server`] that decides, or has a [`Replica`] of what the other one has.
//! Pure; [`Machine`] says how it is driven.
//!
//! ```text
//!            ┌── Node ─────────────────────────────────────┐
//! clients ◄──┤ Server   hails, and turns away unless it    │
//!            │    ▲     decides                            │
//!            │  Stock   goes from the one to the other     │
//!            │    ▼                                        │
//!            │ Replica  follows, as any client does        ├──► the other one's Server
//!            │                                             │
//!            │ Pair     which of them                      ├──► the other one's Pair, the witness
//!            └─────────────────────────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use super::pair::{Decision, Own, Pair, PairConfig};
use super::record::{Held, Record};
use super::replica::{Health, News, Replica, ReplicaConfig, ReplicaInput, ReplicaOutput};
use super::server::{Config, Counters, Input, Output, Server, Status};
use super::stock::Stock;
use crate::Machine;
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{Beat, Command, Order, Report, Role, Standing, Testimony, Update};
use crate::wire::{Header, Malformed};

/// What can happen to a node. `P` names a connection to its ROUTER.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the large one is the one that comes, and is moved once")]
pub enum NodeInput<P> {
    /// To its server.
    Server(Input<P>),
    /// To its replica.
    Replica(ReplicaInput),
    /// The other one of the pair has said something, by this path.
    Beat(usize, Result<(Header, Beat), Malformed>),
    /// The witness has.
    Witness(Result<(Header, Testimony), Malformed>),
}

/// What a node wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeOutput<P> {
    /// What its server wants done.
    Server(Output<P>),
    /// What its replica wants done.
    Replica(ReplicaOutput),
    /// There is no replica any more: drop its connections.
    Unfollow,
    /// Say this to the other one, with this number, on all paths.
    Beat(u64, Beat),
    /// Claim it from the witness, with this number, this as the last change, and for this epoch.
    Claim(u64, Version, u64),
    /// It is this now, with everything up to there.
    Role(Role, Version),
    /// These changes were done here, and the one who decides has not got them. What is to be recorded next lets go of them.
    Diverged(Vec<Update>),
}

/// How one of a pair is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// What it is.
    pub role: Role,
    /// What the other one was when it was heard last. None if it is silent.
    pub peer: Option<Role>,
    /// Which of the paths between them are alive.
    pub paths: Vec<bool>,
    /// How many changes the standby lacks, if there is one.
    pub lag: Option<u64>,
    /// Whether the other one says to be what this one is: both primary, or both not.
    pub has_twin: bool,
}

/// The node.
#[derive(Debug)]
pub struct Node<P> {
    config: Config,
    server: Server<P>,
    pair: Option<Paired>,
    output: VecDeque<NodeOutput<P>>,
}

#[derive(Debug)]
struct Paired {
    pair: Pair,
    replica: Option<Replica>,
    /// What neither server nor replica has.
    stock: Option<Stock>,
    /// What was done here and is not in the history of the one who decides, if that one tells everything.
    in_vain: Vec<Update>,
    /// The epoch in which it is to decide, once that is written down: in so many records.
    promised: Option<(u64, u64)>,
    /// The version that so many records stand for.
    recorded: VecDeque<(u64, Version)>,
    /// Where epochs have ended, as it is written down.
    ends: Vec<Version>,
    safe: Version,
    seeds: fastrand::Rng,
}

impl<P: Clone + Eq + Hash + Debug> Node<P> {
    /// A server by itself: [`Server::new`].
    pub fn alone(config: Config, held: Held, epoch: u64, now: Instant) -> Self {
        let server = Server::new(config.clone(), held, epoch, now);
        Self { config, server, pair: None, output: VecDeque::new() }
    }

    /// One of a pair, with what was written down. `session` is the one that its beats have. It begins a later epoch than
    /// this, if it begins one.
    pub fn paired(
        config: Config,
        pair: PairConfig,
        held: Held,
        session: u64,
        epoch: u64,
        now: Instant,
    ) -> Self {
        let epoch = epoch.max(held.epoch).max(held.version.epoch);
        let version = held.version;
        let paired = Paired {
            pair: Pair::new(pair, session, epoch, held.ends.clone(), now),
            ends: held.ends.clone(),
            replica: None,
            stock: Some(Stock::new(held, config.log, config.log_bytes, now)),
            in_vain: Vec::new(),
            promised: None,
            recorded: VecDeque::new(),
            safe: version,
            seeds: fastrand::Rng::with_seed(session),
        };
        let mut server = Server::idle(config.clone(), now);
        server.stand(Standing::Vacant, version);
        let mut node = Self { config, server, pair: Some(paired), output: VecDeque::new() };
        node.settle(now);
        node
    }

    /// All that there is, as it is now.
    pub fn tree(&self) -> &Tree {
        let paired = self.pair.as_ref();
        let replica = paired.and_then(|paired| paired.replica.as_ref().map(Replica::tree));
        let stock = paired.and_then(|paired| paired.stock.as_ref().map(|stock| &stock.tree));
        replica.or(stock).unwrap_or(self.server.tree())
    }

    /// The last change that it has.
    pub fn version(&self) -> Version {
        let paired = self.pair.as_ref();
        let replica = paired.and_then(|paired| paired.replica.as_ref().map(Replica::version));
        let stock = paired.and_then(|paired| paired.stock.as_ref().map(|stock| stock.version));
        replica.or(stock).unwrap_or(self.server.version())
    }

    /// What it is. A server by itself is active.
    pub fn role(&self) -> Role {
        self.pair.as_ref().map_or(Role::Active, |paired| paired.pair.role())
    }

    /// How things are.
    pub fn status(&self) -> Status {
        let node = self.pair.as_ref().map(|Paired { pair, .. }| NodeStatus {
            role: pair.role(),
            peer: pair.peer().map(|peer| peer.role),
            paths: pair.paths().collect(),
            lag: pair.standby().map(|has| self.version().seq.saturating_sub(has.seq)),
            has_twin: pair.has_twin(),
        });
        Status { version: self.version(), keys: self.tree().len(), node, ..self.server.status() }
    }

    fn report(&self) -> Report {
        let status = self.status();
        let node = status.node.as_ref();
        let Counters { written, conflicts, refused, repeated, early, expired, snapshots, deltas, .. } =
            status.counters;
        let figures = [
            ("keys", status.keys),
            ("bytes", status.bytes),
            ("clients", status.clients as u64),
            ("writers", status.writers as u64),
            ("written", written),
            ("conflicts", conflicts),
            ("refused", refused),
            ("repeated", repeated),
            ("early", early),
            ("expired", expired),
            ("snapshots", snapshots),
            ("deltas", deltas),
            ("waits", status.counters.waits),
            ("gone", status.counters.gone),
            ("malformed", status.counters.malformed),
        ];
        let lag = node.and_then(|node| node.lag).map(|lag| ("lag", lag));
        let twin = node.filter(|node| node.has_twin).map(|_| ("twin", 1));
        Report {
            version: status.version,
            role: self.role(),
            is_paired: node.is_some(),
            peer: node.and_then(|node| node.peer),
            paths: node.map(|node| node.paths.clone()).unwrap_or_default(),
            figures: figures
                .into_iter()
                .chain(lag)
                .chain(twin)
                .map(|(name, it)| (name.to_owned(), it))
                .collect(),
        }
    }

    /// Does what an operator wants, or says that it cannot be done now.
    pub fn order(&mut self, now: Instant, order: Order) -> bool {
        let is_done = self.pair.as_mut().is_some_and(|paired| paired.pair.order(now, order));
        self.settle(now);
        is_done
    }

    /// Lets all parts hear of what the others do, until there is nothing new.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.server.poll_output() {
                match (output, &mut self.pair) {
                    (Output::Asked(version), Some(paired)) => paired.pair.asked(now, version),
                    (Output::Outrun(version), Some(paired)) => paired.pair.outrun(now, version),
                    (output, _) => self.output.push_back(NodeOutput::Server(output)),
                }
            }
            let version = self.version();
            let Some(paired) = &mut self.pair else { return };
            paired.keep(&mut self.server, &mut self.output);
            paired.promise(&mut self.server, now);
            let is_live = paired.replica.as_ref().is_some_and(|it| it.health() == Health::Live);
            let safe = if self.config.store { paired.safe } else { version };
            paired.pair.update(now, Own { version, safe, is_live });
            let Some(decision) = paired.pair.poll() else { break };
            match decision {
                Decision::Beat(number, beat) => self.output.push_back(NodeOutput::Beat(number, beat)),
                Decision::Claim(number, version, epoch) => {
                    self.output.push_back(NodeOutput::Claim(number, version, epoch));
                }
                Decision::Stand(standing) if standing != Standing::Active => {
                    if self.server.standing() != Standing::Active {
                        self.server.stand(standing, version);
                    }
                }
                Decision::Stand(_) => {}
                Decision::Become(role, epoch) => self.become_(now, role, epoch),
            }
        }
        let Some(paired) = &self.pair else { return };
        if self.server.standing() == Standing::Active {
            self.server.confirmed(paired.pair.standby());
        }
        while let Some(output) = self.server.poll_output() {
            self.output.push_back(NodeOutput::Server(output));
        }
    }

    fn become_(&mut self, now: Instant, role: Role, epoch: u64) {
        let version = self.version();
        let Some(paired) = &mut self.pair else { return };
        match role {
            Role::Syncing if paired.replica.is_none() => {
                let stock = paired.stock.take();
                let stock = stock.unwrap_or_else(|| self.server.end(now, Standing::Passive));
                let common = paired.pair.parting(stock.version);
                paired.in_vain = common.map(|common| stock.beyond(common)).unwrap_or_default();
                let seed = paired.seeds.u64(..);
                paired.replica = Some(Replica::standby(ReplicaConfig::default(), seed, now, stock));
            }
            Role::Syncing | Role::Standby | Role::Starting => {}
            Role::Promoting => {
                if let Some(replica) = paired.replica.take() {
                    paired.stock = Some(replica.into_stock());
                    self.output.push_back(NodeOutput::Unfollow);
                }
                paired.ends = paired.pair.ends().to_vec();
                self.server.record(Record::Epoch(epoch, paired.ends.clone()));
                paired.promised = Some((epoch, self.server.recorded()));
            }
            Role::Active => {
                if let Some(stock) = paired.stock.take() {
                    self.server.begin(now, stock, epoch);
                }
            }
            Role::Leaving | Role::Fenced => {
                paired.promised = None;
                if self.server.standing() == Standing::Active {
                    paired.stock = Some(self.server.end(now, paired.pair.standing()));
                }
            }
        }
        self.output.push_back(NodeOutput::Role(role, version));
    }
}

impl Paired {
    /// What the replica says; and what it has goes onto the disk.
    fn keep<P: Clone + Eq + Hash + Debug>(
        &mut self,
        server: &mut Server<P>,
        output: &mut VecDeque<NodeOutput<P>>,
    ) {
        let Some(replica) = &mut self.replica else { return };
        if self.pair.ends() != self.ends {
            self.ends = self.pair.ends().to_vec();
            server.record(Record::Epoch(self.pair.epoch(), self.ends.clone()));
        }
        while let Some(said) = replica.poll_output() {
            match said {
                ReplicaOutput::News(News::Changed(updates)) => server.record(Record::Batch(updates)),
                ReplicaOutput::News(News::Resync { .. }) => {
                    // Before the store lets go of it.
                    let in_vain = std::mem::take(&mut self.in_vain);
                    if !in_vain.is_empty() {
                        output.push_back(NodeOutput::Diverged(in_vain));
                    }
                    server.record(Record::Whole(replica.stock().held(self.pair.epoch(), &self.ends)));
                }
                ReplicaOutput::News(News::Health(_)) => {}
                said => output.push_back(NodeOutput::Replica(said)),
            }
        }
        let version = replica.version();
        if self.recorded.back().map_or(self.safe, |(_, version)| *version) != version {
            self.recorded.push_back((server.recorded(), version));
        }
        while let Some((_, version)) = self.recorded.pop_front_if(|(records, _)| *records <= server.synced())
        {
            self.safe = version;
        }
    }

    /// Begins to decide once it is written down that it does.
    fn promise<P: Clone + Eq + Hash + Debug>(&mut self, server: &mut Server<P>, now: Instant) {
        if self.promised.take_if(|(_, records)| *records <= server.synced()).is_some() {
            self.pair.promoted(now);
        }
    }
}

impl<P: Clone + Eq + Hash + Debug> Machine for Node<P> {
    type Input = NodeInput<P>;
    type Output = NodeOutput<P>;

    fn handle(&mut self, now: Instant, input: NodeInput<P>) {
        if let Some(paired) = &mut self.pair {
            // What it may not do any more it does not do, whatever else has come.
            paired.pair.check(now);
            self.settle(now);
        }
        match (input, &mut self.pair) {
            (NodeInput::Server(Input::Heard(peer, Ok((_, Command::Ask)))), _) => {
                let report = self.report();
                self.server.say(&peer, Command::Told { report });
            }
            (NodeInput::Server(Input::Heard(peer, Ok((_, Command::Order { order })))), _) => {
                let done = self.order(now, order);
                self.server.say(&peer, Command::Obeyed { done });
            }
            (NodeInput::Server(input), _) => self.server.handle(now, input),
            (NodeInput::Replica(input), Some(Paired { pair, replica: Some(replica), .. })) => {
                if matches!(input, ReplicaInput::Published(Ok(_))) {
                    pair.followed();
                }
                replica.handle(now, input);
            }
            (NodeInput::Beat(path, Ok((header, beat))), Some(Paired { pair, .. })) => {
                pair.heard(now, path, (header.session, header.number), beat);
            }
            (
                NodeInput::Witness(Ok((_, Testimony::Granted { claim, latest, epoch }))),
                Some(Paired { pair, .. }),
            ) => {
                pair.granted(now, claim, latest, epoch);
            }
            (NodeInput::Beat(_, Err(_)) | NodeInput::Witness(Err(_)), _) => self.server.count_malformed(),
            _ => {}
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        if let Some(paired) = &mut self.pair {
            paired.pair.wake(now);
            if let Some(replica) = &mut paired.replica {
                replica.wake(now);
            }
            self.settle(now);
        }
        self.server.wake(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<NodeOutput<P>> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let paired = self.pair.as_ref();
        let pair = paired.map(|paired| paired.pair.next_deadline());
        let replica = paired.and_then(|paired| paired.replica.as_ref()?.next_deadline());
        [pair, replica, self.server.next_deadline()].into_iter().flatten().min()
    }
}
