//! Real processes of `backup`, on a leash: every wait has a deadline, and nothing outlives its test.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        RwLock,
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes on a busy machine, shorter than anybody's patience.
pub(crate) const DEADLINE: Duration = Duration::from_secs(100);

/// Tests that measure time, or take all of the machine, hold it alone.
pub(crate) static MACHINE: RwLock<()> = RwLock::new(());

/// A place with tiny folders to save and room for the copies.
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) folders: Vec<PathBuf>,
}

impl Site {
    pub(crate) fn new(folders: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folders: Vec<_> = (0..folders).map(|n| dir.path().join(format!("source/f{n}"))).collect();
        for (number, folder) in folders.iter().enumerate() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("file"), number.to_string()).unwrap();
        }
        Self { dir, folders }
    }

    pub(crate) fn to(&self) -> PathBuf {
        self.dir.path().join("copies")
    }

    /// The server on this site, with its events.
    pub(crate) fn server(&self, way: Way, args: &[&str]) -> Server {
        let mut command = backup();
        command.arg("--json").args(way.flags()).args(args).arg("--to").arg(self.to()).args(&self.folders);
        Server::start(command)
    }

    /// Every folder has its copy, and nothing unfinished is left.
    pub(crate) fn assert_saved(&self) {
        for (number, folder) in self.folders.iter().enumerate() {
            let copy = self.to().join(folder.file_name().unwrap()).join("file");
            assert_eq!(std::fs::read_to_string(&copy).unwrap(), number.to_string(), "{}", copy.display());
        }
        assert!(!self.to().join(".partial").exists());
    }
}

/// The program under test.
pub(crate) fn backup() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backup"));
    command.stdin(Stdio::null());
    command
}

/// How orders travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Balanced,
    Classic,
}

impl Way {
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Balanced => &[],
            Self::Classic => &["--classic"],
        }
    }

    /// The options that say where; a balancer needs one endpoint only.
    pub(crate) fn ends<'a>(self, orders: &'a str, reports: &'a str) -> Vec<&'a str> {
        match self {
            Self::Balanced => vec!["--orders", orders],
            Self::Classic => vec!["--orders", orders, "--reports", reports],
        }
    }
}

/// Makes two tests of each function that takes a [`Way`].
macro_rules! both_ways {
    ($($name:ident)*) => {
        $(mod $name {
            use crate::support::Way;

            #[test]
            fn balanced() {
                super::$name(Way::Balanced);
            }

            #[test]
            fn classic() {
                super::$name(Way::Classic);
            }
        })*
    };
}
pub(crate) use both_ways;

/// A `backup` server and what it tells.
pub(crate) struct Server {
    child: Child,
    lines: mpsc::Receiver<Value>,
    pub(crate) events: Vec<Value>,
    stderr: Option<thread::JoinHandle<String>>,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { child, lines, events: Vec::new(), stderr: Some(stderr) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event that `fits`, old ones not counted.
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.lines.recv_timeout(left) else {
                panic!("no {what} after {:#?}", self.events);
            };
            self.events.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
    }

    pub(crate) fn wait_for_event(&mut self, name: &str) -> Value {
        self.wait_for(name, |event| event["event"] == name)
    }

    /// Where it listens: orders and, if it is a classic one, reports.
    pub(crate) fn endpoints(&mut self) -> (String, String) {
        let event = self.wait_for_event("listening");
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        (text("orders"), text("reports"))
    }

    /// Waits for its end, and asserts that none of its workers is left.
    pub(crate) fn finish(mut self) -> Finished {
        let code = wait(&mut self.child, "server");
        while let Ok(event) = self.lines.recv_timeout(DEADLINE) {
            self.events.push(event);
        }
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let finished = Finished { code, events: std::mem::take(&mut self.events), stderr };
        for worker in finished.all("worker-started") {
            assert!(!is_alive(worker["pid"].as_u64().unwrap()), "{worker} is left");
        }
        finished
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that has exited.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }

    pub(crate) fn summary(&self) -> &Value {
        self.all("summary").next().unwrap_or_else(|| panic!("no summary in {self:#?}"))
    }

    /// How many jobs every worker has done that ever was ready.
    pub(crate) fn jobs_per_worker(&self) -> Vec<u64> {
        let rows = self.summary()["workers"].as_array().unwrap();
        rows.iter().map(|row| row["jobs"].as_u64().unwrap()).collect()
    }
}

/// A `backup worker`.
pub(crate) struct Worker {
    pub(crate) name: String,
    child: Child,
}

impl Worker {
    pub(crate) fn start(way: Way, name: &str, orders: &str, reports: &str, args: &[&str]) -> Self {
        let mut command = backup();
        command.args(["worker", "--name", name]).args(way.flags()).args(way.ends(orders, reports)).args(args);
        Self { name: name.into(), child: command.stdout(Stdio::null()).spawn().unwrap() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and not before it is dead does this return.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn exit_code(mut self) -> i32 {
        wait(&mut self.child, "worker")
    }

    pub(crate) fn has_exited(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its exit code; -1 if a signal has ended it.
pub(crate) fn wait(child: &mut Child, what: &str) -> i32 {
    let mut status = None;
    until(&format!("the {what} has exited"), || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code().unwrap_or(-1)
}

/// Looks again and again: for what the system tells nobody.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn is_alive(pid: u64) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

pub(crate) fn signal(pid: u64, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// An endpoint that nobody uses. Not one of the ports that connections are made from: somebody who dials such
/// a port of his own machine again and again will one day be connected to himself.
pub(crate) fn free_endpoint() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 12_000 + (std::process::id() % 1000) as u16 * 16;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 4000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return format!("tcp://127.0.0.1:{port}");
        }
    }
}

/// Runs `run` so many times, a few at once, each with its number.
pub(crate) fn repeat(times: usize, at_once: usize, run: impl Fn(usize) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        number if number < times => run(number),
                        _ => break,
                    }
                }
            });
        }
    });
}

pub(crate) fn at_random(up_to: Duration) -> Duration {
    up_to.mul_f64(fastrand::f64())
}
