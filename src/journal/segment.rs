//! Walking a segment as it was written: frame behind frame, and what to make of its end.

use crate::journal::block::{DecodeError, Decoder, FRAME_BYTES_MAX, Frame, HEADER_BYTES, Header, MAGIC, usize_of};
use crate::journal::{Flaw, Head};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any place: a file, or memory standing in for one.
pub(crate) trait Source {
    /// Reads into `buffer` from `offset` on and returns how many bytes there were.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Source for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }
}

impl<S: Source> Source for &S {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (*self).read_at(buffer, offset)
    }
}

impl Source for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let bytes = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..bytes), rest.get(..bytes)) {
            to.copy_from_slice(from);
        }
        Ok(bytes)
    }
}

/// A forward walk over the frames between two places of a source, reading large pieces.
pub(crate) struct Walk<S> {
    source: S,
    /// Where the next frame begins in the source.
    offset: u64,
    /// Where the walk ends in the source.
    end: u64,
    /// What has been read: `buffer[start..]` begins at `offset`.
    buffer: Vec<u8>,
    start: usize,
    piece_bytes: usize,
}

/// What stands at the next place of a walk.
pub(crate) enum Step<'a> {
    /// Nothing: the walk is at its end.
    End,
    /// A whole frame with a sound header; the body is unchecked.
    Frame(Header, &'a [u8]),
    /// Something that is no whole frame.
    Bad(DecodeError),
}

impl<S: Source> Walk<S> {
    /// Begins a walk that reads `piece_bytes` at a time.
    pub(crate) fn new(source: S, offset: u64, end: u64, piece_bytes: usize) -> Self {
        Self { source, offset, end, buffer: Vec::new(), start: 0, piece_bytes }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns what stands at the next place, without passing it.
    pub(crate) fn peek(&mut self) -> io::Result<Step<'_>> {
        let header = match self.ahead(HEADER_BYTES)? {
            [] => return Ok(Step::End),
            bytes => Header::parse(bytes),
        };
        let header = match header {
            Ok(header) => header,
            Err(flaw) => return Ok(Step::Bad(flaw)),
        };
        let frame_bytes = usize_of(header.frame_bytes);
        match self.ahead(frame_bytes)?.get(..frame_bytes) {
            Some(frame) => Ok(Step::Frame(header, frame)),
            None => Ok(Step::Bad(DecodeError::Incomplete)),
        }
    }

    /// Passes a frame that was peeked at.
    pub(crate) fn pass(&mut self, header: &Header) {
        self.offset = self.offset.saturating_add(u64::from(header.frame_bytes));
        self.start = self.start.saturating_add(usize_of(header.frame_bytes)).min(self.buffer.len());
    }

    /// Returns at least `bytes` from the next place on, or all there are up to the end.
    fn ahead(&mut self, bytes: usize) -> io::Result<&[u8]> {
        let held = self.buffer.len() - self.start;
        if held < bytes {
            self.buffer.drain(..self.start);
            self.start = 0;
            self.fill(bytes)?;
        }
        Ok(self.buffer.get(self.start..).unwrap_or_default())
    }

    /// Returns how many bytes there are from the next place on up to the last that is not zero, reading to the end of the walk.
    fn written(&self) -> io::Result<usize> {
        let mut rest = Walk::new(&self.source, self.offset, self.end, self.piece_bytes);
        let (mut seen, mut written) = (0, 0);
        loop {
            let piece = rest.ahead(1)?;
            if piece.is_empty() {
                return Ok(written);
            }
            if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
                written = seen + last + 1;
            }
            let bytes = piece.len();
            seen += bytes;
            rest.offset = rest.offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            rest.start += bytes;
        }
    }

    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        let wanted = bytes.max(self.piece_bytes);
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let mut filled = self.buffer.len();
        self.buffer.resize(filled.max(wanted.min(left)), 0);
        while let Some(room) = self.buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            let place = self.offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match self.source.read_at(room, place) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

/// A place in a segment where a block begins, relative to the segment's beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) offset: u32,
    pub(crate) block: u32,
    pub(crate) index: u32,
}

/// The marks of one segment: one for each 64 KiB or more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(Vec<Mark>);

