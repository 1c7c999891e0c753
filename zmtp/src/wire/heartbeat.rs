//! Heartbeats (RFC 37, R37-HB): when to ask the peer whether it lives, and when to give it up.
//!
//! Time and what was heard are arguments. Octets that come are only counted; the count is looked at when a deadline
//! is reached, so that a busy connection pays nothing. Any octet is a sign of life (R37-HB-11): a large frame that
//! comes in slowly keeps its connection up.

use std::time::{Duration, Instant};

/// The heartbeats of one connection, in both directions: our PINGs, and the lifetime that the peer's PINGs ask for.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    every: Duration,
    timeout: Duration,
    /// When the next PING is due.
    next: Option<Instant>,
    /// Our PING that nothing has answered yet, as far as we have looked.
    asked: Option<Asked>,
    /// The peer's PING, if nothing has followed it yet, as far as we have looked.
    ttl: Option<Silence>,
    /// At some time since the last look we did not read.
    paused: bool,
}

/// What the connection looks like when a deadline is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    /// A count that changes with every octet that comes in.
    pub(crate) heard: u64,
    /// A count of the octets that went out.
    pub(crate) written: u64,
    /// Whether we read. While we do not, silence means nothing (our queue is full, and the peer's answer waits).
    pub(crate) reading: bool,
}

/// The peer is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silent {
    /// It did not answer our PING within this time (R37-HB-13).
    Unanswered(Duration),
    /// After a PING of its own it said nothing for the time that the PING named (R37-HB-14).
    Expired(Duration),
}

impl Heartbeat {
    /// PINGs at `first` and then in steps of `every`; the peer is given up `timeout` after one that nothing
    /// answers. A `timeout` of zero never comes.
    pub(crate) fn new(every: Duration, timeout: Duration, first: Option<Instant>) -> Self {
        Self { every, timeout, next: first, ..Self::default() }
    }

    /// A PING of the peer's has come, and nothing after it. A `ttl` of 0 asks for nothing (R37-HB-03).
    pub(crate) fn handle_ping(&mut self, ttl: u16, now: Instant, heard: u64) {
        let limit = Duration::from_millis(u64::from(ttl).saturating_mul(100));
        self.ttl = (ttl > 0).then(|| Silence::new(limit, now, heard));
    }

    /// Our PING has left: the time for its answer begins.
    pub(crate) fn handle_sent(&mut self, now: Instant, heard: u64) {
        if let Some(asked) = &mut self.asked
            && asked.stuck_at.take().is_some()
        {
            asked.silence = Silence::new(self.timeout, now, heard);
        }
    }

    /// We do not read at this moment.
    pub(crate) fn handle_pause(&mut self) {
        self.paused = true;
    }

    /// A deadline may have been reached. Says whether a PING is to be sent.
    pub(crate) fn handle_time(&mut self, now: Instant, signs: Signs) -> Result<bool, Silent> {
        let paused = std::mem::replace(&mut self.paused, !signs.reading) || !signs.reading;
        if let Some(ttl) = &mut self.ttl {
            match ttl.look(now, signs.heard, paused) {
                Look::Answered => self.ttl = None,
                Look::Wait => {}
                Look::Over => return Err(Silent::Expired(ttl.limit)),
            }
        }
        if let Some(asked) = &mut self.asked {
            // Behind a batch that moves, the PING is on its way; the peer cannot answer it yet.
            let moves = asked.stuck_at.is_some_and(|at| at != signs.written);
            asked.stuck_at = asked.stuck_at.map(|_| signs.written);
            match asked.silence.look(now, signs.heard, paused || moves) {
                Look::Answered => self.asked = None,
                Look::Wait => {}
                Look::Over => return Err(Silent::Unanswered(self.timeout)),
            }
        }
        Ok(self.is_due(now) && self.ask(now, signs, paused))
    }

    /// When to call [`handle_time`](Self::handle_time), if ever.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let asked = self.asked.as_ref().and_then(|asked| asked.silence.until);
        let ttl = self.ttl.as_ref().and_then(|ttl| ttl.until);
        [self.next, asked, ttl].into_iter().flatten().min()
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let Some(due) = self.next.filter(|due| *due <= now) else {
            return false;
        };
        // Beats that were slept through are not made up for, and the rhythm stays: connections that PING one after
        // the other do so after a pause of the whole process as well.
        let late = now.saturating_duration_since(due).as_nanos();
        let past = late.checked_rem(self.every.as_nanos()).and_then(|past| u64::try_from(past).ok());
        let wait = self.every.saturating_sub(Duration::from_nanos(past.unwrap_or_default()));
        self.next = now.checked_add(wait);
        true
    }

    /// One PING stays unanswered at most (R37-HB-12). But while we do not read we do not see the answers, and the
    /// peer shall see that we live.
    fn ask(&mut self, now: Instant, signs: Signs, paused: bool) -> bool {
        let may = self.asked.as_ref().is_none_or(|asked| paused && asked.stuck_at.is_none());
        if may {
            let silence = Silence::new(self.timeout, now, signs.heard);
            self.asked = Some(Asked { silence, stuck_at: Some(signs.written) });
        }
        may
    }
}

