//! A form for every event that somebody may propose, generated from its type.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::domain::Code;
use crate::domain::catalog::{self, EventType, Field, Kind, Referent};
use crate::domain::class::Class;
use crate::domain::person;
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::form::{self, Filled};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, home};
use crate::http::web::words;
use crate::http::web::{duties, layout, offers, policy};
use crate::ids::{CustomerId, EntryId, StreamName, SubjectId};
use crate::ledger::{Proposal, Receipt, SubmitError};

/// `GET /propose?customer=`: the types of event one may propose, of a customer or of anything.
pub(crate) async fn list(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let customer = query.get("customer").map(|id| id.trim()).filter(|id| !id.is_empty());
    let customer: Option<CustomerId> = customer
        .map(|id| id.parse().map_err(|_| Problem::value("/customer", "is no customer id", "不是客户编号")))
        .transpose()?;
    let mut types = door.ledger.proposable(&visitor.asker.principal, customer.as_ref());
    types.retain(|kind| customer.is_none() || concerns_customers(kind));
    let title = match &customer {
        Some(customer) => format!("{customer} · {}", frame.say("record")),
        None => frame.say("record"),
    };
    let body = html! {
        @if types.is_empty() { p { (frame.say("record-nothing")) } }
        @for group in types.chunk_by(|one, other| one.module == other.module) {
            section {
                h2 { (words::module(frame.language, group.first().map_or("", |kind| kind.module))) }
                dl.kinds { @for kind in group {
                    div {
                        dt { a href=(address(kind, customer.as_ref())) { (words::event(frame.language, kind.name)) } }
                        dd { (words::doc(frame.language, kind)) }
                    }
                } }
            }
        }
    };
    Ok(layout::page(frame, StatusCode::OK, &title, &body))
}

/// `GET /propose/{type}`: the form, with what the address says filled in.
pub(crate) async fn form(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(name): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let kind = catalog::find(&name).filter(|kind| !kind.system).ok_or(Problem::NoPage)?;
    // A paper comes with its file, for which there is a form of its own.
    if kind.name == "document.filed" {
        let customer = query.get("customer_id").filter(|id| id.parse::<CustomerId>().is_ok());
        let form =
            customer.map_or_else(|| "/documents".to_owned(), |id| format!("/customers/{}/documents", encode(id)));
        return Ok(Redirect::to(&form).into_response());
    }
    let mut typed = prefilled(kind, query);
    if kind.name == "policy.adopted" {
        policy::prefilled(&visitor.frame, &door.ledger.state().world, door.ledger.clock().now(), &mut typed);
    }
    if kind.name == "contact.recorded" {
        beginning(&door, &visitor, &mut typed);
    }
    let about = about(&door, &visitor, kind, &typed).await?;
    Ok(written(&door, &visitor, kind, &typed, None, &about))
}

/// Most who record a contact had it themselves, and just now.
fn beginning(door: &Door, visitor: &Visitor, typed: &mut Fields) {
    let now = door.ledger.state().world.ledger.zone.wall(door.ledger.clock().now());
    let minute = now.get(..16).map(|minute| minute.replace(' ', "T"));
    typed.0.entry("our_people".into()).or_insert_with(|| visitor.asker.principal.employee.to_string());
    typed.0.extend(minute.map(|minute| ("at".to_owned(), minute)));
}

/// What a form is to decide on: the request that it names, as it waits for the visitor.
async fn about(door: &Door, visitor: &Visitor, kind: &EventType, typed: &Fields) -> Result<Markup, Problem> {
    match kind.name {
        "approval.given" | "approval.declined" if typed.said("request_id").is_some() => {
            duties::requested(door, visitor, typed.text("request_id").trim()).await
        }
        _ => Ok(html! {}),
    }
}

