//! One change, as it is published, kept and sent to those who missed it.

use std::time::Duration;

use bytes::Bytes;

use crate::clone::version::Version;
use crate::wire::{Malformed, Reader, Writer};

/// Something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What came of it.
    pub version: Version,
    /// The number of the last change of the same batch: all of a batch happen at once.
    pub until: u64,
    /// What has changed. Empty, and only then, if it is the epoch, or nothing.
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
        /// How long it lasts at least, if not for ever.
        ttl: Option<Duration>,
    },
    /// It was deleted.
    Deleted,
    /// Its time was up.
    Expired,
    /// No key: somebody has become the one that decides.
    Epoch,
    /// Nothing has: this write was done before, and may be said again.
    Noted,
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
        let (kind, ttl) = match &self.change {
            Changed::Set { ttl, .. } => (0, ttl.unwrap_or_default()),
            Changed::Deleted => (1, Duration::ZERO),
            Changed::Expired => (2, Duration::ZERO),
            Changed::Epoch => (3, Duration::ZERO),
            Changed::Noted => (4, Duration::ZERO),
        };
        let Writing { writer, number } = self.writer.unwrap_or(NOBODYS);
        let fields = self.version.write(fields).u64(self.until).u8(kind).duration(ttl);
        fields.u64(writer).u64(number)
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
        let (kind, ttl) = (fields.u8("kind")?, fields.duration("ttl")?);
        let writing = Writing { writer: fields.u64("writer")?, number: fields.u64("number")? };
        let change = match (kind, value(fields)?) {
            (0, Some(value)) => Changed::Set { value, ttl: (!ttl.is_zero()).then_some(ttl) },
            (1, None) => Changed::Deleted,
            (2, None) => Changed::Expired,
            (3, None) => Changed::Epoch,
            (4, None) => Changed::Noted,
            _ => return Err(Malformed::Field("kind")),
        };
        if until < version.seq || key.is_empty() != matches!(change, Changed::Epoch | Changed::Noted) {
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
        let fields = std::mem::take(&mut self.0).octets(&update.key);
        let fields = fields.u8(u8::from(update.value().is_some()));
        let fields = fields.long(update.value().map_or(&[][..], |value| value));
        self.0 = update.write(fields);
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

/// What is so long came with little else.
const ALONE: usize = 64 << 10;
/// What nobody wants to know again.
const NOBODYS: Writing = Writing { writer: 0, number: 0 };

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::clone::wire) fn some() -> Vec<Update> {
        let version = Version { epoch: 3, seq: 77 };
        let set = Changed::Set { value: "on".into(), ttl: Some(Duration::from_millis(1500)) };
        let writer = Some(Writing { writer: 9, number: 4 });
        let update = Update { version, until: 78, key: "lamp".into(), change: set, writer };
        let with =
            |key: &'static [u8], change| Update { key: key.into(), change, writer: None, ..update.clone() };
        vec![
            update.clone(),
            with(b"\0", Changed::Set { value: Bytes::new(), ttl: None }),
            with(b"lamp", Changed::Deleted),
            with(b"\xff", Changed::Expired),
            with(b"", Changed::Epoch),
            with(b"", Changed::Noted),
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
    fn a_key_is_empty_only_where_none_has_changed() {
        for (number, key) in [(0, ""), (4, "key")] {
            let mut rows = Rows::default();
            rows.push(&Update { key: key.into(), ..some()[number].clone() });
            assert_eq!(Rows::read(&rows.end()), Err(Malformed::Field("key")));
        }
        let mut rows = Rows::default();
        rows.push(&Update { until: 76, ..some()[0].clone() });
        assert_eq!(Rows::read(&rows.end()), Err(Malformed::Field("key")));
    }
}
