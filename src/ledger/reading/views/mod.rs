//! What is shown for each view, before it is redacted.

use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::access::decide::Decision;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::clock::{Date, Timestamp, Zone};
use crate::domain::catalog::{self, Kind, Shape};
use crate::domain::obligation::duties;
use crate::domain::{Refusal, common};
use crate::ids::CustomerId;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::{Ledger, Shared};
use crate::projection::Node;
use crate::projection::person::People;
use crate::projection::register::{Listed, Register};
use crate::store::{Direction, Term};

mod anomaly;
mod business;
mod classification;
mod composition;
mod conduct;
mod credit;
mod customer;
mod dates;
mod document;
mod evidence;
mod grade;
mod grant;
mod known;
mod obligation;
mod ownership;
mod payment;
mod person;
mod privacy;
mod reading;
mod record;
mod sale;
mod search;
mod signoff;
mod staff;
mod stream;
mod upkeep;

/// A view before it is redacted.
pub(super) struct Built {
    pub(super) node: Node,
    pub(super) next: Option<String>,
    /// The streams in which the reading is found besides the reader's acts.
    pub(super) targets: Vec<String>,
}

impl Ledger {
    /// Builds what a view shows of a moment.
    pub(super) fn build(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let shared = &self.shared;
        check_filters(asked)?;
        if asked.after.is_some() && asked.view.is_whole() {
            return Err(no_cursor());
        }
        // What began later was, at the moment asked for, as unknown as what never was.
        let unknown = subject.since.map(|since| shared.shows(then, since)).transpose()? == Some(false);
        match (asked.view.key, &subject.customer) {
            ("evidence", _) => self.evidence(asked, subject, sight),
            ("entries", _) => self.entries(asked, subject, sight),
            _ if unknown => Err(ViewError::NotFound),
            ("card", Some(id)) => shared.card(state, then, id, subject),
            ("archive", Some(id)) => shared.whole_archive(state, then, id, subject),
            ("promises", Some(id)) => shared.promises(state, then, id, subject),
            ("basics", Some(id)) => shared.basics(state, then, id, subject),
            ("important_dates", _) => shared.important_dates(state, then, asked, subject, sight),
            ("personal_data", _) => shared.personal_data(state, then, asked, subject),
            ("erasures", _) => shared.erasures(state, then, asked, subject),
            ("people", Some(id)) => shared.people(state, then, id, subject, People::rows),
            ("relations", Some(id)) => shared.people(state, then, id, subject, People::relations),
            ("decision_roles", Some(id)) => shared.people(state, then, id, subject, People::decision_roles),
            ("documents", Some(id)) => shared.documents(state, then, id, subject),
            ("document" | "file", _) => shared.document(state, then, asked, subject, sight),
            ("signoffs", _) => shared.signoffs(state, then, asked, sight),
            ("list", _) => shared.list(state, then, asked, sight),
            ("search", _) => shared.search(state, then, asked, sight),
            ("stats", _) => shared.statistics(state, then, asked, sight),
            ("grading", _) => shared.grading(state, then, asked, sight),
            ("composition", _) => shared.composition(state, then, asked, sight),
            ("key_customers", _) => shared.key_customers(state, then, asked, sight),
            ("special", _) => shared.special(state, then, asked, subject, sight),
            ("classification", _) => shared.classification(state, then, asked, subject, sight),
            ("checks", _) => shared.checks(state, then, asked, subject, sight),
            ("registration_status", _) => shared.registration_status(state, then, asked, sight),
            ("ownership", _) => shared.ownership(state, then, asked, subject, sight),
            ("visits", Some(id)) => shared.visits(state, then, asked, id, subject),
            ("business_report", Some(id)) => shared.business_report(state, then, asked, id, subject),
            ("related_persons", Some(id)) => shared.related_persons(state, then, id, subject),
            ("grades", _) => shared.grades(state, then, asked, subject, sight),
            ("credit_reviews", _) => shared.credit_reviews(state, then, asked, subject, sight),
            ("terms", _) => shared.terms(state, then, asked, subject, sight),
            ("payments", Some(id)) => shared.payments(state, then, id, subject),
            ("grade_audit", _) => shared.trace(state, then, asked, subject, sight),
            ("sod", _) => shared.separation(then, asked),
            ("grants", _) => shared.grants_and_loans(state, then, asked, sight),
            ("anomalies", _) => shared.anomalies(then, asked, sight),
            ("refusals", _) => shared.refusals(then, asked),
            ("access_log", _) => shared.access_log(state, then, asked, subject, sight),
            ("corrections", _) => shared.corrections(then, asked, subject),
            ("feed", _) => shared.feed(state, then, asked, sight),
            ("timeline", _) => shared.timeline(then, asked, subject),
            ("policy", _) => shared.policy(then),
            ("staff", _) => shared.staff(state, then, asked, subject),
            ("appraisals", _) => shared.appraisals(then, asked, sight),
            ("discipline", _) => shared.discipline(then, asked, sight),
            ("obligations", _) => shared.obligations(state, then, asked, subject),
            ("overdue", _) => shared.overdue(state, then, asked, sight),
            ("approvals", _) => shared.approvals(state, then, sight),
            ("entry", _) => shared.one_entry(state, then, asked, subject, sight),
            _ => Err(ViewError::NotFound),
        }
    }
}

