//! ZCP/2: what a server and its clients say to each other.
//!
//! ```text
//! client DEALER ◄──► ROUTER server      header, protocol AA B3, and the fields of the command; then payloads
//! client SUB    ◄──── XPUB  server      topic; header and fields; the value, if there is one: `Publication`
//! client PUSH   ────► PULL  server      WRITE, which nobody answers
//! ```
//!
//! Durations are milliseconds in 32 bits.

mod lasts;
mod pair;
mod publication;
mod update;

use std::time::Duration;

use bytes::Bytes;
pub use lasts::Lasts;
pub(super) use pair::MAX_ENDS;
pub use pair::{Beat, Role, Testimony};
pub use publication::{Publication, beats, beats_about, fence, updates};
pub(super) use update::at_home;
pub use update::{Changed, Rows, Update, Writing};

use super::tree::Sums;
use super::version::Version;
use crate::wire::{Header, MAX_FIELDS, Malformed, Protocol, Reader, Writer};

/// What is said between a client and a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Server to client, first of all and whenever it has changed: how things are.
    Hail {
        /// The last change that there was.
        version: Version,
        /// Who decides.
        standing: Standing,
        /// How often it publishes at least.
        beat: Duration,
    },
    /// Client to server: publish an answer to this. To a server that does not decide: somebody has come here for that one
    /// who does; it answers with a hail.
    Fence {
        /// Which the answer bears.
        nonce: u128,
        /// The last change that the client has heard of. A server that knows less learns that it is not the one.
        version: Version,
    },
    /// Client to server: what there is under these prefixes.
    Sync {
        /// Comes back with the answer.
        request: u64,
        /// Neither begins with another.
        prefixes: Vec<Bytes>,
        /// What the client has already.
        have: Option<Version>,
    },
    /// Client to server: the next page.
    Page {
        /// Of this.
        request: u64,
        /// Where it begins, as the last page said.
        from: Bytes,
    },
    /// Server to client: a page.
    Rows {
        /// Of this.
        request: u64,
        /// What it is a page of.
        what: What,
        /// Where it begins.
        from: Bytes,
        /// What comes after it.
        next: Next,
        /// [`Rows`].
        rows: Bytes,
    },
    /// Server to client: too many want that just now.
    Wait {
        /// What is meant.
        request: u64,
        /// When to ask again at the earliest.
        retry_after: Duration,
    },
    /// Server to client: it is not kept any more. Begin again.
    Gone {
        /// What is meant.
        request: u64,
    },
    /// Client to server: change this, all of it or nothing.
    Write {
        /// Counts what this client writes. A write that is said again is done once.
        number: u64,
        /// The client knows what became of all writes up to this one.
        settled: u64,
        /// The last one before this of which it does not. 0 if it knows that of all.
        after: u64,
        /// The last change that the client has heard of.
        version: Version,
        /// When it is to be answered.
        durable: Durable,
        /// What.
        changes: Vec<Change>,
    },
    /// Server to client: what became of a write.
    Written {
        /// Which.
        number: u64,
        /// What.
        outcome: Outcome,
    },
    /// Client to server: this session is to stay open.
    Keep {
        /// Which.
        session: u64,
        /// Comes back with the answer.
        turn: u64,
        /// The last change that the client has heard of.
        version: Version,
    },
    /// Server to client: it does, for its time from when that was said, or it is over.
    Kept {
        /// Which session.
        session: u64,
        /// As it was said.
        turn: u64,
        /// Whether it is open.
        is_open: bool,
    },
    /// Operator to server: how is it?
    Ask,
    /// Server to operator: so.
    Told {
        /// How it is.
        report: Report,
    },
    /// Operator to server: do this.
    Order {
        /// What.
        order: Order,
    },
    /// Server to operator: it is done, or cannot be.
    Obeyed {
        /// Which.
        done: bool,
    },
}

/// What an operator may want of one of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The active one: let the other one decide.
    HandOver,
    /// The other one: decide, even if the rules do not allow it. What the active one had in advance is lost.
    Promote,
}

