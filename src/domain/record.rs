//! Corrections and voidings: how a mistake is put right without changing what was entered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::catalog::{self, Count, EventType, Field, Int, Kind, Shape, Str, Text, events, objects, refusals};
use crate::domain::history::{Live, Lived, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common, customer, person};
use crate::ids::{CustomerId, EntryId, StreamName};

/// A value of whatever field it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Any(pub Value);

impl Shape for Any {
    fn kind() -> Kind {
        Kind::Any
    }
}

objects! {
    /// One value that is put right.
    Change {
        /// Where in the payload, as a JSON pointer.
        path: Str<1, 200>, C8, "字段", "Field";
        /// What stands there from now on; nothing where it is left out. Of the class of its field, and sealed where that is.
        new: Option<Any>, C8, "新值", "New value";
    }
}

events! {
    /// An entry says something wrong, and from here on counts with other values; the entry itself stays as it was entered.
    Corrected "record.corrected" "更正" "Record corrected" {
        /// The entry that is wrong.
        target_event: EntryId, C8, "被更正事件", "Entry corrected";
        /// What is put right.
        changes: Vec<Change>, C8, "更正内容", "Changes";
        /// Why.
        reason: Text, C8, "更正原因", "Reason";
        /// Its index.
        target_index: Option<Count>, C8, "被更正事件序号", "Index of the entry", computed;
        /// The entry that counts otherwise: another than the one corrected where that is a correction or voiding itself.
        record: Option<EntryId>, C8, "所涉记录", "Record", computed;
        /// The type of that record.
        record_type: Option<Str<1, 60>>, C8, "记录类型", "Type of the record", computed;
        /// Where in that record each change belongs; nowhere for a correction's or voiding's own words.
        fields: Option<Vec<Str<0, 200>>>, C8, "所涉字段", "Fields of the record", computed;
        /// The customer concerned.
        customer: Option<CustomerId>, C1, "客户", "Customer", computed;
    }
    /// An entry should not be there, and from here on counts for nothing; the entry itself stays as it was entered.
    Voided "record.voided" "作废" "Record voided" {
        /// The entry.
        target_event: EntryId, C8, "被作废事件", "Entry voided";
        /// Why.
        reason: Text, C8, "作废原因", "Reason";
        /// Its index.
        target_index: Option<Count>, C8, "被作废事件序号", "Index of the entry", computed;
        /// The entry that counts otherwise: another than the one voided where that is a correction or voiding itself.
        record: Option<EntryId>, C8, "所涉记录", "Record", computed;
        /// The type of that record.
        record_type: Option<Str<1, 60>>, C8, "记录类型", "Type of the record", computed;
        /// The customer concerned.
        customer: Option<CustomerId>, C1, "客户", "Customer", computed;
    }
}

/// The wire name of a correction.
pub const CORRECTED: &str = "record.corrected";
/// The wire name of a voiding.
pub const VOIDED: &str = "record.voided";

/// Nothing: what a correction changes is held by the module whose entry it is about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {}

