//! A recompressed segment: the headers and entries of a full one, packed tighter, and still read at any place.
//!
//! All numbers are big-endian.
//!
//! ```text
//! file   = "DJZ1" ‖ chunk × n ‖ table ‖ footer
//! chunk  = zstd frame, its content size declared, of ( u32 m ‖ stub × m ‖ body × m )     whole blocks, at least 1 MiB of them
//!                                                                                        (the last chunk: what is left)
//! stub   = u32 frame length ‖ u32 header crc ‖ u32 count ‖ 16 writer ‖ u32 length of the body
//! table  = ( u64 first block ‖ u64 first index ‖ 32 previous
//!            ‖ u32 stored length ‖ u32 length before compression ‖ u32 CRC-32 of the stored chunk ) × n
//! footer = u32 n ‖ u32 CRC-32 of the table ‖ "1ZJD"
//! ```
//!
//! The first chunk begins at byte 4, each further one where the one before it ends. Bodies stand as they were before compression.
//!
//! Every header is rebuilt to the byte: frame length, crc, count and writer from its stub; block, first index and *previous* from the
//! block before it (from the table for the first of a chunk); *body hash* by hashing the body. The crc must then be the one of the stub.
//! So the chain is not compared but computed again, and it is checked where it must arrive: at the *previous* of the next chunk, at the
//! listed hash of the segment's last block, and at the *previous* of the next segment. The two hashes of each header are left
//! out because nothing compresses them: with one entry to a block they were a fifth of the file. What is lost are the bytes of the
//! first compression, which nothing names; the header's frame length still says how many they were.

use crate::journal::block::{BODY_BYTES_MAX, DecodeError, Decoder, Frame, Header, take, usize_of};
use crate::journal::segment::{ScanError, Target};
use crate::journal::{Flaw, Head};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// Writes a recompressed segment block by block.
pub(crate) struct Writer<W> {
    output: W,
    context: zstd::bulk::Compressor<'static>,
    /// The head before the first block of the chunk, and what the chunk will hold.
    start: Option<Head>,
    blocks: u32,
    stubs: Vec<u8>,
    bodies: Vec<u8>,
    table: Vec<u8>,
    chunks: u32,
    length: u64,
    hasher: blake3::Hasher,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(output: W) -> io::Result<Self> {
        let mut writer = Self {
            output,
            context: zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?,
            start: None,
            blocks: 0,
            stubs: Vec::new(),
            bodies: Vec::new(),
            table: Vec::new(),
            chunks: 0,
            length: 0,
            hasher: blake3::Hasher::new(),
        };
        writer.put(&MAGIC)?;
        Ok(writer)
    }

    pub(crate) fn push(&mut self, frame: &Frame) -> io::Result<()> {
        let header = frame.header();
        self.start.get_or_insert(Head {
            next_block: header.number,
            next_index: header.first_index,
            last_frame_hash: header.previous,
        });
        self.blocks += 1;
        self.stubs.extend_from_slice(&header.frame_bytes.to_be_bytes());
        self.stubs.extend_from_slice(&header.checksum().to_be_bytes());
        self.stubs.extend_from_slice(&header.count.to_be_bytes());
        self.stubs.extend_from_slice(&header.writer);
        self.stubs.extend_from_slice(&length_field(frame.body().len())?);
        self.bodies.extend_from_slice(frame.body());
        if self.stubs.len() + self.bodies.len() >= CHUNK_BYTES { self.finish_chunk() } else { Ok(()) }
    }

