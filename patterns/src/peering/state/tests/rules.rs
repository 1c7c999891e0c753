//! What a broker does, one rule at a time.

use std::time::Duration;

use bytes::Bytes;

use super::desk::{Desk, SESSION, body, card};
use crate::peering::state::{Event, Face, Input, Notice, OnPeerLoss, Output};
use crate::peering::wire::{
    Acquaintance, ClientCommand, Failure, LinkCommand, Receipt, Refusal, Rejection, Report, State,
    WorkerCommand,
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A task of the cluster DC2, which may be delegated so often.
fn task(task: u64, hops: u8, path: &[&str]) -> LinkCommand {
    let path = path.iter().map(|it| (*it).to_owned()).collect();
    LinkCommand::Task { task, request: 5, hops, path, left: Duration::from_secs(10), body: body("work") }
}

fn refusals(desk: &mut Desk) -> Vec<(u64, Refusal, u32)> {
    let refusal = |(_, command)| match command {
        LinkCommand::Refuse { task, refusal, report } => Some((task, refusal, report.free)),
        _ => None,
    };
    desk.answered().into_iter().filter_map(refusal).collect()
}

/// A broker whose only worker takes so long for a task, and has one; and a peer that is so far away and takes 10.
fn busy(service: Duration, rtt: Duration) -> Desk {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.client(1);
    desk.asks(1, 1);
    let (_, task) = desk.tasks()[0];
    desk.pass(service);
    desk.does(1, task);
    desk.tell(Input::Join(card("DC2").cloud));
    desk.peer_says(0, &LinkCommand::Hail);
    desk.now += rtt;
    let report = Report { number: 1, free: 10, seen: 0 };
    desk.peer_says(0, &LinkCommand::Welcome { card: card("DC2"), report });
    desk.asks(1, 2);
    desk.sent();
    desk
}

#[test]
fn p09_what_waits_here_for_less_than_the_way_takes_stays() {
    let mut desk = busy(ms(5), ms(50));
    (3..6).for_each(|id| desk.asks(1, id));
    assert_eq!((desk.sent(), desk.status().queue), (vec![], 3));
}

#[test]
fn p09_what_waits_here_for_longer_than_the_way_takes_leaves() {
    let mut desk = busy(ms(100), ms(1));
    (3..6).for_each(|id| desk.asks(1, id));
    assert_eq!((desk.sent().len(), desk.status().queue), (3, 0));
}

/// The time of a task is an average, and this one takes longer.
#[test]
fn p09_what_has_waited_for_longer_than_the_way_takes_leaves_too() {
    let mut desk = busy(ms(5), ms(50));
    desk.asks(1, 3);
    desk.pass(ms(61));
    assert_eq!(desk.status().queue, 1);
    desk.pass(ms(2));
    let sent = desk.sent();
    let [(0, LinkCommand::Task { task: 1, hops: 0, path, left, .. })] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((&path[..], *left <= Duration::from_secs(60) - ms(61)), (&["DC1".to_owned()][..], true));
}

#[test]
fn p08_nobody_waits_while_a_worker_is_free_and_nothing_leaves_then() {
    let mut desk = Desk::new(|_| {});
    desk.peer(0, "DC2", 10);
    desk.worker(1, 2);
    desk.client(1);
    desk.asks(1, 1);
    desk.asks(1, 2);
    assert_eq!((desk.tasks().len(), desk.sent()), (2, vec![]));
}

#[test]
fn the_oldest_leaves_first_and_is_the_first_again_when_it_comes_back() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    (1..4).for_each(|id| desk.asks(1, id));
    desk.peer(0, "DC2", 1);
    let sent = desk.sent();
    assert!(matches!(sent[..], [(0, LinkCommand::Task { request: 1, .. })]), "{sent:?}");
    let report = Report { number: 2, free: 0, seen: 1 };
    desk.peer_says(0, &LinkCommand::Refuse { task: 1, refusal: Refusal::Full, report });
    assert_eq!(desk.status().queue, 3);
    desk.worker(1, 1);
    let (_, task) = desk.tasks()[0];
    desk.does(1, task);
    assert_eq!(desk.told(), [(1, ClientCommand::Reply { id: 1, body: body("done") })]);
}

