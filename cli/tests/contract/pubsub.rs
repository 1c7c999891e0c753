//! `pub`, `sub`, `xpub`, `xsub`.

use std::time::Duration;

use zmtp_libzmq::{Opt, SocketType};

use crate::support::{libzmq, libzmq_bound, libzmq_connected, zmtp};

#[test]
fn a_publisher_sends_each_subscriber_what_it_wants() {
    let mut publisher =
        zmtp("pub --bind tcp://127.0.0.1:0 --wait-peers 2 --message a1 --message b1 --message a2");
    let at = publisher.bound();
    let (a, all) = (libzmq(SocketType::Sub), libzmq(SocketType::Sub));
    a.set_bytes(Opt::Subscribe, b"a").unwrap();
    all.set_bytes(Opt::Subscribe, b"").unwrap();
    a.connect(&at).unwrap();
    all.connect(&at).unwrap();

    for message in ["a1", "a2"] {
        assert_eq!(a.recv().unwrap(), [message.as_bytes()]);
    }
    for message in ["a1", "b1", "a2"] {
        assert_eq!(all.recv().unwrap(), [message.as_bytes()]);
    }
    publisher.done();
}

#[test]
fn wait_peers_of_a_publisher_waits_for_subscriptions() {
    for verb in ["pub", "xpub"] {
        let mut publisher = zmtp(&format!("{verb} --bind tcp://127.0.0.1:0 --wait-peers 1 --message x"));
        let sub = libzmq_connected(SocketType::Sub, &mut publisher);
        assert!(!sub.poll_in(Duration::from_millis(300)).unwrap());
        sub.set_bytes(Opt::Subscribe, b"x").unwrap();
        assert_eq!(sub.recv().unwrap(), [b"x"]);
        publisher.done();

        let mut publisher =
            zmtp(&format!("{verb} --bind tcp://127.0.0.1:0 --wait-peers 1 --message x --timeout 500ms"));
        let _sub = libzmq_connected(SocketType::Sub, &mut publisher);
        let ended = publisher.ended();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.err.contains("timed out: fewer than 1 of 1 peers have subscribed within 500ms"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_publisher_without_subscribers_drops_its_messages_and_is_done() {
    let mut publisher = zmtp("pub --bind tcp://127.0.0.1:0");
    publisher.write("nobody\nhears\nthis\n").end_input();
    publisher.done();
}

#[test]
fn a_publisher_ends_after_so_many_messages_sent() {
    let mut publisher = zmtp("pub --bind tcp://127.0.0.1:0 --wait-peers 1 --count 2");
    publisher.write("1\n2\n3\n");
    let sub = zmtp(&format!("sub --connect {} --count 2", publisher.bound()));
    assert_eq!(sub.done().out, "1\n2\n");
    publisher.done();
}

#[test]
fn a_burst_reaches_a_subscriber_that_reads() {
    for verb in ["pub", "xpub"] {
        let mut publisher = zmtp(&format!("{verb} --bind tcp://127.0.0.1:0 --wait-peers 1"));
        let subscriber = zmtp(&format!("sub --connect {} --count 200", publisher.bound()));
        publisher.write([vec![b'x'; 49_999], b"\n".to_vec()].concat().repeat(200)).end_input();
        assert_eq!(subscriber.done().out.lines().count(), 200);
        publisher.done();
    }
}

#[test]
fn a_publisher_that_connects_reaches_a_subscriber_that_binds() {
    let mut sub = zmtp("sub --bind tcp://127.0.0.1:0 --count 1");
    let publisher = zmtp(&format!("pub --connect {} --wait-peers 1 --message hello", sub.bound()));
    assert_eq!(sub.done().out, "hello\n");
    publisher.done();
}

#[test]
fn a_frozen_subscriber_holds_up_neither_the_publisher_nor_the_others() {
    let mut publisher = zmtp("pub --bind tcp://127.0.0.1:0 --wait-peers 2");
    let at = publisher.bound();
    let frozen = libzmq(SocketType::Sub);
    frozen.set_int(Opt::RcvHwm, 1).unwrap();
    frozen.set_bytes(Opt::Subscribe, b"").unwrap();
    frozen.connect(&at).unwrap();
    let mut quick = zmtp(&format!("sub --connect {at}"));

    // 100 MB: more than all the queues on the way to the frozen one.
    let lines = [vec![b'x'; 9_999], b"\n".to_vec()].concat().repeat(100);
    for _ in 0..100 {
        publisher.write(&lines);
    }

    let mut seen = 0;
    publisher.write_until("end\n", || {
        while let Some(line) = quick.try_line() {
            seen += 1;
            if line == "end" {
                return true;
            }
        }
        false
    });
    assert!(seen > 100, "{seen} lines");
}

#[test]
fn without_a_topic_a_subscriber_gets_everything() {
    let (publisher, at) = libzmq_bound(SocketType::Xpub);
    let sub = zmtp(&format!("sub --connect {at} --count 2"));
    assert_eq!(publisher.recv().unwrap(), [b"\x01"]);
    publisher.send(&[b"anything", b"at all"]).unwrap();
    publisher.send(&[b""]).unwrap();
    assert_eq!(sub.done().out, "anything\tat all\n\n");
}

#[test]
fn a_subscriber_gets_what_begins_with_one_of_its_topics() {
    let (publisher, at) = libzmq_bound(SocketType::Xpub);
    let sub = zmtp(&format!("sub --connect {at} --subscribe a --subscribe bb --count 3"));
    let mut topics = [publisher.recv().unwrap(), publisher.recv().unwrap()];
    topics.sort();
    assert_eq!(topics, [[b"\x01a".to_vec()], [b"\x01bb".to_vec()]]);
    for message in ["ab", "b", "c", "bbb", "a"] {
        publisher.send(&[message.as_bytes()]).unwrap();
    }
    assert_eq!(sub.done().out, "ab\nbbb\na\n");
}

#[test]
fn an_xpub_prints_what_its_subscribers_ask_for() {
    let mut xpub = zmtp("xpub --bind tcp://127.0.0.1:0");
    let sub = libzmq_connected(SocketType::Sub, &mut xpub);
    sub.set_bytes(Opt::Subscribe, b"news").unwrap();
    assert_eq!(xpub.line(), "\\x01news");
    xpub.write("news: it works\nweather: none\nnews: it ends\n");
    assert_eq!(sub.recv().unwrap(), [b"news: it works"]);
    assert_eq!(sub.recv().unwrap(), [b"news: it ends"]);
    sub.set_bytes(Opt::Unsubscribe, b"news").unwrap();
    assert_eq!(xpub.line(), "\\x00news");
    xpub.end_input();
    xpub.done();
}

#[test]
fn an_xpub_prints_what_an_xsub_sends() {
    let mut xpub = zmtp("xpub --bind tcp://127.0.0.1:0 --json --count 1");
    zmtp(&format!("xsub --connect {} --frame more --frame please", xpub.bound())).done();
    assert_eq!(xpub.done().out, "{\"frames\":[\"more\",\"please\"]}\n");
}

#[test]
fn an_xsub_subscribes_with_its_option_and_goes_on_when_its_input_ends() {
    let (publisher, at) = libzmq_bound(SocketType::Xpub);
    let mut xsub = zmtp(&format!("xsub --connect {at} --subscribe a"));
    xsub.end_input();
    assert_eq!(publisher.recv().unwrap(), [b"\x01a"]);
    publisher.send(&[b"b"]).unwrap();
    publisher.send(&[b"a"]).unwrap();
    assert_eq!(xsub.line(), "a");
    publisher.send(&[b"ab"]).unwrap();
    assert_eq!(xsub.line(), "ab");
    xsub.signal("TERM");
    assert_eq!(xsub.ended().code, 143);
}

#[test]
fn an_xsub_subscribes_by_hand_and_talks_to_the_publisher() {
    let (publisher, at) = libzmq_bound(SocketType::Xpub);
    let mut xsub = zmtp(&format!("xsub --connect {at}"));
    xsub.write(b"\x01a\nhello\n");
    assert_eq!(publisher.recv().unwrap(), [b"\x01a"]);
    assert_eq!(publisher.recv().unwrap(), [b"hello"]);
    publisher.send(&[b"answer"]).unwrap();
    assert_eq!(xsub.line(), "answer");
    xsub.write(b"\x00a\n");
    assert_eq!(publisher.recv().unwrap(), [b"\x00a"]);
    xsub.end_input();
    assert_eq!(xsub.done().out, "");
}

#[test]
fn a_subscriber_subscribes_again_when_its_publisher_comes_back() {
    let (publisher, at) = libzmq_bound(SocketType::Xpub);
    let mut sub = zmtp(&format!("sub --connect {at} --subscribe a --reconnect 10ms..50ms"));
    assert_eq!(publisher.recv().unwrap(), [b"\x01a"]);
    drop(publisher);
    let publisher = libzmq(SocketType::Xpub);
    publisher.bind(&at).unwrap();
    assert_eq!(publisher.recv().unwrap(), [b"\x01a"]);
    publisher.send(&[b"again"]).unwrap();
    assert_eq!(sub.line(), "again");
}
