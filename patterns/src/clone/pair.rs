//! One of a pair of servers, with the other one at the end of its connections; and the witness of pairs.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use zmtp::{
    Builder, Dealer, DealerSocket, Hwm, Message, PubSocket, RouterEvent, RouterSocket, Sub, SubSocket,
};

use super::place::Place;
use super::state::{self, NodeInput, NodeOutput, PairConfig, ReplicaInput, WitnessInput};
use super::wire::{Beat, Testimony, Update};
use super::wires::Wires;
use crate::Machine;
use crate::clock::now;

/// What makes a server one of a pair.
#[derive(Debug)]
pub struct Paired {
    /// How it goes about it. The number of paths is that of `paths`, and there is a witness if `witness` says so.
    pub config: PairConfig,
    /// Where the other one is. It is followed as any client does.
    pub peer: Place,
    /// The settings of the socket that asks it. Add what the network asks for: security.
    pub control: Builder<Dealer>,
    /// The settings of the socket that follows it.
    pub updates: Builder<Sub>,
    /// By what ways they hear whether the other one is alive: at least one; two should have no network in common.
    pub paths: Vec<Path>,
    /// A witness, connected, and the name by which it knows this pair.
    pub witness: Option<(DealerSocket, Bytes)>,
    /// Who keeps changes that were done here and that the one who decides has not got.
    pub diverged: Option<mpsc::UnboundedSender<Diverged>>,
}

/// Changes that were done here in vain: the one who decides has not got them.
#[derive(Debug)]
pub struct Diverged {
    /// The changes, in their order.
    pub updates: Vec<Update>,
    /// To be dropped when they are kept, or nobody will keep them. Until then the server does nothing, and its store has them.
    pub kept: oneshot::Sender<()>,
}

/// A way between the servers of a pair.
#[derive(Debug)]
pub struct Path {
    /// What this one says: bound.
    pub ours: PubSocket,
    /// What the other one says: connected there, and subscribed to everything.
    pub theirs: SubSocket,
}

impl Paired {
    /// With the settings that the sockets need, one path, and no witness.
    pub fn new(config: PairConfig, peer: Place, path: Path) -> Self {
        let client = super::ClientConfig::default();
        Self {
            config,
            peer,
            control: client.control,
            updates: client.updates,
            paths: vec![path],
            witness: None,
            diverged: None,
        }
    }

    /// The settings of both sockets of a path: of beats only the last ones matter.
    pub fn path() -> (Builder<zmtp::Pub>, Builder<Sub>) {
        let hwm = Hwm::from(BEATS);
        (
            PubSocket::builder().send_hwm(hwm).linger(std::time::Duration::ZERO),
            SubSocket::builder().recv_hwm(hwm),
        )
    }
}

/// The connections of one of a pair, in use.
pub(super) struct Links {
    session: u64,
    peer: Place,
    makes: (Builder<Dealer>, Builder<Sub>),
    wires: Option<Wires>,
    ours: Vec<PubSocket>,
    beats: mpsc::Receiver<(usize, Message)>,
    /// They end with this.
    _listeners: JoinSet<()>,
    lease: std::time::Duration,
    witness: Option<(DealerSocket, Bytes)>,
    diverged: Option<mpsc::UnboundedSender<Diverged>>,
}

impl Links {
    /// And how the machine is to go about it.
    pub(super) fn new(session: u64, paired: Paired) -> (Self, PairConfig) {
        let Paired { config, peer, control, updates, paths, witness, diverged } = paired;
        let config = PairConfig { paths: paths.len(), has_witness: witness.is_some(), ..config };
        let (tell, beats) = mpsc::channel(BEATS);
        let (mut listeners, mut ours) = (JoinSet::new(), Vec::new());
        for (number, Path { ours: socket, mut theirs }) in paths.into_iter().enumerate() {
            ours.push(socket);
            let tell = tell.clone();
            listeners.spawn(async move {
                while let Ok(message) = theirs.recv().await {
                    if tell.send((number, message)).await.is_err() {
                        return;
                    }
                }
            });
        }
        let links = Self {
            session,
            peer,
            makes: (control, updates),
            wires: None,
            ours,
            beats,
            _listeners: listeners,
            lease: config.lease,
            witness,
            diverged,
        };
        (links, config)
    }

    /// What comes next from the other one or the witness. None if a socket was closed.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub(super) async fn next<P>(&mut self) -> Option<NodeInput<P>> {
        tokio::select! {
            Some((path, message)) = self.beats.recv() => {
                Some(NodeInput::Beat(path, Beat::decode(message.into_frames())))
            }
            input = followed(self.wires.as_mut()) => input.map(NodeInput::Replica),
            testimony = testified(self.witness.as_mut()) => testimony,
        }
    }

    /// What has come already.
    pub(super) fn take<P>(&mut self) -> Option<NodeInput<P>> {
        if let Ok((path, message)) = self.beats.try_recv() {
            return Some(NodeInput::Beat(path, Beat::decode(message.into_frames())));
        }
        self.wires.as_mut()?.take().map(NodeInput::Replica)
    }

    /// Does what the machine wants of the other one and the witness.
    pub(super) async fn act<P>(&mut self, output: NodeOutput<P>) {
        match output {
            NodeOutput::Replica(output) => {
                let makes = || {
                    let (control, updates) = self.makes.clone();
                    Wires::new(self.session, vec![self.peer.clone()], control, updates)
                };
                self.wires.get_or_insert_with(makes).act(output);
            }
            NodeOutput::Unfollow => self.wires = None,
            NodeOutput::Beat(number, beat) => {
                for path in &self.ours {
                    // A publisher takes what there is to say.
                    let _ = path.send(beat.encode(self.session, number)).await;
                }
            }
            NodeOutput::Claim(number, version, epoch) => {
                if let Some((witness, pair)) = &self.witness {
                    let claim = Testimony::Claim { pair: pair.clone(), lease: self.lease, version, epoch };
                    // Without a witness there is nobody to hear it, and that is what the machine finds.
                    let _ = witness.try_send(claim.encode(self.session, number));
                }
            }
            NodeOutput::Diverged(updates) => {
                if let Some(diverged) = &self.diverged {
                    let (kept, is_kept) = oneshot::channel();
                    // Whoever had wanted them may have gone.
                    let _ = diverged.send(Diverged { updates, kept });
                    let _ = is_kept.await;
                }
            }
            NodeOutput::Server(_) | NodeOutput::Role(..) => {}
        }
    }
}

async fn followed(wires: Option<&mut Wires>) -> Option<ReplicaInput> {
    match wires {
        Some(wires) => wires.next().await,
        None => std::future::pending().await,
    }
}

async fn testified<P>(witness: Option<&mut (DealerSocket, Bytes)>) -> Option<NodeInput<P>> {
    match witness {
        Some((witness, _)) => {
            let message = witness.recv().await.ok()?;
            Some(NodeInput::Witness(Testimony::decode(message.into_frames())))
        }
        None => std::future::pending().await,
    }
}

/// Serves as the witness of pairs on this socket, which has been bound or will be, until that is closed.
pub async fn witness(mut socket: RouterSocket) {
    let mut machine = state::Witness::new(now());
    let session = fastrand::u64(..);
    while let Ok(event) = socket.recv_event().await {
        let RouterEvent::Message(peer, message) = event else { continue };
        machine.handle(now(), WitnessInput(peer, Testimony::decode(message.into_frames())));
        while let Some((peer, number, testimony)) = machine.poll_output() {
            // It may have gone.
            let _ = socket.send_to(&peer, testimony.encode(session, number));
        }
    }
}

/// Beats that may wait.
const BEATS: usize = 64;
