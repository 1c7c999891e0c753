//! What a server tells everybody. The topic comes first, so that each gets what it has subscribed to, in one order:
//!
//! ```text
//! 'U' key               a change of this key; subscribed to by the beginning of a key
//! 'B' length prefix     how things are under this prefix, now and then
//! 'F' nonce             here you are: every subscription that was made before this one is in force
//! ```

use bytes::{BufMut, Bytes};

use super::update::Update;
use crate::clone::tree::Sums;
use crate::clone::version::Version;
use crate::wire::{Header, Malformed, Protocol, Reader, Writer};

/// What is said to everybody who wants to hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// Something has changed.
    Update(Update),
    /// All that has changed was said before this.
    Beat {
        /// What it is about.
        prefix: Bytes,
        /// Up to here.
        version: Version,
        /// What there is under the prefix then. Left out if there are more prefixes than one can look at each time.
        sums: Option<Sums>,
    },
    /// The answer to a fence.
    Passed {
        /// Which.
        nonce: u128,
        /// What had been said by then.
        version: Version,
    },
}

/// The topic of changes under a prefix.
pub fn updates(prefix: &[u8]) -> Bytes {
    [b"U", prefix].concat().into()
}

/// The topic of beats about a prefix.
pub fn beats(prefix: &[u8]) -> Bytes {
    let mut topic = Vec::with_capacity(prefix.len() + 3);
    topic.put_u8(b'B');
    topic.put_u16(prefix.len().try_into().unwrap_or(u16::MAX));
    topic.put_slice(prefix);
    topic.into()
}

/// The topic of the answer to a fence.
pub fn fence(nonce: u128) -> Bytes {
    let mut topic = vec![b'F'];
    topic.put_u128(nonce);
    topic.into()
}

/// The prefix, if this is a topic of beats.
pub fn beats_about(topic: &[u8]) -> Option<Bytes> {
    let (length, prefix) = topic.strip_prefix(b"B")?.split_first_chunk()?;
    (usize::from(u16::from_be_bytes(*length)) == prefix.len()).then(|| Bytes::copy_from_slice(prefix))
}

impl Publication {
    /// What it is filtered by.
    pub fn topic(&self) -> Bytes {
        match self {
            Self::Update(update) => updates(&update.key),
            Self::Beat { prefix, .. } => beats(prefix),
            Self::Passed { nonce, .. } => fence(*nonce),
        }
    }

    /// The frames of a message: topic, head, and a value if there is one.
    pub fn encode(&self, session: u64, number: u64) -> (Bytes, Vec<u8>, Option<Bytes>) {
        let command = match self {
            Self::Update(_) => 0,
            Self::Beat { .. } => 1,
            Self::Passed { .. } => 2,
        };
        let fields = Writer::after(&Header { command, session, number }.encode(Protocol::Clone));
        let (fields, value) = match self {
            Self::Update(update) => (update.write(fields), update.value().cloned()),
            Self::Beat { version, sums, .. } => {
                let Sums { count, digest } = sums.unwrap_or_default();
                let fields = version.write(fields).u8(u8::from(sums.is_some())).u64(count);
                (fields.u64((digest >> 64) as u64).u64(digest as u64), None)
            }
            Self::Passed { version, .. } => (version.write(fields), None),
        };
        (self.topic(), fields.end(), value)
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode<F: AsRef<[u8]> + Into<Bytes>>(
        frames: impl IntoIterator<Item = F>,
    ) -> Result<(Header, Self), Malformed> {
        let mut frames = frames.into_iter();
        let (Some(topic), Some(head)) = (frames.next(), frames.next()) else { return Err(Malformed::Magic) };
        let value = frames.next().map(Into::into);
        if frames.next().is_some() {
            return Err(Malformed::Frames);
        }
        let (header, fields) = Header::decode(Protocol::Clone, head.as_ref())?;
        let mut fields = Reader::new(fields);
        let topic: Bytes = topic.into();
        let publication = match (header.command, topic.first()) {
            (0, Some(b'U')) => Self::Update(Update::read(&mut fields, topic.slice(1..), |_| Ok(value))?),
            (1, Some(b'B')) => {
                let prefix = beats_about(&topic).ok_or(Malformed::Field("prefix"))?;
                let (version, has_sums) = (Version::read(&mut fields)?, fields.u8("has sums")? != 0);
                let sums = Sums { count: fields.u64("count")?, digest: digest(&mut fields)? };
                Self::Beat { prefix, version, sums: has_sums.then_some(sums) }
            }
            (2, Some(b'F')) => {
                let nonce = topic[1..].try_into().map_err(|_| Malformed::Field("nonce"))?;
                Self::Passed { nonce: u128::from_be_bytes(nonce), version: Version::read(&mut fields)? }
            }
            (unknown, _) => return Err(Malformed::Command(unknown)),
        };
        Ok((header, publication))
    }
}

pub(super) fn digest(fields: &mut Reader<'_>) -> Result<u128, Malformed> {
    let (high, low) = (fields.u64("digest")?, fields.u64("digest")?);
    Ok(u128::from(high) << 64 | u128::from(low))
}

#[cfg(test)]
mod tests {
    use super::super::update::tests::some;
    use super::*;

    fn all() -> Vec<Publication> {
        let version = Version { epoch: 2, seq: 5 };
        let sums = Sums { count: 3, digest: u128::MAX - 7 };
        let mut all: Vec<_> = some().into_iter().map(Publication::Update).collect();
        all.extend([
            Publication::Beat { prefix: "a/".into(), version, sums: Some(sums) },
            Publication::Beat { prefix: Bytes::new(), version, sums: None },
            Publication::Passed { nonce: 1 << 100 | 7, version },
        ]);
        all
    }

    fn frames(publication: &Publication) -> Vec<Bytes> {
        let (topic, head, value) = publication.encode(7, 9);
        [topic, head.into()].into_iter().chain(value).collect()
    }

    #[test]
    fn what_is_published_is_read_and_what_is_cut_off_is_refused() {
        for publication in all() {
            let frames = frames(&publication);
            let (header, read) = Publication::decode(frames.clone()).unwrap();
            assert_eq!((header.session, header.number, read), (7, 9, publication));
            for len in 0..frames[1].len() {
                let mut cut = frames.clone();
                cut[1].truncate(len);
                assert!(Publication::decode(cut).is_err(), "{len}");
            }
            assert!(Publication::decode(frames[..1].to_vec()).is_err());
            let more = [frames, vec![Bytes::new(); 2]].concat();
            assert_eq!(Publication::decode(more), Err(Malformed::Frames));
        }
    }

    /// Subscriptions match by how a topic begins.
    #[test]
    fn a_subscription_gets_its_keys_its_beats_and_its_answer_and_nothing_else() {
        let key = |key: &'static str| updates(key.as_bytes());
        assert!(key("a/lamp").starts_with(&updates(b"a/")) && !key("b/lamp").starts_with(&updates(b"a/")));
        assert!(!beats(b"a/b").starts_with(&beats(b"a/")) && !beats(b"").starts_with(&updates(b"")));
        assert_eq!(beats_about(&beats(b"a/")), Some("a/".into()));
        for other in [&b"B\0\x03a/"[..], b"B\0", b"U", b""] {
            assert_eq!(beats_about(other), None);
        }
    }
}
