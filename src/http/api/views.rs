//! Reading: every view by its key, as JSON or as a table in CSV or XLSX.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::domain::audit::Mode;
use crate::http::Door;
use crate::http::api::table::{self, Sheet};
use crate::http::api::{self, Named, Parameters};
use crate::http::error::Problem;
use crate::http::session::Asker;
use crate::ledger::{Answered, AsOf, Asked, Moment, ViewError};
use crate::projection::{self, Scope, View, difference};

/// `GET /v1/views/{key}`: any view.
pub(crate) async fn one(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(key): Named,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let subject = parameters.take("subject");
    answer(&door, asker, Question::named(&key, subject), parameters).await
}

/// A view and what it is asked about.
pub(crate) struct Question {
    view: Option<&'static View>,
    subject: Option<String>,
}

impl Question {
    /// Asks for a view by a key that somebody else names.
    pub(crate) fn named(key: &str, subject: Option<String>) -> Self {
        Self { view: projection::view(key), subject }
    }

    /// Asks for a view that is known here.
    pub(crate) fn of(key: &'static str, subject: Option<String>) -> Self {
        Self { view: projection::view(key), subject }
    }
}

/// Answers a question in the form asked for; the reading is durable before the answer leaves.
pub(crate) async fn answer(
    door: &Door,
    asker: Asker,
    question: Question,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let view = question.view.ok_or(Problem::View(ViewError::NotFound))?;
    if view.scope == Scope::Company && question.subject.is_some() {
        return Err(Problem::value(
            "/subject",
            "is no parameter of this view: it is of the whole company",
            "不是此视图的参数：此视图面向全公司",
        ));
    }
    let mut asked = Asked::new(view);
    asked.subject = question.subject;
    asked.purpose = asker.purpose;
    let format = narrow(&mut asked, parameters)?;
    let answered = door.view(&asker.principal, &asked).await.map_err(Problem::View)?;
    let columns = if asked.since.is_some() { difference::COLUMNS } else { view.columns };
    let headers = headers(&answered);
    let mut response = match format {
        Format::Whole => api::json(&answered.body),
        Format::Json => ([(CONTENT_TYPE, "application/json")], with_place(&answered)).into_response(),
        Format::Csv => table::csv(view, columns, &answered)?,
        Format::Xlsx => {
            let sheet = Sheet {
                language: asker.principal.language,
                zone: door.ledger.state().world.ledger.zone,
                reader: asker.principal.employee.as_str(),
                now: door.ledger.clock().now(),
            };
            table::xlsx(view, columns, &answered, &sheet)?
        }
    };
    response.headers_mut().extend(headers);
    Ok(response)
}

/// In which form a view is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// The body alone, byte for byte what it is elsewhere: evidence.
    Whole,
    /// The body with its place in the ledger.
    Json,
    /// A table taken out, for programs.
    Csv,
    /// A table taken out, for people.
    Xlsx,
}

/// Takes over what the parameters say of a question.
fn narrow(asked: &mut Asked, mut parameters: Parameters) -> Result<Format, Problem> {
    let (moment, since) = moments(&mut |name| parameters.take(name), &as_of)?;
    asked.look_at(moment, since);
    if let Some(text) = parameters.take("limit") {
        asked.limit = limit(&text)?;
    }
    asked.after = parameters.take("after");
    asked.reveal = match parameters.take("reveal").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::value("/reveal", "must be true or false", "须为 true 或 false")),
    };
    let format = match (asked.view.key, parameters.take("format").as_deref()) {
        ("evidence", None | Some("json")) => Format::Whole,
        (_, None | Some("json")) => Format::Json,
        (_, Some("csv")) => Format::Csv,
        (_, Some("xlsx")) => Format::Xlsx,
        _ => return Err(Problem::value("/format", "must be json, csv or xlsx", "须为 json、csv 或 xlsx")),
    };
    // Read from the request by whoever found out who asks.
    parameters.take("purpose");
    let known = filters(asked.view.key);
    for (name, value) in parameters.0 {
        if !known.contains(&name.as_str()) {
            return Err(Problem::value(
                format!("/{name}"),
                format!("is no parameter of this view, which knows {}", parameter_names(known)),
                format!("不是此视图的参数；可用：{}", parameter_names(known)),
            ));
        }
        if !value.is_empty() {
            asked.filters.insert(name, value);
        }
    }
    asked.mode = match format {
        Format::Csv | Format::Xlsx => Mode::Export,
        _ if asked.filters.contains_key("q") => Mode::Search,
        Format::Json | Format::Whole => Mode::View,
    };
    Ok(format)
}

