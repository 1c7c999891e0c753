//! A process of the command and what it says, and libzmq sockets that give up instead of hanging.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use zmtp_libzmq::{Context, Opt, Socket, SocketType};

/// Nothing here takes that long, on the slowest of machines.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running `zmtp`. Killed when dropped.
pub(crate) struct Zmtp {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Standard output, if nobody has asked for its lines.
    stdout: Option<ChildStdout>,
    out: Option<Receiver<Vec<u8>>>,
    err: Receiver<Vec<u8>>,
}

/// How a process ended, and what it said that no test had read by then.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Starts `zmtp` with these arguments, which are separated by spaces.
pub(crate) fn zmtp(arguments: &str) -> Zmtp {
    Zmtp::start(&arguments.split_whitespace().collect::<Vec<_>>())
}

impl Zmtp {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut zmtp = Self::start_unread(arguments);
        zmtp.out = zmtp.stdout.take().map(lines);
        zmtp
    }

    /// The same, but nobody reads its standard output.
    pub(crate) fn start_unread(arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::piped(), Stdio::piped())
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_in(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zmtp"));
        command.args(arguments).envs(variables.iter().copied());
        let mut zmtp = Self::spawn(command, Stdio::piped(), Stdio::piped());
        zmtp.out = zmtp.stdout.take().map(lines);
        zmtp
    }

    /// The same, on a disk where no file has room for more octets than these.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_on_full_disk(arguments: &[&str], room: u64) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' XFSZ; exec prlimit --fsize={room} \"$0\" \"$@\"")]);
        command.arg(env!("CARGO_BIN_EXE_zmtp")).args(arguments);
        Self::spawn(command, Stdio::piped(), Stdio::piped())
    }

    /// The same, with other standard streams.
    pub(crate) fn start_with(arguments: &[&str], stdin: Stdio, stdout: Stdio) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zmtp"));
        command.args(arguments);
        Self::spawn(command, stdin, stdout)
    }

    fn spawn(mut command: Command, stdin: Stdio, stdout: Stdio) -> Self {
        let mut child = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let err = lines(child.stderr.take().unwrap());
        Self { stdin: child.stdin.take(), stdout: child.stdout.take(), out: None, err, child }
    }

    /// Writes to its standard input.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stdin.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Its standard input, for a thread that writes a lot.
    pub(crate) fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    /// Writes lines to its standard input, as long as it takes some.
    pub(crate) fn flood(&mut self) {
        let mut input = self.take_stdin();
        let lines = [[b'x'; 999].as_slice(), b"\n"].concat().repeat(64);
        thread::spawn(move || while input.write_all(&lines).is_ok() {});
    }

    /// Writes `line` to its standard input again and again until `found` says that it has done what it is for.
    pub(crate) fn write_until(&mut self, line: &str, mut found: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !found() {
            assert!(Instant::now() < deadline, "{line} has no effect");
            self.write(line);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it has a line on standard output by now.
    pub(crate) fn try_line(&mut self) -> Option<String> {
        self.out.as_ref().expect("standard output is read").try_recv().ok().map(text)
    }

    /// Ends its standard input.
    pub(crate) fn end_input(&mut self) -> &mut Self {
        self.stdin = None;
        self
    }

    /// Closes our end of its standard output.
    pub(crate) fn close_output(&mut self) {
        self.stdout = None;
    }

    /// Closes our end of its standard output, though it was read until now.
    pub(crate) fn stop_reading(&mut self) {
        self.out = None;
    }

    /// Begins to read its standard output.
    pub(crate) fn read_output(&mut self) {
        self.out = self.stdout.take().map(lines);
    }

    /// The next line of its standard output, without the newline.
    pub(crate) fn line(&mut self) -> String {
        let line = self.out.as_ref().expect("standard output is read").recv_timeout(DEADLINE);
        match line {
            Ok(line) => text(line),
            Err(error) => {
                panic!("no line on standard output ({error:?}); on standard error: {:?}", self.said())
            }
        }
    }

    /// The next line of its standard error, without the newline.
    pub(crate) fn err_line(&mut self) -> String {
        text(self.err.recv_timeout(DEADLINE).expect("no line on standard error"))
    }

    /// A line of its standard error, if it has said one by now.
    pub(crate) fn try_err_line(&mut self) -> Option<String> {
        self.err.try_recv().ok().map(text)
    }

    /// The next line of its standard error that contains `part`; those before are skipped.
    pub(crate) fn err_line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.err_line();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Where it is bound: the endpoint of its next `bound` line.
    pub(crate) fn bound(&mut self) -> String {
        let line = self.err_line();
        line.strip_prefix("bound ")
            .unwrap_or_else(|| panic!("expected a bound line, not {line:?}"))
            .to_owned()
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// The most memory it ever had, in MiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// How many descriptors it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        // A process that is gone has closed its ends of the pipes, so nothing is polled here.
        let out = self.out.take().map(|lines| rest(&lines)).unwrap_or_default();
        let err = rest(&self.err);
        let code = self.child.wait().unwrap().code().expect("ended by a signal");
        Ended { code, out, err }
    }

    /// Waits for its end, which is to be a good one.
    pub(crate) fn done(self) -> Ended {
        let ended = self.ended();
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    }

    /// What it said so far and nobody read.
    fn said(&self) -> Vec<String> {
        self.err.try_iter().map(text).collect()
    }
}

impl Drop for Zmtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that reads lines and hands them over.
fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            if line.is_ok_and(|line| sender.send(line).is_err()) {
                break;
            }
        }
    });
    lines
}

fn rest(lines: &Receiver<Vec<u8>>) -> String {
    let deadline = Instant::now() + DEADLINE;
    let mut all = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => all += &(text(line) + "\n"),
            Err(RecvTimeoutError::Disconnected) => return all,
            Err(RecvTimeoutError::Timeout) => panic!("the process has not ended; so far: {all}"),
        }
    }
}

fn text(line: Vec<u8>) -> String {
    String::from_utf8(line).unwrap()
}

/// An endpoint where nobody listens, yet.
pub(crate) fn nobody() -> String {
    // An address of its own, where the system lets us: nobody gets this port by chance while it is free.
    let host = if cfg!(target_os = "linux") { "127.0.1.1" } else { "127.0.0.1" };
    let listener = TcpListener::bind((host, 0)).unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

/// A libzmq socket whose calls give up in the end.
pub(crate) fn libzmq(kind: SocketType) -> Socket {
    let socket = Socket::new(&Context::new(), kind).unwrap();
    for timeout in [Opt::RcvTimeo, Opt::SndTimeo] {
        socket.set_int(timeout, DEADLINE.as_millis() as i32).unwrap();
    }
    socket
}

/// A bound libzmq socket, and where it is.
pub(crate) fn libzmq_bound(kind: SocketType) -> (Socket, String) {
    let socket = libzmq(kind);
    let at = socket.bind("tcp://127.0.0.1:*").unwrap();
    (socket, at)
}

/// A libzmq socket that is connected to `zmtp`, which is bound.
pub(crate) fn libzmq_connected(kind: SocketType, zmtp: &mut Zmtp) -> Socket {
    let socket = libzmq(kind);
    socket.connect(&zmtp.bound()).unwrap();
    socket
}

/// A bound libzmq PULL, and where it is.
pub(crate) fn libzmq_pull() -> (Socket, String) {
    libzmq_bound(SocketType::Pull)
}

/// A libzmq PUSH that is connected to `zmtp`, which is bound.
pub(crate) fn libzmq_push(zmtp: &mut Zmtp) -> Socket {
    libzmq_connected(SocketType::Push, zmtp)
}