impl Marks {
    /// Notes a block, unless the last noted one is near, or the place is beyond what a mark can say.
    pub(crate) fn note(&mut self, start: &Head, header: &Header, offset: u64) {
        let far = match self.0.last() {
            Some(last) => offset.saturating_sub(u64::from(last.offset)) >= MARK_SPACING_BYTES,
            None => true,
        };
        let mark = (
            u32::try_from(offset),
            u32::try_from(header.number.saturating_sub(start.next_block)),
            u32::try_from(header.first_index.saturating_sub(start.next_index)),
        );
        if let (true, (Ok(offset), Ok(block), Ok(index))) = (far, mark) {
            self.0.push(Mark { offset, block, index });
        }
    }

    /// Returns the offset of the last noted block which is not behind the target.
    pub(crate) fn before(&self, start: &Head, target: Target) -> u64 {
        let not_behind = |mark: &Mark| match target {
            Target::Block(number) => start.next_block.saturating_add(u64::from(mark.block)) <= number,
            Target::Index(index) => start.next_index.saturating_add(u64::from(mark.index)) <= index,
        };
        let count = self.0.partition_point(not_behind);
        let mark = count.checked_sub(1).and_then(|last| self.0.get(last));
        mark.map_or(0, |mark| u64::from(mark.offset))
    }
}

/// What a reader looks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// The block of this number.
    Block(u64),
    /// The block that holds the entry of this index.
    Index(u64),
}

impl Target {
    /// Says whether the block is still before the target.
    pub(crate) fn is_behind(self, header: &Header) -> bool {
        match self {
            Self::Block(number) => header.number < number,
            Self::Index(index) => header.next_index() <= index,
        }
    }

    /// Says whether the block is the target.
    pub(crate) fn is(self, header: &Header) -> bool {
        match self {
            Self::Block(number) => header.number == number,
            Self::Index(index) => header.holds(index),
        }
    }
}

/// Reads the marks of a segment from its headers.
pub(crate) fn marks<S: Source>(source: S, start: &Head, length: u64) -> Result<Marks, ScanError> {
    let mut walk = Walk::new(source, 0, length, SCAN_PIECE_BYTES);
    let mut marks = Marks::default();
    let mut next_index = start.next_index;
    loop {
        let offset = walk.offset();
        let header = match walk.peek()? {
            Step::End => return Ok(marks),
            Step::Bad(flaw) => return Err(ScanError::Damaged { offset, index: next_index, flaw: Flaw::Block(flaw) }),
            Step::Frame(header, _) => header,
        };
        marks.note(start, &header, offset);
        next_index = header.next_index();
        walk.pass(&header);
    }
}

/// What a scan of a whole segment found.
pub(crate) struct Scanned {
    /// The head behind the last sound block.
    pub(crate) head: Head,
    /// The length of all sound blocks, in bytes.
    pub(crate) length: u64,
    pub(crate) marks: Marks,
    /// Has taken in the bytes of all sound blocks.
    pub(crate) hasher: blake3::Hasher,
    /// What stands behind them and can only be one incomplete last block.
    pub(crate) tail: Option<Tail>,
}

/// Bytes at the end of a segment that can only be one incomplete last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) bytes: u64,
    pub(crate) flaw: DecodeError,
}

/// Why a scan ended early.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// What stands at this offset cannot come from an append that was cut short.
    Damaged { offset: u64, index: u64, flaw: Flaw },
    /// Reading failed.
    Io(io::Error),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads and checks all blocks of a segment and the chain between them, showing each with its offset.