    /// Writes what is left and returns the output with the length and hash of everything written to it.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64, [u8; 32])> {
        self.finish_chunk()?;
        let table = std::mem::take(&mut self.table);
        self.put(&table)?;
        self.put(&self.chunks.to_be_bytes())?;
        self.put(&crc32fast::hash(&table).to_be_bytes())?;
        self.put(&END_MAGIC)?;
        Ok((self.output, self.length, *self.hasher.finalize().as_bytes()))
    }

    fn finish_chunk(&mut self) -> io::Result<()> {
        let Some(start) = self.start.take() else {
            return Ok(());
        };
        let chunk = [self.blocks.to_be_bytes().as_slice(), &self.stubs, &self.bodies].concat();
        let stored = self.context.compress(&chunk)?;
        self.table.extend_from_slice(&start.next_block.to_be_bytes());
        self.table.extend_from_slice(&start.next_index.to_be_bytes());
        self.table.extend_from_slice(&start.last_frame_hash);
        self.table.extend_from_slice(&length_field(stored.len())?);
        self.table.extend_from_slice(&length_field(chunk.len())?);
        self.table.extend_from_slice(&crc32fast::hash(&stored).to_be_bytes());
        self.chunks += 1;
        self.blocks = 0;
        self.stubs.clear();
        self.bodies.clear();
        self.put(&stored)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.length += u64::try_from(bytes.len()).map_err(io::Error::other)?;
        self.output.write_all(bytes)
    }
}

/// Where one chunk lies and what it begins with.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// The head before its first block.
    start: Head,
    offset: u64,
    stored_bytes: u32,
    bytes: u32,
    checksum: u32,
}

/// The chunks of one recompressed segment.
#[derive(Clone, Debug)]
pub(crate) struct Table(Vec<Chunk>);

impl Table {
    /// Reads the table of a file of this length.
    pub(crate) fn read(file: &File, length: u64) -> Result<Self, ScanError> {
        let damaged = |offset| ScanError::Damaged { offset, index: 0, flaw: Flaw::Block(DecodeError::Bounds) };
        let table_end = length.checked_sub(FOOTER_BYTES).filter(|end| *end >= 4).ok_or_else(|| damaged(0))?;
        let footer: [u8; 12] = read_array(file, table_end)?;
        let mut rest = footer.as_slice();
        let mut field = || take::<4>(&mut rest).map_err(|_| damaged(table_end));
        let (chunks, checksum, magic) = (u32::from_be_bytes(field()?), u32::from_be_bytes(field()?), field()?);
        let table_bytes = u64::from(chunks) * TABLE_LINE_BYTES;
        let table_start =
            table_end.checked_sub(table_bytes).filter(|start| *start >= 4).ok_or_else(|| damaged(table_end))?;
        let mut table = vec![0; usize::try_from(table_bytes).map_err(|_| damaged(table_end))?];
        read_exact(file, &mut table, table_start)?;
        if magic != END_MAGIC || checksum != crc32fast::hash(&table) || read_array::<4>(file, 0)? != MAGIC {
            return Err(damaged(table_start));
        }
        let mut rest = table.as_slice();
        let mut offset = 4_u64;
        let mut parsed = Vec::with_capacity(usize_of(chunks));
        for _ in 0..chunks {
            let chunk = parse_chunk(&mut rest, offset).map_err(|_| damaged(table_start))?;
            offset = offset.saturating_add(u64::from(chunk.stored_bytes));
            parsed.push(chunk);
        }
        if offset == table_start { Ok(Self(parsed)) } else { Err(damaged(table_start)) }
    }

    /// Returns the place of the chunk that holds the target, if it is in this segment at all.
    pub(crate) fn before(&self, target: Target) -> usize {
        let count = self.0.partition_point(|chunk| match target {
            Target::Block(number) => chunk.start.next_block <= number,
            Target::Index(index) => chunk.start.next_index <= index,
        });
        count.saturating_sub(1)
    }

    fn chunk(&self, place: usize) -> Option<&Chunk> {
        self.0.get(place)
    }
}

/// A forward walk over the blocks of a recompressed segment.
pub(crate) struct Walk {
    file: File,
    decoder: Decoder,
    stored: Vec<u8>,
    chunk: Vec<u8>,
    /// Where the next stub and the next body begin in `chunk`, and where the stubs end.
    stub_place: usize,
    stubs_end: usize,
    body_place: usize,
    /// The head behind the last block; nothing before the first chunk.
    head: Option<Head>,
    /// Where `chunk` lies in the file.
    chunk_offset: u64,
    /// Place of the next chunk in the table.
    next_chunk: usize,
}

