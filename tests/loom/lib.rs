//! Models of what the tasks of one socket share, run by loom through every interleaving.
//!
//! They drive the real `socket::core` with its real pipes through the door `zmtp::harness`. Without `--cfg loom`
//! this package is empty. Run it with `.ci/run loom`.
#![cfg(loom)]
#![cfg(test)]

use loom::future::block_on;
use loom::thread;
use zmtp::harness::Model;
use zmtp::{Message, Pattern, PeerId, Pub, Pull, Push, Rep, Req, Router, Sub};

/// Every interleaving with at most three preemptions: forced switches between tasks that could both go on. Switches
/// where a task waits are free. (Unbounded, the models with three tasks do not end within an hour.)
fn model(play: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(play);
}

/// Takes until `n` messages are there.
async fn take<P: Pattern>(model: &Model<P>, id: PeerId, n: usize) -> Vec<Message> {
    let mut got = Vec::new();
    while got.len() < n {
        got.extend(model.take(id).await.expect("the pipe is in use"));
    }
    got
}

#[test]
fn model_1_a_sleeping_engine_is_always_woken_by_a_push() {
    model(|| {
        let model = Model::<Push>::new(4);
        let id = model.open();
        let sender = model.clone();
        let pushing = thread::spawn(move || assert!(sender.try_send("a") && sender.try_send("b")));
        assert_eq!(block_on(take(&model, id, 2)), [Message::from("a"), Message::from("b")]);
        pushing.join().unwrap();
    });
}

#[test]
fn model_1_a_sleeping_engine_is_always_woken_by_closing() {
    model(|| {
        let model = Model::<Push>::new(4);
        let id = model.open();
        let closer = model.clone();
        let closing = thread::spawn(move || closer.close());
        assert_eq!(block_on(model.take(id)), None);
        closing.join().unwrap();
    });
}

#[test]
fn model_2_each_senders_messages_stay_in_order_and_whole() {
    model(|| {
        let model = Model::<Push>::new(4);
        let id = model.open();
        let sender = model.clone();
        let other = thread::spawn(move || {
            assert!(block_on(sender.send(Message::new("b1").with("b2"))));
        });
        assert!(model.try_send("a1") && model.try_send("a2"));
        let got = block_on(take(&model, id, 3));
        other.join().unwrap();
        let place = |message: &str| got.iter().position(|other| *other == message).unwrap();
        assert!(place("a1") < place("a2"));
        assert!(got.contains(&Message::new("b1").with("b2")));
    });
}

#[test]
fn model_3_the_high_water_mark_holds_and_a_waiting_sender_is_woken_when_room_returns() {
    model(|| {
        let model = Model::<Push>::new(1);
        let id = model.open();
        let sender = model.clone();
        let sending = thread::spawn(move || {
            assert!(block_on(sender.send("a".into())));
            assert!(block_on(sender.send("b".into())));
        });
        let mut got = Vec::new();
        while got.len() < 2 {
            let some = block_on(model.take(id)).unwrap();
            assert!(some.len() <= 1, "{some:?} above the mark");
            got.extend(some);
        }
        assert_eq!(got, [Message::from("a"), Message::from("b")]);
        sending.join().unwrap();
    });
}

#[test]
fn model_3_a_waiting_sender_is_woken_by_closing() {
    model(|| {
        let model = Model::<Push>::new(1);
        let sender = model.clone();
        let sending = thread::spawn(move || assert!(!block_on(sender.send("nobody takes it".into()))));
        model.close();
        sending.join().unwrap();
    });
}

#[test]
fn model_3_a_sender_that_was_woken_and_gives_up_passes_its_turn_on() {
    model(|| {
        let model = Model::<Push>::new(1);
        let id = model.open();
        assert!(model.try_send("first"));
        let giving_up = model.clone();
        let quitter = thread::spawn(move || {
            let mut future = Box::pin(giving_up.send("given up".into()));
            let polled =
                block_on(std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))));
            drop(future);
            polled.is_ready()
        });
        let staying = model.clone();
        let patient = thread::spawn(move || assert!(block_on(staying.send("patient".into()))));
        // Whatever the quitter did, the patient sender gets its turn.
        let mut got = Vec::new();
        while !got.contains(&Message::from("patient")) {
            got.extend(block_on(model.take(id)).unwrap());
        }
        patient.join().unwrap();
        quitter.join().unwrap();
    });
}

