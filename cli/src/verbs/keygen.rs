//! `zmtp keygen`: a pair of keys for CURVE.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use zmtp::curve::KeyPair;

use crate::exit::Exit;

/// Make a pair of CURVE keys
///
/// The public key is for everybody who is to talk to you, the secret key for nobody. Without --out both are printed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Keygen {
    /// Write NAME.pub, and NAME.key, which only you can read
    #[arg(long, value_name = "NAME")]
    out: Option<PathBuf>,

    /// Print an object
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

impl Keygen {
    pub(crate) fn run(&self) -> Exit {
        let keys = match KeyPair::generate() {
            Ok(keys) => keys,
            Err(error) => return Exit::Failed(error.to_string()),
        };
        let said = if let Some(name) = &self.out {
            match keys.write(name) {
                Ok([public, secret]) => format!("{}\n{}\n", public.display(), secret.display()),
                Err(error) => return Exit::Failed(error.to_string()),
            }
        } else {
            let (public, secret) = (keys.public().to_string(), keys.secret().to_z85());
            if self.json {
                format!("{}\n", serde_json::json!({ "public": public, "secret": *secret }))
            } else {
                format!("public {public}\nsecret {}\n", *secret)
            }
        };
        match io::stdout().lock().write_all(said.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Exit::Failed(format!("cannot write to standard output: {error}"))
            }
            _ => Exit::Done,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  For a server and its clients, in files:
    zmtp keygen --out server
    zmtp keygen --out client
  Then, where the server may know its clients by a file of their public keys:
    cat client.pub > clients
    zmtp pull --bind 'tcp://*:5555' --curve-key server.key --curve-clients clients
    zmtp push --connect tcp://127.0.0.1:5555 --curve-key client.key --curve-server-key server.pub
  To have a look:
    zmtp keygen";
