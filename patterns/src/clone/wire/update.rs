//! One change, as it is published, kept and sent to those who missed it.

use std::time::Duration;

use bytes::Bytes;

use super::Lasts;
use crate::clone::tree::Entry;
use crate::clone::version::Version;
use crate::wire::{Malformed, Reader, Writer};

/// Something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What came of it.
    pub version: Version,
    /// The number of the last change of the same batch: all of a batch happen at once.
    pub until: u64,
    /// What has changed. Empty, and only then, if it is not a key that has.
    pub key: Bytes,
    /// How.
    pub change: Changed,
    /// Which write of whom has done it, if it is to be known again.
    pub writer: Option<Writing>,
}

/// How a key has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It stands for this now.
    Set {
        /// The value.
        value: Bytes,
        /// How long that lasts.
        lasts: Lasts,
    },
    /// It was deleted.
    Deleted,
    /// Its time was up, or the session that it was to last with is over.
    Expired,
    /// No key: somebody has become the one that decides.
    Epoch,
    /// Nothing has: this write was done before, and may be said again.
    Noted,
    /// No key: a session is open from now on.
    Opened {
        /// Its number.
        session: u64,
        /// How long it stays open when its client is not heard.
        ttl: Duration,
    },
    /// No key: the session with this number is over, and nothing lasts with it any more.
    Closed(u64),
}

/// Names a write: whose, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writing {
    /// The writer's session.
    pub writer: u64,
    /// Counts what it writes.
    pub number: u64,
}

impl Update {
    /// All but key and value.
    pub(super) fn write(&self, fields: Writer) -> Writer {
        let Writing { writer, number } = self.writer.unwrap_or(NOBODYS);
        let fields = self.version.write(fields).u64(self.until).u64(writer).u64(number);
        match &self.change {
            Changed::Set { lasts, .. } => lasts.write(fields.u8(SET)),
            Changed::Deleted => fields.u8(1),
            Changed::Expired => fields.u8(2),
            Changed::Epoch => fields.u8(3),
            Changed::Noted => fields.u8(4),
            Changed::Opened { session, ttl } => fields.u8(5).u64(*session).duration(*ttl),
            Changed::Closed(session) => fields.u8(6).u64(*session),
        }
    }

    /// The same, without a hold on the buffer in which it came.
    pub(in crate::clone) fn at_home(mut self) -> Self {
        self.key = at_home(self.key);
        if let Changed::Set { value, .. } = &mut self.change {
            *value = at_home(std::mem::take(value));
        }
        self
    }

