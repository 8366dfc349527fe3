//! Proposing: one event or an atomic batch, as `CloudEvents` or plain JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;

use crate::http::api::broken;
use crate::http::error::Problem;
use crate::http::session::Asker;
use crate::http::{Door, api};
use crate::ledger::{Expected, Proposal, Receipt, misread};

/// The most bytes a request may have.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// `POST /v1/events`: 201 with the entries, durable.
pub(crate) async fn propose(
    State(door): State<Arc<Door>>,
    asker: Asker,
    request: Request,
) -> Result<Response, Problem> {
    let form = Form::of(request.headers())?;
    let expected = expected_version(request.headers())?;
    let body = whole(request).await?;
    let (mut proposals, batch) = read(&body, form, door.ledger.origin())?;
    if let Some(version) = expected {
        expect(&mut proposals, batch, version)?;
    }
    // In a place of its own, so that the layers around this handler do not move it about.
    let submitted = Box::pin(door.submit(&asker.principal, proposals)).await;
    let entries = submitted.map_err(|error| Problem::Submit { error, batch })?;
    let mut response = api::json(&Entered { entries: &entries });
    *response.status_mut() = StatusCode::CREATED;
    if let [entry] = entries.as_slice()
        && let Ok(location) = HeaderValue::try_from(format!("/v1/entries/{}", entry.index))
    {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

#[derive(Serialize)]
struct Entered<'a> {
    entries: &'a [Receipt],
}

/// What the content type says the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Either, as the body itself shows.
    Plain,
    /// One event.
    Event,
    /// A list of events.
    Batch,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Self::Plain) };
        let mut parts = value.to_str().map_err(|_| Problem::MediaType)?.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let other_charset = |part: &str| {
            let part = part.to_ascii_lowercase();
            part.strip_prefix("charset=").is_some_and(|charset| charset.trim_matches('"') != "utf-8")
        };
        if parts.any(other_charset) {
            return Err(Problem::MediaType);
        }
        match kind.as_str() {
            "application/json" => Ok(Self::Plain),
            "application/cloudevents+json" => Ok(Self::Event),
            "application/cloudevents-batch+json" => Ok(Self::Batch),
            _ => Err(Problem::MediaType),
        }
    }
}

/// Waits for the whole body, but neither for more bytes than allowed nor for longer.
async fn whole(request: Request) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // What is announced as too large is not waited for.
    if announced.is_some_and(|bytes| usize::try_from(bytes).map_or(true, |bytes| bytes > BODY_BYTES_MAX)) {
        return Err(Problem::BodyTooLarge);
    }
    match tokio::time::timeout(BODY_ARRIVES, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)))) => {
            Err(Problem::BodyTooLarge)
        }
        Ok(Err(_)) => Err(Problem::BodyCut),
        Err(_) => Err(Problem::BodyTooSlow),
    }
}

/// A proposal with the attributes `CloudEvents` adds to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
    id: Option<String>,
    occurredat: Option<String>,
    latereason: Option<String>,
    correlation: Option<String>,
    #[serde(default)]
    expected: Vec<Expected>,
    data: Value,
    specversion: Option<String>,
    source: Option<String>,
    datacontenttype: Option<String>,
    time: Option<IgnoredAny>,
}

/// Reads the one proposal that comes with a file.
pub(crate) fn read_one(body: &[u8], origin: &str) -> Result<Proposal, Problem> {
    let (proposals, _) = read(body, Form::Event, origin)?;
    proposals.into_iter().next().ok_or(Problem::MediaType)
}

fn read(body: &[u8], form: Form, origin: &str) -> Result<(Vec<Proposal>, bool), Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|error| broken::text(body).unwrap_or(Problem::NotUtf8 { at: Some(error.valid_up_to()) }))?;
    let list = text.trim_ascii_start().starts_with('[');
    if matches!((form, list), (Form::Event, true) | (Form::Batch, false)) {
        return Err(Problem::value(
            "Content-Type",
            "announces one event for an object and a batch for a list; the body is the other",
            "与内容不符：对象应为单个事件，列表应为批量",
        ));
    }
    let proposed: Vec<Proposed> = match list {
        true => serde_json::from_str(text).map_err(|error| not_json(text, &error))?,
        false => vec![serde_json::from_str(text).map_err(|error| not_json(text, &error))?],
    };
    let check = |(at, proposed): (usize, Proposed)| {
        let pointer = |name: &str| if list { format!("/{at}/{name}") } else { format!("/{name}") };
        proposed.checked(origin).map_err(|(name, en, zh)| Problem::value(pointer(name), en, zh))
    };
    let proposals: Result<Vec<Proposal>, Problem> = proposed.into_iter().enumerate().map(check).collect();
    Ok((proposals?, list))
}

