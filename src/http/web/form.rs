//! Forms made from the catalog: an event type's fields become inputs, and what was typed becomes a payload.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::clock::{Date, Timestamp, Zone};
use crate::domain::catalog::{self, Choice, Field, Kind, Referent, Thing};
use crate::domain::{Refusal, common};
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::correct::is_masked;
use crate::http::web::offers::Offer;
use crate::http::web::policy;
use crate::http::web::visitor::{Fields, Frame};
use crate::ledger::SubmitError;

/// A form as it is shown: what was typed, and what was said about it.
pub(crate) struct Filled<'a> {
    /// The fields as typed.
    pub(crate) typed: &'a Fields,
    /// Fields that nobody fills in here.
    pub(crate) left_out: &'a [&'a str],
    /// The values to choose from where the catalog takes any text, or more of them.
    pub(crate) offered: &'a [Offer],
    /// What was refused about single fields: the pointer within the payload, and the words.
    pub(crate) refused: Vec<(String, String)>,
    /// The zone in which times are typed.
    pub(crate) zone: Zone,
    /// The list that is to have one more row, if one is.
    pub(crate) more: &'a str,
    /// Whether what its type requires must be filled in; what is only changed need not be.
    pub(crate) whole: bool,
}

/// Writes an input with its label for each field, and beside it what was refused about it.
pub(crate) fn inputs(frame: &Frame, fields: &[Field], filled: &Filled<'_>, prefix: &str) -> Markup {
    let shown = fields.iter().filter(|field| fillable(field) && !filled.left_out.contains(&field.name));
    html! {
        @for field in shown {
            @let name = format!("{prefix}{}", field.name);
            @match part(&field.kind) {
                Part::One(inner) => fieldset {
                    legend { (frame.language.choose((field.en, field.zh))) }
                    (said_of(filled, &name))
                    (inputs(frame, inner, filled, &format!("{name}.")))
                },
                Part::Many(inner) => (rows(frame, field, inner, filled, &name)),
                Part::Value if policy::sets(field.name, filled.typed) => {
                    (policy::inputs(frame, field, filled))
                },
                Part::Value if ticked(&field.kind).is_some() => (boxes(frame, field, &name, filled)),
                Part::Value => {
                    @let required = filled.whole && field.required && prefix.is_empty() && !matches!(field.kind, Kind::List(_) | Kind::Map);
                    label for=(name) {
                        (frame.language.choose((field.en, field.zh)))
                        @if required { " " small { (frame.say("required")) } }
                        @if matches!(field.kind, Kind::Id) && !prefix.is_empty() { " " small { (frame.say("row-id-hint")) } }
                        @if matches!(field.kind, Kind::Money | Kind::SignedMoney) { " " small { (frame.say("money-hint")) } }
                    }
                    (input(frame, field, &name, filled, required))
                    (said(filled, &name))
                },
            }
        }
    }
}

/// Writes a list of objects: what is typed, one blank row more, and the button for yet another.
fn rows(frame: &Frame, field: &Field, inner: &[Field], filled: &Filled<'_>, name: &str) -> Markup {
    let mut shown: Vec<usize> = numbers(filled.typed, name).into_iter().collect();
    if filled.more != name {
        shown.retain(|row| !blank(filled.typed, &format!("{name}.{row}.")));
    }
    shown.push(shown.last().map_or(0, |last| last.saturating_add(1)));
    html! {
        fieldset id=(name) {
            legend { (frame.language.choose((field.en, field.zh))) }
            (said_of(filled, name))
            @for (place, row) in shown.iter().enumerate() {
                @let name = format!("{name}.{row}");
                fieldset.row {
                    legend { (frame.say_with("row", &[("number", &(place + 1).to_string())])) }
                    (said_of(filled, &name))
                    (inputs(frame, inner, filled, &format!("{name}.")))
                }
            }
            button.quiet name="more" value=(name) formnovalidate formaction={ "#" (name) } { (frame.say("more-rows")) }
        }
    }
}

/// Returns the values of a list of which several are ticked.
fn ticked(kind: &Kind) -> Option<&'static [Choice]> {
    match kind {
        Kind::List(inner) => match inner.as_ref() {
            Kind::Choice(choices) => Some(choices),
            _ => None,
        },
        _ => None,
    }
}