/// How a server is, as it tells operators.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The last change that it has.
    pub version: Version,
    /// What it is. One by itself is active.
    pub role: Role,
    /// Whether it is one of a pair.
    pub is_paired: bool,
    /// What the other one was when it was heard last. None if it is silent, or there is none.
    pub peer: Option<Role>,
    /// Which of the paths between them are alive.
    pub paths: Vec<bool>,
    /// Figures by name: `keys`, `clients`, `lag` and others.
    pub figures: Vec<(String, u64)>,
}

/// Who decides, as a server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Another server.
    Passive,
    /// This one.
    #[default]
    Active,
    /// Nobody that it knows of. It may be this one in a moment, if somebody asks for it.
    Vacant,
}

/// When a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durable {
    /// When it is as safe as it can be at the one server: on its disk, if it has a store.
    #[default]
    Server,
    /// When it is so at the standby too.
    Standby,
}

/// What a page is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Everything that there is, by key.
    Snapshot,
    /// All changes since the client's version, in their order.
    Delta,
}

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another, which begins here.
    Page(Bytes),
    /// Nothing.
    End {
        /// This is how it was then.
        version: Version,
        /// What there was under each prefix.
        sums: Vec<Sums>,
    },
}

/// One of the changes of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of which key: 1 to [`MAX_KEY`] octets, any octets. None if it is a session that is opened or closed.
    pub key: Bytes,
    /// What it is to stand for.
    pub to: To,
    /// On what condition.
    pub when: When,
}

/// What a key is to stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// This.
    Value {
        /// The value, which may be empty.
        value: Bytes,
        /// How long.
        lasts: Lasts,
    },
    /// Nothing.
    Nothing,
    /// No key: a session is open from now on. The client names it, with a number that nobody else has had.
    Open {
        /// Its number.
        session: u64,
        /// How long it stays open when its client is not heard.
        ttl: Duration,
    },
    /// No key: this session is over, and with it what was to last with it. The only change of its write.
    Close(u64),
}

/// On what condition a key is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// If it stands for nothing.
    Absent,
    /// If it has not changed since.
    Unchanged(Version),
    /// If it lasts with this session.
    Held(u64),
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and this came of it.
    Done(Version),
    /// It was not: a condition did not hold.
    Conflict {
        /// Of which change, counted from 0.
        change: u16,
        /// Since when its key stands for what it does, if it stands for anything.
        current: Option<Version>,
    },
    /// It was not: this server does not take it.
    Refused(Refusal),
}

/// Why a server does not take a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has as many keys or octets as it may. Deletions are taken.
    #[error("the server has as many keys or octets as it may; deletions are still taken")]
    Full,
    /// A key has 1 to 1,024 octets.
    #[error("a key has 1 to 1,024 octets")]
    Key,
    /// The value is longer than the server takes.
    #[error("the value is longer than the server takes")]
    Value,
    /// A write has 1 to 128 changes.
    #[error("a write has 1 to 128 changes")]
    Changes,
    /// Another server decides, or none.
    #[error("this server does not decide just now")]
    NotActive,
    /// The server has heard of later writes of this client, and has not done this one.
    #[error("the write was not done, and the server does not know any more why")]
    Forgotten,
    /// It is to be safe at the standby, and there is none that follows.
    #[error("the write is to be safe at a standby, and there is none that follows just now")]
    NoStandby,
    /// A key is to last with a session that is not open.
    #[error("the session is not open any more")]
    Session,
}

