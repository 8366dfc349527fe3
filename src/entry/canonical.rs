//! Stored bytes in the one form an entry has: whether they are, and what they say, found out in one pass.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use memchr::memchr2;

use crate::clock::Timestamp;
use crate::entry::{ENTRY_BYTES_MAX, Entry, Hash, Link};
use crate::ids::{EntryId, StreamName};

/// An entry in canonical form, as it stands in its bytes.
///
/// Texts are as they stand between their quotes; those that may hold an escape say what they mean.
#[derive(Clone, Debug)]
pub struct Canonical<'a> {
    accesspolicy: Cow<'a, str>,
    actor: Cow<'a, str>,
    actorrole: Cow<'a, str>,
    actorunit: Cow<'a, str>,
    causation: Option<&'a str>,
    correlation: Option<Cow<'a, str>>,
    data: &'a str,
    /// Its id.
    pub id: &'a str,
    latereason: Option<Cow<'a, str>>,
    occurredat: Timestamp,
    policyversion: u64,
    salt: [u8; 16],
    /// The ledger's origin.
    pub source: Cow<'a, str>,
    specversion: Cow<'a, str>,
    /// Its links as they stand in it, each of their form.
    pub streams: &'a str,
    subject: &'a str,
    /// Recorded at.
    pub time: Timestamp,
    kind: Cow<'a, str>,
}

impl<'a> Canonical<'a> {
    /// Reads stored bytes that are exactly those the entry they hold is written as, and `None` of all others.
    ///
    /// Says the same as decoding, encoding again and comparing, at a fraction of the time.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = simdutf8::basic::from_utf8(bytes).ok().filter(|text| text.len() <= ENTRY_BYTES_MAX)?;
        // No text holds one as it is and nothing stands between texts. Without an early end they are looked for side by side.
        let controls = bytes.iter().fold(0, |controls, byte| controls | u8::from(*byte < b' '));
        (controls == 0).then_some(())?;
        let mut from = Scanner { text, at: 0, escaped: false };
        let canonical = Self {
            accesspolicy: from.required("accesspolicy")?,
            actor: from.required("actor")?,
            actorrole: from.required("actorrole")?,
            actorunit: from.required("actorunit")?,
            causation: match from.attribute("causation") {
                true => Some(from.plain_text().filter(|id| EntryId::fits(id))?),
                false => None,
            },
            correlation: from.optional("correlation")?,
            data: {
                from.attribute("data").then_some(())?;
                let start = from.at;
                from.value(0)?;
                text.get(start..from.at)?
            },
            id: from.plain("id").filter(|id| EntryId::fits(id))?,
            latereason: from.optional("latereason")?,
            occurredat: Timestamp::as_written(from.plain("occurredat")?)?,
            policyversion: {
                from.attribute("policyversion").then_some(())?;
                number(from.digits()?)?
            },
            salt: salt(from.plain("salt")?)?,
            source: from.required("source")?,
            specversion: from.required("specversion")?,
            streams: from.plain("streams").filter(|streams| are_links(streams))?,
            subject: from.plain("subject").filter(|subject| StreamName::fits(subject))?,
            time: Timestamp::as_written(from.plain("time")?)?,
            kind: from.required("type")?,
        };
        from.token(b'}').then_some(())?;
        (from.at == text.len()).then_some(canonical)
    }

    /// Takes its attributes over into an entry.
    pub(super) fn entry(self) -> Option<Entry> {
        let mut streams = Vec::with_capacity(4);
        let mut rest = Some(self.streams);
        while let Some(text) = rest {
            let (link, behind) = WrittenLink::first(text)?;
            streams.push(link.link()?);
            rest = behind;
        }
        Some(Entry {
            accesspolicy: self.accesspolicy.into(),
            actor: self.actor.into(),
            actorrole: self.actorrole.into(),
            actorunit: self.actorunit.into(),
            causation: self.causation.map(str::parse).transpose().ok()?,
            correlation: self.correlation.map(Cow::into_owned),
            data: self.data.into(),
            id: self.id.parse().ok()?,
            latereason: self.latereason.map(Cow::into_owned),
            occurredat: self.occurredat,
            policyversion: self.policyversion,
            salt: self.salt,
            source: self.source.into(),
            specversion: self.specversion.into(),
            streams,
            subject: self.subject.parse().ok()?,
            time: self.time,
            kind: self.kind.into(),
        })
    }
}

