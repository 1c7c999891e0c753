//! Boxes (R26-KEY): what two keys agree on, and how octets are sealed with it.
//!
//! ```text
//!   box = tag (16)  content, encrypted              nonce = prefix  what the command carries, 8 or 16 octets
//! ```

use std::fmt;

use dryoc::classic::crypto_box::{
    crypto_box_detached_afternm_inplace as seal_in_place,
    crypto_box_open_detached_afternm_inplace as open_in_place,
};
use dryoc::classic::crypto_core::crypto_core_hsalsa20 as hsalsa20;
use zeroize::Zeroizing;

use super::keys::{PublicKey, SecretKey};

/// The 24 octets that are never the same twice under one key.
pub(super) type Nonce = [u8; 24];

/// Octets that a box is longer than its content (R26-KEY-03).
pub(super) const TAG: usize = 16;

/// What seals and opens boxes: the precomputed key of two key pairs, or the cookie key. Wiped when dropped.
pub(super) struct BoxKey(Zeroizing<[u8; 32]>);

impl BoxKey {
    /// A key that nobody shares, for cookies (R26-WELCOME-07).
    pub(super) fn alone(octets: Zeroizing<[u8; 32]>) -> Self {
        Self(octets)
    }

    /// What `ours` and `theirs` agree on: NaCl's `crypto_box_beforenm`. `None` for a point that is not canonical, or
    /// of low order, where the outcome would not depend on our key.
    pub(super) fn agree(ours: &SecretKey, theirs: &PublicKey) -> Option<Self> {
        if !canonical(theirs.as_bytes()) {
            return None;
        }
        let point = ours.as_static().diffie_hellman(&x25519_dalek::PublicKey::from(*theirs.as_bytes()));
        if !point.was_contributory() {
            return None;
        }
        Some(Self(derive(point.as_bytes(), &[0; 16])))
    }

    /// The key of the stream cipher for all nonces that begin with `prefix`.
    pub(super) fn stream_key(&self, prefix: &[u8; 16]) -> Zeroizing<[u8; 32]> {
        derive(&self.0, prefix)
    }

    /// Encrypts `content` where it is, and gives its tag.
    pub(super) fn seal(&self, nonce: &Nonce, content: &mut [u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        seal_in_place(content, &mut tag, nonce, &self.0);
        tag
    }

    /// Decrypts `content` where it is, if the tag is right. Otherwise it is left as it came.
    pub(super) fn open(&self, nonce: &Nonce, tag: &[u8; TAG], content: &mut [u8]) -> Option<()> {
        open_in_place(content, tag, nonce, &self.0).ok()
    }

    /// Appends a box of `content` to `out`.
    pub(super) fn append(&self, nonce: &Nonce, content: &[&[u8]], out: &mut Vec<u8>) {
        let mut sealed = Zeroizing::new(content.concat());
        out.extend_from_slice(&self.seal(nonce, &mut sealed));
        out.extend_from_slice(&sealed);
    }

    /// What a box holds.
    pub(super) fn unbox(&self, nonce: &Nonce, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (tag, content) = sealed.split_first_chunk()?;
        let mut content = Zeroizing::new(content.to_vec());
        self.open(nonce, tag, &mut content)?;
        Some(content)
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey(..)")
    }
}

/// A nonce of a prefix and a counter (R26-GEN-11), for keys of one connection.
pub(super) fn short_nonce(prefix: &[u8; 16], counter: u64) -> Nonce {
    let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    let [p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, pa, pb, pc, pd, pe, pf] = *prefix;
    [p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, pa, pb, pc, pd, pe, pf, a, b, c, d, e, f, g, h]
}

/// A nonce of a prefix and 16 octets of good randomness (R26-GEN-10), for keys that last.
pub(super) fn long_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> Nonce {
    let mut nonce = [0; 24];
    for (place, octet) in nonce.iter_mut().zip(prefix.iter().chain(random)) {
        *place = *octet;
    }
    nonce
}

fn derive(key: &[u8; 32], input: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    hsalsa20(&mut out, input, key, None);
    out
}

/// Whether the point is below 2^255-19 and so the only way to write it. X25519 never gives another one, and RFC 7748
/// lets the others pass as aliases.
fn canonical(point: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = point;
    match highest {
        0x80.. => false,
        0x7f => *lowest < 0xed || middle.iter().any(|octet| *octet != 0xff),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SecretKey {
        SecretKey::from_bytes([1; 32])
    }

    /// The points whose multiples are few, in every way to write them that 255 bits allow, and with the top bit set.
    fn weak_points() -> Vec<[u8; 32]> {
        let prime = |lowest: u8| {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (lowest, 0x7f);
            point
        };
        let mut one = [0; 32];
        one[0] = 1;
        let eight = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
            0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ];
        let other_eight = [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
            0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ];
        let mut points = vec![[0; 32], one, eight, other_eight, prime(0xec), prime(0xed), prime(0xee)];
        for mut point in points.clone() {
            point[31] |= 0x80;
            points.push(point);
        }
        points
    }

    #[test]
    fn no_secret_is_agreed_on_with_a_point_of_low_order() {
        for point in weak_points() {
            assert!(BoxKey::agree(&secret(), &point.into()).is_none(), "{point:02x?}");
        }
    }

    #[test]
    fn a_point_is_written_in_one_way() {
        let honest = SecretKey::from_bytes([2; 32]).public();
        assert!(BoxKey::agree(&secret(), &honest).is_some());
        let mut alias = *honest.as_bytes();
        alias[31] |= 0x80;
        assert!(BoxKey::agree(&secret(), &alias.into()).is_none());

        let mut point = [0xff; 32];
        point[31] = 0x7f;
        for lowest in 0xed..=0xff {
            point[0] = lowest;
            assert!(BoxKey::agree(&secret(), &point.into()).is_none(), "{lowest:#x}");
        }
        point[0] = 0xeb;
        assert!(canonical(&point));
    }

    #[test]
    fn both_ends_agree_on_the_recorded_key() {
        let (ours, theirs) = (secret(), SecretKey::from_bytes([2; 32]));
        let recorded = [
            0x18, 0xa9, 0x93, 0x20, 0xf3, 0x48, 0x8f, 0xa1, 0x8a, 0x04, 0x23, 0x97, 0x15, 0xd8, 0xee, 0x73,
            0x80, 0x65, 0xe6, 0x5c, 0x3d, 0x4b, 0x28, 0x98, 0x52, 0x2d, 0x6c, 0x3d, 0x4e, 0xad, 0x58, 0x8c,
        ];
        assert_eq!(*BoxKey::agree(&ours, &theirs.public()).unwrap().0, recorded);
        assert_eq!(*BoxKey::agree(&theirs, &ours.public()).unwrap().0, recorded);
    }

    #[test]
    fn a_box_that_was_altered_stays_shut_and_keeps_its_content() {
        let key = BoxKey::agree(&secret(), &SecretKey::from_bytes([2; 32]).public()).unwrap();
        let nonce = short_nonce(b"CurveZMQMESSAGEC", 1);
        let mut sealed = b"content".to_vec();
        let tag = key.seal(&nonce, &mut sealed);
        let mut altered = sealed.clone();
        altered[3] ^= 1;
        let before = altered.clone();
        assert_eq!(key.open(&nonce, &tag, &mut altered), None);
        assert_eq!(altered, before);
        assert_eq!(key.open(&nonce, &tag, &mut sealed), Some(()));
        assert_eq!(sealed, b"content");
    }
}
