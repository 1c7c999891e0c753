//! Who works here: the processes we started, the names that said ready, the peers attached to the orders
//! socket. Pure counting.
//!
//! The same worker is seen on ways that know nothing of each other: as a process, as a name in the reports,
//! as a peer of PUSH and as one of PULL. Nothing puts in order what comes on two connections. So the ready
//! barrier wants ready reports and attached peers, and the end wants that everybody who ever said ready has
//! been attached, that nobody is any more, and that the last report has been read.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::events::Span;

#[derive(Debug, Default)]
pub(crate) struct Crew {
    members: BTreeMap<String, Member>,
    /// Workers that said `1` instead of a name.
    unnamed: usize,
    attached: usize,
    ever_attached: usize,
    /// Peers of the reports socket; what those before them have said is read.
    reporting: usize,
}

impl Crew {
    pub(crate) fn handle_spawned(&mut self, name: &str) {
        self.members.entry(name.to_owned()).or_default().spawned = true;
    }

    /// False if that process was known to be gone.
    pub(crate) fn handle_exit(&mut self, name: &str) -> bool {
        let member = self.members.entry(name.to_owned()).or_default();
        !std::mem::replace(&mut member.exited, true)
    }

    /// False if that is known, or its process has exited meanwhile.
    pub(crate) fn handle_ready(&mut self, name: &str) -> bool {
        let member = self.members.entry(name.to_owned()).or_default();
        let is_known = std::mem::replace(&mut member.ready, true) && !std::mem::take(&mut member.left);
        !is_known && !member.exited
    }

    /// It has taken its leave.
    pub(crate) fn handle_bye(&mut self, name: &str) {
        if let Some(member) = self.members.get_mut(name) {
            member.left = true;
        }
    }

    pub(crate) fn handle_unnamed_ready(&mut self) {
        self.unnamed += 1;
    }

    pub(crate) fn handle_peers(&mut self, joined: usize, lost: usize, reporting: usize) {
        self.attached = (self.attached + joined).saturating_sub(lost);
        self.ever_attached += joined;
        self.reporting = reporting;
    }

    pub(crate) fn has_exited(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|member| member.exited)
    }

    /// Workers that said ready and are not known to be gone.
    pub(crate) fn ready(&self) -> usize {
        self.named() + self.unnamed
    }

    pub(crate) fn named(&self) -> usize {
        self.staying().count()
    }

    /// The names of those that said ready and have not gone since.
    pub(crate) fn staying(&self) -> impl Iterator<Item = &str> {
        let stays = |member: &Member| member.ready && !member.exited && !member.left;
        self.members.iter().filter(move |(_, member)| stays(member)).map(|(name, _)| name.as_str())
    }

    pub(crate) fn unnamed(&self) -> usize {
        self.unnamed
    }

    pub(crate) fn attached(&self) -> usize {
        self.attached
    }

    /// Processes of ours that still run.
    pub(crate) fn children(&self) -> usize {
        self.members.values().filter(|member| member.spawned && !member.exited).count()
    }

    /// We started workers, and every one of them has exited.
    pub(crate) fn is_bereft(&self) -> bool {
        self.nobody_is_here() && self.members.values().any(|member| member.spawned)
    }

    pub(crate) fn is_gone(&self) -> bool {
        let ever_ready = self.members.values().filter(|member| member.ready).count() + self.unnamed;
        self.nobody_is_here() && self.ever_attached >= ever_ready
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    fn nobody_is_here(&self) -> bool {
        self.attached == 0 && self.reporting == 0 && self.children() == 0
    }
}

#[derive(Debug, Default)]
struct Member {
    spawned: bool,
    ready: bool,
    exited: bool,
    left: bool,
}

/// The ready barrier: no order before `wanted` workers are ready and attached; at the deadline, `least` will
/// do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Barrier {
    pub(crate) wanted: usize,
    pub(crate) least: usize,
    pub(crate) patience: Duration,
    pub(crate) deadline: Instant,
}