/// Returns what narrows a view besides its subject.
pub(crate) fn filters(key: &str) -> &'static [&'static str] {
    match key {
        "list" => &["owner", "region", "status", "q"],
        "search" => &["q"],
        "stats" => &["year"],
        "composition" => &["by", "year"],
        "grade_audit" => &["dimension", "employee", "from", "until", "change", "policy_version"],
        "credit_reviews" | "checks" => &["quarter"],
        "key_customers" | "registration_status" => &["year"],
        "classification" => &["dimension", "value", "lifecycle"],
        "ownership" => &["employee"],
        "visits" | "business_report" => &["from", "until"],
        "grants" => &["kind", "who", "customer", "status", "mine", "waiting"],
        "anomalies" => &["kind", "open", "mine"],
        "refusals" => &["who"],
        "important_dates" => &["days"],
        "sod" => &["all"],
        "overdue" => &["duty", "responsible", "open"],
        "appraisals" => &["employee", "scheme", "period"],
        "discipline" => &["employee", "kind"],
        "timeline" => &["type", "actor", "from", "until"],
        "access_log" => READINGS,
        "signoffs" => &["mine"],
        _ => &[],
    }
}

/// What narrows the log of readings.
pub(crate) const READINGS: &[&str] =
    &["actor", "customer", "person", "class", "authority", "place", "leaver", "off_hours", "from", "until"];

fn parameter_names(filters: &[&str]) -> String {
    [filters, COMMON].concat().join(", ")
}

/// Reads the moment asked for, and the earlier one where two are to be compared; `read` reads an index or an instant.
pub(crate) fn moments(
    take: &mut dyn FnMut(&str) -> Option<String>,
    read: &dyn Fn(&str, &str) -> Result<AsOf, Problem>,
) -> Result<(Moment, Option<Moment>), Problem> {
    let mut recorded =
        |name: &str| take(name).filter(|text| !text.is_empty()).map(|text| read(name, &text)).transpose();
    let (as_of, since) = (recorded("as_of")?, recorded("since")?);
    let mut valid = |name: &str| match recorded(name)? {
        None => Ok(None),
        Some(AsOf::Instant(at)) => Ok(Some(at)),
        Some(AsOf::Index(_) | AsOf::Latest) => {
            Err(Problem::value(format!("/{name}"), "must be an instant", "须为时间"))
        }
    };
    let (valid_at, since_valid_at) = (valid("valid_at")?, valid("since_valid_at")?);
    let moment = Moment { recorded: as_of.unwrap_or(AsOf::Latest), valid_at };
    // Of the earlier moment only what differs from the other need be said.
    let earlier = Moment { recorded: since.unwrap_or(moment.recorded), valid_at: since_valid_at.or(valid_at) };
    Ok((moment, (since.is_some() || since_valid_at.is_some()).then_some(earlier)))
}

/// Reads an index or an instant.
pub(crate) fn as_of(name: &str, text: &str) -> Result<AsOf, Problem> {
    if let Ok(index) = text.parse() {
        return Ok(AsOf::Index(index));
    }
    // A plus sign of an offset arrives as a space from whoever did not encode it.
    let instant: Result<Timestamp, _> = text.replace(' ', "+").parse();
    instant.map(AsOf::Instant).map_err(|_| {
        Problem::value(
            format!("/{name}"),
            "must be an index or an instant such as 2026-03-01T08:00:00+08:00",
            "须为账本序号或时间，如2026-03-01T08:00:00+08:00",
        )
    })
}

fn limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| Problem::value("/limit", "must be 1 to 200", "须为1至200"))
}

/// Adds to an answer where in the ledger it stands and where it goes on.
///
/// What the access entry's content hash is of is the answer without these three.
fn with_place(answered: &Answered) -> String {
    let mut place = Map::from_iter([("position".to_owned(), json!(answered.position))]);
    if let Some(next) = &answered.next {
        place.insert("next".to_owned(), json!(next));
    }
    if !answered.masked.is_empty() {
        place.insert("masked".to_owned(), json!(answered.masked));
    }
    let place = Value::Object(place).to_string();
    // Two objects written as one: the answer as it was hashed, then its place.
    match answered.text.strip_suffix('}') {
        Some("{") | None => place,
        Some(text) => format!("{text},{}", place.strip_prefix('{').unwrap_or_default()),
    }
}

/// Says under which role it was read, which entries record that, where in the ledger it stands and where it goes on.
pub(crate) fn headers(answered: &Answered) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers =
        vec![(ROLE, HeaderValue::from_static(answered.role.key())), (POSITION, HeaderValue::from(answered.position))];
    let next = answered.next.as_ref().and_then(|next| HeaderValue::try_from(next).ok());
    headers.extend(next.map(|next| (NEXT, next)));
    if let [first, rest @ ..] = answered.recorded.as_slice() {
        let recorded = rest.iter().fold(first.to_string(), |text, index| format!("{text}, {index}"));
        headers.extend(HeaderValue::try_from(recorded).ok().map(|value| (READING, value)));
    }
    headers
}

/// What every view knows.
const COMMON: &[&str] =
    &["subject", "as_of", "valid_at", "since", "since_valid_at", "format", "purpose", "reveal", "limit", "after"];

/// The most rows a page has.
pub(crate) const LIMIT_MAX: usize = 200;

