//! The security options: files are read when the command line is, so that what is wrong with one is a usage error.

use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use zmtp::curve::{KeyPair, PublicKey};
use zmtp::{Authenticator, Curve, Plain, Security};

/// How peers prove who they are. Without any of these everybody is let in and everybody on the way can read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct Secured {
    /// Be a client of PLAIN; the password is the first line of FILE, which nobody else may be able to read
    #[arg(long, value_name = "USER:FILE", value_parser = plain, conflicts_with_all = ["plain_users", "curve_key", "curve_server_key", "curve_clients"])]
    plain: Option<Plain>,

    /// Be a server of PLAIN for the users in FILE: `user:password` or `user:$argon2...` a line
    #[arg(long, value_name = "FILE", value_parser = users, conflicts_with_all = ["curve_key", "curve_server_key", "curve_clients"])]
    plain_users: Option<Authenticator>,

    /// Be a client of CURVE, of the server with this public key, or with the one in this file
    #[arg(long, value_name = "KEY|FILE", value_parser = server, group = "role", conflicts_with = "curve_clients")]
    curve_server_key: Option<Server>,

    /// Our own keys, as `zmtp keygen --out` writes them; a client without any makes some up
    #[arg(long, value_name = "FILE", value_parser = keys, requires = "role")]
    curve_key: Option<Arc<KeyPair>>,

    /// Be a server of CURVE for the clients whose public keys are in FILE, one a line, or in the files of a folder
    #[arg(long, value_name = "FILE", value_parser = clients, group = "role", requires = "curve_key")]
    curve_clients: Option<Authenticator>,
}

/// A server's key, and keys for a client that has none.
#[derive(Debug, Clone)]
struct Server {
    key: PublicKey,
    made_up: Arc<KeyPair>,
}

impl Secured {
    /// What they come to.
    pub(crate) fn security(&self) -> Security {
        if let Some(plain) = &self.plain {
            return plain.clone().into();
        }
        if let Some(users) = &self.plain_users {
            return Plain::server(users.clone()).into();
        }
        match (&self.curve_server_key, &self.curve_key, &self.curve_clients) {
            (Some(Server { key, made_up }), ours, _) => {
                Curve::client(Arc::clone(ours.as_ref().unwrap_or(made_up)), *key).into()
            }
            (None, Some(keys), Some(clients)) => Curve::server(Arc::clone(keys), clients.clone()).into(),
            // Clap lets none of them stand alone.
            _ => Security::Null,
        }
    }
}

impl Secured {
    /// Whether it knows passwords, and has none of its own.
    pub(crate) fn is_plain_server(&self) -> bool {
        self.plain_users.is_some()
    }

    /// What a server needs to be a client of another one: that one's key, if it is not the same as its own.
    pub(crate) fn as_client(&self, key: Option<PublicKey>) -> Security {
        match &self.curve_key {
            Some(keys) if self.curve_clients.is_some() => {
                Curve::client(Arc::clone(keys), key.unwrap_or(keys.public())).into()
            }
            _ => self.security(),
        }
    }
}

fn plain(text: &str) -> Result<Plain, String> {
    let (user, file) = text.split_once(':').ok_or("write USER:FILE")?;
    let io = |error| format!("{file}: {error}");
    check_private(file, &std::fs::metadata(file).map_err(io)?)?;
    let content = std::fs::read_to_string(file).map_err(io)?;
    let password = content.lines().next().unwrap_or_default();
    Plain::client(user, password).map_err(|error| error.to_string())
}

/// As with the file of a secret key, others may have no right to it.
#[cfg(unix)]
fn check_private(file: &str, metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 != 0 => {
            Err(format!("{file}: its mode is {mode:o}, so others can read the password; `chmod 600` it"))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_private(_file: &str, _metadata: &Metadata) -> Result<(), String> {
    Ok(())
}

fn users(file: &str) -> Result<Authenticator, String> {
    Authenticator::passwords_in(file).map_err(|error| error.to_string())
}

fn clients(file: &str) -> Result<Authenticator, String> {
    Authenticator::keys_in(file).map_err(|error| error.to_string())
}

fn keys(file: &str) -> Result<Arc<KeyPair>, String> {
    KeyPair::read(file).map(Arc::new).map_err(|error| error.to_string())
}

/// A key has 40 characters, and may look like the name of a file.
fn server(text: &str) -> Result<Server, String> {
    let key = match text.parse() {
        Ok(key) => key,
        Err(_) if Path::new(text).exists() => PublicKey::read(text).map_err(|error| error.to_string())?,
        Err(error) => return Err(format!("neither a file nor a public key in Z85: {error}")),
    };
    let made_up = KeyPair::generate().map_err(|error| error.to_string())?;
    Ok(Server { key, made_up: Arc::new(made_up) })
}
