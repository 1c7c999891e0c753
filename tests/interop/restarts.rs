//! A libzmq process that is killed and started again two hundred times under traffic, for each type of socket of ours:
//! service returns each time, and nothing is left behind, no connection and no task.

use std::time::Duration;

use support::{Child, connections, quiet_port, until, within};
use tokio::runtime::Handle;
use tokio::time::timeout;
use zmtp::{
    DealerSocket, PairSocket, Pattern, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket,
    RoutingId, Socket, SubSocket,
};

use crate::both::{BOTH_ROLES, Binder, quickly};
use crate::subject::{Frames, recv, send};

/// In each role.
const RESTARTS: u32 = 100;

/// Starts a libzmq process, lets `serve` see that service is there and leave traffic on its way, and kills the
/// process; again and again. `words` are its type and options.
async fn survives<P: Pattern>(
    socket: impl Fn() -> Socket<P>,
    words: &str,
    serve: impl AsyncFn(&mut Socket<P>, &mut Child, u32),
) {
    let (kind, options) = words.split_once(' ').unwrap_or((words, ""));
    for binder in BOTH_ROLES {
        let before = tasks();
        let mut ours = socket();
        let port = quiet_port();
        let at = format!("tcp://127.0.0.1:{port}");
        let how = match binder {
            Binder::Ours => {
                ours.bind(&at).await.unwrap();
                "connect"
            }
            Binder::Theirs => {
                ours.connect(&at).unwrap();
                "bind"
            }
        };
        let mut at_work = None;
        for round in 0..RESTARTS {
            let mut theirs = Child::zmq(&format!("{kind} {how} {at} {options}")).await;
            within(20, serve(&mut ours, &mut theirs, round)).await;
            let most = *at_work.get_or_insert_with(tasks);
            if round % 10 == 9 {
                // One connection, and the listener if it is ours.
                let expected = if let Binder::Ours = binder { 2 } else { 1 };
                until(20, || connections(port) == expected).await;
                until(20, || tasks() <= most).await;
            }
            theirs.kill();
        }
        until(20, || ours.peer_count() == 0).await;
        let _ = within(20, ours.close()).await;
        until(20, || tasks() == before && connections(port) == 0).await;
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Between two tries.
const TRY: Duration = Duration::from_millis(2);

/// What is on its way when the process dies.
const BURST: u32 = 20;

/// With `relaxed` a request may be repeated when its answer does not come.
#[tokio::test]
async fn a_libzmq_rep_is_killed_two_hundred_times_and_our_req_is_never_stuck() {
    let req = || {
        ReqSocket::builder().relaxed(true).correlate(true).reconnect(quickly()).linger(Duration::ZERO).build()
    };
    survives(req, "rep", async |req, rep, round| {
        for n in 0.. {
            let question = format!("{round} {n}");
            send(req, [&question]).await;
            let answered = timeout(Duration::from_millis(100), async {
                loop {
                    tokio::select! {
                        asked = rep.got() => rep.send_frames(&asked),
                        answer = req.recv() => return Frames::from(answer.unwrap()),
                    }
                }
            });
            if let Ok(answer) = answered.await {
                assert_eq!(answer, [question]);
                break;
            }
        }
        // It dies with a question that is on its way, that it has, or that it has answered.
        if round % 3 > 0 {
            send(req, ["never mind"]).await;
        }
        if round % 3 > 1 {
            rep.got().await;
            rep.send("too late");
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_req_is_killed_two_hundred_times_and_our_rep_serves_the_next() {
    let rep = || RepSocket::builder().reconnect(quickly()).linger(Duration::ZERO).build();
    survives(rep, "req", async |rep, req, round| {
        // The answer to a question of its predecessor may come first (case 73).
        let question = format!("question {round}");
        let asked_until_answered = async {
            loop {
                req.send(&question);
                if req.got().await == [question.as_bytes()] {
                    break;
                }
            }
        };
        let answering = async {
            loop {
                let asked = recv(rep).await;
                send(rep, [&asked[0]]).await;
            }
        };
        tokio::select! {
            () = asked_until_answered => {}
            () = answering => {}
        }
        // It dies without its answer.
        req.send("never mind");
        if round % 2 == 0 {
            recv(rep).await;
            send(rep, ["too late"]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_router_is_killed_two_hundred_times_and_our_dealer_finds_the_next() {
    let dealer = || {
        let id = RoutingId::try_from("us").unwrap();
        DealerSocket::builder().routing_id(id).reconnect(quickly()).linger(Duration::ZERO).build()
    };
    survives(dealer, "router", async |dealer, router, round| {
        // What was on its way to an earlier one may be lost.
        let hello = format!("hello {round}");
        loop {
            send(dealer, [&hello]).await;
            let got = timeout(TRY, async { while router.got().await[1] != hello.as_bytes() {} });
            if got.await.is_ok() {
                break;
            }
        }
        let answer = format!("answer {round}");
        router.send_frames(&["us", &answer]);
        while recv(dealer).await != [&answer] {}
        for n in 0..BURST {
            send(dealer, [format!("burst {n}")]).await;
            router.send_frames(&["us", "burst"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_dealer_is_killed_two_hundred_times_and_our_router_knows_the_next_by_the_same_id() {
    let router = || RouterSocket::builder().reconnect(quickly()).linger(Duration::ZERO).build();
    survives(router, "dealer routing-id=it", async |router, dealer, round| {
        let hello = format!("hello {round}");
        dealer.send(&hello);
        while recv(router).await != ["it", &hello] {}
        send(router, ["it", &hello]).await;
        assert_eq!(dealer.got().await, [hello.as_bytes()]);
        for n in 0..BURST {
            dealer.send("burst");
            send(router, ["it", &format!("burst {n}")]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_sub_is_killed_two_hundred_times_and_our_pub_reaches_the_next() {
    let publisher = || PubSocket::builder().reconnect(quickly()).linger(Duration::ZERO).build();
    survives(publisher, "sub subscribe=A", async |publisher, subscriber, round| {
        let news = format!("A {round}");
        loop {
            send(publisher, [&news]).await;
            if timeout(TRY, subscriber.got()).await.is_ok_and(|got| got == [news.as_bytes()]) {
                break;
            }
        }
        for _ in 0..BURST {
            send(publisher, ["A burst"]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_pub_is_killed_two_hundred_times_and_our_sub_hears_the_next() {
    let subscriber = || SubSocket::builder().subscribe("A").reconnect(quickly()).build();
    survives(subscriber, "pub", async |subscriber, publisher, round| {
        let news = format!("A {round}");
        loop {
            publisher.send(&news);
            let heard = timeout(TRY, async { while recv(subscriber).await != [&news] {} });
            if heard.await.is_ok() {
                break;
            }
        }
        for _ in 0..BURST {
            publisher.send("A burst");
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_pull_is_killed_two_hundred_times_and_our_push_works_for_the_next() {
    let push = || PushSocket::builder().reconnect(quickly()).linger(Duration::ZERO).build();
    survives(push, "pull", async |push, pull, round| {
        let work = format!("work {round}");
        loop {
            send(push, [&work]).await;
            let got = timeout(TRY, async { while pull.got().await != [work.as_bytes()] {} });
            if got.await.is_ok() {
                break;
            }
        }
        for n in 0..BURST {
            send(push, [format!("burst {n}")]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_push_is_killed_two_hundred_times_and_our_pull_takes_from_the_next() {
    let pull = || PullSocket::builder().reconnect(quickly()).build();
    survives(pull, "push", async |pull, push, round| {
        let work = format!("work {round}");
        push.send(&work);
        while recv(pull).await != [&work] {}
        for _ in 0..BURST {
            push.send("burst");
        }
    })
    .await;
}

#[tokio::test]
async fn a_libzmq_pair_is_killed_two_hundred_times_and_our_pair_meets_the_next() {
    let pair = || PairSocket::builder().reconnect(quickly()).linger(Duration::ZERO).build();
    survives(pair, "pair reconnect-ivl=10", async |pair, other, round| {
        let hello = format!("hello {round}");
        other.send(&hello);
        while recv(pair).await != [&hello] {}
        loop {
            send(pair, [&hello]).await;
            let got = timeout(TRY, async { while other.got().await != [hello.as_bytes()] {} });
            if got.await.is_ok() {
                break;
            }
        }
        for n in 0..BURST {
            other.send("burst");
            send(pair, [format!("burst {n}")]).await;
        }
    })
    .await;
}
