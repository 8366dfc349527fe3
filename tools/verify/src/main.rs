//! `dossier-verify --key VKEY FILE`: verifies an evidence bundle, offline, without a line of the server's code.
//!
//! Read this file, then `bundle.rs` (the questions), then `note.rs` (the signature). The formats are in `schemas/README.md`.
//! The program reads the one file it is given, prints, and ends with 0 (no objection), 2 (called wrongly),
//! 4 (something is not as it should be) or 5 (the file cannot be read).

mod bundle;
mod note;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use bundle::{Answer, Bundle, Findings};

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let (text, code) = run(&arguments);
    let written = if code == USAGE || code == UNREADABLE {
        std::io::stderr().write_all(text.as_bytes())
    } else {
        std::io::stdout().write_all(text.as_bytes())
    };
    // A verdict nobody could see is no verdict.
    ExitCode::from(if written.is_ok() { code } else { UNREADABLE })
}

/// Does everything but print.
fn run(arguments: &[String]) -> (String, u8) {
    let (key, path) = match arguments {
        [flag, key, path] if flag == "--key" => (key, path),
        [path, flag, key] if flag == "--key" => (key, path),
        [flag] if flag == "--help" || flag == "-h" => return (USAGE_TEXT.into(), SOUND),
        _ => return (USAGE_TEXT.into(), USAGE),
    };
    let key = match note::read_key(key) {
        Ok(key) => key,
        Err(error) => return (format!("error: {}\n{USAGE_TEXT}", printable(&error)), USAGE),
    };
    let bytes = match read_file(path) {
        Ok(bytes) => bytes,
        Err(error) => return (format!("error: cannot read {}: {}\n", printable(path), printable(&error)), UNREADABLE),
    };
    let bundle = match bundle::read(&bytes) {
        Ok(bundle) => bundle,
        Err(error) => return (format!("error: not an evidence bundle: {}\n", printable(&error)), UNREADABLE),
    };
    let findings = bundle::examine(&bundle, &key);
    let sound = [&findings.signature, &findings.included, &findings.unaltered, &findings.in_order, &findings.gapless]
        .iter()
        .all(|answer| answer.is_ok());
    (report(&bundle, &findings), if sound { SOUND } else { INTEGRITY })
}

fn read_file(path: &str) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    file.take(bundle::FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bundle::FILE_MAX {
        return Err(format!("it is larger than {} bytes", bundle::FILE_MAX));
    }
    Ok(bytes)
}

/// One line for each question, then the entries.
fn report(bundle: &Bundle, findings: &Findings) -> String {
    let mut text = String::new();
    let mut line = |question: &str, answer: &str| {
        // Writing into a string cannot fail.
        writeln!(text, "{question:<31}{}", printable(answer)).expect("a string takes every text");
    };
    let yes_or_no = |answer: &Answer| match answer {
        Ok(remark) => format!("yes: {remark}"),
        Err(reason) => format!("NO: {reason}"),
    };
    line("ledger", &bundle.origin);
    line("stream", &bundle.stream);
    line("signature?", &yes_or_no(&findings.signature));
    line("included?", &yes_or_no(&findings.included));
    line("unaltered?", &yes_or_no(&findings.unaltered));
    line("in order?", &yes_or_no(&findings.in_order));
    line("gapless, first to last shown?", &yes_or_no(&findings.gapless));
    line("complete up to checkpoint?", "not claimed: entries after the last one shown may exist");
    let cosigners = match findings.others.as_slice() {
        [] => "none".to_owned(),
        names => format!("unknown, not verified: {}", names.join(", ")),
    };
    line("cosigned by whom?", &cosigners);
    if bundle.opened > 0 {
        line("opened values?", &format!("{} not verified by this program", bundle.opened));
    }
    text.push('\n');
    text.push_str(&table(bundle));
    text
}

