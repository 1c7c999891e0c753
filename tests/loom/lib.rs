//! Models of what the tasks of one socket share, run by loom through every interleaving.
//!
//! They drive the real `socket::core` with its real pipes through the door `zmtp::harness`. Without `--cfg loom`
//! this package is empty. Run it with `.ci/run loom`.
#![cfg(loom)]
#![cfg(test)]

use loom::future::block_on;
use loom::thread;
use zmtp::harness::Model;
use zmtp::{Message, PeerId, Pull, Push};

/// Every interleaving with at most three preemptions: forced switches between tasks that could both go on. Switches
/// where a task waits are free. (Unbounded, the models with three tasks do not end within an hour.)
fn model(play: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(play);
}

/// Takes until `n` messages are there.
async fn take(model: &Model<Push>, id: PeerId, n: usize) -> Vec<Message> {
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
