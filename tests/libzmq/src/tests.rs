//! libzmq against itself: that the build holds what it promises, and the wrapper too.

use std::thread;
use std::time::Duration;

use super::*;

const SOON: Duration = Duration::from_secs(10);
const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// A socket whose blocking calls give up, so that no test hangs.
fn socket(context: &Context, kind: SocketType) -> Socket {
    let socket = Socket::new(context, kind).unwrap();
    socket.set_int(Opt::RcvTimeo, SOON.as_millis() as i32).unwrap();
    socket.set_int(Opt::SndTimeo, SOON.as_millis() as i32).unwrap();
    socket
}

fn push_pull(context: &Context) -> (Socket, Socket) {
    let (push, pull) = (socket(context, SocketType::Push), socket(context, SocketType::Pull));
    push.connect(&pull.bind(ANY_PORT).unwrap()).unwrap();
    (push, pull)
}

#[test]
fn this_is_libzmq_4_3_5_with_curve() {
    assert_eq!(version(), (4, 3, 5));
    assert!(has("curve"));
    assert!(has("ipc"));
    assert!(!has("norm"));
}

#[test]
fn a_release_build_has_a_fully_optimised_libzmq() {
    if !cfg!(debug_assertions) {
        assert_eq!(OPT_LEVEL, "3");
    }
}

#[test]
fn the_libsodium_inside_is_the_one_that_cargo_built() {
    // SAFETY: returns a constant string.
    let linked = unsafe { CStr::from_ptr(libsodium_sys::sodium_version_string()) };
    assert_eq!(linked.to_bytes_with_nul(), libsodium_sys::SODIUM_VERSION_STRING);
}

#[test]
fn messages_cross_tcp_in_order() {
    let (push, pull) = push_pull(&Context::new());
    let sender = thread::spawn(move || {
        (0..5000u32).for_each(|n| push.send_one(&n.to_le_bytes()).unwrap());
        push
    });

    let mut frame = RawMsg::new();
    for n in 0..5000u32 {
        pull.recv_into(&mut frame).unwrap();
        assert_eq!(frame.data(), n.to_le_bytes());
        assert!(!frame.more());
    }
    drop(sender.join().unwrap());
}

#[test]
fn a_message_keeps_its_frames() {
    let (push, pull) = push_pull(&Context::new());
    let big = vec![7; 100_000];
    push.send(&[b"a", b"", &big]).unwrap();
    assert_eq!(pull.recv().unwrap(), [b"a".to_vec(), vec![], big]);
}

#[test]
fn what_would_block_says_eagain() {
    let context = Context::new();
    assert_eq!(socket(&context, SocketType::Push).try_send(&[b"x"]), Err(Error::EAGAIN));
    let pull = socket(&context, SocketType::Pull);
    assert_eq!(pull.try_recv(), Err(Error::EAGAIN));
    assert_eq!(pull.poll_in(Duration::from_micros(1)), Ok(false));
    assert_eq!(socket(&context, SocketType::Rep).send_one(b"x"), Err(Error::EFSM));
    assert!(Error::EAGAIN.to_string().contains("unavailable"), "{}", Error::EAGAIN);
}

#[test]
fn options_arrive() {
    let (push, _pull) = push_pull(&Context::new());
    push.set_int(Opt::HeartbeatIvl, 100).unwrap();
    push.set_i64(Opt::MaxMsgSize, 1 << 40).unwrap();
    assert_eq!(push.set_int(Opt::MaxMsgSize, 1), Err(Error::EINVAL));
    assert_eq!(push.set_int(Opt::CurveServer, 2), Err(Error::EINVAL));
    assert_eq!(push.connect("nonsense"), Err(Error::EINVAL));
}

#[test]
fn a_routing_id_arrives() {
    let context = Context::new();
    let (dealer, router) = (socket(&context, SocketType::Dealer), socket(&context, SocketType::Router));
    dealer.set_bytes(Opt::RoutingId, b"me").unwrap();
    dealer.connect(&router.bind(ANY_PORT).unwrap()).unwrap();
    dealer.send_one(b"x").unwrap();
    assert_eq!(router.recv().unwrap(), [b"me".to_vec(), b"x".to_vec()]);
}

#[test]
fn a_shutdown_wakes_a_blocked_receiver() {
    let context = Context::new();
    let pull = socket(&context, SocketType::Pull);
    let receiver = thread::spawn(move || pull.recv());
    context.shutdown().unwrap();
    assert_eq!(receiver.join().unwrap(), Err(Error::ETERM));
}

#[test]
fn a_monitor_sees_the_handshake_and_the_end() {
    let context = Context::new();
    let pull = socket(&context, SocketType::Pull);
    let monitor = pull.monitor().unwrap();
    let at = pull.bind(ANY_PORT).unwrap();
    assert_eq!(monitor.next(SOON).map(|event| event.endpoint), Ok(at.clone()));

    let push = socket(&context, SocketType::Push);
    push.connect(&at).unwrap();
    assert_eq!(monitor.next(SOON).unwrap().name(), "ACCEPTED");
    assert_eq!(monitor.next(SOON).unwrap().number, Event::HANDSHAKE_SUCCEEDED);
    drop(push);
    monitor.wait_for(Event::DISCONNECTED, SOON).unwrap();
    drop(pull);
    monitor.wait_for(Event::MONITOR_STOPPED, SOON).unwrap();
    assert_eq!(monitor.next(Duration::ZERO), Err(Error::EAGAIN));
}

#[test]
fn a_forgotten_monitor_does_not_stop_its_socket() {
    let context = Context::new();
    let pull = socket(&context, SocketType::Pull);
    drop(pull.monitor().unwrap());
    drop(pull.monitor().unwrap());
    let at = pull.bind(ANY_PORT).unwrap();
    for _ in 0..3 {
        let push = socket(&context, SocketType::Push);
        push.connect(&at).unwrap();
        push.send_one(b"x").unwrap();
        assert_eq!(pull.recv().unwrap(), [b"x"]);
    }
}

#[test]
fn curve_lets_the_right_key_in_and_nobody_else() {
    let context = Context::new();
    let (server_public, server_secret) = curve_keypair().unwrap();
    let (public, secret) = curve_keypair().unwrap();
    let pull = socket(&context, SocketType::Pull);
    pull.set_int(Opt::CurveServer, 1).unwrap();
    pull.set_bytes(Opt::CurveSecretKey, server_secret.as_bytes()).unwrap();
    let at = pull.bind(ANY_PORT).unwrap();
    let connect = |server_key: &str| {
        let push = socket(&context, SocketType::Push);
        let monitor = push.monitor().unwrap();
        push.set_bytes(Opt::CurveServerKey, server_key.as_bytes()).unwrap();
        push.set_bytes(Opt::CurvePublicKey, public.as_bytes()).unwrap();
        push.set_bytes(Opt::CurveSecretKey, secret.as_bytes()).unwrap();
        push.connect(&at).unwrap();
        (push, monitor)
    };

    let (push, monitor) = connect(&server_public);
    monitor.wait_for(Event::HANDSHAKE_SUCCEEDED, SOON).unwrap();
    push.send_one(b"secret").unwrap();
    assert_eq!(pull.recv().unwrap(), [b"secret"]);

    let (_push, monitor) = connect(&public);
    monitor.wait_for(Event::DISCONNECTED, SOON).unwrap();
}
