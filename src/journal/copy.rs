//! What a backup copies of a journal, beside whoever is writing it.
//!
//! Full segments never change: they are copied as files and compared with their listed hashes. Of the segment being written only the
//! blocks up to a given entry are taken, read and checked one by one; what is appended meanwhile is left for the next time.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::journal::file::place;
use crate::journal::list::{self, Form, Listed};
use crate::journal::segment::{SCAN_PIECE_BYTES, ScanError, Step, Walk};
use crate::journal::{Damage, Decoder, Flaw, Head, VerifyError};

/// A full segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name of its file.
    pub name: String,
    /// The length of its file, in bytes.
    pub length: u64,
    /// The BLAKE3 of its file.
    pub hash: [u8; 32],
}

/// The full segments of a journal.
#[derive(Clone, Debug)]
pub struct Full {
    listed: Vec<Listed>,
}

impl Full {
    /// Reads the list of full segments.
    ///
    /// # Errors
    /// The list is not as it was written, or cannot be read.
    pub fn read(directory: &Path) -> Result<Self, VerifyError> {
        match list::read(directory) {
            Ok(listed) => Ok(Self { listed }),
            Err(Some(error)) => Err(error.into()),
            Err(None) => {
                let file = list::FILE_NAME.to_owned();
                Err(Damage { file, offset: 0, first_bad_index: 0, flaw: Flaw::List }.into())
            }
        }
    }

    /// Returns how many entries they hold.
    pub fn entries(&self) -> u64 {
        self.end().next_index
    }

    /// Returns them in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        self.listed.iter().map(|listed| Segment { name: listed.file_name(), length: listed.length, hash: listed.hash })
    }

    /// Returns the name and the text of the list itself.
    pub fn list(&self) -> (&'static str, String) {
        (list::FILE_NAME, list::encode(&self.listed))
    }

    /// Reads the blocks behind the full segments, up to the one that ends with the first `entries` entries.
    ///
    /// Returns nothing if the segment being written does not reach so far: it has become full meanwhile, and the list is to be read again.
    ///
    /// # Errors
    /// A block before that is not what was written, or the file cannot be read.
    pub fn rest(&self, directory: &Path, entries: u64) -> Result<Option<Rest>, VerifyError> {
        let start = self.end();
        let name = list::file_name(Form::Plain, start.next_block);
        if entries == start.next_index {
            return Ok(Some(Rest { name, bytes: Vec::new() }));
        }
        let file = match File::open(directory.join(&name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = file.metadata()?.len();
        let mut walk = Walk::new(file, 0, length, SCAN_PIECE_BYTES);
        let (mut head, mut decoder, mut bytes) = (start, Decoder::new(), Vec::new());
        while head.next_index < entries {
            let (offset, index) = (walk.offset(), head.next_index);
            let damaged = |flaw| place(ScanError::Damaged { offset, index, flaw }, &name, &start);
            let header = match walk.peek()? {
                Step::Frame(header, frame) => {
                    decoder.decode(frame).map_err(|flaw| damaged(Flaw::Block(flaw)))?;
                    head = head.follow(&header).ok_or_else(|| damaged(Flaw::Chain))?;
                    bytes.extend_from_slice(frame);
                    header
                }
                // Zeros are room for the next blocks, and an end is where a full segment was cut to its blocks.
                Step::End | Step::Bad(_) => return Ok(None),
            };
            walk.pass(&header);
        }
        Ok((head.next_index == entries).then_some(Rest { name, bytes }))
    }

    fn end(&self) -> Head {
        self.listed.last().map_or(Head::EMPTY, |last| last.end)
    }
}

/// The first blocks of the segment being written.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The name of its file.
    pub name: String,
    /// The blocks.
    pub bytes: Vec<u8>,
}

/// Tells whether a file of this name may belong to a journal directory: the list of its full segments, or a segment.
pub fn belongs(name: &str) -> bool {
    name == list::FILE_NAME || list::parse_file_name(name).is_some()
}