    /// What it is set to.
    pub fn value(&self) -> Option<&Bytes> {
        match &self.change {
            Changed::Set { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Only what is set has a value.
    pub(super) fn read(
        fields: &mut Reader<'_>,
        key: Bytes,
        value: impl FnOnce(&mut Reader<'_>) -> Result<Option<Bytes>, Malformed>,
    ) -> Result<Self, Malformed> {
        let version = Version::read(fields)?;
        let until = fields.u64("until")?;
        let writing = Writing { writer: fields.u64("writer")?, number: fields.u64("number")? };
        let kind = fields.u8("kind")?;
        let lasts = if kind == SET { Lasts::read(fields)? } else { Lasts::Forever };
        let (session, ttl) = match kind {
            5 => (fields.u64("session")?, fields.duration("ttl")?),
            6 => (fields.u64("session")?, Duration::ZERO),
            _ => (0, Duration::ZERO),
        };
        let change = match (kind, value(fields)?) {
            (SET, Some(value)) => Changed::Set { value, lasts },
            (1, None) => Changed::Deleted,
            (2, None) => Changed::Expired,
            (3, None) => Changed::Epoch,
            (4, None) => Changed::Noted,
            (5, None) => Changed::Opened { session, ttl },
            (6, None) => Changed::Closed(session),
            _ => return Err(Malformed::Field("kind")),
        };
        let is_of_a_key = matches!(change, Changed::Set { .. } | Changed::Deleted | Changed::Expired);
        if until < version.seq || key.is_empty() == is_of_a_key {
            return Err(Malformed::Field("key"));
        }
        Ok(Self { version, until, key, change, writer: Some(writing).filter(|it| *it != NOBODYS) })
    }
}

/// What lives long does not hold on to the buffer in which it came, with much that does not.
pub(in crate::clone) fn at_home(octets: Bytes) -> Bytes {
    if octets.len() < ALONE { Bytes::copy_from_slice(&octets) } else { octets }
}

/// Updates one after the other, to fill a frame with.
#[derive(Debug, Default)]
pub struct Rows(Writer);

impl Rows {
    /// One more.
    pub fn push(&mut self, update: &Update) {
        self.0 = update.write(self.beginning(&update.key, update.value()));
    }

    /// One more: the change since which this key stands for what it does. Nothing is copied but into the frame.
    pub fn push_entry(&mut self, key: &[u8], entry: &Entry) {
        let fields = entry.version.write(self.beginning(key, Some(&entry.value))).u64(entry.version.seq);
        self.0 = entry.lasts.write(fields.u64(NOBODYS.writer).u64(NOBODYS.number).u8(SET));
    }

    fn beginning(&mut self, key: &[u8], value: Option<&Bytes>) -> Writer {
        let fields = std::mem::take(&mut self.0).octets(key).u8(u8::from(value.is_some()));
        fields.long(value.map_or(&[][..], |value| value))
    }

    /// How many octets they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The frame.
    pub fn end(self) -> Bytes {
        self.0.end().into()
    }

    /// What a frame has. Keys and values are copied out of it, since some of them will live longer than the others.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(frame: &[u8]) -> Result<Vec<Update>, Malformed> {
        let (mut fields, mut updates) = (Reader::new(frame), Vec::new());
        while !fields.is_empty() {
            let key = Bytes::copy_from_slice(fields.octets("key")?);
            let is_set = fields.u8("set")? != 0;
            let value = fields.long("value")?;
            let value = is_set.then(|| Bytes::copy_from_slice(value));
            updates.push(Update::read(&mut fields, key, |_| Ok(value))?);
        }
        Ok(updates)
    }
}

/// The kind of change that has a value.
const SET: u8 = 0;
/// What is so long came with little else.
const ALONE: usize = 64 << 10;
/// What nobody wants to know again.
const NOBODYS: Writing = Writing { writer: 0, number: 0 };

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::clone::wire) fn some() -> Vec<Update> {
        let version = Version { epoch: 3, seq: 77 };
        let set = Changed::Set { value: "on".into(), lasts: Lasts::For(Duration::from_millis(1500)) };
        let writer = Some(Writing { writer: 9, number: 4 });
        let update = Update { version, until: 78, key: "lamp".into(), change: set, writer };
        let with =
            |key: &'static [u8], change| Update { key: key.into(), change, writer: None, ..update.clone() };
        vec![
            update.clone(),
            with(b"\0", Changed::Set { value: Bytes::new(), lasts: Lasts::Forever }),
            with(b"lamp", Changed::Set { value: Bytes::new(), lasts: Lasts::With(1 << 60) }),
            with(b"lamp", Changed::Deleted),
            with(b"\xff", Changed::Expired),
            with(b"", Changed::Epoch),
            with(b"", Changed::Noted),
            with(b"", Changed::Opened { session: 1 << 60, ttl: Duration::from_secs(3) }),
            with(b"", Changed::Closed(1 << 60)),
        ]
    }

    #[test]
    fn what_is_put_into_rows_is_read_and_what_is_cut_off_is_refused() {
        let mut rows = Rows::default();
        let mut ends = vec![0];
        for update in some() {
            rows.push(&update);
            ends.push(rows.len());
        }
        let frame = rows.end();
        assert_eq!(Rows::read(&frame), Ok(some()));
        for len in 0..frame.len() {
            assert_eq!(Rows::read(&frame[..len]).is_ok(), ends.contains(&len), "{len}");
        }
    }

    #[test]
    fn an_entry_is_told_as_the_change_that_has_made_it() {
        let version = Version { epoch: 3, seq: 77 };
        for lasts in [Lasts::Forever, Lasts::For(Duration::from_millis(1500)), Lasts::With(7)] {
            let (mut one, mut other) = (Rows::default(), Rows::default());
            one.push_entry(b"lamp", &Entry { value: "on".into(), version, lasts });
            let change = Changed::Set { value: "on".into(), lasts };
            other.push(&Update { version, until: 77, key: "lamp".into(), change, writer: None });
            assert_eq!(one.end(), other.end());
        }
    }

    #[test]
    fn a_key_is_empty_only_where_none_has_changed() {
        for (number, key) in [(0, ""), (5, "key"), (8, "key")] {
            let mut rows = Rows::default();
            rows.push(&Update { key: key.into(), ..some()[number].clone() });
            assert_eq!(Rows::read(&rows.end()), Err(Malformed::Field("key")));
        }
        let mut rows = Rows::default();
        rows.push(&Update { until: 76, ..some()[0].clone() });
        assert_eq!(Rows::read(&rows.end()), Err(Malformed::Field("key")));
    }
}
