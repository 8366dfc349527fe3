//! Erasure of what is known of a person, and the legal holds that forbid it.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::domain::approval::{self, Step};
use crate::domain::catalog::{Str, Text, choices, events, refusals};
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common, person};
use crate::ids::{self, EmployeeId, EntryId, StreamName, SubjectId};

choices! {
    /// How much of a person is erased.
    Scope {
        Private "private" "个人隐私" "Private data",
        All "all" "全部" "Everything",
    }
    /// Why it is erased.
    Ground {
        Request "request" "本人要求" "The person asks for it",
        PurposeEnded "purpose_ended" "目的已实现" "The purpose has ended",
        ConsentWithdrawn "consent_withdrawn" "撤回同意" "The consent is withdrawn",
        Unlawful "unlawful" "处理不合法" "It was kept unlawfully",
    }
}

events! {
    /// What is known of a person is erased: from here on nobody reads it.
    Erased "personal_data.erased" "个人信息删除" "Personal data erased" on "person" Person is decision {
        /// How much.
        scope: Scope, C8, "删除范围", "Scope";
        /// Why.
        ground: Ground, C8, "理由", "Ground";
        /// Who approved.
        approved_by: Option<EmployeeId>, C8, "批准人", "Approved by", computed;
    }
    /// The keys are destroyed: from here on nobody can read it, wherever the sealed bytes still stand.
    Completed "personal_data.erasure_completed" "个人信息删除完成" "Erasure completed" on "person" Person by system {
        /// How much.
        scope: Scope, C8, "删除范围", "Scope";
        /// The entry that erased.
        erased: EntryId, C8, "删除条目", "Erased by";
    }
    /// A person's data must be kept for a dispute or an authority; meanwhile they are not used.
    HoldPlaced "legal_hold.placed" "法律保留" "Legal hold placed" on "person" Person {
        /// The hold; issued when left out.
        hold_id: Option<SubjectId>, C8, "保留编号", "Hold id", computed;
        /// What for.
        matter: Str<1, 120>, C8, "事由", "Matter";
        /// What to say about it.
        note: Option<Text>, C8, "说明", "Note";
    }
    /// A hold ends.
    HoldLifted "legal_hold.lifted" "解除法律保留" "Legal hold lifted" on "person" Person {
        /// The hold.
        hold_id: SubjectId, C8, "保留编号", "Hold id";
        /// Why.
        reason: Text, C8, "理由", "Reason";
    }
}

/// An erasure whose keys are not destroyed yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasing {
    /// How much.
    pub scope: Scope,
    /// The entry that erased.
    pub entry: EntryId,
}

/// What is erased, being erased, or held.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Persons erased, and how much of them.
    pub erased: OrdMap<SubjectId, Scope>,
    /// Erasures under way.
    pub erasing: OrdMap<SubjectId, Erasing>,
    /// Holds in force, by person.
    pub holds: OrdMap<SubjectId, OrdSet<SubjectId>>,
    /// Moves whenever what may be used of a person does, so that who read it before can tell.
    pub revision: u64,
}

impl State {
    /// Tells whether so much of a person is erased.
    pub fn is_erased(&self, person: &SubjectId, scope: Scope) -> bool {
        self.erased.get(person).is_some_and(|erased| *erased == Scope::All || *erased == scope)
    }
}

refusals! {
    /// Somebody needs the data.
    Held { hold: String } => E_RULE "R-008", "legal hold \"{hold}\" forbids it", "法律保留“{hold}”期间不得删除";
    /// It is erased already.
    Gone => E_STATE "R-008", "this has been erased", "该信息已删除";
    /// An erasure of less is not completed yet.
    UnderWay => E_STATE "R-008", "an erasure is under way: wait until it is completed", "删除正在进行，请待其完成";
    /// No such hold.
    NotHeld { hold: String } => E_STATE "R-008", "there is no legal hold \"{hold}\"", "不存在法律保留“{hold}”";
    /// The hold stands already.
    HoldTaken { hold: String } => E_CONFLICT "R-010" at "/hold_id", "legal hold \"{hold}\" stands already", "法律保留“{hold}”已存在";
}

