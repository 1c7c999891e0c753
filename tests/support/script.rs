//! The octets of a scripted peer. Nothing is checked here: a script may say what no honest peer would.
//!
//! Lengths and flags are written out by hand instead of by `zmtp::wire`, so that a test does not ask the code under
//! test what is right.

/// A greeting of ZMTP 3.1 with the mechanism NULL, to be made different.
pub fn greeting() -> Greeting {
    let mut octets = [0; 64];
    octets[..16].copy_from_slice(b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL");
    Greeting(octets)
}

/// See [`greeting`].
#[derive(Debug, Clone, Copy)]
pub struct Greeting([u8; 64]);

impl Greeting {
    /// Octets 10 and 11.
    pub fn version(mut self, major: u8, minor: u8) -> Self {
        self.0[10..12].copy_from_slice(&[major, minor]);
        self
    }

    /// Octets 12 to 31, padded with NUL.
    pub fn mechanism(mut self, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        self.0[12..32].fill(0);
        self.0[12..12 + name.len()].copy_from_slice(name);
        self
    }

    /// Any octet at any place.
    pub fn octet(mut self, at: usize, value: u8) -> Self {
        self.0[at] = value;
        self
    }

    /// The padding of the signature, octets 1 to 8.
    pub fn padding(mut self, with: u8) -> Self {
        self.0[1..9].fill(with);
        self
    }

    /// The filler, octets 33 to 63.
    pub fn filler(mut self, with: u8) -> Self {
        self.0[33..].fill(with);
        self
    }
}

impl From<Greeting> for Vec<u8> {
    fn from(greeting: Greeting) -> Self {
        greeting.0.into()
    }
}

/// A READY with this Socket-Type; with an empty one it has none.
pub fn ready(socket_type: &str) -> Ready {
    let ready = Ready(Vec::new());
    if socket_type.is_empty() { ready } else { ready.property("Socket-Type", socket_type) }
}

/// See [`ready`].
#[derive(Debug, Clone)]
pub struct Ready(Vec<u8>);

impl Ready {
    /// One property more.
    pub fn property(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let len = value.as_ref().len() as u32;
        self.property_that_claims(name, len, value)
    }

    /// One property more, with any length for its value.
    pub fn property_that_claims(mut self, name: impl AsRef<[u8]>, len: u32, value: impl AsRef<[u8]>) -> Self {
        self.0.push(name.as_ref().len() as u8);
        self.0.extend(name.as_ref());
        self.0.extend(len.to_be_bytes());
        self.0.extend(value.as_ref());
        self
    }

    /// Whatever octets more.
    pub fn then(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.0.extend(octets.as_ref());
        self
    }
}

impl From<Ready> for Vec<u8> {
    fn from(ready: Ready) -> Self {
        command("READY", ready.0)
    }
}

/// Greeting and READY in one piece, for a peer that does not wait for ours, and what it says next.
pub fn session(socket_type: &str, next: impl AsRef<[u8]>) -> Vec<u8> {
    [Vec::from(greeting()), ready(socket_type).into(), next.as_ref().to_vec()].concat()
}

/// A command frame.
pub fn command(name: &str, data: impl AsRef<[u8]>) -> Vec<u8> {
    let body = [&[name.len() as u8], name.as_bytes(), data.as_ref()].concat();
    with_flags(COMMAND, &body)
}

/// A PING.
pub fn ping(ttl: u16, text: &str) -> Vec<u8> {
    command("PING", [&ttl.to_be_bytes(), text.as_bytes()].concat())
}

/// A SUBSCRIBE, as ZMTP 3.1 has it.
pub fn subscribe(topic: impl AsRef<[u8]>) -> Vec<u8> {
    command("SUBSCRIBE", topic)
}

/// A CANCEL, as ZMTP 3.1 has it.
pub fn cancel(topic: impl AsRef<[u8]>) -> Vec<u8> {
    command("CANCEL", topic)
}

/// The last frame of a message.
pub fn frame(body: impl AsRef<[u8]>) -> Vec<u8> {
    with_flags(0, body.as_ref())
}

/// A frame with others after it.
pub fn more(body: impl AsRef<[u8]>) -> Vec<u8> {
    with_flags(MORE, body.as_ref())
}

/// A long header with these flags that claims `len` octets, and no body.
pub fn claim(flags: u8, len: u64) -> Vec<u8> {
    [&[flags | LONG], &len.to_be_bytes()[..]].concat()
}

fn with_flags(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(len) => [&[flags, len], body].concat(),
        Err(_) => [&claim(flags, body.len() as u64), body].concat(),
    }
}

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