impl Barrier {
    pub(crate) fn look(&self, now: Instant, crew: &Crew) -> Look {
        let usable = crew.ready().min(crew.attached());
        if usable >= self.wanted {
            Look::Open
        } else if crew.is_bereft() && now < self.deadline {
            Look::GiveUp(format!("{}: every process has exited", self.shortfall(crew)))
        } else if now < self.deadline {
            Look::Wait
        } else if usable >= self.least {
            Look::Open
        } else {
            let waited = Span(self.patience);
            Look::GiveUp(format!("{} after {waited}, at least {} wanted", self.shortfall(crew), self.least))
        }
    }

    fn shortfall(&self, crew: &Crew) -> String {
        let (ready, attached) = (crew.ready(), crew.attached());
        let remark = if attached == ready { String::new() } else { format!(" ({attached} attached)") };
        format!("{ready} of {} workers ready{remark}", self.wanted)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    Wait,
    Open,
    /// And why, with the counts.
    GiveUp(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn barrier(least: usize) -> (Barrier, Instant) {
        let start = Instant::now();
        (Barrier { wanted: 3, least, patience: PATIENCE, deadline: start + PATIENCE }, start)
    }

    fn crew(ready: &[&str], attached: usize) -> Crew {
        let mut crew = Crew::default();
        for name in ready {
            crew.handle_ready(name);
        }
        crew.handle_peers(attached, 0, 0);
        crew
    }

    #[test]
    fn the_barrier_wants_ready_reports_and_attached_peers() {
        let (barrier, now) = barrier(3);
        assert_eq!(barrier.look(now, &crew(&["a", "b", "c"], 2)), Look::Wait);
        assert_eq!(barrier.look(now, &crew(&["a", "b"], 3)), Look::Wait);
        assert_eq!(barrier.look(now, &crew(&["a", "b", "b"], 3)), Look::Wait);
        assert_eq!(barrier.look(now, &crew(&["a", "b", "c"], 3)), Look::Open);
    }

    #[test]
    fn at_the_deadline_the_minimum_will_do_and_less_is_named() {
        let (barrier_of_two, start) = barrier(2);
        assert_eq!(barrier_of_two.look(start + PATIENCE, &crew(&["a", "b"], 2)), Look::Open);

        let (barrier_of_three, start) = barrier(3);
        let look = barrier_of_three.look(start + PATIENCE, &crew(&["a", "b"], 1));
        let text = "2 of 3 workers ready (1 attached) after 2.0 s, at least 3 wanted";
        assert_eq!(look, Look::GiveUp(text.into()));
    }

    #[test]
    fn nobody_waits_for_workers_that_have_all_exited() {
        let (barrier, start) = barrier(1);
        let mut crew = Crew::default();
        crew.handle_spawned("a");
        assert_eq!(barrier.look(start, &crew), Look::Wait);
        crew.handle_exit("a");
        assert!(matches!(barrier.look(start, &crew), Look::GiveUp(_)));
    }

    #[test]
    fn a_worker_that_is_ready_but_was_never_attached_is_not_gone() {
        let mut crew = crew(&["a", "b"], 1);
        crew.handle_peers(0, 1, 0);
        assert!(!crew.is_gone());
        crew.handle_peers(1, 0, 0);
        crew.handle_peers(0, 1, 0);
        assert!(crew.is_gone());
    }

    #[test]
    fn a_dead_worker_is_not_ready() {
        let mut crew = crew(&["a", "b"], 2);
        crew.handle_spawned("a");
        assert!(crew.handle_exit("a"));
        assert!(!crew.handle_exit("a"));
        assert!(!crew.handle_ready("a"));
        assert_eq!((crew.ready(), crew.children()), (1, 0));
    }

    #[test]
    fn who_has_said_bye_may_come_back() {
        let mut crew = crew(&["a", "b"], 2);
        crew.handle_bye("a");
        assert_eq!(crew.staying().collect::<Vec<_>>(), ["b"]);
        assert!(crew.handle_ready("a"));
        assert!(!crew.handle_ready("a"));
        assert_eq!(crew.ready(), 2);
    }
}