/// Says which stream the event belongs to: the person's, and the customer's.
pub(super) fn about(world: &World, _: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    person::named(world, named)
}

/// Decides on an erasure or a hold.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let person: Option<SubjectId> = context.about.subject.id().and_then(|id| id.parse().ok());
    let Some(person) = person else { return Err(Refusal::Gone.into()) };
    let state = &world.privacy;
    let event = match event {
        Event::Erased(erased) => return admit_erasure(world, context, &person, erased),
        Event::Completed(completed) => {
            if *context.actor != Actor::System {
                return Err(common::Refusal::SystemOnly.into());
            }
            if state.erasing.get(&person).is_none_or(|erasing| erasing.entry != completed.erased) {
                return Err(Refusal::Gone.into());
            }
            Event::Completed(completed)
        }
        Event::HoldPlaced(placed) => {
            if state.is_erased(&person, Scope::All) {
                return Err(Refusal::Gone.into());
            }
            let id = placed.hold_id.clone().unwrap_or_else(|| ids::issued(context.id));
            if state.holds.get(&person).is_some_and(|holds| holds.contains(&id)) {
                return Err(Refusal::HoldTaken { hold: id.to_string() }.into());
            }
            Event::HoldPlaced(HoldPlaced { hold_id: Some(id), ..placed })
        }
        Event::HoldLifted(lifted) => {
            if state.holds.get(&person).is_none_or(|holds| !holds.contains(&lifted.hold_id)) {
                return Err(Refusal::NotHeld { hold: lifted.hold_id.to_string() }.into());
            }
            Event::HoldLifted(lifted)
        }
    };
    Ok(vec![Admission::of(event, context)])
}

fn admit_erasure(
    world: &World,
    context: &Context<'_>,
    person: &SubjectId,
    erased: Erased,
) -> Result<Vec<Admission>, domain::Refusal> {
    let state = &world.privacy;
    // Until the keys of an earlier erasure are destroyed, a wider one waits.
    if state.is_erased(person, erased.scope) {
        return Err(Refusal::Gone.into());
    }
    if state.erasing.contains_key(person) {
        return Err(Refusal::UnderWay.into());
    }
    if let Some(hold) = state.holds.get(person).and_then(OrdSet::get_min) {
        return Err(Refusal::Held { hold: hold.to_string() }.into());
    }
    let steps = vec![Step::Either(Role::DeputyGm, Role::GeneralManager)];
    if let Some(request) = approval::request(world, context, &Event::Erased(erased.clone()).into(), steps)? {
        return Ok(request);
    }
    let approver = context.approvals.last().cloned();
    let approved_by = domain::computed("approved_by", erased.approved_by.clone(), approver)?;
    Ok(vec![Admission::of(Event::Erased(Erased { approved_by, ..erased }), context)])
}

/// Takes over what is erased and what is held.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let Some(person) = fact.subject.id().and_then(|id| id.parse::<SubjectId>().ok()) else { return };
    match event {
        Event::Erased(Erased { scope, .. }) => {
            state.erased.insert(person.clone(), *scope);
            state.erasing.insert(person, Erasing { scope: *scope, entry: fact.id.clone() });
            state.revision += 1;
        }
        Event::Completed(_) => {
            state.erasing.remove(&person);
        }
        Event::HoldPlaced(placed) => {
            state.holds.entry(person).or_default().extend(placed.hold_id.clone());
            state.revision += 1;
        }
        Event::HoldLifted(lifted) => {
            let Some(holds) = state.holds.get_mut(&person) else { return };
            holds.remove(&lifted.hold_id);
            if holds.is_empty() {
                state.holds.remove(&person);
            }
        }
    }
}

