//! `zmtp proxy`: two sockets, and what comes in at one goes out at the other.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use zmtp::{Dealer, Endpoint, EndpointError, Pair, Pull, Push, Router, Xpub, Xsub};

use crate::args::{Common, End, Form, Place, SocketOptions};
use crate::exit::Exit;
use crate::join::{Ends, join};
use crate::security::Secured;
use crate::units;

/// Join two sockets
///
/// What comes in at one end goes out at the other. An end is TYPE:bind:EP or TYPE:connect:EP; the types that go
/// together are router and dealer (requests and replies), xsub and xpub (news), pull and push (work), and pair and
/// pair. A bare EP is router:bind:EP in front and dealer:bind:EP behind.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Proxy {
    /// Where the clients, publishers or pushers are
    front: Side,

    /// Where the services, subscribers or pullers are
    back: Side,

    /// Bind a pub here that publishes whatever passes
    #[arg(long, value_name = "EP")]
    capture: Option<Endpoint>,

    /// How long messages may take to leave after the end
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration)]
    linger: Duration,

    #[command(flatten)]
    options: SocketOptions,

    #[command(flatten)]
    form: Form,
}

impl Proxy {
    pub(crate) async fn run(&self) -> Exit {
        let ends = Ends {
            front: self.front.place(),
            back: self.back.place(),
            capture: self.capture.as_ref().map(|at| Place { bind: vec![at.clone()], connect: vec![] }),
        };
        let common = Common {
            end: End { count: None, timeout: None, linger: self.linger },
            options: self.options.clone(),
            secured: Secured::default(),
            form: self.form.clone(),
        };
        let types = (self.front.kind.unwrap_or(Type::Router), self.back.kind.unwrap_or(Type::Dealer));
        match types {
            (Type::Router, Type::Dealer) => join::<Router, Dealer>(&ends, &common).await,
            (Type::Dealer, Type::Router) => join::<Dealer, Router>(&ends, &common).await,
            (Type::Xsub, Type::Xpub) => join::<Xsub, Xpub>(&ends, &common).await,
            (Type::Xpub, Type::Xsub) => join::<Xpub, Xsub>(&ends, &common).await,
            (Type::Pull, Type::Push) => join::<Pull, Push>(&ends, &common).await,
            (Type::Push, Type::Pull) => join::<Push, Pull>(&ends, &common).await,
            (Type::Pair, Type::Pair) => join::<Pair, Pair>(&ends, &common).await,
            (Type::Dealer, Type::Dealer) => join::<Dealer, Dealer>(&ends, &common).await,
            (front, back) => Exit::Usage(format!(
                "a {front} in front and a {back} behind do not go together; expected router and dealer, xsub and \
                 xpub, pull and push, pair and pair, or dealer and dealer"
            )),
        }
    }
}

/// One side of a proxy: `xsub:bind:tcp://*:5555`, or just an endpoint to bind to.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    /// What it says it is, if it says so.
    kind: Option<Type>,
    binds: bool,
    at: Endpoint,
}

impl Side {
    fn place(&self) -> Place {
        let at = vec![self.at.clone()];
        if self.binds { Place { bind: at, connect: vec![] } } else { Place { bind: vec![], connect: at } }
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: String| format!("{what}; expected something like xsub:bind:tcp://127.0.0.1:5555");
        let endpoint = |text: &str| text.parse().map_err(|error: EndpointError| wrong(error.to_string()));
        // An endpoint has its slashes behind the first colon, a socket type has not.
        let Some((kind, rest)) = text.split_once(':').filter(|(_, rest)| !rest.starts_with("//")) else {
            return Ok(Self { kind: None, binds: true, at: endpoint(text)? });
        };
        let kind = Type::from_str(kind, false).map_err(|_| {
            wrong(format!("`{}` is no type of socket that a proxy can have", kind.escape_debug()))
        })?;
        match rest.split_once(':') {
            Some(("bind", at)) => Ok(Self { kind: Some(kind), binds: true, at: endpoint(at)? }),
            Some(("connect", at)) => Ok(Self { kind: Some(kind), binds: false, at: endpoint(at)? }),
            _ => Err(wrong(format!("neither `bind` nor `connect` behind `{kind}`"))),
        }
    }
}

/// The socket types of proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    Router,
    Dealer,
    Xsub,
    Xpub,
    Pull,
    Push,
    Pair,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No value is skipped, so each has its name.
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

const EXAMPLES: &str = "\
Examples:
  Let clients (req) find workers (rep) without knowing them:
    zmtp proxy tcp://127.0.0.1:5559 tcp://127.0.0.1:5560
  Join publishers and subscribers, and watch what passes with `zmtp sub`:
    zmtp proxy xsub:bind:tcp://127.0.0.1:5555 xpub:bind:tcp://127.0.0.1:5556 --capture tcp://127.0.0.1:5557
  Bring a site's work to the pullers of another:
    zmtp proxy pull:bind:tcp://127.0.0.1:5555 push:connect:tcp://far.example:5555 --monitor";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_type_a_role_and_an_endpoint() {
        let at: Endpoint = "tcp://127.0.0.1:5555".parse().unwrap();
        let cases = [
            ("tcp://127.0.0.1:5555", None, true),
            ("xsub:bind:tcp://127.0.0.1:5555", Some(Type::Xsub), true),
            ("dealer:connect:tcp://127.0.0.1:5555", Some(Type::Dealer), false),
        ];
        for (text, kind, binds) in cases {
            assert_eq!(text.parse(), Ok(Side { kind, binds, at: at.clone() }), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_side_is_told_what_was_expected() {
        for text in [
            "",
            "tcp://",
            "sub:bind:tcp://h:1",
            "router:tcp://h:1",
            "router:bind",
            "router:bind:h:1",
            "router",
            "x:",
        ] {
            let said = text.parse::<Side>().unwrap_err();
            assert!(said.contains("expected"), "{text}: {said}");
        }
    }
}
