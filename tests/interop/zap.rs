//! ZAP (RFC 27): handlers of libzmq and of ours, servers of libzmq and of ours.

use std::time::Duration;

use support::{ANY_PORT, Asked, Zmq, answer, failure, failure_and_retry, within};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use zmtp::wire::{Denied, Error};
use zmtp::{
    Authenticator, Cause, Denial, Message, Plain, PullSocket, PushSocket, RepSocket, RouterSocket, Security,
};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

/// Answers that are none, by what is wrong with them.
fn odd_answers() -> Vec<Vec<Vec<u8>>> {
    let with = |at: usize, frame: &[u8]| {
        let mut frames = answer("200", "joe");
        frames[at] = frame.to_vec();
        frames
    };
    vec![
        with(2, b"999"),
        answer("200", "joe")[..3].to_vec(),
        with(0, b"1.1"),
        with(1, b"2"),
        with(5, b"\x05ab"),
    ]
}

#[tokio::test]
async fn case_159_odd_answers_of_a_handler_close_and_300_400_and_500_are_told_as_they_are() {
    for (answer, said) in
        [(answer("300", ""), None), (answer("400", ""), Some("400")), (answer("500", ""), Some("500"))]
            .into_iter()
            .chain(odd_answers().into_iter().map(|answer| (answer, None)))
    {
        // libzmq's server, our client.
        let (pull, _asked) = Zmq::guarded(SocketType::Pull, answer.clone());
        pull.set(Opt::PlainServer, 1).await;
        // It leaves a 300 open until then.
        pull.set(Opt::HandshakeIvl, 300).await;
        let at = pull.bind(ANY_PORT).await;
        let push = PushSocket::builder().security(Plain::client("joe", "x").unwrap()).build();
        let mut monitor = push.monitor();
        push.connect(&at).unwrap();
        let (cause, retry) = failure_and_retry(&mut monitor).await;
        match said {
            Some(said) => {
                assert!(matches!(cause, Cause::Wire(Error::Denied(Denied { reason })) if reason == said));
                assert!(!retry);
            }
            None => assert!(matches!(cause, Cause::PeerClosed) && retry, "{cause}"),
        }

        // Our server and handler, libzmq's client.
        let handler = Handler::start(answer).await;
        let pull = PullSocket::builder().security(Plain::server(Authenticator::zap("test"))).build();
        let at = pull.bind(ANY_PORT).await.unwrap();
        let mut monitor = pull.monitor();
        let push = Zmq::new(SocketType::Push);
        push.set_bytes(Opt::PlainUsername, "joe").await;
        push.set_bytes(Opt::PlainPassword, "x").await;
        let mut theirs = push.monitor().await;
        push.connect(&at).await;
        let cause = failure(&mut monitor).await;
        let expected = match said {
            Some("400") => Denial::Denied,
            Some(_) => Denial::Failed,
            None => Denial::ForNow,
        };
        assert!(matches!(cause, Cause::Wire(Error::Refused(denial)) if denial == expected), "{cause}");
        if said.is_none() {
            // It is not told, and comes back.
            theirs.wait_for(Theirs::HANDSHAKE_FAILED_NO_DETAIL).await;
            theirs.wait_for(Theirs::CONNECT_RETRIED).await;
        }
        drop(handler.end().await);
    }
}

#[tokio::test]
async fn case_160_a_handler_that_never_answers_costs_its_peers_the_deadline_and_others_nothing() {
    let handler = Handler::start(Vec::new()).await;
    let limit = Duration::from_millis(300);
    let guarded = PullSocket::builder()
        .security(Security::NullAsking(Authenticator::zap("test")))
        .handshake_timeout(limit)
        .build();
    let at = guarded.bind(ANY_PORT).await.unwrap();
    let mut monitor = guarded.monitor();
    let push = Zmq::connected(SocketType::Push, &at).await;
    let mut open = PullSocket::new();
    let other = Zmq::connected(SocketType::Push, open.bind(ANY_PORT).await.unwrap()).await;
    other.send("served").await;
    assert_eq!(within(20, open.recv()).await.unwrap(), "served");
    assert!(matches!(failure(&mut monitor).await, Cause::HandshakeTimeout(_)));
    push.close().await;
    drop(handler.end().await);

    // libzmq's server does the same to us.
    let (pull, _asked) = Zmq::guarded(SocketType::Pull, Vec::new());
    pull.set(Opt::PlainServer, 1).await;
    pull.set(Opt::HandshakeIvl, 300).await;
    let push = PushSocket::builder().security(Plain::client("a", "b").unwrap()).build();
    let mut monitor = push.monitor();
    push.connect(pull.bind(ANY_PORT).await).unwrap();
    assert!(matches!(failure(&mut monitor).await, Cause::PeerClosed));
}