/// Writes a list of values of a closed list: one box to tick for each.
fn boxes(frame: &Frame, field: &Field, name: &str, filled: &Filled<'_>) -> Markup {
    let choices = ticked(&field.kind).unwrap_or_default();
    let typed: Vec<&str> = parts(&field.kind, filled.typed.text(name)).collect();
    // What was typed elsewhere stays, though it is not offered.
    let unknown = typed.iter().filter(|one| choices.iter().all(|choice| choice.value != **one));
    let wrong = filled.about(name).next().map(|_| format!("{name}-refused"));
    html! {
        fieldset.boxes id=(name) aria-describedby=[wrong] {
            legend { (frame.language.choose((field.en, field.zh)))
                @if filled.whole && field.required { " " small { (frame.say("required")) } } }
            @for choice in choices {
                label { input type="checkbox" name=(name) value=(choice.value) checked[typed.contains(&choice.value)];
                    " " (frame.language.choose((choice.en, choice.zh))) }
            }
            @for one in unknown { label { input type="checkbox" name=(name) value=(one) checked; " " (one) } }
            (said(filled, name))
        }
    }
}

/// Takes apart what was typed or ticked for a list: names may have spaces and commas in them; ids have neither.
fn parts<'a>(kind: &Kind, text: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = matches!(kind, Kind::List(inner) if matches!(inner.as_ref(), Kind::Str(..) | Kind::Text));
    let apart = move |c: char| if lines { c == '\n' } else { matches!(c, '\n' | ',' | '，' | '、' | ' ') };
    text.split(apart).map(str::trim).filter(|part| !part.is_empty())
}

/// Says what was refused about a field or something in it, where a reader of the field is told of it.
pub(crate) fn said(filled: &Filled<'_>, name: &str) -> Markup {
    said_in(name, &filled.about(name).collect::<Vec<_>>())
}

/// Says what was refused about an object or a list as a whole.
fn said_of(filled: &Filled<'_>, name: &str) -> Markup {
    said_at(filled, name, &pointer(name))
}

/// Says what was refused at a pointer, which is not always named as its input is.
pub(crate) fn said_at(filled: &Filled<'_>, name: &str, pointer: &str) -> Markup {
    let words: Vec<&str> =
        filled.refused.iter().filter(|(about, _)| *about == pointer).map(|(_, words)| words.as_str()).collect();
    said_in(name, &words)
}

fn said_in(name: &str, words: &[&str]) -> Markup {
    html! { @if !words.is_empty() {
        p.refusal id={ (name) "-refused" } { @for words in words { (words) br; } }
    } }
}

