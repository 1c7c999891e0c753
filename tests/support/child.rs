//! A peer in a process of its own: `zmq-peer` (libzmq) or `zmtp-peer` (ours). It can be stopped and killed.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::within;

/// A running peer. Dropping it kills it, stopped or not.
///
/// ```no_run
/// # async fn example() {
/// use support::Child;
///
/// let mut pull = Child::zmq("pull bind tcp://127.0.0.1:* rcvhwm=10").await;
/// let at = pull.at().to_owned();
/// pull.wait_for("event HANDSHAKE_SUCCEEDED").await;
/// pull.stop();
/// pull.go_on();
/// assert_eq!(pull.got().await, [b"hello"]);
/// # }
/// ```
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    at: String,
}

impl Child {
    /// A libzmq socket: `TYPE bind|connect ENDPOINT [OPTION=VALUE]...`, in words. It is bound, or connecting, when
    /// this returns.
    pub async fn zmq(words: &str) -> Self {
        Self::start("zmq-peer", words).await
    }

    /// A socket of ours, in the same words.
    pub async fn zmtp(words: &str) -> Self {
        Self::start("zmtp-peer", words).await
    }

    async fn start(program: &str, words: &str) -> Self {
        let path = beside_the_tests(program);
        let mut process = Command::new(&path)
            .args(words.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let output = process.stdout.take().expect("a pipe");
        let (sender, lines) = unbounded_channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let input = process.stdin.take();
        let mut child = Self { process, input, lines, at: String::new() };
        child.at = child.wait_for("at ").await;
        child
    }

    /// Where it is bound, or what it connects to.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Sends a message of one frame.
    pub fn send(&mut self, body: impl AsRef<[u8]>) {
        self.send_frames(&[body]);
    }

    /// Sends a message.
    pub fn send_frames<F: AsRef<[u8]>>(&mut self, frames: &[F]) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{}", to_line(frames)).expect("a process that listens");
    }

    /// The next message that it received; other lines are passed over.
    pub async fn got(&mut self) -> Vec<Vec<u8>> {
        from_line(&self.wait_for("got ").await)
    }

    /// The rest of the next line that begins so; others are passed over.
    pub async fn wait_for(&mut self, start: &str) -> String {
        loop {
            let line = within(PATIENCE, self.lines.recv()).await.unwrap_or_else(|| panic!("no {start:?}"));
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    /// Freezes it (SIGSTOP): its connections stay open, and nothing answers.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Ends its input, so that it closes its socket, and waits until it is gone.
    pub async fn close(mut self) {
        self.input = None;
        while within(PATIENCE, self.lines.recv()).await.is_some() {}
    }

    /// Lets it open only so many descriptors more, or again as many as it could.
    #[cfg(target_os = "linux")]
    pub fn limit_descriptors(&self, more: Option<u64>) {
        let pid = self.process.id();
        let is_free = |fd: &u64| !std::path::Path::new(&format!("/proc/{pid}/fd/{fd}")).exists();
        let limit = match more {
            Some(more) => (0..).filter(is_free).nth(more as usize).expect("a number"),
            None => 1024,
        };
        let limits = Rlimit { current: Some(limit), maximum: getrlimit(Resource::Nofile).maximum };
        prlimit(Some(Pid::from_child(&self.process)), Resource::Nofile, limits).expect("a process of ours");
    }

    /// How long it has computed so far.
    #[cfg(target_os = "linux")]
    pub fn cpu(&self) -> std::time::Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it lives");
        let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
        std::time::Duration::from_millis(ticks * 10)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("a process that lives");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A message in one line: frames are separated by tabs, and what is not printable stands as `\x00`.
pub fn to_line<F: AsRef<[u8]>>(frames: impl IntoIterator<Item = F>) -> String {
    let mut line = String::new();
    for (n, frame) in frames.into_iter().enumerate() {
        if n > 0 {
            line.push('\t');
        }
        for octet in frame.as_ref() {
            match octet {
                b' '..=b'~' if *octet != b'\\' => line.push(char::from(*octet)),
                _ => write!(line, "\\x{octet:02x}").expect("a string takes all"),
            }
        }
    }
    line
}

/// The other way round.
pub fn from_line(line: &str) -> Vec<Vec<u8>> {
    let frame = |text: &str| {
        let mut pieces = text.split("\\x");
        let mut frame: Vec<u8> = pieces.next().unwrap_or_default().into();
        for piece in pieces {
            let (octet, rest) = piece.split_at(2);
            frame.push(u8::from_str_radix(octet, 16).expect("two digits"));
            frame.extend(rest.as_bytes());
        }
        frame
    };
    line.split('\t').map(frame).collect()
}

/// Cargo builds a package's programs together with its tests, one folder above them.
fn beside_the_tests(program: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let folder = test.ancestors().nth(2).expect("target/debug/deps");
    folder.join(program).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Seconds. Nothing takes that long, on the slowest of machines.
const PATIENCE: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_its_message() {
        let all: Vec<u8> = (0..=255).collect();
        for message in [vec![all.clone()], vec![vec![], all, b"\\x41".to_vec()], vec![vec![]]] {
            assert_eq!(from_line(&to_line(&message)), message);
        }
    }
}
