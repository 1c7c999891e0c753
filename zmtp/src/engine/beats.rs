//! The clock of a connection's heartbeats: one timer, touched when it fires and when a peer asks for an earlier end.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::monitor::Cause;
use crate::options;
use crate::wire::heartbeat::{Heartbeat, Signs, Silent};

/// [`Heartbeat`], with tokio's clock. A connection without heartbeats has none.
#[derive(Debug)]
pub(crate) struct Beats {
    heartbeat: Heartbeat,
    /// What our PINGs ask for, in tenths of a second.
    ttl: u16,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the PING was written that no PONG has answered yet.
    asked_at: Option<Instant>,
}

impl Beats {
    /// Starts to PING, at a random moment within the first interval.
    pub(crate) fn start(options: &options::Heartbeat) -> Option<Box<Self>> {
        if options.every.is_zero() {
            return None;
        }
        let every = options.every.max(SHORTEST);
        let heartbeat = Heartbeat::new(every, options.timeout, first_ping(every).map(Instant::into_std));
        let mut beats = Self { heartbeat, ttl: options.ttl_tenths(), timer: None, asked_at: None };
        beats.arm();
        Some(Box::new(beats))
    }

    /// For a connection that sends no PINGs, and got one.
    pub(crate) fn idle() -> Box<Self> {
        Box::new(Self { heartbeat: Heartbeat::default(), ttl: 0, timer: None, asked_at: None })
    }

    /// What a PING of ours asks for, in tenths of a second.
    pub(crate) fn ttl(&self) -> u16 {
        self.ttl
    }

    /// The peer has sent a PING with this ttl, and nothing after it.
    pub(crate) fn handle_ping(&mut self, ttl: u16, heard: u64) {
        self.heartbeat.handle_ping(ttl, Instant::now().into_std(), heard);
        let deadline = self.heartbeat.deadline().map(Instant::from_std);
        // A timer that fires too early does no harm.
        if deadline
            .is_some_and(|deadline| self.timer.as_ref().is_none_or(|timer| deadline < timer.deadline()))
        {
            self.arm();
        }
    }

    /// The PING that [`is_due`](Self::is_due) asked for is written.
    pub(crate) fn handle_sent(&mut self, heard: u64) {
        let now = Instant::now();
        self.heartbeat.handle_sent(now.into_std(), heard);
        self.asked_at.get_or_insert(now);
    }

    /// A PONG has come. Says how long after the PING that is, if it answers one. One PING at most is unanswered.
    pub(crate) fn handle_pong(&mut self) -> Option<Duration> {
        self.asked_at.take().map(|asked| asked.elapsed())
    }

    /// Whether a PING is to be sent now.
    pub(crate) fn is_due(&mut self, signs: Signs, cx: &mut Context<'_>) -> Result<bool, Cause> {
        if !signs.reading {
            self.heartbeat.handle_pause();
        }
        let mut due = false;
        while self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            due |= self.heartbeat.handle_time(Instant::now().into_std(), signs)?;
            self.arm();
        }
        Ok(due)
    }

    fn arm(&mut self) {
        match (self.heartbeat.deadline().map(Instant::from_std), &mut self.timer) {
            (None, timer) => *timer = None,
            (Some(deadline), Some(timer)) => timer.as_mut().reset(deadline),
            (Some(deadline), timer) => *timer = Some(Box::pin(sleep_until(deadline))),
        }
    }
}

/// A random moment within the first interval, but one of [`STEPS`] that all connections with this interval share:
/// then neither do all of them PING at once, nor does each of them wake the process for itself.
fn first_ping(every: Duration) -> Option<Instant> {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let step = every / STEPS;
    let at = now.checked_add((every - step).mul_f64(fastrand::f64()))?;
    let passed = at.saturating_duration_since(*BEGINNING.get_or_init(|| now)).as_nanos();
    let over = u64::try_from(passed % step.as_nanos().max(1)).ok()?;
    at.checked_add(step - Duration::from_nanos(over))
}

impl From<Silent> for Cause {
    fn from(silent: Silent) -> Self {
        match silent {
            Silent::Unanswered(limit) => Self::HeartbeatTimeout(limit),
            Silent::Expired(limit) => Self::TtlExpired(limit),
        }
    }
}

/// Into how many moments the PINGs of many connections are spread.
const STEPS: u32 = 64;
/// The grain of tokio's clock.
const SHORTEST: Duration = Duration::from_millis(1);
