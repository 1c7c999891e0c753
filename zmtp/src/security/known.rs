//! Authenticators for those who are known: by key, by password, by where they come from.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::files::{FileError, Files, Lines};
use super::{Authenticator, Decision};
use crate::curve::PublicKey;
use crate::wire::{Credentials, Denial, Password};

impl Authenticator {
    /// Lets in who has proven to have one of the CURVE keys in this file, or in the files of this folder.
    ///
    /// A line is a public key in Z85, and after a blank the name of its user; without one the user is named after the key.
    /// It may begin with the word `public`, as `zmtp keygen` writes it. Lines of `# ` and text are comments, hidden files
    /// of a folder are passed over. The files are looked at for each peer, so that a key which is added or removed counts
    /// for the next one. While they cannot be read nobody is let in, and peers come again ([`Denial::ForNow`]); while they
    /// have a wrong line, or are no text, peers are refused for good ([`Denial::Failed`]).
    ///
    /// # Errors
    /// [`FileError`] if that is so already now.
    pub fn keys_in(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let files = Files::<Keys>::open(path.as_ref())?;
        Ok(Self::new(move |request| {
            let files = Arc::clone(&files);
            async move {
                let Credentials::Curve { key } = request.credentials else { return Decision::DENY };
                match files.current().await {
                    Ok(keys) => keys.0.get(&key).map_or(Decision::DENY, Decision::accept),
                    Err(error) => Decision::Deny(error.denial()),
                }
            }
        }))
    }

    /// Lets in who shows a name and a password of PLAIN that are in this file, or in the files of this folder.
    ///
    /// A line is `name:password`, or `name:` and what [`hash_password`] makes of the password, which begins with
    /// `$argon2`. Comments and changes are as with [`keys_in`](Self::keys_in). Whether a name is known cannot be told from
    /// the time that an answer takes; with hashes it takes some 20 ms and 20 MiB, for four peers at a time.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be used.
    pub fn passwords_in(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let files = Files::<Passwords>::open(path.as_ref())?;
        Ok(Self::new(move |request| {
            let files = Arc::clone(&files);
            async move {
                let Credentials::Plain { username, password } = request.credentials else {
                    return Decision::DENY;
                };
                let users = match files.current().await {
                    Ok(users) => users,
                    Err(error) => return Decision::Deny(error.denial()),
                };
                match in_turn(&AT_ONCE, move || users.check(&username, &password)).await {
                    Some(Some(name)) => Decision::accept(name),
                    Some(None) => Decision::DENY,
                    None => Decision::Deny(Denial::Failed),
                }
            }
        }))
    }

    /// The same, for peers with an address in one of these networks; others are denied without being asked for more. A
    /// peer without a network address, over `ipc://`, is in none.
    ///
    /// # Errors
    /// [`InvalidNetwork`] for what is neither an address, like `::1`, nor a network, like `192.0.2.0/24`.
    pub fn only_from<N: AsRef<str>>(
        self,
        networks: impl IntoIterator<Item = N>,
    ) -> Result<Self, InvalidNetwork> {
        let parse = |network: N| {
            let text = network.as_ref();
            let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            parsed.map_err(|_| InvalidNetwork { text: text.to_owned() })
        };
        let networks = networks.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(move |request| {
            let address = request.address.as_ref().and_then(|address| address.parse::<SocketAddr>().ok());
            // An IPv4 peer of a socket for both comes as an IPv6 address.
            let is_near = address.is_some_and(|address| {
                networks.iter().any(|network| network.contains(&address.ip().to_canonical()))
            });
            let decision = is_near.then(|| self.decide(request));
            async move {
                match decision {
                    Some(decision) => decision.await,
                    None => Decision::DENY,
                }
            }
        }))
    }
}

/// What [`Authenticator::only_from`] cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no network: write an address, like 192.0.2.7 or ::1, or a network, like 192.0.2.0/24")]
pub struct InvalidNetwork {
    text: String,
}

