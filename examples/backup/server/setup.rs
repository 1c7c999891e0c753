//! From the command line to everything a run needs. Whatever can be found wrong before anything is started,
//! is.

use std::path::{Path, PathBuf};

use time::Date;
use zmtp::Endpoint;

use crate::{
    args::{ServerArgs, day},
    folders::{Plan, Store},
    outcome::Rules,
};

/// A run that can begin.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) plans: Vec<Plan>,
    pub(crate) store: Store,
    pub(crate) archive: PathBuf,
    pub(crate) today: Date,
    pub(crate) rules: Rules,
    /// Whether orders travel by PUSH, and reports by PULL.
    pub(crate) classic: bool,
    pub(crate) orders: Endpoint,
    pub(crate) reports: Endpoint,
    /// How many workers to start.
    pub(crate) spawn: u16,
    /// What every worker started by us is told besides its name and where to connect.
    pub(crate) worker_args: Vec<String>,
}

impl Setup {
    /// # Errors
    ///
    /// A sentence for the person at the keyboard.
    pub(crate) fn new(args: &ServerArgs, now: Date) -> Result<Self, String> {
        let (folders, to) = match (&args.folders[..], &args.to) {
            ([], to) => {
                (demo_folders()?, to.clone().unwrap_or_else(|| repository().join("target/backup-demo")))
            }
            (folders, Some(to)) => (folders.to_vec(), to.clone()),
            (_, None) => return Err("where to? --to DIR says it".into()),
        };
        let today = args.today.as_deref().map_or(Ok(now), |text| day(text, now))?;
        let min = args.min.unwrap_or(args.workers);
        if min > args.workers {
            return Err(format!("--min {min} is more than the {} --workers", args.workers));
        }
        let (orders, reports) = (args.endpoint(&args.orders, 1234)?, args.endpoint(&args.reports, 1235)?);
        let job_timeout = args.job_timeout.or(args.external.then_some(EXTERNAL_JOB_TIMEOUT));

        let store = Store::open(&to).map_err(|fault| fault.to_string())?;
        let archive = args.archive.clone().unwrap_or_else(|| store.root().join("archive"));
        std::fs::create_dir_all(&archive).map_err(|error| format!("{}: {error}", archive.display()))?;
        let archive = archive.canonicalize().map_err(|error| format!("{}: {error}", archive.display()))?;
        let plans = Plan::all(&folders, &[store.root(), &archive]).map_err(|fault| fault.to_string())?;
        let rules = Rules {
            workers: args.workers.into(),
            min: min.into(),
            ready_timeout: args.ready_timeout,
            retries: args.retries,
            job_timeout,
            grace: args.grace,
        };
        let spawn = if args.external { 0 } else { args.workers };
        Ok(Self {
            plans,
            store,
            archive,
            today,
            rules,
            classic: args.classic,
            orders,
            reports,
            spawn,
            worker_args: args.for_workers(),
        })
    }
}

impl ServerArgs {
    fn endpoint(&self, given: &Option<Endpoint>, usual: u16) -> Result<Endpoint, String> {
        match given {
            Some(Endpoint::Inproc { name }) => {
                Err(format!("inproc://{name}: workers are processes of their own"))
            }
            Some(endpoint) => Ok(endpoint.clone()),
            None => {
                let port = if self.external { usual } else { 0 };
                Ok(Endpoint::Tcp { host: "127.0.0.1".into(), port, source: None })
            }
        }
    }

    fn for_workers(&self) -> Vec<String> {
        let connect_timeout = format!("{}ms", self.ready_timeout.as_millis());
        let mut args = vec!["--connect-timeout".into(), connect_timeout];
        if self.classic {
            args.push("--classic".into());
        }
        if let Some(command) = &self.command {
            args.extend(["--command".into(), command.to_string()]);
        }
        if let Some(limit) = self.job_timeout {
            args.extend(["--job-timeout".into(), format!("{}ms", limit.as_millis())]);
        }
        args
    }
}

/// This repository's crates.
fn demo_folders() -> Result<Vec<PathBuf>, String> {
    let folders: Vec<_> = DEMO.iter().map(|name| repository().join(name)).collect();
    match folders.iter().all(|folder| folder.is_dir()) {
        true => Ok(folders),
        false => Err(format!("which folders? The demo's are not in {} any more", repository().display())),
    }
}

fn repository() -> &'static Path {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().unwrap_or(examples)
}

const DEMO: [&str; 6] = ["zmtp", "patterns", "cli", "examples", "tests", "benches"];
/// Nobody tells us when a worker of somebody else has died with a job.
const EXTERNAL_JOB_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3600);