/// Refuses to narrow a view to what there cannot be: whoever mistypes would be told that there was nothing.
fn check_filters(asked: &Asked) -> Result<(), ViewError> {
    for (name, said) in &asked.filters {
        let (known, en, zh) = match name.as_str() {
            "quarter" => (catalog::is_quarter(said), "must be a quarter such as 2026Q1", "须为季度，如2026Q1"),
            "type" => (
                catalog::find(said).is_some(),
                "must be a type of event such as contact.recorded",
                "须为事件类型，如contact.recorded",
            ),
            "duty" => (
                duties().iter().any(|duty| duty.id() == *said),
                "must be a duty such as OB-14",
                "须为职责编号，如OB-14",
            ),
            "open" => (matches!(said.as_str(), "true" | "false"), "must be true or false", "须为true或false"),
            _ => continue,
        };
        if !known {
            return Err(ViewError::Refused(Refusal::field(&format!("/{name}"), en, zh)));
        }
    }
    Ok(())
}

/// Reads a year that a view is narrowed to.
fn year_of(asked: &Asked) -> Result<Option<i32>, ViewError> {
    let no_year = || ViewError::Refused(Refusal::field("/year", "must be a year such as 2026", "须为年份，如2026"));
    let year = |text: &String| text.parse().ok().filter(|year| (1900..=9999).contains(year)).ok_or_else(no_year);
    asked.filters.get("year").map(year).transpose()
}

/// The days a view is narrowed to, both included.
struct Days {
    from: Option<Date>,
    until: Option<Date>,
}

/// Reads the days a view is narrowed to.
fn days_of(asked: &Asked) -> Result<Days, ViewError> {
    let day = |name: &str| {
        let (en, zh) = ("must be a day such as 2026-03-01", "须为日期，如2026-03-01");
        let no_day = |_| ViewError::Refused(Refusal::field(&format!("/{name}"), en, zh));
        asked.filters.get(name).map(|text| text.parse().map_err(no_day)).transpose()
    };
    Ok(Days { from: day("from")?, until: day("until")? })
}

/// The time a view is narrowed to.
#[derive(Clone, Copy, Debug)]
struct Period {
    /// The instant it begins with.
    from: Option<Timestamp>,
    /// The instant it ends before.
    until: Option<Timestamp>,
}

impl Period {
    /// Reads `from` and `until`: days of the ledger's zone, both of them included.
    fn of(asked: &Asked, zone: Zone) -> Result<Self, ViewError> {
        let days = days_of(asked)?;
        Ok(Self {
            from: days.from.map(|day| zone.start_of(day)),
            until: days.until.map(|day| zone.start_of(day.next())),
        })
    }

    /// Tells whether it had not begun by then.
    fn is_before(&self, at: Timestamp) -> bool {
        self.from.is_some_and(|from| at < from)
    }

    fn holds(&self, at: Timestamp) -> bool {
        !self.is_before(at) && self.until.is_none_or(|until| at < until)
    }
}