/// It had advertised more than it has now: that costs one way there and back.
#[test]
fn p16_who_refuses_gets_nothing_more_until_it_says_otherwise() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.peer(0, "DC2", 100);
    desk.asks(1, 1);
    assert_eq!(desk.sent().len(), 1);
    let report = Report { number: 2, free: 0, seen: 1 };
    desk.peer_says(0, &LinkCommand::Refuse { task: 1, refusal: Refusal::Full, report });
    desk.asks(1, 2);
    assert_eq!((desk.sent(), desk.status().queue, desk.status().counters.refused), (vec![], 2, 1));
    let seen = vec![Receipt { name: "DC1".into(), session: desk.session(), task: 1 }];
    desk.state(&State { number: 3, free: 1, seen, ..state("DC2") });
    assert_eq!(desk.sent().len(), 1);
}

fn state(name: &str) -> State {
    State {
        card: card(name),
        number: 1,
        free: 0,
        slots: 10,
        queue: 0,
        service: ms(10),
        is_leaving: false,
        seen: Vec::new(),
        known: Vec::new(),
    }
}

#[test]
fn p19_a_task_of_another_cluster_goes_to_a_free_worker_or_back_and_never_waits() {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.guest(9, "DC2");
    desk.guest_says(9, &task(1, 0, &["DC2"]));
    desk.guest_says(9, &task(2, 0, &["DC2"]));
    assert_eq!(refusals(&mut desk), [(2, Refusal::Full, 0)]);
    let (_, its) = desk.tasks()[0];
    desk.pass(ms(7));
    desk.does(1, its);
    let answered = desk.answered();
    let [(9, LinkCommand::Reply { task: 1, took, report: Report { free: 1, seen: 2, .. }, .. })] =
        answered[..]
    else {
        panic!("{answered:?}")
    };
    assert_eq!(took, ms(7));
}

#[test]
fn a_part_of_the_slots_is_not_offered_to_others() {
    let mut desk = Desk::new(|config| config.reserve_percent = 50);
    desk.worker(1, 4);
    desk.guest(9, "DC2");
    (1..=3).for_each(|number| desk.guest_says(9, &task(number, 0, &["DC2"])));
    assert_eq!(refusals(&mut desk), [(3, Refusal::Full, 0)]);
    desk.client(1);
    (1..=2).for_each(|id| desk.asks(1, id));
    assert_eq!(desk.tasks().len(), 4);
}

#[test]
fn what_waits_here_is_not_offered_to_others_as_soon_as_a_worker_is_free() {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.guest(9, "DC2");
    desk.guest_says(9, &task(1, 0, &["DC2"]));
    desk.client(1);
    desk.asks(1, 1);
    let (_, its) = desk.tasks()[0];
    desk.does(1, its);
    let answered = desk.answered();
    assert!(
        matches!(answered[..], [(9, LinkCommand::Reply { report: Report { free: 0, .. }, .. })]),
        "{answered:?}"
    );
    assert_eq!(desk.tasks().len(), 1);
}

#[test]
fn p21_a_task_goes_no_further_than_it_may_and_never_where_it_was() {
    let relay = |desk: &mut Desk| {
        desk.guest(9, "DC2");
        let dial = desk.dials();
        desk.peer(dial, "DC3", 10);
    };
    let mut desk = Desk::new(|config| config.is_relay = true);
    relay(&mut desk);
    desk.sent();
    desk.guest_says(9, &task(1, 0, &["DC2"]));
    desk.guest_says(9, &task(2, 1, &["DC2", "DC1"]));
    desk.guest_says(9, &task(3, 1, &["DC3", "DC2"]));
    assert_eq!(
        refusals(&mut desk).iter().map(|it| (it.0, it.1)).collect::<Vec<_>>(),
        [(1, Refusal::Hops), (2, Refusal::Loop), (3, Refusal::Full),]
    );
    desk.guest_says(9, &task(4, 1, &["DC2"]));
    let sent = desk.sent();
    let [(_, LinkCommand::Task { hops: 0, path, request: 5, .. })] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(path[..], ["DC2", "DC1"]);
}

#[test]
fn p07_what_a_lost_cluster_had_is_done_elsewhere_in_front_of_what_came_later() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.peer(0, "DC2", 2);
    (1..=3).for_each(|id| desk.asks(1, id));
    assert_eq!((desk.sent().len(), desk.status().queue), (2, 1));
    desk.tell(Input::Peer(crate::peering::state::Dial(0), Event::Left));
    assert!(desk.notices().contains(&Notice::Down("DC2".into(), 2)));
    desk.peer(1, "DC3", 3);
    let requests = desk.sent().into_iter().filter_map(|(dial, command)| match command {
        LinkCommand::Task { request, .. } => Some((dial, request)),
        _ => None,
    });
    assert_eq!(requests.collect::<Vec<_>>(), [(1, 1), (1, 2), (1, 3)]);
}

