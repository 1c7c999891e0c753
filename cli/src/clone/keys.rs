//! What people type for a key, a prefix and a time to live.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use clap::builder::{OsStringValueParser, TypedValueParser};
use zmtp_patterns::clone::wire::MAX_KEY;

use crate::units;

/// Of a key: 1 to 1,024 octets, any that a command line can have.
pub(crate) fn key() -> impl TypedValueParser<Value = Bytes> {
    OsStringValueParser::new().try_map(|text| match octets(text)? {
        key if key.is_empty() => Err("a key has 1 to 1,024 octets; this one has none".to_owned()),
        key => Ok(key),
    })
}

/// Of a prefix, which may be empty.
pub(crate) fn prefix() -> impl TypedValueParser<Value = Bytes> {
    OsStringValueParser::new().try_map(octets)
}

/// A time that a server can be told: it counts milliseconds, and not too many.
pub(crate) fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = units::pause(text)?;
    if ttl > LONGEST { Err(format!("`{text}` is too long; expected at most 49 days")) } else { Ok(ttl) }
}

fn octets(text: OsString) -> Result<Bytes, String> {
    let octets = Bytes::from(text.into_encoded_bytes());
    match octets.len() {
        len if len > MAX_KEY => Err(format!("a key has 1 to 1,024 octets; this one has {len}")),
        _ => Ok(octets),
    }
}

/// As many milliseconds as 32 bits have.
const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_one_that_a_server_can_be_told() {
        assert_eq!(ttl("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(ttl("1176h"), Ok(Duration::from_secs(49 * 24 * 3600)));
        for text in ["0", "30", "1200h"] {
            assert!(ttl(text).unwrap_err().contains("expected"), "{text}");
        }
    }
}