impl Command {
    /// The frames of a message, after the routing id if there is one.
    pub fn encode(&self, session: u64, number: u64) -> (Vec<u8>, Vec<Bytes>) {
        let header = Header { command: self.number(), session, number }.encode(Protocol::Clone);
        (self.write(Writer::after(&header)).end(), self.payloads())
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode<F: AsRef<[u8]> + Into<Bytes>>(
        frames: impl IntoIterator<Item = F>,
    ) -> Result<(Header, Self), Malformed> {
        let mut frames = frames.into_iter();
        let first = frames.next().ok_or(Malformed::Magic)?;
        let (header, fields) = Header::decode(Protocol::Clone, first.as_ref())?;
        let mut payloads = frames.map(Into::into);
        if fields.len() > MAX_WRITE {
            return Err(Malformed::Field("fields"));
        }
        let command = Self::read(header.command, &mut Reader::new(fields), &mut payloads)?;
        if payloads.next().is_some() {
            return Err(Malformed::Frames);
        }
        Ok((header, command))
    }

    fn number(&self) -> u8 {
        match self {
            Self::Hail { .. } => 0,
            Self::Fence { .. } => 1,
            Self::Sync { .. } => 2,
            Self::Page { .. } => 3,
            Self::Rows { .. } => 4,
            Self::Wait { .. } => 5,
            Self::Gone { .. } => 6,
            Self::Write { .. } => 7,
            Self::Written { .. } => 8,
            Self::Ask => 9,
            Self::Told { .. } => 10,
            Self::Order { .. } => 11,
            Self::Obeyed { .. } => 12,
            Self::Keep { .. } => 13,
            Self::Kept { .. } => 14,
        }
    }

    fn payloads(&self) -> Vec<Bytes> {
        match self {
            Self::Rows { rows, .. } => vec![rows.clone()],
            Self::Write { changes, .. } => {
                let value = |change: &Change| match &change.to {
                    To::Value { value, .. } => Some(value.clone()),
                    To::Nothing | To::Open { .. } | To::Close(_) => None,
                };
                changes.iter().filter_map(value).collect()
            }
            _ => Vec::new(),
        }
    }

    fn write(&self, fields: Writer) -> Writer {
        match self {
            Self::Hail { version, standing, beat } => {
                version.write(fields).u8(*standing as u8).duration(*beat)
            }
            Self::Fence { nonce, version } => {
                version.write(fields.u64((nonce >> 64) as u64).u64(*nonce as u64))
            }
            Self::Sync { request, prefixes, have } => {
                let fields = fields.u64(*request).list(prefixes, |fields, prefix| fields.octets(prefix));
                write_version(*have, fields)
            }
            Self::Page { request, from } => fields.u64(*request).octets(from),
            Self::Rows { request, what, from, next, .. } => {
                let fields = fields.u64(*request).u8(*what as u8).octets(from);
                match next {
                    Next::Page(next) => fields.u8(0).octets(next),
                    Next::End { version, sums } => version.write(fields.u8(1)).list(sums, |fields, sums| {
                        fields.u64(sums.count).u64((sums.digest >> 64) as u64).u64(sums.digest as u64)
                    }),
                }
            }
            Self::Wait { request, retry_after } => fields.u64(*request).duration(*retry_after),
            Self::Gone { request } => fields.u64(*request),
            Self::Write { number, settled, after, version, durable, changes } => {
                let fields = fields.u64(*number).u64(*settled).u64(*after);
                let fields = version.write(fields).u8(*durable as u8);
                fields.list(changes, |fields, change| change.write(fields))
            }
            Self::Written { number, outcome } => outcome.write(fields.u64(*number)),
            Self::Ask => fields,
            Self::Told { report } => report.write(fields),
            Self::Order { order } => fields.u8(*order as u8),
            Self::Obeyed { done } => fields.u8(u8::from(*done)),
            Self::Keep { session, turn, version } => version.write(fields.u64(*session).u64(*turn)),
            Self::Kept { session, turn, is_open } => fields.u64(*session).u64(*turn).u8(u8::from(*is_open)),
        }
    }

    fn read(
        command: u8,
        fields: &mut Reader<'_>,
        payloads: &mut impl Iterator<Item = Bytes>,
    ) -> Result<Self, Malformed> {
        Ok(match command {
            0 => Self::Hail {
                version: Version::read(fields)?,
                standing: fields.one_of("standing", &Standing::ALL)?,
                beat: fields.duration("beat")?,
            },
            1 => Self::Fence { nonce: publication::digest(fields)?, version: Version::read(fields)? },
            2 => Self::Sync {
                request: fields.u64("request")?,
                prefixes: fields.list("prefixes", MAX_PREFIXES, |fields| key(fields, "prefix"))?,
                have: read_version(fields)?,
            },
            3 => Self::Page { request: fields.u64("request")?, from: key(fields, "from")? },
            4 => Self::Rows {
                request: fields.u64("request")?,
                what: fields.one_of("what", &[What::Snapshot, What::Delta])?,
                from: key(fields, "from")?,
                next: match fields.u8("next")? {
                    0 => Next::Page(key(fields, "next")?),
                    _ => Next::End {
                        version: Version::read(fields)?,
                        sums: fields.list("sums", MAX_PREFIXES, |fields| {
                            Ok(Sums { count: fields.u64("count")?, digest: publication::digest(fields)? })
                        })?,
                    },
                },
                rows: payloads.next().ok_or(Malformed::Frames)?,
            },
            5 => Self::Wait { request: fields.u64("request")?, retry_after: fields.duration("retry after")? },
            6 => Self::Gone { request: fields.u64("request")? },
            7 => Self::Write {
                number: fields.u64("number")?,
                settled: fields.u64("settled")?,
                after: fields.u64("after")?,
                version: Version::read(fields)?,
                durable: fields.one_of("durable", &[Durable::Server, Durable::Standby])?,
                changes: fields.list("changes", MAX_CHANGES, |fields| Change::read(fields, payloads))?,
            },
            8 => Self::Written { number: fields.u64("number")?, outcome: Outcome::read(fields)? },
            9 => Self::Ask,
            10 => Self::Told { report: Report::read(fields)? },
            11 => Self::Order { order: fields.one_of("order", &[Order::HandOver, Order::Promote])? },
            12 => Self::Obeyed { done: fields.u8("done")? != 0 },
            13 => Self::Keep {
                session: fields.u64("session")?,
                turn: fields.u64("turn")?,
                version: Version::read(fields)?,
            },
            14 => Self::Kept {
                session: fields.u64("session")?,
                turn: fields.u64("turn")?,
                is_open: fields.u8("open")? != 0,
            },
            unknown => return Err(Malformed::Command(unknown)),
        })
    }
}

impl Change {
    fn write(&self, fields: Writer) -> Writer {
        let fields = fields.octets(&self.key);
        let fields = match self.to {
            To::Nothing => fields.u8(0),
            To::Value { lasts, .. } => lasts.write(fields.u8(1)),
            To::Open { session, ttl } => fields.u8(2).u64(session).duration(ttl),
            To::Close(session) => fields.u8(3).u64(session),
        };
        match self.when {
            When::Always => fields.u8(0),
            When::Absent => fields.u8(1),
            When::Unchanged(version) => version.write(fields.u8(2)),
            When::Held(session) => fields.u8(3).u64(session),
        }
    }

