//! The property list of READY (RFC 37, R37-NULL-13, R37-META).
//!
//! ```text
//!   property = len8 name  len32 value
//! ```

use bytes::{Buf, Bytes};

use super::error::{Error, Malformed, Misbehaved, printable};
use super::{Config, SocketType};

/// What a peer says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    properties: Vec<(String, Bytes)>,
}

impl Metadata {
    /// The most properties that are accepted.
    pub const MAX_PROPERTIES: usize = 64;

    /// What a socket of this type announces: its type, and for those that have one its identity.
    pub fn new(socket_type: SocketType, identity: Bytes) -> Self {
        let mut properties =
            vec![(SOCKET_TYPE.to_owned(), Bytes::from_static(socket_type.as_str().as_bytes()))];
        if socket_type.announces_identity() {
            properties.push((IDENTITY.to_owned(), identity));
        }
        Self { properties }
    }

    /// All that a socket of this configuration announces.
    pub(crate) fn of(config: &Config) -> Self {
        let mut metadata = Self::new(config.socket_type, config.identity.clone());
        metadata.properties.extend_from_slice(&config.properties);
        metadata
    }

    /// The properties, in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.properties.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of a property. Upper and lower case in names are the same (R37-META-02).
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The `Socket-Type` property's octets.
    pub fn socket_type(&self) -> Option<&Bytes> {
        self.get(SOCKET_TYPE)
    }

    /// The `Identity` property, empty when there is none.
    pub fn identity(&self) -> Bytes {
        self.get(IDENTITY).cloned().unwrap_or_default()
    }

    /// Appends the list to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.properties {
            // Names and values are our own here, or came through `decode`: both fit their length fields.
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&(value.len() as u32).to_be_bytes());
            out.extend_from_slice(value);
        }
    }

    /// Reads a list that fills `input` to its last octet.
    ///
    /// # Errors
    /// Names that are empty or hold other than letters, digits and `-_.+`; lengths beyond the end; a name twice;
    /// more than [`MAX_PROPERTIES`](Self::MAX_PROPERTIES); an identity over 255 octets or beginning with zero.
    pub fn decode(mut input: Bytes) -> Result<Self, Error> {
        let mut read = Self::default();
        while input.has_remaining() {
            let len = usize::from(input.try_get_u8().map_err(|_| Malformed::PropertyName)?);
            if len == 0 || len > input.len() {
                return Err(Malformed::PropertyName.into());
            }
            let name = input.split_to(len);
            if !name.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-_.+".contains(octet)) {
                return Err(Malformed::PropertyName.into());
            }
            let name = printable(&name);
            let len = u64::from(input.try_get_u32().map_err(|_| Malformed::PropertyValue)?);
            if len > input.len() as u64 {
                return Err(Malformed::PropertyValue.into());
            }
            let value = input.split_to(len as usize);
            if read.get(&name).is_some() {
                return Err(Misbehaved::DuplicateProperty(name).into());
            }
            if read.properties.len() >= Self::MAX_PROPERTIES {
                return Err(Misbehaved::TooManyProperties { limit: Self::MAX_PROPERTIES }.into());
            }
            read.properties.push((name, value));
        }
        let identity = read.identity();
        if identity.len() > 255 || identity.first() == Some(&0) {
            return Err(Misbehaved::Identity.into());
        }
        Ok(read)
    }
}

const SOCKET_TYPE: &str = "Socket-Type";
const IDENTITY: &str = "Identity";

#[cfg(test)]
mod tests {
    use super::*;

    fn property(name: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = vec![name.len() as u8];
        out.extend(name);
        out.extend((value.len() as u32).to_be_bytes());
        out.extend(value);
        out
    }

    fn refused(wire: Vec<u8>) -> Error {
        Metadata::decode(wire.into()).unwrap_err()
    }

    #[test]
    fn metadata_reads_back() {
        let metadata = Metadata::new(SocketType::Dealer, Bytes::from_static(b"me"));
        let mut wire = Vec::new();
        metadata.encode(&mut wire);
        assert_eq!(wire, b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x02me");
        assert_eq!(Metadata::decode(wire.into()), Ok(metadata));
    }

    #[test]
    fn only_the_types_that_have_one_announce_an_identity() {
        assert_eq!(Metadata::new(SocketType::Push, Bytes::new()).get("Identity"), None);
        assert_eq!(Metadata::new(SocketType::Router, Bytes::new()).get("Identity"), Some(&Bytes::new()));
    }

    #[test]
    fn hostile_19_a_property_name_is_not_empty_and_holds_only_what_the_grammar_allows() {
        assert_eq!(refused(property(b"", b"x")), Malformed::PropertyName.into());
        assert_eq!(refused(property(b"a b", b"x")), Malformed::PropertyName.into());
        assert_eq!(refused(vec![5, b'a']), Malformed::PropertyName.into());
    }

    #[test]
    fn hostile_20_a_value_longer_than_what_is_left_is_refused() {
        for len in [1, 0x7fff_ffff_u32, u32::MAX] {
            let mut wire = b"\x01a".to_vec();
            wire.extend(len.to_be_bytes());
            assert_eq!(refused(wire), Malformed::PropertyValue.into());
        }
        assert_eq!(refused(b"\x01a\0\0".to_vec()), Malformed::PropertyValue.into());
    }

    #[test]
    fn hostile_21_at_most_64_properties_are_read() {
        let list = |n| (0..n).flat_map(|i| property(format!("p{i}").as_bytes(), b"")).collect::<Vec<_>>();
        assert!(Metadata::decode(list(64).into()).is_ok());
        assert_eq!(refused(list(65)), Misbehaved::TooManyProperties { limit: 64 }.into());
    }

    #[test]
    fn hostile_22_names_compare_without_case_and_a_duplicate_is_refused() {
        let wire = property(b"socket-TYPE", b"PUSH");
        assert_eq!(Metadata::decode(wire.clone().into()).unwrap().socket_type().unwrap(), "PUSH");
        let twice = [wire, property(b"Socket-Type", b"PUSH")].concat();
        assert_eq!(refused(twice), Misbehaved::DuplicateProperty("Socket-Type".into()).into());
    }

    #[test]
    fn hostile_24_an_identity_has_at_most_255_octets_and_no_leading_zero() {
        assert!(Metadata::decode(property(b"Identity", &[1; 255]).into()).is_ok());
        assert_eq!(refused(property(b"Identity", &[1; 256])), Misbehaved::Identity.into());
        assert_eq!(refused(property(b"Identity", &[0, 1])), Misbehaved::Identity.into());
    }
}
