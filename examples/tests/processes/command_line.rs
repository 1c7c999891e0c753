//! What is refused, with which words; and what the output looks like where nobody asks for JSON.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};

use crate::support::*;

/// Exit code and error output.
fn refused(args: &[&str]) -> (i32, String) {
    let output = backup().args(args).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn wrong_usage_is_exit_code_3_and_a_sentence() {
    let _shared = MACHINE.read();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to").display().to_string();
    let here = dir.path().display().to_string();
    for (args, words) in [
        (&["--no-such-flag"][..], "unexpected argument '--no-such-flag'"),
        (&["--workers", "0"], "0 is not in 1.."),
        (&["--ready-timeout", "2"], "a time like 500ms, 2s, 10m or 1h expected"),
        (&["--orders", "1234"], "1234"),
        (&["--command", "echo 'a", "/etc"], "missing closing quote"),
        (&["worker", "--name", "a b"], "space or control character"),
        (&["/etc"], "where to? --to DIR says it"),
        (&["--to", &to, "/no/such/folder"], "/no/such/folder: No such file or directory"),
        (&["--to", &to, "/etc/passwd"], "/etc/passwd: Not a directory"),
        (&["--to", "/dev/null/x", "/etc"], "/dev/null/x: Not a directory"),
        (&["--to", &to, &here], "cannot copy it into itself"),
        (&["--to", &here, &to], "it is inside of the destination"),
        (
            &["--to", &to, "--today", "someday", "/etc"],
            "--today someday: a date like 2026-11-22 or a weekday",
        ),
        (&["--to", &to, "--min", "4", "/etc"], "--min 4 is more than the 3 --workers"),
        (&["--to", &to, "--reports", "tcp://127.0.0.1:0", "/etc"], "--classic"),
        (&["--to", &to, "--orders", "inproc://x", "/etc"], "workers are processes of their own"),
        (&["--to", &to, "--orders", "tcp://192.0.2.1:1", "/etc"], "backup: cannot bind to tcp://192.0.2.1:1"),
    ] {
        let (code, stderr) = refused(args);
        assert_eq!(code, 3, "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
        fs::create_dir_all(&to).unwrap();
    }
    assert_eq!(refused(&["--help"]).0, 0);
}

#[test]
fn two_servers_do_not_share_a_destination() {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let mut first = site.server(Way::Balanced, &["--command", "sleep 1"]);
    first.wait_for_event("listening");
    let second = site.server(Way::Balanced, &[]).finish();
    assert_eq!(second.code, 3);
    assert!(second.stderr.ends_with("another backup is writing to it\n"), "{}", second.stderr);
    assert_eq!(first.finish().code, 0);
}

#[test]
fn in_a_pipe_there_are_plain_lines_and_a_table() {
    let _shared = MACHINE.read();
    let site = Site::new(3);
    let output = backup().arg("--to").arg(site.to()).args(&site.folders).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();

    assert!(output.status.success());
    assert!(text.lines().any(|line| line == "f0: sent"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("worker     jobs     files")), "{text}");
    assert!(text.contains("3 done, 0 failed in ") && text.ends_with("3 of 3 digests agree\n"), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn on_a_terminal_there_are_bars_and_a_table() {
    let _shared = MACHINE.read();
    let site = Site::new(3);
    let folders: Vec<_> = site.folders.iter().map(|folder| folder.display().to_string()).collect();
    let program = env!("CARGO_BIN_EXE_backup");
    let command = format!("{program} --to {} {}", site.to().display(), folders.join(" "));
    let output = Command::new("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);

    assert!(output.status.success(), "{text}");
    assert!(text.contains("/3 folders") && text.contains("\x1b["), "{text:?}");
    assert!(text.contains("3 of 3 digests agree"), "{text:?}");
}

#[test]
fn the_backup_goes_on_when_nobody_reads_its_output() {
    let _shared = MACHINE.read();
    let site = Site::new(3);
    let mut command = backup();
    let mut child =
        command.arg("--to").arg(site.to()).args(&site.folders).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(wait(&mut child, "server"), 0);
    site.assert_saved();
}

#[test]
fn folders_with_the_same_name_do_not_overwrite_each_other() {
    let _shared = MACHINE.read();
    let (one, two, to) = (Site::new(1), Site::new(2), tempfile::tempdir().unwrap());
    fs::write(two.folders[0].join("file"), "the other").unwrap();
    let mut command = backup();
    command.arg("--json").arg("--to").arg(to.path()).arg(&one.folders[0]).arg(&two.folders[0]);
    let finished = Server::start(command).finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    let mut copies: Vec<_> = fs::read_dir(to.path())
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("file")).ok())
        .collect();
    copies.sort();
    assert_eq!(copies, ["0", "the other"]);
}

#[test]
fn b03_sunday_is_full_and_monday_incremental() {
    let _shared = MACHINE.read();
    let site = Site::new(2);
    let kinds = |today: &str| {
        let finished = site.server(Way::Balanced, &["--today", today]).finish();
        assert_eq!(finished.code, 0, "{finished:#?}");
        let text = |event: &serde_json::Value| event["kind"].as_str().unwrap().to_owned();
        finished
            .all("archived")
            .map(|event| (text(event), event["files"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("2026-11-22"), [("full".to_owned(), 1), ("full".to_owned(), 1)]);
    fs::write(site.folders[0].join("new"), "x").unwrap();
    assert_eq!(kinds("2026-11-23"), [("incremental".to_owned(), 1), ("incremental".to_owned(), 0)]);
    assert!(site.to().join("archive/f0/2026-11-23-incremental.tar").exists());
}