    fn read(fields: &mut Reader<'_>, payloads: &mut impl Iterator<Item = Bytes>) -> Result<Self, Malformed> {
        let key = key(fields, "key")?;
        let to = match fields.u8("to")? {
            0 => To::Nothing,
            1 => To::Value { lasts: Lasts::read(fields)?, value: payloads.next().ok_or(Malformed::Frames)? },
            2 => To::Open { session: fields.u64("session")?, ttl: fields.duration("ttl")? },
            3 => To::Close(fields.u64("session")?),
            _ => return Err(Malformed::Field("to")),
        };
        let when = match fields.u8("when")? {
            0 => When::Always,
            1 => When::Absent,
            2 => When::Unchanged(Version::read(fields)?),
            3 => When::Held(fields.u64("session")?),
            _ => return Err(Malformed::Field("when")),
        };
        Ok(Self { key, to, when })
    }
}

impl Outcome {
    fn write(self, fields: Writer) -> Writer {
        match self {
            Self::Done(version) => version.write(fields.u8(0)),
            Self::Conflict { change, current } => write_version(current, fields.u8(1).u16(change)),
            Self::Refused(refusal) => fields.u8(2).u8(refusal as u8),
        }
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match fields.u8("outcome")? {
            0 => Self::Done(Version::read(fields)?),
            1 => Self::Conflict { change: fields.u16("change")?, current: read_version(fields)? },
            2 => Self::Refused(fields.one_of("refusal", &Refusal::ALL)?),
            _ => return Err(Malformed::Field("outcome")),
        })
    }
}

