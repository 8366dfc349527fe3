//! Who looks at a page, in which language and for which purpose, and what their forms carry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::access::principal::{Language, Purpose, PurposeKind};
use crate::clock::{Date, Timestamp};
use crate::domain::audit::Mode;
use crate::http::Door;
use crate::http::api::views;
use crate::http::error::Problem;
use crate::http::session::{self, Asker};
use crate::http::web::words;
use crate::ledger::{Answered, AsOf, Asked, Moment, ViewError};
use crate::projection;

/// What every page knows of its request.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The language of the page.
    pub(crate) language: Language,
    /// The path and query asked for.
    pub(crate) address: String,
    /// Who is signed in.
    pub(crate) signed_in: Option<SignedIn>,
}

/// What the frame shows of who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) employee: String,
    pub(crate) form_token: String,
    pub(crate) purpose: Option<PurposeKind>,
    pub(crate) opens: Opens,
}

/// Which views the frame leads to from every page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opens {
    pub(crate) list: bool,
    pub(crate) search: bool,
    pub(crate) signoffs: bool,
}

/// Somebody signed in.
pub(crate) struct Visitor {
    pub(crate) frame: Frame,
    pub(crate) asker: Asker,
}

impl Frame {
    /// Says something in the page's language.
    pub(crate) fn say(&self, key: &str) -> String {
        words::say(self.language, key)
    }

    /// Says something with values in it.
    pub(crate) fn say_with(&self, key: &str, values: &[(&str, &str)]) -> String {
        words::say_with(self.language, key, values)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Frame {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let language = match cookie(&parts.headers, LANGUAGE) {
            Some("zh") => Language::Chinese,
            Some("en") => Language::English,
            _ => session::language(&parts.headers),
        };
        let address = parts.uri.path_and_query().map_or("/", |address| address.as_str()).to_owned();
        Ok(Self { language, address, signed_in: None })
    }
}

impl FromRequestParts<Arc<Door>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Response> {
        let Ok(frame) = Frame::from_request_parts(parts, door).await;
        let mut asker = match Asker::from_request_parts(parts, door).await {
            Ok(asker) => asker,
            Err(Problem::Unauthenticated) if parts.method.is_safe() => {
                return Err(Redirect::to(&format!("/sign-in?back={}", encode(&frame.address))).into_response());
            }
            Err(problem) => return Err(problem.into_response()),
        };
        asker.principal.language = frame.language;
        let kept = cookie(&parts.headers, PURPOSE).and_then(|key| Purpose::parse(key).ok());
        asker.purpose = asker.purpose.or(kept);
        let signed_in = SignedIn {
            employee: asker.principal.employee.to_string(),
            form_token: asker.session.as_ref().map(session::Session::form_token).unwrap_or_default(),
            purpose: asker.purpose.as_ref().map(|purpose| purpose.kind),
            opens: Opens { list: false, search: false, signoffs: false },
        };
        let mut visitor = Self { frame, asker };
        let [list, search, signoffs] = ["list", "search", "signoffs"].map(|key| visitor.opens(door, key, None));
        visitor.frame.signed_in = Some(SignedIn { opens: Opens { list, search, signoffs }, ..signed_in });
        Ok(visitor)
    }
}

impl Visitor {
    /// Reads a view; `narrow` says more of the question.
    pub(crate) async fn read(
        &self,
        door: &Door,
        key: &str,
        subject: Option<String>,
        narrow: impl FnOnce(&mut Asked),
    ) -> Result<Answered, Problem> {
        let view = projection::view(key).ok_or(Problem::View(ViewError::NotFound))?;
        let mut asked = Asked::new(view);
        asked.subject = subject;
        asked.purpose.clone_from(&self.asker.purpose);
        narrow(&mut asked);
        door.view(&self.asker.principal, &asked).await.map_err(Problem::View)
    }

    /// Tells whether a view would open as the visitor asks; asking leaves no entry, as nothing is shown.
    pub(crate) fn may_read(&self, door: &Door, key: &str, subject: Option<String>) -> bool {
        self.viewable(door, key, subject, |asked| asked.purpose.clone_from(&self.asker.purpose))
    }

