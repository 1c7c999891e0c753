//! What travels: a [`Message`] is one or more [`Frame`]s, never zero.
//!
//! Both are plain values. Bodies up to [`Frame::INLINE`] octets live inside the frame, so that receiving a small
//! message allocates nothing; longer ones are shared [`Bytes`].

use std::fmt;
use std::ops::{Deref, Index};

use bytes::Bytes;
use smallvec::SmallVec;

/// One or more frames that travel together: a message is delivered whole or not at all (R37-MSG-02).
///
/// ```
/// use zmtp::Message;
///
/// let one = Message::from("hello");
/// assert_eq!(one, "hello");
///
/// let three = Message::new("topic").with("").with(vec![1, 2, 3]);
/// assert_eq!(three.frame_count(), 3);
/// assert_eq!(&three[2], [1, 2, 3]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    first: Frame,
    // In a box, because a message is moved a few times on its way to the caller and most have one frame. Those of two,
    // which envelopes make, take one allocation.
    rest: Option<Box<SmallVec<[Frame; 1]>>>,
}

impl Message {
    /// A message of one frame.
    #[inline(always)]
    pub fn new(frame: impl Into<Frame>) -> Self {
        Self { first: frame.into(), rest: None }
    }

    /// A message of one frame: the first `len` of these octets. A copy of fixed size is a handful of instructions, one
    /// of any size is a function call: this is what makes receiving small messages cheap.
    #[inline(always)]
    pub(crate) fn short(octets: &[u8; Frame::INLINE], len: usize) -> Self {
        Self { first: Frame { inline: Inline(*octets), len, shared: None }, rest: None }
    }

    /// The same message with one more frame at its end.
    #[must_use]
    pub fn with(mut self, frame: impl Into<Frame>) -> Self {
        self.rest.get_or_insert_default().push(frame.into());
        self
    }

    /// How many frames there are: at least one.
    pub fn frame_count(&self) -> usize {
        1 + self.rest().len()
    }

    /// The octets of all frames together.
    pub fn byte_len(&self) -> usize {
        self.frames().map(|frame| frame.len()).sum()
    }

    /// The first frame's octets.
    #[inline]
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// The octets of frame `index`, counted from zero.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match index.checked_sub(1) {
            None => Some(&self.first),
            Some(index) => self.rest().get(index).map(|frame| &**frame),
        }
    }

    pub(crate) fn first_frame(&self) -> &Frame {
        &self.first
    }

    /// The frames, first to last.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &Frame> {
        Frames { first: Some(&self.first), rest: self.rest().iter() }
    }

    /// The frames, first to last.
    pub fn into_frames(self) -> impl Iterator<Item = Frame> {
        std::iter::once(self.first).chain(self.rest.map(|rest| *rest).unwrap_or_default())
    }

    /// The same message with one more frame before its first.
    #[must_use]
    pub fn with_first(self, frame: impl Into<Frame>) -> Self {
        let mut rest = self.rest.unwrap_or_default();
        rest.insert(0, self.first);
        Self { first: frame.into(), rest: Some(rest) }
    }

    /// Takes the first frame off; what is left is a message of its own, if there were more.
    pub fn split_first(self) -> (Frame, Option<Self>) {
        let Some(mut rest) = self.rest.filter(|rest| !rest.is_empty()) else { return (self.first, None) };
        let first = rest.remove(0);
        (self.first, Some(Self { first, rest: (!rest.is_empty()).then_some(rest) }))
    }

    #[inline]
    pub(crate) fn rest(&self) -> &[Frame] {
        self.rest.as_ref().map_or(&[], |rest| rest.as_slice())
    }
}

/// One part of a message: octets that nobody interprets.
#[derive(Clone)]
pub struct Frame {
    inline: Inline,
    /// How much of `inline` counts; meaningless when `shared` is there.
    len: usize,
    shared: Option<Bytes>,
}

impl Frame {
    /// Bodies up to this many octets are stored inside the frame.
    pub const INLINE: usize = 64;

    /// The octets, as something cheap to clone and to cut.
    pub fn into_bytes(self) -> Bytes {
        match self.shared {
            Some(shared) => shared,
            None => Bytes::copy_from_slice(&self),
        }
    }

    /// The shared body, if it has one that is not inside the frame.
    pub(crate) fn shared(&self) -> Option<&Bytes> {
        self.shared.as_ref()
    }

    #[inline]
    pub(crate) fn copy(octets: &[u8]) -> Self {
        if octets.len() > Self::INLINE {
            return Self { inline: Inline::EMPTY, len: 0, shared: Some(Bytes::copy_from_slice(octets)) };
        }
        let mut inline = Inline::EMPTY;
        inline.0[..octets.len()].copy_from_slice(octets);
        Self { inline, len: octets.len(), shared: None }
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.shared {
            Some(shared) => shared,
            None => &self.inline.0[..self.len],
        }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Frame {}

/// Prints text as text and everything else escaped, cut after a screenful: frames hold what peers sent.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        let shown = &self[..self.len().min(SHOWN)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if self.len() > SHOWN { write!(f, "... ({} octets)", self.len()) } else { Ok(()) }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message")?;
        f.debug_list().entries(self.frames()).finish()
    }
}

impl Index<usize> for Message {
    type Output = [u8];