impl Walk {
    /// Begins a walk with the chunk at `place` of the table.
    pub(crate) fn new(file: File, place: usize) -> Self {
        Self {
            file,
            decoder: Decoder::new(),
            stored: Vec::new(),
            chunk: Vec::new(),
            stub_place: 0,
            stubs_end: 0,
            body_place: 0,
            head: None,
            chunk_offset: 4,
            next_chunk: place,
        }
    }

    /// Returns where the chunk of the last block begins in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.chunk_offset
    }

    /// Returns the next block that is not before the target, or nothing at the end of the segment.
    pub(crate) fn next(&mut self, table: &Table, target: Target) -> Result<Option<Frame>, ScanError> {
        loop {
            let Some(head) = self.head.filter(|_| self.stub_place < self.stubs_end) else {
                match table.chunk(self.next_chunk) {
                    Some(chunk) => self.load(*chunk)?,
                    None => return Ok(None),
                }
                continue;
            };
            let offset = self.chunk_offset;
            let damaged = |flaw| ScanError::Damaged { offset, index: head.next_index, flaw: Flaw::Block(flaw) };
            let (header, body) = self.rebuild(&head).map_err(damaged)?;
            let frame = match target.is_behind(&header) {
                true => None,
                false => Some(Frame::under(header, body.to_vec()).map_err(damaged)?),
            };
            self.body_place += body.len();
            self.stub_place += STUB_BYTES;
            self.head = head.follow(&header);
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }

    /// Rebuilds the header of the next block, and returns it with its body.
    fn rebuild(&self, head: &Head) -> Result<(Header, &[u8]), DecodeError> {
        let mut stub = self.chunk.get(self.stub_place..self.stubs_end).ok_or(DecodeError::Incomplete)?;
        let frame_bytes = u32::from_be_bytes(take(&mut stub)?);
        let checksum = u32::from_be_bytes(take(&mut stub)?);
        let count = u32::from_be_bytes(take(&mut stub)?);
        let writer = take(&mut stub)?;
        let body_bytes = usize_of(u32::from_be_bytes(take(&mut stub)?));
        let bodies = self.chunk.get(self.body_place..).ok_or(DecodeError::Incomplete)?;
        let body = bodies.get(..body_bytes).ok_or(DecodeError::Incomplete)?;
        let rebuilt = Header {
            frame_bytes,
            number: head.next_block,
            first_index: head.next_index,
            count,
            previous: head.last_frame_hash,
            writer,
            body_hash: *blake3::hash(body).as_bytes(),
        };
        // Reading it again applies the bounds of the format.
        let header = Header::parse(&rebuilt.to_bytes())?;
        if header.checksum() == checksum { Ok((header, body)) } else { Err(DecodeError::HeaderChecksum) }
    }

    fn load(&mut self, chunk: Chunk) -> Result<(), ScanError> {
        let at = |flaw| ScanError::Damaged { offset: chunk.offset, index: chunk.start.next_index, flaw };
        let damaged = |flaw| at(Flaw::Block(flaw));
        if self.head.is_some_and(|head| head != chunk.start) {
            return Err(at(Flaw::Chain));
        }
        self.stored.resize(usize_of(chunk.stored_bytes), 0);
        read_exact(&self.file, &mut self.stored, chunk.offset)?;
        if crc32fast::hash(&self.stored) != chunk.checksum {
            return Err(damaged(DecodeError::StoredChecksum));
        }
        self.decoder.decompress(&self.stored, CHUNK_BYTES_MAX, &mut self.chunk).map_err(damaged)?;
        let mut rest = self.chunk.as_slice();
        let blocks = usize_of(u32::from_be_bytes(take(&mut rest).map_err(damaged)?));
        let stubs_bytes = blocks.checked_mul(STUB_BYTES).filter(|bytes| *bytes > 0 && *bytes <= rest.len());
        let stubs_bytes = stubs_bytes.ok_or_else(|| damaged(DecodeError::Bounds))?;
        if self.chunk.len() != usize_of(chunk.bytes) {
            return Err(damaged(DecodeError::Bounds));
        }
        self.stub_place = 4;
        self.stubs_end = 4 + stubs_bytes;
        self.body_place = self.stubs_end;
        self.head = Some(chunk.start);
        self.chunk_offset = chunk.offset;
        self.next_chunk += 1;
        Ok(())
    }
}