#[test]
fn what_a_lost_cluster_had_is_told_if_it_is_not_to_be_done_again() {
    let mut desk = Desk::new(|config| config.on_peer_loss = OnPeerLoss::Fail);
    desk.client(1);
    desk.peer(0, "DC2", 2);
    desk.asks(1, 1);
    desk.tell(Input::Peer(crate::peering::state::Dial(0), Event::Left));
    assert_eq!(desk.told(), [(1, ClientCommand::Failed { id: 1, failure: Failure::PeerLost })]);
}

/// It is heard, and does not hear: what it publishes says so.
#[test]
fn a_link_that_carries_in_one_direction_only_carries_nothing() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.peer(0, "DC2", 2);
    desk.asks(1, 1);
    let session = desk.session();
    for number in 2..=12 {
        desk.pass(ms(250));
        let seen = vec![Receipt { name: "DC1".into(), session, task: 0 }];
        desk.state(&State { number, free: 2, seen, ..state("DC2") });
        desk.asks(1, number);
    }
    let notices = desk.notices();
    assert!(notices.contains(&Notice::Stale("DC2".into())), "{notices:?}");
    assert!(matches!(notices[..], [.., Notice::Down(_, 2)]), "{notices:?}");
}

#[test]
fn p10_p13_a_request_that_comes_again_is_the_same_and_has_one_reply() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.worker(1, 1);
    desk.asks(1, 1);
    desk.asks(1, 1);
    let tasks = desk.tasks();
    assert_eq!(tasks.len(), 1);
    desk.does(1, tasks[0].1);
    let reply = (1, ClientCommand::Reply { id: 1, body: body("done") });
    assert_eq!(desk.told(), std::slice::from_ref(&reply));
    // Its reply was lost: it is told again, and nothing is done again.
    desk.asks(1, 1);
    assert_eq!((desk.told(), desk.tasks()), (vec![reply], vec![]));
    desk.does(1, tasks[0].1);
    assert_eq!((desk.told(), desk.status().counters.late), (vec![], 1));
}

#[test]
fn p11_what_a_lost_worker_had_is_tried_once_more_and_then_told() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.asks(1, 1);
    desk.worker(1, 1);
    desk.tell(Input::Worker(1, Event::Left));
    assert_eq!((desk.told(), desk.status().queue), (vec![], 1));
    desk.worker(2, 1);
    desk.worker_says(2, &WorkerCommand::Failed { task: 2 });
    assert_eq!(desk.told(), [(1, ClientCommand::Failed { id: 1, failure: Failure::Refused })]);
}

#[test]
fn a_worker_that_is_silent_is_lost_and_a_broker_that_was_away_itself_does_not_say_so() {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.now += Duration::from_secs(60);
    desk.pass(ms(1500));
    assert_eq!(desk.notices(), []);
    desk.client(1);
    desk.asks(1, 1);
    desk.pass(Duration::from_secs(3));
    assert_eq!((desk.notices(), desk.status().queue), (vec![Notice::WorkerLost], 1));
}

#[test]
fn p14_plain_req_sockets_are_served() {
    let mut desk = Desk::new(|_| {});
    desk.tell(Input::Worker(1, Event::Joined { speaks: false }));
    desk.tell(Input::Worker(1, Event::Heard(vec![Bytes::new(), "\x01".into()])));
    desk.tell(Input::Client(1, Event::Joined { speaks: false }));
    desk.tell(Input::Client(1, Event::Heard(vec![Bytes::new(), "hello".into()])));
    let said = desk.take(|output| match output {
        Output::Say(Face::Workers, 1, frames) => Some(frames.clone()),
        _ => None,
    });
    let [frames] = &said[..] else { panic!("{said:?}") };
    assert_eq!(
        (frames.len(), &frames[0][..], &frames[2][..], &frames[3][..]),
        (4, &b""[..], &b""[..], &b"hello"[..])
    );
    desk.tell(Input::Worker(1, Event::Heard(frames.clone())));
    let said = desk.take(|output| match output {
        Output::Say(Face::Clients, 1, frames) => Some(frames.clone()),
        _ => None,
    });
    assert_eq!(said, [[Bytes::new(), "hello".into()]]);
}