#[derive(Debug)]
struct Asked {
    silence: Silence,
    /// While the PING waits to be written: how far writing had come when we looked.
    stuck_at: Option<u64>,
}

/// Nothing has been heard since some moment, and until when that will do.
#[derive(Debug)]
struct Silence {
    limit: Duration,
    /// `None` is never.
    until: Option<Instant>,
    heard: u64,
}

enum Look {
    Answered,
    Wait,
    Over,
}

impl Silence {
    fn new(limit: Duration, now: Instant, heard: u64) -> Self {
        let until = if limit.is_zero() { None } else { now.checked_add(limit) };
        Self { limit, until, heard }
    }

    fn look(&mut self, now: Instant, heard: u64, excused: bool) -> Look {
        if heard != self.heard {
            Look::Answered
        } else if excused {
            *self = Self::new(self.limit, now, heard);
            Look::Wait
        } else if self.until.is_some_and(|until| until <= now) {
            Look::Over
        } else {
            Look::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const QUIET: Signs = Signs { heard: 0, written: 0, reading: true };

    /// A heartbeat of 1 s and 2 s, whose first PING is due at once, and a clock that counts milliseconds from there.
    fn started() -> (Heartbeat, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Heartbeat::new(SECOND, 2 * SECOND, Some(start)), move |ms| start + Duration::from_millis(ms))
    }

    /// PINGs, and says that the PING has left at once.
    fn ping(heart: &mut Heartbeat, now: Instant, signs: Signs) {
        assert_eq!(heart.handle_time(now, signs), Ok(true));
        heart.handle_sent(now, signs.heard);
    }

    /// R37-HB-01.
    #[test]
    fn pings_go_out_at_the_interval_as_long_as_they_are_answered() {
        let (mut heart, at) = started();
        for beat in 0..5 {
            assert_eq!(heart.deadline(), Some(at(beat * 1000)));
            ping(&mut heart, at(beat * 1000), Signs { heard: beat, ..QUIET });
        }
    }

    #[test]
    fn beats_that_were_slept_through_are_not_made_up_for_and_the_rhythm_stays() {
        let (mut heart, at) = started();
        ping(&mut heart, at(300), QUIET);
        assert_eq!(heart.deadline(), Some(at(1000)));
        ping(&mut heart, at(3700), Signs { heard: 1, ..QUIET });
        assert_eq!(heart.deadline(), Some(at(4000)));
    }

    /// R37-HB-13, R37-HB-12.
    #[test]
    fn a_peer_that_answers_nothing_is_given_up_at_the_timeout_and_asked_once() {
        let (mut heart, at) = started();
        ping(&mut heart, at(0), QUIET);
        assert_eq!(heart.handle_time(at(1000), QUIET), Ok(false));
        assert_eq!(heart.handle_time(at(1999), QUIET), Ok(false));
        assert_eq!(heart.deadline(), Some(at(2000)));
        assert_eq!(heart.handle_time(at(2000), QUIET), Err(Silent::Unanswered(2 * SECOND)));
    }

    /// R37-HB-11: any octet counts, and one is enough.
    #[test]
    fn an_octet_within_the_timeout_is_an_answer() {
        let (mut heart, at) = started();
        ping(&mut heart, at(0), QUIET);
        let octet = Signs { heard: 1, ..QUIET };
        assert_eq!(heart.handle_time(at(2000), octet), Ok(true));
    }

    #[test]
    fn a_timeout_of_zero_never_comes() {
        let now = Instant::now();
        let mut heart = Heartbeat::new(SECOND, Duration::ZERO, Some(now));
        ping(&mut heart, now, QUIET);
        assert_eq!(heart.handle_time(now + 1000 * SECOND, QUIET), Ok(false));
    }

    #[test]
    fn an_interval_beyond_all_time_never_comes() {
        let now = Instant::now();
        let mut heart = Heartbeat::new(Duration::MAX, Duration::MAX, Some(now));
        ping(&mut heart, now, QUIET);
        assert_eq!(heart.deadline(), None);
    }

    #[test]
    fn while_a_batch_of_ours_moves_the_ping_behind_it_cannot_be_answered() {
        let (mut heart, at) = started();
        assert_eq!(heart.handle_time(at(0), QUIET), Ok(true));
        for step in 1..10 {
            let moving = Signs { written: step, ..QUIET };
            assert_eq!(heart.handle_time(at(step * 2000), moving), Ok(false));
        }
        heart.handle_sent(at(18_500), 0);
        let done = Signs { written: 100, ..QUIET };
        assert_eq!(heart.handle_time(at(20_499), done), Ok(false));
        assert_eq!(heart.handle_time(at(20_500), done), Err(Silent::Unanswered(2 * SECOND)));
    }

    #[test]
    fn behind_a_batch_that_is_stuck_the_time_runs() {
        let (mut heart, at) = started();
        assert_eq!(heart.handle_time(at(0), QUIET), Ok(true));
        assert_eq!(heart.handle_time(at(2000), QUIET), Err(Silent::Unanswered(2 * SECOND)));
    }

    #[test]
    fn silence_does_not_count_while_we_do_not_read_and_our_pings_go_on() {
        let (mut heart, at) = started();
        let full = Signs { reading: false, ..QUIET };
        for second in 0..100 {
            ping(&mut heart, at(second * 1000), full);
        }
        // It counts from the first look at which we had read all the time.
        assert_eq!(heart.handle_time(at(100_000), QUIET), Ok(true));
        heart.handle_sent(at(100_000), 0);
        assert_eq!(heart.handle_time(at(102_000), QUIET), Err(Silent::Unanswered(2 * SECOND)));
    }

    #[test]
    fn a_pause_between_two_looks_counts_as_well() {
        let (mut heart, at) = started();
        ping(&mut heart, at(0), QUIET);
        heart.handle_pause();
        assert_eq!(heart.handle_time(at(2000), QUIET), Ok(true));
    }

    #[test]
    fn a_ping_that_still_waits_is_not_doubled_while_we_do_not_read() {
        let (mut heart, at) = started();
        let full = Signs { reading: false, ..QUIET };
        assert_eq!(heart.handle_time(at(0), full), Ok(true));
        assert_eq!(heart.handle_time(at(1000), full), Ok(false));
    }

    /// R37-HB-05, R37-HB-14.
    #[test]
    fn silence_for_the_ttl_after_the_peers_ping_ends_it() {
        let at = Instant::now();
        let mut heart = Heartbeat::default();
        assert_eq!(heart.deadline(), None);
        heart.handle_ping(5, at, 7);
        assert_eq!(heart.deadline(), Some(at + SECOND / 2));
        let same = Signs { heard: 7, ..QUIET };
        assert_eq!(heart.handle_time(at + SECOND / 2, same), Err(Silent::Expired(SECOND / 2)));
    }

    /// R37-HB-04: libzmq would take 70 s for 4.4 s.
    #[test]
    fn case_133_a_long_ttl_does_not_wrap() {
        let at = Instant::now();
        let mut heart = Heartbeat::default();
        heart.handle_ping(700, at, 0);
        assert_eq!(heart.deadline(), Some(at + 70 * SECOND));
        heart.handle_ping(u16::MAX, at, 0);
        assert_eq!(heart.deadline(), Some(at + Duration::from_millis(6_553_500)));
    }

    #[test]
    fn what_follows_the_peers_ping_ends_its_ttl_and_so_does_a_ping_without() {
        let at = Instant::now();
        let mut heart = Heartbeat::default();
        heart.handle_ping(5, at, 0);
        assert_eq!(heart.handle_time(at + SECOND, Signs { heard: 1, ..QUIET }), Ok(false));
        assert_eq!(heart.deadline(), None);
        heart.handle_ping(5, at, 1);
        heart.handle_ping(0, at, 2);
        assert_eq!(heart.deadline(), None);
    }

    #[test]
    fn the_ttl_does_not_run_while_we_do_not_read() {
        let at = Instant::now();
        let mut heart = Heartbeat::default();
        heart.handle_ping(5, at, 0);
        let full = Signs { reading: false, ..QUIET };
        assert_eq!(heart.handle_time(at + SECOND, full), Ok(false));
        assert_eq!(heart.handle_time(at + 2 * SECOND, QUIET), Ok(false));
        assert_eq!(heart.handle_time(at + 3 * SECOND, QUIET), Err(Silent::Expired(SECOND / 2)));
    }
}
