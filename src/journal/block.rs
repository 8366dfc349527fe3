//! The frame of one block: how the entries of one group commit are laid out, compressed, hashed and checked.
//!
//! All numbers are big-endian.
//!
//! ```text
//!    0  "DJB1"
//!    4  u32  length of the whole frame in bytes, at most 524,288
//!    8  u32  CRC-32 of bytes 0..8 and 12..112
//!   12  u64  number of the block, from 0
//!   20  u64  index of its first entry (of the next entry there will be, if it has none)
//!   28  u32  count of entries, at most 65,536
//!   32  32   hash of the previous block; zeros for block 0
//!   64  16   writer: who appended it
//!   80  32   body hash: BLAKE3 of the body before compression
//!  112  u32  CRC-32 of bytes 116..length                      ┐ stored form:
//!  116  zstd frame, its content size declared, of the body    ┘ replaced when a segment is recompressed
//!
//! body = ( u32 length ‖ entry ) × count, at most 64 MiB
//!
//! hash of a block = BLAKE3( bytes 0..112 )
//! ```
//!
//! The hash of a block is taken over its header, and the header's body hash over the *uncompressed* body, because the journal
//! recompresses old segments: chain and content can then be checked from what is left, the header and the entries, without the
//! compressed bytes that were once written. Nothing goes unhashed by this, since the header fixes the body. The compressed bytes
//! have a checksum of their own outside the header: a flipped bit in them may decompress to the same body, and is damage all the same.

use crate::journal::Head;

/// Length of the hashed part of a frame, in bytes.
pub const HEADER_BYTES: usize = 112;

/// Largest frame, header included, in bytes.
pub const FRAME_BYTES_MAX: usize = 512 * 1024;

/// Largest body before compression, in bytes: what a reader is ready to hold in memory for one block.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Largest count of entries in one block.
pub const ENTRIES_MAX: u32 = 65_536;

/// One block with its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Place of the block in the journal, from 0.
    pub number: u64,
    /// Index of the first entry.
    pub first_index: u64,
    /// Hash of the block before this one; zeros for block 0.
    pub previous: [u8; 32],
    /// Who appended it.
    pub writer: [u8; 16],
    /// The entries, as bytes of which the journal knows nothing.
    pub entries: Vec<Vec<u8>>,
}

impl Block {
    /// Returns the frame of this block.
    ///
    /// A convenience for tests and tools; whoever writes many blocks keeps an [`Encoder`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let head = Head { next_block: self.number, next_index: self.first_index, last_frame_hash: self.previous };
        let mut encoder = Encoder::new()?;
        Ok(encoder.encode(&head, &self.writer, &self.entries)?.to_vec())
    }

    /// Reads a block from the bytes of its frame, checking everything that can be checked without its neighbors.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        Ok(Frame::decode(frame)?.to_block())
    }
}

/// The hashed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the frame as it was appended, in bytes.
    pub frame_bytes: u32,
    /// Place of the block in the journal, from 0.
    pub number: u64,
    /// Index of the first entry.
    pub first_index: u64,
    /// Count of entries.
    pub count: u32,
    /// Hash of the block before this one; zeros for block 0.
    pub previous: [u8; 32],
    /// Who appended it.
    pub writer: [u8; 16],
    /// BLAKE3 of the body before compression.
    pub body_hash: [u8; 32],
}