#[test]
fn a_full_broker_says_so_or_does_not_read() {
    let mut desk = Desk::new(|config| config.queue = 2);
    desk.client(1);
    (1..=3).for_each(|id| desk.asks(1, id));
    assert!(matches!(desk.told()[..], [(1, ClientCommand::Busy { id: 3, .. })]));
    assert!(desk.broker.takes_requests());
    desk.tell(Input::Client(2, Event::Joined { speaks: false }));
    desk.tell(Input::Client(2, Event::Heard(vec![Bytes::new(), "plain".into()])));
    assert_eq!((desk.broker.takes_requests(), desk.status().queue), (false, 3));
}

#[test]
fn a_request_is_wanted_for_its_time_and_then_called_off_wherever_it_is() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.peer(0, "DC2", 1);
    desk.asks(1, 1);
    desk.asks(1, 2);
    assert_eq!(desk.sent().len(), 1);
    for number in 2..250 {
        desk.pass(ms(250));
        desk.state(&State { number, ..state("DC2") });
    }
    let failed = |id| (1, ClientCommand::Failed { id, failure: Failure::Expired });
    assert_eq!((desk.told(), desk.status().counters.expired), (vec![failed(1), failed(2)], 2));
}

#[test]
fn who_is_gone_wants_nothing_any_more_unless_it_may_come_again() {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.client(1);
    desk.asks(1, 1);
    desk.asks(1, 2);
    desk.tell(Input::Client(1, Event::Left));
    assert_eq!((desk.status().queue, desk.status().local), (0, 1));
    let (_, task) = desk.tasks()[0];
    desk.does(1, task);
    assert_eq!((desk.told(), desk.status().counters.dropped), (vec![], 1));
    // It comes again, on another connection.
    desk.tell(Input::Client(3, Event::Joined { speaks: true }));
    let ttl = Duration::from_secs(1);
    let again = ClientCommand::Request { id: 1, ttl, body: body("work") };
    desk.tell(Input::Client(3, Event::Heard(crate::peering::wire::Spoken::encode(&again, 2001, 99))));
    assert_eq!(desk.told(), [(3, ClientCommand::Reply { id: 1, body: body("done") })]);
}

#[test]
fn what_comes_back_and_has_no_client_any_more_does_not_wait() {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.client(1);
    desk.asks(1, 1);
    desk.tell(Input::Client(1, Event::Left));
    assert_eq!(desk.status().local, 1);
    desk.tell(Input::Worker(1, Event::Left));
    assert_eq!((desk.status().local, desk.status().queue, desk.status().counters.withdrawn), (0, 0, 1));
}

/// A routing id is as good as a name: another connection may have it, of somebody else.
#[test]
fn whoever_comes_under_the_name_of_one_who_has_gone_is_not_told_what_that_one_asked() {
    let mut desk = Desk::new(|_| {});
    desk.worker(1, 1);
    desk.worker(2, 1);
    desk.client(1);
    desk.asks(1, 1);
    desk.asks(1, 2);
    desk.tell(Input::Client(1, Event::Left));
    desk.client(1);
    let (_, task) = desk.tasks()[0];
    desk.does(1, task);
    assert_eq!((desk.told(), desk.status().counters.dropped), (vec![], 1));
    // Nor does it keep waiting what it has not asked.
    desk.tell(Input::Worker(2, Event::Left));
    assert_eq!((desk.status().local, desk.status().queue, desk.status().counters.withdrawn), (0, 0, 1));
}

/// "Two entries, one machine", or one name for two: whoever comes later is told where the other one is.
#[test]
fn two_brokers_of_one_name_do_not_work_together_and_both_places_are_named() {
    let mut desk = Desk::new(|_| {});
    desk.peer(0, "DC2", 1);
    desk.tell(Input::Guest(9, Event::Joined { speaks: true }));
    let other = crate::peering::wire::Card { cloud: "sim://cloud/elsewhere".into(), ..card("DC2") };
    desk.guest_says(9, &LinkCommand::Hello { card: other });
    let rejection = Rejection::Name { cloud: "sim://cloud/DC2".into() };
    assert_eq!(desk.answered(), [(9, LinkCommand::Reject { rejection })]);
    let (name, here, there) = ("DC2".into(), "sim://cloud/DC2".into(), "sim://cloud/elsewhere".into());
    assert!(desk.notices().contains(&Notice::Collision { name, here, there }));
}

