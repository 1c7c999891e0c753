//! The messages to send: from the command line, or from standard input, one a line.
//!
//! Standard input is read by a thread of its own, because a read from it cannot be interrupted. The thread
//! runs ahead of the socket by [`ROOM`] bytes and no further: it takes permits for what it reads, and they
//! come back when the socket has taken the messages. A line that is larger than that waits until it is alone.

use std::ffi::OsString;
use std::io::{self, Read};
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use zmtp::{Frame, Message};

use crate::args::Sending;
use crate::format::Format;
use crate::lines::{Line, Lines};

/// Where the messages to send come from.
#[derive(Debug)]
pub(crate) enum Input {
    Given(Given),
    Lines(StandardInput),
}

impl Input {
    /// What the command line says, or the lines of standard input. `largest` is the size of the largest
    /// message.
    pub(crate) fn new(sending: &Sending, format: Format, largest: u64) -> Result<Self, String> {
        let text = |text: &OsString| format.read_argument(text.as_encoded_bytes());
        let mut messages = sending.given.message.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let frames: Vec<Frame> =
            sending.given.frame.iter().map(|frame| frame.as_encoded_bytes().into()).collect();
        if let Ok(message) = Message::try_from(frames) {
            messages.push(format.sendable(message)?);
        }
        if messages.is_empty() {
            return Ok(Self::lines(format, largest));
        }
        Ok(Self::Given(Given::new(messages, sending.repeat.unwrap_or(1))))
    }

    /// The lines of standard input.
    pub(crate) fn lines(format: Format, largest: u64) -> Self {
        Self::Lines(StandardInput::new(format, largest))
    }

    /// The next message, or why there is none at this place; nothing at the end. After a large message the
    /// next one is not read before `room` says that there is room for it. Cancel-safe.
    pub(crate) async fn next<T>(
        &mut self,
        room: impl Future<Output = T>,
    ) -> Option<Result<Message, NotRead>> {
        match self {
            Self::Given(given) => given.next().map(Ok),
            Self::Lines(lines) => lines.next(room).await,
        }
    }
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// This line is none; the next one may be.
    Line { number: u64, expected: String },
    /// Standard input cannot be read; nothing follows.
    Input(io::Error),
}

/// Messages from the command line, the whole list several times over.
#[derive(Debug)]
pub(crate) struct Given {
    messages: Vec<Message>,
    next: usize,
    rounds: u64,
}

impl Given {
    fn new(messages: Vec<Message>, rounds: u64) -> Self {
        Self { messages, next: 0, rounds }
    }
}

impl Iterator for Given {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        if self.next == self.messages.len() {
            self.next = 0;
            self.rounds = self.rounds.saturating_sub(1);
        }
        if self.rounds == 0 {
            return None;
        }
        self.next += 1;
        self.messages.get(self.next - 1).cloned()
    }
}

/// The lines of standard input.
#[derive(Debug)]
pub(crate) struct StandardInput {
    blocks: mpsc::UnboundedReceiver<Block>,
    block: std::vec::IntoIter<Result<Message, NotRead>>,
    /// Given back when the socket has taken the last message of `block`, that is when the next one is asked
    /// for; that of a large message, most of it, when the socket has room again.
    permit: Option<OwnedSemaphorePermit>,
}

impl StandardInput {
    /// Begins to read.
    fn new(format: Format, largest: u64) -> Self {
        Self::of(io::stdin(), format, format.longest_line(largest))
    }

    fn of(input: impl Read + Send + 'static, format: Format, longest: usize) -> Self {
        let (sender, blocks) = mpsc::unbounded_channel();
        let reader = Reader { input, format, lines: Lines::new(longest), longest, blocks: sender };
        let (runtime, room) = (Handle::current(), Arc::new(Semaphore::new(ROOM)));
        // Never joined: it may wait for its next line until the process ends.
        thread::spawn(move || reader.run(&runtime, &room));
        Self { blocks, block: Vec::new().into_iter(), permit: None }
    }

    async fn next<T>(&mut self, room: impl Future<Output = T>) -> Option<Result<Message, NotRead>> {
        let mut room = pin!(room);
        loop {
            if let Some(message) = self.block.next() {
                return Some(message);
            }
            // One block may be read in any case: it may be the end of the input that is next.
            if let Some(mut permit) = self.permit.take() {
                let kept = permit.num_permits().saturating_sub(BLOCK);
                self.permit = permit.split(kept).filter(|_| kept > 0);
            }
            tokio::select! {
                biased;
                block = self.blocks.recv() => {
                    let block = block?;
                    (self.block, self.permit) = (block.messages.into_iter(), block.permit);
                }
                _ = &mut room, if self.permit.is_some() => self.permit = None,
            }
        }
    }
}

#[derive(Debug)]
struct Block {
    messages: Vec<Result<Message, NotRead>>,
    permit: Option<OwnedSemaphorePermit>,
}

struct Reader<R> {
    input: R,
    format: Format,
    lines: Lines,
    longest: usize,
    blocks: mpsc::UnboundedSender<Block>,
}