/// Reads and checks all blocks of a recompressed segment and the chain between them; returns the head behind them.
pub(crate) fn scan(
    file: File,
    start: &Head,
    length: u64,
    mut show: impl FnMut(u64, &Frame),
) -> Result<Head, ScanError> {
    let at = |error, index| match error {
        ScanError::Damaged { offset, flaw, .. } => ScanError::Damaged { offset, index, flaw },
        ScanError::Io(error) => ScanError::Io(error),
    };
    let table = Table::read(&file, length).map_err(|error| at(error, start.next_index))?;
    let mut walk = Walk::new(file, 0);
    let mut head = *start;
    while let Some(frame) = walk.next(&table, Target::Block(0)).map_err(|error| at(error, head.next_index))? {
        let offset = walk.offset();
        let broken = ScanError::Damaged { offset, index: head.next_index, flaw: Flaw::Chain };
        head = head.follow(frame.header()).ok_or(broken)?;
        show(offset, &frame);
    }
    Ok(head)
}

fn parse_chunk(rest: &mut &[u8], offset: u64) -> Result<Chunk, DecodeError> {
    Ok(Chunk {
        start: Head {
            next_block: u64::from_be_bytes(take(rest)?),
            next_index: u64::from_be_bytes(take(rest)?),
            last_frame_hash: take(rest)?,
        },
        offset,
        stored_bytes: u32::from_be_bytes(take(rest)?),
        bytes: u32::from_be_bytes(take(rest)?),
        checksum: u32::from_be_bytes(take(rest)?),
    })
}

fn read_array<const N: usize>(file: &File, offset: u64) -> Result<[u8; N], ScanError> {
    let mut bytes = [0; N];
    read_exact(file, &mut bytes, offset)?;
    Ok(bytes)
}

fn read_exact(file: &File, into: &mut [u8], offset: u64) -> Result<(), ScanError> {
    match file.read_exact_at(into, offset) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(ScanError::Damaged { offset, index: 0, flaw: Flaw::Block(DecodeError::Incomplete) })
        }
        other => Ok(other?),
    }
}

fn length_field(length: usize) -> io::Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_be_bytes).map_err(io::Error::other)
}

const MAGIC: [u8; 4] = *b"DJZ1";
const END_MAGIC: [u8; 4] = *b"1ZJD";
const TABLE_LINE_BYTES: u64 = 60;
const STUB_BYTES: usize = 32;
const FOOTER_BYTES: u64 = 12;
/// A chunk is closed when it has reached this length: what one reading of one entry has to decompress.
const CHUNK_BYTES: usize = 1024 * 1024;
/// A chunk just below its length and then the largest block.
const CHUNK_BYTES_MAX: usize = CHUNK_BYTES + 4 + STUB_BYTES + BODY_BYTES_MAX;
/// What is left of entries is mostly hashes, which no level makes smaller: 9 takes a twelfth less space and twelve times the time.
const COMPRESSION_LEVEL: i32 = 2;