impl Header {
    /// Reads a header from the first 112 of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(DecodeError::Incomplete)?;
        let mut rest = header.as_slice();
        let magic: [u8; 4] = take(&mut rest)?;
        let frame_bytes = u32::from_be_bytes(take(&mut rest)?);
        let checksum = u32::from_be_bytes(take(&mut rest)?);
        let parsed = Self {
            frame_bytes,
            number: u64::from_be_bytes(take(&mut rest)?),
            first_index: u64::from_be_bytes(take(&mut rest)?),
            count: u32::from_be_bytes(take(&mut rest)?),
            previous: take(&mut rest)?,
            writer: take(&mut rest)?,
            body_hash: take(&mut rest)?,
        };
        if magic != MAGIC {
            return Err(DecodeError::Magic);
        }
        if checksum != header_checksum(header) {
            return Err(DecodeError::HeaderChecksum);
        }
        let length_possible = (STORED_BODY_OFFSET..=FRAME_BYTES_MAX).contains(&usize_of(frame_bytes));
        let count_possible = parsed.count <= ENTRIES_MAX;
        let index_possible =
            parsed.first_index.checked_add(u64::from(parsed.count)).is_some() && parsed.number < u64::MAX;
        if !(length_possible && count_possible && index_possible) {
            return Err(DecodeError::Bounds);
        }
        Ok(parsed)
    }

    /// Returns the 112 bytes that [`Header::parse`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let fields: [&[u8]; 9] = [
            &MAGIC,
            &self.frame_bytes.to_be_bytes(),
            &[0; 4],
            &self.number.to_be_bytes(),
            &self.first_index.to_be_bytes(),
            &self.count.to_be_bytes(),
            &self.previous,
            &self.writer,
            &self.body_hash,
        ];
        let mut bytes = [0; HEADER_BYTES];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        let checksum = header_checksum(&bytes).to_be_bytes();
        if let Some(field) = bytes.get_mut(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 4) {
            field.copy_from_slice(&checksum);
        }
        bytes
    }

    /// Returns the checksum that stands in the header.
    pub(crate) fn checksum(&self) -> u32 {
        header_checksum(&self.to_bytes())
    }

    /// Returns the hash by which the next block names this one.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// Returns the index that follows the last entry of the block.
    #[must_use]
    pub fn next_index(&self) -> u64 {
        // `parse` refuses a header for which this would overflow.
        self.first_index.saturating_add(u64::from(self.count))
    }

    /// Says whether the block holds the entry of this index.
    #[must_use]
    pub fn holds(&self, index: u64) -> bool {
        self.first_index <= index && index < self.next_index()
    }
}

/// Returns the hash by which the next block names the block of this frame, or of this header.
pub fn frame_hash(frame: &[u8]) -> Result<[u8; 32], DecodeError> {
    Ok(Header::parse(frame)?.hash())
}

/// A block as it was read: its header and its body, checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: Header,
    /// Matches the header's body hash and holds exactly its count of entries.
    body: Vec<u8>,
}

impl Frame {
    /// Reads one frame, checking header checksum, stored checksum, body hash and count.
    ///
    /// Allocates no more than the body declares and never more than [`BODY_BYTES_MAX`]. Bytes after the frame are an error.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        Decoder::new().decode(frame)
    }

    /// Puts a body under a header that was rebuilt from it, so that only the count of entries is left to check.
    pub(crate) fn under(header: Header, body: Vec<u8>) -> Result<Self, DecodeError> {
        check_count(&header, &body)?;
        Ok(Self { header, body })
    }

    /// Returns the header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the body before compression.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body, giving up the rest.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Returns the hash by which the next block names this one.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.header.hash()
    }

    /// Returns the entries in order, the first of them at the header's first index.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: &self.body, left: usize_of(self.header.count) }
    }

    /// Returns the entry of this index, if it lies in this block.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<&[u8]> {
        let place = index.checked_sub(self.header.first_index)?;
        self.entries().nth(usize::try_from(place).ok()?)
    }

    /// Returns the block with entries of its own.
    #[must_use]
    pub fn to_block(&self) -> Block {
        Block {
            number: self.header.number,
            first_index: self.header.first_index,
            previous: self.header.previous,
            writer: self.header.writer,
            entries: self.entries().map(<[u8]>::to_vec).collect(),
        }
    }
}

/// The entries of one frame, in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        take_entry(&mut self.rest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// Writes frames, keeping its compression context and its buffers from block to block.
pub struct Encoder {
    context: zstd::bulk::Compressor<'static>,
    body: Vec<u8>,
    /// Grows to the largest frame yet and keeps its length, so that no byte is cleared before it is written.
    frame: Vec<u8>,
}

impl Encoder {
    /// Makes an encoder.
    pub fn new() -> Result<Self, EncodeError> {
        let context = zstd::bulk::Compressor::new(COMPRESSION_LEVEL).map_err(EncodeError::Compression)?;
        Ok(Self { context, body: Vec::new(), frame: Vec::new() })
    }