const ROLE: HeaderName = HeaderName::from_static("dossier-role");
const READING: HeaderName = HeaderName::from_static("dossier-reading");
const POSITION: HeaderName = HeaderName::from_static("dossier-position");
const NEXT: HeaderName = HeaderName::from_static("dossier-next");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::principal::Purpose;
    use crate::domain::role::Role;
    use serde_json::json;

    fn narrowed(key: &str, pairs: &[(&str, &str)]) -> Result<(Asked, Format), String> {
        let mut asked = Asked::new(projection::view(key).unwrap());
        asked.purpose = Purpose::parse("audit").ok();
        let parameters = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        match narrow(&mut asked, Parameters(parameters)) {
            Ok(format) => Ok((asked, format)),
            Err(Problem::Value(problem)) => Err(problem.pointer),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn as_of_is_an_index_or_an_instant() {
        let at = "2026-03-01T00:00:00Z".parse().unwrap();
        let as_of = |text| narrowed("list", &[("as_of", text)]).map(|(asked, _)| asked.as_of);
        assert_eq!(as_of("17"), Ok(AsOf::Index(17)));
        assert_eq!(as_of("2026-03-01T08:00:00 08:00"), Ok(AsOf::Instant(at)));
        assert_eq!(as_of("2026-03-01T00:00:00Z"), Ok(AsOf::Instant(at)));
        assert_eq!(as_of(""), Ok(AsOf::Latest));
        assert_eq!(as_of("yesterday"), Err("/as_of".into()));
        assert_eq!(as_of("-1"), Err("/as_of".into()));
    }

    #[test]
    fn two_moments_are_compared_in_either_time() {
        let at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let moments = |pairs: &[(&str, &str)]| narrowed("list", pairs).map(|(asked, _)| (asked.moment(), asked.since));
        let now = Moment { recorded: AsOf::Latest, valid_at: None };
        assert_eq!(moments(&[]), Ok((now, None)));
        let then = Moment { recorded: AsOf::Index(7), valid_at: None };
        assert_eq!(moments(&[("since", "7")]), Ok((now, Some(then))));
        let valid = Moment { valid_at: Some(at), ..now };
        assert_eq!(moments(&[("since_valid_at", "2026-03-01T00:00:00Z")]), Ok((now, Some(valid))));
        let both = [("as_of", "9"), ("since", "7"), ("valid_at", "2026-03-01T00:00:00Z")];
        let (nine, seven) =
            (Moment { recorded: AsOf::Index(9), ..valid }, Moment { recorded: AsOf::Index(7), ..valid });
        assert_eq!(moments(&both), Ok((nine, Some(seven))));
        assert_eq!(moments(&[("valid_at", "7")]), Err("/valid_at".into()));
        assert_eq!(moments(&[("since", "yesterday")]), Err("/since".into()));
    }

    #[test]
    fn a_misspelled_parameter_is_told_and_not_ignored() {
        assert_eq!(narrowed("list", &[("regoin", "north")]).unwrap_err(), "/regoin");
        assert_eq!(narrowed("archive", &[("q", "x")]).unwrap_err(), "/q");
        let (asked, _) = narrowed("list", &[("region", "north"), ("owner", "")]).unwrap();
        assert_eq!(asked.filters, [("region".to_owned(), "north".to_owned())].into());
    }

    #[test]
    fn a_page_has_as_many_rows_as_its_view_says_or_at_most_two_hundred() {
        assert_eq!(narrowed("list", &[("limit", "200")]).unwrap().0.limit, 200);
        assert_eq!(narrowed("list", &[]).unwrap().0.limit, 50);
        assert_eq!(narrowed("evidence", &[]).unwrap().0.limit, 10_000, "which is no page of a screen");
        for wrong in ["0", "201", "-1", "many"] {
            assert_eq!(narrowed("list", &[("limit", wrong)]).unwrap_err(), "/limit");
        }
    }

    #[test]
    fn searching_and_exporting_are_read_as_what_they_are() {
        assert_eq!(narrowed("list", &[]).unwrap().0.mode, Mode::View);
        assert_eq!(narrowed("list", &[("q", "x")]).unwrap().0.mode, Mode::Search);
        assert_eq!(narrowed("list", &[("q", "x"), ("format", "csv")]).unwrap().0.mode, Mode::Export);
        assert_eq!(narrowed("list", &[("format", "xlsx")]).unwrap().0.mode, Mode::Export);
        assert_eq!(narrowed("list", &[("format", "ods")]).unwrap_err(), "/format");
    }

    fn answered(body: Value) -> Answered {
        Answered {
            text: body.to_string().into(),
            body: Arc::new(body),
            position: 41,
            next: Some("C-2".into()),
            role: Role::Auditor,
            masked: vec!["phone".into()],
            recorded: vec![42, 43],
            recorded_hash: None,
            file: None,
        }
    }

    #[test]
    fn an_answer_says_where_it_stands_and_where_it_goes_on() {
        let body = with_place(&answered(json!({ "items": [] })));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({ "items": [], "position": 41, "next": "C-2", "masked": ["phone"] }));
        let headers = headers(&answered(json!({})));
        let expected = [(ROLE, "auditor"), (POSITION, "41"), (NEXT, "C-2"), (READING, "42, 43")];
        assert_eq!(headers, expected.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
}