impl Report {
    fn write(&self, fields: Writer) -> Writer {
        let fields = self.version.write(fields).u8(self.role as u8).u8(u8::from(self.is_paired));
        let fields = fields.u8(u8::from(self.peer.is_some())).u8(self.peer.unwrap_or_default() as u8);
        let fields = fields.list(&self.paths, |fields, path| fields.u8(u8::from(*path)));
        fields.list(&self.figures, |fields, (name, figure)| fields.octets(name.as_bytes()).u64(*figure))
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            version: Version::read(fields)?,
            role: fields.one_of("role", &Role::ALL)?,
            is_paired: fields.u8("paired")? != 0,
            peer: {
                let has_peer = fields.u8("has peer")? != 0;
                Some(fields.one_of("peer", &Role::ALL)?).filter(|_| has_peer)
            },
            paths: fields.list("paths", MAX_PATHS, |fields| Ok(fields.u8("path")? != 0))?,
            figures: fields.list("figures", MAX_FIGURES, |fields| {
                Ok((fields.text("name", MAX_NAME)?, fields.u64("figure")?))
            })?,
        })
    }
}

impl Standing {
    const ALL: [Self; 3] = [Self::Passive, Self::Active, Self::Vacant];
}

impl Refusal {
    const ALL: [Self; 8] = [
        Self::Full,
        Self::Key,
        Self::Value,
        Self::Changes,
        Self::NotActive,
        Self::Forgotten,
        Self::NoStandby,
        Self::Session,
    ];
}

fn write_version(version: Option<Version>, fields: Writer) -> Writer {
    version.unwrap_or_default().write(fields.u8(u8::from(version.is_some())))
}

fn read_version(fields: &mut Reader<'_>) -> Result<Option<Version>, Malformed> {
    let is_some = fields.u8("has version")? != 0;
    Ok(Some(Version::read(fields)?).filter(|_| is_some))
}

fn key(fields: &mut Reader<'_>, name: &'static str) -> Result<Bytes, Malformed> {
    let key = fields.octets(name)?;
    if key.len() > MAX_KEY { Err(Malformed::Field(name)) } else { Ok(Bytes::copy_from_slice(key)) }
}

