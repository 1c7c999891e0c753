//! Which of two servers decides. Not: who is alive, but: who has the highest epoch, and may still write.
//!
//! ```text
//!  Starting ──the other one decides──► Syncing ──has what that one has──► Standby
//!     │                                   ▲                                  │ silence on all paths, and a client asks here
//!     │ nobody does, and this one         │ the other one                    │ or the witness grants it; or: the other one
//!     │ is the better candidate           │ decides                          │ has left, or is a worse candidate
//!     ▼                                   │                                  ▼
//!  Promoting ──written down──► Active ──► Fenced          Leaving ◄── Active, when it is told to hand over
//! ```
//!
//! Time is counted in ticks that this process has lived through: who was frozen does not take its own absence for the
//! other one's. What may be done only until some moment goes by the clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::clone::state::server::LAST_EPOCH;
use crate::clone::version::Version;
use crate::clone::wire::{Beat, MAX_ENDS, Order, Role, Standing};

/// How a server of a pair goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairConfig {
    /// One of the two is the primary; it decides if all else is equal.
    pub is_primary: bool,
    /// How often they say how they are. 250 ms.
    pub beat: Duration,
    /// How long the active one may be silent, on all paths, before the standby takes over. 2 s.
    pub failover: Duration,
    /// How many changes a standby may lack at most when it takes over. 1,000.
    pub max_lag: u64,
    /// Whether a witness must agree.
    pub has_witness: bool,
    /// For how long a witness grants it at a time. 2 s.
    pub lease: Duration,
    /// How many paths there are between the two. 1.
    pub paths: usize,
    /// Begin at once when nobody else is heard of for twice `failover`, even if no client asks for it.
    pub bootstrap: bool,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self {
            is_primary: false,
            beat: Duration::from_millis(250),
            failover: Duration::from_secs(2),
            max_lag: 1000,
            has_witness: false,
            lease: Duration::from_secs(2),
            paths: 1,
            bootstrap: false,
        }
    }
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Say this to the other one, with this number, on all paths.
    Beat(u64, Beat),
    /// Ask the witness, with this number, this as the last change, and for this epoch.
    Claim(u64, Version, u64),
    /// It is this now. To be promoted it needs an epoch: this one.
    Become(Role, u64),
    /// How it stands to its clients has changed.
    Stand(Standing),
}

/// What a server knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Own {
    /// The last change that it has.
    pub(super) version: Version,
    /// The last one that is safe.
    pub(super) safe: Version,
    /// Whether it follows: it was told what there is, and has missed nothing that it knows of.
    pub(super) is_live: bool,
}

#[derive(Debug)]
pub(super) struct Pair {
    config: PairConfig,
    session: u64,
    born: Instant,
    role: Role,
    own: Own,
    /// The highest epoch that it has heard of.
    epoch: u64,
    /// The one in which it decides, or is about to; whether that is written down, its first beat, and whether somebody else
    /// knows of it.
    ours: u64,
    is_written: bool,
    first_of_ours: u64,
    is_known: bool,
    /// Where epochs have ended in the history that it has.
    ends: Vec<Version>,
    /// Whether it was live since it has begun to follow.
    was_live: bool,
    peer: Option<Peer>,
    /// Whether somebody else says to be what this one is.
    has_twin: bool,
    /// Ticks without a word from the other one, by whatever way.
    silence: u32,
    /// And by each path.
    paths: Vec<u32>,
    /// Ticks since it has become what it is.
    since: u32,
    /// Ticks since a client has asked for it.
    asked: Option<u32>,
    /// The last change that an active one has told of.
    heard_of: Version,
    standing: Standing,
    beats: u64,
    /// When which beats were said, for as long as their echo may matter.
    said: VecDeque<(u64, Instant)>,
    /// When the last beat that the other one has heard was said.
    echoed: Option<Instant>,
    /// Claims without an answer, when they were made, and for which epoch.
    claims: VecDeque<(u64, Instant, u64)>,
    claimed: u64,
    /// Until when the witness lets it decide.
    lease: Option<Instant>,
    next_tick: Instant,
    /// What a beat has said of its version last.
    told: Version,
    confirm: Option<Instant>,
    decisions: VecDeque<Decision>,
}

