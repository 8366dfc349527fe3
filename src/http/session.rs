//! Who is asking: a bearer token or a session becomes a principal, or nobody.
//!
//! Sessions live in memory and end with the process, with the password they were opened with, and for whoever no longer works
//! here at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Query};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::access::principal::{Language, Principal, Purpose, PurposeKind};
use crate::domain::audit::Place;
use crate::domain::employee::Member;
use crate::domain::role::Role;
use crate::http::Door;
use crate::http::error::Problem;
use crate::ids::EmployeeId;

/// Who is asking, and why.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Who, as what, from where.
    pub principal: Principal,
    /// Why, if it is said.
    pub purpose: Option<Purpose>,
    /// The session asked in, unless a token was shown.
    pub session: Option<Session>,
}

/// An open session, as a request knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    secret: [u8; 32],
}

impl Session {
    /// Returns what a form of this session carries, so that only our own pages can send it.
    pub fn form_token(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(blake3::derive_key("dossier form token", &self.secret))
    }

    fn name(&self) -> [u8; 32] {
        *blake3::hash(&self.secret).as_bytes()
    }
}

impl FromRequestParts<Arc<Door>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let (employee, place, session) = match headers.get(AUTHORIZATION) {
            Some(value) => {
                let token = bearer(value).ok_or(Problem::Unauthenticated)?;
                let employee = door.accounts.employee_of_token(token, door.ledger.clock().now());
                (employee.ok_or(Problem::Unauthenticated)?, Place::Office, None)
            }
            None => {
                let session = cookie(headers).ok_or(Problem::Unauthenticated)?;
                let (employee, place) = door.sessions.find(door, &session).ok_or(Problem::Unauthenticated)?;
                if !parts.method.is_safe() && cross_site(headers) {
                    return Err(Problem::CrossSite);
                }
                (employee, place, Some(session))
            }
        };
        if !works(door, &employee) {
            return Err(Problem::Unauthenticated);
        }
        let principal = Principal {
            employee,
            role: role(headers)?,
            // Once either says so, it is off-site: nobody talks themselves into the office.
            place: if place == Place::Offsite { place } else { stated_place(headers)? },
            language: language(headers),
        };
        let purpose = match headers.get(&PURPOSE) {
            Some(value) => Some(purpose(text(value)?)?),
            None => purpose_of_query(parts)?,
        };
        Ok(Self { principal, purpose, session })
    }
}

/// The sessions of a running service.
#[derive(Debug)]
pub struct Sessions {
    open: Mutex<HashMap<[u8; 32], Open>>,
    failures: Mutex<HashMap<EmployeeId, Failures>>,
    /// Hashing a password fills a core: one at a time leaves the others to the ledger.
    hashing: Semaphore,
}

#[derive(Debug)]
struct Open {
    employee: EmployeeId,
    place: Place,
    /// Of the password it was opened with.
    mark: [u8; 32],
    /// Since when the employee has had the status it was opened under.
    status: u64,
    opened: Duration,
    used: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { open: Mutex::default(), failures: Mutex::default(), hashing: Semaphore::new(1) }
    }
}

impl Sessions {
    /// Opens a session for who knows the password and works here; returns the cookie to set.
    ///
    /// # Errors
    /// `WrongPassword`, whatever of it is wrong; `TooManySignIns` after several of them in a row.
    pub async fn sign_in(
        &self,
        door: &Door,
        headers: &HeaderMap,
        employee: &str,
        password: String,
        place: Place,
    ) -> Result<HeaderValue, Problem> {
        let employee: EmployeeId = employee.trim().parse().map_err(|_| Problem::WrongPassword)?;
        let clock = door.ledger.clock();
        let right = {
            let _turn = self.hashing.acquire().await.map_err(|_| Problem::Failed)?;
            // Asked when it is one's turn: those who tried at the same time have failed by now.
            if self.failed_too_often(&employee, clock.elapsed()) {
                return Err(Problem::TooManySignIns);
            }
            let (accounts, employee, now) = (door.accounts.clone(), employee.clone(), clock.now());
            let checked = tokio::task::spawn_blocking(move || accounts.check_password(&employee, &password, now));
            checked.await.map_err(|_| Problem::Failed)?
        };
        let mark = door.accounts.password_mark(&employee, clock.now());
        let status = status_since(door, &employee).unwrap_or_default();
        let Some(mark) = mark.filter(|_| right && works(door, &employee)) else {
            self.note_failure(employee, clock.elapsed());
            return Err(Problem::WrongPassword);
        };
        lock(&self.failures).remove(&employee);
        let mut session = Session { secret: [0; 32] };
        door.ledger.source().fill(&mut session.secret);
        let now = clock.elapsed();
        self.insert(session.name(), Open { employee, place, mark, status, opened: now, used: now });
        Ok(set_cookie(&BASE64_URL_SAFE_NO_PAD.encode(session.secret), SESSION_LONGEST, headers))
    }