/// The most octets of a key.
pub const MAX_KEY: usize = 1024;
/// The most changes of a write.
pub const MAX_CHANGES: usize = 128;
/// The most prefixes of a client.
pub const MAX_PREFIXES: usize = 60;
/// The most paths between two servers.
const MAX_PATHS: usize = 16;
/// The most figures of a report, and octets of a name of one.
const MAX_FIGURES: usize = 256;
const MAX_NAME: usize = 64;
/// A write may have as many keys as it has changes.
const MAX_WRITE: usize = MAX_FIELDS + MAX_CHANGES * MAX_KEY;

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Command> {
        let version = Version { epoch: 1, seq: 300 };
        let sums = Sums { count: 8, digest: 1 << 77 | 5 };
        let change = |key: &'static [u8], to, when| Change { key: key.into(), to, when };
        let value = |lasts| To::Value { value: "value".into(), lasts };
        let changes = vec![
            change(b"\0", value(Lasts::For(Duration::from_secs(2))), When::Absent),
            change(b"b", To::Nothing, When::Unchanged(version)),
            change(b"\xff", value(Lasts::Forever), When::Always),
            change(b"c", value(Lasts::With(1 << 50)), When::Held(1 << 50)),
            change(b"", To::Open { session: 1 << 50, ttl: Duration::from_secs(9) }, When::Always),
            change(b"", To::Close(1 << 50), When::Always),
        ];
        let rows =
            |what, next| Command::Rows { request: 4, what, from: "f".into(), next, rows: "rows".into() };
        let written = |outcome| Command::Written { number: 7, outcome };
        let refused = |refusal| written(Outcome::Refused(refusal));
        let mut all = vec![
            Command::Fence { nonce: 1 << 90 | 3, version },
            Command::Sync { request: 1, prefixes: vec!["a".into(), Bytes::new()], have: Some(version) },
            Command::Sync { request: 2, prefixes: vec![], have: None },
            Command::Page { request: 1, from: "\0".into() },
            rows(What::Snapshot, Next::Page("g".into())),
            rows(What::Delta, Next::End { version, sums: vec![sums, Sums::default()] }),
            Command::Wait { request: 1, retry_after: Duration::from_millis(30) },
            Command::Gone { request: 1 },
            Command::Write { number: 5, settled: 3, after: 4, version, durable: Durable::Standby, changes },
            written(Outcome::Done(version)),
            written(Outcome::Conflict { change: 2, current: Some(version) }),
            written(Outcome::Conflict { change: 0, current: None }),
        ];
        all.extend(Refusal::ALL.map(refused));
        let report = Report {
            version,
            role: Role::Active,
            is_paired: true,
            peer: Some(Role::Standby),
            paths: vec![true, false],
            figures: vec![("keys".to_owned(), 3)],
        };
        all.extend([Command::Ask, Command::Told { report }, Command::Told { report: Report::default() }]);
        all.extend([Order::HandOver, Order::Promote].map(|order| Command::Order { order }));
        all.extend([true, false].map(|done| Command::Obeyed { done }));
        all.push(Command::Keep { session: 1 << 50, turn: 3, version });
        all.extend([true, false].map(|is_open| Command::Kept { session: 1 << 50, turn: 3, is_open }));
        let beat = Duration::from_millis(250);
        all.extend(Standing::ALL.map(|standing| Command::Hail { version, standing, beat }));
        all
    }

    fn frames(command: &Command) -> Vec<Bytes> {
        let (head, payloads) = command.encode(7, 9);
        std::iter::once(head.into()).chain(payloads).collect()
    }

    #[test]
    fn what_is_said_is_heard() {
        for command in all() {
            let (header, heard) = Command::decode(frames(&command)).unwrap();
            assert_eq!((header.session, header.number, heard), (7, 9, command));
        }
    }

    #[test]
    fn what_is_cut_off_or_has_a_frame_too_many_is_refused() {
        for command in all() {
            let frames = frames(&command);
            for len in 0..frames[0].len() {
                let mut cut = frames.clone();
                cut[0].truncate(len);
                assert!(Command::decode(cut).is_err(), "{command:?} at {len}");
            }
            let more = [&frames[..], &["more".into()]].concat();
            assert_eq!(Command::decode(more), Err(Malformed::Frames), "{command:?}");
            if frames.len() > 1 {
                assert_eq!(Command::decode(frames[..1].to_vec()), Err(Malformed::Frames), "{command:?}");
            }
        }
        assert_eq!(Command::decode(Vec::<Bytes>::new()), Err(Malformed::Magic));
    }

    #[test]
    fn the_largest_write_has_room() {
        let change = |number: u8| Change {
            key: vec![number; MAX_KEY].into(),
            to: To::Value { value: Bytes::new(), lasts: Lasts::With(u64::MAX) },
            when: When::Unchanged(Version::default()),
        };
        let changes: Vec<_> = (0..MAX_CHANGES as u8).map(change).collect();
        let command = Command::Write {
            number: 1,
            settled: 0,
            after: 0,
            version: Version::default(),
            durable: Durable::Server,
            changes,
        };
        assert_eq!(Command::decode(frames(&command)).map(|(_, heard)| heard), Ok(command));
    }
}