    /// Tells whether a page of a view is worth a link: the view would open as the visitor asks, or once a purpose is stated, which
    /// the page then asks for.
    pub(crate) fn opens(&self, door: &Door, key: &str, subject: Option<String>) -> bool {
        self.leaves(door, key, subject, Mode::View)
    }

    /// Tells whether to offer a view printed or taken out: a refusal would stand on the visitor's name. The form asks for the
    /// purpose.
    pub(crate) fn leaves(&self, door: &Door, key: &str, subject: Option<String>, mode: Mode) -> bool {
        self.viewable(door, key, subject, |asked| {
            asked.purpose = self.asker.purpose.clone().or(Some(ANY));
            asked.mode = mode;
        })
    }

    /// Returns those of some views whose pages are worth a link.
    pub(crate) fn opening<const N: usize>(
        &self,
        door: &Door,
        keys: [&'static str; N],
        subject: Option<&str>,
    ) -> Vec<&'static str> {
        keys.into_iter().filter(|key| self.opens(door, key, subject.map(str::to_owned))).collect()
    }

    fn viewable(&self, door: &Door, key: &str, subject: Option<String>, narrow: impl FnOnce(&mut Asked)) -> bool {
        projection::view(key).is_some_and(|view| {
            let mut asked = Asked { subject, ..Asked::new(view) };
            narrow(&mut asked);
            door.ledger.viewable(&self.asker.principal, &asked)
        })
    }

    /// Reads a list, narrowed as the address says and from where it says on.
    pub(crate) async fn read_on(
        &self,
        door: &Door,
        key: &str,
        subject: Option<String>,
        query: &Narrowed,
    ) -> Result<Answered, Problem> {
        self.read(door, key, subject, |asked| {
            asked.filters.extend(query.filters().map(|(name, value)| (name.to_owned(), value.to_owned())));
            asked.after = Some(query.text("after").to_owned()).filter(|after| !after.is_empty());
        })
        .await
    }

    /// Checks such a form, and reads from here on for the purpose it states, with what it says about it.
    pub(crate) fn check_purpose(&mut self, fields: &Fields) -> Result<(), Problem> {
        self.check_sent(fields)?;
        let purpose = Purpose::parse(&format!("{}: {}", fields.text("purpose"), fields.text("note")));
        self.asker.purpose = Some(purpose.map_err(|_| Problem::value("/purpose", "is required", "必填"))?);
        Ok(())
    }

    /// Checks that a form came from a page of this session.
    pub(crate) fn check_sent(&self, fields: &Fields) -> Result<(), Problem> {
        let token = self.frame.signed_in.as_ref().map(|who| who.form_token.as_str()).unwrap_or_default();
        let own = !token.is_empty() && same(token, fields.text("token"));
        if own { Ok(()) } else { Err(Problem::StaleForm) }
    }
}

/// What an address narrows a list to, and from where it goes on.
pub(crate) struct Narrowed {
    query: BTreeMap<String, String>,
    names: &'static [&'static str],
}

impl Narrowed {
    /// Takes the filters of these names from a query.
    pub(crate) fn new(query: BTreeMap<String, String>, names: &'static [&'static str]) -> Self {
        Self { query, names }
    }

    /// Returns what was typed, empty where nothing was.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.query.get(name).map(|value| value.trim()).unwrap_or_default()
    }

    /// Returns the filters that say something.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.names.iter().map(|name| (*name, self.text(name))).filter(|(_, value)| !value.is_empty())
    }
}

/// Compares secrets in a time that tells nothing of them.
pub(crate) fn same(one: &str, other: &str) -> bool {
    blake3::hash(one.as_bytes()) == blake3::hash(other.as_bytes())
}

/// The fields of a form as they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) BTreeMap<String, String>);

impl Fields {
    /// Takes fields as they come; of one that comes several times, as boxes ticked do, each value is a line.
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut fields = BTreeMap::<String, String>::new();
        for (name, value) in pairs {
            match fields.get_mut(&name) {
                Some(lines) => lines.extend(["\n", &value]),
                None => drop(fields.insert(name, value)),
            }
        }
        Self(fields)
    }

    /// Returns a field, empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Returns a field without the space around it, unless nothing else is in it.
    pub(crate) fn said(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim().to_owned()).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Form::<Vec<(String, String)>>::from_request(request, state).await;
        read.map(|Form(pairs)| Self::of(pairs)).map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::FormTooLarge,
            _ => Problem::value("/", "is no form", "不是表单"),
        })
    }
}

