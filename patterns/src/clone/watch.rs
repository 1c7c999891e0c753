//! Whoever watches: what there is, and then everything that changes, or that something was missed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::client::State;
use super::state::{Health, News};
use super::tree::{Sums, Tree};
use super::version::Version;
use super::wire::{Changed, Update};

/// What a client has under some prefix, and how that changes. Complete: what it does not say one by one it says by
/// [`Watched::Now`].
#[derive(Debug)]
pub struct Watch {
    look: Look,
    news: Option<broadcast::Receiver<Arc<News>>>,
    prefix: Bytes,
    /// Everything up to here was told.
    told: Version,
    /// What there was when it was told what there is, if nothing was told since.
    seen: Option<Sums>,
    /// This was said of how it is. Who has been told nothing else believes it.
    health: Health,
    /// It was seen to be this, and that is to be said.
    unsaid: Option<Health>,
    is_new: bool,
}

/// How to see what there is.
pub(super) struct Look(pub(super) Box<dyn Fn() -> State + Send + Sync>);

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum Watched {
    /// This is what there is; look with [`Tree::iter`], under the prefix. The first word, and again whenever changes were
    /// missed: by the client, or by a watcher who was too slow.
    Now(Tree),
    /// These have changed, all at once, and no others since the last word.
    Changed(Vec<Update>),
    /// Whether all that can be believed has changed since that was last said. Until it is said, it can.
    Health(Health),
}

impl Watch {
    pub(super) fn new(look: Look, news: Option<broadcast::Receiver<Arc<News>>>, prefix: Bytes) -> Self {
        let (told, health) = (Version::default(), Health::Live);
        Self { look, news, prefix, told, seen: None, health, unsaid: None, is_new: true }
    }

