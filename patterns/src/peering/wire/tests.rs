//! What is said is heard, and what is cut off is not.

use std::fmt::Debug;

use super::*;

fn card(name: &str) -> Card {
    Card { name: name.into(), cloud: "tcp://10.0.0.1:6002".into(), state: "tcp://10.0.0.1:6003".into() }
}

const REPORT: Report = Report { number: 7, free: 3, seen: 9 };

fn body() -> Body {
    vec!["one".into(), Bytes::new(), "three".into()]
}

/// It comes back as it was; without its last field or its first frame it does not come at all.
fn there_and_back<C: Spoken + Clone + PartialEq + Debug>(command: &C) {
    let frames = command.encode(5, 6);
    let header = Header { command: command.number(), session: 5, number: 6 };
    assert_eq!(C::decode(frames.clone()), Ok((header, command.clone())));
    for len in 0..frames[0].len() {
        let mut cut = frames.clone();
        cut[0].truncate(len);
        assert!(C::decode(cut).is_err(), "{command:?} with {len} octets");
    }
    let wrong = if command.body().is_empty() { [frames, body()].concat() } else { frames[..1].to_vec() };
    assert_eq!(C::decode(wrong), Err(Malformed::Frames));
    assert_eq!(C::decode(Vec::new()), Err(Malformed::Magic));
}

#[test]
fn what_is_said_is_heard_as_it_was_said_and_not_at_all_if_some_of_it_is_missing() {
    let (ttl, task) = (Duration::from_millis(30), 12);
    let status = Status {
        name: "DC1".into(),
        queue: 4,
        service: Duration::from_micros(250),
        counters: Counters { spilled: 8, ..Counters::default() },
        peers: vec![PeerStatus {
            card: card(""),
            link: LinkStatus::Stale,
            free: 1,
            slots: 2,
            queue: 3,
            sent: 4,
            usable: 5,
            rtt: Duration::from_micros(6),
            age: Duration::from_millis(7),
        }],
        ..Status::default()
    };
    for command in [
        ClientCommand::Request { id: 1, ttl, body: body() },
        ClientCommand::Reply { id: 1, body: body() },
        ClientCommand::Busy { id: 1, retry_after: ttl },
        ClientCommand::Failed { id: 1, failure: Failure::Refused },
        ClientCommand::Withdraw { id: 1 },
        ClientCommand::Ask,
        ClientCommand::Told { status: Box::new(status) },
        ClientCommand::Leave { grace: ttl },
        ClientCommand::Leaving,
        ClientCommand::Hail,
    ] {
        there_and_back(&command);
    }
    for command in [
        WorkerCommand::Hail,
        WorkerCommand::Hello { slots: 1 },
        WorkerCommand::Beat,
        WorkerCommand::Task { task, body: body() },
        WorkerCommand::Done { task, body: body() },
        WorkerCommand::Failed { task },
        WorkerCommand::Bye,
    ] {
        there_and_back(&command);
    }
    for command in [
        LinkCommand::Hail,
        LinkCommand::Hello { card: card("DC1") },
        LinkCommand::Welcome { card: card("DC2"), report: REPORT },
        LinkCommand::Reject { rejection: Rejection::Name { cloud: "tcp://10.0.0.2:6002".into() } },
        LinkCommand::Reject { rejection: Rejection::Itself },
        LinkCommand::Task { task, request: 3, hops: 1, path: vec!["DC1".into()], left: ttl, body: body() },
        LinkCommand::Cancel { task },
        LinkCommand::Reply { task, took: Duration::from_micros(77), report: REPORT, body: body() },
        LinkCommand::Refuse { task, refusal: Refusal::Lost, report: REPORT },
        LinkCommand::Bye,
    ] {
        there_and_back(&command);
    }
    there_and_back(&State {
        card: card("DC1"),
        number: 1,
        free: 2,
        slots: 3,
        queue: 4,
        service: Duration::from_millis(20),
        is_leaving: true,
        seen: vec![Receipt { name: "DC2".into(), session: 5, task: 6 }],
        known: vec![Acquaintance { name: "DC3".into(), cloud: "ipc:///tmp/cloud".into() }],
    });
}

#[test]
fn what_is_claimed_has_bounds() {
    let hello =
        |name: &str| LinkCommand::decode(LinkCommand::Hello { card: card(name) }.encode(1, 2)).map(|_| ());
    assert_eq!(hello(""), Err(Malformed::Field("name")));
    assert_eq!(hello(&"x".repeat(MAX_NAME)), Ok(()));
    assert_eq!(hello(&"x".repeat(MAX_NAME + 1)), Err(Malformed::Field("name")));
    let path = |names: usize| {
        let path = vec!["DC1".to_owned(); names];
        let left = Duration::from_secs(1);
        let task = LinkCommand::Task { task: 1, request: 1, hops: 1, path, left, body: body() };
        LinkCommand::decode(task.encode(1, 2)).map(|_| ())
    };
    assert_eq!(path(MAX_PATH), Ok(()));
    assert_eq!(path(MAX_PATH + 1), Err(Malformed::Field("path")));
}

#[test]
fn each_face_has_a_language_of_its_own() {
    let ask = ClientCommand::Ask.encode(1, 2);
    assert_eq!(WorkerCommand::decode(ask.clone()), Err(Malformed::Command(5)));
    assert_eq!(LinkCommand::decode(ask.clone()), Err(Malformed::Command(5)));
    assert_eq!(State::decode(ask.clone()), Err(Malformed::Command(5)));
    assert!(is_spoken(&ask) && ask[0].starts_with(&State::topic()));
    assert!(!is_spoken(&[Bytes::new(), "hello".into()]) && !is_spoken(&[]));
}