/// Lets go of what is erased and held of a customer's people.
pub(super) fn forget(state: &mut State, part: &Part, live: &[Live]) {
    if *part == Part::Company {
        return;
    }
    for live in live {
        let Some(person) = live.subject.id().and_then(|id| id.parse::<SubjectId>().ok()) else { continue };
        if live.subject.kind() == "person" {
            state.erased.remove(&person);
            state.erasing.remove(&person);
            state.holds.remove(&person);
            state.revision += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, customer, event, given};

    fn one_person() -> Given {
        let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "s1.sealed" });
        given([("E-101", customer("C-01", "Heyuan Alloy Works")), ("E-101", event("person.recorded", person))])
    }

    fn erased(scope: &str) -> Proposed {
        event("personal_data.erased", json!({ "scope": scope, "ground": "request" })).about("person/P-1").id("erase-01")
    }

    fn approved() -> Proposed {
        event("approval.given", json!({ "request_id": "erase-01" }))
    }

    fn held(id: &str) -> Proposed {
        event("legal_hold.placed", json!({ "hold_id": id, "matter": "a dispute" })).about("person/P-1")
    }

    fn lifted(id: &str) -> Proposed {
        event("legal_hold.lifted", json!({ "hold_id": id, "reason": "settled" })).about("person/P-1")
    }

    fn consent(status: &str) -> Proposed {
        let data = json!({ "purpose": "relationship_care", "status": status, "method": "oral" });
        event("consent.recorded", data).about("person/P-1")
    }

    #[test]
    fn an_erasure_is_asked_for_by_one_and_approved_by_another_at_the_top() {
        let asked = one_person().when("E-902", erased("all")).then(["approval.requested"]);
        asked.when("E-902", approved()).then_refused(Code::E_SOD, "R-025");
        asked.when("E-201", approved()).then_refused(Code::E_FORBIDDEN, "R-025");
        for manager in ["E-801", "E-802"] {
            let done = asked.when(manager, approved());
            assert_eq!(done.data()["approved_by"], manager);
            let done = done.then(["approval.given", "personal_data.erased"]);
            done.when("E-902", erased("private").id("erase-02")).then_refused(Code::E_STATE, "R-008");
        }
    }

    #[test]
    fn a_hold_forbids_erasure_until_it_is_lifted() {
        let given = one_person().and("E-902", held("H-1")).and("E-902", held("H-2"));
        given.when("E-902", held("H-1")).then_refused(Code::E_CONFLICT, "R-010");
        given.when("E-902", erased("all")).then_refused(Code::E_RULE, "R-008");
        let given = given.and("E-902", lifted("H-1"));
        given.when("E-902", lifted("H-1")).then_refused(Code::E_STATE, "R-008");
        given.when("E-902", erased("all")).then_refused(Code::E_RULE, "R-008");
        let given = given.and("E-902", lifted("H-2"));
        // A hold placed while an erasure waits for approval forbids it all the same.
        let asked = given.when("E-902", erased("all")).then(["approval.requested"]).and("E-902", held("H-3"));
        asked.when("E-801", approved()).then_refused(Code::E_RULE, "R-008");
        asked.and("E-902", lifted("H-3")).when("E-801", approved()).then(["approval.given", "personal_data.erased"]);
    }

    #[test]
    fn of_an_erased_person_nothing_more_is_recorded() {
        let all = one_person().and("E-902", erased("all")).and("E-801", approved());
        let update = |changes| {
            event("person.updated", json!({ "changes": changes, "learned_at": "2026-03-02T09:00:00+08:00" })).about("person/P-1")
        };
        all.when("E-101", update(json!({ "mobile": "555 0101" }))).then_refused(Code::E_STATE, "R-008");
        all.when("E-101", consent("given")).then_refused(Code::E_STATE, "R-008");
        let private = one_person().and("E-101", consent("given")).and("E-902", erased("private")).and("E-801", approved());
        private.when("E-101", update(json!({ "hobbies": "chess" }))).then_refused(Code::E_STATE, "R-008");
        private.when("E-101", update(json!({ "mobile": "555 0101" }))).then(["person.updated"]);
        private.when("E-902", erased("all").id("erase-02")).then_refused(Code::E_STATE, "R-008");
        let done = event("personal_data.erasure_completed", json!({ "scope": "private", "erased": "no-such-entry" }));
        private.when("system", done.clone().about("person/P-1")).then_refused(Code::E_STATE, "R-008");
        private.when("E-902", done.about("person/P-1")).then_refused(Code::E_FORBIDDEN, "R-023");
    }
}