    /// Ends a session; returns the cookie that makes the browser forget it.
    pub fn sign_out(&self, session: &Session, headers: &HeaderMap) -> HeaderValue {
        lock(&self.open).remove(&session.name());
        set_cookie("", Duration::ZERO, headers)
    }

    /// Finds who opened a session and where from, if it is still open, and keeps it open.
    fn find(&self, door: &Door, session: &Session) -> Option<(EmployeeId, Place)> {
        let clock = door.ledger.clock();
        let (now, name) = (clock.elapsed(), session.name());
        let mut open = lock(&self.open);
        let found = open.get_mut(&name)?;
        let mark = door.accounts.password_mark(&found.employee, clock.now());
        let status = status_since(door, &found.employee);
        if found.ended(now) || mark != Some(found.mark) || status != Some(found.status) {
            open.remove(&name);
            return None;
        }
        found.used = now;
        Some((found.employee.clone(), found.place))
    }

    fn insert(&self, name: [u8; 32], session: Open) {
        let mut open = lock(&self.open);
        if open.len() >= SESSIONS_MAX {
            open.retain(|_, other| !other.ended(session.used));
        }
        // Full of living sessions: the one longest unused makes room.
        if open.len() >= SESSIONS_MAX
            && let Some(oldest) = open.iter().min_by_key(|(_, other)| other.used).map(|(name, _)| *name)
        {
            open.remove(&oldest);
        }
        open.insert(name, session);
    }

    fn failed_too_often(&self, employee: &EmployeeId, now: Duration) -> bool {
        let failures = lock(&self.failures).get(employee).copied().unwrap_or_default();
        failures.count >= FAILURES_MAX && now.saturating_sub(failures.last) < FAILURES_KEPT
    }

    fn note_failure(&self, employee: EmployeeId, now: Duration) {
        let mut failures = lock(&self.failures);
        if failures.len() >= SESSIONS_MAX {
            failures.retain(|_, failures| now.saturating_sub(failures.last) < FAILURES_KEPT);
        }
        let counted = failures.entry(employee).or_default();
        if now.saturating_sub(counted.last) >= FAILURES_KEPT {
            counted.count = 0;
        }
        *counted = Failures { count: counted.count.saturating_add(1), last: now };
    }
}

impl Open {
    fn ended(&self, now: Duration) -> bool {
        now.saturating_sub(self.opened) >= SESSION_LONGEST || now.saturating_sub(self.used) >= SESSION_IDLE
    }
}

/// Chooses the language of the answers.
pub fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (0, Language::default());
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let language = match tag.split('-').next().unwrap_or_default() {
            "zh" => Language::Chinese,
            "en" => Language::English,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, thousandths);
        // At equal weight the first named is meant.
        if weight > best.0 {
            best = (weight, language);
        }
    }
    best.1
}

/// Reads a weight such as `0.8` into thousandths (RFC 9110 §12.4.2); what is none counts as nothing.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let valid = matches!(whole, "0" | "1") && fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = format!("{fraction:0<3}").parse().unwrap_or(0);
    match whole {
        _ if !valid => 0,
        "1" => 1000,
        _ => fraction,
    }
}