///
/// Zeros behind the last block are room that was made for the next ones, if there are no more than is ever made. What cannot be read is called a tail only if it could be one
/// append cut short: no longer than one frame up to its last byte that is not zero, and with no sound header of a later block in it.
/// Everything else is damage, as is a sound block out of place.
pub(crate) fn scan<S: Source>(
    source: S,
    start: &Head,
    length: u64,
    mut show: impl FnMut(u64, &Frame),
) -> Result<Scanned, ScanError> {
    let mut walk = Walk::new(source, 0, length, SCAN_PIECE_BYTES);
    let mut decoder = Decoder::new();
    let mut body = Vec::new();
    let mut found =
        Scanned { head: *start, length: 0, marks: Marks::default(), hasher: blake3::Hasher::new(), tail: None };
    loop {
        let (offset, index) = (found.length, found.head.next_index);
        let damaged = |flaw| ScanError::Damaged { offset, index, flaw };
        let flaw = match walk.peek()? {
            Step::End => return Ok(found),
            Step::Bad(flaw) => flaw,
            Step::Frame(header, bytes) => match decoder.decode_into(bytes, body) {
                Ok(frame) => {
                    found.head = found.head.follow(&header).ok_or_else(|| damaged(Flaw::Chain))?;
                    found.marks.note(start, &header, found.length);
                    found.hasher.update(bytes);
                    show(found.length, &frame);
                    found.length = found.length.saturating_add(u64::from(header.frame_bytes));
                    walk.pass(&header);
                    body = frame.into_body();
                    continue;
                }
                Err(flaw) => flaw,
            },
        };
        if length.saturating_sub(found.length) > TAIL_BYTES_MAX {
            return Err(damaged(Flaw::Block(flaw)));
        }
        let written = walk.written()?;
        let rest = walk.ahead(written.min(FRAME_BYTES_MAX))?.get(..written).unwrap_or_default();
        if written > FRAME_BYTES_MAX || holds_later_header(rest, &found.head) {
            return Err(damaged(Flaw::Block(flaw)));
        }
        if written > 0 {
            found.tail = Some(Tail { bytes: u64::try_from(written).unwrap_or(u64::MAX), flaw });
        }
        return Ok(found);
    }
}

/// Says whether a sound header of a block behind the next one stands anywhere in these bytes.
fn holds_later_header(bytes: &[u8], head: &Head) -> bool {
    let places = bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    let mut headers = places.filter_map(|(place, _)| Header::parse(bytes.get(place..)?).ok());
    headers.any(|header| header.number > head.next_block && header.first_index >= head.next_index)
}

/// How much room is made at a time behind the block that needs it.
pub(crate) const ROOM_BYTES: u64 = 1024 * 1024;
/// The most that can stand behind the last sound block: room, made for a block that was cut short.
const TAIL_BYTES_MAX: u64 = ROOM_BYTES + FRAME_BYTES_MAX as u64;
pub(crate) const SCAN_PIECE_BYTES: usize = 1024 * 1024;
pub(crate) const MARK_SPACING_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use crate::journal::segment::{ScanError, Step, Walk, scan};
    use crate::journal::testing::{append, frame, usize_of};
    use crate::journal::{DecodeError, Flaw, Head, Journal, MemoryDisk, MemoryJournal};

    fn bytes(blocks: u64) -> (Vec<u8>, Head) {
        let disk = MemoryDisk::new();
        let (mut journal, _) = MemoryJournal::open(&disk, 0).unwrap();
        append(&mut journal, blocks);
        (disk.bytes(), journal.head())
    }

    #[test]
    fn a_walk_reads_the_same_whatever_the_length_of_its_pieces() {
        let (bytes, head) = bytes(9);
        for piece_bytes in [1, 7, 112, 300, 5000] {
            let mut walk = Walk::new(bytes.as_slice(), 0, bytes.len() as u64, piece_bytes);
            let mut walked = Head::EMPTY;
            while let Step::Frame(header, _) = walk.peek().unwrap() {
                walked = walked.follow(&header).unwrap();
                walk.pass(&header);
            }
            assert_eq!(walked, head);
            assert_eq!(usize_of(walk.offset()), bytes.len());
        }
    }

    #[test]
    fn a_torn_block_before_a_sound_one_is_damage_and_at_the_end_a_tail() {
        let (sound, head) = bytes(3);
        let torn = frame(&head);
        let torn = &torn[..torn.len() - 1];
        let (all, _) = bytes(5);
        let later = &all[sound.len() + torn.len() + 1..];
        let at_end = [&sound, torn].concat();
        let tail = scan(at_end.as_slice(), &Head::EMPTY, at_end.len() as u64, |_, _| {}).unwrap().tail.unwrap();
        assert_eq!((usize_of(tail.bytes), tail.flaw), (torn.len(), DecodeError::Incomplete));
        let in_middle = [&sound, torn, later].concat();
        let refused =
            scan(in_middle.as_slice(), &Head::EMPTY, in_middle.len() as u64, |_, _| {}).map(|found| found.head);
        let place = (sound.len() as u64, head.next_index);
        assert!(
            matches!(refused, Err(ScanError::Damaged { offset, index, flaw: Flaw::Block(_) }) if (offset, index) == place),
            "{refused:?}"
        );
    }
}