    /// # Panics
    /// When there are not that many frames; [`Message::get`] does not.
    fn index(&self, index: usize) -> &[u8] {
        match self.get(index) {
            Some(frame) => frame,
            None => panic!("frame {index} of a message of {}", self.frame_count()),
        }
    }
}

impl From<&[u8]> for Frame {
    #[inline]
    fn from(octets: &[u8]) -> Self {
        Self::copy(octets)
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    #[inline]
    fn from(octets: &[u8; N]) -> Self {
        Self::copy(octets)
    }
}

impl From<&str> for Frame {
    #[inline]
    fn from(text: &str) -> Self {
        Self::copy(text.as_bytes())
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Vec<u8>> for Frame {
    fn from(octets: Vec<u8>) -> Self {
        if octets.len() <= Self::INLINE { Self::copy(&octets) } else { Bytes::from(octets).into() }
    }
}

impl From<Bytes> for Frame {
    #[inline]
    fn from(octets: Bytes) -> Self {
        if octets.len() <= Self::INLINE {
            Self::copy(&octets)
        } else {
            Self { inline: Inline::EMPTY, len: 0, shared: Some(octets) }
        }
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        frame.into_bytes()
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        Self::new(frame)
    }
}

macro_rules! one_frame {
    ($($from:ty),*) => {$(
        impl From<$from> for Message {
            #[inline]
            fn from(body: $from) -> Self {
                Self::new(body)
            }
        }
    )*};
}

one_frame!(&[u8], &str, String, Vec<u8>, Bytes);

impl<const N: usize> From<&[u8; N]> for Message {
    #[inline]
    fn from(octets: &[u8; N]) -> Self {
        Self::new(octets)
    }
}

impl TryFrom<Vec<Frame>> for Message {
    type Error = NoFrames;

    fn try_from(frames: Vec<Frame>) -> Result<Self, NoFrames> {
        let mut frames = frames.into_iter();
        let first = frames.next().ok_or(NoFrames)?;
        let rest = (frames.len() > 0).then(|| Box::new(frames.collect()));
        Ok(Self { first, rest })
    }
}

/// A message has exactly one frame and it is this.
impl PartialEq<[u8]> for Message {
    fn eq(&self, other: &[u8]) -> bool {
        self.rest().is_empty() && *self.first == *other
    }
}

impl PartialEq<&[u8]> for Message {
    fn eq(&self, other: &&[u8]) -> bool {
        *self == **other
    }
}

impl PartialEq<str> for Message {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Message {
    fn eq(&self, other: &&str) -> bool {
        *self == *other.as_bytes()
    }
}

/// A message cannot be made of no frames at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message has at least one frame")]
pub struct NoFrames;

struct Frames<'a> {
    first: Option<&'a Frame>,
    rest: std::slice::Iter<'a, Frame>,
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a Frame;

    fn next(&mut self) -> Option<&'a Frame> {
        self.first.take().or_else(|| self.rest.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.first.is_some()) + self.rest.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Frames<'_> {}

/// Aligned to 16 octets, and a plain array instead of an enum with one inside: whatever a message is wrapped in, it is
/// moved in the same pieces in which it was written. A processor stalls on reading across two recent writes.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Inline([u8; Frame::INLINE]);

impl Inline {
    const EMPTY: Self = Self([0; Frame::INLINE]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_octets_at_every_size() {
        for len in [0, 1, 63, 64, 65, 255, 256, 70_000] {
            let body: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let frames =
                [Frame::from(&body[..]), Frame::from(body.clone()), Frame::from(Bytes::from(body.clone()))];
            for frame in frames {
                assert_eq!(*frame, *body);
                assert_eq!(frame.into_bytes(), body);
            }
        }
    }

    #[test]
    fn a_message_counts_and_names_its_frames() {
        let message = Message::new("a").with("").with("ccc");
        assert_eq!(message.frame_count(), 3);
        assert_eq!(message.byte_len(), 4);
        assert_eq!(message.frames().map(|f| f.len()).collect::<Vec<_>>(), [1, 0, 3]);
        assert_eq!((message.get(2), message.get(3)), (Some(&b"ccc"[..]), None));
        assert_eq!(Message::try_from(message.clone().into_frames().collect::<Vec<_>>()), Ok(message));
    }

    #[test]
    fn frames_go_on_and_come_off_at_the_front() {
        let message = Message::new("b").with("c").with_first("a");
        assert_eq!(message, Message::new("a").with("b").with("c"));
        let (first, rest) = message.split_first();
        assert_eq!((&*first, rest.clone()), (&b"a"[..], Some(Message::new("b").with("c"))));
        let (_, rest) = rest.unwrap().split_first();
        assert_eq!(rest, Some("c".into()));
        assert_eq!(rest.unwrap().split_first().1, None);
    }

    #[test]
    fn a_message_of_no_frames_cannot_be_made() {
        assert_eq!(Message::try_from(Vec::<Frame>::new()), Err(NoFrames));
    }

    #[test]
    fn text_of_a_peer_is_escaped_and_cut_in_debug_output() {
        assert_eq!(format!("{:?}", Message::from("a\n\x1b[31m")), r#"Message["a\n\x1b[31m"]"#);
        assert!(format!("{:?}", Frame::from(vec![b'x'; 100_000])).len() < 300);
    }

    #[test]
    fn a_message_is_small_enough_to_move() {
        assert_eq!(size_of::<Frame>(), 112);
        assert_eq!(size_of::<Message>(), 128);
    }
}