fn works(door: &Door, employee: &EmployeeId) -> bool {
    door.ledger.state().world.employee.members.get(employee).is_some_and(Member::works)
}

fn status_since(door: &Door, employee: &EmployeeId) -> Option<u64> {
    door.ledger.state().world.employee.members.get(employee).map(|member| member.status_since)
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<Session> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = pairs.find(|(name, _)| *name == SESSION_COOKIE)?;
    let secret = BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
    Some(Session { secret })
}

fn set_cookie(value: &str, age: Duration, headers: &HeaderMap) -> HeaderValue {
    // Behind a proxy that ends TLS the browser must never send it in clear; without TLS it could not send it at all.
    let encrypted = headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
    let secure = if encrypted { "; Secure" } else { "" };
    let age = age.as_secs();
    let cookie = format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::try_from(cookie).expect("base64url and digits are visible ASCII")
}

/// Tells whether a browser says that another site's page is asking; what is no browser sends neither header.
fn cross_site(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(SEC_FETCH_SITE) {
        return !matches!(site, "same-origin" | "none");
    }
    match text(ORIGIN) {
        Some(origin) => origin.split_once("://").map(|(_, host)| host) != text(HOST),
        None => false,
    }
}

fn role(headers: &HeaderMap) -> Result<Option<Role>, Problem> {
    let Some(value) = headers.get(&ROLE) else { return Ok(None) };
    match text(value)?.trim().parse() {
        Ok(role) => Ok(Some(role)),
        Err(_) => {
            Err(Problem::value("Dossier-Role", "is no role, such as \"salesperson\"", "不是角色，例如“salesperson”"))
        }
    }
}

fn stated_place(headers: &HeaderMap) -> Result<Place, Problem> {
    match headers.get(&PLACE).map(HeaderValue::as_bytes) {
        None | Some(b"office") => Ok(Place::Office),
        Some(b"offsite") => Ok(Place::Offsite),
        Some(_) => Err(Problem::value("Dossier-Place", "must be \"office\" or \"offsite\"", "须为“office”或“offsite”")),
    }
}

/// Reads a purpose: one of the closed list, with a note after a colon.
pub fn purpose(text: &str) -> Result<Purpose, Problem> {
    Purpose::parse(text).map_err(|_| {
        let keys: Vec<&str> = PurposeKind::ALL.iter().map(|kind| kind.key()).collect();
        Problem::value(
            "Dossier-Purpose",
            format!("must be one of {}, with a note after a colon", keys.join(", ")),
            format!("须为下列之一，冒号后可加说明：{}", keys.join("、")),
        )
    })
}

#[derive(Deserialize)]
struct PurposeOfQuery {
    purpose: Option<String>,
}

fn purpose_of_query(parts: &Parts) -> Result<Option<Purpose>, Problem> {
    // Most questions carry none here, and a query need not be taken apart to know it.
    if !parts.uri.query().is_some_and(|query| query.contains("purpose=")) {
        return Ok(None);
    }
    let query = Query::<PurposeOfQuery>::try_from_uri(&parts.uri).map_err(|_| Problem::NotUtf8 { at: None })?;
    query.0.purpose.filter(|text| !text.is_empty()).map(|text| purpose(&text)).transpose()
}

