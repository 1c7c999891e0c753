//! Keys in files: `NAME.pub` may be given to everybody, `NAME.key` to nobody.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::z85::Z85Error;
use super::{KeyPair, PublicKey, SecretKey};

impl KeyPair {
    /// Writes `NAME.pub`, with the line `public KEY`, and `NAME.key`, which has `secret KEY` too and is readable by its
    /// owner alone. Says where they are.
    ///
    /// # Errors
    /// [`KeyFileError::Io`], also when one of them is there already: keys are not overwritten.
    pub fn write(&self, name: impl AsRef<Path>) -> Result<[PathBuf; 2], KeyFileError> {
        let [public, secret] = [".pub", ".key"].map(|end| {
            let mut path = name.as_ref().as_os_str().to_owned();
            path.push(end);
            PathBuf::from(path)
        });
        let line = format!("public {}\n", self.public());
        let both = Zeroizing::new(format!("{line}secret {}\n", *self.secret().to_z85()));
        create(&secret, &both, true).map_err(|source| KeyFileError::io(&secret, source))?;
        if let Err(source) = create(&public, &line, false) {
            // Both or none.
            let _ = fs::remove_file(&secret);
            return Err(KeyFileError::io(&public, source));
        }
        Ok([public, secret])
    }

    /// Reads a `NAME.key`, which needs the line `secret KEY`.
    ///
    /// # Errors
    /// [`KeyFileError`]: it cannot be read, others can read it too, or there is no key in it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let io = |source| KeyFileError::io(path, source);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).map_err(io)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(KeyFileError::Exposed { path: path.into(), mode: mode & 0o777 });
            }
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
        let key = keyed(&text, "secret ")
            .ok_or_else(|| KeyFileError::Missing { path: path.into(), what: "secret" })?;
        let secret: SecretKey = key.parse().map_err(|source| KeyFileError::key(path, source))?;
        Ok(secret.into())
    }
}

impl PublicKey {
    /// Reads a `NAME.pub` or `NAME.key`, which need the line `public KEY`.
    ///
    /// # Errors
    /// [`KeyFileError`]: it cannot be read, or there is no key in it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| KeyFileError::io(path, source))?;
        let key = keyed(&text, "public ")
            .ok_or_else(|| KeyFileError::Missing { path: path.into(), what: "public" })?;
        key.parse().map_err(|source| KeyFileError::key(path, source))
    }
}

fn keyed<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(word)).map(str::trim)
}

fn create(path: &Path, text: &str, is_secret: bool) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if is_secret { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = is_secret;
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // Half a key is none.
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

/// A file of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system says no.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner can read a secret key.
    #[error("{}: its mode is {mode:o}, so others can read the secret key; `chmod 600` it, and better make a new one", .path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It has no line with such a key.
    #[error("{}: there is no line `{what} KEY`", .path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// `public` or `secret`.
        what: &'static str,
    },
    /// What stands there is no key.
    #[error("{}: not a key in Z85: {source}", .path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: Z85Error,
    },
}

impl KeyFileError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    fn key(path: &Path, source: Z85Error) -> Self {
        Self::Key { path: path.into(), source }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_read_back_are_not_overwritten_and_not_taken_from_where_others_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyPair::generate().unwrap();
        let [public, secret] = keys.write(folder.path().join("server")).unwrap();
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(KeyPair::read(&secret).unwrap().public(), keys.public());
        assert_eq!(PublicKey::read(&public).unwrap(), keys.public());
        assert_eq!(PublicKey::read(&secret).unwrap(), keys.public());
        assert!(matches!(keys.write(folder.path().join("server")), Err(KeyFileError::Io { .. })));
        assert_eq!(KeyPair::read(&secret).unwrap().public(), keys.public());

        fs::write(folder.path().join("other.pub"), "there already").unwrap();
        assert!(keys.write(folder.path().join("other")).is_err());
        assert!(!folder.path().join("other.key").exists());

        fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
        let said = KeyPair::read(&secret).unwrap_err().to_string();
        assert!(said.ends_with("its mode is 640, so others can read the secret key; `chmod 600` it, and better make a new one"), "{said}");
        fs::set_permissions(&public, fs::Permissions::from_mode(0o600)).unwrap();
        let said = KeyPair::read(&public).unwrap_err().to_string();
        assert!(said.ends_with("there is no line `secret KEY`"), "{said}");
        fs::write(&public, "public tooshort").unwrap();
        assert!(matches!(PublicKey::read(&public), Err(KeyFileError::Key { .. })));
    }
}