impl Filled<'_> {
    /// Returns what was refused about a field or something in it.
    pub(crate) fn about<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let pointer = pointer(name);
        self.refused
            .iter()
            .filter(move |(about, _)| {
                about.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .map(|(_, words)| words.as_str())
    }
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

fn input(frame: &Frame, field: &Field, name: &str, filled: &Filled<'_>, required: bool) -> Markup {
    let value = filled.typed.text(name);
    let wrong = filled.about(name).next().map(|_| "true");
    let hint = hint(frame, &field.kind, filled.zone);
    let hinted = hint.as_ref().map(|_| format!("{name}-hint"));
    let refused = wrong.map(|_| format!("{name}-refused"));
    let told: Vec<String> = refused.into_iter().chain(hinted).collect();
    let told = (!told.is_empty()).then(|| told.join(" "));
    let several = |rows: &str| {
        html! {
            textarea id=(name) name=(name) rows=(rows) maxlength=[matches!(field.kind, Kind::Text).then_some("4000")]
                required[required] aria-invalid=[wrong] aria-describedby=[&told] { (value) }
        }
    };
    // What was typed elsewhere stays, though it is not offered.
    let choose = |offered: Vec<(&str, &str)>| {
        html! {
            select id=(name) name=(name) required[required] aria-invalid=[wrong] aria-describedby=[&told] {
                option value="" {}
                @if !value.is_empty() && !offered.iter().any(|(one, _)| *one == value) { option value=(value) selected { (value) } }
                @for (one, label) in offered { option value=(one) selected[one == value] { (label) } }
            }
        }
    };
    let offered = filled.offered.iter().find(|offer| offer.field == name);
    let written = match (&field.kind, offered) {
        (_, Some(offer)) => offering(frame, offer, name, filled, (required, wrong, told.as_deref())),
        (Kind::Choice(choices), _) => {
            choose(choices.iter().map(|choice| (choice.value, frame.language.choose((choice.en, choice.zh)))).collect())
        }
        (Kind::Bool, _) => {
            choose(vec![("true", frame.language.choose(("yes", "是"))), ("false", frame.language.choose(("no", "否")))])
        }
        (Kind::Text | Kind::List(_) | Kind::Map | Kind::Payload, _) => several("3"),
        (kind, _) => {
            let (of, mode, most) = match kind {
                // What such an input could not show stands in a plain one, or it would be lost.
                Kind::Date if value.is_empty() || value.parse::<Date>().is_ok() => (Some("date"), None, None),
                Kind::Instant if value.is_empty() || is_minute(value) => (Some("datetime-local"), None, None),
                Kind::Money | Kind::SignedMoney => (None, Some("decimal"), None),
                Kind::Int(..) => (None, Some("numeric"), None),
                Kind::Phone => (Some("tel"), None, None),
                Kind::Email => (None, Some("email"), None),
                Kind::Str(_, most) => (None, None, Some(most)),
                _ => (None, None, None),
            };
            html! {
                input id=(name) name=(name) type=[of] inputmode=[mode] maxlength=[most] value=(value) required[required]
                    aria-invalid=[wrong] aria-describedby=[&told];
            }
        }
    };
    html! {
        (written)
        @if let Some(hint) = hint { small id={ (name) "-hint" } { (hint) } }
    }
}

/// Writes the choice of what is offered; where another text will do too, a place to type it stands below.
fn offering(
    frame: &Frame,
    offer: &Offer,
    name: &str,
    filled: &Filled<'_>,
    (required, wrong, told): (bool, Option<&str>, Option<&str>),
) -> Markup {
    let value = filled.typed.text(name);
    let known = offer.groups.iter().flat_map(|(_, group)| group).any(|(one, _)| one == value);
    let other = format!("{name}{OTHER}");
    let words = if known || value.is_empty() { filled.typed.text(&other) } else { value };
    // Two groups may offer the same word; it is one value.
    let mut chosen = false;
    let mut is_chosen = |one: &str| one == value && !std::mem::replace(&mut chosen, true);
    html! {
        select id=(name) name=(name) required[required && !offer.open] aria-invalid=[wrong] aria-describedby=[told] {
            option value="" {}
            @if !known && !value.is_empty() && !offer.open { option value=(value) selected { (value) } }
            @for (heading, group) in &offer.groups {
                @if heading.is_empty() {
                    @for (one, label) in group { option value=(one) selected[is_chosen(one)] { (label) } }
                } @else {
                    optgroup label=(heading) { @for (one, label) in group { option value=(one) selected[is_chosen(one)] { (label) } } }
                }
            }
        }
        @if offer.open {
            label for=(other) { (frame.say("offer-other")) }
            input id=(other) name=(other) value=(words);
        }
    }
}

/// The end of the name of the field for what is not offered.
const OTHER: &str = ".other";

/// Says how a value is typed, where the label alone does not.
fn hint(frame: &Frame, kind: &Kind, zone: Zone) -> Option<String> {
    let thing = |referent: &Referent| {
        frame
            .language
            .choose((format!("{}", Thing::from(referent.name())), format!("{:#}", Thing::from(referent.name()))))
    };
    Some(match kind {
        Kind::List(inner) => match inner.as_ref() {
            Kind::EntryId | Kind::Reference(Referent::Record) => frame.say("evidence-hint"),
            Kind::Reference(referent) => frame.say_with("ids-hint", &[("what", &thing(referent))]),
            _ => frame.say("list-hint"),
        },
        Kind::Map => frame.say("map-hint"),
        Kind::Any => frame.say("any-hint"),
        Kind::Instant => frame.say_with("instant-hint", &[("zone", zone.name())]),
        Kind::EntryId | Kind::Reference(Referent::Record) => frame.say("entry-hint"),
        Kind::Reference(referent) => frame.say_with("id-hint", &[("what", &thing(referent))]),
        Kind::Id | Kind::Quarter | Kind::Hash => frame.language.choose(catalog::expectation(kind)),
        _ => return None,
    })
}

/// Writes the id that the entry of a form gets: the one it was sent with, unless that is of no use any more.
pub(crate) fn id(door: &Door, sent: Option<(&Fields, Option<&Problem>)>) -> Markup {
    let kept = sent.filter(|(_, problem)| !problem.is_some_and(used_up)).map(|(typed, _)| typed.text("id").to_owned());
    let id = kept.filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| door.ledger.source().entry_id(door.ledger.clock().now()).to_string());
    html! { input type="hidden" name="id" value=(id); }
}