/// `POST /propose/{type}`: proposes what was typed, or shows the form with one more row.
///
/// The form carries the id its entry gets: sent twice it is entered once. What is refused is shown in the form with everything
/// typed.
pub(crate) async fn propose(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(name): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    let kind = catalog::find(&name);
    let fields = match kind {
        Some(kind) => form::settled(kind.fields, fields),
        None => fields,
    };
    let shown = kind.filter(|kind| !kind.system);
    let problem = match (visitor.check_sent(&fields), shown) {
        (Err(problem), _) => problem,
        (Ok(()), Some(kind)) if fields.said("more").is_some() => {
            return Ok(written(&door, &visitor, kind, &fields, None, &html! {}));
        }
        (Ok(()), _) => {
            let proposal = proposal(&door, &name, kind, &fields);
            match door.submit(&visitor.asker.principal, vec![proposal]).await {
                Ok(receipts) => return Ok(Redirect::to(&onward(&fields, &receipts)).into_response()),
                Err(error) => Problem::Submit { error, batch: false },
            }
        }
    };
    match shown {
        Some(kind) => {
            let about = about(&door, &visitor, kind, &fields).await?;
            Ok(written(&door, &visitor, kind, &fields, Some(&problem), &about))
        }
        None => Err(problem),
    }
}

/// Makes of a form what is proposed to the ledger.
pub(crate) fn proposal(door: &Door, name: &str, kind: Option<&EventType>, fields: &Fields) -> Proposal {
    let zone = door.ledger.state().world.ledger.zone;
    let id = fields.said("id");
    let mut data = kind.map_or_else(Map::new, |kind| form::payload(zone, kind.fields, fields, ""));
    number_rows(kind.map_or(&[], |kind| kind.fields), id.as_deref().unwrap_or_default(), &mut data);
    Proposal {
        kind: name.to_owned(),
        id,
        subject: fields.said("subject"),
        occurredat: fields.said("occurredat").map(|at| zone.from_wall(&at).unwrap_or(at)),
        latereason: fields.said("latereason"),
        data: Value::Object(data),
        ..Proposal::default()
    }
}

/// Gives each row of a list, such as a promise of a contact, the id that nobody typed: the same again where the form comes twice.
fn number_rows(fields: &[Field], form: &str, data: &mut Map<String, Value>) {
    let id = form.get(form.len().saturating_sub(8)..).unwrap_or_default().trim_start_matches(['-', '.', '_']);
    for field in fields {
        let Kind::List(inner) = &field.kind else { continue };
        let Kind::Object(inner) = inner.as_ref() else { continue };
        let Some(key) = inner.iter().find(|field| matches!(field.kind, Kind::Id)) else { continue };
        let rows = data.get_mut(field.name).and_then(Value::as_array_mut).into_iter().flatten();
        for (row, number) in rows.filter_map(Value::as_object_mut).zip(1..) {
            row.entry(key.name).or_insert_with(|| format!("{id}-{number}").into());
        }
    }
}

/// Where one goes on to: back to where one came from on this site, or to what was entered.
fn onward(fields: &Fields, receipts: &[Receipt]) -> String {
    let back = fields.text("back");
    match receipts.first() {
        Some(receipt) if home(back) != back => format!("/entries/{}", receipt.index),
        _ => home(back),
    }
}

/// Takes from an address what it may fill in: ids and values of closed lists, and nothing personal.
fn prefilled(kind: &EventType, query: BTreeMap<String, String>) -> Fields {
    let may = |name: &str, value: &str| match name {
        "subject" => kind.subject.is_some() && value.parse::<StreamName>().is_ok(),
        "back" => home(value) == value,
        name => kind.field(name).is_some_and(|field| may_stand_in_address(field, value)),
    };
    Fields(query.into_iter().filter(|(name, value)| may(name, value)).collect())
}

fn may_stand_in_address(field: &Field, value: &str) -> bool {
    if field.sealed || field.computed {
        return false;
    }
    match &field.kind {
        Kind::EntryId | Kind::Reference(Referent::Record) => value.parse::<EntryId>().is_ok(),
        Kind::Id | Kind::Reference(_) => value.parse::<SubjectId>().is_ok(),
        // What somebody chose about a person is as personal as what somebody wrote.
        Kind::Choice(choices) => {
            !matches!(field.class, Class::C4 | Class::C5) && choices.iter().any(|choice| choice.value == value)
        }
        _ => false,
    }
}

/// The field that names the customer, where the data do.
fn customer_field(kind: &EventType) -> Option<&Field> {
    let names = |field: &&Field| field.required && matches!(field.kind, Kind::Reference(Referent::Customer));
    kind.fields.iter().find(names).filter(|_| kind.subject.is_none())
}

fn concerns_customers(kind: &EventType) -> bool {
    let subject = kind.subject.is_some_and(|subject| matches!(subject.of, Referent::Customer | Referent::Person));
    subject || customer_field(kind).is_some()
}

