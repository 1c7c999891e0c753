//! What the two servers of a pair say to each other, and to their witness.
//!
//! ```text
//! server PUB    ────► SUB    its peer    BEAT, on every path that there is
//! server DEALER ◄──► ROUTER  witness     CLAIM, then GRANTED or HELD
//! ```

use std::time::Duration;

use bytes::Bytes;

use super::{MAX_KEY, key};
use crate::clone::version::Version;
use crate::wire::{Header, Malformed, Protocol, Reader, Writer};

/// What a server of a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// It does not know yet who decides.
    #[default]
    Starting,
    /// It is being told what the other one has.
    Syncing,
    /// It has what the other one has, and follows.
    Standby,
    /// It will decide as soon as that is written down.
    Promoting,
    /// It decides: it takes writes.
    Active,
    /// It has stopped to decide, so that the other one can begin.
    Leaving,
    /// It has decided, and may not any more: its lease is over, it was frozen, or it has heard of a later epoch.
    Fenced,
}

impl Role {
    pub(super) const ALL: [Self; 7] = [
        Self::Starting,
        Self::Syncing,
        Self::Standby,
        Self::Promoting,
        Self::Active,
        Self::Leaving,
        Self::Fenced,
    ];

    /// Whether it decides, or is about to.
    pub fn decides(self) -> bool {
        matches!(self, Self::Promoting | Self::Active)
    }
}

/// It is shown as it is called: `active`.
impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Syncing => "syncing",
            Self::Standby => "standby",
            Self::Promoting => "promoting",
            Self::Active => "active",
            Self::Leaving => "leaving",
            Self::Fenced => "fenced",
        })
    }
}

/// How a server of a pair is. Whoever hears it knows that it is alive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beat {
    /// Which of the two it is.
    pub is_primary: bool,
    /// What it is.
    pub role: Role,
    /// The last change that it has: if it is a standby, one that is as safe as its store makes it.
    pub version: Version,
    /// The highest epoch that it has heard of, or has promised to begin.
    pub epoch: u64,
    /// Where earlier epochs have ended, in the history that it has. The last 16.
    pub ends: Vec<Version>,
    /// The last beat that it has heard: the other one's session, and the number of the beat.
    pub echo: Option<(u64, u64)>,
}

/// What is said between a server and the witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Testimony {
    /// Server to witness: this server wants to be the only one that decides, for so long.
    Claim {
        /// The name of the pair, at most 1,024 octets.
        pair: Bytes,
        /// For so long from the moment at which the claim was made.
        lease: Duration,
        /// The last change that it has, if it decides already.
        version: Version,
        /// The epoch in which it does, or is about to. 0 if in none.
        epoch: u64,
    },
    /// Witness to server: nobody else is, until that time has passed.
    Granted {
        /// The number of the claim.
        claim: u64,
        /// The last change that anybody had who has claimed.
        latest: Version,
        /// The highest epoch in which anybody was about to decide who was granted it.
        epoch: u64,
    },
    /// Witness to server: somebody else may be.
    Held {
        /// The number of the claim.
        claim: u64,
        /// For so long at most, unless that one claims again.
        rest: Duration,
    },
}

