//! A libzmq socket: whole messages for the tests, one reused frame for the benchmarks.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::zmq_h::{self, DONTWAIT, Msg, Opt, PollItem, SNDMORE, SocketType};
use crate::{Context, Error, Result, c_string, check};

/// A socket. It may move to another thread, but only one thread at a time can use it. Dropping it discards what it
/// has not sent yet, unless you set `Opt::Linger`.
#[derive(Debug)]
pub struct Socket {
    pub(crate) raw: *mut c_void,
    /// Reads our events. While we are monitored it must stay open: with nobody to read them libzmq would block.
    pub(crate) monitor: RefCell<Option<Arc<Mutex<Self>>>>,
    pub(crate) context: Context,
}

// SAFETY: libzmq lets a socket migrate between threads with a full fence, and every way to move a value to
// another thread has one. It is not `Sync`: no two threads may use it at once.
unsafe impl Send for Socket {}

impl Socket {
    /// A socket with libzmq's defaults, except that LINGER is 0.
    pub fn new(context: &Context, kind: SocketType) -> Result<Self> {
        // SAFETY: the context is alive, and our clone keeps it so.
        let raw = unsafe { zmq_h::zmq_socket(context.raw(), kind as c_int) };
        if raw.is_null() {
            return Err(Error::last());
        }
        let socket = Self { raw, monitor: RefCell::default(), context: context.clone() };
        socket.set_int(Opt::Linger, 0)?;
        Ok(socket)
    }

    /// Binds, and returns LAST_ENDPOINT: with the real port, if you asked for `:0` or `:*`.
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        self.with_address(endpoint, zmq_h::zmq_bind)?;
        let (mut text, mut len) = ([0u8; 512], 512);
        let (value, option) = (text.as_mut_ptr().cast(), Opt::LastEndpoint as c_int);
        // SAFETY: `value` has room for `len` bytes.
        check(|| unsafe { zmq_h::zmq_getsockopt(self.raw, option, value, &mut len) })?;
        Ok(String::from_utf8_lossy(&text[..len.saturating_sub(1)]).into_owned())
    }

    /// Connects, in the background.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        self.with_address(endpoint, zmq_h::zmq_connect)
    }

    /// Undoes a `bind`; wants the endpoint that it returned.
    pub fn unbind(&self, endpoint: &str) -> Result<()> {
        self.with_address(endpoint, zmq_h::zmq_unbind)
    }

    /// Undoes a `connect`.
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        self.with_address(endpoint, zmq_h::zmq_disconnect)
    }

    /// Sends one message of at least one frame. Blocks while there is no room.
    pub fn send(&self, frames: &[&[u8]]) -> Result<()> {
        self.send_frames(frames, 0)
    }

    /// As `send`, but [`Error::EAGAIN`] where that would block.
    pub fn try_send(&self, frames: &[&[u8]]) -> Result<()> {
        self.send_frames(frames, DONTWAIT)
    }

    /// Sends a message of one frame: `zmq_send`, which copies it.
    #[inline]
    pub fn send_one(&self, frame: &[u8]) -> Result<()> {
        self.send_frame(frame, 0)
    }

    /// Receives one message, all frames of it. Blocks until there is one.
    pub fn recv(&self) -> Result<Vec<Vec<u8>>> {
        self.recv_frames(0)
    }

    /// As `recv`, but [`Error::EAGAIN`] where that would block.
    pub fn try_recv(&self) -> Result<Vec<Vec<u8>>> {
        self.recv_frames(DONTWAIT)
    }

    /// Receives one frame in place of what `frame` holds: `zmq_msg_recv`. Blocks until there is one.
    #[inline]
    pub fn recv_into(&self, frame: &mut RawMsg) -> Result<()> {
        self.recv_frame(frame, 0)
    }

    /// As `recv_into`, but [`Error::EAGAIN`] where that would block.
    #[inline]
    pub fn try_recv_into(&self, frame: &mut RawMsg) -> Result<()> {
        self.recv_frame(frame, DONTWAIT)
    }

    /// Sends a frame on without a copy, with more to follow if more followed where it came from: `zmq_msg_send`.
    #[inline]
    pub fn send_moved(&self, frame: &mut RawMsg) -> Result<()> {
        let flags = if frame.more() { SNDMORE } else { 0 };
        // SAFETY: `frame` is initialised, and stays so: libzmq leaves an empty one behind.
        check(|| unsafe { zmq_h::zmq_msg_send(&mut frame.0, self.raw, flags) }).map(drop)
    }

    /// Waits until a message can be received; false if none came in time.
    pub fn poll_in(&self, timeout: Duration) -> Result<bool> {
        let millis = timeout.as_micros().div_ceil(1000).min(i32::MAX as u128) as _;
        let mut item = PollItem { socket: self.raw, fd: 0, events: zmq_h::POLLIN, revents: 0 };
        // SAFETY: one item, of our own socket.
        check(|| unsafe { zmq_h::zmq_poll(&mut item, 1, millis) }).map(|ready| ready > 0)
    }

    /// Sets an option that is an int. Durations are in milliseconds; booleans 0 or 1.
    pub fn set_int(&self, option: Opt, value: i32) -> Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets an option of 64 bits.
    pub fn set_i64(&self, option: Opt, value: i64) -> Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets an option made of bytes. CURVE keys are 32 bytes, or 40 characters of Z85.
    pub fn set_bytes(&self, option: Opt, value: &[u8]) -> Result<()> {
        let (data, len) = (value.as_ptr().cast(), value.len());
        // SAFETY: `data` points to `len` bytes; libzmq copies them, at any alignment.
        check(|| unsafe { zmq_h::zmq_setsockopt(self.raw, option as c_int, data, len) }).map(drop)
    }

    /// What an option that is an int is set to.
    pub fn get_int(&self, option: Opt) -> Result<i32> {
        self.get(option).map(i32::from_ne_bytes)
    }

    /// What an option of 64 bits is set to.
    pub fn get_i64(&self, option: Opt) -> Result<i64> {
        self.get(option).map(i64::from_ne_bytes)
    }

    fn get<const LEN: usize>(&self, option: Opt) -> Result<[u8; LEN]> {
        let (mut value, mut len) = ([0; LEN], LEN);
        let data = value.as_mut_ptr().cast();
        // SAFETY: `data` has room for `len` bytes.
        check(|| unsafe { zmq_h::zmq_getsockopt(self.raw, option as c_int, data, &mut len) })?;
        if len == LEN { Ok(value) } else { Err(Error::EINVAL) }
    }

    fn with_address(
        &self,
        endpoint: &str,
        call: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    ) -> Result<()> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: `call` is one of the four functions above; all take a live socket and a string.
        check(|| unsafe { call(self.raw, endpoint.as_ptr()) }).map(drop)
    }

    fn send_frames(&self, frames: &[&[u8]], flags: c_int) -> Result<()> {
        let (last, others) = frames.split_last().expect("a message has at least one frame");
        others.iter().try_for_each(|frame| self.send_frame(frame, flags | SNDMORE))?;
        self.send_frame(last, flags)
    }

    #[inline]
    fn send_frame(&self, frame: &[u8], flags: c_int) -> Result<()> {
        // SAFETY: pointer and length of one slice, which libzmq copies.
        check(|| unsafe { zmq_h::zmq_send(self.raw, frame.as_ptr().cast(), frame.len(), flags) }).map(drop)
    }

    fn recv_frames(&self, flags: c_int) -> Result<Vec<Vec<u8>>> {
        let (mut frames, mut frame) = (Vec::new(), RawMsg::new());
        loop {
            self.recv_frame(&mut frame, flags)?;
            frames.push(frame.data().to_vec());
            if !frame.more() {
                return Ok(frames);
            }
        }
    }

    #[inline]
    fn recv_frame(&self, frame: &mut RawMsg, flags: c_int) -> Result<()> {
        // SAFETY: `frame` is initialised; libzmq frees what it held.
        check(|| unsafe { zmq_h::zmq_msg_recv(&mut frame.0, self.raw, flags) }).map(drop)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.monitor.get_mut().is_some() {
            // SAFETY: no address means: stop. The reader of the last event is still open, we hold it.
            unsafe { zmq_h::zmq_socket_monitor(self.raw, ptr::null(), 0) };
        }
        // SAFETY: open until now, and nobody else has the handle.
        unsafe { zmq_h::zmq_close(self.raw) };
    }
}