impl<R: Read> Reader<R> {
    /// Reads until the end of the input, or until nobody wants more.
    fn run(mut self, runtime: &Handle, room: &Arc<Semaphore>) {
        let mut buffer = vec![0; BLOCK];
        let mut permit: Option<OwnedSemaphorePermit> = None;
        loop {
            let wanted = if self.lines.begun() < BLOCK { BLOCK } else { ROOM };
            let held = permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            if held < wanted {
                let more = Arc::clone(room).acquire_many_owned((wanted - held) as u32);
                let Ok(more) = runtime.block_on(more) else { return };
                match &mut permit {
                    Some(permit) => permit.merge(more),
                    None => permit = Some(more),
                }
            }
            let read = match self.input.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let messages = vec![Err(NotRead::Input(error))];
                    let _ = self.blocks.send(Block { messages, permit });
                    return;
                }
            };
            let mut rest = &buffer[..read];
            let mut messages = Vec::new();
            while let Some(line) = self.lines.next(&mut rest) {
                messages.push(message(line, self.format, self.longest));
            }
            if !messages.is_empty() && self.blocks.send(Block { messages, permit: permit.take() }).is_err() {
                return;
            }
        }
        if let Some(line) = self.lines.end() {
            let messages = vec![message(line, self.format, self.longest)];
            let _ = self.blocks.send(Block { messages, permit });
        }
    }
}

fn message(line: Line, format: Format, longest: usize) -> Result<Message, NotRead> {
    let read = match line.bytes {
        Some(bytes) => format.read(bytes),
        None => Err(format!("expected at most {longest} bytes (see --max-message-size)")),
    };
    read.map_err(|expected| NotRead::Line { number: line.number, expected })
}

/// How much is read at once.
const BLOCK: usize = 64 << 10;
/// How far the reading runs ahead of the sending.
const ROOM: usize = 4 * BLOCK;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const TEXT: Format = Format::text(false);

    async fn next(input: &mut StandardInput) -> Option<Result<Message, NotRead>> {
        timeout(Duration::from_secs(10), input.next(std::future::ready(())))
            .await
            .expect("the reader went to sleep")
    }

    #[test]
    fn several_messages_are_repeated_in_turn() {
        let given = Given::new(vec!["a".into(), "b".into()], 2);
        assert_eq!(given.collect::<Vec<_>>(), ["a", "b", "a", "b"]);
    }

    #[tokio::test]
    async fn every_line_is_a_message_and_a_bad_one_is_named_in_its_place() {
        let lines: &[u8] = b"{\"frames\": [\"a\"]}\nnonsense\n{\"frames\": [\"b\", \"c\"]}";
        let mut input = StandardInput::of(lines, Format::JSON, 100);
        assert_eq!(next(&mut input).await.unwrap().unwrap(), "a");
        let bad = next(&mut input).await.unwrap().unwrap_err();
        assert!(matches!(bad, NotRead::Line { number: 2, expected } if expected.starts_with("expected")));
        assert_eq!(next(&mut input).await.unwrap().unwrap(), Message::new("b").with("c"));
        assert!(next(&mut input).await.is_none());
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_a_bad_line_and_the_next_is_read() {
        let lines = [vec![b'x'; 200_000], b"\nok\n".to_vec()].concat();
        let mut input = StandardInput::of(io::Cursor::new(lines), TEXT, 100_000);
        let bad = next(&mut input).await.unwrap().unwrap_err();
        assert!(
            matches!(bad, NotRead::Line { number: 1, expected } if expected.contains("at most 100000 bytes"))
        );
        assert_eq!(next(&mut input).await.unwrap().unwrap(), "ok");
        assert!(next(&mut input).await.is_none());
    }

    #[tokio::test]
    async fn lines_larger_than_the_room_come_through() {
        let line = |byte: u8| [vec![byte; 3 * ROOM + 17], b"\n".to_vec()].concat();
        let lines = [line(b'a'), b"small\n".to_vec(), line(b'b'), line(b'c')].concat();
        let mut input = StandardInput::of(io::Cursor::new(lines), TEXT, usize::MAX - 1);
        for expected in [3 * ROOM + 17, 5, 3 * ROOM + 17, 3 * ROOM + 17] {
            assert_eq!(next(&mut input).await.unwrap().unwrap().byte_len(), expected);
        }
        assert!(next(&mut input).await.is_none());
    }

    #[tokio::test]
    async fn after_a_large_line_no_other_is_read_before_there_is_room_but_the_end_is_seen() {
        let large = [vec![b'x'; 2 * ROOM], b"\n".to_vec()].concat();
        let no_room = std::future::pending::<()>;

        let mut input = StandardInput::of(io::Cursor::new(large.clone()), TEXT, usize::MAX - 1);
        assert!(input.next(no_room()).await.unwrap().is_ok());
        let end = timeout(Duration::from_secs(10), input.next(no_room())).await;
        assert!(end.expect("the end was not seen").is_none());

        let mut input = StandardInput::of(io::Cursor::new(large.repeat(2)), TEXT, usize::MAX - 1);
        assert!(input.next(no_room()).await.unwrap().is_ok());
        assert!(timeout(Duration::from_millis(100), input.next(no_room())).await.is_err(), "it was read");
        assert!(next(&mut input).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn reading_runs_ahead_by_the_room_and_no_further() {
        /// An endless input that tells how much was read from it.
        struct Endless(mpsc::Sender<usize>);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(b'\n');
                self.0.send(buffer.len()).map_err(io::Error::other)?;
                Ok(buffer.len())
            }
        }
        let (sender, read) = mpsc::channel();
        let mut input = StandardInput::of(Endless(sender), TEXT, 100);

        let mut ahead = 0;
        while ahead < ROOM {
            ahead += read.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        let quiet = Duration::from_millis(100);
        assert!(read.recv_timeout(quiet).is_err(), "the reader does not wait");

        for _ in 0..=BLOCK {
            next(&mut input).await.unwrap().unwrap();
        }
        assert_eq!(read.recv_timeout(Duration::from_secs(10)), Ok(BLOCK));
        assert!(read.recv_timeout(quiet).is_err(), "the reader does not wait");
    }
}