refusals! {
    /// Decisions are superseded.
    Decision { kind: String } => E_RULE "R-005" at "/target_event",
        "\"{kind}\" is a decision: it is superseded by another decision", "“{kind}”属于决定，只能以新的决定取代";
    /// What the ledger says of itself and of access stands: somebody has read by it.
    Ledgers { kind: String } => E_RULE "R-005" at "/target_event",
        "\"{kind}\" is the ledger's own record of itself or of access", "“{kind}”是账本自身或查阅的记录，不得更正或作废";
    /// Nobody made this mistake.
    Systems => E_RULE "R-005" at "/target_event",
        "the system entered this by itself", "该事件由系统自动记入，不得更正或作废";
    /// The entry is in another stream.
    OtherStream { subject: String } => E_RULE "R-005" at "subject",
        "the entry is not in that stream, but about \"{subject}\"", "该事件不属于此对象，而属于“{subject}”";
    /// The entry counts for nothing any more.
    Gone { by: String } => E_STATE "R-005" at "/target_event",
        "entry \"{by}\" has voided this", "已被事件“{by}”作废";
    /// Others rest on it.
    Depended { entries: String } => E_RULE "R-005" at "/target_event",
        "these entries depend on it: {entries}", "下列事件依赖于此：{entries}";
    /// Nobody puts right what is about themselves.
    OwnRecord => E_SOD "R-025", "nobody corrects or voids what is about themselves", "不得更正或作废涉及本人的记录";
    /// A reason of a few letters is none.
    ReasonTooShort => E_SCHEMA "R-005" at "/reason", "the reason needs at least 10 characters", "原因至少10个字符";
    /// Nothing is put right.
    Empty => E_SCHEMA "R-005" at "/changes", "name at least one change", "至少填写一项更正";
    /// It is so already.
    NoChange { path: String } => E_RULE "R-005" at "/changes", "\"{path}\" has this value already", "“{path}”已是该值";
    /// What identifies a record, and what the service computes, cannot be another.
    Fixed { path: String } => E_RULE "R-005" at "/changes",
        "\"{path}\" says which record it is or is computed: void the entry and record it anew",
        "“{path}”用于标识记录或由系统计算，请作废后重新记录";
    /// Who looks after a customer, and so reads its archive, changes by an assignment alone, which has rights of its own.
    Assigned { path: String } => E_RULE "R-005" at "/changes",
        "\"{path}\" is not corrected: assign the customer anew (customer.owner_assigned)", "“{path}”不得更正，请重新指派负责人（customer.owner_assigned）";
    /// Other things happen to the customer in the same breath.
    NotAlone => E_RULE "R-005" at "/changes",
        "propose it apart from other events about the same customer or unit", "请与同一客户或部门的其他事件分开提出";
}

/// Tells whether entries of a type correct or void others.
pub fn is_amendment(kind: &str) -> bool {
    kind == CORRECTED || kind == VOIDED
}

/// Returns the type of the record that an entry is, or is about where it corrects or voids another.
pub fn type_of(entry: &Lived) -> Option<&str> {
    match is_amendment(entry.kind.name) {
        true => entry.data.get("record_type").and_then(Value::as_str),
        false => Some(entry.kind.name),
    }
}

impl Event {
    /// The entry it is about.
    pub fn target(&self) -> &EntryId {
        match self {
            Self::Corrected(Corrected { target_event, .. }) | Self::Voided(Voided { target_event, .. }) => target_event,
        }
    }

    /// Its reason.
    pub fn reason(&self) -> &str {
        match self {
            Self::Corrected(Corrected { reason, .. }) | Self::Voided(Voided { reason, .. }) => &reason.0,
        }
    }

    /// The record that counts otherwise.
    pub fn record(&self) -> Option<&EntryId> {
        match self {
            Self::Corrected(Corrected { record, .. }) | Self::Voided(Voided { record, .. }) => record.as_ref(),
        }
    }

    /// The type of that record.
    pub fn record_type(&self) -> Option<&'static EventType> {
        match self {
            Self::Corrected(Corrected { record_type, .. }) | Self::Voided(Voided { record_type, .. }) => {
                catalog::find(&record_type.as_ref()?.0)
            }
        }
    }

    /// The customer concerned.
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Corrected(Corrected { customer, .. }) | Self::Voided(Voided { customer, .. }) => customer.as_ref(),
        }
    }

    /// The part of the world that is folded anew.
    pub fn part(&self) -> Part {
        Part::of(self.customer().cloned())
    }

    /// The changes, each with where it belongs in the record.
    pub fn changes(&self) -> impl Iterator<Item = (&Change, &str)> {
        let (changes, fields) = match self {
            Self::Corrected(Corrected { changes, fields, .. }) => (changes.as_slice(), fields.as_deref()),
            Self::Voided(_) => (&[][..], None),
        };
        changes.iter().zip(fields.unwrap_or_default()).map(|(change, field)| (change, field.0.as_str()))
    }

    /// Tells whether it is corrected when the record had happened: by business time it stands elsewhere since.
    pub fn moves_in_time(&self) -> bool {
        let field = self.record_type().and_then(|kind| kind.occurred);
        field.is_some_and(|field| self.changes().any(|(_, changed)| changed.strip_prefix('/') == Some(field)))
    }

    /// Fills in what the entry it is about determines.
    ///
    /// # Errors
    /// The entry cannot be corrected at all, or not in this place, or what was supplied is not what would be filled in.
    pub fn complete(self, target: &Lived, customer: Option<&CustomerId>) -> Result<Self, domain::Refusal> {
        let record = match target.data.get("record").and_then(Value::as_str) {
            Some(record) if is_amendment(target.kind.name) => record.parse().ok(),
            _ => Some(target.id.clone()),
        };
        let of = type_of(target).unwrap_or_default();
        let index = Some(Int(i64::try_from(target.index).unwrap_or(0)));
        let of = Some(Str(of.to_owned()));
        Ok(match self {
            Self::Corrected(corrected) => {
                let fields = fields(&corrected.changes, target)?;
                Self::Corrected(Corrected {
                    target_index: domain::computed("target_index", corrected.target_index, index)?,
                    record: domain::computed("record", corrected.record, record)?,
                    record_type: domain::computed("record_type", corrected.record_type, of)?,
                    fields: domain::computed("fields", corrected.fields, Some(fields))?,
                    customer: domain::computed("customer", corrected.customer, customer.cloned())?,
                    ..corrected
                })
            }
            Self::Voided(voided) => Self::Voided(Voided {
                target_index: domain::computed("target_index", voided.target_index, index)?,
                record: domain::computed("record", voided.record, record)?,
                record_type: domain::computed("record_type", voided.record_type, of)?,
                customer: domain::computed("customer", voided.customer, customer.cloned())?,
                ..voided
            }),
        })
    }
}

