//! The README's first command, and what it shows where.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

#[test]
fn without_arguments_the_crates_of_this_repository_are_saved_by_three_workers() {
    let _shared = MACHINE.read();
    let to = tempfile::tempdir().unwrap();
    let mut command = backup();
    command.arg("--json").arg("--to").arg(to.path());
    let finished = Server::start(command).finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    let (jobs, summary) = (finished.jobs_per_worker(), finished.summary());
    assert!(jobs.len() == 3 && jobs.iter().all(|jobs| *jobs >= 1), "{jobs:?}");
    assert_eq!(
        (&summary["done"], &summary["copies"], &summary["digests_agree"]),
        (&6.into(), &6.into(), &6.into())
    );
    for name in ["zmtp", "patterns", "cli", "examples", "tests", "benches"] {
        let (source, copy) = (repository().join(name), to.path().join(name));
        let differences = Command::new("diff").arg("-r").args([source, copy]).output().unwrap();
        assert!(differences.status.success(), "{}", String::from_utf8_lossy(&differences.stdout));
    }
}