/// A link as it stands in an entry: `name@version:prev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenLink<'a> {
    /// The stream.
    pub name: &'a str,
    /// The entry's version in it, from 1.
    pub version: u64,
    /// The hash of the entry before it in lower-case hex, or `-`.
    pub previous: &'a str,
}

impl<'a> WrittenLink<'a> {
    /// Reads the first of one or more links separated by spaces; returns it and what stands behind it, if anything does.
    pub fn first(text: &'a str) -> Option<(Self, Option<&'a str>)> {
        // A general search of so short a text costs more than looking at each byte.
        let until = |text: &'a str, mark: u8| {
            let (before, rest) = text.split_at_checked(text.bytes().position(|byte| byte == mark)?)?;
            Some((before, rest.get(1..)?))
        };
        let (name, rest) = until(text, b'@')?;
        let (version, rest) = until(rest, b':')?;
        let (previous, rest) = rest.split_at_checked(if rest.starts_with('-') { 1 } else { 64 })?;
        let rest = if rest.is_empty() { None } else { Some(rest.strip_prefix(' ')?) };
        Some((Self { name, version: number(version)?, previous }, rest))
    }

    /// Reads its parts.
    pub(super) fn link(&self) -> Option<Link> {
        let previous = match self.previous {
            "-" => None,
            hash => Some(Hash::from_hex(hash)?),
        };
        Some(Link { name: self.name.parse().ok()?, version: self.version, previous })
    }

    fn fits(&self) -> bool {
        // Without an early end the digits are looked at side by side.
        let other = |byte: u8| u8::from(!matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let hash = self.previous == "-" || self.previous.bytes().fold(0, |others, byte| others | other(byte)) == 0;
        hash && StreamName::fits(self.name)
    }
}

fn are_links(text: &str) -> bool {
    let mut rest = Some(text);
    while let Some(text) = rest {
        match WrittenLink::first(text) {
            Some((link, behind)) if link.fits() => rest = behind,
            Some(_) | None => return false,
        }
    }
    true
}

fn salt(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 18];
    let written = text.len() == 22 && BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(16);
    bytes.first_chunk().copied().filter(|_| written)
}

