//! Sockets as `Stream` and `Sink`, with the combinators of `futures`.

use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, stream};
use support::{pair, settle, within};
use zmtp::{Message, PullSocket, PushSocket};

#[tokio::test(start_paused = true)]
async fn a_pull_is_a_stream_of_its_messages() {
    let (push, pull) = pair(PushSocket::builder(), PullSocket::builder());
    for n in 0..10 {
        push.send(n.to_string()).await.unwrap();
    }

    let lens = pull.map_ok(|message| message.byte_len()).take(10).try_collect::<Vec<_>>();

    assert_eq!(within(20, lens).await.unwrap(), [1; 10]);
}

#[tokio::test(start_paused = true)]
async fn a_push_is_a_sink_that_waits_at_its_mark() {
    let mut push = PushSocket::builder().send_hwm(2).build();
    push.connect("inproc://a-sink").unwrap();
    let messages: Vec<_> = (0..100).map(|n| Message::from(n.to_string())).collect();
    let mut all = stream::iter(messages.clone()).map(Ok);
    let mut sending = Box::pin(push.send_all(&mut all));
    assert!(sending.as_mut().now_or_never().is_none());

    let mut pull = PullSocket::new();
    pull.bind("inproc://a-sink").await.unwrap();

    let receiving = async {
        for message in &messages {
            assert_eq!(pull.recv().await.unwrap(), *message);
        }
    };
    let (sent, ()) = within(20, async { tokio::join!(sending, receiving) }).await;
    sent.unwrap();
}

/// A pipeline in one line: what comes in goes out.
#[tokio::test(start_paused = true)]
async fn a_stream_can_be_forwarded_into_a_sink() {
    let (source, middle_in) = pair(PushSocket::builder(), PullSocket::builder());
    let (middle_out, mut drain) = pair(PushSocket::builder(), PullSocket::builder());
    tokio::spawn(middle_in.map(|received| Ok(received.unwrap())).forward(middle_out));

    for n in 0..1000 {
        source.send(n.to_string()).await.unwrap();
    }

    for n in 0..1000 {
        assert_eq!(within(20, drain.recv()).await.unwrap(), *n.to_string());
    }
}

/// "A message that was started is queued at the latest when a flush is done"; one that never was is counted.
#[tokio::test(start_paused = true)]
async fn a_message_that_the_sink_took_and_nobody_flushed_is_reported_by_close() {
    let mut push = PushSocket::new();
    SinkExt::feed(&mut push, Message::from("fed")).await.unwrap();
    assert!(SinkExt::flush(&mut push).now_or_never().is_none(), "there is nobody");
    settle().await;

    let unsent = within(60, push.close()).await.unwrap_err();

    assert_eq!((unsent.messages, unsent.bytes), (1, 3));
}
