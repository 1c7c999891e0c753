//! Keys: what a user makes, keeps, and hands to others.

use std::fmt;
use std::str::FromStr;

use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::random::{NoRandomness, OsRandom, Random};
use super::z85::{self, Z85Error};

/// The half of a key pair that others may know: 32 octets, printed in Z85.
///
/// ```
/// use zmtp::curve::PublicKey;
///
/// let server: PublicKey = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7".parse()?;
/// assert_eq!(server.to_string(), "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
/// # Ok::<(), zmtp::curve::z85::Z85Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of these octets.
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for PublicKey {
    fn from(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

impl FromStr for PublicKey {
    type Err = Z85Error;

    fn from_str(text: &str) -> Result<Self, Z85Error> {
        let mut key = [0; 32];
        z85::decode_key(text, &mut key)?;
        Ok(Self(key))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&z85::encode_key(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The half of a key pair that nobody else may know.
///
/// It is wiped when it is dropped, does not print itself, and cannot be cloned: share the [`KeyPair`] in an `Arc`.
pub struct SecretKey(StaticSecret);

impl SecretKey {
    /// The key of these octets. The caller's copy is the caller's to wipe.
    pub fn from_bytes(octets: [u8; 32]) -> Self {
        Self(StaticSecret::from(octets))
    }

    /// The key in Z85. The text wipes itself too.
    pub fn to_z85(&self) -> Zeroizing<String> {
        Zeroizing::new(z85::encode_key(self.0.as_bytes()))
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519_dalek::PublicKey::from(&self.0).to_bytes())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(super) fn as_static(&self) -> &StaticSecret {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = Z85Error;

    fn from_str(text: &str) -> Result<Self, Z85Error> {
        let mut key = Zeroizing::new([0; 32]);
        z85::decode_key(text, &mut key)?;
        Ok(Self::from_bytes(*key))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A public key with its secret key.
///
/// ```
/// use zmtp::curve::{KeyPair, SecretKey};
///
/// let keys = KeyPair::generate()?;
/// println!("give this to the clients: {}", keys.public());
/// let kept = keys.secret().to_z85();
///
/// let again = KeyPair::from(kept.parse::<SecretKey>()?);
/// assert_eq!(again.public(), keys.public());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KeyPair {
    public: PublicKey,
    secret: SecretKey,
}

impl KeyPair {
    /// A new pair, from the randomness of the operating system.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system has none to give.
    pub fn generate() -> Result<Self, NoRandomness> {
        Self::draw(&mut OsRandom)
    }

    /// A new pair, from 32 octets of `random`.
    pub(super) fn draw(random: &mut dyn Random) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(&mut *secret)?;
        Ok(SecretKey::from_bytes(*secret).into())
    }

    /// The half that others may know.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The half that nobody else may know.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

impl From<SecretKey> for KeyPair {
    fn from(secret: SecretKey) -> Self {
        Self { public: secret.public(), secret }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of libzmq's manual, zmq_curve(7).
    #[test]
    fn a_secret_key_knows_its_public_key() {
        for (public, secret) in [
            ("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"),
            ("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"),
        ] {
            let keys = KeyPair::from(secret.parse::<SecretKey>().unwrap());
            assert_eq!(keys.public(), public.parse().unwrap());
            assert_eq!(keys.public().to_string(), public);
            assert_eq!(*keys.secret().to_z85(), secret);
        }
    }

    #[test]
    fn a_secret_key_does_not_print_itself() {
        let keys = KeyPair::from(SecretKey::from_bytes([7; 32]));
        let printed = format!("{keys:?}");
        assert!(printed.contains(&keys.public().to_string()), "{printed}");
        assert!(printed.ends_with("secret: SecretKey(..) }"), "{printed}");
    }

    #[test]
    fn a_key_has_forty_characters() {
        for text in ["", "rq:rM", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n"] {
            assert_eq!(text.parse::<PublicKey>(), Err(Z85Error::KeyLength(text.len())));
            assert_eq!(text.parse::<SecretKey>().unwrap_err(), Z85Error::KeyLength(text.len()));
        }
        let bad = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf~";
        assert_eq!(bad.parse::<PublicKey>(), Err(Z85Error::Character { octet: b'~', at: 39 }));
    }

    #[test]
    fn two_generated_pairs_differ() {
        assert_ne!(KeyPair::generate().unwrap().public(), KeyPair::generate().unwrap().public());
    }
}