#[tokio::test]
async fn case_162_null_asks_nobody_unless_it_is_told_to() {
    let mut handler = Handler::start(answer("400", "")).await;
    let mut pull = PullSocket::new();
    let push = Zmq::connected(SocketType::Push, pull.bind(ANY_PORT).await.unwrap()).await;
    push.send("in").await;
    assert_eq!(within(20, pull.recv()).await.unwrap(), "in");
    assert!(handler.asked.try_recv().is_err());
    drop(handler.end().await);

    let (pull, mut asked) = Zmq::guarded(SocketType::Pull, answer("400", ""));
    let push = PushSocket::new();
    push.connect(pull.bind(ANY_PORT).await).unwrap();
    push.send("in").await.unwrap();
    assert_eq!(pull.recv().await, [b"in"]);
    assert!(asked.try_recv().is_err());
}

/// Handlers see the same, whoever asks: a REP of ours, a REP of libzmq's, and a ROUTER of ours with the envelope.
#[tokio::test]
async fn case_163_a_handler_of_ours_is_asked_as_one_of_libzmq_is() {
    let (pull, mut asked) = Zmq::guarded(SocketType::Pull, answer("200", "joe"));
    pull.set(Opt::PlainServer, 1).await;
    pull.set_bytes(Opt::ZapDomain, "test").await;
    let at = pull.bind(ANY_PORT).await;
    let push = PushSocket::builder().security(Plain::client("joe", "secret").unwrap()).build();
    push.connect(&at).unwrap();
    let theirs = within(20, asked.recv()).await.unwrap();

    let mut handler = Handler::start(answer("200", "joe")).await;
    let pull = PullSocket::builder().security(Plain::server(Authenticator::zap("test"))).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    push.connect(&at).unwrap();
    assert_eq!(within(20, handler.asked.recv()).await.unwrap(), theirs);
    let expected = ["1.0", "1", "test", "127.0.0.1", "", "PLAIN", "joe", "secret"];
    assert_eq!(theirs, expected.map(|frame| frame.as_bytes().to_vec()));
    within(20, pull.wait_for_peers(1)).await;
    let its_turn = handler.end().await;

    let mut router = RouterSocket::new();
    router.bind("inproc://zeromq.zap.01").await.unwrap();
    let pull = PullSocket::builder().security(Plain::server(Authenticator::zap("test"))).build();
    push.connect(pull.bind(ANY_PORT).await.unwrap()).unwrap();
    let request = within(20, router.recv()).await.unwrap();
    let frames: Vec<_> = request.frames().map(|frame| frame.to_vec()).collect();
    assert_eq!((frames[1].len(), &frames[2..]), (0, &theirs[..]));
    let reply = answer("200", "joe")
        .into_iter()
        .fold(Message::new(frames[0].clone()).with(""), |reply, frame| reply.with(frame));
    router.send(reply).await.unwrap();
    within(20, pull.wait_for_peers(1)).await;
    drop(its_turn);
}

#[tokio::test]
async fn case_164_metadata_of_the_answer_is_known_to_the_server_alone() {
    let mut with_metadata = answer("200", "joe");
    with_metadata[5] = b"\x04Team\0\0\0\x03red".to_vec();
    let handler = Handler::start(with_metadata).await;
    let pull = PullSocket::builder().security(Plain::server(Authenticator::zap("test"))).build();
    let push = PushSocket::builder().security(Plain::client("joe", "x").unwrap()).build();
    push.connect(pull.bind(ANY_PORT).await.unwrap()).unwrap();
    within(20, pull.wait_for_peers(1)).await;
    within(20, push.wait_for_peers(1)).await;
    let user = pull.peers()[0].user.clone().unwrap();
    assert_eq!((&user.id[..], &user.properties[..]), ("joe", &[("Team".to_owned(), "red".into())][..]));
    assert_eq!(push.peers()[0].metadata.get("Team"), None);
    assert_eq!(push.peers()[0].user, None);
    drop(handler.end().await);
}

/// A handler of ours. There is one place for it in a process, so tests take turns.
struct Handler {
    asked: UnboundedReceiver<Asked>,
    serving: JoinHandle<()>,
    turn: MutexGuard<'static, ()>,
}

impl Handler {
    /// One that always gives this answer; without frames it never does.
    async fn start(answer: Vec<Vec<u8>>) -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        let mut rep = RepSocket::new();
        rep.bind("inproc://zeromq.zap.01").await.unwrap();
        let (tell, asked) = unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok(request) = rep.recv().await {
                let _ = tell.send(request.frames().map(|frame| frame.to_vec()).collect());
                let Some((first, rest)) = answer.split_first() else { std::future::pending().await };
                let reply =
                    rest.iter().fold(Message::from(first.clone()), |reply, frame| reply.with(frame.clone()));
                rep.send(reply).await.unwrap();
            }
        });
        Self { asked, serving, turn }
    }

    /// Ends it, and gives its turn back.
    async fn end(self) -> MutexGuard<'static, ()> {
        self.serving.abort();
        let _ = self.serving.await;
        self.turn
    }
}
