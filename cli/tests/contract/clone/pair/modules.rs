//! Two systems, each with modules beside its server: those of one run at a time.

use std::fs::{read_to_string, write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{FAILOVER, Pair};
use crate::support::{Ended, Zmtp};

const TTL: Duration = Duration::from_millis(1500);
const SOON: &str = "--ttl 1500ms --grace 300ms";

/// A pair, and what looks after its modules.
struct Systems {
    pair: Pair,
    folder: TempDir,
    supervisors: [Option<Zmtp>; 2],
}

impl Systems {
    /// The modules of the first one run.
    fn running(options: &str) -> Self {
        let mut systems =
            Self { pair: Pair::running(""), folder: tempfile::tempdir().unwrap(), supervisors: [None, None] };
        // One that complains if another one runs. What it says last is its number.
        let module = "exec 9>lock\nflock -n 9 || echo clash >> clashes\necho $$ > new && mv new pid-$1\n\
                      while :; do sleep 0.05; done\n";
        write(systems.path("module"), module).unwrap();
        systems.supervise(0, options);
        systems.supervise(1, options);
        systems.is_on(0);
        systems
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Looks after the modules of this one.
    fn supervise(&mut self, number: usize, options: &str) {
        let (own, other) = (self.pair.at(number), self.pair.at(1 - number));
        let run = format!("cd {} && exec sh module {number}", self.folder.path().display());
        let mut line = vec!["clone", "module", "--own", &own, "--connect", &own, "--connect", &other];
        line.extend(["--run", &run]);
        line.extend(options.split_whitespace());
        let mut supervisor = Zmtp::start(&line);
        assert_eq!(supervisor.line(), "off");
        self.supervisors[number] = Some(supervisor);
    }

    fn supervisor(&mut self, number: usize) -> &mut Zmtp {
        self.supervisors[number].as_mut().expect("it runs")
    }

    fn is_on(&mut self, number: usize) {
        let line = self.supervisor(number).line();
        assert!(line.starts_with("on\t"), "{number}: {line}");
        // It has begun.
        let pid = self.path(&format!("pid-{number}"));
        self.pair.until("the module runs", |_| pid.exists());
    }

    fn is_off(&mut self, number: usize) {
        assert_eq!(self.supervisor(number).line(), "off");
    }

    /// All of this machine is gone.
    fn die(&mut self, number: usize) {
        self.pair.kill(number);
        assert!(self.kill(number));
    }

    /// The supervisor, and then the module, which would go on alone.
    fn kill(&mut self, number: usize) -> bool {
        self.supervisors[number] = None;
        let Ok(group) = read_to_string(self.path(&format!("pid-{number}"))) else { return false };
        let mut kill = Command::new("kill");
        kill.args(["-KILL", "--", &format!("-{}", group.trim())]).stderr(Stdio::null());
        kill.status().is_ok_and(|status| status.success())
    }

    fn leave(&mut self, number: usize) -> Ended {
        let supervisor = self.supervisors[number].take().unwrap();
        supervisor.signal("TERM");
        supervisor.ended()
    }

    /// None has ever run while another one did.
    fn check(&self) {
        let clashes: &Path = &self.path("clashes");
        assert!(!clashes.exists(), "{}", read_to_string(clashes).unwrap());
    }
}

impl Drop for Systems {
    fn drop(&mut self) {
        // One that has left already has taken its module with it.
        (0..2).for_each(|number| _ = self.kill(number));
    }
}

#[test]
fn c12_when_a_system_dies_the_modules_of_the_other_one_begin_after_its_time() {
    let mut systems = Systems::running(SOON);
    let died = Instant::now();
    systems.die(0);
    // Somebody asks for a server.
    systems.pair.client(1, "set lamp on").done();
    systems.is_on(1);
    let took = died.elapsed();
    println!("the modules of the other system ran {took:?} after the death");
    assert!(took > FAILOVER - Duration::from_millis(100) + TTL, "{took:?}");
    systems.check();
}

#[test]
fn c11_c17_the_modules_of_the_one_are_off_before_those_of_the_other_one_begin() {
    let mut systems = Systems::running(SOON);
    for round in 0..4 {
        let (from, to) = (round % 2, 1 - round % 2);
        let begun = Instant::now();
        systems.pair.client(0, "handover").done();
        systems.is_off(from);
        systems.is_on(to);
        let took = begun.elapsed();
        println!("the modules have changed over in {took:?}");
        systems.pair.is_followed(to);
        systems.check();
    }
}

#[test]
fn when_a_server_dies_alone_its_modules_are_stopped_and_the_others_do_not_wait_for_their_time() {
    let mut systems = Systems::running("--ttl 1m --grace 1s");
    systems.pair.kill(0);
    systems.is_off(0);
    systems.is_on(1);
    systems.check();
}

#[test]
fn modules_that_do_not_stop_are_killed_and_those_that_end_are_started_again() {
    let mut systems = Systems::running(SOON);
    let stubborn = "trap '' TERM; exec 9>lock; flock -n 9 || echo clash >> clashes; echo $$ > new && mv new pid-0; \
                    while :; do sleep 0.05; done";
    systems.leave(0);
    write(systems.path("module"), stubborn).unwrap();
    std::fs::remove_file(systems.path("pid-0")).unwrap();
    systems.supervise(0, SOON);
    systems.is_on(0);
    let first = read_to_string(systems.path("pid-0")).unwrap();
    let killed = Command::new("kill").args(["-KILL", first.trim()]).status();
    assert!(killed.unwrap().success());
    systems.supervisor(0).err_line_with("it is started again in 1s");
    let pid = systems.path("pid-0");
    systems.pair.until("it is started again", |_| read_to_string(&pid).unwrap() != first);

    let ended = systems.leave(0);
    assert_eq!((ended.code, &*ended.out), (128 + 15, "off\n"), "{ended:?}");
    systems.check();
}

#[test]
fn a_fence_makes_sure_that_the_other_system_is_off_so_that_nobody_waits() {
    let mut systems = Systems::running("--ttl 1m --grace 300ms --fence-cmd true");
    systems.die(0);
    systems.pair.client(1, "set lamp on").done();
    systems.supervisor(1).err_line_with("--fence-cmd is run");
    systems.is_on(1);
    systems.check();
}

#[test]
fn what_is_to_stop_the_modules_is_run_until_it_has_done_it() {
    let pair = Pair::running("");
    let (own, other) = (pair.at(0), pair.at(1));
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there").display().to_string();
    let (start, stop) = (format!("touch {there}"), format!("rm {there}"));
    let line = ["clone", "module", "--own", &own, "--connect", &own, "--connect", &other, "--ttl", "1500ms"];
    let mut supervisor = Zmtp::start(&[&line[..], &["--on-active", &start, "--on-fenced", &stop]].concat());
    // First of all they are stopped; that fails, since they do not run.
    supervisor.err_line_with("--on-fenced: `rm");
    write(folder.path().join("there"), "").unwrap();
    assert_eq!(supervisor.line(), "off");
    assert!(supervisor.line().starts_with("on\t"));
    pair.until("they are started", |_| folder.path().join("there").exists());
    pair.client(0, "handover").done();
    assert_eq!(supervisor.line(), "off");
    assert!(!folder.path().join("there").exists());
}