/// Refuses what is superseded or stands for good; everything else that people enter can be put right.
///
/// # Errors
/// It is a decision, the ledger's own, or nobody's.
pub fn check_type(kind: &EventType, actor: &Actor) -> Result<(), Refusal> {
    check_kind(kind)?;
    if *actor == Actor::System { Err(Refusal::Systems) } else { Ok(()) }
}

/// Refuses a type no entry of which can be put right.
///
/// # Errors
/// It is a decision, the ledger's own, or entered by the system alone.
pub fn check_kind(kind: &EventType) -> Result<(), Refusal> {
    if matches!(kind.module, "ledger" | "audit" | "grant" | "loan") || kind.name == "access_policy.adopted" {
        return Err(Refusal::Ledgers { kind: kind.name.into() });
    }
    if kind.decision {
        return Err(Refusal::Decision { kind: kind.name.into() });
    }
    if kind.system { Err(Refusal::Systems) } else { Ok(()) }
}

/// Tells whether a field of a type is never corrected: it says which record it is, or who looks after a customer.
pub fn is_fixed(kind: &EventType, field: &Field) -> bool {
    matches!(field.kind, Kind::Id) || is_assigned(kind, field)
}

fn is_assigned(kind: &EventType, field: &Field) -> bool {
    kind.name.starts_with("customer.") && matches!(field.name, "owner" | "co_contacts")
}

/// Finds where in the record each change belongs.
fn fields(changes: &[Change], target: &Lived) -> Result<Vec<Str<0, 200>>, domain::Refusal> {
    if changes.is_empty() {
        return Err(Refusal::Empty.into());
    }
    let mut fields: Vec<Str<0, 200>> = Vec::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        let path = change.path.0.as_str();
        let pointer = format!("/changes/{at}/path");
        let taken = |other: &Change| {
            let (one, other) = (format!("{path}/"), format!("{}/", other.path.0));
            one.starts_with(&other) || other.starts_with(&one)
        };
        if changes.iter().take(at).any(taken) {
            return Err(domain::Refusal::field(&pointer, "is changed twice", "重复更正"));
        }
        let Some(place) = catalog::locate(target.kind.fields, path) else {
            return Err(domain::Refusal::field(&pointer, "is not in the payload", "该内容中没有此字段"));
        };
        let top = path.split('/').nth(1).and_then(|name| target.kind.field(name));
        let computed = place.field.computed || top.is_some_and(|field| field.computed);
        if top.is_some_and(|field| is_assigned(target.kind, field)) {
            return Err(Refusal::Assigned { path: path.into() }.into());
        }
        let field = match (is_amendment(target.kind.name), path) {
            (true, "/reason") => Some(String::new()),
            (true, _) => within(path).and_then(|number| {
                Some(target.data.get("fields")?.get(number)?.as_str()?.to_owned()).filter(|field| !field.is_empty())
            }),
            // What a document says of itself decides how it and its file are sealed.
            (false, path) if target.kind.name == "document.filed" && path != "/period" => None,
            (false, _) if computed || matches!(place.kind, Kind::Id) => None,
            (false, _) => Some(path.to_owned()),
        };
        fields.push(Str(field.ok_or_else(|| Refusal::Fixed { path: path.into() })?));
    }
    Ok(fields)
}

