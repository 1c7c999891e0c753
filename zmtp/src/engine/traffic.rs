//! A connection after READY: batches of messages out, chunks of messages in.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_util::io::poll_read_buf;

use super::Settings;
use super::accounts::Accounts;
use super::beats::Beats;
#[cfg(feature = "curve")]
use super::sealing::Sealing;
use super::watch::Watch;
use crate::monitor::Cause;
use crate::options::Progress;
use crate::peer::PeerId;
use crate::pipe::{Batch, Delivered, Delivery, Port, Taken, Timed, Toll};
use crate::wire::heartbeat::Signs;
use crate::wire::{Connection, Event};

/// Moves messages between a stream and a pipe until one of them ends.
///
/// It writes when its sender has nothing more to say right now: a push wakes it, and it runs when the sending task
/// waits or yields. That is the natural batch, for latency and for throughput.
pub(crate) struct Traffic<'a, S> {
    io: &'a mut S,
    wire: Connection,
    port: &'a dyn Port,
    id: PeerId,
    settings: &'a Settings,
    /// Being written.
    batch: Batch,
    /// Bytes of the protocol itself that are being written, and how far. They go between batches.
    control: Vec<u8>,
    control_at: usize,
    /// Between the batch and the stream, if frames go out in boxes.
    #[cfg(feature = "curve")]
    sealing: Option<Box<Sealing>>,
    /// How many messages may be delivered.
    room: usize,
    /// Octets read, with a bonus for each chunk of whole messages; octets written.
    progress_in: u64,
    progress_out: u64,
    slow_reader: Watch,
    /// Only if a peer may not stall for ever.
    stalling: Option<Box<Watch>>,
    slow_writer: Watch,
    /// Only if we send PINGs, or the peer has sent one with a ttl.
    beats: Option<Box<Beats>>,
    /// How far writing had come when the socket was told that the peer takes nothing.
    stalled_at: Option<u64>,
    /// Only if the peer has asked for something.
    accounts: Option<Box<Accounts>>,
    is_over: bool,
    /// Octets of messages handed over in this turn.
    handed_over: usize,
    /// What has been read holds nothing whole any more.
    is_scanned: bool,
}

