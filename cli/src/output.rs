//! Standard output: the messages received, one a line.
//!
//! A thread of its own writes, because whoever reads our output may be slow and a blocked write must not keep
//! the command from hearing its peers or a signal. What is received and not yet written is bounded by
//! [`ROOM`] bytes: ask for [`Output::room`] before receiving. A line is flushed when no other follows at
//! once, and lines go out in blocks otherwise.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use zmtp::Message;

use crate::exit::Exit;
use crate::format::Format;

/// Standard output.
pub(crate) struct Output {
    room: Arc<Semaphore>,
    blocks: Option<mpsc::Sender<Block>>,
    block: Block,
    /// The last block was larger than its permit: the next one waits until everything is written.
    crowded: bool,
    written: oneshot::Receiver<io::Result<()>>,
    /// `written` or `reader_gone` has come true, and must not be asked again.
    over: bool,
    reader_gone: Pin<Box<dyn Future<Output = ()>>>,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self::to(io::stdout(), format, reader_gone())
    }

    fn to(
        out: impl Write + Send + 'static,
        format: Format,
        reader_gone: impl Future<Output = ()> + 'static,
    ) -> Self {
        let (blocks, receiver) = mpsc::channel();
        let (done, written) = oneshot::channel();
        thread::spawn(move || {
            let _ = done.send(write(&receiver, format, BufWriter::with_capacity(BLOCK, out)));
        });
        Self {
            room: Arc::new(Semaphore::new(ROOM)),
            blocks: Some(blocks),
            block: Block::default(),
            crowded: false,
            written,
            over: false,
            reader_gone: Box::pin(reader_gone),
        }
    }

    /// Waits until there is room for another block of messages, or until writing has become pointless.
    /// Cancel-safe.
    pub(crate) async fn room(&mut self) -> Result<(), Exit> {
        if self.block.permit.is_some() {
            return Ok(());
        }
        let wanted = if self.crowded { ROOM } else { BLOCK };
        let room = Arc::clone(&self.room).acquire_many_owned(wanted as u32);
        let permit = tokio::select! {
            biased;
            exit = self.ended() => return Err(exit),
            permit = room => permit,
        };
        // Nobody closes the semaphore.
        self.block.permit = permit.ok().and_then(|mut permit| permit.split(BLOCK));
        self.crowded = false;
        Ok(())
    }

    /// Puts `message` into the block. Says whether the block has room for another one.
    pub(crate) fn put(&mut self, message: Message) -> bool {
        self.block.bytes += message.byte_len() + message.frame_count() * size_of::<Message>();
        self.block.messages.push(message);
        self.block.bytes < BLOCK
    }

    /// Hands the block to the thread that writes.
    pub(crate) fn hand_over(&mut self) {
        self.crowded = self.block.bytes > 2 * BLOCK;
        let block = std::mem::take(&mut self.block);
        if let Some(blocks) = &self.blocks {
            // Fails when the writer has ended; `ended` knows why.
            let _ = blocks.send(block);
        }
    }

    /// Waits until writing has become pointless: nobody reads our output any more, or it failed. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Exit {
        let exit = tokio::select! {
            result = &mut self.written => exit(result),
            () = &mut self.reader_gone => Exit::Done,
        };
        self.over = true;
        exit
    }

    /// What `future` yields, unless writing becomes pointless before.
    pub(crate) async fn during<F: Future>(&mut self, future: F) -> Result<F::Output, Exit> {
        tokio::select! {
            biased;
            exit = self.ended() => Err(exit),
            output = future => Ok(output),
        }
    }

    /// Prints one message by itself.
    pub(crate) async fn print(&mut self, message: Message) -> Result<(), Exit> {
        self.room().await?;
        self.put(message);
        self.hand_over();
        Ok(())
    }

    /// Waits until all that was handed over is written, or until that has become pointless. Cancel-safe.
    pub(crate) async fn finish(&mut self) -> Exit {
        self.blocks = None;
        if self.over { Exit::Done } else { self.ended().await }
    }

    /// The same after a signal: a reader that has stopped reading does not keep us.
    pub(crate) async fn finish_soon(mut self) {
        self.blocks = None;
        while !self.over {
            let before = self.room.available_permits();
            let written = timeout(STUCK, &mut self.written).await.is_ok();
            self.over = written || self.room.available_permits() == before;
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("room", &self.room).finish_non_exhaustive()
    }
}