fn used_up(problem: &Problem) -> bool {
    let Problem::Submit { error: SubmitError::Refused { refusal, .. }, .. } = problem else { return false };
    matches!(refusal, Refusal::Common(common::Refusal::IdTaken | common::Refusal::BadId))
}

/// Numbers the rows of lists anew, those with something in them first: what is refused about a row then stands beside it.
pub(crate) fn settled(fields: &[Field], mut typed: Fields) -> Fields {
    settle(fields, &mut typed, "");
    typed
}

fn settle(fields: &[Field], typed: &mut Fields, prefix: &str) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        match part(&field.kind) {
            Part::One(inner) => settle(inner, typed, &format!("{name}.")),
            Part::Many(inner) => {
                let rows = numbers(typed, &name).into_iter();
                let (blank, filled): (Vec<usize>, Vec<usize>) =
                    rows.partition(|row| blank(typed, &format!("{name}.{row}.")));
                let mut moved = BTreeMap::new();
                for (place, row) in filled.into_iter().chain(blank).enumerate() {
                    let from = format!("{name}.{row}.");
                    let of_row: Vec<String> = within(typed, &from).map(|(name, _)| name.clone()).collect();
                    moved.extend(of_row.into_iter().filter_map(|old| {
                        let new = format!("{name}.{place}.{}", old.strip_prefix(&from)?);
                        Some((new, typed.0.remove(&old)?))
                    }));
                }
                typed.0.append(&mut moved);
                for row in numbers(typed, &name) {
                    settle(inner, typed, &format!("{name}.{row}."));
                }
            }
            Part::Value => {}
        }
    }
}

/// Returns the numbers of the rows of a list.
fn numbers(typed: &Fields, name: &str) -> BTreeSet<usize> {
    let prefix = format!("{name}.");
    let rows =
        within(typed, &prefix).filter_map(|(name, _)| name.strip_prefix(&prefix)?.split('.').next()?.parse().ok());
    rows.collect()
}

fn blank(typed: &Fields, prefix: &str) -> bool {
    within(typed, prefix).all(|(_, value)| value.trim().is_empty())
}

fn within<'a>(typed: &'a Fields, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a String)> {
    typed.0.range(prefix.to_owned()..).take_while(move |(name, _)| name.starts_with(prefix))
}

/// Turns what was typed into a payload; what does not fit its field goes on as text, so that the ledger says what is wrong.
pub(crate) fn payload(zone: Zone, fields: &[Field], typed: &Fields, prefix: &str) -> Map<String, Value> {
    let mut payload = Map::new();
    let mut empty = Map::new();
    for field in fields.iter().filter(|field| !field.computed) {
        let name = format!("{prefix}{}", field.name);
        let object = |inner: &[Field], prefix: &str| {
            let inner = self::payload(zone, inner, typed, prefix);
            (!inner.is_empty()).then_some(Value::Object(inner))
        };
        let value = match part(&field.kind) {
            Part::One(inner) => object(inner, &format!("{name}.")),
            Part::Many(inner) => {
                let rows = numbers(typed, &name).into_iter();
                let rows: Vec<Value> = rows.filter_map(|row| object(inner, &format!("{name}.{row}."))).collect();
                (!rows.is_empty()).then_some(Value::Array(rows))
            }
            Part::Value if policy::sets(field.name, typed) => Some(Value::Object(policy::changed(field.name, typed))),
            Part::Value => {
                let chosen = Some(typed.text(&name).trim()).filter(|chosen| !chosen.is_empty());
                value(zone, &field.kind, chosen.unwrap_or_else(|| typed.text(&format!("{name}{OTHER}")).trim()))
            }
        };
        // Nothing in it is a list too, and whether that will do the module says better than the catalog.
        let nothing = match &field.kind {
            Kind::List(_) => Some(Value::Array(Vec::new())),
            Kind::Map => Some(Value::Object(Map::new())),
            _ => None,
        };
        match value {
            Some(value) => payload.extend([(field.name.to_owned(), value)]),
            None if field.required => empty.extend(nothing.map(|nothing| (field.name.to_owned(), nothing))),
            None => {}
        }
    }
    // An object nothing is typed into is left out, whatever it would need.
    if prefix.is_empty() || !payload.is_empty() {
        payload.append(&mut empty);
    }
    payload
}

