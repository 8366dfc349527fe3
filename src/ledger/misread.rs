//! Why a text is no proposal, in words of our own: the parser's are English and name neither field nor remedy.

use serde_json::Value;
use serde_json::error::Category;

use crate::domain::catalog::Problem;

/// Says what is wrong with a text that was to be a proposal or a list of them.
///
/// `more` names the attributes that a door takes beside those of a proposal; all of them are texts. The pointer is empty where
/// nothing can be pointed at: the text is no JSON.
pub fn misread(text: &[u8], error: &serde_json::Error, more: &[&str]) -> Problem {
    let nowhere = |en: &str, zh: &str| at("", en, zh);
    match error.classify() {
        Category::Eof if text.trim_ascii().is_empty() => {
            nowhere("is empty: give an event or a list of events", "内容为空，须为一个事件或事件列表")
        }
        Category::Eof => nowhere("ends before the JSON is complete", "内容提前结束，JSON不完整"),
        Category::Data => match serde_json::from_slice(text) {
            Ok(value) => {
                misshapen(&value, more).unwrap_or_else(|| nowhere("has the same attribute twice", "同一属性出现了两次"))
            }
            // What was looked at last is of the wrong shape, and what follows it is no JSON.
            Err(error) => misread(text, &error, more),
        },
        Category::Syntax | Category::Io => {
            // The parser tells its reasons in words alone; what it does not say below is a fault of grammar.
            let reason = error.to_string();
            if reason.starts_with("recursion limit") {
                nowhere("is nested too deeply", "嵌套层次过深")
            } else if reason.starts_with("number out of range") {
                nowhere("has a number that is too large", "数值超出范围")
            } else if reason.starts_with("trailing characters") {
                nowhere("has something behind the JSON", "JSON之后还有多余内容")
            } else {
                nowhere("is not JSON from here on", "自此处起不符合JSON语法")
            }
        }
    }
}

/// Finds the first value that has no place in a proposal.
fn misshapen(value: &Value, more: &[&str]) -> Option<Problem> {
    match value {
        Value::Array(proposals) => {
            proposals.iter().enumerate().find_map(|(place, value)| proposal(&format!("/{place}"), value, more))
        }
        value => proposal("", value, more),
    }
}

fn proposal(base: &str, value: &Value, more: &[&str]) -> Option<Problem> {
    let Value::Object(attributes) = value else {
        return Some(at(
            base,
            "must be an event: an object with \"type\" and \"data\"",
            "须为事件，即含“type”和“data”的对象",
        ));
    };
    let missing = || {
        let missing = ["type", "data"].into_iter().find(|name| !attributes.contains_key(*name))?;
        Some(at(format!("{base}/{missing}"), "is required", "必填"))
    };
    let wrong = attributes.iter().find_map(|(name, value)| {
        let pointer = format!("{base}/{}", name.replace('~', "~0").replace('/', "~1"));
        match name.as_str() {
            "data" => None,
            "type" if value.is_string() => None,
            "subject" | "id" | "occurredat" | "latereason" | "correlation" if value.is_string() || value.is_null() => {
                None
            }
            "expected" => expectations(&pointer, value),
            name if more.contains(&name) && (value.is_string() || value.is_null()) => None,
            "type" | "subject" | "id" | "occurredat" | "latereason" | "correlation" => {
                Some(at(pointer, "must be a text", "须为文本"))
            }
            name if more.contains(&name) => Some(at(pointer, "must be a text", "须为文本")),
            // It may be as long as the text is.
            _ => Some(at(short(pointer), "is no attribute that a proposal has", "不是提案可有的属性")),
        }
    });
    wrong.or_else(missing)
}

fn expectations(pointer: &str, value: &Value) -> Option<Problem> {
    let well = |expectation: &Value| {
        let Value::Object(members) = expectation else { return false };
        let stream = members.get("stream").is_some_and(Value::is_string);
        stream && members.get("version").is_some_and(Value::is_u64) && members.len() == 2
    };
    let wanted = || {
        (
            "must be a list of objects with \"stream\" and \"version\", a whole number from 0",
            "须为对象列表，各含“stream”和“version”，版本为不小于0的整数",
        )
    };
    let place = match value {
        Value::Array(expectations) => format!("{pointer}/{}", expectations.iter().position(|one| !well(one))?),
        _ => pointer.to_owned(),
    };
    let (en, zh) = wanted();
    Some(at(place, en, zh))
}

fn at(pointer: impl Into<String>, en: &str, zh: &str) -> Problem {
    Problem { pointer: pointer.into(), en: en.into(), zh: zh.into() }
}

fn short(pointer: String) -> String {
    match pointer.char_indices().nth(POINTER_CHARS_MAX) {
        Some((end, _)) => format!("{}…", pointer.get(..end).unwrap_or_default()),
        None => pointer,
    }
}

/// How much of an unknown name is said again.
const POINTER_CHARS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Proposal;

    /// What is said of a text that reads neither as one proposal nor as several.
    fn said(text: &str) -> (String, String, String) {
        let list = text.starts_with('[');
        let error = match list {
            true => serde_json::from_str::<Vec<Proposal>>(text).map(drop).unwrap_err(),
            false => serde_json::from_str::<Proposal>(text).map(drop).unwrap_err(),
        };
        let problem = misread(text.as_bytes(), &error, &["source"]);
        (problem.pointer, problem.en, problem.zh)
    }

    #[test]
    fn what_is_no_proposal_is_pointed_at_and_told_in_chinese_without_english() {
        let deep = "[".repeat(500);
        let cases = [
            ("", "", "is empty"),
            ("  \n", "", "is empty"),
            (r#"{"type":"a.b","data":{"#, "", "ends before"),
            ("{oops}", "", "is not JSON"),
            (r#"{"type":"a.b","data":{}}{"#, "", "behind the JSON"),
            (r#"{"type":"a.b","data":1e999}"#, "", "too large"),
            (&format!(r#"{{"type":"a.b","data":{deep}"#), "", "too deeply"),
            ("7", "", "must be an event"),
            (r#"[{"type":"a.b","data":{}},[]]"#, "/1", "must be an event"),
            (r#"{"data":{}}"#, "/type", "is required"),
            (r#"[{"type":"a.b","data":{}},{"type":"a.b"}]"#, "/1/data", "is required"),
            (r#"{"type":7,"data":{}}"#, "/type", "must be a text"),
            (r#"{"type":"a.b","data":{},"subject":[]}"#, "/subject", "must be a text"),
            (r#"{"type":"a.b","data":{},"a/b":1}"#, "/a~1b", "is no attribute"),
            (r#"{"type":"a.b","data":{},"expected":{}}"#, "/expected", "must be a list"),
            (r#"{"type":"a.b","data":{},"expected":[{"stream":"s","version":-1}]}"#, "/expected/0", "must be a list"),
            (r#"{"type":"a.b","type":"a.b","data":{}}"#, "", "twice"),
            (r#"{"type":7,"data":{"#, "", "ends before"),
        ];
        for (text, pointer, words) in cases {
            let (found, en, zh) = said(text);
            assert_eq!(found, pointer, "{text}");
            assert!(en.contains(words), "{text}: {en}");
            let mut foreign = zh.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
            assert!(foreign.all(|word| ["JSON", "type", "data", "stream", "version"].contains(&word)), "{text}: {zh}");
        }
    }

    #[test]
    fn a_long_name_is_not_said_again_whole() {
        let text = format!(r#"{{"type":"a.b","data":{{}},"{}":1}}"#, "长".repeat(9_000));
        assert_eq!(said(&text).0.chars().count(), POINTER_CHARS_MAX + 1);
    }
}