/// Some messages, and the permit to keep them.
#[derive(Debug, Default)]
struct Block {
    messages: Vec<Message>,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

fn write(blocks: &mpsc::Receiver<Block>, format: Format, mut out: impl Write) -> io::Result<()> {
    loop {
        let block = match blocks.try_recv() {
            Ok(block) => block,
            // Nothing follows at once.
            Err(TryRecvError::Empty) => {
                out.flush()?;
                match blocks.recv() {
                    Ok(block) => block,
                    Err(mpsc::RecvError) => return Ok(()),
                }
            }
            Err(TryRecvError::Disconnected) => return out.flush(),
        };
        for message in block.messages {
            format.write(&message, &mut out)?;
        }
    }
}

fn exit(written: Result<io::Result<()>, oneshot::error::RecvError>) -> Exit {
    match written {
        Ok(Ok(())) => Exit::Done,
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Ok(Err(error)) => Exit::Failed(format!("cannot write to standard output: {error}")),
        Err(_) => Exit::Failed("cannot write to standard output: the writer has stopped".to_owned()),
    }
}

/// Waits until the other end of standard output is closed, for as long as that can be told: a pipe tells at
/// once, and then `zmtp pull ... | head -1` ends with its first line instead of with its second.
#[cfg(unix)]
async fn reader_gone() {
    use std::os::fd::AsFd;
    use tokio::io::Interest;
    use tokio::net::unix::pipe::Sender;
    // Unchecked: only watched, never written to, so it stays as blocking as the thread that writes needs it.
    // A file cannot be watched, and is not closed by anybody either.
    if let Ok(out) = io::stdout().as_fd().try_clone_to_owned()
        && let Ok(out) = Sender::from_owned_fd_unchecked(out)
        && out.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

#[cfg(not(unix))]
async fn reader_gone() {
    std::future::pending().await
}

/// How much is handed over at once, and flushed at once under load.
const BLOCK: usize = 64 << 10;
/// How much may wait to be written.
const ROOM: usize = 4 * BLOCK;
/// A reader that takes nothing for so long after a signal has stopped.
const STUCK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const TEXT: Format = Format::text(false);

    /// Tells what was written, and when it was flushed.
    struct Sheet(Arc<Mutex<Vec<u8>>>, mpsc::Sender<String>);

    impl Write for Sheet {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
            self.1.send(text).map_err(io::Error::other)
        }
    }

    #[tokio::test]
    async fn a_line_that_stands_alone_is_flushed() {
        let (sender, flushed) = mpsc::channel();
        let mut output = Output::to(Sheet(Arc::default(), sender), TEXT, std::future::pending());
        for line in ["one", "two"] {
            output.room().await.unwrap();
            assert!(output.put(line.into()));
            output.hand_over();
            let expected = format!("{line}\n");
            while flushed.recv_timeout(Duration::from_secs(10)).unwrap() != expected {}
        }
    }

    /// Writes nothing before it is told to.
    struct Stuck(mpsc::Receiver<()>, usize);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv_timeout(Duration::from_secs(10)).map_err(io::Error::other)?;
            self.1 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_that_stops_reading_stops_us() {
        let (go, stuck) = mpsc::channel();
        let mut output = Output::to(Stuck(stuck, 0), TEXT, std::future::pending());
        let mut handed_over = 0;
        while timeout(Duration::from_millis(200), output.room()).await.is_ok() {
            while output.put(vec![b'x'; 1_000].into()) {}
            output.hand_over();
            handed_over += BLOCK;
            // The writer's own buffer takes the first.
            assert!(handed_over <= ROOM + BLOCK, "there is always room");
        }
        drop(go);
        assert!(matches!(output.ended().await, Exit::Failed(_)));
    }

    #[tokio::test]
    async fn after_a_message_larger_than_the_room_the_next_waits_until_it_is_written() {
        let (go, stuck) = mpsc::channel();
        let mut output = Output::to(Stuck(stuck, 0), TEXT, std::future::pending());
        output.room().await.unwrap();
        assert!(!output.put(vec![b'x'; 2 * ROOM].into()));
        output.hand_over();
        assert!(timeout(Duration::from_millis(100), output.room()).await.is_err(), "there is room");
        for _ in 0..100 {
            go.send(()).unwrap();
        }
        timeout(Duration::from_secs(10), output.room()).await.expect("there is no room").unwrap();
        output.put("last".into());
        output.hand_over();
        assert_eq!(output.finish().await, Exit::Done);
    }

    #[tokio::test]
    async fn a_closed_reader_is_no_failure_and_a_full_disk_is() {
        struct Fails(io::ErrorKind);
        impl Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let cases = [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)];
        for (kind, code) in cases {
            let mut output = Output::to(Fails(kind), TEXT, std::future::pending());
            output.room().await.unwrap();
            output.put("x".into());
            output.hand_over();
            assert_eq!(output.finish().await.code(), code);
        }
    }
}