/// Turns a payload into what would be typed for it; values that their reader may not see are left out.
pub(crate) fn typed(zone: Zone, fields: &[Field], payload: &Value, prefix: &str, to: &mut Fields) {
    for field in fields.iter().filter(|field| !field.computed) {
        let name = format!("{prefix}{}", field.name);
        let Some(value) = payload.get(field.name).filter(|value| !is_masked_within(&field.kind, value)) else {
            continue;
        };
        match (part(&field.kind), value) {
            (Part::One(inner), value) => typed(zone, inner, value, &format!("{name}."), to),
            (Part::Many(inner), Value::Array(rows)) => {
                for (place, row) in rows.iter().enumerate() {
                    typed(zone, inner, row, &format!("{name}.{place}."), to);
                }
            }
            (Part::Many(_) | Part::Value, value) => drop(to.0.insert(name, text_of(zone, &field.kind, value))),
        }
    }
}

/// Tells whether a value, or an item of a list, may not be seen; of an object each field is asked for itself.
fn is_masked_within(kind: &Kind, value: &Value) -> bool {
    !matches!(kind, Kind::Object(_)) && is_masked(value)
}

/// Writes a value as one would type it.
fn text_of(zone: Zone, kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Money | Kind::SignedMoney, Value::Number(number)) => {
            let fen = number.as_i64().unwrap_or(0);
            let (sign, fen) = (if fen < 0 { "-" } else { "" }, fen.unsigned_abs());
            format!("{sign}{}.{:02}", fen / 100, fen % 100)
        }
        (Kind::Instant, Value::String(text)) => minute(zone, text).unwrap_or_else(|| text.clone()),
        (Kind::List(inner), Value::Array(items)) => {
            items.iter().map(|item| text_of(zone, inner, item)).collect::<Vec<_>>().join("\n")
        }
        (Kind::Map, Value::Object(pairs)) => {
            let line = |(key, value): (&String, &Value)| format!("{key} = {}", text_of(zone, &Kind::Text, value));
            pairs.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

/// Writes an instant as the input of a browser has it, where nothing of it is lost.
fn minute(zone: Zone, text: &str) -> Option<String> {
    let at: Timestamp = text.parse().ok()?;
    let typed = zone.wall(at).replace(' ', "T").get(..16)?.to_owned();
    let back: Timestamp = zone.from_wall(&typed)?.parse().ok()?;
    (back == at).then_some(typed)
}

fn value(zone: Zone, kind: &Kind, text: &str) -> Option<Value> {
    let typed = || Value::String(text.to_owned());
    if text.is_empty() {
        return None;
    }
    Some(match kind {
        Kind::Money | Kind::SignedMoney => fen(text).map_or_else(typed, Value::from),
        Kind::Int(..) => text.parse::<i64>().map_or_else(|_| typed(), Value::from),
        Kind::Bool => text.parse::<bool>().map_or_else(|_| typed(), Value::from),
        Kind::Instant => zone.from_wall(text).map_or_else(typed, Value::from),
        Kind::List(inner) => Value::Array(parts(kind, text).filter_map(|part| value(zone, inner, part)).collect()),
        Kind::Map => pairs(text).map_or_else(typed, Value::Object),
        // A number, yes or no, or a list is written as programs write it; anything else is a text.
        Kind::Any => serde_json::from_str(text).unwrap_or_else(|_| typed()),
        // A browser sends line ends as the protocol has them.
        Kind::Text => Value::String(text.replace("\r\n", "\n")),
        _ => typed(),
    })
}

/// Reads lines of `key = value`; nothing where a line is none, or a key stands twice.
fn pairs(text: &str) -> Option<Map<String, Value>> {
    let mut pairs = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
        if pairs.insert(key.trim().to_owned(), value).is_some() {
            return None;
        }
    }
    Some(pairs)
}

/// Tells whether a text is a time as the input of a browser has it, to the minute.
fn is_minute(text: &str) -> bool {
    text.len() == 16 && Zone::default().from_wall(text).is_some()
}

