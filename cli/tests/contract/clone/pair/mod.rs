//! Two servers, of which one decides; killed, frozen and cut off from each other.

mod cut;
mod deaths;
mod modules;
mod starts;

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Zmtp};

/// How long the one who decides may be silent.
const FAILOVER: Duration = Duration::from_secs(1);

/// Two servers on addresses of their own.
struct Pair {
    hosts: [String; 2],
    /// What both are told besides.
    options: String,
    servers: [Option<Zmtp>; 2],
}

impl Pair {
    /// Neither runs yet.
    fn new(options: &str) -> Self {
        static PAIRS: AtomicU8 = AtomicU8::new(0);
        let number = PAIRS.fetch_add(1, Ordering::Relaxed);
        // Other processes may try the same at this moment.
        let process = 1 + std::process::id() % 250;
        let hosts = [1, 2].map(|it| format!("127.{process}.{number}.{it}"));
        let options = format!("--beat 100ms --failover 1s {options}");
        Self { hosts, options, servers: [None, None] }
    }

    /// Both run, the first one decides, and the other one follows.
    fn running(options: &str) -> Self {
        let mut pair = Self::new(options);
        pair.start(0, "");
        pair.start(1, "");
        pair.is_followed(0);
        pair
    }

    fn at(&self, number: usize) -> String {
        format!("tcp://{}:5556", self.hosts[number])
    }

    /// Starts one of them, with these options of its own.
    fn start(&mut self, number: usize, options: &str) {
        let (at, peer) = (self.at(number), self.at(1 - number));
        let peer = if options.contains("--peer") { String::new() } else { format!("--peer {peer}") };
        let role = ["--primary", "--backup"][number];
        let line = format!("clone serve --at {at} {role} {peer} {} {options}", self.options);
        let mut server = Zmtp::start(&line.split_whitespace().collect::<Vec<_>>());
        for _ in 0..3 {
            server.bound();
        }
        self.servers[number] = Some(server);
    }

    fn server(&mut self, number: usize) -> &mut Zmtp {
        self.servers[number].as_mut().expect("it runs")
    }

    /// Waits until one of them says to be this.
    fn become_(&mut self, number: usize, role: &str) {
        self.server(number).err_line_with(&format!("role {role}"));
    }

    /// Waits until this one decides, and knows that the other one follows.
    fn is_followed(&self, active: usize) {
        self.until("one follows", |pair| pair.roles()[active].starts_with("active, peer standby"));
    }

    fn kill(&mut self, number: usize) {
        self.server(number).signal("KILL");
        self.servers[number] = None;
    }

    /// A client of both, which asks this one first.
    fn client(&self, first: usize, arguments: &str) -> Zmtp {
        self.client_for(first, arguments, "20s")
    }

    /// One that waits no longer than that.
    fn client_for(&self, first: usize, arguments: &str, timeout: &str) -> Zmtp {
        let (one, other) = (self.at(first), self.at(1 - first));
        let line = format!("clone {arguments} --connect {one} --connect {other} --timeout {timeout}");
        Zmtp::start(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// What a client of both says that ends well.
    fn said(&self, arguments: &str) -> String {
        self.client(0, arguments).done().out
    }

    /// What the servers are, and how they are connected, as they say: a line of words each.
    fn roles(&self) -> [String; 2] {
        let status =
            format!("clone status nothing --timeout 1s --connect {} --connect {}", self.at(0), self.at(1));
        // If nobody decides it ends with 2, and says this all the same.
        let said = Zmtp::start(&status.split_whitespace().collect::<Vec<_>>()).ended().out;
        [0, 1].map(|number| {
            let server = format!("server\t{}\t", self.at(number));
            let line = said.lines().find_map(|line| line.strip_prefix(&server));
            line.unwrap_or_default().replace('\t', ", ")
        })
    }

    /// Which of them decides, if exactly one does.
    fn active(&self) -> Option<usize> {
        let roles = self.roles();
        let is_active = |number: &usize| roles[*number].starts_with("active");
        let mut active = [0, 1].into_iter().filter(is_active);
        active.next().filter(|_| active.next().is_none())
    }

    /// Waits until it is so.
    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what}: {:?}", self.roles());
        }
    }
}