/// Reads a decimal number without sign or leading zeros.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Reads JSON as RFC 8785 writes it, and nothing else.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Whether the text read last holds an escape.
    escaped: bool,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn token(&mut self, token: u8) -> bool {
        let found = self.rest().first() == Some(&token);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// Reads what stands before the value of the attribute, if it is the next one.
    fn attribute(&mut self, name: &str) -> bool {
        let before = if self.at == 0 { b'{' } else { b',' };
        let found = match self.rest() {
            [first, b'"', rest @ ..] if *first == before => {
                rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"\":"))
            }
            _ => false,
        };
        self.at += if found { name.len() + 4 } else { 0 };
        found
    }

    /// Reads the attribute, which must be the next one, and what its text means.
    fn required(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.attribute(name).then_some(())?;
        self.read_text()
    }

    /// Reads the attribute and what its text means if it is the next one; what is inside is `None` where it is not there.
    fn optional(&mut self, name: &str) -> Option<Option<Cow<'a, str>>> {
        if self.attribute(name) { self.read_text().map(Some) } else { Some(None) }
    }

    /// Reads the attribute, which must be the next one, and its text, which must have nothing to escape.
    fn plain(&mut self, name: &str) -> Option<&'a str> {
        self.attribute(name).then_some(())?;
        self.plain_text()
    }

    /// Reads a string, returned as it stands between its quotes.
    fn text(&mut self) -> Option<&'a str> {
        self.token(b'"').then_some(())?;
        let start = self.at;
        self.escaped = false;
        loop {
            self.at += plain(self.rest());
            match self.rest() {
                [b'"', ..] => {
                    let text = self.text.get(start..self.at)?;
                    self.at += 1;
                    return Some(text);
                }
                [b'\\', b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => {
                    (self.at, self.escaped) = (self.at + 2, true);
                }
                // What has a short form has no long one, and hex digits are in lower case (RFC 8785 §3.2.2.2).
                [b'\\', b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..]
                | [b'\\', b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => {
                    (self.at, self.escaped) = (self.at + 6, true);
                }
                _ => return None,
            }
        }
    }

    /// Reads a string that has nothing to escape.
    fn plain_text(&mut self) -> Option<&'a str> {
        self.text().filter(|_| !self.escaped)
    }

    /// Reads a string and what it means.
    fn read_text(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let text = self.text()?;
        if self.escaped {
            return serde_json::from_str(self.text.get(start..self.at)?).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(text))
    }

    fn digits(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.text.get(start..self.at)
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        // As deep as what reads it again goes.
        if depth > DEPTH_MAX {
            return None;
        }
        match self.rest().first()? {
            b'"' => self.text().map(drop),
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' => {
                self.at += 1;
                let digits = self.digits()?;
                number::<u64>(digits).filter(|number| (1..1 << 53).contains(number)).map(drop)
            }
            _ => {
                let digits = self.digits()?;
                number::<u64>(digits).filter(|number| *number < 1 << 53).map(drop)
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.token(b']') {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if !self.token(b',') {
                return self.token(b']').then_some(());
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.token(b'}') {
            return Some(());
        }
        let mut before: Option<(&str, bool)> = None;
        loop {
            let name = self.text()?;
            let simple = name.bytes().all(|byte| byte.is_ascii() && byte != b'\\');
            let rises = match before {
                None => true,
                // Most names are as they stand, and of these the bytes are the code units.
                Some((before, true)) if simple => before < name,
                Some((before, _)) => code_units(before).lt(&code_units(name)),
            };
            rises.then_some(())?;
            before = Some((name, simple));
            self.token(b':').then_some(())?;
            self.value(depth)?;
            if !self.token(b',') {
                return self.token(b'}').then_some(());
            }
        }
    }
}

/// Counts the bytes before the first that ends a text or begins an escape.
///
/// Most of an entry is text with nothing to escape. Of short ones, which most are, eight bytes are looked at at once; a search that takes
/// more at once has to be begun first.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The high bit of every byte that is zero; above the first such byte there may be others too many.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, _) = bytes.as_chunks::<8>();
    for (count, word) in words.iter().take(SHORT_WORDS).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return count * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let looked_at = words.len().min(SHORT_WORDS) * 8;
    let rest = bytes.get(looked_at..).unwrap_or_default();
    looked_at + memchr2(b'"', b'\\', rest).unwrap_or(rest.len())
}

/// Returns what a name that stands between quotes is sorted by: its UTF-16 code units (RFC 8785 §3.2.3).
fn code_units(name: &str) -> Vec<u16> {
    serde_json::from_str::<String>(&format!("\"{name}\"")).unwrap_or_default().encode_utf16().collect()
}

const DEPTH_MAX: usize = 120;

/// Words of eight bytes in a text that is short.
const SHORT_WORDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::sample;

    /// The definition: decode, encode again, compare.
    fn defined(bytes: &[u8]) -> bool {
        let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { return false };
        let data: serde_json::Value = serde_json::from_str(&entry.data).unwrap_or_default();
        entry.encode().is_ok_and(|again| again == bytes)
            && integers(&data)
            && serde_json_canonicalizer::to_string(&data).is_ok_and(|again| *again == *entry.data)
    }

    /// What RFC 8785 leaves open: which numbers there are.
    fn integers(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.as_i64().is_some_and(|number| number.unsigned_abs() < 1 << 53),
            serde_json::Value::Array(items) => items.iter().all(integers),
            serde_json::Value::Object(members) => members.values().all(integers),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::String(_) => true,
        }
    }

    fn agree(bytes: &[u8]) -> bool {
        let canonical = defined(bytes);
        let read = Canonical::read(bytes);
        assert_eq!(read.is_some(), canonical, "{}", String::from_utf8_lossy(bytes));
        if let Some(read) = read {
            assert_eq!(read.entry(), serde_json::from_slice(bytes).ok());
        }
        canonical
    }

    fn full() -> Entry {
        let mut entry = sample();
        entry.causation = Some("entry-0000".parse().unwrap());
        entry.correlation = Some("a \"quoted\" \\ \u{1}\n客户 \u{7f}\u{2028}".into());
        entry.latereason = Some("\"".into());
        entry.data =
            r#"{"a":[-1,0,9007199254740991,null,true,false,{}],"b":{"\u0001":"\b\t\n\f\r\u001f","é":[]},"客":"\""}"#
                .into();
        entry
    }

    #[test]
    fn what_is_written_is_canonical_and_read() {
        for entry in [sample(), full()] {
            let bytes = entry.encode().unwrap();
            assert!(agree(&bytes));
            let read = Canonical::read(&bytes).unwrap();
            assert_eq!((read.id, &*read.source, read.time), (entry.id.as_str(), entry.source.as_str(), entry.time));
        }
        let mut quoted = sample();
        quoted.source = "a\"b".into();
        assert_eq!(Canonical::read(&quoted.encode().unwrap()).unwrap().source, "a\"b");
    }

    #[test]
    fn every_other_spelling_of_the_same_is_told() {
        let text = String::from_utf8(full().encode().unwrap()).unwrap();
        let spellings = [
            ("{\"accesspolicy\"", " {\"accesspolicy\""),
            ("\"data\":{", "\"data\": {"),
            ("\"data\":{\"a\"", "\"data\":{\"\\u0061\""),
            ("[-1,0,", "[-1,-0,"),
            ("[-1,0,", "[-01,0,"),
            ("[-1,0,", "[-1.0,0,"),
            ("[-1,0,", "[-1,0e1,"),
            ("9007199254740991", "9007199254740992"),
            ("\\u001f", "\\u001F"),
            ("\\n", "\\u000a"),
            ("\\n", "\\u000A"),
            ("客", "\\u5ba2"),
            ("\"\\u0001\":", "\"\\u0001\":0,\"\\u0001\":"),
            ("\"é\":[]", "\"é\":[],\"é\":[]"),
            ("\"é\":[]", "\"é\":[],\"a\":1"),
            ("\"é\":[]", "\"\u{1F600}\":1,\"\u{FFFF}\":1"),
            ("\"é\":[]", "\"\u{FFFF}\":1,\"\u{1F600}\":1"),
            ("@2:", "@02:"),
            ("@2:", "@+2:"),
            ("0909", "090A"),
            ("00.000002Z", "00.000002+00:00"),
            ("00.000002Z", "00.0000020Z"),
            ("00.000002Z", "60.000002Z"),
            ("1970-01-01T", "1970-01-01 "),
            ("1970-01-01T", "1970-02-30T"),
            ("\"policyversion\":1", "\"policyversion\":01"),
            ("\"policyversion\":1", "\"policyversion\":18446744073709551615"),
            ("\"policyversion\":1", "\"policyversion\":18446744073709551616"),
            ("BwcHBwcHBwcHBwcHBwcHBw", "BwcHBwcHBwcHBwcHBwcHBx"),
            ("BwcHBwcHBwcHBwcHBwcHBw", "BwcHBwcHBwcHBwcHBwcHBw=="),
            ("\"causation\":\"entry-0000\",", ""),
            ("\"causation\":\"entry-0000\"", "\"causation\":null"),
            ("entry-0001", "entry 0001"),
            ("\"type\":", "\"more\":1,\"type\":"),
            (",\"type\":\"contact.recorded\"", ""),
        ];
        let mut canonical = 0;
        for (from, to) in spellings {
            assert!(text.contains(from), "{from}");
            canonical += u32::from(agree(text.replacen(from, to, 1).as_bytes()));
        }
        // Those without the cause, with the names in their other order, and with a greater version of the policy.
        assert_eq!(canonical, 3);
        assert!(!agree(format!("{text} ").as_bytes()));
        assert!(!agree(format!("{text}{text}").as_bytes()));
        assert!(!agree(b""));
    }

    #[test]
    fn no_byte_can_be_changed_left_out_or_doubled_without_both_ways_agreeing() {
        let bytes = full().encode().unwrap();
        for place in 0..bytes.len() {
            for byte in *b"\0 \"\\,:{}[]0aAZ-+.\x7f\xc3" {
                let mut other = bytes.clone();
                other[place] = byte;
                agree(&other);
                other.insert(place, bytes[place]);
                agree(&other);
            }
            let mut shorter = bytes.clone();
            shorter.remove(place);
            agree(&shorter);
            agree(&bytes[..place]);
        }
    }

    #[test]
    fn neither_depth_nor_length_breaks_it() {
        let mut deep = sample();
        deep.data = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)).into();
        assert!(Canonical::read(&deep.encode().unwrap()).is_none());
        let mut long = sample().encode().unwrap();
        long.resize(ENTRY_BYTES_MAX + 1, b' ');
        assert!(Canonical::read(&long).is_none());
    }
}
