//! The fields of a command, one after the other: numbers in network order, octets and lists behind their length.
//!
//! What a peer claims is compared with what is there before anything is allocated; fields after the last that is known
//! are a newer version's and are passed over.

use std::time::Duration;

use bytes::{Buf, BufMut};

use super::Malformed;

/// Writes fields.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Fields after this header.
    pub fn after(header: &[u8]) -> Self {
        let mut frame = Vec::with_capacity(USUAL);
        frame.put_slice(header);
        Self(frame)
    }

    /// One octet.
    #[must_use]
    pub fn u8(mut self, value: u8) -> Self {
        self.0.put_u8(value);
        self
    }

    /// Two octets.
    #[must_use]
    pub fn u16(mut self, value: u16) -> Self {
        self.0.put_u16(value);
        self
    }

    /// Four octets.
    #[must_use]
    pub fn u32(mut self, value: u32) -> Self {
        self.0.put_u32(value);
        self
    }

    /// Eight octets.
    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.put_u64(value);
        self
    }

    /// Milliseconds, rounded up, so that something does not become nothing.
    #[must_use]
    pub fn duration(self, value: Duration) -> Self {
        self.u32(value.as_micros().div_ceil(1000).try_into().unwrap_or(u32::MAX))
    }

    /// Octets, or as many of them as a field can have: 65,535.
    #[must_use]
    pub fn octets(mut self, value: &[u8]) -> Self {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.0.put_u16(value.len() as u16);
        self.0.put_slice(value);
        self
    }

    /// Octets of any number.
    #[must_use]
    pub fn long(mut self, value: &[u8]) -> Self {
        self.0.put_u64(value.len() as u64);
        self.0.put_slice(value);
        self
    }

    /// How many octets there are so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many elements, at most 65,535.
    #[must_use]
    pub fn list<T>(self, elements: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        let elements = &elements[..elements.len().min(usize::from(u16::MAX))];
        elements.iter().fold(self.u16(elements.len() as u16), write)
    }

    /// The frame.
    pub fn end(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of this frame.
    pub fn new(frame: &'a [u8]) -> Self {
        Self(frame)
    }

    /// One octet.
    ///
    /// # Errors
    /// [`Malformed::Field`] with the given name, here and below.
    pub fn u8(&mut self, name: &'static str) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| Malformed::Field(name))
    }

    /// Two octets.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn u16(&mut self, name: &'static str) -> Result<u16, Malformed> {
        self.0.try_get_u16().map_err(|_| Malformed::Field(name))
    }

    /// Four octets.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn u32(&mut self, name: &'static str) -> Result<u32, Malformed> {
        self.0.try_get_u32().map_err(|_| Malformed::Field(name))
    }

    /// Eight octets.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn u64(&mut self, name: &'static str) -> Result<u64, Malformed> {
        self.0.try_get_u64().map_err(|_| Malformed::Field(name))
    }

    /// Milliseconds.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn duration(&mut self, name: &'static str) -> Result<Duration, Malformed> {
        Ok(Duration::from_millis(self.u32(name)?.into()))
    }

    /// One of these, which an octet counts.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn one_of<T: Copy>(&mut self, name: &'static str, all: &[T]) -> Result<T, Malformed> {
        all.get(usize::from(self.u8(name)?)).copied().ok_or(Malformed::Field(name))
    }

    /// Octets.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn octets(&mut self, name: &'static str) -> Result<&'a [u8], Malformed> {
        let len = usize::from(self.u16(name)?);
        let (octets, rest) = self.0.split_at_checked(len).ok_or(Malformed::Field(name))?;
        self.0 = rest;
        Ok(octets)
    }

    /// Octets that were written as [`long`](Writer::long).
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn long(&mut self, name: &'static str) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.u64(name)?).map_err(|_| Malformed::Field(name))?;
        let (octets, rest) = self.0.split_at_checked(len).ok_or(Malformed::Field(name))?;
        self.0 = rest;
        Ok(octets)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Octets that are UTF-8, at most so many.
    ///
    /// # Errors
    /// As [`u8`](Self::u8).
    pub fn text(&mut self, name: &'static str, most: usize) -> Result<String, Malformed> {
        let octets = self.octets(name)?;
        let text = str::from_utf8(octets).ok().filter(|text| text.len() <= most);
        text.map(str::to_owned).ok_or(Malformed::Field(name))
    }

    /// A list of at most so many elements.
    ///
    /// # Errors
    /// As [`u8`](Self::u8), or what `read` says.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let len = usize::from(self.u16(name)?);
        if len > most {
            return Err(Malformed::Field(name));
        }
        // Every element has at least one octet, so that this many there are octets to read.
        let mut list = Vec::with_capacity(len.min(self.0.len()));
        for _ in 0..len {
            list.push(read(self)?);
        }
        Ok(list)
    }
}

/// Most first frames are no longer.
const USUAL: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_missed_by_name() {
        let frame = Writer::default()
            .u8(1)
            .u16(2)
            .u32(3)
            .u64(4)
            .octets(b"five")
            .long(b"long")
            .list(&["six", "seven"], |writer, text| writer.octets(text.as_bytes()))
            .end();
        let read = |frame: &[u8]| {
            let mut reader = Reader::new(frame);
            Ok::<_, Malformed>((
                (reader.u8("a")?, reader.u16("b")?, reader.u32("c")?, reader.u64("d")?),
                reader.text("e", 4)?,
                reader.long("l")?.to_vec(),
                reader.list("f", 2, |reader| reader.text("g", 5))?,
            ))
        };
        let all =
            ((1, 2, 3, 4), "five".to_owned(), b"long".to_vec(), vec!["six".to_owned(), "seven".to_owned()]);
        assert_eq!(read(&frame), Ok(all));
        for len in 0..frame.len() {
            let Err(Malformed::Field(name)) = read(&frame[..len]) else { panic!("{len}") };
            let names =
                [(1, "a"), (3, "b"), (7, "c"), (15, "d"), (21, "e"), (33, "l"), (35, "f"), (usize::MAX, "g")];
            assert_eq!(name, names.iter().find(|(end, _)| len < *end).unwrap().1);
        }
        let mut newer = frame;
        newer.extend(*b"more");
        assert!(read(&newer).is_ok());
    }

    #[test]
    fn a_claim_is_compared_with_its_limit_before_it_is_believed() {
        let mut reader = Reader::new(b"\xff\xff");
        assert_eq!(reader.list("tags", 16, |reader| reader.u8("tag")), Err(Malformed::Field("tags")));
        assert_eq!(Reader::new(b"\xff\xffshort").octets("key"), Err(Malformed::Field("key")));
        assert_eq!(Reader::new(b"\0\x02ab").text("key", 1), Err(Malformed::Field("key")));
        assert_eq!(Reader::new(b"\0\x01\xff").text("key", 1), Err(Malformed::Field("key")));
    }

    #[test]
    fn a_duration_is_rounded_up_and_cut_to_what_fits() {
        for (duration, millis) in
            [(Duration::from_micros(1), 1), (Duration::ZERO, 0), (Duration::MAX, u32::MAX)]
        {
            let frame = Writer::default().duration(duration).end();
            assert_eq!(Reader::new(&frame).u32("millis"), Ok(millis));
        }
    }
}
