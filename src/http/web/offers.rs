//! What forms offer to choose from where the catalog takes any text: what depends on the policy, the units, or another field.

use crate::clock::Timestamp;
use crate::domain::catalog::{Choice, EventType, Kind, Shape as _};
use crate::domain::customer;
use crate::domain::grade::{self, Dimension};
use crate::domain::{World, calendar};
use crate::http::Door;
use crate::http::web::visitor::{Fields, Frame};
use crate::ids::{EmployeeId, UnitId};

/// The values to choose from for one field.
pub(crate) struct Offer {
    /// The field, by its name in the form.
    pub(crate) field: &'static str,
    /// The values with what they are called, under headings; an empty heading is none.
    pub(crate) groups: Vec<(String, Vec<(String, String)>)>,
    /// Whether another text will do too.
    pub(crate) open: bool,
}

impl Offer {
    /// Offers values that are called as they are written.
    pub(crate) fn of<'a>(field: &'static str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(|value| (value.to_owned(), value.to_owned()));
        Self { field, groups: vec![(String::new(), values.collect())], open: false }
    }
}

/// Returns what the form of a type offers, for somebody who has typed that much.
pub(crate) fn of(frame: &Frame, door: &Door, kind: &EventType, typed: Option<&Fields>) -> Vec<Offer> {
    let state = door.ledger.state();
    let (world, now) = (&state.world, door.ledger.clock().now());
    let unit = unit(frame, world, now);
    let graded = |field, dimension| Offer::of(field, grade::scale(world, dimension, unit, now));
    let regions = |field| Offer::of(field, world.organization.regions.keys().map(String::as_str));
    match kind.name {
        "credit_grade.proposed" | "credit_grade.approved" => {
            ["from", "to"].map(|field| graded(field, Dimension::Credit)).into()
        }
        "business_grade.proposed" | "business_grade.approved" => {
            ["from", "to"].map(|field| graded(field, Dimension::Business)).into()
        }
        "trade_terms.set" => vec![graded("credit_grade", Dimension::Credit)],
        "credit_review.recorded" => vec![graded("grade", Dimension::Credit)],
        "customer.registered" | "customer.individual_registered" => vec![regions("region")],
        "customer.profile_updated" => vec![regions("changes.region")],
        "customer.classified" => {
            vec![classes(frame, world, typed.map(|typed| typed.text("dimension")).unwrap_or_default())]
        }
        "policy.adopted" => vec![Offer { groups: vec![(String::new(), units(world))], ..Offer::of("unit", []) }],
        "org_unit.defined" => vec![Offer::of("calendar", calendar::known(world))],
        _ => Vec::new(),
    }
}

/// Returns the unit whose policy holds for somebody: that of the first of their roles.
pub(crate) fn unit<'a>(frame: &Frame, world: &'a World, now: Timestamp) -> Option<&'a UnitId> {
    let id: EmployeeId = frame.signed_in.as_ref()?.employee.parse().ok()?;
    let member = world.employee.members.get(&id)?;
    member.roles_on(world.date(now)).next().map(|held| &held.unit)
}

/// The units that work, by their names.
fn units(world: &World) -> Vec<(String, String)> {
    let active = world.organization.units.iter().filter(|(_, unit)| unit.active);
    active.map(|(id, unit)| (id.to_string(), format!("{} ({id})", unit.name))).collect()
}

/// The classes of every dimension that has its own, those of the one chosen first; of the others any text may be one.
fn classes(frame: &Frame, world: &World, chosen: &str) -> Offer {
    let Kind::Choice(dimensions) = customer::Dimension::kind() else { return Offer::of("value", []) };
    let called = |choice: &Choice| frame.language.choose((choice.en, choice.zh)).to_owned();
    let group = |dimension: &Choice| {
        let of: Option<customer::Dimension> = serde_json::from_value(dimension.value.into()).ok();
        let values: Vec<(String, String)> = match of.map(|of| (of, of.classes())) {
            Some((_, Some(classes))) => classes.iter().map(|class| (class.value.to_owned(), called(class))).collect(),
            Some((customer::Dimension::Region, None)) => {
                world.organization.regions.keys().map(|region| (region.clone(), region.clone())).collect()
            }
            _ => Vec::new(),
        };
        (called(dimension), values)
    };
    let (first, others): (Vec<&Choice>, Vec<&Choice>) =
        dimensions.iter().partition(|dimension| dimension.value == chosen);
    let groups = first.into_iter().chain(others).map(group).filter(|(_, values)| !values.is_empty()).collect();
    Offer { field: "value", groups, open: true }
}