impl Beat {
    /// The frame.
    pub fn encode(&self, session: u64, number: u64) -> Vec<u8> {
        let fields = Writer::after(&Header { command: BEAT, session, number }.encode(Protocol::Clone));
        let fields = fields.u8(u8::from(self.is_primary)).u8(self.role as u8);
        let fields = self.version.write(fields).u64(self.epoch);
        let fields = fields.list(&self.ends, |fields, version| version.write(fields));
        let (session, number) = self.echo.unwrap_or_default();
        fields.u8(u8::from(self.echo.is_some())).u64(session).u64(number).end()
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode<F: AsRef<[u8]>>(frames: impl IntoIterator<Item = F>) -> Result<(Header, Self), Malformed> {
        let frame = only(frames)?;
        let (header, fields) = Header::decode(Protocol::Clone, frame.as_ref())?;
        if header.command != BEAT {
            return Err(Malformed::Command(header.command));
        }
        let mut fields = Reader::new(fields);
        let beat = Self {
            is_primary: fields.u8("primary")? != 0,
            role: fields.one_of("role", &Role::ALL)?,
            version: Version::read(&mut fields)?,
            epoch: fields.u64("epoch")?,
            ends: fields.list("ends", MAX_ENDS, Version::read)?,
            echo: {
                let has_echo = fields.u8("has echo")? != 0;
                Some((fields.u64("echo")?, fields.u64("echo")?)).filter(|_| has_echo)
            },
        };
        Ok((header, beat))
    }
}

impl Testimony {
    /// The frame, after the routing id if there is one.
    pub fn encode(&self, session: u64, number: u64) -> Vec<u8> {
        let command = match self {
            Self::Claim { .. } => CLAIM,
            Self::Granted { .. } => CLAIM + 1,
            Self::Held { .. } => CLAIM + 2,
        };
        let fields = Writer::after(&Header { command, session, number }.encode(Protocol::Clone));
        match self {
            Self::Claim { pair, lease, version, epoch } => {
                let fields = fields.octets(&pair[..pair.len().min(MAX_KEY)]).duration(*lease);
                version.write(fields).u64(*epoch)
            }
            Self::Granted { claim, latest, epoch } => latest.write(fields.u64(*claim)).u64(*epoch),
            Self::Held { claim, rest } => fields.u64(*claim).duration(*rest),
        }
        .end()
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode<F: AsRef<[u8]>>(frames: impl IntoIterator<Item = F>) -> Result<(Header, Self), Malformed> {
        let frame = only(frames)?;
        let (header, fields) = Header::decode(Protocol::Clone, frame.as_ref())?;
        let mut fields = Reader::new(fields);
        let testimony = match header.command {
            CLAIM => {
                let pair = key(&mut fields, "pair")?;
                let lease = fields.duration("lease")?;
                let version = Version::read(&mut fields)?;
                Self::Claim { pair, lease, version, epoch: fields.u64("epoch")? }
            }
            GRANTED => {
                let claim = fields.u64("claim")?;
                let latest = Version::read(&mut fields)?;
                Self::Granted { claim, latest, epoch: fields.u64("epoch")? }
            }
            HELD => Self::Held { claim: fields.u64("claim")?, rest: fields.duration("rest")? },
            unknown => return Err(Malformed::Command(unknown)),
        };
        Ok((header, testimony))
    }
}

fn only<F>(frames: impl IntoIterator<Item = F>) -> Result<F, Malformed> {
    let mut frames = frames.into_iter();
    let frame = frames.next().ok_or(Malformed::Magic)?;
    if frames.next().is_some() { Err(Malformed::Frames) } else { Ok(frame) }
}

/// How many ends of epochs are kept.
pub(in crate::clone) const MAX_ENDS: usize = 16;
const BEAT: u8 = 32;
const CLAIM: u8 = 33;
const GRANTED: u8 = CLAIM + 1;
const HELD: u8 = CLAIM + 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn beats() -> Vec<Beat> {
        let version = Version { epoch: 7, seq: 40 };
        let beat = |role| Beat { role, version, epoch: 9, ..Beat::default() };
        let mut beats: Vec<_> = Role::ALL.into_iter().map(beat).collect();
        let ends = vec![version; MAX_ENDS];
        beats.push(Beat { is_primary: true, ends, echo: Some((1, 2)), ..beat(Role::Active) });
        beats
    }

    fn testimonies() -> Vec<Testimony> {
        let (rest, version) = (Duration::from_millis(70), Version { epoch: 7, seq: 40 });
        vec![
            Testimony::Claim { pair: "weather".into(), lease: Duration::from_secs(2), version, epoch: 9 },
            Testimony::Granted { claim: 3, latest: version, epoch: 9 },
            Testimony::Held { claim: 4, rest },
        ]
    }

    #[test]
    fn what_is_said_in_a_pair_is_heard_and_what_is_cut_off_is_not() {
        let said = beats().into_iter().map(|beat| (beat.encode(5, 6), Some(beat), None));
        let testimonies = testimonies().into_iter().map(|it| (it.encode(5, 6), None, Some(it)));
        for (frame, beat, testimony) in said.chain(testimonies) {
            assert_eq!(Beat::decode([&frame]).ok().map(|(_, heard)| heard), beat);
            assert_eq!(Testimony::decode([&frame]).ok().map(|(_, heard)| heard), testimony);
            for len in 0..frame.len() {
                assert!(Beat::decode([&frame[..len]]).is_err(), "{beat:?} at {len}");
                assert!(Testimony::decode([&frame[..len]]).is_err(), "{testimony:?} at {len}");
            }
            assert!(Beat::decode([&frame, &frame]).is_err() && Testimony::decode([&frame, &frame]).is_err());
        }
    }
}