    /// Waits for the next word. `None` when the client has ended.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing was missed.
    pub async fn next(&mut self) -> Option<Watched> {
        if std::mem::take(&mut self.is_new) && (self.look.0)().health != Health::Joining {
            return Some(self.now());
        }
        if let Some(health) = self.unsaid.take() {
            self.health = health;
            return Some(Watched::Health(health));
        }
        loop {
            // What can be seen is never behind what is told.
            match self.news.as_mut()?.recv().await.as_deref() {
                Ok(News::Changed(updates)) => {
                    let (told, prefix) = (self.told, &self.prefix);
                    let is_new = |it: &&Update| it.version > told && it.key.starts_with(prefix);
                    let updates: Vec<_> = updates.iter().filter(is_new).cloned().collect();
                    if let Some(last) = updates.last() {
                        (self.told, self.seen) = (last.version, None);
                        return Some(Watched::Changed(updates));
                    }
                }
                // What was missed may be older than the last that was told.
                Ok(News::Resync { .. }) if self.seen != Some(self.sums()) => return Some(self.now()),
                Ok(News::Resync { .. }) => {}
                Ok(News::Health(health)) if *health == self.health => {}
                Ok(News::Health(health)) => {
                    self.health = *health;
                    return Some(Watched::Health(*health));
                }
                Err(RecvError::Lagged(_)) => return Some(self.now()),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn now(&mut self) -> Watched {
        let state = (self.look.0)();
        (self.told, self.seen) = (state.version, Some(state.tree.sums(&self.prefix)));
        self.unsaid = Some(state.health).filter(|health| *health != self.health);
        Watched::Now(state.tree)
    }

    /// Of what there is.
    fn sums(&self) -> Sums {
        (self.look.0)().tree.sums(&self.prefix)
    }
}

impl Update {
    /// What the key stands for now, if anything.
    pub fn now(&self) -> Option<&Bytes> {
        match &self.change {
            Changed::Set { value, .. } => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::clone::tree::Entry;
    use crate::clone::wire::Lasts;

    /// A client, as far as a watcher knows it.
    struct Client {
        state: Arc<Mutex<State>>,
        news: broadcast::Sender<Arc<News>>,
    }

    impl Client {
        fn new() -> Self {
            Self { state: Arc::default(), news: broadcast::Sender::new(16) }
        }

        fn watch(&self) -> Watch {
            let state = Arc::clone(&self.state);
            let look = Look(Box::new(move || state.lock().unwrap().clone()));
            Watch::new(look, Some(self.news.subscribe()), Bytes::new())
        }

        /// It is like this, with these keys, and says so.
        fn is(&self, health: Health, seq: u64, keys: &[&'static str], news: impl IntoIterator<Item = News>) {
            let version = Version { epoch: 1, seq };
            let mut tree = Tree::default();
            for key in keys {
                tree.insert(key.as_bytes(), Entry { value: "".into(), version, lasts: Lasts::Forever });
            }
            *self.state.lock().unwrap() = State { tree, version, health, ..State::default() };
            for news in news {
                let _ = self.news.send(Arc::new(news));
            }
        }
    }

    fn resync(seq: u64) -> News {
        let version = Version { epoch: 1, seq };
        News::Resync { from: version, to: version }
    }

    fn changed(seq: u64, key: &'static str) -> News {
        let (version, change) =
            (Version { epoch: 1, seq }, Changed::Set { value: "".into(), lasts: Lasts::Forever });
        News::Changed(vec![Update { version, until: seq, key: key.into(), change, writer: None }])
    }

    /// What is said next, in short.
    async fn next(watch: &mut Watch) -> String {
        match watch.next().await {
            Some(Watched::Now(tree)) => format!("now {}", tree.len()),
            Some(Watched::Changed(updates)) => format!("changed {}", updates[0].version),
            Some(Watched::Health(health)) => format!("{health:?}"),
            None => "over".to_owned(),
        }
    }

    #[tokio::test]
    async fn who_was_told_that_it_is_stale_is_told_when_it_is_not() {
        let client = Client::new();
        client.is(Health::Live, 1, &["a"], []);
        let mut watch = client.watch();
        assert_eq!(next(&mut watch).await, "now 1");
        client.is(Health::Stale, 1, &["a"], [News::Health(Health::Stale)]);
        assert_eq!(next(&mut watch).await, "Stale");
        client.is(Health::Live, 2, &["a", "b"], [resync(2), News::Health(Health::Live), changed(3, "c")]);
        assert_eq!(next(&mut watch).await, "now 2");
        assert_eq!(next(&mut watch).await, "Live");
        assert_eq!(next(&mut watch).await, "changed 1.3");
    }

    #[tokio::test]
    async fn who_begins_to_watch_what_is_stale_is_told_that() {
        let client = Client::new();
        client.is(Health::Stale, 1, &["a"], []);
        let mut watch = client.watch();
        assert_eq!(next(&mut watch).await, "now 1");
        assert_eq!(next(&mut watch).await, "Stale");
        client.is(Health::Live, 1, &["a"], [News::Health(Health::Live)]);
        assert_eq!(next(&mut watch).await, "Live");
    }

    #[tokio::test]
    async fn a_change_that_was_missed_before_the_last_one_is_told() {
        let client = Client::new();
        client.is(Health::Live, 1, &["a"], []);
        let mut watch = client.watch();
        assert_eq!(next(&mut watch).await, "now 1");
        // The second change is lost.
        client.is(Health::Live, 3, &["a", "c"], [changed(3, "c")]);
        assert_eq!(next(&mut watch).await, "changed 1.3");
        client.is(Health::Live, 3, &["a", "b", "c"], [resync(3)]);
        assert_eq!(next(&mut watch).await, "now 3");
    }

    #[tokio::test]
    async fn what_there_is_is_told_once_to_who_begins_before_there_is_anything() {
        let client = Client::new();
        let mut watch = client.watch();
        client.is(Health::Live, 1, &["a"], [resync(1), News::Health(Health::Live), changed(2, "b")]);
        assert_eq!(next(&mut watch).await, "now 1");
        assert_eq!(next(&mut watch).await, "changed 1.2");
    }
}
