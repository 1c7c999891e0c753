//! libzmq 4.3.5 with CURVE: the judge of our tests and the opponent of our benchmarks.
//!
//! `build.rs` compiles it from sources on crates.io; a Rust toolchain, a C++ compiler and make are enough. On top
//! lies a thin, safe wrapper with libzmq's own words, numbers and blocking calls. It adds three things: LINGER
//! starts at 0, so that no test hangs at its end; a call that a signal interrupts is repeated; a monitor always
//! has a reader. There are no timeouts but those you set (`Opt::RcvTimeo`, `Opt::SndTimeo`).
//!
//! This is the only crate of the workspace with `unsafe` in it, because libzmq speaks C. Its `SAFETY` comments
//! rest on three rules: a handle has one owner, which frees it; a `Socket` may move between threads but not be
//! shared, which is libzmq's rule too; libzmq keeps no pointer that we lend it beyond the call.

mod monitor;
mod socket;
mod zmq_h;

use std::ffi::{CStr, CString, c_int, c_void};
use std::fmt;
use std::sync::Arc;

pub use monitor::{Event, Monitor};
pub use socket::{RawMsg, Socket, poll_in, proxy};
pub use zmq_h::{ContextOpt, Opt, SocketType};

/// The optimisation level that libzmq was compiled with; "3" in a release build.
pub const OPT_LEVEL: &str = env!("LIBZMQ_OPT_LEVEL");

/// What `zmq_version` says.
pub fn version() -> (i32, i32, i32) {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three places to write an int to.
    unsafe { zmq_h::zmq_version(&mut major, &mut minor, &mut patch) };
    (major, minor, patch)
}

/// What `zmq_has` says of a capability: "curve", "ipc", ...
pub fn has(capability: &str) -> bool {
    c_string(capability).is_ok_and(|name| {
        // SAFETY: a string that ends in NUL.
        unsafe { zmq_h::zmq_has(name.as_ptr()) == 1 }
    })
}

/// A new pair of CURVE keys, public and secret, in Z85 (40 characters each, as the `Opt::Curve*Key` take them).
pub fn curve_keypair() -> Result<(String, String)> {
    let (mut public, mut secret) = ([0u8; 41], [0u8; 41]);
    // SAFETY: two buffers of the 41 bytes that libzmq writes.
    check(|| unsafe { zmq_h::zmq_curve_keypair(public.as_mut_ptr().cast(), secret.as_mut_ptr().cast()) })?;
    let text = |key: [u8; 41]| String::from_utf8_lossy(&key[..40]).into_owned();
    Ok((text(public), text(secret)))
}

/// A libzmq context: its I/O threads and its inproc names. Clones share it; the last one ends it, and waits for
/// whatever LINGER you set on its sockets.
#[derive(Clone, Debug)]
pub struct Context(Arc<OwnedContext>);

impl Context {
    /// A context with libzmq's defaults: one I/O thread, 1023 sockets.
    ///
    /// # Panics
    ///
    /// Panics when the process is out of file descriptors.
    #[allow(clippy::new_without_default, reason = "starting threads is not a default value")]
    pub fn new() -> Self {
        let raw = zmq_h::zmq_ctx_new();
        assert!(!raw.is_null(), "no libzmq context: {}", Error::last());
        Self(Arc::new(OwnedContext(raw)))
    }

    /// Sets an option, before the first socket.
    pub fn set(&self, option: ContextOpt, value: i32) -> Result<()> {
        // SAFETY: the context lives as long as we do.
        check(|| unsafe { zmq_h::zmq_ctx_set(self.raw(), option as c_int, value) }).map(drop)
    }

    /// Makes every call on its sockets return [`Error::ETERM`], also those that block right now.
    pub fn shutdown(&self) -> Result<()> {
        // SAFETY: as in `set`.
        check(|| unsafe { zmq_h::zmq_ctx_shutdown(self.raw()) }).map(drop)
    }

    fn raw(&self) -> *mut c_void {
        self.0.0
    }
}

#[derive(Debug)]
struct OwnedContext(*mut c_void);

// SAFETY: libzmq: "A 0MQ context is thread safe and may be shared among as many threads as necessary".
unsafe impl Send for OwnedContext {}
// SAFETY: as above.
unsafe impl Sync for OwnedContext {}

impl Drop for OwnedContext {
    fn drop(&mut self) {
        // SAFETY: every socket holds a clone of its context, so all of them are closed.
        let _ = check(|| unsafe { zmq_h::zmq_ctx_term(self.0) });
    }
}

/// What a call of ours returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What libzmq says went wrong. `Display` is `zmq_strerror`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error {
    /// The number, as the system or `zmq.h` has it.
    pub errno: i32,
}

#[allow(missing_docs, reason = "the names of errno.h and zmq.h")]
impl Error {
    pub const EINTR: Self = Self { errno: 4 };
    pub const EINVAL: Self = Self { errno: 22 };
    pub const EAGAIN: Self = Self { errno: if LINUX { 11 } else { 35 } };
    pub const EADDRINUSE: Self = Self { errno: if LINUX { 98 } else { 48 } };
    pub const EHOSTUNREACH: Self = Self { errno: if LINUX { 113 } else { 65 } };
    pub const EFSM: Self = Self { errno: zmq_h::HAUSNUMERO + 51 };
    pub const ETERM: Self = Self { errno: zmq_h::HAUSNUMERO + 53 };

    fn last() -> Self {
        Self { errno: zmq_h::zmq_errno() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: a string that ends in NUL, for every number.
        let text = unsafe { CStr::from_ptr(zmq_h::zmq_strerror(self.errno)) };
        f.write_str(&text.to_string_lossy())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}: {self})", self.errno)
    }
}

impl std::error::Error for Error {}

/// Calls libzmq, again if a signal interrupted it.
fn check(mut call: impl FnMut() -> c_int) -> Result<c_int> {
    loop {
        match call() {
            -1 if Error::last() == Error::EINTR => {}
            -1 => return Err(Error::last()),
            n => return Ok(n),
        }
    }
}

/// For C. A NUL in the middle is a wrong argument.
fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::EINVAL)
}

const LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(test)]
mod tests;
