//! The list of full segments: what each holds, how long it is and what its bytes hash to.
//!
//! A text file named `segments`, replaced as a whole: written as `segments.new`, synced, renamed, the directory synced.
//!
//! ```text
//! dossier journal segments 1
//! plain 0 5120 0 327680 67108211 <hash of its last block, hex> <BLAKE3 of the file, hex>
//! dense 5120 …
//! end 2 <BLAKE3 of every byte before this line, hex>
//! ```
//!
//! The fields of a line: form, first block, count of blocks, first index, count of entries, length of the file in bytes. Numbers are
//! decimal without leading zeros, hashes lowercase. A segment's file is named by its first block in twenty digits, `.djb` if it
//! stands as it was written (`plain`) and `.djz` if it was recompressed (`dense`). There is at most one segment that is not
//! listed: the one being written, which begins where the last listed one ends.

use crate::journal::Head;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// How a segment's blocks are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they were appended.
    Plain,
    /// Recompressed.
    Dense,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) form: Form,
    /// The head before its first block.
    pub(crate) start: Head,
    /// The head behind its last block.
    pub(crate) end: Head,
    /// Length of the file, in bytes.
    pub(crate) length: u64,
    /// BLAKE3 of the file.
    pub(crate) hash: [u8; 32],
}

impl Listed {
    pub(crate) fn file_name(&self) -> String {
        file_name(self.form, self.start.next_block)
    }
}

/// Returns the name of the segment file whose first block has this number.
pub(crate) fn file_name(form: Form, first_block: u64) -> String {
    let extension = match form {
        Form::Plain => "djb",
        Form::Dense => "djz",
    };
    format!("{first_block:020}.{extension}")
}

/// Returns form and first block of a segment file, if this is the name of one.
pub(crate) fn parse_file_name(name: &str) -> Option<(Form, u64)> {
    let (number, extension) = name.split_once('.')?;
    let form = match extension {
        "djb" => Form::Plain,
        "djz" => Form::Dense,
        _ => return None,
    };
    let first_block = number.parse().ok()?;
    (file_name(form, first_block) == name).then_some((form, first_block))
}

/// Returns the text of a list.
pub(crate) fn encode<'a>(segments: impl IntoIterator<Item = &'a Listed>) -> String {
    let mut text = format!("{TITLE}\n");
    let mut count = 0_u64;
    for segment in segments {
        text.push_str(&line(segment));
        count += 1;
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    text.push_str(&format!("end {count} {hash}\n"));
    text
}

/// Reads a list, or returns nothing if a single byte of it is not as [`encode`] writes it.
pub(crate) fn decode(text: &str) -> Option<Vec<Listed>> {
    let mut head = Head::EMPTY;
    let mut segments = Vec::new();
    let lines = text.strip_prefix(TITLE)?.lines().skip(1);
    for line in lines.take_while(|line| !line.starts_with("end ")) {
        let segment = parse_line(line, &head)?;
        head = segment.end;
        segments.push(segment);
    }
    // One text for one list: whatever was parsed leniently above shows here.
    (encode(&segments) == text).then_some(segments)
}

/// Reads the list of a directory; nothing if it has none yet, `Err(None)` if it is damaged.
pub(crate) fn read(directory: &Path) -> Result<Vec<Listed>, Option<io::Error>> {
    match fs::read(directory.join(FILE_NAME)) {
        Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(decode).ok_or(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Some(error)),
    }
}

/// Replaces the list of a directory; durable when it returns, and after an error the old list or the new one stands.
pub(crate) fn write<'a>(directory: &Path, segments: impl IntoIterator<Item = &'a Listed>) -> io::Result<()> {
    let new = directory.join(NEW_FILE_NAME);
    let mut file = File::create(&new)?;
    file.write_all(encode(segments).as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, directory.join(FILE_NAME))?;
    sync_directory(directory)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn line(segment: &Listed) -> String {
    let form = match segment.form {
        Form::Plain => "plain",
        Form::Dense => "dense",
    };
    format!(
        "{form} {} {} {} {} {} {} {}\n",
        segment.start.next_block,
        segment.end.next_block.saturating_sub(segment.start.next_block),
        segment.start.next_index,
        segment.end.next_index.saturating_sub(segment.start.next_index),
        segment.length,
        hex(&segment.end.last_frame_hash),
        hex(&segment.hash),
    )
}

fn parse_line(line: &str, start: &Head) -> Option<Listed> {
    let mut fields = line.split(' ');
    let form = match fields.next()? {
        "plain" => Form::Plain,
        "dense" => Form::Dense,
        _ => return None,
    };
    let mut number = || fields.next()?.parse::<u64>().ok();
    let (first_block, blocks, first_index, entries, length) = (number()?, number()?, number()?, number()?, number()?);
    let end = Head {
        next_block: first_block.checked_add(blocks)?,
        next_index: first_index.checked_add(entries)?,
        last_frame_hash: parse_hex(fields.next()?)?,
    };
    let hash = parse_hex(fields.next()?)?;
    let follows = first_block == start.next_block && first_index == start.next_index && blocks > 0;
    follows.then_some(Listed { form, start: *start, end, length, hash })
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = write!(text, "{byte:02x}");
        text
    })
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}

const TITLE: &str = "dossier journal segments 1";
pub(crate) const FILE_NAME: &str = "segments";
pub(crate) const NEW_FILE_NAME: &str = "segments.new";

#[cfg(test)]
mod tests {
    use crate::journal::Head;
    use crate::journal::list::{self, Form, Listed};

    fn segments() -> Vec<Listed> {
        let middle = Head { next_block: 7, next_index: 100, last_frame_hash: [0xab; 32] };
        let end = Head { next_block: 9, next_index: 100, last_frame_hash: [0xcd; 32] };
        vec![
            Listed { form: Form::Dense, start: Head::EMPTY, end: middle, length: 12_345, hash: [1; 32] },
            Listed { form: Form::Plain, start: middle, end, length: 678, hash: [2; 32] },
        ]
    }

    #[test]
    fn a_list_reads_as_it_was_written() {
        assert_eq!(list::decode(&list::encode(&segments())), Some(segments()));
        assert_eq!(list::decode(&list::encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn a_list_with_any_bit_flipped_or_any_byte_missing_is_refused() {
        let text = list::encode(&segments()).into_bytes();
        for place in 0..text.len() {
            for bit in 0..7 {
                let mut bad = text.clone();
                bad[place] ^= 1 << bit;
                assert_eq!(list::decode(&String::from_utf8(bad).unwrap()), None, "byte {place}, bit {bit}");
            }
            assert_eq!(list::decode(std::str::from_utf8(&text[..place]).unwrap()), None, "cut at {place}");
        }
    }

    #[test]
    fn a_list_whose_segments_do_not_join_is_refused() {
        let mut apart = segments();
        apart[1].start.next_block = 8;
        assert_eq!(list::decode(&list::encode(&apart)), None);
    }

    #[test]
    fn only_names_as_written_are_names_of_segments() {
        assert_eq!(list::parse_file_name("00000000000000000042.djb"), Some((Form::Plain, 42)));
        assert_eq!(list::parse_file_name("00000000000000000042.djz"), Some((Form::Dense, 42)));
        for other in ["42.djb", "+0000000000000000042.djb", "00000000000000000042.djz.new", "segments", ""] {
            assert_eq!(list::parse_file_name(other), None, "{other}");
        }
    }
}