/// The address of a form, about a customer as far as that is known.
fn address(kind: &EventType, customer: Option<&CustomerId>) -> String {
    let base = format!("/propose/{}", kind.name);
    let Some(customer) = customer else { return base };
    let back = format!("/customers/{customer}");
    let about = match kind.subject {
        Some(subject) if subject.of == Referent::Customer => Some(("subject", subject.named(customer.as_str()))),
        _ => customer_field(kind).map(|field| (field.name, customer.to_string())),
    };
    let query = about.into_iter().chain([("back", back)]);
    let query: Vec<String> = query.map(|(name, value)| format!("{name}={}", encode(&value))).collect();
    format!("{base}?{}", query.join("&"))
}

fn written(
    door: &Door,
    visitor: &Visitor,
    kind: &EventType,
    typed: &Fields,
    problem: Option<&Problem>,
    about: &Markup,
) -> Response {
    let frame = &visitor.frame;
    let may = door.ledger.proposable(&visitor.asker.principal, None).iter().any(|one| one.name == kind.name);
    // Nobody has consented yet who is only now recorded: what needs consent is asked for later.
    let unready = kind.fields.iter().filter(|field| kind.name == "person.recorded" && person::by_consent(field));
    let unready = unready.map(|field| field.name);
    let left_out: Vec<&str> = kind.occurred.map(|_| "occurredat").into_iter().chain(unready).collect();
    let filled = Filled {
        typed,
        left_out: &left_out,
        offered: &offers::of(frame, door, kind, Some(typed)),
        refused: problem.map(|problem| problem.fields(frame.language)).unwrap_or_default(),
        zone: door.ledger.state().world.ledger.zone,
        more: typed.text("more"),
        whole: true,
    };
    let back = typed.text("back");
    let opened = opened(problem, &filled);
    let times = html! {
        details open[opened] {
            summary { (frame.say("record-time")) }
            (form::inputs(frame, ENVELOPE, &filled, ""))
        }
    };
    let body = html! {
        p { (words::doc(frame.language, kind)) }
        @if !may && problem.is_none() { p.hint { (frame.say("record-not-yours")) } }
        (about)
        form.card action={ "/propose/" (kind.name) } method="post" autocomplete="off" {
            // The first button is the one that the Enter key presses.
            button.first tabindex="-1" aria-hidden="true" { (frame.say("record-send")) }
            @if let Some(problem) = problem { (layout::told(frame, problem, kind.fields)) }
            (layout::token(frame))
            (form::id(door, Some((typed, problem))))
            @if !back.is_empty() { input type="hidden" name="back" value=(back); }
            // What is wanted stands where one looks first.
            @if opened { (times) }
            @if let Some(subject) = kind.subject { (subject_input(frame, &subject.to_string(), &filled)) }
            (form::inputs(frame, kind.fields, &filled, ""))
            @if !opened { (times) }
            button { (frame.say("record-send")) }
        }
        p { a href="/propose" { (frame.say("record-other")) }
            @if !back.is_empty() && home(back) == back { " · " a href=(back) { (frame.say("back")) } } }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    layout::page(frame, status, &words::event(frame.language, kind.name), &body)
}

fn subject_input(frame: &Frame, example: &str, filled: &Filled<'_>) -> Markup {
    let wrong = filled.about("subject").next().map(|_| "true");
    let told = if wrong.is_some() { "subject-refused subject-hint" } else { "subject-hint" };
    html! {
        label for="subject" { (frame.say("record-about")) " " small { (frame.say("required")) } }
        input id="subject" name="subject" value=(filled.typed.text("subject")) required aria-invalid=[wrong] aria-describedby=(told);
        small #subject-hint { (frame.say_with("subject-hint", &[("example", example)])) }
        (form::said(filled, "subject"))
    }
}

/// Tells whether the times of a proposal are shown at once: something is typed there, or they are what it was refused for.
fn opened(problem: Option<&Problem>, filled: &Filled<'_>) -> bool {
    let late = match problem {
        Some(Problem::Submit { error: SubmitError::Refused { refusal, .. }, .. }) => {
            refusal.grounds().0 == Code::E_LATE
        }
        _ => false,
    };
    let of = |field: &Field| filled.typed.said(field.name).is_some() || filled.about(field.name).next().is_some();
    late || ENVELOPE.iter().any(of)
}

/// What a proposal says besides its data: the business time, where its type has none of its own, and why it is late.
const ENVELOPE: &[Field] = &[
    Field {
        name: "occurredat",
        kind: Kind::Instant,
        required: false,
        computed: false,
        sealed: false,
        class: Class::C1,
        zh: "业务时间（不填即为现在）",
        en: "Business time (now, if left out)",
        doc: "When it happened; now where it is left out.",
    },
    Field {
        name: "latereason",
        kind: Kind::Str(1, 400),
        required: false,
        computed: false,
        sealed: false,
        class: Class::C1,
        zh: "迟报原因",
        en: "Reason for lateness",
        doc: "Why it is recorded late, if it is.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_address_fills_in_ids_and_closed_lists_and_nothing_personal() {
        let of = |kind: &str, pairs: &[(&str, &str)]| {
            let filled = prefilled(catalog::find(kind).unwrap(), query(pairs));
            filled.0.into_keys().collect::<Vec<_>>()
        };
        let contact = [
            ("subject", "contact/C-01"),
            ("channel", "phone"),
            ("replies_to", "entry-0001"),
            ("summary", "a talk about his family"),
            ("place", "here"),
            ("token", "x"),
            ("id", "form-0001"),
            ("back", "/customers/C-01"),
        ];
        assert_eq!(of("contact.recorded", &contact), ["back", "channel", "replies_to", "subject"]);
        let wrong = [
            ("subject", "no/such/stream/name"),
            ("channel", "pigeon"),
            ("replies_to", "?"),
            ("back", "//evil.example"),
        ];
        assert_eq!(of("contact.recorded", &wrong), [""; 0]);
        assert_eq!(
            of("person.recorded", &[("customer_id", "C-01"), ("name", "Wang"), ("function", "user")]),
            ["customer_id"]
        );
        assert_eq!(of("relationship.assessed", &[("attitude", "negative"), ("our_person", "E-101")]), ["our_person"]);
        assert_eq!(of("sale.recorded", &[("subject", "sale/S-1"), ("sale_id", "S-1")]), [""; 0], "its data say it");
    }

    #[test]
    fn no_field_is_called_as_what_a_form_carries_besides() {
        let own = ["id", "token", "subject", "occurredat", "latereason", "back", "more"];
        for kind in catalog::types().iter().filter(|kind| !kind.system) {
            assert!(kind.fields.iter().all(|field| !own.contains(&field.name)), "{}", kind.name);
        }
    }

    #[test]
    fn a_form_about_a_customer_says_so_where_it_can() {
        let customer: CustomerId = "C-01".parse().unwrap();
        let of = |kind: &str| address(catalog::find(kind).unwrap(), Some(&customer));
        assert_eq!(of("contact.recorded"), "/propose/contact.recorded?subject=contact%2FC-01&back=%2Fcustomers%2FC-01");
        assert_eq!(of("sale.recorded"), "/propose/sale.recorded?customer_id=C-01&back=%2Fcustomers%2FC-01");
        assert_eq!(of("person.updated"), "/propose/person.updated?back=%2Fcustomers%2FC-01");
        assert_eq!(
            of("customer.marked_duplicate"),
            "/propose/customer.marked_duplicate?subject=customer%2FC-01&back=%2Fcustomers%2FC-01"
        );
        let concerned = |kind: &str| concerns_customers(catalog::find(kind).unwrap());
        assert!(["contact.recorded", "person.recorded", "person.updated", "sale.recorded"].into_iter().all(concerned));
        assert!(!["customer.registered", "org_unit.defined", "approval.given"].into_iter().any(concerned));
    }

    #[test]
    fn one_goes_back_to_this_site_or_on_to_the_entry() {
        let receipt: Receipt = Receipt {
            index: 7,
            id: "entry-0001".parse().unwrap(),
            kind: "contact.recorded".into(),
            subject: "contact/C-01".into(),
            hash: crate::entry::Hash([0; 32]),
            streams: Vec::new(),
        };
        let to = |back: &str| onward(&Fields(query(&[("back", back)])), std::slice::from_ref(&receipt));
        assert_eq!(to("/customers/C-01"), "/customers/C-01");
        assert_eq!(to(""), "/entries/7");
        assert_eq!(to("//evil.example/"), "/entries/7");
    }
}
