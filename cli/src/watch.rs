//! What happens to the connections: printed with `--monitor`, and watched for refusals always.
//!
//! A verb that only connects ends when every endpoint has refused it for good; this is where that is noticed.

use std::collections::HashMap;
use std::future::pending;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};
use zmtp::{Endpoint, Event, Monitor, PeerInfo};

use crate::args::{Form, Place};
use crate::units::show;

/// The events of one socket.
#[derive(Debug)]
pub(crate) struct Watch {
    monitor: Monitor,
    print: Option<Style>,
    /// The endpoints that may still let us in, with how often each was given.
    open: HashMap<Endpoint, usize>,
    /// A verb that also binds can be reached whatever its endpoints say.
    only_connects: bool,
    /// How many peers are connected, and since when there is none.
    peers: usize,
    alone_since: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Text,
    Json,
}

impl Watch {
    pub(crate) fn new(monitor: Monitor, place: &Place, form: &Form) -> Self {
        let mut open = HashMap::new();
        for endpoint in &place.connect {
            *open.entry(endpoint.clone()).or_insert(0) += 1;
        }
        let style = if form.json { Style::Json } else { Style::Text };
        Self {
            monitor,
            print: form.monitor.then_some(style),
            open,
            only_connects: place.bind.is_empty(),
            peers: 0,
            alone_since: Instant::now(),
        }
    }

    /// Since when there is no peer, if there is none. Knows what [`event`](Self::event) has seen.
    pub(crate) fn alone_since(&self) -> Option<Instant> {
        (self.peers == 0).then_some(self.alone_since)
    }

    /// How many peers are connected, as far as [`event`](Self::event) has seen.
    pub(crate) fn peers(&self) -> usize {
        self.peers
    }

    /// Prints what happens next. Fails when every endpoint has refused us for good, with the reason of the last
    /// one. Cancel-safe.
    pub(crate) async fn event(&mut self) -> Result<(), String> {
        let Some(event) = self.monitor.next().await else { return pending().await };
        self.print(&event);
        self.count(&event);
        self.last_refusal(&event).map_or(Ok(()), Err)
    }

    /// Prints what happens, until every endpoint has refused us for good; then why the last one did. Cancel-safe.
    pub(crate) async fn refused(&mut self) -> String {
        loop {
            if let Err(cause) = self.event().await {
                return cause;
            }
        }
    }

    /// Prints what is left after the socket was closed.
    pub(crate) async fn rest(mut self) {
        if self.print.is_none() {
            return;
        }
        let events = async {
            while let Some(event) = self.monitor.next().await {
                self.print(&event);
            }
        };
        // The last events are there already; the end of the stream may not be.
        let _ = timeout(Duration::from_millis(100), events).await;
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::HandshakeSucceeded { .. } => self.peers += 1,
            Event::Disconnected { .. } => self.peers = self.peers.saturating_sub(1),
            _ => return,
        }
        self.alone_since = Instant::now();
    }

    fn last_refusal(&mut self, event: &Event) -> Option<String> {
        let Event::HandshakeFailed { endpoint, cause, retry: false, .. } = event else { return None };
        let left = self.open.get_mut(endpoint)?;
        *left -= 1;
        if *left == 0 {
            self.open.remove(endpoint);
        }
        (self.only_connects && self.open.is_empty()).then(|| format!("{endpoint}: {cause}"))
    }

    fn print(&self, event: &Event) {
        let line = match self.print {
            None => return,
            Some(Style::Text) => event.to_string(),
            // Strings and a flag: nothing of it can fail to become JSON.
            Some(Style::Json) => serde_json::to_string(&Object::from(event)).unwrap_or_default(),
        };
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// An event as an object.
#[derive(Debug, Default, Serialize)]
struct Object {
    event: &'static str,
    endpoint: String,
    /// The peer's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    /// The peer's socket type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    socket_type: Option<String>,
    /// How long until the next try.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Whether there will be a next try.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// How many messages were lost with the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<usize>,
}

impl From<&Event> for Object {
    fn from(event: &Event) -> Self {
        let mut object =
            Self { event: event.name(), endpoint: event.endpoint().to_string(), ..Self::default() };
        match event {
            Event::Accepted { address, .. } => object.peer = Some(address.clone()),
            Event::BindFailed { error, .. }
            | Event::AcceptFailed { error, .. }
            | Event::ConnectFailed { error, .. } => object.cause = Some(error.to_string()),
            Event::ConnectRetried { after, error, .. } => {
                object.after = Some(show(*after));
                object.cause = error.as_ref().map(ToString::to_string);
            }
            Event::HandshakeSucceeded { peer, .. } => object.set_peer(peer),
            Event::HandshakeFailed { address, cause, retry, .. } => {
                object.peer = address.clone();
                object.retry = Some(*retry);
                object.cause = Some(cause.to_string());
            }
            Event::Disconnected { peer, cause, discarded, .. } => {
                object.set_peer(peer);
                object.cause = Some(cause.to_string());
                object.discarded = Some(*discarded);
            }
            _ => {}
        }
        object
    }
}

impl Object {
    fn set_peer(&mut self, peer: &PeerInfo) {
        self.peer = peer.address.clone();
        self.socket_type = peer.socket_type.as_ref().map(ToString::to_string);
    }
}
