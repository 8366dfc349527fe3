//! Which text of a body is none, and why: the parser's own words name neither the field nor the fault.

use crate::http::error::Problem;

/// Finds the first text in the body that is not UTF-8, holds a bare control character or half a character.
///
/// The body is read only as far as it is JSON, to know in which field the text stands.
pub(super) fn text(body: &[u8]) -> Option<Problem> {
    let mut within: Vec<Within> = Vec::new();
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        match (byte, within.last_mut()) {
            (b'{', _) => within.push(Within::Object(None)),
            (b'[', _) => within.push(Within::List(0)),
            (b'}' | b']', _) => drop(within.pop()),
            (b',', Some(Within::List(index))) => *index += 1,
            (b',', Some(Within::Object(name))) => *name = None,
            (b'"', innermost) => {
                let start = at + 1;
                let text = until_quote(body.get(start..)?);
                let end = start + text.len();
                if let Some((en, zh)) = fault(text, start) {
                    return Some(Problem::value(pointer(&within), en, zh));
                }
                if let Some(Within::Object(name @ None)) = innermost {
                    *name = serde_json::from_slice(body.get(at..=end)?).ok();
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// What the reader is in the middle of.
enum Within {
    /// An object, at the member of this name once the name is read.
    Object(Option<String>),
    /// A list, at this item.
    List(usize),
}

fn pointer(within: &[Within]) -> String {
    let mut pointer = String::new();
    for part in within {
        match part {
            Within::Object(Some(name)) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            // The name itself is at fault: what it stands in is as near as one can point.
            Within::Object(None) => {}
            Within::List(index) => pointer.push_str(&format!("/{index}")),
        }
    }
    pointer
}

/// Returns a text up to its closing quote, or all there is.
fn until_quote(bytes: &[u8]) -> &[u8] {
    let mut escaped = false;
    let quote = bytes.iter().position(|byte| {
        let found = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        found
    });
    quote.and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

fn fault(text: &[u8], start: usize) -> Option<(String, String)> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let byte = start + error.valid_up_to();
            return Some((
                format!("is not UTF-8: byte {byte} of the body begins no character"),
                format!("不是UTF-8编码：请求内容第{byte}字节处不成字符"),
            ));
        }
    };
    if let Some(control) = text.chars().find(|c| *c < ' ') {
        let code = u32::from(control);
        return Some((
            format!("holds the control character U+{code:04X} as it is, which JSON does not allow"),
            format!("直接含有控制字符U+{code:04X}，JSON不允许"),
        ));
    }
    half_a_character(text).map(|half| {
        (
            format!("holds \\u{half:04x}, one half of a surrogate pair without the other: that is no character"),
            format!("含有不成对的代理码\\u{half:04x}，不是字符"),
        )
    })
}

/// Finds an escaped surrogate without its other half (RFC 8259 §8.2).
fn half_a_character(text: &str) -> Option<u16> {
    let mut escapes = text.split('\\').skip(1).peekable();
    while let Some(escape) = escapes.next() {
        match surrogate(escape) {
            // Between two backslashes nothing stands, and what follows the second is no escape.
            None if escape.is_empty() => drop(escapes.next()),
            None => {}
            Some(half) => {
                let low = escapes.peek().and_then(|next| surrogate(next)).is_some_and(|next| next >= 0xDC00);
                if half >= 0xDC00 || escape.len() > 5 || !low {
                    return Some(half);
                }
                escapes.next();
            }
        }
    }
    None
}

/// Reads a `u` and its four hex digits, if they are half of a pair.
fn surrogate(escape: &str) -> Option<u16> {
    let code = u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()?;
    (0xD800..=0xDFFF).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &[u8]) -> Option<(String, String)> {
        text(body).map(|problem| match problem {
            Problem::Value(problem) => (problem.pointer, problem.en),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_field_of_a_broken_text_is_named() {
        let found = |body: &[u8]| told(body).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(body)));
        let (pointer, words) = found(br#"[{"a":["x","\"]"]},{"data":{"a/b":[1,{"c":"\ud800"}]}}]"#);
        assert_eq!(pointer, "/1/data/a~1b/1/c");
        assert!(words.contains("\\ud800"), "{words}");
        let (pointer, words) = found(b"{\"id\":\"x\",\"subject\":\"ab\xff\"}");
        assert_eq!(pointer, "/subject");
        assert!(words.contains("byte 23"), "{words}");
        let (pointer, words) = found(b"{\"data\":{\"a\":\"x\0\"}}");
        assert_eq!(pointer, "/data/a");
        assert!(words.contains("U+0000"), "{words}");
        assert_eq!(found(b"{\"data\":{\"\xff\":1}}").0, "/data");
    }

    #[test]
    fn halves_are_told_from_pairs_and_from_what_only_looks_like_one() {
        for whole in [r"\ud83d\ude00", r"\\ud800", r"\u00e9", r"a\\\\ud800", r"\n\ud83d\ude00\t"] {
            assert_eq!(half_a_character(whole), None, "{whole}");
        }
        for half in
            [r"\ud83d", r"\ude00", r"\ud83dx\ude00", r"\ud83d\n", r"\ud83d\ud83d", r"\\\ud800", r"\uD83D\\ude00"]
        {
            assert!(half_a_character(half).is_some(), "{half}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_at_all_has_no_broken_text() {
        for body in [&b"\xff\xfe"[..], b"", b"}]]{,:", b"{\"a\":\"b"] {
            assert_eq!(told(body), None);
        }
    }
}
