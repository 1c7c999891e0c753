//! The greeting: the first 64 octets each side sends (RFC 37, R37-GRAM-02).
//!
//! ```text
//!   offset  0        1..9       9     10      11      12..32       32         33..64
//!           FF       padding    7F    major   minor   mechanism    as-server  filler
//! ```
//!
//! All 64 go out at once, since no older version is spoken (R37-VER-06). Padding and filler are not looked at
//! (R37-VER-10). as-server is only good for finding two servers that talk to each other: libzmq sends 0 in every role.

use super::error::{Error, Incompatible, Malformed, printable};
use super::mechanism::Mechanism;

/// What a greeting says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    /// Major and minor version as they stand on the wire.
    pub version: (u8, u8),
    /// Twenty octets, padded with NUL.
    pub mechanism: [u8; 20],
    /// Whether the sender is the server of its mechanism (R37-SEC-09).
    pub as_server: bool,
}

impl Greeting {
    /// Octets of a greeting.
    pub const SIZE: usize = 64;

    /// Our own: 3.1, with this mechanism.
    pub fn new(mechanism: &Mechanism) -> Self {
        Self { version: (3, 1), mechanism: padded(mechanism.name()), as_server: mechanism.is_server() }
    }

    /// The 64 octets.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let (major, minor) = self.version;
        let octets = [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, major, minor]
            .into_iter()
            .chain(self.mechanism)
            .chain([u8::from(self.as_server)]);
        out.iter_mut().zip(octets).for_each(|(to, octet)| *to = octet);
        out
    }

    /// Reads a greeting from the front of `input`, or says `None` while it is incomplete. What is wrong is said at
    /// the first octet that shows it.
    ///
    /// # Errors
    /// [`Malformed::Signature`] for bytes of another protocol; [`Incompatible::Version`] for ZMTP 1.0 and 2.0.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, Error> {
        if input.first().is_some_and(|&first| first != 0xff)
            || input.get(9).is_some_and(|tenth| *tenth != 0x7f)
        {
            return Err(Malformed::Signature { looks_like: looks_like(input) }.into());
        }
        // R37-BACK-04: 1 is what ZMTP 2.0 calls itself. Nothing that ships sends 2, and libzmq takes it for 3.1.
        match input.get(10) {
            Some(0) => return Err(Incompatible::Version("1.0").into()),
            Some(1) => return Err(Incompatible::Version("2.0").into()),
            _ => {}
        }
        let Some(whole) = input.first_chunk::<{ Self::SIZE }>() else {
            return Ok(None);
        };
        let [_, _, _, _, _, _, _, _, _, _, major, minor, ref rest @ ..] = *whole;
        let mut mechanism = [0; 20];
        mechanism.iter_mut().zip(rest).for_each(|(to, octet)| *to = *octet);
        let as_server = rest.get(20) == Some(&1);
        Ok(Some(Self { version: (major, minor), mechanism, as_server }))
    }

    /// Checks that the peer wants the mechanism of this name, all twenty octets (R37-SEC-13).
    ///
    /// # Errors
    /// [`Incompatible::Mechanism`] for any other.
    pub fn require(&self, name: &'static str) -> Result<(), Error> {
        if self.mechanism == padded(name) {
            return Ok(());
        }
        let end =
            self.mechanism.iter().rposition(|octet| *octet != 0).map_or(0, |last| last.saturating_add(1));
        let theirs = printable(self.mechanism.get(..end).unwrap_or_default());
        Err(Incompatible::Mechanism { theirs, ours: name }.into())
    }

    /// The version that both sides will speak (R37-VER-11 to 13).
    pub fn spoken(&self) -> Version {
        if self.version == (3, 0) { Version::V3_0 } else { Version::V3_1 }
    }
}

/// The version that a connection speaks. Only subscriptions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Version {
    /// ZMTP 3.0, libzmq 4.0 to 4.3.2.
    V3_0,
    /// ZMTP 3.1.
    #[default]
    V3_1,
}

/// What else connects to a port by mistake: worth a word in the log.
fn looks_like(input: &[u8]) -> Option<&'static str> {
    match input.first()? {
        0x16 => Some("a TLS client hello"),
        b'S' if input.starts_with(b"SSH") || input.len() < 3 => Some("SSH"),
        b'A'..=b'Z' => Some("HTTP"),
        0x01 => Some("ZMTP 1.0"),
        _ => None,
    }
}

fn padded(name: &str) -> [u8; 20] {
    let mut octets = [0; 20];
    octets.iter_mut().zip(name.bytes()).for_each(|(to, octet)| *to = octet);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> Greeting {
        Greeting::new(&Mechanism::Null)
    }

    #[test]
    fn a_greeting_reads_back_and_every_prefix_of_it_is_incomplete() {
        let wire = null().encode();
        assert_eq!(wire[..14], *b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NU");
        assert_eq!(Greeting::decode(&wire), Ok(Some(null())));
        for cut in 0..wire.len() {
            assert_eq!(Greeting::decode(&wire[..cut]), Ok(None));
        }
    }

    #[test]
    fn case_038_padding_filler_and_as_server_mean_nothing() {
        let mut wire = null().encode();
        wire[1..9].fill(0xaa);
        wire[32..].fill(1);
        let greeting = Greeting::decode(&wire).unwrap().unwrap();
        assert_eq!(greeting, Greeting { as_server: true, ..null() });
        assert_eq!(greeting.require("NULL"), Ok(()));
    }

    #[test]
    fn hostile_07_other_protocols_are_refused_at_their_first_octet_with_a_hint() {
        for (first, hint) in [(&b"GET /"[..], "HTTP"), (b"\x16\x03\x01", "TLS"), (b"SSH-2.0", "SSH")] {
            let said = Greeting::decode(first).unwrap_err().to_string();
            assert!(said.contains(hint), "{said}");
            assert!(Greeting::decode(&first[..1]).is_err());
        }
    }

    #[test]
    fn hostile_08_a_wrong_tenth_octet_is_refused() {
        let wrong = Greeting::decode(b"\xff\0\0\0\0\0\0\0\x01\x00");
        assert_eq!(wrong, Err(Malformed::Signature { looks_like: None }.into()));
    }

    #[test]
    fn hostile_11_major_0_and_1_are_refused_and_4_is_answered_as_3_1() {
        let with = |major, minor| Greeting { version: (major, minor), ..null() };
        for major in [0, 1] {
            assert!(Greeting::decode(&with(major, 0).encode()[..11]).unwrap_err().is_incompatible());
        }
        for (major, minor, spoken) in
            [(2, 7, Version::V3_1), (3, 0, Version::V3_0), (3, 1, Version::V3_1), (4, 0, Version::V3_1)]
        {
            let greeting = Greeting::decode(&with(major, minor).encode()).unwrap().unwrap();
            assert_eq!(greeting.spoken(), spoken);
        }
    }

    #[test]
    fn hostile_12_a_mechanism_must_match_in_all_twenty_octets() {
        let wrong = [&b"PLAIN"[..], b"null", b"NULL\0X", b"", &[0xff; 20], b"NULLNULLNULLNULLNULL"];
        for name in wrong {
            let mut greeting = null();
            greeting.mechanism = [0; 20];
            greeting.mechanism[..name.len()].copy_from_slice(name);
            assert!(greeting.require("NULL").unwrap_err().is_incompatible(), "{name:?}");
        }
        assert_eq!(null().require("NULL"), Ok(()));
    }
}
