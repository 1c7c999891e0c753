//! Between a batch and the stream when frames go out in boxes: what was sealed, and how far into the batch it reaches.

use std::collections::VecDeque;

use crate::pipe::Batch;
use crate::pool;
use crate::wire::{self, Connection};

/// Boxes that are being written.
///
/// A batch counts as written frame by frame, as the boxes go out: what a lost connection did not take whole is sent again
/// on the next one, in boxes of that connection.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    boxes: Vec<u8>,
    at: usize,
    /// Where each box ends, and the length of the frame that is in it.
    ends: VecDeque<(usize, usize)>,
}

impl Sealing {
    /// Seals what comes next in the batch, if everything before is written.
    pub(super) fn fill(&mut self, wire: &mut Connection, batch: &Batch) -> Result<(), wire::Error> {
        if !self.boxes.is_empty() || batch.is_empty() {
            return Ok(());
        }
        self.boxes = pool::take(AT_ONCE);
        for (header, size, body) in batch.frames() {
            wire.seal(header.more, body, &mut self.boxes)?;
            self.ends.push_back((self.boxes.len(), size + body.len()));
            if self.boxes.len() >= ENOUGH {
                break;
            }
        }
        Ok(())
    }

    /// What is to be written.
    pub(super) fn octets(&self) -> &[u8] {
        &self.boxes[self.at..]
    }

    /// Notes that `written` octets more have gone out.
    pub(super) fn advance(&mut self, written: usize, batch: &mut Batch) {
        self.at += written;
        while let Some((_, frame)) = self.ends.pop_front_if(|(end, _)| *end <= self.at) {
            batch.advance(frame);
        }
        if self.at == self.boxes.len() {
            pool::give(std::mem::take(&mut self.boxes));
            self.at = 0;
        }
    }
}

/// A buffer of boxes,
const AT_ONCE: usize = 64 * 1024;
/// which is full when another small one might not fit.
const ENOUGH: usize = AT_ONCE - 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::pipe::batch_of;
    use crate::wire::{Event, sealed_pair};

    #[test]
    fn what_is_written_of_the_boxes_is_written_of_the_batch_frame_by_frame() {
        let sent = [
            Message::from("abc"),
            Message::new(vec![1; 10]).with(vec![2; 5000]).with(""),
            Message::from(vec![3; 100_000]),
            Message::from(""),
        ];
        let (mut sender, mut receiver) = sealed_pair();
        let mut batch = batch_of(&sent);
        let (mut sealing, mut received) = (Sealing::default(), Vec::new());
        while !batch.is_empty() {
            sealing.fill(&mut sender, &batch).unwrap();
            let step = sealing.octets().len().min(777);
            receiver.receive(&sealing.octets()[..step]);
            sealing.advance(step, &mut batch);
            while let Some(Event::Messages(mut chunk)) = receiver.poll_event(10).unwrap() {
                received.extend(std::iter::from_fn(|| chunk.next_message()));
            }
            // Whoever takes over from here sends the rest and nothing twice.
            let left: usize = batch.clone().unwritten().iter().map(|segment| segment.messages).sum();
            assert_eq!(left + received.len(), sent.len());
        }
        assert_eq!(received, sent);
        assert!(sealing.octets().is_empty() && sealing.ends.is_empty());
    }
}
