//! What can be typed: the verbs, their options, and the help.
//!
//! Clap checks what can be checked without a socket (endpoints, times, sizes), so a verb starts from values
//! that make sense. The groups of options are shared: a verb is a struct of the groups it has.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use zmtp::{Endpoint, Hwm, Reconnect};

use crate::format::Format;
use crate::units;

/// ZeroMQ sockets from a terminal: netcat for messages.
#[derive(Debug, Parser)]
#[command(name = "zmtp", version, after_help = MAP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Hand out messages, each to one puller in turn
    ///
    /// Every line of standard input becomes a message for one of the connected pullers, in turn; nobody
    /// connected, or everybody busy: it waits.
    #[command(after_help = PUSH)]
    Push(PushArgs),
    /// Collect messages from pushers
    ///
    /// Every message that arrives becomes a line on standard output, its frames separated by tabs.
    #[command(after_help = PULL)]
    Pull(PullArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) sending: Sending,
    #[command(flatten)]
    pub(crate) end: End,
    #[command(flatten)]
    pub(crate) options: SocketOptions,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) end: End,
    #[command(flatten)]
    pub(crate) options: SocketOptions,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// Where the socket is; at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
#[command(next_help_heading = "Where")]
pub(crate) struct Place {
    /// Wait for peers here; tcp://127.0.0.1:0 takes a free port and says which (repeatable)
    #[arg(long, value_name = "EP")]
    pub(crate) bind: Vec<Endpoint>,

    /// Connect to the peer there, now or when it comes (repeatable)
    #[arg(long, value_name = "EP")]
    pub(crate) connect: Vec<Endpoint>,
}

/// What a verb that sends is to send, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct Sending {
    #[command(flatten)]
    pub(crate) given: Given,

    /// Send the --message or --frame messages N times over
    #[arg(long, value_name = "N", requires = "Given", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: Option<u64>,

    /// Let D pass from one message to the next
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) every: Option<Duration>,

    /// Send nothing until N peers are connected
    #[arg(long, value_name = "N")]
    pub(crate) wait_peers: Option<usize>,

    /// A tab begins the next frame
    #[arg(long)]
    pub(crate) split_tabs: bool,

    /// Stop at the first line that is no message
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Messages on the command line.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Given {
    /// Send M instead of standard input (repeatable)
    #[arg(long, value_name = "M")]
    pub(crate) message: Vec<OsString>,

    /// Send one message with F as a frame instead of standard input (repeatable)
    #[arg(long, value_name = "F")]
    pub(crate) frame: Vec<OsString>,
}

/// When the verb ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "End")]
pub(crate) struct End {
    /// End after N messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Give up, with exit code 2, when no message moves for D
    #[arg(long, value_name = "D", value_parser = units::pause)]
    pub(crate) timeout: Option<Duration>,

    /// How long messages may take to leave after the end
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration)]
    pub(crate) linger: Duration,
}

/// What every socket has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct SocketOptions {
    /// Messages that may wait for one peer; a number or `unlimited` [default: 1000]
    #[arg(long, value_name = "N", value_parser = units::hwm)]
    pub(crate) send_hwm: Option<Hwm>,

    /// Messages of one peer that may wait for us; a number or `unlimited` [default: 1000]
    #[arg(long, value_name = "N", value_parser = units::hwm)]
    pub(crate) recv_hwm: Option<Hwm>,

    /// Hang up on a peer that sends a larger message; no larger line is sent either
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::size)]
    pub(crate) max_message_size: u64,

    /// Wait between two tries to connect: FIRST, then longer, up to LONGEST [default: 100ms..5s]
    #[arg(long, value_name = "FIRST..LONGEST", value_parser = units::reconnect)]
    pub(crate) reconnect: Option<Reconnect>,
}

/// How messages and events look.
#[derive(Debug, Args)]
#[command(next_help_heading = "Form")]
pub(crate) struct Form {
    /// Lines are JSON: {"frames": ["text", {"base64": "AAE="}]}
    #[arg(long)]
    pub(crate) json: bool,

    /// Print what happens to connections on standard error
    #[arg(long)]
    pub(crate) monitor: bool,
}

impl Form {
    pub(crate) fn format(&self, split_tabs: bool) -> Format {
        if self.json { Format::Json } else { Format::Text { split_tabs } }
    }
}

const MAP: &str = "\
Exit codes: 0 done, 1 work failed, 2 timed out, 3 usage or bad input, 4 refused by the peer.
`zmtp VERB --help` has examples.";

const PUSH: &str = "\
Examples:
  Give the lines of a file to whoever pulls:
    zmtp push --bind tcp://127.0.0.1:5555 < work.txt
  Send one message of two frames and see it off, or say after 5 s that it did not go:
    zmtp push --connect tcp://127.0.0.1:5555 --frame job --frame 'resize 17' --linger 5s
  Share out a stream of JSON lines once three workers are there:
    produce | zmtp push --bind 'tcp://*:5555' --json --wait-peers 3";

const PULL: &str = "\
Examples:
  Show what pushers send:
    zmtp pull --bind tcp://127.0.0.1:5555
  Take ten messages from a pusher as JSON, or give up when nothing comes for 3 s:
    zmtp pull --connect tcp://127.0.0.1:5555 --count 10 --timeout 3s --json
  Merge two streams, and see who comes and goes:
    zmtp pull --connect tcp://a.example:5555 --connect tcp://b.example:5555 --monitor";