/// Whether a direction may go on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Progress,
    Wait,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Traffic<'a, S> {
    pub(crate) fn new(
        io: &'a mut S,
        wire: Connection,
        port: &'a dyn Port,
        id: PeerId,
        settings: &'a Settings,
    ) -> Self {
        let heartbeat = settings.heartbeat.as_ref().filter(|_| wire.knows_ping());
        Self {
            io,
            #[cfg(feature = "curve")]
            sealing: wire.is_sealed().then(Box::default),
            wire,
            port,
            id,
            settings,
            batch: Batch::default(),
            control: Vec::new(),
            control_at: 0,
            room: 0,
            progress_in: 0,
            progress_out: 0,
            slow_reader: Watch::default(),
            stalling: settings.stall_timeout.map(|_| Box::default()),
            slow_writer: Watch::default(),
            beats: heartbeat.and_then(Beats::start),
            stalled_at: None,
            accounts: None,
            is_over: false,
            handed_over: 0,
            is_scanned: false,
        }
    }

    /// Runs until the connection ends, and tells the socket. Says whether there is to be another one: if we dialled,
    /// and the peer did not refuse us for good.
    pub(crate) async fn run(&mut self, dialled: bool) -> bool {
        let cause = poll_fn(|cx| self.poll(cx)).await;
        if self.is_over && self.progress_out > 0 {
            Box::pin(self.say_goodbye()).await;
        }
        let comes_back = dialled && !cause.is_final();
        self.port.part(self.id, std::mem::take(&mut self.batch), cause, comes_back);
        comes_back
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        match self.turns(cx) {
            Ok(pending) => pending,
            Err(cause) => Poll::Ready(cause),
        }
    }

    /// Writes and reads by turns. After a number of them the task lets others run, whatever the peer does.
    fn turns(&mut self, cx: &mut Context<'_>) -> Result<Poll<Cause>, Cause> {
        // A direction that waits is registered to be woken, and is not asked again before that.
        let (mut out, mut incoming) = (Step::Progress, Step::Progress);
        self.handed_over = 0;
        for _ in 0..TURNS {
            if self.handed_over >= HANDED_OVER {
                break;
            }
            if out == Step::Progress || self.has_a_word() {
                out = self.write(cx)?;
            }
            if incoming == Step::Progress {
                incoming = self.read(cx)?;
            }
            if (out, incoming) == (Step::Wait, Step::Wait) && !self.has_a_word() {
                self.look_at_the_clock(cx)?;
                if !self.has_a_word() {
                    return Ok(Poll::Pending);
                }
            }
        }
        self.beat(cx)?;
        cx.waker().wake_by_ref();
        Ok(Poll::Pending)
    }

    /// Whether the protocol itself has something to say, and may.
    fn has_a_word(&self) -> bool {
        self.wire.wants_transmit() && self.batch.is_empty() && self.control.is_empty()
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<Step, Cause> {
        if self.batch.is_empty() && self.control.is_empty() {
            self.control = self.wire.transmit().unwrap_or_default();
            self.control_at = 0;
        }
        if self.batch.is_empty() && self.control.is_empty() {
            match self.port.take(self.id, &mut self.batch, usize::MAX, cx) {
                Taken::Some if !self.batch.subscriptions.is_empty() => {
                    for subscription in std::mem::take(&mut self.batch.subscriptions) {
                        self.wire.announce(subscription);
                    }
                    self.control = self.wire.transmit().unwrap_or_default();
                    self.control_at = 0;
                }
                Taken::Some => {}
                Taken::Nothing => return Ok(Step::Wait),
                Taken::Over => {
                    self.is_over = true;
                    return Err(Cause::Closed);
                }
                Taken::EndNow => return Err(Cause::Closed),
            }
        }
        #[cfg(feature = "curve")]
        if let Some(sealing) = &mut self.sealing {
            sealing.fill(&mut self.wire, &self.batch)?;
        }
        let written = match self.poll_write(cx) {
            Poll::Ready(written) => written?,
            Poll::Pending if self.port.must_end(self.id, cx) => return Err(Cause::Closed),
            Poll::Pending => return Ok(Step::Wait),
        };
        if written == 0 {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        self.progress_out += written as u64;
        if self.control.is_empty() {
            self.advance(written);
        } else {
            self.control_at += written;
            if self.control_at >= self.control.len() {
                self.control = Vec::new();
                if let Some(beats) = &mut self.beats
                    && !self.wire.is_ping_waiting()
                {
                    beats.handle_sent(self.progress_in);
                }
            }
        }
        Ok(Step::Progress)
    }

    /// Messages have gone out.
    fn advance(&mut self, written: usize) {
        #[cfg(feature = "curve")]
        if let Some(sealing) = &mut self.sealing {
            return sealing.advance(written, &mut self.batch);
        }
        self.batch.advance(written);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let one = if self.control.is_empty() {
            self.batch.only_slice()
        } else {
            Some(&self.control[self.control_at..])
        };
        #[cfg(feature = "curve")]
        let one = match &self.sealing {
            Some(sealing) if self.control.is_empty() => Some(sealing.octets()),
            _ => one,
        };
        match one {
            Some(octets) => Pin::new(&mut *self.io).poll_write(cx, octets),
            None => self.poll_write_many(cx),
        }
    }

    #[inline(never)]
    fn poll_write_many(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = self.batch.slices(&mut slices);
        Pin::new(&mut *self.io).poll_write_vectored(cx, &slices[..filled])
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Step, Cause> {
        if self.room == 0 {
            self.room = self.port.room(self.id, cx);
            if self.room == 0 {
                return Ok(Step::Wait);
            }
        }
        if self.deliver()? {
            return Ok(Step::Progress);
        }
        let read = poll_read_buf(Pin::new(&mut *self.io), cx, &mut self.wire.buffer());
        match read {
            Poll::Ready(Ok(0)) => Err(Cause::PeerClosed),
            Poll::Ready(Ok(read)) => {
                self.progress_in += read as u64;
                self.wire.received(read);
                self.is_scanned = false;
                self.deliver()?;
                Ok(Step::Progress)
            }
            Poll::Ready(Err(error)) => Err(error.into()),
            Poll::Pending => {
                self.wire.release();
                Ok(Step::Wait)
            }
        }
    }

    /// Hands over what has been read, if it makes up something whole.
    fn deliver(&mut self) -> Result<bool, Cause> {
        if self.is_scanned {
            return Ok(false);
        }
        let delivery = match self.wire.poll_event(self.room)? {
            Some(Event::Messages(chunk)) => {
                self.handed_over += chunk.size();
                Delivery::Messages(chunk)
            }
            Some(Event::Subscription(subscription)) => {
                self.note(Toll { subscriptions: 1, unwanted: 0 });
                Delivery::Subscription(subscription)
            }
            Some(Event::Ready(_) | Event::Asked(_)) | None => {
                self.is_scanned = true;
                self.charge()?;
                if let Some(ttl) = self.wire.take_ttl() {
                    self.heed(ttl);
                }
                return Ok(false);
            }
        };
        self.progress_in += self.settings.progress.bytes;
        let Delivered { room, toll } = self.port.deliver(self.id, delivery)?;
        self.room = room;
        if toll != Toll::default() {
            self.note(toll);
        }
        Ok(true)
    }

    /// This is to be charged with the rest of what was read.
    fn note(&mut self, toll: Toll) {
        self.accounts.get_or_insert_with(Accounts::open).toll().add(toll);
    }

    /// Ends what asks too much of us: once for each piece that was read, whatever is in it.
    fn charge(&mut self) -> Result<(), Cause> {
        let commands = self.wire.take_idle_commands();
        if commands > 0 {
            self.accounts.get_or_insert_with(Accounts::open);
            if self.wire.take_pongs() > 0
                && let Some(took) = self.beats.as_mut().and_then(|beats| beats.handle_pong())
            {
                self.port.took(Timed::RoundTrip, took);
            }
        }
        match &mut self.accounts {
            Some(accounts) => Ok(accounts.charge(commands, &self.settings.budget, Instant::now())?),
            None => Ok(()),
        }
    }

    fn look_at_the_clock(&mut self, cx: &mut Context<'_>) -> Result<(), Cause> {
        let writing = !self.batch.is_empty();
        if let (Some(watch), Some(timeout)) = (&mut self.stalling, self.settings.stall_timeout) {
            let must = Progress { bytes: 1, every: timeout };
            if watch.is_late(writing, self.progress_out, must, cx) {
                return Err(Cause::Stalled(timeout));
            }
        }
        let stuck = writing && self.stalled_at != Some(self.progress_out);
        if self.slow_reader.is_late(stuck, self.progress_out, STALL, cx) {
            self.stalled_at = Some(self.progress_out);
            self.port.stalled(self.id);
        }
        let unfinished = self.room > 0 && self.wire.is_mid_message();
        if self.slow_writer.is_late(unfinished, self.progress_in, self.settings.progress, cx) {
            return Err(Cause::TooSlow);
        }
        self.beat(cx)
    }

    /// Queues a PING when it is time for one, and ends what has gone silent.
    fn beat(&mut self, cx: &mut Context<'_>) -> Result<(), Cause> {
        if let Some(beats) = &mut self.beats {
            let signs = Signs { heard: self.progress_in, written: self.progress_out, reading: self.room > 0 };
            if beats.is_due(signs, cx)? {
                self.wire.ping(beats.ttl());
            }
        }
        Ok(())
    }

    /// The peer has sent a PING, and nothing after it.
    fn heed(&mut self, ttl: u16) {
        let ttl = if ttl > 0 { ttl.max(self.settings.least_ttl) } else { 0 };
        if ttl > 0 || self.beats.is_some() {
            self.beats.get_or_insert_with(Beats::idle).handle_ping(ttl, self.progress_in);
        }
    }

    /// Closes our direction and waits a little for the peer to close its own: closing a stream with unread bytes in
    /// it would make the system throw away what the peer has not read.
    async fn say_goodbye(&mut self) {
        let _ = timeout(GOODBYE, async {
            self.io.shutdown().await?;
            let mut ignored = vec![0; 8192];
            while self.io.read(&mut ignored).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }
}

impl<S> std::fmt::Debug for Traffic<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traffic").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Turns of writing and reading before other tasks get the thread.
const TURNS: usize = 16;
/// After so many octets of messages their receiver gets the thread: those that it has not looked at when more are read
/// fall out of the cache.
const HANDED_OVER: usize = 48 * 1024;
/// I/O vectors of one write.
const SLICES: usize = 64;
/// A peer that takes less in so long no longer sets the pace of its senders.
const STALL: Progress = Progress { bytes: 1, every: Duration::from_millis(10) };
/// How long a peer may take to close its side after we closed ours.
const GOODBYE: Duration = Duration::from_millis(500);