/// What may be kept of a password, for [`Authenticator::passwords_in`]: Argon2id, with a salt of its own.
///
/// # Errors
/// [`NoRandomness`](crate::curve::NoRandomness), when the system gives no salt.
pub fn hash_password(password: impl AsRef<[u8]>) -> Result<String, crate::curve::NoRandomness> {
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password.as_ref());
    hash.map(|hash| hash.to_string()).map_err(|_| crate::curve::NoRandomness)
}

/// Keys, and whom they belong to.
#[derive(Default)]
struct Keys(HashMap<PublicKey, String>);

impl Lines for Keys {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let line = line.strip_prefix("public ").unwrap_or(line);
        let (key, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let parsed: PublicKey = key.parse().map_err(|error| format!("not a public key in Z85: {error}"))?;
        let name = if name.trim().is_empty() { key } else { name.trim() };
        self.0.insert(parsed, name.to_owned());
        Ok(())
    }
}

/// Users and their passwords.
#[derive(Default)]
struct Passwords {
    users: HashMap<Vec<u8>, Kept>,
    has_hashes: bool,
}

enum Kept {
    /// Of a password that stands there as it is: compared in constant time, whatever its length.
    Digest(blake3::Hash),
    Hash(Box<PasswordHash>),
}

impl Lines for Passwords {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let (name, password) =
            line.split_once(':').ok_or("there has to be a colon between name and password")?;
        if name.len() > 255 || password.len() > 255 {
            return Err("a name and a password of PLAIN have at most 255 octets each".to_owned());
        }
        let kept = if password.starts_with("$argon2") {
            self.has_hashes = true;
            let hash =
                PasswordHash::new(password).map_err(|error| format!("not a hash of Argon2: {error}"))?;
            if argon2::Algorithm::new(hash.algorithm).is_err() || hash.salt.is_none() || hash.hash.is_none() {
                return Err("not a hash of Argon2: algorithm, salt or hash is missing".to_owned());
            }
            Kept::Hash(Box::new(hash))
        } else {
            Kept::Digest(blake3::hash(password.as_bytes()))
        };
        match self.users.insert(name.as_bytes().to_vec(), kept) {
            None => Ok(()),
            Some(_) => Err(format!("the user {name:?} stands there twice")),
        }
    }
}

impl Passwords {
    /// The user's name, if the password is right. With hashes in the file, each check computes one.
    fn check(&self, username: &[u8], password: &Password) -> Option<String> {
        let digest = blake3::hash(password.reveal());
        let kept = self.users.get(username);
        let is_digest = matches!(kept, Some(Kept::Digest(kept)) if *kept == digest);
        let is_hash = match kept {
            Some(Kept::Hash(hash)) => Argon2::default().verify_password(password.reveal(), &**hash).is_ok(),
            _ if self.has_hashes => {
                // Takes its time, and is nobody's.
                let _ = Argon2::default().verify_password(password.reveal(), &*NOBODY);
                false
            }
            _ => false,
        };
        (is_digest || is_hash).then(|| String::from_utf8_lossy(username).into_owned())
    }
}

/// Does work that costs time and memory when there is a turn for it; `None` if it panics.
///
/// Whoever waits for its turn and goes away takes none. Work that has begun goes on without them, and gives its turn back
/// when it is done and its memory is free again.
async fn in_turn<T: Send + 'static>(
    turns: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let turn = turns.acquire().await.ok()?;
    spawn_blocking(move || (work(), turn).0).await.ok()
}

/// A hash like all others.
static NOBODY: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbA$vYBu8U8KLw9mpwLJtxZMyPuVpmeAVnaCzNWMc3iV1Ew";
    PasswordHash::new(hash).unwrap_or_else(|_| unreachable!("a hash that stands in the source"))
});

/// Each takes 20 MiB.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

#[cfg(test)]
mod tests;