fn table(bundle: &Bundle) -> String {
    let mut rows = vec![["index", "time", "type", "actor", "hash"].map(str::to_owned)];
    for entry in &bundle.entries {
        let [time, kind, actor] = match &entry.content {
            Ok(content) => [printable(&content.time), printable(&content.kind), printable(&content.actor)],
            Err(_) => ["?"; 3].map(str::to_owned),
        };
        rows.push([entry.index.to_string(), time, kind, actor, entry.hash.clone()]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Makes foreign text safe to print: what could move the cursor, reverse the line or hide is written out, and the length is bounded.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (place, c) in text.chars().enumerate() {
        if place == PRINTED_MAX {
            shown.push_str("...");
            break;
        }
        let invisible = matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
        if c.is_control() || invisible {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

const SOUND: u8 = 0;
const USAGE: u8 = 2;
const INTEGRITY: u8 = 4;
const UNREADABLE: u8 = 5;

/// The most characters printed of any one foreign text.
const PRINTED_MAX: usize = 200;

const USAGE_TEXT: &str = "usage: dossier-verify --key VKEY FILE\n\
    \n\
    Verifies a Dossier evidence bundle (dossier-evidence/1) against the ledger's public key.\n\
    Get VKEY from somewhere other than the bundle: it looks like dossier.example.com/ledger+1a2b3c4d+AQ...=\n\
    Exit code: 0 no objection, 2 called wrongly, 4 not intact, 5 unreadable.\n";

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use serde_json::{Value, json};
    use sha2::{Digest as _, Sha256};

    use super::*;

    const ORIGIN: &str = "dossier.example.com/ledger";

    fn encode(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
            for place in 0..4 {
                let letter = char::from(ALPHABET[bits >> (18 - 6 * place) & 63]);
                text.push(if place <= group.len() { letter } else { '=' });
            }
        }
        text
    }

    fn signed(text: &str) -> (String, String) {
        let key = SigningKey::from_bytes(&[5; 32]);
        let public = [&[1][..], key.verifying_key().as_bytes()].concat();
        let id = Sha256::digest([ORIGIN.as_bytes(), b"\n", &public].concat())[..4].to_vec();
        let signature = [&id[..], &key.sign(text.as_bytes()).to_bytes()].concat();
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        (format!("{text}\n— {ORIGIN} {}\n", encode(&signature)), format!("{ORIGIN}+{hex}+{}", encode(&public)))
    }

    fn entry(index: u64, actor: &str, streams: &str) -> String {
        // Members in sorted order, as the canonical form has them.
        json!({"actor": actor, "data": {"note": "客户"}, "source": ORIGIN, "streams": streams,
            "time": format!("2026-11-21T08:00:00.{index:06}Z"), "type": "contact.recorded"})
        .to_string()
    }

    /// A ledger of three entries, all of them in one stream, and its key. The tree: ((0, 1), 2).
    fn bundle_with(change: impl Fn(&mut Vec<String>)) -> (Value, String) {
        let hex = |entry: &String| blake3::hash(entry.as_bytes()).to_hex().to_string();
        let mut entries = vec![entry(0, "E-101", "customer/C-1@1:-")];
        entries.push(entry(1, "E-102", &format!("customer/C-1@2:{}", hex(&entries[0]))));
        entries.push(entry(2, "E-101", &format!("customer/C-1@3:{}", hex(&entries[1]))));
        change(&mut entries);
        let sha = |parts: &[&[u8]]| -> Vec<u8> { Sha256::digest(parts.concat()).to_vec() };
        let leaves: Vec<Vec<u8>> = entries.iter().map(|entry| sha(&[&[0], entry.as_bytes()])).collect();
        let left = sha(&[&[1], &leaves[0], &leaves[1]]);
        let root = sha(&[&[1], &left, &leaves[2]]);
        let (checkpoint, key) = signed(&format!("{ORIGIN}\n3\n{}\n", encode(&root)));
        let proofs = [vec![&leaves[1], &leaves[2]], vec![&leaves[0], &leaves[2]], vec![&left]];
        let shown: Vec<Value> = entries
            .iter()
            .zip(proofs)
            .enumerate()
            .map(|(index, (entry, proof))| {
                json!({"index": index, "entry": entry, "proof": proof.iter().map(|hash| encode(hash)).collect::<Vec<_>>()})
            })
            .collect();
        let file = json!({"format": "dossier-evidence/1", "origin": ORIGIN, "checkpoint": checkpoint, "stream": "customer/C-1", "entries": shown});
        (file, key)
    }

    fn good() -> (Value, String) {
        bundle_with(|_| ())
    }

    /// The verdict on a file's bytes, by the same way as from the command line but for the disk.
    fn verdict(bytes: &[u8], key: &str) -> (String, u8) {
        let key = note::read_key(key).unwrap();
        let Ok(bundle) = bundle::read(bytes) else { return (String::new(), UNREADABLE) };
        let findings = bundle::examine(&bundle, &key);
        let all = [&findings.signature, &findings.included, &findings.unaltered, &findings.in_order, &findings.gapless];
        (report(&bundle, &findings), if all.iter().all(|answer| answer.is_ok()) { SOUND } else { INTEGRITY })
    }

    fn line<'a>(report: &'a str, question: &str) -> &'a str {
        report.lines().find(|line| line.starts_with(question)).unwrap()
    }

    #[test]
    fn a_true_bundle_has_no_objection_and_claims_nothing_more() {
        let (file, key) = good();
        let path = std::env::temp_dir().join(format!("dossier-verify-{}.json", std::process::id()));
        std::fs::write(&path, file.to_string()).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let (report, code) = run(&["--key".into(), key.clone(), path.clone()]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(code, SOUND, "{report}");
        assert!(line(&report, "signature?").contains("yes: 3 entries"));
        assert!(line(&report, "gapless").contains("versions 1 to 3"));
        assert!(line(&report, "complete").contains("not claimed: entries after the last one shown may exist"));
        assert!(line(&report, "cosigned").ends_with("none"));
        assert_eq!(report.lines().filter(|line| line.contains("contact.recorded")).count(), 3);
        let (_, code) = run(&["--key".into(), key, path]);
        assert_eq!(code, UNREADABLE);
    }

    #[test]
    fn whatever_byte_is_changed_the_program_objects_unless_it_was_white_space() {
        let (file, key) = good();
        let text = serde_json::to_string_pretty(&file).unwrap().into_bytes();
        for at in 0..text.len() {
            for bit in [0, 1, 5, 7] {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                let (_, code) = verdict(&changed, &key);
                let both_white = text[at].is_ascii_whitespace() && changed[at].is_ascii_whitespace();
                assert!(code != SOUND || both_white, "byte {at}, bit {bit}: {}", String::from_utf8_lossy(&changed));
            }
        }
    }

    #[test]
    fn a_file_cut_short_is_unreadable() {
        let (file, key) = good();
        let text = file.to_string();
        for end in 0..text.len() {
            assert_eq!(verdict(&text.as_bytes()[..end], &key).1, UNREADABLE);
        }
    }

    #[test]
    fn a_changed_entry_is_neither_included_nor_unaltered() {
        let (mut file, key) = good();
        let changed = file["entries"][1]["entry"].as_str().unwrap().replace("E-102", "E-999");
        file["entries"][1]["entry"] = changed.into();
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, INTEGRITY);
        assert!(line(&report, "signature?").contains("yes"));
        assert!(line(&report, "included?").contains("NO: entry 1"));
        assert!(line(&report, "unaltered?").contains("NO"));
        assert!(line(&report, "gapless").contains("NO: entry 2 names another predecessor"));
    }

    #[test]
    fn an_entry_left_out_is_a_gap_and_an_end_cut_off_is_not_noticed_and_not_claimed() {
        let (mut file, key) = good();
        file["entries"].as_array_mut().unwrap().remove(1);
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, INTEGRITY);
        assert!(line(&report, "included?").contains("yes"));
        assert!(line(&report, "gapless").contains("NO: entry 2 has version 3"));

        let (mut file, key) = good();
        file["entries"].as_array_mut().unwrap().pop();
        assert_eq!(verdict(file.to_string().as_bytes(), &key).1, SOUND);
    }

    #[test]
    fn exchanged_entries_are_out_of_order() {
        let (mut file, key) = good();
        file["entries"].as_array_mut().unwrap().swap(0, 1);
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, INTEGRITY);
        assert!(line(&report, "in order?").contains("NO: entry 0"));
    }

    #[test]
    fn a_link_or_form_that_is_wrong_is_found_even_if_the_ledger_signed_it() {
        let zeros = "0".repeat(64);
        let (file, key) = bundle_with(|entries| entries[2] = entry(2, "E-101", &format!("customer/C-1@3:{zeros}")));
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, INTEGRITY);
        assert!(line(&report, "included?").contains("yes"));
        assert!(line(&report, "unaltered?").contains("NO: entry 2 names another predecessor"));

        let (file, key) = bundle_with(|entries| entries[2] = entries[2].replacen('{', "{\"actor\":\"E-999\",", 1));
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, INTEGRITY);
        assert!(line(&report, "unaltered?").contains("NO: entry 2: it is not in canonical form"));

        let (file, key) = bundle_with(|entries| entries[0] = entries[0].replace(ORIGIN, "elsewhere.example"));
        let (report, _) = verdict(file.to_string().as_bytes(), &key);
        assert!(line(&report, "unaltered?").contains("NO: entry 0 is of the ledger \"elsewhere.example\""));
    }

    #[test]
    fn the_signature_of_a_stranger_is_named_and_believed_by_nobody() {
        let (mut file, key) = good();
        let note = file["checkpoint"].as_str().unwrap().to_owned();
        let stranger = format!("{note}— witness.example {}\n", encode(&[9; 76]));
        file["checkpoint"] = stranger.into();
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, SOUND);
        assert!(line(&report, "cosigned").ends_with("unknown, not verified: witness.example"));

        let (other, _) = signed("another text\n");
        file["checkpoint"] = format!("{note}{}", other.rsplit_once("\n\n").unwrap().1).into();
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, INTEGRITY);
        assert!(line(&report, "signature?").contains("NO: the signature is false"));
    }

    #[test]
    fn opened_values_are_named_as_not_verified() {
        let (mut file, key) = good();
        file["opened"] = json!([{"index": 0, "pointer": "/data/note", "key": "", "plaintext": "x"}]);
        let (report, code) = verdict(file.to_string().as_bytes(), &key);
        assert_eq!(code, SOUND);
        assert!(line(&report, "opened").ends_with("1 not verified by this program"));
    }

    #[test]
    fn nothing_foreign_reaches_the_terminal_raw() {
        let (file, key) =
            bundle_with(|entries| entries[0] = entry(0, "E\u{1b}[2J\u{202e}\n客户\u{9b}", "customer/C-1@1:-"));
        let (report, _) = verdict(file.to_string().as_bytes(), &key);
        assert!(report.contains("E\\u{1b}[2J\\u{202e}\\u{a}客户\\u{9b}"));
        assert!(report.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'));
        assert!(printable(&"x".repeat(5000)).len() < 300);
    }

    #[test]
    fn a_wrong_call_is_told_apart_from_an_unreadable_file() {
        let key = good().1;
        let call =
            |arguments: &[&str]| run(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>()).1;
        assert_eq!(call(&[]), USAGE);
        assert_eq!(call(&["--key", &key]), USAGE);
        assert_eq!(call(&["--key", "nonsense", "/nonexistent"]), USAGE);
        assert_eq!(call(&["--key", &key, "/nonexistent"]), UNREADABLE);
        assert_eq!(call(&["--help"]), SOUND);
    }

    #[test]
    fn nonsense_is_unreadable_and_nothing_panics() {
        let key = good().1;
        for text in ["", "null", "[]", "{}", "\u{feff}{}", &"[".repeat(200_000), &"{\"entries\":".repeat(5000)] {
            assert_eq!(verdict(text.as_bytes(), &key).1, UNREADABLE);
        }
        for extra in [json!({"comment": 1}), json!({"entries": []}), json!({"format": "dossier-evidence/2"})] {
            let mut file = good().0;
            file.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            assert_eq!(verdict(file.to_string().as_bytes(), &key).1, UNREADABLE);
        }
        let twice = good().0.to_string().replacen('{', "{\"origin\":\"x\",", 1);
        assert_eq!(verdict(twice.as_bytes(), &key).1, UNREADABLE);
    }
}
