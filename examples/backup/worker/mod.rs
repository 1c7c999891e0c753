//! `backup worker`: takes orders one at a time, does them, reports; whichever way they travel.
//!
//! No worker stays for ever: one whose server has gone exits after `--orphan-timeout`.

mod balanced;
mod classic;
pub(crate) mod command;
mod job;
mod leash;

use std::{fmt, time::Duration};

use zmtp::Reconnect;

use crate::{args::WorkerArgs, events::Span, protocol::Report};

/// Why a worker has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    Killed,
    Interrupted,
    Orphaned(Duration),
    NoServer(Duration),
}

/// Works until told to stop, or until there is nobody to work for.
///
/// # Errors
///
/// If an endpoint cannot be connected to, ever.
pub(crate) async fn work(
    args: WorkerArgs,
    say: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> Result<Farewell, String> {
    let name = args.name.clone().unwrap_or_else(default_name);
    say(&format!("{name} takes orders from {}", args.orders));
    match args.classic {
        true => classic::work(name, args, say).await,
        false => balanced::work(name, args, say).await,
    }
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => f.write_str("stopped by the server"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Orphaned(limit) => {
                write!(f, "the server has been gone for {}, nothing more to do", Span(*limit))
            }
            Self::NoServer(limit) => write!(f, "no server within {}", Span(*limit)),
        }
    }
}

fn default_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host:.40}-{}", std::process::id())
}

fn describe(report: &Report) -> String {
    match report {
        Report::Done { job, copied, .. } => format!("job {job}: {} files done", copied.files),
        Report::Failed { job, text, .. } => format!("job {job}: failed: {text}"),
        other => format!("{other:?}"),
    }
}

/// Workers wait for a server that starts any time; when it does, it should not have to wait for them.
const RECONNECT: Reconnect = Reconnect::between(Duration::from_millis(50), Duration::from_secs(1));
const LINGER: Duration = Duration::from_secs(1);