/// Waits until some of the sockets can receive a message, and says which.
pub fn poll_in(sockets: &[Socket], ready: &mut Vec<bool>) -> Result<()> {
    let item = |socket: &Socket| PollItem { socket: socket.raw, fd: 0, events: zmq_h::POLLIN, revents: 0 };
    let mut items: Vec<PollItem> = sockets.iter().map(item).collect();
    // SAFETY: as many items as we say, of live sockets that this thread alone uses.
    check(|| unsafe { zmq_h::zmq_poll(items.as_mut_ptr(), items.len() as c_int, -1) })?;
    ready.clear();
    ready.extend(items.iter().map(|item| item.revents & zmq_h::POLLIN != 0));
    Ok(())
}

/// Passes messages on between two sockets, in both directions, until their context is shut down: `zmq_proxy`.
/// Returns why it ended.
pub fn proxy(front: &Socket, back: &Socket) -> Error {
    // SAFETY: two live sockets that this thread alone uses, and no third to capture with.
    check(|| unsafe { zmq_h::zmq_proxy(front.raw, back.raw, ptr::null_mut()) }).err().unwrap_or(Error::ETERM)
}

/// One frame in libzmq's own memory (`zmq_msg_t`), always initialised. Reuse it for [`Socket::recv_into`].
#[derive(Debug)]
pub struct RawMsg(Msg);

impl RawMsg {
    /// An empty frame.
    #[allow(clippy::new_without_default, reason = "one way to make one is enough")]
    pub fn new() -> Self {
        let mut msg = Msg::UNINITIALISED;
        // SAFETY: 64 aligned bytes to write to. It cannot fail.
        unsafe { zmq_h::zmq_msg_init(&mut msg) };
        Self(msg)
    }

    /// What is in it.
    #[inline]
    pub fn data(&self) -> &[u8] {
        // SAFETY: initialised, and libzmq only reads it, const or not.
        let (data, len) =
            unsafe { (zmq_h::zmq_msg_data((&raw const self.0).cast_mut()), zmq_h::zmq_msg_size(&self.0)) };
        // SAFETY: the data lies in `self` or in memory that it owns, and nothing changes it while `self` is lent.
        unsafe { std::slice::from_raw_parts(data.cast(), len) }
    }

    /// Whether more frames of the same message follow.
    #[inline]
    pub fn more(&self) -> bool {
        // SAFETY: initialised.
        unsafe { zmq_h::zmq_msg_more(&self.0) == 1 }
    }
}

impl Drop for RawMsg {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used again.
        unsafe { zmq_h::zmq_msg_close(&mut self.0) };
    }
}
