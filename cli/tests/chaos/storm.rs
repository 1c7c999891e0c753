//! Performs a schedule.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::process::{Event, Name, Process};
use crate::relay::{Relay, Weather};
use crate::schedule::{Act, Blow, Schedule};

/// Those upon whom a storm falls.
pub(crate) trait Stage {
    /// The process of this name.
    fn process(&mut self, name: Name) -> &mut Process;
    /// The link of this name.
    fn link(&mut self, name: Name) -> &Relay;
    /// A process has said something, or has ended.
    fn heard(&mut self, event: Event);
}

/// Does everything that the schedule says at its time. Then all are well.
pub(crate) fn rage(schedule: &Schedule, stage: &mut impl Stage, events: &Receiver<Event>) {
    let begun = Instant::now();
    let strikes = schedule.acts.iter().map(|act| (act.at, act, true));
    let mends = schedule.acts.iter().map(|act| ((act.at + act.lasts).min(schedule.lasts), act, false));
    let mut steps: Vec<_> = strikes.chain(mends).collect();
    steps.sort_by_key(|(at, ..)| *at);
    for (at, act, is_strike) in steps {
        listen_until(begun + at, stage, events);
        if is_strike { strike(act, stage) } else { mend(act, stage) }
    }
}

fn listen_until(time: Instant, stage: &mut impl Stage, events: &Receiver<Event>) {
    loop {
        match events.recv_timeout(time.saturating_duration_since(Instant::now())) {
            Ok(event) => stage.heard(event),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => panic!("nobody is there to be heard"),
        }
    }
}

fn strike(Act { whom, blow, .. }: &Act, stage: &mut impl Stage) {
    match blow {
        Blow::Kill => stage.process(whom).kill(),
        Blow::Freeze => stage.process(whom).freeze(),
        Blow::Cut => stage.link(whom).set(Weather::Cut),
        Blow::Slow => stage.link(whom).set(Weather::Slow(LATE)),
        Blow::Silence => stage.link(whom).set(Weather::Silent),
    }
}

fn mend(Act { whom, blow, .. }: &Act, stage: &mut impl Stage) {
    match blow {
        Blow::Kill => stage.process(whom).start(),
        Blow::Freeze => stage.process(whom).thaw(),
        Blow::Cut | Blow::Slow | Blow::Silence => stage.link(whom).set(Weather::Clear),
    }
}

/// As from one end of the world to the other.
const LATE: Duration = Duration::from_millis(150);