#[test]
fn model_4_a_sleeping_receiver_is_always_woken_and_an_engine_waiting_for_room_too() {
    model(|| {
        let model = Model::<Pull>::new(1);
        let id = model.open();
        let engine = model.clone();
        let delivering = thread::spawn(move || {
            block_on(async {
                engine.deliver(id, "a").await;
                engine.deliver(id, "b").await;
            });
        });
        let mut receiver = model.receiver();
        assert_eq!(block_on(receiver.recv()).unwrap(), "a");
        assert_eq!(block_on(receiver.recv()).unwrap(), "b");
        delivering.join().unwrap();
    });
}

#[test]
fn model_4_two_peers_are_both_received_whole_even_if_one_leaves() {
    model(|| {
        let model = Model::<Pull>::new(2);
        let (one, two) = (model.open(), model.open());
        let engine = model.clone();
        let delivering = thread::spawn(move || {
            block_on(engine.deliver(one, "one"));
            engine.part(one);
        });
        block_on(model.deliver(two, "two"));
        let mut receiver = model.receiver();
        let got = [block_on(receiver.recv()).unwrap(), block_on(receiver.recv()).unwrap()];
        assert!(got.iter().any(|message| *message == "one") && got.iter().any(|message| *message == "two"));
        delivering.join().unwrap();
    });
}

#[test]
fn model_6_every_accepted_message_is_written_or_reported_once() {
    model(|| {
        let model = Model::<Push>::new(4);
        let id = model.open();
        let sender = model.clone();
        let sending =
            thread::spawn(move || usize::from(sender.try_send("a")) + usize::from(sender.try_send("b")));
        let engine = model.clone();
        let writing = thread::spawn(move || {
            let mut written = 0;
            while let Some(messages) = block_on(engine.take(id)) {
                written += messages.len();
            }
            engine.part(id);
            written
        });
        model.close();
        model.abort();
        let accepted = sending.join().unwrap();
        block_on(model.drained());
        let written = writing.join().unwrap();
        assert_eq!(accepted, written + model.unsent());
    });
}

#[test]
fn model_7_a_waiting_publisher_is_always_woken_by_the_subscription() {
    model(|| {
        let model = Model::<Pub>::new(4);
        let id = model.open();
        let engine = model.clone();
        let subscribing = thread::spawn(move || engine.peer_subscribes(id, "a"));
        block_on(model.subscribed(1));
        assert!(block_on(model.send("a1".into())));
        assert_eq!(block_on(take(&model, id, 1)), [Message::from("a1")]);
        subscribing.join().unwrap();
    });
}

#[test]
fn model_7_an_engine_is_always_told_of_a_subscription() {
    model(|| {
        let model = Model::<Sub>::new(4);
        let id = model.open();
        let subscriber = model.clone();
        let subscribing = thread::spawn(move || subscriber.subscribe("a"));
        let told = block_on(model.take_subscriptions(id));
        assert_eq!((told.len(), &told[0].topic[..]), (1, &b"a"[..]));
        subscribing.join().unwrap();
    });
}

#[test]
fn model_7_what_is_subscribed_to_before_it_arrives_is_received() {
    model(|| {
        let model = Model::<Sub>::new(4);
        let id = model.open();
        let engine = model.clone();
        model.subscribe("a");
        let delivering = thread::spawn(move || {
            block_on(async {
                engine.deliver(id, "b1").await;
                engine.deliver(id, "a1").await;
            });
        });
        let mut receiver = model.receiver();
        assert_eq!(block_on(receiver.recv()).unwrap(), "a1");
        delivering.join().unwrap();
    });
}