impl Proposed {
    fn checked(self, origin: &str) -> Result<Proposal, (&'static str, &'static str, &'static str)> {
        if self.specversion.is_some_and(|version| version != "1.0") {
            return Err(("specversion", "must be \"1.0\"", "须为“1.0”"));
        }
        if self.source.is_some_and(|source| source != origin) {
            return Err(("source", "must be this ledger's origin", "须为本账本的来源标识"));
        }
        if self.datacontenttype.is_some_and(|kind| kind != "application/json") {
            return Err(("datacontenttype", "must be \"application/json\"", "须为“application/json”"));
        }
        if self.time.is_some() {
            return Err((
                "time",
                "is set by the ledger; the business time is \"occurredat\"",
                "由账本填写；业务时间请用“occurredat”",
            ));
        }
        Ok(Proposal {
            kind: self.kind,
            subject: self.subject,
            id: self.id,
            occurredat: self.occurredat,
            latereason: self.latereason,
            correlation: self.correlation,
            expected: self.expected,
            data: self.data,
            ..Proposal::default()
        })
    }
}

fn not_json(text: &str, error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    // What stands behind the place where reading stopped is not what stopped it.
    let before = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>() + column;
    let broken = text.as_bytes().get(..before.min(text.len())).and_then(broken::text);
    if let (Category::Syntax | Category::Eof, Some(broken)) = (error.classify(), broken) {
        return broken;
    }
    let wrong = misread(text.as_bytes(), error, &["specversion", "source", "datacontenttype"]);
    match wrong.pointer.is_empty() {
        true => Problem::NotJson { line, column, words: (wrong.en, wrong.zh) },
        false => Problem::Value(wrong),
    }
}

/// Reads `If-Match: "7"`: the version of the subject's stream that the proposal was based on.
fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    let wrong = || {
        Problem::value("If-Match", "must be a stream version in quotes, such as \"7\"", "须为引号内的版本号，如\"7\"")
    };
    version.map(Some).ok_or_else(wrong)
}

fn expect(proposals: &mut [Proposal], batch: bool, version: u64) -> Result<(), Problem> {
    let [proposal] = proposals else { return Err(only_one()) };
    if batch {
        return Err(only_one());
    }
    let Some(stream) = proposal.subject.clone() else {
        return Err(Problem::value(
            "/subject",
            "must be named for If-Match to speak of it",
            "使用 If-Match 时须指明对象",
        ));
    };
    proposal.expected.push(Expected { stream, version });
    Ok(())
}

fn only_one() -> Problem {
    Problem::value(
        "If-Match",
        "speaks of one event: a batch has \"expected\" in each",
        "仅用于单个事件；批量请在各事件中用“expected”",
    )
}