/// Headers carry notes in Chinese too, as UTF-8.
fn text(value: &HeaderValue) -> Result<&str, Problem> {
    std::str::from_utf8(value.as_bytes()).map_err(|_| Problem::NotUtf8 { at: None })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const ROLE: HeaderName = HeaderName::from_static("dossier-role");
const PLACE: HeaderName = HeaderName::from_static("dossier-place");
const PURPOSE: HeaderName = HeaderName::from_static("dossier-purpose");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The cookie a session is kept in.
pub const SESSION_COOKIE: &str = "dossier_session";

/// How long a session lasts at most: a working day.
const SESSION_LONGEST: Duration = Duration::from_secs(12 * 3600);

/// How long a session lasts unused.
const SESSION_IDLE: Duration = Duration::from_secs(2 * 3600);

const SESSIONS_MAX: usize = 10_000;

/// How many wrong passwords in a row, and for how long they count.
const FAILURES_MAX: u32 = 5;
const FAILURES_KEPT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_language_with_the_greatest_weight_is_chosen() {
        let chosen = |accepted| language(&headers(&[("accept-language", accepted)]));
        assert_eq!(chosen("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(chosen("en-US,en;q=0.9,zh-CN;q=0.8"), Language::English);
        assert_eq!(chosen("zh;q=0.5, en;q=0.75"), Language::English);
        assert_eq!(chosen("fr, ZH-hans;q=0.1"), Language::Chinese);
        assert_eq!(chosen("zh;q=0"), Language::English);
        assert_eq!(chosen("zh;q=9"), Language::English);
        assert_eq!(language(&HeaderMap::new()), Language::English);
    }

    #[test]
    fn only_the_bearer_scheme_carries_a_token() {
        let token = |text| bearer(&HeaderValue::from_static(text)).map(str::to_owned);
        assert_eq!(token("Bearer dst_abc"), Some("dst_abc".into()));
        assert_eq!(token("bearer  dst_abc"), Some("dst_abc".into()));
        assert_eq!(token("Basic dst_abc"), None);
        assert_eq!(token("dst_abc"), None);
    }

    #[test]
    fn a_session_is_found_among_other_cookies_and_only_whole() {
        let value = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
        let with = |text: String| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::try_from(text).unwrap());
            cookie(&headers)
        };
        assert_eq!(with(format!("a=b; {SESSION_COOKIE}={value}; c=d")), Some(Session { secret: [7; 32] }));
        assert_eq!(with(format!("{SESSION_COOKIE}={value}A")), None);
        assert_eq!(with(format!("other={value}")), None);
    }

    #[test]
    fn a_page_of_another_site_is_told_apart() {
        assert!(cross_site(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(cross_site(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!cross_site(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(cross_site(&headers(&[("origin", "https://evil.example"), ("host", "dossier.example")])));
        assert!(cross_site(&headers(&[("origin", "null"), ("host", "dossier.example")])));
        assert!(!cross_site(&headers(&[("origin", "https://dossier.example"), ("host", "dossier.example")])));
        assert!(!cross_site(&HeaderMap::new()), "no browser");
    }

    #[test]
    fn a_cookie_is_for_tls_only_where_there_is_tls() {
        let plain = set_cookie("x", Duration::from_secs(1), &HeaderMap::new());
        assert_eq!(plain, "dossier_session=x; Path=/; HttpOnly; SameSite=Strict; Max-Age=1");
        let secure = set_cookie("x", Duration::from_secs(1), &headers(&[("x-forwarded-proto", "https")]));
        assert!(secure.to_str().unwrap().ends_with("; Secure"));
    }

    #[test]
    fn a_form_token_belongs_to_its_session() {
        let (one, other) = (Session { secret: [1; 32] }, Session { secret: [2; 32] });
        assert_eq!(one.form_token(), one.clone().form_token());
        assert_ne!(one.form_token(), other.form_token());
    }

    #[test]
    fn wrong_passwords_in_a_row_close_the_door_for_a_while() {
        let sessions = Sessions::default();
        let employee: EmployeeId = "E-101".parse().unwrap();
        let at = Duration::from_secs;
        for second in 0..5 {
            assert!(!sessions.failed_too_often(&employee, at(1000 + second)));
            sessions.note_failure(employee.clone(), at(1000 + second));
        }
        assert!(sessions.failed_too_often(&employee, at(1005)));
        assert!(!sessions.failed_too_often(&employee, at(1004 + 300)));
        assert!(!sessions.failed_too_often(&"E-102".parse().unwrap(), at(1005)));
    }

    #[test]
    fn a_session_ends_when_it_is_old_or_unused() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let open = |used| Open {
            employee: "E-101".parse().unwrap(),
            place: Place::Office,
            mark: [0; 32],
            status: 0,
            opened: Duration::ZERO,
            used,
        };
        assert!(!open(hours(1)).ended(hours(2)));
        assert!(open(hours(1)).ended(hours(3)));
        assert!(open(hours(11)).ended(hours(12)));
    }
}
