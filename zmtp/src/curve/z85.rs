//! Z85 (RFC 32): binary keys as text that fits into source code and command lines.
//!
//! Four octets are one big-endian number and become five digits to the base 85, the most significant first
//! (R32-FORM-05 to 09).

/// Writes `octets` as text.
///
/// ```
/// use zmtp::curve::z85;
///
/// assert_eq!(z85::encode(&[0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b])?, "HelloWorld");
/// # Ok::<(), z85::Z85Error>(())
/// ```
///
/// # Errors
/// [`Z85Error::OctetCount`] unless their number is a multiple of 4 (R32-FORM-01).
pub fn encode(octets: &[u8]) -> Result<String, Z85Error> {
    let (groups, []) = octets.as_chunks::<4>() else {
        return Err(Z85Error::OctetCount(octets.len()));
    };
    Ok(groups.iter().flat_map(|group| digits(*group)).collect())
}

/// Reads the octets that `text` stands for.
///
/// # Errors
/// [`Z85Error::Length`] unless its length is a multiple of 5 (R32-FORM-02); [`Z85Error::Character`] for one that is
/// no digit; [`Z85Error::Overflow`] for five digits that are more than four octets can hold.
pub fn decode(text: &str) -> Result<Vec<u8>, Z85Error> {
    let (groups, []) = text.as_bytes().as_chunks::<5>() else {
        return Err(Z85Error::Length(text.len()));
    };
    let mut octets = Vec::with_capacity(groups.len().saturating_mul(4));
    for (at, group) in groups.iter().enumerate() {
        octets.extend_from_slice(&number(*group, at.saturating_mul(5))?);
    }
    Ok(octets)
}

/// Reads a key of 32 octets into `key`, and leaves no other copy.
pub(super) fn decode_key(text: &str, key: &mut [u8; 32]) -> Result<(), Z85Error> {
    if text.len() != KEY_LEN {
        return Err(Z85Error::KeyLength(text.len()));
    }
    let (groups, _) = text.as_bytes().as_chunks::<5>();
    let (places, _) = key.as_chunks_mut::<4>();
    for (at, (group, place)) in groups.iter().zip(places).enumerate() {
        *place = number(*group, at.saturating_mul(5))?;
    }
    Ok(())
}

/// Writes a key of 32 octets, into a string that never grows and so leaves no other copy.
pub(super) fn encode_key(key: &[u8; 32]) -> String {
    let mut text = String::with_capacity(KEY_LEN);
    let (groups, _) = key.as_chunks::<4>();
    text.extend(groups.iter().flat_map(|group| digits(*group)));
    text
}

/// Why text is not Z85, or octets cannot become it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Z85Error {
    /// The number of octets is not a multiple of 4.
    #[error("{0} octets cannot be written in Z85: give a multiple of 4")]
    OctetCount(usize),
    /// The length of the text is not a multiple of 5.
    #[error(
        "a Z85 text of {0} octets: its length is always a multiple of 5, so it is cut or something was added"
    )]
    Length(usize),
    /// The text of a key is not 40 characters long.
    #[error("a key of {0} octets: in Z85 a CURVE key has exactly 40 characters")]
    KeyLength(usize),
    /// An octet that is no digit.
    #[error(
        "the octet {octet:#04x} at offset {at} is not a Z85 digit: 0-9 a-z A-Z and .-:+=^!/*?&<>()[]{{}}@%$#"
    )]
    Character {
        /// What stands there.
        octet: u8,
        /// Where, counted from 0.
        at: usize,
    },
    /// Five digits above 2^32-1.
    #[error(
        "the five Z85 digits at offset {at} stand for more than four octets can hold: the text was altered"
    )]
    Overflow {
        /// Where they begin, counted from 0.
        at: usize,
    },
}

/// The number of a group of digits. `at` is where it begins.
fn number(group: [u8; 5], at: usize) -> Result<[u8; 4], Z85Error> {
    let mut number = 0_u32;
    for (offset, octet) in group.into_iter().enumerate() {
        let digit = ALPHABET.iter().zip(0_u32..).find(|(known, _)| **known == octet).map(|(_, digit)| digit);
        let Some(digit) = digit else {
            return Err(Z85Error::Character { octet, at: at.saturating_add(offset) });
        };
        number = number
            .checked_mul(85)
            .and_then(|high| high.checked_add(digit))
            .ok_or(Z85Error::Overflow { at })?;
    }
    Ok(number.to_be_bytes())
}

/// The digits of a group of octets.
fn digits(group: [u8; 4]) -> [char; 5] {
    let number = u32::from_be_bytes(group);
    [85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1_u32].map(|weight| {
        let digit = number.checked_div(weight).unwrap_or_default() % 85;
        ALPHABET.get(digit as usize).copied().map_or('0', char::from)
    })
}

/// R32-FORM-04: the digits 0 to 84.
const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Characters of a key.
const KEY_LEN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// R32-TEST-01.
    #[test]
    fn the_octets_of_the_rfc_are_hello_world() {
        let octets = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        assert_eq!(encode(&octets).unwrap(), "HelloWorld");
        assert_eq!(decode("HelloWorld").unwrap(), octets);
    }

    #[test]
    fn whatever_is_written_reads_back() {
        let mut random = fastrand::Rng::with_seed(32);
        for len in (0..200).step_by(4) {
            let octets: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
            let text = encode(&octets).unwrap();
            assert_eq!(text.len(), len / 4 * 5);
            assert_eq!(decode(&text).unwrap(), octets);
        }
        assert_eq!(encode(&[0xff; 4]).unwrap(), "%nSc0");
        assert_eq!(decode("00000").unwrap(), [0; 4]);
    }

    #[test]
    fn lengths_characters_and_numbers_that_do_not_fit_are_refused() {
        assert_eq!(encode(&[0; 3]), Err(Z85Error::OctetCount(3)));
        assert_eq!(decode("Hell"), Err(Z85Error::Length(4)));
        assert_eq!(decode("Hello,orld"), Err(Z85Error::Character { octet: b',', at: 5 }));
        assert_eq!(decode("Hell\u{e9}000"), Err(Z85Error::Length(9)));
        assert_eq!(decode("00000%nSc1"), Err(Z85Error::Overflow { at: 5 }));
        assert_eq!(decode("#####"), Err(Z85Error::Overflow { at: 0 }));
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let mut random = fastrand::Rng::with_seed(85);
        for _ in 0..20_000 {
            let len = random.usize(..12);
            let text: String = std::iter::repeat_with(|| random.char('\0'..'\u{100}')).take(len).collect();
            if let Ok(octets) = decode(&text) {
                assert_eq!(encode(&octets).unwrap(), text);
            }
        }
    }
}