/// What a field is made of, as a form sees it.
enum Part {
    /// An object.
    One(&'static [Field]),
    /// A list of objects.
    Many(&'static [Field]),
    /// A value.
    Value,
}

fn part(kind: &Kind) -> Part {
    match kind {
        Kind::Object(fields) => Part::One(fields),
        Kind::List(inner) => match inner.as_ref() {
            Kind::Object(fields) => Part::Many(fields),
            _ => Part::Value,
        },
        _ => Part::Value,
    }
}

/// Tells whether somebody can fill in a field: the service computes some, and of some things there are none yet.
fn fillable(field: &Field) -> bool {
    fn exists(kind: &Kind) -> bool {
        match kind {
            Kind::Reference(Referent::Elsewhere(_)) => false,
            Kind::Object(fields) => fields.iter().all(|field| !field.required || exists(&field.kind)),
            Kind::List(inner) => exists(inner),
            _ => true,
        }
    }
    !field.computed && exists(&field.kind)
}

/// Reads yuan with at most two decimals as fen.
fn fen(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > 2 {
        return None;
    }
    let fen = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(format!("{rest:0<2}").parse().ok()?)?;
    Some(if negative { -fen } else { fen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn typed(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn filled(typed: &Fields) -> Filled<'_> {
        Filled { typed, left_out: &[], offered: &[], refused: Vec::new(), zone: Zone::default(), more: "", whole: true }
    }

    fn frame() -> Frame {
        Frame { language: crate::access::principal::Language::English, address: "/".into(), signed_in: None }
    }

    /// The form of a type with this typed into it.
    fn form(kind: &str, pairs: &[(&str, &str)]) -> String {
        inputs(&frame(), catalog::find(kind).unwrap().fields, &filled(&typed(pairs)), "").into_string()
    }

    /// What a form of a type turns into.
    fn made(kind: &str, pairs: &[(&str, &str)]) -> Value {
        let fields = catalog::find(kind).unwrap().fields;
        Value::Object(payload(Zone::default(), fields, &settled(fields, typed(pairs)), ""))
    }

    #[test]
    fn yuan_are_read_to_the_fen_or_not_at_all() {
        assert_eq!(fen("12.5"), Some(1250));
        assert_eq!(fen("-0.05"), Some(-5));
        assert_eq!(fen("7"), Some(700));
        for wrong in ["", "1.234", "1e3", "1,000", ".5", "99999999999999999999"] {
            assert_eq!(fen(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_typed_becomes_the_payload_the_catalog_declares() {
        let fields = catalog::find("credit_grade.proposed").unwrap().fields;
        let typed = typed(&[
            ("customer_id", "C-1"),
            ("from", ""),
            ("to", "A"),
            ("evidence", "a\r\nb"),
            ("reason", "one\r\ntwo"),
            ("proposed_terms.limit", "100.10"),
            ("suggested", "computed fields are not taken from a form"),
        ]);
        assert_eq!(
            Value::Object(payload(Zone::default(), fields, &typed, "")),
            json!({ "customer_id": "C-1", "to": "A", "evidence": ["a", "b"], "reason": "one\ntwo", "proposed_terms": { "limit": 10010 } })
        );
    }

    #[test]
    fn what_was_refused_stands_beside_its_field_and_is_tied_to_it() {
        let fields = catalog::find("credit_grade.proposed").unwrap().fields;
        let typed = typed(&[("to", "Z"), ("reason", "<late>")]);
        let refused =
            vec![("/to".to_owned(), "is off the scale".to_owned()), ("/evidence/1".to_owned(), "no entry".to_owned())];
        let offered = [Offer::of("to", ["A", "B"])];
        let filled = Filled { left_out: &["customer_id"], offered: &offered, refused, ..filled(&typed) };
        let shown = inputs(&frame(), fields, &filled, "").into_string();
        assert!(shown.contains(r#"<p class="refusal" id="to-refused">is off the scale"#));
        assert!(
            shown.contains(r#"<p class="refusal" id="evidence-refused">no entry"#),
            "an item of a list is shown at its list"
        );
        assert!(shown.contains(r#"aria-invalid="true" aria-describedby="evidence-refused evidence-hint""#));
        assert!(shown.contains(r#"<option value="Z" selected>"#), "nothing typed is lost");
        assert!(shown.contains("&lt;late&gt;"));
        assert!(!shown.contains("customer_id"));
    }

    #[test]
    fn yes_no_and_not_said_are_three_things() {
        let made = |text: &str| made("contact.recorded", &[("reply_needed", text)]).get("reply_needed").cloned();
        assert_eq!(made("true"), Some(json!(true)));
        assert_eq!(made("false"), Some(json!(false)));
        assert_eq!(made(""), None);
        assert_eq!(made("maybe"), Some(json!("maybe")), "the ledger says what is wrong with it");
        let shown = form("contact.recorded", &[("major", "false")]);
        assert!(shown.contains(r#"<select id="major" name="major" required>"#), "{shown}");
        assert!(shown.contains(r#"<option value="false" selected>no</option>"#));
    }

    #[test]
    fn rows_of_a_list_are_numbered_anew_and_blank_ones_left_out() {
        let pairs = [
            ("promises.0.text", " "),
            ("promises.0.due", ""),
            ("promises.2.text", "drawings"),
            ("promises.2.due", "2026-03-09"),
            ("promises.10.text", "a visit"),
        ];
        let data = made("contact.recorded", &pairs);
        assert_eq!(data["promises"], json!([{ "text": "drawings", "due": "2026-03-09" }, { "text": "a visit" }]));
        assert_eq!(made("contact.recorded", &pairs[..2]).get("promises"), None);

        let fields = catalog::find("contact.recorded").unwrap().fields;
        let typed = settled(fields, typed(&pairs));
        assert_eq!((typed.text("promises.0.text"), typed.text("promises.1.text")), ("drawings", "a visit"));
        let refused = vec![("/promises/1/due".to_owned(), "is required".to_owned())];
        let rows = |filled: &Filled<'_>| {
            let shown = inputs(&frame(), fields, filled, "").into_string();
            (shown.matches(r#"<fieldset class="row">"#).count(), shown)
        };
        let (count, shown) = rows(&Filled { refused, ..filled(&typed) });
        assert_eq!(count, 3, "as many as are typed, and one more");
        assert!(shown.contains(r#"<p class="refusal" id="promises.1.due-refused">is required"#), "{shown}");
        assert!(shown.contains(r##"name="more" value="promises" formnovalidate formaction="#promises""##));
        assert_eq!(rows(&Filled { more: "promises", ..filled(&typed) }).0, 4, "and yet another where one is asked for");
        assert_eq!(rows(&Filled { more: "promises", ..filled(&Fields::default()) }).0, 1);
    }

    #[test]
    fn what_is_one_or_several_of_a_closed_list_is_chosen_and_never_typed() {
        fn closed(field: &Field) -> bool {
            matches!(field.kind, Kind::Choice(_)) || ticked(&field.kind).is_some()
        }
        let mut seen = 0;
        for kind in catalog::types().iter().filter(|kind| !kind.system) {
            let shown = form(kind.name, &[]);
            for field in kind.fields.iter().filter(|field| fillable(field) && closed(field)) {
                let name = format!("name=\"{}\"", field.name);
                let (before, after) = shown.split_once(&name).unwrap_or_else(|| panic!("{} {name}", kind.name));
                let written = before.rsplit('<').next().unwrap_or_default();
                let ticked = after.starts_with(" type=\"checkbox\"") || written.contains("checkbox");
                assert!(written.starts_with("select") || ticked, "{} {name}: {written}", kind.name);
                seen += 1;
            }
        }
        assert!(seen > 40, "{seen}");
        let ticked = [("classes", "C1\nC9"), ("modes", "view")];
        let shown = form("access.requested", &ticked);
        assert!(shown.contains(r#"name="classes" value="C1" checked"#), "{shown}");
        assert!(shown.contains(r#"name="classes" value="C9" checked"#), "nothing typed is lost");
        assert!(!shown.contains(r#"name="classes" value="C2" checked"#));
        assert_eq!(made("access.requested", &ticked)["classes"], json!(["C1", "C9"]));
        assert_eq!(made("access.requested", &[])["classes"], json!([]));
    }

    #[test]
    fn what_is_offered_under_headings_is_one_choice_and_another_text_may_stand_beside_it() {
        let group = |heading: &str, values: &[&str]| {
            (heading.to_owned(), values.iter().map(|one| ((*one).to_owned(), format!("{heading} {one}"))).collect())
        };
        let groups = vec![group("Intent", &["A", "B"]), group("Value", &["A", "high"])];
        let offered = [Offer { field: "value", groups, open: true }];
        let fields = catalog::find("customer.classified").unwrap().fields;
        let shown = |pairs: &[(&str, &str)]| {
            let typed = typed(pairs);
            inputs(&frame(), fields, &Filled { offered: &offered, ..filled(&typed) }, "").into_string()
        };
        let chosen = shown(&[("value", "A")]);
        assert_eq!(chosen.matches("selected>").count(), 1, "{chosen}");
        assert!(
            chosen.contains(r#"<optgroup label="Intent"><option value="A" selected>Intent A</option>"#),
            "{chosen}"
        );
        assert!(shown(&[("value", "steel")]).contains(r#"name="value.other" value="steel""#));
        assert_eq!(made("customer.classified", &[("value", ""), ("value.other", "steel")])["value"], "steel");
        assert_eq!(made("customer.classified", &[("value", "A"), ("value.other", "steel")])["value"], "A");
    }

    #[test]
    fn a_row_far_out_is_one_row() {
        let pairs = [("promises.18446744073709551615.text", "x"), ("promises.99999999999999999999.text", "y")];
        assert_eq!(made("contact.recorded", &pairs)["promises"], json!([{ "text": "x" }]));
        assert!(form("contact.recorded", &pairs).matches(r#"<fieldset class="row">"#).count() <= 2);
    }

    #[test]
    fn a_required_list_may_be_empty_where_its_type_says_nothing_else() {
        let roles = made("employee.roles_changed", &[("added.0.role", "hr"), ("added.0.unit", "hq"), ("reason", "x")]);
        assert_eq!(roles, json!({ "added": [{ "role": "hr", "unit": "hq" }], "removed": [], "reason": "x" }));
        assert_eq!(made("contact.recorded", &[])["our_people"], json!([]));
        assert_eq!(made("customer.profile_updated", &[]), json!({}), "but an object nobody fills in is left out");
    }

    #[test]
    fn lists_of_ids_are_typed_as_one_likes_and_names_keep_their_spaces() {
        let people = made("contact.recorded", &[("our_people", "E-101, E-102\r\nE-103，E-104")]);
        assert_eq!(people["our_people"], json!(["E-101", "E-102", "E-103", "E-104"]));
        let unit = made("org_unit.defined", &[("territory", "north east\r\n south, all of it ")]);
        assert_eq!(unit["territory"], json!(["north east", "south, all of it"]));
    }

    #[test]
    fn free_keys_are_lines_and_their_integers_are_integers() {
        let made = |text: &str| made("policy.adopted", &[("parameters", text)])["parameters"].clone();
        assert_eq!(
            made("p.backdate.hours = 48\r\n\r\np.grade.credit_scale=A, B = C"),
            json!({ "p.backdate.hours": 48, "p.grade.credit_scale": "A, B = C" })
        );
        assert_eq!(made(""), json!({}));
        assert_eq!(made("x = 1\nx = 2"), json!("x = 1\nx = 2"), "nothing typed is lost in silence");
        assert_eq!(made("no pair"), json!("no pair"));
        assert!(form("policy.adopted", &[("parameters", "x = 1")]).contains("x = 1</textarea>"));
    }

    #[test]
    fn times_are_those_of_the_ledgers_zone_unless_they_name_their_own() {
        let made = |text: &str| made("contact.recorded", &[("at", text)])["at"].clone();
        assert_eq!(made("2026-03-02T09:30"), json!("2026-03-02T09:30:00+08:00"));
        assert_eq!(made("2026-03-02T09:30:00Z"), json!("2026-03-02T09:30:00Z"));
        assert_eq!(made("half past nine"), json!("half past nine"));
        let shown = |text: &str| form("contact.recorded", &[("at", text)]);
        assert!(shown("").contains(r#"name="at" type="datetime-local""#));
        assert!(shown("2026-03-02T09:30").contains(r#"name="at" type="datetime-local" value="2026-03-02T09:30""#));
        assert!(
            shown("2026-03-02T09:30:00Z").contains(r#"name="at" value="2026-03-02T09:30:00Z""#),
            "a picker loses it"
        );
        assert!(shown("").contains("Time in Asia/Shanghai"));
        let date = form("sale.recorded", &[("sold_on", "2.3.2026")]);
        assert!(date.contains(r#"name="sold_on" value="2.3.2026""#), "and so it would a date: {date}");
    }

    #[test]
    fn nobody_is_asked_for_what_is_computed_or_does_not_exist_yet() {
        let shown = form("contact.recorded", &[]);
        assert!(!shown.contains("contact_id") && !shown.contains("plan_line"), "{shown}");
        for kind in catalog::types().iter().filter(|kind| !kind.system) {
            let asked = kind.fields.iter().filter(|field| field.required && !field.computed);
            assert!(asked.into_iter().all(fillable), "{} cannot be filled in", kind.name);
        }
    }
}