#[test]
fn a_peer_that_does_not_greet_is_dialled_again_and_again_and_nothing_puts_that_off() {
    let mut desk = Desk::new(|_| {});
    desk.tell(Input::Join(card("DC2").cloud));
    // Two seconds to greet, a wait of five at most, and what a beat takes to notice.
    let longest = Duration::from_millis(7_250);
    for _ in 0..100 {
        let begun = desk.now;
        while desk.take(|output| matches!(output, Output::Redial(_)).then_some(())).is_empty() {
            desk.pass(Duration::from_millis(50));
            assert!(desk.now - begun <= longest, "not dialled for {:?}", desk.now - begun);
        }
    }
}

#[test]
fn p24_who_is_named_by_another_is_dialled_and_whoever_says_bye_is_forgotten() {
    let mut desk = Desk::new(|_| {});
    desk.peer(0, "DC2", 1);
    let known = vec![Acquaintance { name: "DC3".into(), cloud: card("DC3").cloud }];
    desk.state(&State { number: 2, known, ..state("DC2") });
    let dialled = desk.take(|output| match output {
        Output::Dial(dial, cloud) => Some((dial.0, cloud.clone())),
        _ => None,
    });
    assert_eq!(dialled, [(0, card("DC2").cloud), (1, card("DC3").cloud)]);
    desk.peer_says(1, &LinkCommand::Hail);
    let report = Report { number: 1, free: 1, seen: 0 };
    desk.peer_says(1, &LinkCommand::Welcome { card: card("DC3"), report });
    assert_eq!(desk.status().peers.len(), 2);
    desk.peer_says(1, &LinkCommand::Bye);
    assert_eq!(desk.status().peers.len(), 1);
    assert!(desk.notices().contains(&Notice::Gone("DC3".into())));
}

#[test]
fn p07_who_leaves_takes_nothing_more_gives_what_waits_to_others_and_ends_what_it_has() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.worker(1, 1);
    desk.guest(9, "DC2");
    desk.asks(1, 1);
    let dial = desk.dials();
    desk.peer(dial, "DC3", 0);
    desk.asks(1, 2);
    desk.sent();
    desk.tell(Input::Leave(Duration::from_secs(10)));
    assert!(!desk.broker.takes_requests());
    desk.guest_says(9, &task(1, 0, &["DC2"]));
    assert_eq!(refusals(&mut desk), [(1, Refusal::Draining, 0)]);
    desk.pass(ms(20));
    assert!(desk.published().last().is_some_and(|it| it.is_leaving));
    desk.state(&State { number: 2, free: 1, ..state("DC3") });
    assert!(matches!(desk.sent()[..], [(_, LinkCommand::Task { task: 1, .. })]));
    let report = Report { number: 3, free: 1, seen: 1 };
    desk.peer_says(1, &LinkCommand::Reply { task: 1, took: ms(1), report, body: body("done") });
    let (_, its) = desk.tasks()[0];
    desk.does(1, its);
    assert_eq!(desk.told().len(), 2);
    let left = desk.take(|output| matches!(output, Output::Left(0)).then_some(()));
    assert_eq!((left.len(), desk.answered().last()), (1, Some(&(9, LinkCommand::Bye))));
}

#[test]
fn who_cannot_end_what_it_has_leaves_when_the_time_is_up_and_says_so() {
    let mut desk = Desk::new(|_| {});
    desk.client(1);
    desk.asks(1, 1);
    desk.tell(Input::Leave(Duration::from_secs(1)));
    desk.pass(Duration::from_secs(2));
    assert_eq!(desk.take(|output| matches!(output, Output::Left(1)).then_some(())).len(), 1);
}

/// What an earlier life of a peer has published counts for nothing.
#[test]
fn what_another_life_of_a_peer_says_is_not_believed() {
    let mut desk = Desk::new(|_| {});
    desk.peer(0, "DC2", 1);
    let frames =
        crate::peering::wire::Spoken::encode(&State { number: 50, free: 9, ..state("DC2") }, SESSION + 1, 1);
    desk.tell(Input::State(frames));
    assert_eq!(desk.status().peers[0].usable, 1);
}
