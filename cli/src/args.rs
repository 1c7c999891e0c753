//! The options that verbs share, in groups: a verb is a struct of the groups it has.
//!
//! Clap checks what can be checked without a socket (endpoints, times, sizes), so a verb starts from values
//! that make sense.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use zmtp::{Endpoint, Hwm, Reconnect, RoutingId};

use crate::format::Format;
use crate::security::Secured;
use crate::units;

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

    /// Send nothing until N peers are connected (for pub and xpub: subscribed)
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

/// Topics of a subscriber.
#[derive(Debug, Args)]
#[command(next_help_heading = "Topics")]
pub(crate) struct Topics {
    /// Get the messages that begin with TOPIC (repeatable); sub without any gets everything
    #[arg(long, value_name = "TOPIC")]
    pub(crate) subscribe: Vec<OsString>,
}

/// What every verb with a socket has, besides its place.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) end: End,
    #[command(flatten)]
    pub(crate) options: SocketOptions,
    #[command(flatten)]
    pub(crate) secured: Secured,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// When the verb ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "End")]
pub(crate) struct End {
    /// End after N messages received; a verb that only sends: sent
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
#[derive(Debug, Clone, Args)]
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

    /// Ask peers for a sign of life every D, and hang up on those that give none for as long
    #[arg(long, value_name = "D", value_parser = units::pause)]
    pub(crate) heartbeat: Option<Duration>,

    /// Wait between two tries to connect: FIRST, then longer, up to LONGEST [default: 100ms..5s]
    #[arg(long, value_name = "FIRST..LONGEST", value_parser = units::reconnect)]
    pub(crate) reconnect: Option<Reconnect>,
}

/// For the types that a router knows by name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct Named {
    /// The name that a router knows us by: 1 to 255 bytes
    #[arg(long, value_name = "ID", value_parser = units::routing_id)]
    pub(crate) routing_id: Option<RoutingId>,
}

/// For the types that may keep only one message.
#[derive(Debug, Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct Conflation {
    /// Keep only the newest message, of one frame, wherever messages would wait
    #[arg(long)]
    pub(crate) conflate: bool,
}

/// How messages and events look.
#[derive(Debug, Clone, Args)]
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
    /// How the messages of this verb look. Only a verb that reads lines splits them.
    pub(crate) fn format(&self, sending: Option<&Sending>) -> Format {
        if self.json { Format::JSON } else { Format::text(sending.is_some_and(|sending| sending.split_tabs)) }
    }
}