#[cfg(test)]
mod tests {
    use crate::journal::recompressed::{FOOTER_BYTES, TABLE_LINE_BYTES, Table, Walk, Writer, scan};
    use crate::journal::segment::{ScanError, Target};
    use crate::journal::testing::{Directory, usize_of};
    use crate::journal::{Block, Flaw, Frame, Head};
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};

    /// Blocks of about 200 KB, so that five make a chunk.
    fn frames(count: u64) -> Vec<Frame> {
        let mut head = Head { next_block: 70, next_index: 7000, last_frame_hash: [7; 32] };
        let block = |head: &Head| Block {
            number: head.next_block,
            first_index: head.next_index,
            previous: head.last_frame_hash,
            writer: [1; 16],
            entries: (0..3).map(|place| format!("{} {place} ", head.next_block).repeat(10_000).into_bytes()).collect(),
        };
        let next = |_| {
            let frame = Frame::decode(&block(&head).encode().unwrap()).unwrap();
            head = head.follow(frame.header()).unwrap();
            frame
        };
        (0..count).map(next).collect()
    }

    fn start(frames: &[Frame]) -> Head {
        let first = frames[0].header();
        Head { next_block: first.number, next_index: first.first_index, last_frame_hash: first.previous }
    }

    fn write(directory: &Directory, frames: &[Frame]) -> (PathBuf, u64) {
        fs::create_dir_all(directory.journal()).unwrap();
        let path = directory.journal().join("segment");
        let mut writer = Writer::new(File::create(&path).unwrap()).unwrap();
        for frame in frames {
            writer.push(frame).unwrap();
        }
        let (_, length, hash) = writer.finish().unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!((bytes.len(), blake3::hash(&bytes).as_bytes()), (usize_of(length), &hash));
        (path, length)
    }

    fn first(path: &Path, length: u64, target: Target) -> Option<Frame> {
        let file = File::open(path).unwrap();
        let table = Table::read(&file, length).unwrap();
        Walk::new(file, table.before(target)).next(&table, target).unwrap()
    }

    #[test]
    fn blocks_read_to_the_byte_as_they_were_written_in_order_and_at_any_place() {
        let (directory, frames) = (Directory::new(), frames(23));
        let (path, length) = write(&directory, &frames);
        assert!(Table::read(&File::open(&path).unwrap(), length).unwrap().0.len() >= 4);
        let mut read = Vec::new();
        let end = scan(File::open(&path).unwrap(), &start(&frames), length, |_, frame| read.push(frame.clone()));
        assert_eq!(end.unwrap().last_frame_hash, frames.last().unwrap().hash());
        assert_eq!(read, frames);
        for frame in &frames {
            let header = frame.header();
            assert_eq!(first(&path, length, Target::Block(header.number)).as_ref(), Some(frame));
            for index in header.first_index..header.next_index() {
                assert_eq!(first(&path, length, Target::Index(index)).as_ref(), Some(frame));
            }
        }
        assert_eq!(first(&path, length, Target::Block(70 + 23)), None);
    }

    #[test]
    fn a_chain_that_does_not_arrive_where_the_next_chunk_says_is_damage() {
        let (directory, frames) = (Directory::new(), frames(12));
        let (path, length) = write(&directory, &frames);
        let sound = fs::read(&path).unwrap();
        let table_end = usize_of(length - FOOTER_BYTES);
        let lines = u32::from_be_bytes(sound[table_end..table_end + 4].try_into().unwrap());
        let table_start = table_end - usize_of(u64::from(lines) * TABLE_LINE_BYTES);
        for place in [0, 8, 16] {
            let mut bad = sound.clone();
            bad[table_start + usize_of(TABLE_LINE_BYTES) + place + 7] ^= 1;
            let checksum = crc32fast::hash(&bad[table_start..table_end]).to_be_bytes();
            bad[table_end + 4..table_end + 8].copy_from_slice(&checksum);
            fs::write(&path, bad).unwrap();
            let refused = scan(File::open(&path).unwrap(), &start(&frames), length, |_, _| {});
            assert!(matches!(refused, Err(ScanError::Damaged { flaw: Flaw::Chain, .. })), "{refused:?}");
        }
    }

    #[test]
    fn a_segment_with_one_entry_changed_arrives_at_another_hash() {
        let (directory, frames) = (Directory::new(), frames(3));
        let (path, length) = write(&directory, &frames);
        let mut block = frames[1].to_block();
        block.entries[0][0] ^= 1;
        let changed = Frame::decode(&block.encode().unwrap()).unwrap();
        let mut last = frames[2].to_block();
        last.previous = changed.hash();
        let last = Frame::decode(&last.encode().unwrap()).unwrap();
        let sound = scan(File::open(&path).unwrap(), &start(&frames), length, |_, _| {}).unwrap();
        let (path, length) = write(&directory, &[frames[0].clone(), changed, last]);
        let forged = scan(File::open(&path).unwrap(), &start(&frames), length, |_, _| {}).unwrap();
        assert_eq!(sound.next_index, forged.next_index);
        assert_ne!(sound.last_frame_hash, forged.last_frame_hash);
    }
}
