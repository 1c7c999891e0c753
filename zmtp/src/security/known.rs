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
    /// for the next one; while they cannot be read or have a wrong line, nobody is let in.
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
                    Err(_) => Decision::Deny(Denial::Failed),
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
                let Ok(users) = files.current().await else { return Decision::Deny(Denial::Failed) };
                let Ok(turn) = AT_ONCE.acquire().await else { return Decision::Deny(Denial::Failed) };
                // It is at work, and has its turn, also when nobody waits for it any more.
                let checked = spawn_blocking(move || (users.check(&username, &password), turn).0).await;
                match checked {
                    Ok(Some(name)) => Decision::accept(name),
                    Ok(None) => Decision::DENY,
                    Err(_) => Decision::Deny(Denial::Failed),
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

/// A hash like all others.
static NOBODY: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbA$vYBu8U8KLw9mpwLJtxZMyPuVpmeAVnaCzNWMc3iV1Ew";
    PasswordHash::new(hash).unwrap_or_else(|_| unreachable!("a hash that stands in the source"))
});

/// Each takes 20 MiB.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::KeyPair;
    use crate::security::{Request, User};

    async fn decide(authenticator: &Authenticator, credentials: Credentials) -> Decision {
        let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
        let address = Some("192.0.2.7:4000".to_owned());
        authenticator.decide(Request { credentials, address, endpoint }).await
    }

    fn plain(username: &str, password: &str) -> Credentials {
        let username = bytes::Bytes::copy_from_slice(username.as_bytes());
        Credentials::Plain { username, password: Password::new(password) }
    }

    #[tokio::test]
    async fn keys_are_read_again_when_a_file_comes_or_goes() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [KeyPair::generate().unwrap().public(), KeyPair::generate().unwrap().public()];
        std::fs::write(folder.path().join("one"), format!("# who\npublic {} alice\n\n", keys[0])).unwrap();
        std::fs::write(folder.path().join(".hidden"), format!("{}", keys[1])).unwrap();
        let authenticator = Authenticator::keys_in(folder.path()).unwrap();
        let shows = |key| Credentials::Curve { key };
        assert_eq!(decide(&authenticator, shows(keys[0])).await, Decision::accept("alice"));
        assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::DENY);

        std::fs::write(folder.path().join("two"), keys[1].to_string()).unwrap();
        std::fs::remove_file(folder.path().join("one")).unwrap();
        assert_eq!(decide(&authenticator, shows(keys[0])).await, Decision::DENY);
        assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::accept(keys[1].to_string()));

        // Not an old list, and not an empty one: nobody.
        std::fs::write(folder.path().join("two"), "not a key").unwrap();
        assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::Deny(Denial::Failed));
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(decide(&authenticator, shows(keys[1])).await, Decision::Deny(Denial::Failed));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("users");
        let said = |text: &str| {
            std::fs::write(&at, text).unwrap();
            Authenticator::passwords_in(&at).unwrap_err().to_string()
        };
        let path = at.display();
        assert_eq!(
            said("a:b\nc"),
            format!("{path}, line 2: there has to be a colon between name and password")
        );
        assert_eq!(said("a:b\na:c"), format!("{path}, line 2: the user \"a\" stands there twice"));
        assert!(said("a:$argon2x").starts_with(&format!("{path}, line 1: not a hash of Argon2")));
        let missing = Authenticator::keys_in(folder.path().join("nothing")).unwrap_err();
        assert!(missing.to_string().contains("No such file"), "{missing}");
    }

    #[tokio::test]
    async fn a_password_is_right_as_it_stands_there_or_as_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("users");
        let hash = hash_password("secret").unwrap();
        std::fs::write(&at, format!("alice:{hash}\nbob:pass:word\n")).unwrap();
        let authenticator = Authenticator::passwords_in(&at).unwrap();
        for (name, password, is_right) in [
            ("alice", "secret", true),
            ("alice", "Secret", false),
            ("alice", &hash, false),
            ("bob", "pass:word", true),
            ("bob", "", false),
            ("carol", "secret", false),
            ("", "", false),
        ] {
            let expected = if is_right { Decision::accept(name) } else { Decision::DENY };
            assert_eq!(decide(&authenticator, plain(name, password)).await, expected, "{name} {password}");
        }
        assert_eq!(decide(&authenticator, Credentials::Null).await, Decision::DENY);
        assert_eq!(PasswordHash::new(&NOBODY.to_string()).unwrap(), *NOBODY);
    }

    #[tokio::test]
    async fn only_from_near_networks() {
        let only = |networks: &[&str]| Authenticator::anybody().only_from(networks).unwrap();
        let yes = Decision::Accept(User::default());
        assert_eq!(decide(&only(&["10.0.0.0/8", "192.0.2.0/24"]), Credentials::Null).await, yes);
        assert_eq!(decide(&only(&["192.0.2.7"]), Credentials::Null).await, yes);
        assert_eq!(decide(&only(&["192.0.2.8", "::/0"]), Credentials::Null).await, Decision::DENY);
        let wrong = Authenticator::anybody().only_from(["192.0.2.0/33"]).unwrap_err();
        assert!(wrong.to_string().starts_with("\"192.0.2.0/33\" is no network"));
    }
}
