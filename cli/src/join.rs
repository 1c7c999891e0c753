//! The work of `proxy`: two sockets that pass on what they receive, and perhaps a third that shows it.
//!
//! It ends with a signal, or when one side has been refused for good: then nothing passes any more.

use std::future::pending;

use zmtp::{Pattern, Proxied, Proxy, PubSocket, Socket};

use crate::args::{Common, Place};
use crate::exit::Exit;
use crate::run::{build, discarded, open, share};
use crate::signals::Signals;
use crate::watch::Watch;

/// Where the sockets of a proxy are, and how they are to be.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) front: Place,
    pub(crate) back: Place,
    pub(crate) capture: Option<Place>,
}

/// Joins an `F` in front and a `B` behind.
pub(crate) async fn join<F: Proxied, B: Proxied>(ends: &Ends, common: &Common) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
    };
    let Ends { front: front_place, back: back_place, capture: capture_place } = ends;
    let mut front = build(Socket::<F>::builder(), front_place, common);
    let mut back = build(Socket::<B>::builder(), back_place, common);
    let capture = capture_place.as_ref().map(|place| (build(PubSocket::builder(), place, common), place));
    let mut front_events = Watch::new(front.monitor(), front_place, &common.form);
    let mut back_events = Watch::new(back.monitor(), back_place, &common.form);
    let mut capture_events =
        capture.as_ref().map(|(socket, place)| Watch::new(socket.monitor(), place, &common.form));

    let opened = async {
        open(&front, front_place).await?;
        open(&back, back_place).await?;
        match &capture {
            Some((capture, place)) => open(capture, place).await,
            None => Ok(()),
        }
    };
    tokio::select! {
        biased;
        number = signals.next() => return Exit::Signal(number),
        opened = opened => if let Err(exit) = opened { return exit },
    }

    let exit = loop {
        let proxy = Proxy::new(&mut front, &mut back);
        let passing = async {
            match &capture {
                Some((capture, _)) => proxy.capture(capture).run().await,
                None => proxy.run().await,
            }
        };
        let capturing = async {
            match &mut capture_events {
                Some(events) => events.event().await,
                None => pending().await,
            }
        };
        let happened = tokio::select! {
            biased;
            number = signals.next() => break Exit::Signal(number),
            happened = front_events.event() => happened,
            happened = back_events.event() => happened,
            happened = capturing => happened,
            ended = passing => break match ended {
                Ok(_) => Exit::Done,
                Err(error) => Exit::Failed(error.to_string()),
            },
        };
        if let Err(cause) = happened {
            break Exit::Refused(cause);
        }
        // A peer may have come or gone: the room is shared out anew, and the proxy goes on where it was.
        front.set_send_hwm_bytes(share(front_events.peers()));
        back.set_send_hwm_bytes(share(back_events.peers()));
        if let (Some((capture, _)), Some(events)) = (&capture, &capture_events) {
            capture.set_send_hwm_bytes(share(events.peers()));
        }
    };

    let exit = match exit {
        Exit::Signal(_) => {
            signals.end_at_the_next();
            let capture = capture.map(|(socket, _)| socket);
            match close(front, back, capture).await {
                0 => exit,
                messages => discarded(exit, messages, false),
            }
        }
        exit => exit,
    };
    for events in [Some(front_events), Some(back_events), capture_events].into_iter().flatten() {
        events.rest().await;
    }
    exit
}

/// Lets what is queued leave, and says how many messages did not.
async fn close<F: Pattern, B: Pattern>(
    front: Socket<F>,
    back: Socket<B>,
    capture: Option<PubSocket>,
) -> usize {
    let capture = async {
        match capture {
            Some(capture) => capture.close().await,
            None => Ok(()),
        }
    };
    let (front, back, capture) = tokio::join!(front.close(), back.close(), capture);
    [front, back, capture].iter().filter_map(|closed| closed.err()).map(|unsent| unsent.messages).sum()
}