/// The number of the change whose new value a path within a correction leads to.
fn within(path: &str) -> Option<usize> {
    path.strip_prefix("/changes/")?.strip_suffix("/new")?.parse().ok()
}

/// Puts the changes of a correction, as its payload says them, into the payload it is about.
pub fn apply(to: &mut Value, corrected: &Value) {
    for change in corrected.get("changes").and_then(Value::as_array).into_iter().flatten() {
        let path = change.get("path").and_then(Value::as_str).unwrap_or_default();
        put(to, path, change.get("new").cloned());
    }
}

/// Puts a value where a pointer leads, or takes away what stands there; tells whether there is such a place.
pub fn put(to: &mut Value, path: &str, new: Option<Value>) -> bool {
    let Some((within, last)) = path.rsplit_once('/') else { return false };
    let Some(parent) = to.pointer_mut(within) else { return false };
    if let Some(map) = parent.as_object_mut() {
        match new {
            Some(new) => drop(map.insert(last.to_owned(), new)),
            None => drop(map.remove(last)),
        }
        return true;
    }
    let item = last.parse().ok().and_then(|number: usize| parent.as_array_mut()?.get_mut(number));
    match (item, new) {
        (Some(item), Some(new)) => {
            *item = new;
            true
        }
        _ => false,
    }
}

/// Visits the new values of a correction that are declared sealed in the record they are about: with its type and where in it.
pub fn for_each_sealed<'a>(data: &'a mut Value, visit: &mut dyn FnMut(&'static EventType, &str, &'a mut Value)) {
    let of = data.get("record_type").and_then(Value::as_str).and_then(catalog::find);
    let fields = data.get("fields").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(of) = of else { return };
    let changes = data.get_mut("changes").and_then(Value::as_array_mut).into_iter().flatten();
    for (change, field) in changes.zip(&fields) {
        let field = field.as_str().unwrap_or_default();
        let place = catalog::locate(of.fields, field);
        if let (Some(place), Some(new)) = (place, change.get_mut("new")) {
            catalog::for_each_sealed_at(&place, field, new, &mut |pointer, value| visit(of, pointer, value));
        }
    }
}

/// Says which stream the event belongs to: that of the entry it is about, which the door has looked up.
pub(super) fn about(_: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let unknown = || common::Refusal::Unknown {
        pointer: "/target_event".into(),
        what: "entry".into(),
        id: event.target().to_string(),
    };
    Ok(About { subject: named.cloned().ok_or_else(unknown)?, customer: event.customer().cloned() })
}

/// Refuses what needs no look at the past: a reason of a few letters, what is about oneself, and what may not be recorded of a person.
///
/// # Errors
/// Which of these it is.
pub fn check(world: &World, actor: &Actor, subject: &StreamName, event: &Event) -> Result<(), domain::Refusal> {
    if event.reason().trim().chars().count() < 10 {
        return Err(Refusal::ReasonTooShort.into());
    }
    if actor.employee().is_some_and(|actor| *subject == actor.stream()) {
        return Err(Refusal::OwnRecord.into());
    }
    if subject.kind() == "person" {
        let given: Vec<&Field> = event
            .changes()
            .filter(|(change, _)| change.new.is_some())
            .filter_map(|(_, field)| Some(catalog::locate(event.record_type()?.fields, field)?.field))
            .collect();
        person::check_given(world, subject, &given)?;
    }
    Ok(())
}

/// Decides on a correction or voiding that was judged against the past: what is left is what may have moved meanwhile.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    check(world, context.actor, &context.about.subject, &event)?;
    let unknown = || common::Refusal::Unknown {
        pointer: "/target_event".into(),
        what: "entry".into(),
        id: event.target().to_string(),
    };
    let refold = context.fetched.refold.as_ref().ok_or_else(unknown)?;
    customer::check_amended(world, event.record(), refold)?;
    if event.changes().any(|(_, field)| matches!(field, "/name" | "/changes/name" | "/changes")) {
        person::check_name(context)?;
    }
    Ok(vec![Admission::of(event, context)])
}

/// Keeps nothing; the module whose entry it is about folds it anew.
pub(super) fn evolve(_: &mut State, _: &Fact<'_>, event: &Event) {
    match event {
        Event::Corrected(_) | Event::Voided(_) => {}
    }
}