#[derive(Debug, Clone)]
struct Peer {
    session: u64,
    number: u64,
    beat: Beat,
}

impl Pair {
    /// One that has heard of this epoch, and knows where earlier ones have ended.
    pub(super) fn new(
        config: PairConfig,
        session: u64,
        epoch: u64,
        ends: Vec<Version>,
        now: Instant,
    ) -> Self {
        Self {
            session,
            born: now,
            role: Role::Starting,
            own: Own::default(),
            epoch,
            ours: 0,
            is_written: false,
            first_of_ours: 0,
            is_known: false,
            ends,
            was_live: false,
            peer: None,
            has_twin: false,
            silence: 0,
            paths: vec![0; config.paths],
            since: 0,
            asked: None,
            heard_of: Version::default(),
            standing: Standing::Vacant,
            beats: 0,
            said: VecDeque::new(),
            echoed: None,
            claims: VecDeque::new(),
            claimed: 0,
            lease: None,
            next_tick: now,
            told: Version::default(),
            confirm: None,
            decisions: VecDeque::new(),
            config,
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn ends(&self) -> &[Version] {
        &self.ends
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn poll(&mut self) -> Option<Decision> {
        self.decisions.pop_front()
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let deadline = self.deadline().filter(|_| self.role == Role::Active);
        [self.confirm, deadline].into_iter().flatten().fold(self.next_tick, Instant::min)
    }

    /// Which paths are alive.
    pub(super) fn paths(&self) -> impl Iterator<Item = bool> {
        self.paths.iter().map(|silence| *silence < self.ticks(self.config.failover))
    }

    /// The other one, as far as it is heard.
    pub(super) fn peer(&self) -> Option<&Beat> {
        let peer = self.peer.as_ref().filter(|_| self.silence < self.ticks(self.config.failover));
        peer.map(|peer| &peer.beat)
    }

    pub(super) fn has_twin(&self) -> bool {
        self.has_twin
    }

    /// What the standby has for sure, if there is one that follows.
    pub(super) fn standby(&self) -> Option<Version> {
        self.peer().filter(|peer| peer.role == Role::Standby).map(|peer| peer.version)
    }

    /// Where the history that the active one has parts from its own, which ends with this version, if that is of an epoch
    /// in which it has decided itself.
    pub(super) fn parting(&self, version: Version) -> Option<Version> {
        let ends = &self.peer.as_ref()?.beat.ends;
        let is_own = version.epoch > 0 && version.epoch % 2 == u64::from(self.config.is_primary);
        if !is_own || ends.iter().any(|end| end.epoch == version.epoch && end.seq >= version.seq) {
            return None;
        }
        Some(ends.iter().copied().filter(|end| *end <= version).max().unwrap_or_default())
    }

    /// Until when it may decide, if that has an end.
    fn deadline(&self) -> Option<Instant> {
        if !self.config.has_witness {
            // The standby counts from the last beat at the earliest.
            return self.said.back().map(|(_, said)| *said + self.config.failover);
        }
        // It is heard, so that the standby does not take over; or the witness says so.
        let echoed = self.echoed.map(|said| said + self.config.failover.mul_f64(HEARD));
        Some(self.lease.max(echoed).unwrap_or(self.born))
    }

    fn may_decide(&self, now: Instant) -> bool {
        !self.config.has_witness || self.deadline().is_some_and(|deadline| now < deadline)
    }

    /// Whether the other one has heard it just now.
    fn is_heard(&self, now: Instant) -> bool {
        self.echoed.is_some_and(|said| now < said + self.config.failover.mul_f64(HEARD))
    }

    /// Before anything is done: may it still?
    pub(super) fn check(&mut self, now: Instant) {
        if self.role == Role::Active && self.deadline().is_some_and(|deadline| now >= deadline) {
            self.become_(now, Role::Fenced);
        }
    }

    pub(super) fn wake(&mut self, now: Instant) {
        self.check(now);
        if now >= self.next_tick {
            self.next_tick = now + self.config.beat;
            self.silence = self.silence.saturating_add(1);
            self.since = self.since.saturating_add(1);
            self.paths.iter_mut().for_each(|silence| *silence = silence.saturating_add(1));
            self.asked = self.asked.map(|ticks| ticks + 1).filter(|ticks| *ticks < ASKED);
            self.decide(now);
            self.beat(now);
            self.claim(now);
        }
        if self.confirm.is_some_and(|at| now >= at) {
            self.beat(now);
        }
    }

    /// The other one has said how it is.
    pub(super) fn heard(&mut self, now: Instant, path: usize, (session, number): (u64, u64), beat: Beat) {
        self.has_twin = beat.is_primary == self.config.is_primary;
        if self.has_twin || beat.epoch >= LAST_EPOCH || beat.version.epoch >= LAST_EPOCH {
            return;
        }
        if let Some(silence) = self.paths.get_mut(path) {
            *silence = 0;
        }
        if self.peer.as_ref().is_some_and(|it| it.session == session && it.number >= number) {
            // It has come by another path.
            return;
        }
        self.silence = 0;
        if let Some((_, echoed)) = beat.echo.filter(|(whose, _)| *whose == self.session) {
            while let Some((_, said)) = self.said.pop_front_if(|(number, _)| *number < echoed) {
                self.echoed = self.echoed.max(Some(said));
            }
            let it = self.said.front().filter(|(number, _)| *number == echoed);
            self.echoed = self.echoed.max(it.map(|(_, said)| *said));
            self.is_known |= echoed >= self.first_of_ours;
        }
        self.epoch = self.epoch.max(beat.epoch);
        if beat.role.decides() || beat.role == Role::Leaving {
            self.heard_of = self.heard_of.max(beat.version);
        }
        self.peer = Some(Peer { session, number, beat });
        self.learn();
        self.decide(now);
        self.begin(now);
    }

    /// Who follows has the history of the one who decides.
    fn learn(&mut self) {
        let is_its = |peer: &&Peer| peer.beat.role.decides() && peer.beat.epoch == self.own.version.epoch;
        let follows = matches!(self.role, Role::Syncing | Role::Standby) && self.own.is_live;
        if let Some(peer) = self.peer.as_ref().filter(is_its).filter(|_| follows) {
            self.ends.clone_from(&peer.beat.ends);
        }
    }

    /// The active one was heard by another way.
    pub(super) fn followed(&mut self) {
        self.silence = 0;
    }

    /// A client has come here for the one who decides, and knows of this change.
    pub(super) fn asked(&mut self, now: Instant, version: Version) {
        let own = self.own.version;
        if version.epoch <= own.epoch && version.seq <= own.seq.saturating_add(self.config.max_lag) {
            self.asked = Some(0);
            self.decide(now);
        }
    }

    /// Somebody knows of a later change than the one who decides.
    pub(super) fn outrun(&mut self, now: Instant, version: Version) {
        self.epoch = self.epoch.max(version.epoch);
        if self.role == Role::Active {
            self.become_(now, Role::Fenced);
        }
    }

    /// This is how it is itself.
    pub(super) fn update(&mut self, now: Instant, own: Own) {
        if self.own == own {
            return;
        }
        self.own = own;
        self.epoch = self.epoch.max(own.version.epoch);
        if matches!(self.role, Role::Syncing | Role::Standby) {
            self.was_live |= own.is_live;
            self.learn();
            if own.safe > self.told {
                // Somebody may wait for it.
                self.confirm.get_or_insert(now + CONFIRM);
            }
            self.decide(now);
        }
    }

    pub(super) fn granted(&mut self, now: Instant, claim: u64, latest: Version, epoch: u64) {
        if latest.epoch.max(epoch) >= LAST_EPOCH {
            return;
        }
        let claimed = self.claims.iter().find(|(number, ..)| *number == claim);
        if let Some((_, said, ours)) = claimed.copied() {
            self.lease = self.lease.max(Some(said + self.config.lease));
            self.claims.retain(|(number, ..)| *number > claim);
            self.epoch = self.epoch.max(latest.epoch).max(epoch);
            self.heard_of = self.heard_of.max(latest);
            self.is_known |= ours == self.ours;
            self.decide(now);
            self.begin(now);
        }
    }

    /// Whether it does that.
    pub(super) fn order(&mut self, now: Instant, order: Order) -> bool {
        match order {
            Order::HandOver if self.role == Role::Active && self.standby().is_some() => {
                self.become_(now, Role::Leaving);
            }
            Order::Promote if !self.role.decides() && !self.has_twin && self.may_decide(now) => {
                self.promote(now);
            }
            _ => return false,
        }
        true
    }

    /// It is written down that it begins this epoch.
    pub(super) fn promoted(&mut self, now: Instant) {
        self.is_written = true;
        self.begin(now);
    }

    /// If nothing is in the way any more. With a witness somebody else has to know of the epoch, so that no lower one is
    /// begun after it.
    fn begin(&mut self, now: Instant) {
        if self.role != Role::Promoting || !self.is_written {
            return;
        }
        let is_late = self.deadline().is_some_and(|deadline| now >= deadline);
        match self.config.has_witness {
            // It was away for so long that the other one may have begun.
            false if is_late => self.become_(now, Role::Fenced),
            false => self.become_(now, Role::Active),
            true if self.is_known && !is_late => self.become_(now, Role::Active),
            true => {}
        }
    }

    fn decide(&mut self, now: Instant) {
        match self.role {
            Role::Starting | Role::Fenced => self.elect(now),
            Role::Syncing | Role::Standby => self.succeed(now),
            Role::Promoting | Role::Active => {
                let is_outrun =
                    |it: &Beat| it.version.epoch > self.ours || it.role.decides() && it.epoch > self.ours;
                if self.peer().is_some_and(is_outrun) {
                    self.become_(now, Role::Fenced);
                }
            }
            Role::Leaving => {
                if self.peer().is_some_and(|peer| peer.role.decides()) {
                    self.become_(now, Role::Syncing);
                } else if self.since >= self.ticks(self.config.failover) {
                    self.become_(now, Role::Fenced);
                }
            }
        }
        self.stand();
    }

    /// Nobody decides that it knows of, or the other one does.
    fn elect(&mut self, now: Instant) {
        let Some(peer) = self.peer() else {
            let grace = 2 * self.ticks(self.config.failover);
            let is_wanted = self.config.bootstrap || self.config.has_witness || self.asked.is_some();
            let knows = self.heard_of.epoch <= self.own.version.epoch && self.lag() <= self.config.max_lag;
            if self.since.min(self.silence) >= grace && is_wanted && knows && self.may_decide(now) {
                self.promote(now);
            }
            return;
        };
        if peer.role.decides() {
            // Or else it will hear that it is outrun.
            if peer.epoch >= self.own.version.epoch {
                self.become_(now, Role::Syncing);
            }
        } else if self.is_better_than(peer) && self.is_heard(now) {
            self.promote(now);
        }
    }

    /// Somebody else decides, or did.
    fn succeed(&mut self, now: Instant) {
        let Some(peer) = self.peer() else {
            let may = self.was_live && self.lag() <= self.config.max_lag;
            if may && (self.config.has_witness || self.asked.is_some()) && self.may_decide(now) {
                self.promote(now);
            }
            return;
        };
        match peer.role {
            Role::Promoting | Role::Active => {
                let role = if self.own.is_live { Role::Standby } else { Role::Syncing };
                if role != self.role {
                    self.become_(now, role);
                }
            }
            Role::Leaving => {
                if self.was_live && self.own.version == peer.version && self.may_decide(now) {
                    self.promote(now);
                }
            }
            _ => {
                if self.is_better_than(peer) && self.is_heard(now) {
                    self.promote(now);
                }
            }
        }
    }

    /// How many changes it lacks at least.
    fn lag(&self) -> u64 {
        self.heard_of.seq.saturating_sub(self.own.version.seq)
    }

    /// Both see the same two candidates, so that one of them is the better one for both.
    fn is_better_than(&self, peer: &Beat) -> bool {
        let has_decided = |role| matches!(role, Role::Fenced | Role::Leaving);
        let own = (self.own.version, has_decided(self.role), self.config.is_primary);
        own > (peer.version, has_decided(peer.role), peer.is_primary)
    }

    fn promote(&mut self, now: Instant) {
        if self.has_twin {
            return;
        }
        // Each of the two has epochs of its own.
        let parity = u64::from(self.config.is_primary);
        let next = self.epoch.max(self.own.version.epoch) + 1;
        self.ours = next + u64::from(next % 2 != parity);
        self.epoch = self.ours;
        (self.is_written, self.is_known, self.first_of_ours) = (false, false, self.beats + 1);
        self.ends.push(self.own.version);
        if self.ends.len() > MAX_ENDS {
            self.ends.remove(0);
        }
        self.become_(now, Role::Promoting);
        self.claim(now);
    }

    fn become_(&mut self, now: Instant, role: Role) {
        if !matches!((self.role, role), (Role::Syncing, Role::Standby) | (Role::Standby, Role::Syncing)) {
            self.was_live = false;
        }
        (self.role, self.since) = (role, 0);
        self.decisions.push_back(Decision::Become(role, self.ours));
        self.stand();
        self.beat(now);
    }

    fn stand(&mut self) {
        let is_led = self.silence <= LATE && self.peer().is_some_and(|peer| peer.role.decides());
        let standing = match self.role {
            Role::Active => Standing::Active,
            Role::Leaving => Standing::Passive,
            _ if is_led => Standing::Passive,
            _ => Standing::Vacant,
        };
        if std::mem::replace(&mut self.standing, standing) != standing {
            self.decisions.push_back(Decision::Stand(standing));
        }
    }

    fn beat(&mut self, now: Instant) {
        self.beats += 1;
        self.said.push_back((self.beats, now));
        while self.said.len() > SAID {
            self.said.pop_front();
        }
        self.confirm = None;
        self.told = self.own.safe;
        let beat = Beat {
            is_primary: self.config.is_primary,
            role: self.role,
            version: if self.role == Role::Standby { self.own.safe } else { self.own.version },
            epoch: if self.role.decides() { self.ours } else { self.epoch },
            ends: self.ends.clone(),
            echo: self.peer.as_ref().map(|peer| (peer.session, peer.number)),
        };
        self.decisions.push_back(Decision::Beat(self.beats, beat));
    }

    /// Asks the witness, if it decides or wants to.
    fn claim(&mut self, now: Instant) {
        let is_alone =
            self.peer().is_none() && (self.was_live || matches!(self.role, Role::Starting | Role::Fenced));
        if self.config.has_witness && (self.role.decides() || is_alone) {
            self.claimed += 1;
            let epoch = if self.role.decides() { self.ours } else { 0 };
            self.claims.push_back((self.claimed, now, epoch));
            if self.claims.len() > SAID {
                self.claims.pop_front();
            }
            let version = if self.role.decides() { self.own.version } else { Version::default() };
            self.decisions.push_back(Decision::Claim(self.claimed, version, epoch));
        }
    }

    /// So many ticks are at least so long.
    fn ticks(&self, time: Duration) -> u32 {
        let ticks = time.as_micros().div_ceil(self.config.beat.as_micros().max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// For so many ticks counts what a client has asked for.
const ASKED: u32 = 5;
/// After so many ticks without a word clients had better wait here.
const LATE: u32 = 2;
/// For so much of `failover` after a beat that was heard the other one does not take over: clocks need not run alike.
const HEARD: f64 = 0.9;
/// How many beats and claims may be answered yet.
const SAID: usize = 4096;
/// How long a standby may take to say that it has a change, so that it can say it of several.
const CONFIRM: Duration = Duration::from_millis(1);
