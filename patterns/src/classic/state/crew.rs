//! Who is there: ready reports on one side, attached pipes on the other. Nothing puts in order what comes on two
//! connections, so neither count says anything alone.

/// How many workers there are to be before work begins: ready, and attached. 0 counts as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// This many. If they are fewer when the time is up, nothing begins.
    All(usize),
    /// `of` them. When the time is up, `least` will do.
    AtLeast {
        /// With so many it begins when the time is up.
        least: usize,
        /// With so many it begins at once.
        of: usize,
    },
    /// The first one will do.
    Any,
}

/// The time to wait for workers is up, and there are fewer than there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{ready} of {wanted} workers ready in time, {attached} attached; see that they run and reach both endpoints"
)]
pub struct TooFew {
    /// How many have said that they are ready.
    pub ready: usize,
    /// How many are attached where orders are sent.
    pub attached: usize,
    /// With how many it would have begun at once.
    pub wanted: usize,
}

impl Expect {
    /// With so many work begins at once. Nobody waits for nobody: 1 at least.
    pub(super) fn wanted(self) -> usize {
        match self {
            Self::All(workers) | Self::AtLeast { of: workers, .. } => workers.max(1),
            Self::Any => 1,
        }
    }

    /// With so many it begins when the time is up.
    pub(super) fn least(self) -> usize {
        match self {
            Self::AtLeast { least, of } => least.min(of).max(1),
            Self::All(_) | Self::Any => self.wanted(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Crew {
    /// Ready reports.
    pub(super) ready: usize,
    /// Pipes of the orders socket, now and ever.
    pub(super) attached: usize,
    pub(super) ever_attached: usize,
    /// Pipes of the reports socket. What those before them have said is heard.
    pub(super) reporting: usize,
}

impl Crew {
    pub(super) fn handle_peers(&mut self, joined: usize, left: usize, reporting: usize) {
        self.attached = (self.attached + joined).saturating_sub(left);
        self.ever_attached += joined;
        self.reporting = reporting;
    }

    /// So many can be given orders.
    pub(super) fn present(&self) -> usize {
        self.ready.min(self.attached)
    }

    pub(super) fn too_few(&self, expect: Expect) -> TooFew {
        TooFew { ready: self.ready, attached: self.attached, wanted: expect.wanted() }
    }

    /// Everybody has been here and has gone. Who has said that he is ready and was never attached is still to come.
    pub(super) fn is_gone(&self) -> bool {
        self.attached == 0 && self.reporting == 0 && self.ever_attached >= self.ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_reports_and_attached_pipes_count_together() {
        let mut crew = Crew { ready: 3, ..Crew::default() };
        assert_eq!(crew.present(), 0);
        crew.handle_peers(2, 0, 3);
        assert_eq!(crew.present(), 2);
        crew.handle_peers(2, 1, 3);
        assert_eq!((crew.present(), crew.attached, crew.ever_attached), (3, 3, 4));
    }

    #[test]
    fn who_was_ready_and_never_attached_has_not_gone() {
        let mut crew = Crew { ready: 2, ..Crew::default() };
        crew.handle_peers(1, 0, 1);
        crew.handle_peers(0, 1, 0);
        assert!(!crew.is_gone());
        crew.handle_peers(1, 1, 1);
        assert!(!crew.is_gone());
        crew.handle_peers(0, 0, 0);
        assert!(crew.is_gone());
    }

    #[test]
    fn nobody_waits_for_nobody() {
        let at_least = |least, of| Expect::AtLeast { least, of };
        for (expect, wanted, least) in [
            (Expect::All(3), 3, 3),
            (Expect::All(0), 1, 1),
            (at_least(2, 3), 3, 2),
            (at_least(0, 3), 3, 1),
            (at_least(4, 3), 3, 3),
            (Expect::Any, 1, 1),
        ] {
            assert_eq!((expect.wanted(), expect.least()), (wanted, least), "{expect:?}");
        }
    }
}