/// How long a body may take to arrive.
const BODY_ARRIVES: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const ORIGIN: &str = "dossier.example.com/ledger";

    fn content_type(value: &'static str) -> Result<Form, Problem> {
        Form::of(&[(CONTENT_TYPE, HeaderValue::from_static(value))].into_iter().collect())
    }

    fn pointer(read: Result<(Vec<Proposal>, bool), Problem>) -> String {
        match read {
            Err(Problem::Value(problem)) => problem.pointer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_content_type_says_what_the_body_is() {
        assert_eq!(content_type("application/json; charset=UTF-8").unwrap(), Form::Plain);
        assert_eq!(content_type("application/cloudevents+json").unwrap(), Form::Event);
        assert_eq!(content_type("application/CloudEvents-Batch+json").unwrap(), Form::Batch);
        assert!(matches!(content_type("text/plain"), Err(Problem::MediaType)));
        assert!(matches!(content_type("application/json; charset=gbk"), Err(Problem::MediaType)));
    }

    #[test]
    fn an_object_is_one_event_and_a_list_a_batch() {
        let one = r#" {"type":"contact.recorded","subject":"contact/C-1","data":{}}"#;
        let (proposals, batch) = read(one.as_bytes(), Form::Plain, ORIGIN).unwrap();
        assert_eq!((proposals.len(), batch), (1, false));
        let (proposals, batch) = read(format!("[{one},{one}]").as_bytes(), Form::Batch, ORIGIN).unwrap();
        assert_eq!((proposals.len(), batch), (2, true));
        assert_eq!(pointer(read(one.as_bytes(), Form::Batch, ORIGIN)), "Content-Type");
        assert_eq!(pointer(read(b"[]", Form::Event, ORIGIN)), "Content-Type");
    }

    #[test]
    fn attributes_of_the_envelope_must_fit_this_ledger() {
        let with = |attribute: &str| {
            read(format!(r#"{{"type":"a","data":{{}},{attribute}}}"#).as_bytes(), Form::Event, ORIGIN)
        };
        assert!(with(r#""specversion":"1.0","source":"dossier.example.com/ledger""#).is_ok());
        assert_eq!(pointer(with(r#""specversion":"0.3""#)), "/specversion");
        assert_eq!(pointer(with(r#""source":"elsewhere.example/ledger""#)), "/source");
        assert_eq!(pointer(with(r#""time":"2026-01-01T00:00:00Z""#)), "/time");
        assert_eq!(pointer(with(r#""actor":"E-1""#)), "/actor", "an attribute the ledger sets");
    }

    #[test]
    fn a_wrong_attribute_in_a_batch_is_pointed_at() {
        let body = r#"[{"type":"a","data":{}},{"type":"a","data":{},"time":1}]"#;
        assert_eq!(pointer(read(body.as_bytes(), Form::Plain, ORIGIN)), "/1/time");
    }

    #[test]
    fn broken_json_and_broken_utf8_are_told_with_their_place() {
        let problem = read(b"{\"type\":\n  oops}", Form::Plain, ORIGIN).unwrap_err();
        assert!(matches!(problem, Problem::NotJson { line: 2, column: 3, .. }), "{problem:?}");
        let problem = read(b"{\"type\":\"\xff\"}", Form::Plain, ORIGIN).unwrap_err();
        assert!(matches!(problem, Problem::Value(ref value) if value.pointer == "/type"), "{problem:?}");
        assert!(matches!(read(b"\xff", Form::Plain, ORIGIN), Err(Problem::NotUtf8 { at: Some(0) })));
        assert!(matches!(read(b"", Form::Plain, ORIGIN), Err(Problem::NotJson { .. })));
        let deep = "[".repeat(100_000);
        assert!(matches!(read(deep.as_bytes(), Form::Plain, ORIGIN), Err(Problem::NotJson { .. })));
    }

    #[test]
    fn if_match_expects_a_version_of_the_subject() {
        let headers = |value| [(IF_MATCH, HeaderValue::from_static(value))].into_iter().collect();
        assert_eq!(expected_version(&headers("\"7\"")).unwrap(), Some(7));
        assert!(expected_version(&headers("7")).is_err());
        assert!(expected_version(&headers("*")).is_err());
        let one = br#"{"type":"a","subject":"customer/C-1","data":{}}"#;
        let (mut proposals, batch) = read(one, Form::Plain, ORIGIN).unwrap();
        expect(&mut proposals, batch, 7).unwrap();
        assert_eq!(proposals[0].expected, [Expected { stream: "customer/C-1".into(), version: 7 }]);
        let (mut unnamed, _) = read(br#"{"type":"a","data":{}}"#, Form::Plain, ORIGIN).unwrap();
        assert!(expect(&mut unnamed, false, 7).is_err());
        assert!(expect(&mut proposals, true, 7).is_err());
    }

    fn take(body: Body, length: Option<&'static str>) -> Result<Bytes, Problem> {
        let mut request = Request::new(body);
        if let Some(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static(length));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(whole(request))
    }

    #[test]
    fn a_body_announced_as_too_large_is_not_waited_for() {
        assert!(matches!(take(Body::empty(), Some("1048577")), Err(Problem::BodyTooLarge)));
        assert!(take(Body::empty(), Some("99999999999999999999")).is_ok(), "no length at all");
        assert_eq!(take(Body::from("abc"), Some("3")).unwrap(), "abc");
    }
}
