//! What we take from `zmq.h` of libzmq 4.3.5: functions and numbers, in its order and with its names.

use std::ffi::{c_char, c_int, c_long, c_short, c_void};

/// The kinds of socket.
#[allow(missing_docs, reason = "the names of zmq.h, documented by libzmq")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[rustfmt::skip]
pub enum SocketType {
    Pair = 0, Pub = 1, Sub = 2, Req = 3, Rep = 4, Dealer = 5, Router = 6, Pull = 7, Push = 8,
    Xpub = 9, Xsub = 10, Stream = 11,
}

/// The socket options. `MaxMsgSize` takes 64 bits, ids, topics, keys and names take bytes, all others an int.
#[allow(missing_docs, reason = "the names of zmq.h, documented by libzmq")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[rustfmt::skip]
pub enum Opt {
    RoutingId = 5, Subscribe = 6, Unsubscribe = 7, SndBuf = 11, RcvBuf = 12,
    Linger = 17, ReconnectIvl = 18, Backlog = 19, ReconnectIvlMax = 21, MaxMsgSize = 22,
    SndHwm = 23, RcvHwm = 24, RcvTimeo = 27, SndTimeo = 28, LastEndpoint = 32, RouterMandatory = 33,
    TcpKeepalive = 34, Immediate = 39, XpubVerbose = 40, Ipv6 = 42,
    PlainServer = 44, PlainUsername = 45, PlainPassword = 46, CurveServer = 47, CurvePublicKey = 48,
    CurveSecretKey = 49, CurveServerKey = 50, ProbeRouter = 51, ReqCorrelate = 52, ReqRelaxed = 53,
    Conflate = 54, ZapDomain = 55, RouterHandover = 56, ConnectRoutingId = 61, HandshakeIvl = 66,
    XpubNoDrop = 69, XpubManual = 71, XpubWelcomeMsg = 72, StreamNotify = 73, InvertMatching = 74,
    HeartbeatIvl = 75, HeartbeatTtl = 76, HeartbeatTimeout = 77, XpubVerboser = 78,
    ConnectTimeout = 79, TcpKeepaliveCnt = 35, TcpKeepaliveIdle = 36, TcpKeepaliveIntvl = 37, Tos = 57,
    TcpMaxrt = 80,
}

/// The options of a context.
#[allow(missing_docs, reason = "the names of zmq.h, documented by libzmq")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ContextOpt {
    IoThreads = 1,
    MaxSockets = 2,
}

pub(crate) const DONTWAIT: c_int = 1;
pub(crate) const SNDMORE: c_int = 2;
pub(crate) const POLLIN: c_short = 1;
pub(crate) const EVENT_ALL: c_int = 0xFFFF;
pub(crate) const HAUSNUMERO: c_int = 156_384_712;

/// `zmq_msg_t`: 64 bytes, aligned like a pointer. libzmq itself moves it by copying the bytes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Msg([usize; 64 / size_of::<usize>()]);

/// `zmq_pollitem_t` on Unix.
#[repr(C)]
pub(crate) struct PollItem {
    pub(crate) socket: *mut c_void,
    pub(crate) fd: c_int,
    pub(crate) events: c_short,
    pub(crate) revents: c_short,
}

impl Msg {
    /// Still to be initialised by `zmq_msg_init` or a sibling.
    pub(crate) const UNINITIALISED: Self = Self([0; 64 / size_of::<usize>()]);
}

// SAFETY: copied from zmq.h of the version that build.rs compiles; a test checks the version.
unsafe extern "C" {
    pub(crate) safe fn zmq_errno() -> c_int;
    pub(crate) safe fn zmq_strerror(errnum: c_int) -> *const c_char;
    pub(crate) fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int);

    pub(crate) safe fn zmq_ctx_new() -> *mut c_void;
    pub(crate) fn zmq_ctx_term(context: *mut c_void) -> c_int;
    pub(crate) fn zmq_ctx_shutdown(context: *mut c_void) -> c_int;
    pub(crate) fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int;

    pub(crate) fn zmq_msg_init(msg: *mut Msg) -> c_int;
    pub(crate) fn zmq_msg_send(msg: *mut Msg, socket: *mut c_void, flags: c_int) -> c_int;
    pub(crate) fn zmq_msg_recv(msg: *mut Msg, socket: *mut c_void, flags: c_int) -> c_int;
    pub(crate) fn zmq_msg_close(msg: *mut Msg) -> c_int;
    pub(crate) fn zmq_msg_data(msg: *mut Msg) -> *mut c_void;
    pub(crate) fn zmq_msg_size(msg: *const Msg) -> usize;
    pub(crate) fn zmq_msg_more(msg: *const Msg) -> c_int;

    pub(crate) fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void;
    pub(crate) fn zmq_close(socket: *mut c_void) -> c_int;
    pub(crate) fn zmq_setsockopt(s: *mut c_void, option: c_int, value: *const c_void, n: usize) -> c_int;
    pub(crate) fn zmq_getsockopt(s: *mut c_void, option: c_int, value: *mut c_void, n: *mut usize) -> c_int;
    pub(crate) fn zmq_bind(socket: *mut c_void, address: *const c_char) -> c_int;
    pub(crate) fn zmq_connect(socket: *mut c_void, address: *const c_char) -> c_int;
    pub(crate) fn zmq_unbind(socket: *mut c_void, address: *const c_char) -> c_int;
    pub(crate) fn zmq_disconnect(socket: *mut c_void, address: *const c_char) -> c_int;
    pub(crate) fn zmq_send(socket: *mut c_void, data: *const c_void, len: usize, flags: c_int) -> c_int;
    pub(crate) fn zmq_socket_monitor(socket: *mut c_void, address: *const c_char, events: c_int) -> c_int;

    pub(crate) fn zmq_proxy(front: *mut c_void, back: *mut c_void, capture: *mut c_void) -> c_int;
    pub(crate) fn zmq_poll(items: *mut PollItem, count: c_int, timeout: c_long) -> c_int;
    pub(crate) fn zmq_has(capability: *const c_char) -> c_int;
    pub(crate) fn zmq_curve_keypair(z85_public: *mut c_char, z85_secret: *mut c_char) -> c_int;
}