/// Reads one of the words a view can be narrowed to, each with what it means.
fn choice_of<T: Copy>(asked: &Asked, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, ViewError> {
    let Some(said) = asked.filters.get(name) else { return Ok(None) };
    let known = choices.iter().find(|(word, _)| word == said);
    known.map(|(_, choice)| Some(*choice)).ok_or_else(|| no_choice(name, choices.iter().map(|(word, _)| *word)))
}

/// Reads a value of a closed list of the catalog that a view can be narrowed to.
fn value_of<T: Shape + DeserializeOwned>(asked: &Asked, name: &str) -> Result<Option<T>, ViewError> {
    let Some(said) = asked.filters.get(name) else { return Ok(None) };
    let known = serde_json::from_value(said.as_str().into());
    known.map(Some).map_err(|_| match T::kind() {
        Kind::Choice(choices) => no_choice(name, choices.iter().map(|choice| choice.value)),
        _ => no_choice(name, std::iter::empty()),
    })
}

fn no_choice<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> ViewError {
    let words: Vec<&str> = words.collect();
    let (en, zh) = (format!("must be {}", words.join(" or ")), format!("须为 {}", words.join(" 或 ")));
    ViewError::Refused(Refusal::field(&format!("/{name}"), &en, &zh))
}

/// A page of what is shown customer by customer.
struct Page<T> {
    rows: Vec<(CustomerId, T)>,
    next: Option<String>,
}

impl Page<Node> {
    /// Makes an answer of the rows.
    fn built(self, subject: &Subject) -> Built {
        let rows = self.rows.into_iter().map(|(id, row)| Node::About(id, Box::new(row)));
        of_page(rows.collect(), self.next, subject)
    }
}

/// Makes an answer of rows that say whom they are about.
fn of_page(rows: Vec<Node>, next: Option<String>, subject: &Subject) -> Built {
    Built { node: Node::Row(vec![("items", Node::List(rows))]), next, targets: subject.targets.clone() }
}

/// Takes a page of what `rows` tells of each customer, in the order of their ids: of the one asked about, or of those whose `matter` may
/// be seen. A customer's rows stay together.
fn page_of<T>(
    register: &Register,
    asked: &Asked,
    subject: &Subject,
    sight: &mut Sight<'_>,
    matter: Matter,
    rows: &mut dyn FnMut(&CustomerId, &Listed) -> Vec<T>,
) -> Result<Page<T>, ViewError> {
    let mut page = Page { rows: Vec::new(), next: None };
    let mut wanting = None;
    let after: Option<CustomerId> = cursor(asked)?;
    for (id, listed) in &register.customers {
        let passed = after.as_ref().is_some_and(|after| id <= after);
        if passed || subject.customer.as_ref().is_some_and(|only| only != id) {
            continue;
        }
        let rows = rows(id, listed);
        if rows.is_empty() {
            continue;
        }
        // Of one customer it was decided as a whole whether the view opens.
        if subject.customer.is_none() {
            sight.turn_to(Some(id));
            let decision = sight.may(matter);
            if !decision.allowed {
                wanting = wanting.or_else(|| wants_purpose(&decision));
                continue;
            }
        }
        if !page.rows.is_empty() && page.rows.len() + rows.len() > asked.limit {
            page.next = page.rows.last().map(|(id, _)| id.to_string());
            break;
        }
        page.rows.extend(rows.into_iter().map(|row| (id.clone(), row)));
    }
    sight.turn_to(subject.customer.as_ref());
    check_asked(&page.rows, wanting)?;
    Ok(page)
}

/// Tells whether a view of credit shows what is said of a customer: of one it was asked about as a whole, of all it is asked row by row.
fn shows_credit(subject: &Subject, sight: &mut Sight<'_>, customer: Option<&CustomerId>) -> bool {
    if subject.customer.is_some() {
        return subject.customer.as_ref() == customer;
    }
    sight.turn_to(customer);
    let shown = sight.may(Matter::Credit).allowed;
    sight.turn_to(None);
    shown
}

/// Refuses a list of which nothing is shown for want of a purpose: who asks learns that, and not that there is nothing.
fn check_asked<T>(rows: &[T], wanting: Option<String>) -> Result<(), ViewError> {
    match wanting.filter(|_| rows.is_empty()) {
        Some(rule) => Err(ViewError::Denied(common::Refusal::Forbidden { rule }.into())),
        None => Ok(()),
    }
}

/// The rule that asks for a purpose, where that is all that keeps a row from being shown.
fn wants_purpose(decision: &Decision) -> Option<String> {
    decision.rule.as_deref().filter(|rule| matches!(*rule, "R-059" | "R-063")).map(str::to_owned)
}

/// Among which entries a page is looked for.
#[derive(Clone, Copy)]
enum Among {
    /// Those under a term.
    Term(Term),
    /// All of them.
    All,
}

/// What looking at an entry for a page came to.
enum Looked {
    /// It is shown.
    Row(Node),
    /// It is not shown.
    Passed,
    /// Neither is anything before it.
    End,
}

impl Shared {
    /// Goes back through entries until a page is full or enough was looked at; returns its rows and where the next begins.
    fn page_back(
        &self,
        among: Among,
        then: &Then,
        asked: &Asked,
        look: &mut dyn FnMut(u64) -> Result<Looked, ViewError>,
    ) -> Result<(Vec<Node>, Option<String>), ViewError> {
        let mut before = cursor::<u64>(asked)?.unwrap_or(then.end).min(then.end);
        let mut rows = Vec::new();
        let mut looks = asked.looks;
        loop {
            let found = match among {
                Among::Term(term) => self.shelf.postings(term, 0, before, Direction::Descending, 256)?,
                Among::All => (before.saturating_sub(256)..before).rev().collect(),
            };
            if found.is_empty() {
                return Ok((rows, None));
            }
            for index in found {
                // The last page says so: whether there is more is looked for behind a full one too.
                if looks == 0 {
                    return Ok((rows, Some(before.to_string())));
                }
                looks -= 1;
                match look(index)? {
                    Looked::Row(_) if rows.len() >= asked.limit => return Ok((rows, Some(before.to_string()))),
                    Looked::Row(row) => rows.push(row),
                    Looked::Passed => {}
                    Looked::End => return Ok((rows, None)),
                }
                before = index;
            }
        }
    }
}

/// Reads where a page begins: behind an index or an id.
pub(super) fn cursor<T: FromStr>(asked: &Asked) -> Result<Option<T>, ViewError> {
    asked.after.as_ref().map(|after| after.parse().map_err(|_| no_cursor())).transpose()
}

/// Reads where a page begins that is ordered by two things.
fn cursor_of_two(asked: &Asked) -> Result<Option<(&str, &str)>, ViewError> {
    asked.after.as_ref().map(|after| after.split_once('/').ok_or_else(no_cursor)).transpose()
}

fn no_cursor() -> ViewError {
    ViewError::Refused(Refusal::field("/after", "is no cursor of this view", "不是此视图的游标"))
}
