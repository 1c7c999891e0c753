//! CURVE (RFC 25, 26): its commands between the frames and [`crate::curve`], which knows what is in them.

use std::sync::Arc;

use bytes::Bytes;

use super::{Credentials, Done, Step, append, judge, unexpected};
use crate::curve::{self, KeyPair, OsRandom, PublicKey};
use crate::wire::connection::Config;
use crate::wire::error::Error;
use crate::wire::metadata::Metadata;
use crate::wire::socket_type::SocketType;

#[derive(Debug)]
pub(in crate::wire) struct Client {
    state: curve::Client,
    is_welcome: bool,
}

impl Client {
    /// Says HELLO.
    pub(super) fn start(keys: &Arc<KeyPair>, server: PublicKey, out: &mut Vec<u8>) -> Result<Self, Error> {
        let (state, hello) = curve::Client::new(Arc::clone(keys), server, &mut OsRandom)?;
        append(&hello, out);
        Ok(Self { state, is_welcome: false })
    }

    pub(super) fn handle_command(
        &mut self,
        config: &Config,
        body: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        // An ERROR is not in a box: whoever can write to the connection can end it in other ways too.
        if body.starts_with(b"\x05ERROR") {
            return Err(unexpected(body));
        }
        if !self.is_welcome {
            let initiate = self.state.welcome(&body, &metadata_of(config), &mut OsRandom)?;
            append(&initiate, out);
            self.is_welcome = true;
            return Ok(Step::Next);
        }
        let (metadata, session) = self.state.ready(&body)?;
        let metadata = Metadata::decode(metadata.into())?;
        let socket_type = judge(config, &metadata)?;
        Ok(Step::Done(Done { metadata, socket_type, session: Some(session) }))
    }
}

#[derive(Debug)]
pub(in crate::wire) struct Server {
    state: curve::Server,
    said: Said,
}

/// What the client has said.
#[derive(Debug)]
enum Said {
    Nothing,
    Hello,
    Initiate(Metadata, Option<SocketType>),
}

impl Server {
    pub(super) fn new(keys: &Arc<KeyPair>) -> Self {
        Self { state: curve::Server::new(Arc::clone(keys)), said: Said::Nothing }
    }

    pub(super) fn handle_command(
        &mut self,
        config: &Config,
        body: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        if matches!(self.said, Said::Nothing) {
            append(&self.state.hello(&body, &mut OsRandom)?, out);
            self.said = Said::Hello;
            return Ok(Step::Next);
        }
        let initiated = self.state.initiate(&body)?;
        let metadata = Metadata::decode(initiated.metadata.into())?;
        // A server says nothing to a client that it does not like, but for its authenticator's decision (R26-INIT-14).
        let socket_type = judge(config, &metadata)?;
        self.said = Said::Initiate(metadata, socket_type);
        Ok(Step::Ask(Credentials::Curve { key: initiated.client }))
    }

    /// The peer is let in.
    pub(super) fn ready(&mut self, config: &Config, out: &mut Vec<u8>) -> Result<Step, Error> {
        let Said::Initiate(metadata, socket_type) = std::mem::replace(&mut self.said, Said::Nothing) else {
            return Ok(Step::Next);
        };
        let (ready, session) = self.state.ready(&metadata_of(config))?;
        append(&ready, out);
        Ok(Step::Done(Done { metadata, socket_type, session: Some(session) }))
    }
}

fn metadata_of(config: &Config) -> Vec<u8> {
    let mut metadata = Vec::new();
    Metadata::of(config).encode(&mut metadata);
    metadata
}