/// Lets go of nothing.
pub(super) fn forget(_: &mut State, _: &Part, _: &[Live]) {}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::domain::{Code, Event};
    use crate::domain::testing::{Given, contact, customer, event, given, grade_proposed, sold, staff_status};
    use crate::ids::EntryId;

    fn last(given: &Given) -> EntryId {
        given.lived.last().unwrap().0.id.clone()
    }

    fn change(path: &str, new: Value) -> Option<Value> {
        Some(json!([{ "path": path, "new": new }]))
    }

    fn promised() -> Given {
        let promise = json!([{ "promise_id": "PR-1", "text": "drawings", "due": "2026-03-09", "responsible": "E-101" }]);
        let contact = contact("C-01", &["E-101"]).with("promises", promise);
        given([("E-101", customer("C-01", "Heyuan Alloy Works")), ("E-101", contact)])
    }

    #[test]
    fn decisions_and_what_the_system_enters_stand() {
        let given = given([("E-101", customer("C-01", "Heyuan"))]).and("E-101", grade_proposed("C-01", "B"));
        let given = given.and("E-301", event("credit_grade.approved", json!({ "proposal_id": "P-1", "to": "B" })));
        given.amend("E-501", &last(&given), change("/opinion", json!("x"))).then_refused(Code::E_RULE, "R-005");
        given.amend("E-501", &last(&given), None).then_refused(Code::E_RULE, "R-005");
        // What was decided on stands as well: the decision was on what it said.
        let proposed = given.lived[given.lived.len() - 2].0.id.clone();
        let words = given.amend("E-501", &proposed, change("/reason", json!("pays on time, mostly")));
        assert!(words.then_refused(Code::E_RULE, "R-005").contains(last(&given).as_str()));
        let founding = given.lived[3].0.id.clone();
        given.amend("E-501", &founding, None).then_refused(Code::E_RULE, "R-005");
    }

    #[test]
    fn what_a_later_entry_rests_on_cannot_be_taken_away_and_it_is_named() {
        let given = promised();
        let made = last(&given);
        let closed = event("commitment.closed", json!({ "promise_id": "PR-1", "outcome": "fulfilled" })).about("contact/C-01");
        let given = given.and("E-101", closed);
        let words = given.amend("E-101", &made, None).then_refused(Code::E_RULE, "R-005");
        assert!(words.contains(last(&given).as_str()), "{words}");
        let other = json!([{ "promise_id": "PR-2", "text": "x", "due": "2026-03-09", "responsible": "E-101" }]);
        given.amend("E-101", &made, change("/promises", other)).then_refused(Code::E_RULE, "R-005");
        // Once the closing is voided nothing rests on it any more.
        let given = given.amend("E-101", &last(&given), None).then(["record.voided"]);
        given.amend("E-101", &made, None).then(["record.voided"]);
        let opened = given.lived.iter().find(|one| one.0.kind.name == "customer.registered").unwrap().0.id.clone();
        given.amend("E-101", &opened, None).then_refused(Code::E_RULE, "R-005");
    }

    #[test]
    fn a_voided_entry_is_neither_corrected_nor_voided_again_until_the_voiding_is_voided() {
        let given = promised();
        let made = last(&given);
        let corrected = given.amend("E-101", &made, change("/place", json!("the plant"))).then(["record.corrected"]);
        let correction = last(&corrected);
        let voided = corrected.amend("E-101", &made, None).then(["record.voided"]);
        let voiding = last(&voided);
        assert!(voided.world.contact.promises.is_empty());
        for target in [&made, &correction] {
            voided.amend("E-101", target, None).then_refused(Code::E_STATE, "R-005");
            assert!(voided.amend("E-101", target, change("/place", json!("x"))).perhaps().is_none());
        }
        let back = voided.amend("E-101", &voiding, None).then(["record.voided"]);
        assert_eq!(back.world.contact.promises.len(), 1);
        back.amend("E-101", &voiding, None).then_refused(Code::E_STATE, "R-005");
        back.amend("E-101", &made, None).then(["record.voided"]);
    }

    #[test]
    fn the_corrected_entry_obeys_the_rules_as_of_its_own_time() {
        let given = promised().and("E-401", sold("S-1", "C-01", "2026-03-02", 100));
        let sale = last(&given);
        let returned = sold("S-2", "C-01", "2026-03-02", 60).with("kind", "return").with("returns", "S-1");
        let given = given.and("E-401", returned);
        given.amend("E-401", &sale, change("/amount", json!(59))).then_refused(Code::E_RULE, "R-005");
        given.amend("E-401", &last(&given), change("/amount", json!(101))).then_refused(Code::E_RULE, "R-113");
        given.amend("E-401", &sale, change("/sold_on", json!("2026-03-09"))).then_refused(Code::E_RULE, "R-011");
        let given = given.amend("E-401", &sale, change("/amount", json!(60))).then(["record.corrected"]);
        assert_eq!(given.world.sale.years.get(&2026), None, "all of it came back");
        // Who left since may stand in what is corrected otherwise: the owner worked here then.
        let opened = given.lived.iter().find(|one| one.0.kind.name == "customer.registered").unwrap().0.id.clone();
        let given = given.and("E-001", staff_status("E-101", "on_notice"));
        given.amend("E-501", &opened, change("/phone", json!("0531 8000 0009"))).then(["record.corrected"]);
    }

    #[test]
    fn a_record_moves_in_time_only_where_its_time_is_put_right() {
        let given = promised().and("E-401", sold("S-1", "C-01", "2026-03-02", 100));
        let sale = last(&given);
        let moves = |given: &Given| {
            let lived = &given.lived.last().unwrap().0;
            let Some(Ok(Event::Record(event))) = Event::read(lived.kind.name, &lived.data) else { panic!("{lived:?}") };
            event.moves_in_time()
        };
        let given = given.amend("E-401", &sale, change("/amount", json!(90))).admitted();
        assert!(!moves(&given));
        let moved = given.amend("E-401", &sale, change("/sold_on", json!("2026-03-01"))).admitted();
        assert!(moves(&moved));
        let again = moved.amend("E-401", &last(&moved), change("/changes/0/new", json!("2026-02-28"))).admitted();
        assert!(moves(&again), "through a correction of the correction");
        assert!(!moves(&moved.amend("E-401", &sale, None).admitted()));
    }

    #[test]
    fn nobody_puts_right_what_is_about_themselves() {
        let staff = json!({ "employee_id": "E-150", "name": "s1.name", "unit": "north", "joined_on": "2026-03-01" });
        let given = given([("E-001", event("employee.registered", staff)), ("E-001", staff_status("E-101", "on_notice"))]);
        let changed = last(&given);
        given.amend("E-101", &changed, None).then_refused(Code::E_SOD, "R-025");
        given.amend("E-001", &changed, None).then(["record.voided"]);
    }

    #[test]
    fn a_name_taken_meanwhile_cannot_be_given_by_a_correction() {
        let given = given([("E-101", customer("C-01", "Heyuan")), ("E-101", customer("C-02", "Linhai"))]);
        let first = given.lived[given.lived.len() - 2].0.id.clone();
        given.amend("E-101", &first, change("/name", json!("LINHAI"))).then_refused(Code::E_CONFLICT, "R-031");
        let given = given.amend("E-101", &first, change("/name", json!("Heyuan Alloys"))).then(["record.corrected"]);
        given.when("E-101", customer("C-03", "Heyuan")).then(["customer.registered"]);
        given.when("E-101", customer("C-03", "Heyuan alloys")).then_refused(Code::E_CONFLICT, "R-031");
    }

    #[test]
    fn what_identifies_a_record_is_fixed() {
        let given = promised().and("E-401", sold("S-1", "C-01", "2026-03-02", 100)).and("E-101", customer("C-02", "Linhai"));
        let sale = given.lived.iter().find(|one| one.0.kind.name == "sale.recorded").unwrap().0.id.clone();
        for (path, new) in [("/sale_id", "S-9"), ("/customer_id", "C-02")] {
            given.amend("E-401", &sale, change(path, json!(new))).then_refused(Code::E_RULE, "R-005");
        }
        given.amend("E-401", &sale, change("/no_such", json!("x"))).then_malformed(["/changes/0/path"]);
        let twice = json!([{ "path": "/amount", "new": 5 }, { "path": "/amount", "new": 6 }]);
        given.amend("E-401", &sale, Some(twice)).then_malformed(["/changes/1/path"]);
        given.amend("E-401", &sale, Some(json!([]))).then_refused(Code::E_SCHEMA, "R-005");
    }
}