    /// Writes the frame of the block that follows `head` and holds `entries`.
    ///
    /// A block without entries is a block. `TooLarge` means that fewer entries must be tried; nothing has happened.
    pub fn encode<E: AsRef<[u8]>>(
        &mut self,
        head: &Head,
        writer: &[u8; 16],
        entries: &[E],
    ) -> Result<&[u8], EncodeError> {
        let count =
            u32::try_from(entries.len()).ok().filter(|count| *count <= ENTRIES_MAX).ok_or(EncodeError::TooLarge)?;
        self.body.clear();
        for entry in entries.iter().map(AsRef::as_ref) {
            let length = u32::try_from(entry.len()).map_err(|_| EncodeError::TooLarge)?;
            if self.body.len() + 4 + entry.len() > BODY_BYTES_MAX {
                return Err(EncodeError::TooLarge);
            }
            self.body.extend_from_slice(&length.to_be_bytes());
            self.body.extend_from_slice(entry);
        }
        let room = STORED_BODY_OFFSET + zstd::zstd_safe::compress_bound(self.body.len());
        if self.frame.len() < room {
            self.frame.resize(room, 0);
        }
        let (fixed, stored) = self.frame.split_at_mut_checked(STORED_BODY_OFFSET).ok_or(EncodeError::TooLarge)?;
        let stored_bytes = self.context.compress_to_buffer(&self.body, stored).map_err(EncodeError::Compression)?;
        let frame_bytes = STORED_BODY_OFFSET + stored_bytes;
        if frame_bytes > FRAME_BYTES_MAX {
            return Err(EncodeError::TooLarge);
        }
        let stored_checksum = crc32fast::hash(stored.get(..stored_bytes).unwrap_or_default());
        let header = Header {
            frame_bytes: u32::try_from(frame_bytes).map_err(|_| EncodeError::TooLarge)?,
            number: head.next_block,
            first_index: head.next_index,
            count,
            previous: head.last_frame_hash,
            writer: *writer,
            body_hash: *blake3::hash(&self.body).as_bytes(),
        };
        let (header_field, checksum_field) = fixed.split_at_mut_checked(HEADER_BYTES).ok_or(EncodeError::TooLarge)?;
        header_field.copy_from_slice(&header.to_bytes());
        checksum_field.copy_from_slice(&stored_checksum.to_be_bytes());
        Ok(self.frame.get(..frame_bytes).unwrap_or_default())
    }
}

/// Reads frames, keeping its decompression context from block to block.
pub struct Decoder {
    context: Option<zstd::bulk::Decompressor<'static>>,
}

impl Decoder {
    /// Makes a decoder.
    #[must_use]
    pub fn new() -> Self {
        Self { context: zstd::bulk::Decompressor::new().ok() }
    }