#[test]
fn model_8_a_publisher_that_drops_nothing_is_woken_when_the_full_peer_leaves() {
    model(|| {
        let model = Model::<Pub>::with(1, |builder| builder.nodrop(true));
        let id = model.open();
        model.peer_subscribes(id, "");
        assert!(block_on(model.send("a".into())));
        let engine = model.clone();
        let leaving = thread::spawn(move || engine.part(id));
        assert!(block_on(model.send("b".into())));
        leaving.join().unwrap();
    });
}

#[test]
fn model_8_a_mandatory_sender_is_woken_when_its_peer_makes_room_or_leaves() {
    model(|| {
        let model = Model::<Router>::with(1, |builder| builder.mandatory(true));
        let (id, name) = model.open_named("a");
        let to = |body: &str| Message::from(&name[..]).with(body);
        assert!(block_on(model.send(to("1"))));
        let engine = model.clone();
        let moving = thread::spawn(move || {
            let taken = block_on(engine.take(id)).map_or(0, |messages| messages.len());
            engine.part(id);
            taken
        });
        // Queued, or refused since nobody has that name any more; never asleep for good.
        let queued = block_on(model.send(to("2")));
        let taken = moving.join().unwrap();
        assert!(taken == 1 || taken == 2 && queued);
    });
}

#[test]
fn model_9_a_question_and_its_answer_pass_each_other_in_no_order_but_this() {
    model(|| {
        let model = Model::<Req>::new(4);
        let id = model.open();
        let engine = model.clone();
        let answering = thread::spawn(move || {
            let asked = block_on(take(&engine, id, 1));
            assert_eq!(asked, [Message::new("").with("question")]);
            block_on(engine.deliver(id, Message::new("").with("answer")));
        });
        assert!(block_on(model.send("question".into())));
        let mut receiver = model.receiver();
        assert_eq!(block_on(receiver.recv()).unwrap(), "answer");
        assert!(block_on(model.send("next".into())));
        answering.join().unwrap();
    });
}

#[test]
fn model_9_a_questioner_that_leaves_does_not_hold_the_answerer_up() {
    model(|| {
        let model = Model::<Rep>::new(4);
        let (one, two) = (model.open(), model.open());
        let engine = model.clone();
        let asking = thread::spawn(move || {
            block_on(engine.deliver(one, Message::new("").with("1")));
            engine.part(one);
        });
        block_on(model.deliver(two, Message::new("").with("2")));
        let mut receiver = model.receiver();
        for _ in 0..2 {
            let question = block_on(receiver.recv()).unwrap();
            assert!(block_on(model.send(question)));
        }
        assert_eq!(block_on(take(&model, two, 1)), [Message::new("").with("2")]);
        asking.join().unwrap();
    });
}

#[test]
fn model_10_what_is_written_once_reaches_every_subscriber_and_wakes_its_engine() {
    model(|| {
        let model = Model::<Pub>::new(4);
        let ids = [model.open(), model.open()];
        ids.iter().for_each(|id| model.peer_subscribes(*id, ""));
        let engine = model.clone();
        let other = thread::spawn(move || block_on(take(&engine, ids[1], 2)));
        let sender = model.clone();
        let publishing = thread::spawn(move || assert!(sender.try_send("a") && sender.try_send("b")));
        let both = [Message::from("a"), Message::from("b")];
        assert_eq!(block_on(take(&model, ids[0], 2)), both);
        assert_eq!(other.join().unwrap(), both);
        publishing.join().unwrap();
    });
}

#[test]
fn model_10_a_subscriber_that_leaves_takes_nothing_from_the_others() {
    model(|| {
        let model = Model::<Pub>::new(4);
        let ids = [model.open(), model.open()];
        ids.iter().for_each(|id| model.peer_subscribes(*id, ""));
        let engine = model.clone();
        let leaving = thread::spawn(move || engine.part(ids[1]));
        assert!(model.try_send("a") && model.try_send("b"));
        assert_eq!(block_on(take(&model, ids[0], 2)), [Message::from("a"), Message::from("b")]);
        leaving.join().unwrap();
    });
}