/// Writes an instant as the ledger's zone has it.
pub(crate) fn wall(door: &Door, text: &str) -> String {
    let at: Result<Timestamp, _> = text.parse();
    at.map_or_else(|_| text.to_owned(), |at| door.ledger.state().world.ledger.zone.wall(at))
}

/// Reads the moments typed on a page: an index, an instant, or a day or time of the ledger's zone.
pub(crate) fn moments(door: &Door, typed: &BTreeMap<String, String>) -> Result<(Moment, Option<Moment>), Problem> {
    let zone = door.ledger.state().world.ledger.zone;
    views::moments(&mut |name| typed.get(name).map(|text| text.trim().to_owned()), &|name, text| {
        let day =
            || Some(AsOf::Instant(zone.start_of(text.parse::<Date>().ok()?.next()).minus(Duration::from_micros(1))));
        let time = || Some(AsOf::Instant(zone.from_wall(&text.replacen(' ', "T", 1))?.parse().ok()?));
        day().or_else(time).map_or_else(|| views::as_of(name, text), Ok)
    })
}

/// `GET /language?to=&back=`: keeps the language and returns.
pub(crate) async fn language(query: Query<BTreeMap<String, String>>) -> Response {
    let to = if query.get("to").is_some_and(|to| to == "zh") { "zh" } else { "en" };
    let back = home(query.get("back").map(String::as_str).unwrap_or_default());
    let kept = set_cookie(LANGUAGE, to, "; Max-Age=31536000");
    ([(SET_COOKIE, kept)], Redirect::to(&back)).into_response()
}

/// `POST /purpose`: keeps the purpose of what is read next.
pub(crate) async fn purpose(visitor: Visitor, fields: Fields) -> Result<Response, Problem> {
    visitor.check_sent(&fields)?;
    let chosen = Purpose::parse(fields.text("purpose")).map(|purpose| purpose.kind.key()).unwrap_or_default();
    let back = Redirect::to(&home(fields.text("back")));
    Ok(([(SET_COOKIE, set_cookie(PURPOSE, chosen, ""))], back).into_response())
}

/// Returns an address of this site, whatever was asked for.
pub(crate) fn home(back: &str) -> String {
    let own = back.starts_with('/')
        && !back.starts_with("//")
        && back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own { back.to_owned() } else { "/".to_owned() }
}

/// Writes text so that it may stand in a query or a path.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// Finds a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Writes a cookie that no script reads and no other site sends along.
pub(crate) fn set_cookie(name: &str, value: &str, more: &str) -> HeaderValue {
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{more}");
    HeaderValue::try_from(cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether a purpose is stated decides what opens, not which.
const ANY: Purpose = Purpose { kind: PurposeKind::Management, note: None };

const LANGUAGE: &str = "dossier_language";
const PURPOSE: &str = "dossier_purpose";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_returns_to_this_site_only() {
        assert_eq!(home("/customers/C-1?a=%E5"), "/customers/C-1?a=%E5");
        for foreign in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nSet-Cookie: b"] {
            assert_eq!(home(foreign), "/", "{foreign}");
        }
    }

    #[test]
    fn what_stands_in_an_address_is_encoded() {
        assert_eq!(encode("/a?b=北&c"), "%2Fa%3Fb%3D%E5%8C%97%26c");
    }

    #[test]
    fn boxes_ticked_of_one_name_are_lines_of_one_field() {
        let pairs = [("classes", "C1"), ("reason", "x"), ("classes", "C2")];
        let fields = Fields::of(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!((fields.text("classes"), fields.text("reason")), ("C1\nC2", "x"));
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers: HeaderMap = [(COOKIE, HeaderValue::from_static("a=1; dossier_language=zh"))].into_iter().collect();
        assert_eq!(cookie(&headers, LANGUAGE), Some("zh"));
        assert_eq!(cookie(&headers, "language"), None);
    }
}