    /// Reads one frame as [`Frame::decode`] does.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Frame, DecodeError> {
        self.decode_into(frame, Vec::new())
    }

    /// Reads one frame as [`Frame::decode`] does, into the memory of an earlier body.
    pub fn decode_into(&mut self, frame: &[u8], mut body: Vec<u8>) -> Result<Frame, DecodeError> {
        let header = check_stored(frame)?;
        let stored = frame.get(STORED_BODY_OFFSET..).ok_or(DecodeError::Incomplete)?;
        self.decompress(stored, BODY_BYTES_MAX, &mut body)?;
        if blake3::hash(&body).as_bytes() != &header.body_hash {
            return Err(DecodeError::BodyHash);
        }
        Frame::under(header, body)
    }

    /// Decompresses one zstd frame which declares its content size, if that size is at most `bytes_max`.
    pub(crate) fn decompress(
        &mut self,
        stored: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let declared =
            zstd::zstd_safe::get_frame_content_size(stored).ok().flatten().ok_or(DecodeError::Compression)?;
        let declared = usize::try_from(declared).ok().filter(|bytes| *bytes <= bytes_max).ok_or(DecodeError::Bounds)?;
        into.clear();
        into.reserve(declared);
        let context = self.context.as_mut().ok_or(DecodeError::Compression)?;
        // The buffer's capacity bounds what is written, whatever the frame does after its header.
        context.decompress_to_buffer(stored, into).map_err(|_| DecodeError::Compression)?;
        if into.len() == declared { Ok(()) } else { Err(DecodeError::Compression) }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks all of a frame that can be checked without decompressing it, and returns its header.
pub(crate) fn check_stored(frame: &[u8]) -> Result<Header, DecodeError> {
    let header = Header::parse(frame)?;
    if frame.len() < usize_of(header.frame_bytes) {
        return Err(DecodeError::Incomplete);
    }
    if frame.len() > usize_of(header.frame_bytes) {
        return Err(DecodeError::Bounds);
    }
    let mut rest = frame.get(HEADER_BYTES..).ok_or(DecodeError::Incomplete)?;
    let checksum = u32::from_be_bytes(take(&mut rest)?);
    if checksum != crc32fast::hash(rest) {
        return Err(DecodeError::StoredChecksum);
    }
    Ok(header)
}

/// Why a block could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The entries are too many, or their frame too long, for one block.
    #[error("entries do not fit into one block")]
    TooLarge,
    /// The compressor failed.
    #[error("block could not be compressed")]
    Compression(#[source] std::io::Error),
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the frame does.
    #[error("frame is incomplete")]
    Incomplete,
    /// The bytes do not begin as a frame does.
    #[error("frame does not begin with \"DJB1\"")]
    Magic,
    /// The header is not as it was written.
    #[error("frame header does not match its checksum")]
    HeaderChecksum,
    /// A length, count or number is beyond what the format allows.
    #[error("frame states a length or count beyond its bounds")]
    Bounds,
    /// The compressed body is not as it was written.
    #[error("stored body does not match its checksum")]
    StoredChecksum,
    /// The body cannot be decompressed.
    #[error("body cannot be decompressed")]
    Compression,
    /// The body is not the one that the header names.
    #[error("body does not match its hash")]
    BodyHash,
    /// The body does not hold exactly the entries that the header counts.
    #[error("body does not hold the count of entries that the header states")]
    Count,
}

fn check_count(header: &Header, body: &[u8]) -> Result<(), DecodeError> {
    let mut rest = body;
    for _ in 0..header.count {
        take_entry(&mut rest).ok_or(DecodeError::Count)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(DecodeError::Count) }
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(take(rest).ok()?);
    let (entry, after) = rest.split_at_checked(usize_of(length))?;
    *rest = after;
    Some(entry)
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (taken, after) = rest.split_first_chunk().ok_or(DecodeError::Incomplete)?;
    *rest = after;
    Ok(*taken)
}

fn header_checksum(header: &[u8; HEADER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header.get(..CHECKSUM_OFFSET).unwrap_or_default());
    hasher.update(header.get(CHECKSUM_OFFSET + 4..).unwrap_or_default());
    hasher.finalize()
}

/// Widens; a `usize` has at least 32 bits wherever this program runs.
pub(crate) fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(crate) const MAGIC: [u8; 4] = *b"DJB1";
const CHECKSUM_OFFSET: usize = 8;
const STORED_BODY_OFFSET: usize = HEADER_BYTES + 4;
/// Somebody waits for every block; full segments are compressed again, and better, when nobody does.
const COMPRESSION_LEVEL: i32 = -1;

#[cfg(test)]
mod tests {
    use crate::journal::Head;
    use crate::journal::block::{
        BODY_BYTES_MAX, Block, DecodeError, ENTRIES_MAX, EncodeError, Encoder, FRAME_BYTES_MAX, Frame, HEADER_BYTES,
        Header, STORED_BODY_OFFSET, frame_hash,
    };
    use proptest::prelude::*;

    fn block(entries: Vec<Vec<u8>>) -> Block {
        Block { number: 3, first_index: 40, previous: [9; 32], writer: [5; 16], entries }
    }

    /// Builds a frame whose checksums and hash are right for whatever body and header are given.
    fn forged(stored: &[u8], header: Header) -> Vec<u8> {
        let frame_bytes = u32::try_from(STORED_BODY_OFFSET + stored.len()).unwrap();
        let mut frame = Header { frame_bytes, ..header }.to_bytes().to_vec();
        frame.extend_from_slice(&crc32fast::hash(stored).to_be_bytes());
        frame.extend_from_slice(stored);
        frame
    }

    fn header_for(body: &[u8], count: u32) -> Header {
        let body_hash = *blake3::hash(body).as_bytes();
        Header { frame_bytes: 0, number: 3, first_index: 40, count, previous: [9; 32], writer: [5; 16], body_hash }
    }

    proptest! {
        #[test]
        fn a_block_reads_as_it_was_written(
            number in 0..u64::MAX,
            first_index in 0..u64::MAX - 8,
            previous in any::<[u8; 32]>(),
            writer in any::<[u8; 16]>(),
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        ) {
            let block = Block { number, first_index, previous, writer, entries };
            let frame = block.encode().unwrap();
            prop_assert_eq!(&Block::decode(&frame).unwrap(), &block);
            let read = Frame::decode(&frame).unwrap();
            prop_assert_eq!(read.header().to_bytes().to_vec(), frame[..HEADER_BYTES].to_vec());
            prop_assert_eq!(read.hash(), frame_hash(&frame).unwrap());
            prop_assert_eq!(read.entries().len(), block.entries.len());
        }

        #[test]
        fn foreign_bytes_are_refused_and_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
            if magic && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(b"DJB1");
            }
            prop_assert!(Frame::decode(&bytes).is_err());
        }

        #[test]
        fn foreign_bodies_behind_sound_checksums_never_panic(stored in prop::collection::vec(any::<u8>(), 0..400), count in 0..9_u32) {
            prop_assert!(Frame::decode(&forged(&stored, header_for(&[], count))).is_err());
        }
    }

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_seen() {
        let frame =
            block(vec![b"one and one and one".to_vec(), Vec::new(), b"two and two and two".to_vec()]).encode().unwrap();
        for place in 0..frame.len() {
            assert!(Frame::decode(&frame[..place]).is_err(), "cut at {place}");
            for bit in 0..8 {
                let mut bad = frame.clone();
                bad[place] ^= 1 << bit;
                assert!(Frame::decode(&bad).is_err(), "byte {place}, bit {bit}");
            }
        }
        let mut longer = frame;
        longer.push(0);
        assert_eq!(Frame::decode(&longer), Err(DecodeError::Bounds));
    }

    #[test]
    fn the_bytes_stand_where_they_are_drawn() {
        let frame = block(vec![b"entry".to_vec()]).encode().unwrap();
        assert_eq!(&frame[0..4], b"DJB1");
        assert_eq!(frame[4..8], u32::try_from(frame.len()).unwrap().to_be_bytes());
        let checksum = crc32fast::hash(&[&frame[..8], &frame[12..112]].concat());
        assert_eq!(frame[8..12], checksum.to_be_bytes());
        assert_eq!(frame[12..20], 3_u64.to_be_bytes());
        assert_eq!(frame[20..28], 40_u64.to_be_bytes());
        assert_eq!(frame[28..32], 1_u32.to_be_bytes());
        assert_eq!(frame[32..64], [9; 32]);
        assert_eq!(frame[64..80], [5; 16]);
        assert_eq!(&frame[80..112], blake3::hash(b"\0\0\0\x05entry").as_bytes());
        assert_eq!(frame[112..116], crc32fast::hash(&frame[116..]).to_be_bytes());
        assert_eq!(zstd::decode_all(&frame[116..]).unwrap(), b"\0\0\0\x05entry");
        assert_eq!(&frame_hash(&frame).unwrap(), blake3::hash(&frame[..112]).as_bytes());
    }

    #[test]
    fn a_body_that_would_not_fit_into_memory_is_refused_before_it_is_made() {
        let zeros = vec![0; BODY_BYTES_MAX + 1];
        let bomb = zstd::bulk::compress(&zeros, 1).unwrap();
        assert!(bomb.len() < FRAME_BYTES_MAX);
        assert_eq!(Frame::decode(&forged(&bomb, header_for(&zeros, 0))), Err(DecodeError::Bounds));
    }

    #[test]
    fn a_body_with_more_or_fewer_entries_than_stated_is_refused() {
        let body = b"\0\0\0\x01a\0\0\0\x01b";
        let stored = zstd::bulk::compress(body, 1).unwrap();
        assert!(Frame::decode(&forged(&stored, header_for(body, 2))).is_ok());
        for count in [0, 1, 3, ENTRIES_MAX] {
            assert_eq!(Frame::decode(&forged(&stored, header_for(body, count))), Err(DecodeError::Count));
        }
        assert_eq!(Frame::decode(&forged(&stored, header_for(body, ENTRIES_MAX + 1))), Err(DecodeError::Bounds));
    }

    #[test]
    fn indexes_and_numbers_that_would_overflow_are_refused() {
        let stored = zstd::bulk::compress(&[], 1).unwrap();
        let sound = header_for(&[], 0);
        for bad in [Header { first_index: u64::MAX, count: 1, ..sound }, Header { number: u64::MAX, ..sound }] {
            assert_eq!(Frame::decode(&forged(&stored, bad)), Err(DecodeError::Bounds));
        }
    }

    #[test]
    fn what_does_not_fit_into_one_block_is_refused_and_the_encoder_goes_on() {
        let mut encoder = Encoder::new().unwrap();
        let noise: Vec<u8> =
            (0..FRAME_BYTES_MAX / 32).flat_map(|seed| *blake3::hash(&seed.to_be_bytes()).as_bytes()).collect();
        let refused = encoder.encode(&Head::EMPTY, &[0; 16], &[noise]).map(<[u8]>::len);
        assert!(matches!(refused, Err(EncodeError::TooLarge)), "{refused:?}");
        let refused = encoder.encode(&Head::EMPTY, &[0; 16], &[[]; 65_537]).map(<[u8]>::len);
        assert!(matches!(refused, Err(EncodeError::TooLarge)), "{refused:?}");
        let refused = encoder.encode(&Head::EMPTY, &[0; 16], &[vec![0; BODY_BYTES_MAX]]).map(<[u8]>::len);
        assert!(matches!(refused, Err(EncodeError::TooLarge)), "{refused:?}");
        let frame = encoder.encode(&Head::EMPTY, &[0; 16], &[b"small"]).unwrap();
        assert_eq!(Block::decode(frame).unwrap().entries, [b"small"]);
    }
}
