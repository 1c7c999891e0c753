//! What happens below a socket: `zmq_socket_monitor`, with the reader that it needs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, Opt, Result, Socket, SocketType, c_string, check, zmq_h};

/// The events of one socket, from the moment you ask for it until that socket is dropped.
///
/// libzmq blocks its own threads when nobody takes the events. So the queue has no limit, and the reader stays
/// connected until the socket is dropped, even if you drop the monitor before.
#[derive(Debug)]
pub struct Monitor {
    reader: Arc<Mutex<Socket>>,
}

impl Socket {
    /// Starts to watch this socket, and ends an earlier monitor with [`Event::MONITOR_STOPPED`].
    pub fn monitor(&self) -> Result<Monitor> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let address = format!("inproc://zmtp-libzmq-monitor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let reader = Self::new(&self.context, SocketType::Pair)?;
        reader.set_int(Opt::RcvHwm, 0)?;
        let name = c_string(&address)?;
        // SAFETY: a live socket and a string; libzmq copies it.
        check(|| unsafe { zmq_h::zmq_socket_monitor(self.raw, name.as_ptr(), zmq_h::EVENT_ALL) })?;
        reader.connect(&address)?;
        let reader = Arc::new(Mutex::new(reader));
        self.monitor.replace(Some(Arc::clone(&reader)));
        Ok(Monitor { reader })
    }
}

impl Socket {
    /// Starts to watch this socket without anybody who reads: what libzmq does then is yours. Call
    /// [`read_monitor`](Self::read_monitor) before you drop the socket, or that may never end.
    pub fn monitor_unread(&self, address: &str) -> Result<()> {
        let name = c_string(address)?;
        // SAFETY: a live socket and a string; libzmq copies it.
        check(|| unsafe { zmq_h::zmq_socket_monitor(self.raw, name.as_ptr(), zmq_h::EVENT_ALL) }).map(drop)
    }

    /// Reads, from now on, what [`monitor_unread`](Self::monitor_unread) has started at this address.
    pub fn read_monitor(&self, address: &str) -> Result<Monitor> {
        let reader = Self::new(&self.context, SocketType::Pair)?;
        reader.set_int(Opt::RcvHwm, 0)?;
        reader.connect(address)?;
        let reader = Arc::new(Mutex::new(reader));
        self.monitor.replace(Some(Arc::clone(&reader)));
        Ok(Monitor { reader })
    }
}

impl Monitor {
    /// The next event; [`Error::EAGAIN`] if none came in time.
    pub fn next(&self, timeout: Duration) -> Result<Event> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if !reader.poll_in(timeout)? {
            return Err(Error::EAGAIN);
        }
        Ok(Event::decode(&reader.recv()?))
    }

    /// The next event with that number; others are skipped. [`Error::EAGAIN`] if none came in time.
    pub fn wait_for(&self, number: u16, timeout: Duration) -> Result<Event> {
        let deadline = Instant::now() + timeout;
        loop {
            let event = self.next(deadline.saturating_duration_since(Instant::now()))?;
            if event.number == number {
                return Ok(event);
            }
        }
    }
}

/// One event. What `value` means depends on the number: a file descriptor, an errno, milliseconds until the next
/// try, a `ZMQ_PROTOCOL_ERROR_*` or a ZAP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// One of the constants here.
    pub number: u16,
    /// What else there is to say.
    pub value: u32,
    /// Where it happened.
    pub endpoint: String,
}

macro_rules! events {
    ($($name:ident = $number:literal,)*) => {
        #[allow(missing_docs, reason = "the names of zmq.h, without ZMQ_EVENT_")]
        impl Event {
            $(pub const $name: u16 = $number;)*

            /// The name of the number, for people.
            pub fn name(&self) -> &'static str {
                match self.number {
                    $($number => stringify!($name),)*
                    _ => "unknown",
                }
            }
        }
    };
}

events! {
    CONNECTED = 0x0001, CONNECT_DELAYED = 0x0002, CONNECT_RETRIED = 0x0004, LISTENING = 0x0008,
    BIND_FAILED = 0x0010, ACCEPTED = 0x0020, ACCEPT_FAILED = 0x0040, CLOSED = 0x0080,
    CLOSE_FAILED = 0x0100, DISCONNECTED = 0x0200, MONITOR_STOPPED = 0x0400,
    HANDSHAKE_FAILED_NO_DETAIL = 0x0800, HANDSHAKE_SUCCEEDED = 0x1000,
    HANDSHAKE_FAILED_PROTOCOL = 0x2000, HANDSHAKE_FAILED_AUTH = 0x4000,
}

impl Event {
    /// Two frames: 16 bits of number and 32 of value, both in the machine's order; the endpoint.
    fn decode(frames: &[Vec<u8>]) -> Self {
        let ([a, b, value @ ..], endpoint) = (&frames[0][..], &frames[1]) else {
            unreachable!("libzmq sends six bytes and an endpoint, not {frames:?}")
        };
        Self {
            number: u16::from_ne_bytes([*a, *b]),
            value: u32::from_ne_bytes(value.try_into().expect("four bytes")),
            endpoint: String::from_utf8_lossy(endpoint).into_owned(),
        }
    }
}
