//! Key persons of customers: who they are, what they agreed to, and how they stand to us.

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{
    Email, Field, Int, Kind, Phone, Referent, Sealed, Shape, Str, Text, choices, events, objects, refusals,
};
use crate::domain::class::Class;
use crate::domain::duty::Sink;
use crate::domain::privacy::{self, Scope};
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Admission, Context, Fact, World, common, customer};
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName, SubjectId};

choices! {
    /// What somebody is for the customer.
    Function {
        LegalRepresentative "legal_representative" "法定代表人" "Legal representative",
        Principal "principal" "主要负责人" "Principal",
        Executive "executive" "高管" "Executive",
        CorePerson "core_person" "核心人物" "Core person",
        Handler "handler" "经办人" "Handler",
        TechnicalHead "technical_head" "技术负责人" "Technical head",
        Contact "contact" "联系人" "Contact",
        User "user" "使用人" "User",
        Other "other" "其他" "Other",
    }
    /// Whether somebody still holds the post.
    Standing {
        Active "active" "在任" "In post",
        Moved "moved" "调岗" "Moved",
        Left "left" "离任" "Left",
    }
    /// What somebody agrees to.
    Purpose {
        BusinessContact "business_contact" "业务联系" "Business contact",
        RelationshipCare "relationship_care" "关系维护" "Relationship care",
        Survey "survey" "意见调查" "Survey",
        ThirdPartyDisclosure "third_party_disclosure" "向第三方提供" "Disclosure to a third party",
        Marketing "marketing" "推广" "Marketing",
    }
    /// What somebody said when asked.
    Consent {
        Given "given" "已同意" "Given",
        Withdrawn "withdrawn" "撤回" "Withdrawn",
        Refused "refused" "拒绝" "Refused",
    }
    /// How it was said.
    Method {
        Written "written" "书面" "In writing",
        Oral "oral" "口头" "Orally",
        Electronic "electronic" "电子" "Electronically",
    }
    /// How somebody stands to us.
    Attitude {
        Positive "positive" "积极" "Positive",
        Neutral "neutral" "中立" "Neutral",
        Negative "negative" "消极" "Negative",
        NotEstablished "not_established" "尚未建立" "Not established",
    }
}

/// A key person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub SubjectId);

impl Shape for PersonId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Person)
    }
}

/// A filed document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentId(pub SubjectId);

impl Shape for DocumentId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Document)
    }
}

// What is recorded of a person and what an update may change are the same fields.
macro_rules! declare {
    ($($details:tt)*) => {
        objects! {
            /// A day that matters to somebody.
            ImportantDate {
                /// Which day it is.
                label: Sealed<Str<1, 60>>, C5, "名称", "Label";
                /// When.
                date: Sealed<Date>, C5, "日期", "Date";
            }
            /// What an update of a person may change.
            Details {
                /// The name, sealed.
                name: Option<Sealed<Str<1, 60>>>, C4, "姓名", "Name";
                $($details)*
            }
        }

        events! {
            /// A key person of a customer is recorded; everything said of the person is sealed under the person's own keys.
            Recorded "person.recorded" "关键人物登记" "Person recorded" {
                /// The person; issued when left out.
                person_id: Option<SubjectId>, C4, "人员编号", "Person id", computed;
                /// The customer.
                customer_id: CustomerId, C4, "客户", "Customer";
                /// The name, sealed.
                name: Sealed<Str<1, 60>>, C4, "姓名", "Name";
                $($details)*
            }
            /// Something new is learned about a person; it supersedes what was known.
            Updated "person.updated" "关键人物更新" "Person updated" on "person" Person {
                /// What is new.
                changes: Details, C5, "更新内容", "Changes";
                /// Whether the person still holds the post.
                status: Option<Standing>, C4, "状态", "Status";
                /// When it was learned.
                learned_at: Timestamp, C4, "获知时间", "Learned at", occurred;
            }
            /// A person agrees that data be used for a purpose, refuses, or withdraws.
            ConsentRecorded "consent.recorded" "同意记录" "Consent recorded" on "person" Person {
                /// What for.
                purpose: Purpose, C4, "用途", "Purpose";
                /// What the person said.
                status: Consent, C4, "状态", "Status";
                /// How.
                method: Method, C4, "方式", "Method";
                /// What shows it.
                evidence: Option<DocumentId>, C4, "凭证", "Evidence";
                /// To whom data may be disclosed.
                third_party: Option<Str<1, 120>>, C4, "第三方", "Third party";
            }
            /// Somebody of ours judges how a person stands to us and what the person decides.
            RelationshipAssessed "relationship.assessed" "关系与决策作用评估" "Relationship assessed" on "person" Person {
                /// Who of us knows the person.
                our_person: EmployeeId, C6, "我方对应人", "Our person";
                /// That person's title.
                our_title: Str<1, 60>, C6, "我方职务", "Our title";
                /// The part the person plays in a decision, sealed.
                decision_role: Sealed<Str<1, 80>>, C6, "角色作用", "Decision role";
                /// How much of a decision is the person's, in percent, as estimated.
                decision_power_percent: Option<Int<0, 100>>, C6, "决策能力", "Decision power (%)";
                /// What the person cares about, sealed.
                concerns: Option<Sealed<Text>>, C5, "关心的要点", "Concerns";
                /// How the person stands to us, sealed.
                attitude: Sealed<Attitude>, C5, "关系状况(积极/中立/消极/尚未建立)", "Attitude";
                /// In which project.
                project: Option<Str<1, 120>>, C6, "项目", "Project";
                /// On what grounds, sealed.
                basis: Option<Sealed<Text>>, C6, "依据", "Basis";
            }
        }
    };
}

declare! {
    /// The post, sealed.
    position: Option<Sealed<Str<1, 60>>>, C4, "职务", "Position";
    /// The department, sealed.
    department: Option<Sealed<Str<1, 60>>>, C4, "部门", "Department";
    /// What the person is for the customer.
    function: Option<Function>, C4, "身份", "Function";
    /// The telephone at work, sealed.
    office_phone: Option<Sealed<Phone>>, C4, "办公室电话", "Office telephone";
    /// The mobile telephone, sealed.
    mobile: Option<Sealed<Phone>>, C4, "手机", "Mobile";
    /// The e-mail address, sealed.
    email: Option<Sealed<Email>>, C4, "电子邮件", "E-mail";
    /// Where the person works, sealed.
    location: Option<Sealed<Str<1, 200>>>, C4, "所处地点", "Location";
    /// The telephone at home, sealed.
    home_phone: Option<Sealed<Phone>>, C5, "家庭电话", "Home telephone";
    /// The address at home, sealed.
    home_address: Option<Sealed<Str<1, 200>>>, C5, "家庭地址", "Home address";
    /// The family, sealed.
    family: Option<Sealed<Text>>, C5, "家庭成员", "Family";
    /// The personality, sealed.
    personality: Option<Sealed<Text>>, C5, "性格特点", "Personality";
    /// What the person likes to do, sealed.
    hobbies: Option<Sealed<Text>>, C5, "爱好/嗜好", "Hobbies";
    /// The age in years, sealed.
    age: Option<Sealed<Int<16, 120>>>, C5, "年龄", "Age";
    /// The birthday, sealed.
    birthday: Option<Sealed<Date>>, C5, "生日", "Birthday";
    /// The education, sealed.
    education: Option<Sealed<Str<1, 80>>>, C5, "学历", "Education";
    /// What the person is good at, sealed.
    ability: Option<Sealed<Text>>, C5, "能力", "Ability";
    /// What the person prefers and worries about, sealed.
    preferences_concerns: Option<Sealed<Text>>, C5, "个人偏好与担忧", "Preferences and concerns";
    /// Days that matter to the person, sealed.
    important_dates: Option<Vec<ImportantDate>>, C5, "重要日子", "Important dates";
}

/// A person as far as decisions need one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Whose person it is.
    pub customer: CustomerId,
    /// The name, for a door to compare.
    pub name: Named,
    /// What the person said last, by purpose and by the third party it is about.
    pub consents: OrdMap<(Purpose, Option<String>), Consent>,
}

/// A sealed name, and where it was sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Named {
    /// The seal.
    pub seal: String,
    /// The entry it was sealed for.
    pub entry: EntryId,
    /// Whether it came with an update.
    pub updated: bool,
}

/// The people of one customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct People {
    /// Who.
    pub ids: Vector<SubjectId>,
    /// Moves whenever one of them gets a name, so that who compared names before can tell.
    pub names: u64,
}

/// The key persons.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Every person ever recorded.
    pub people: OrdMap<SubjectId, Person>,
    /// By customer.
    pub customers: OrdMap<CustomerId, People>,
    /// The last number issued.
    pub issued: u64,
    /// Moves whenever somebody takes a consent back, so that who read before can tell.
    pub taken_back: u64,
}

impl Named {
    /// Returns the type of the entry the name was sealed for, and where it stands there.
    pub fn place(&self) -> (&'static str, &'static str) {
        if self.updated { ("person.updated", "/data/changes/name") } else { ("person.recorded", "/data/name") }
    }
}

impl Person {
    /// Tells whether the person agrees to a use.
    pub fn agrees(&self, purpose: Purpose) -> bool {
        self.said(purpose, None) == Some(Consent::Given)
    }

    fn said(&self, purpose: Purpose, third_party: Option<&Str<1, 120>>) -> Option<Consent> {
        self.consents.get(&(purpose, third_party.map(|party| party.0.clone()))).copied()
    }
}

refusals! {
    /// The id is in use.
    Taken { person: String } => E_CONFLICT "R-010" at "/person_id", "person \"{person}\" exists already", "人员“{person}”已存在";
    /// The customer has a person of that name.
    Namesake { person: String } => E_CONFLICT "R-031" at "/name",
        "person \"{person}\" of this customer has this name", "该客户的人员“{person}”已使用此姓名";
    /// Private data without consent.
    ConsentMissing { field: String } => E_RULE "R-046",
        "\"{field}\" is private: record the person, then the consent to relationship care, then this",
        "“{field}”属个人隐私：须先登记人员，再记录其对关系维护的同意，然后方可填写";
    /// Nobody was born after today.
    Unborn { field: String } => E_RULE "R-011" at "/{field}", "a birthday lies in the past", "生日不得晚于今日";
    /// Nothing changes.
    NoChange => E_SCHEMA "R-034" at "/changes", "the update changes nothing", "更新内容为空";
    /// Only a consent given can be withdrawn.
    NotGiven => E_STATE "R-046", "there is no consent for this purpose to withdraw", "该用途并无有效同意，无法撤回";
    /// Disclosure to nobody in particular.
    ThirdPartyMissing => E_SCHEMA "R-046" at "/third_party",
        "consent to disclosure names the third party", "同意向第三方提供须注明第三方";
}

/// Returns the next person id, for a door to seal under and the writer to check.
pub fn next_id(world: &World) -> SubjectId {
    let mut number = world.person.issued + 1;
    loop {
        let id: SubjectId = format!("P-{number:05}").parse().expect("digits are an id");
        if !world.person.people.contains_key(&id) {
            return id;
        }
        number += 1;
    }
}

/// Says which stream the event belongs to: the person's, and the customer's.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let (id, customer) = match event {
        Event::Recorded(recorded) => {
            let named = named.filter(|named| named.kind() == "person").and_then(|named| named.id()?.parse().ok());
            let id = recorded.person_id.clone().or(named).unwrap_or_else(|| next_id(world));
            (id, recorded.customer_id.clone())
        }
        Event::Updated(_) | Event::ConsentRecorded(_) | Event::RelationshipAssessed(_) => {
            return self::named(world, named);
        }
    };
    Ok(About { subject: StreamName::of("person", id.as_str()), customer: Some(customer) })
}

/// Reads the person out of the subject a caller must name, such as `person/P-00042`.
pub(super) fn named(world: &World, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let missing = || domain::no_subject("person", Referent::Person);
    let named = named.ok_or_else(missing)?;
    let id = named.id().filter(|_| named.kind() == "person").ok_or_else(missing)?;
    let id: SubjectId = id.parse().map_err(|_| missing())?;
    let person = world.person.people.get(&id).ok_or_else(|| common::Refusal::Unknown {
        pointer: "subject".into(),
        what: "person".into(),
        id: id.to_string(),
    })?;
    Ok(About { subject: named.clone(), customer: Some(person.customer.clone()) })
}

/// Returns the name an event gives a person: plain as it is proposed, sealed as it is entered.
pub fn name_in(event: &Event) -> Option<&Sealed<Str<1, 60>>> {
    match event {
        Event::Recorded(recorded) => Some(&recorded.name),
        Event::Updated(updated) => updated.changes.name.as_ref(),
        Event::ConsentRecorded(_) | Event::RelationshipAssessed(_) => None,
    }
}

/// Decides on what is recorded of a person.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let id: Option<SubjectId> = context.about.subject.id().and_then(|id| id.parse().ok());
    let person = id.as_ref().and_then(|id| world.person.people.get(id));
    if id.as_ref().is_some_and(|id| world.privacy.is_erased(id, gives(&event))) {
        return Err(privacy::Refusal::Gone.into());
    }
    let event = match event {
        Event::Recorded(recorded) => {
            if person.is_some() {
                return Err(Refusal::Taken { person: context.about.subject.id().unwrap_or_default().into() }.into());
            }
            check_name(context)?;
            Event::Recorded(Recorded { person_id: id, ..recorded })
        }
        Event::Updated(updated) => {
            let changed = serde_json::to_value(&updated.changes).unwrap_or_default();
            if updated.status.is_none() && changed.as_object().is_none_or(serde_json::Map::is_empty) {
                return Err(Refusal::NoChange.into());
            }
            if updated.changes.name.is_some() {
                check_name(context)?;
            }
            Event::Updated(updated)
        }
        Event::ConsentRecorded(recorded) => {
            let said = person.and_then(|person| person.said(recorded.purpose, recorded.third_party.as_ref()));
            let given = said == Some(Consent::Given);
            if recorded.status == Consent::Withdrawn && !given {
                return Err(Refusal::NotGiven.into());
            }
            if recorded.purpose == Purpose::ThirdPartyDisclosure && recorded.third_party.is_none() {
                return Err(Refusal::ThirdPartyMissing.into());
            }
            Event::ConsentRecorded(recorded)
        }
        Event::RelationshipAssessed(assessed) => Event::RelationshipAssessed(assessed),
    };
    check_consent(person, &event)?;
    Ok(vec![Admission::of(event, context)])
}

/// Refuses a birthday after today; birthdays are sealed, so only a door can compare them.
pub fn check_birthday(event: &Event, today: Date) -> Result<(), Refusal> {
    let (field, birthday) = match event {
        Event::Recorded(recorded) => ("birthday", &recorded.birthday),
        Event::Updated(updated) => ("changes/birthday", &updated.changes.birthday),
        Event::ConsentRecorded(_) | Event::RelationshipAssessed(_) => return Ok(()),
    };
    let born: Option<Date> = birthday.as_ref().and_then(|birthday| birthday.text().parse().ok());
    match born.is_some_and(|born| born > today) {
        true => Err(Refusal::Unborn { field: field.into() }),
        false => Ok(()),
    }
}

/// Tells whether a person must agree to the use of a field: to all that is the person's own, but not to our own judgement of it.
pub fn by_consent(field: &Field) -> bool {
    field.class == Class::C5 && field.name != "attitude"
}

/// Returns the first value an event gives that is a person's own; a judgement of ours is not.
fn private_in(event: &Event) -> Option<&'static str> {
    fn given(declared: &'static [Field], values: &impl Serialize) -> Option<&'static str> {
        let values = serde_json::to_value(values).unwrap_or_default();
        declared.iter().find(|field| by_consent(field) && values.get(field.name).is_some()).map(|field| field.name)
    }
    match event {
        Event::Recorded(recorded) => given(Recorded::fields(), recorded),
        Event::Updated(updated) => given(Details::fields(), &updated.changes),
        Event::RelationshipAssessed(assessed) => given(RelationshipAssessed::fields(), assessed),
        Event::ConsentRecorded(_) => None,
    }
}

/// Returns how much of a person must still be there for an event to be recorded: private values are gone before the rest.
fn gives(event: &Event) -> Scope {
    match event {
        // What we judge is sealed under the person's private key too.
        Event::RelationshipAssessed(_) => Scope::Private,
        Event::Recorded(_) | Event::Updated(_) | Event::ConsentRecorded(_) => {
            private_in(event).map_or(Scope::All, |_| Scope::Private)
        }
    }
}

/// Refuses what would be kept of a person erased, or, where it is private, of one who has not agreed to it.
pub(super) fn may_keep(world: &World, id: &SubjectId, private: bool) -> Result<(), domain::Refusal> {
    if world.privacy.is_erased(id, if private { Scope::Private } else { Scope::All }) {
        return Err(privacy::Refusal::Gone.into());
    }
    let agrees = world.person.people.get(id).is_some_and(|person| person.agrees(Purpose::RelationshipCare));
    if private && !agrees {
        return Err(Refusal::ConsentMissing { field: "class".into() }.into());
    }
    Ok(())
}

/// Refuses a name somebody else of the customer has; the door has looked where a name is given.
pub(super) fn check_name(context: &Context<'_>) -> Result<(), Refusal> {
    context.fetched.namesake.as_ref().map_or(Ok(()), |other| Err(Refusal::Namesake { person: other.to_string() }))
}

/// Refuses values given of somebody who is erased, and private ones of somebody who does not agree to their use now.
pub(super) fn check_given(world: &World, person: &StreamName, given: &[&Field]) -> Result<(), domain::Refusal> {
    let Some(id) = person.id().and_then(|id| id.parse::<SubjectId>().ok()) else { return Ok(()) };
    let private = given.iter().any(|field| field.class == Class::C5);
    if !given.is_empty() && world.privacy.is_erased(&id, if private { Scope::Private } else { Scope::All }) {
        return Err(privacy::Refusal::Gone.into());
    }
    let agrees = world.person.people.get(&id).is_some_and(|person| person.agrees(Purpose::RelationshipCare));
    match given.iter().find(|field| by_consent(field)) {
        Some(field) if !agrees => Err(Refusal::ConsentMissing { field: field.name.into() }.into()),
        _ => Ok(()),
    }
}

/// Refuses private values of somebody who has not agreed to relationship care.
fn check_consent(person: Option<&Person>, event: &Event) -> Result<(), Refusal> {
    let agreed = person.is_some_and(|person| person.agrees(Purpose::RelationshipCare));
    match private_in(event) {
        Some(field) if !agreed => Err(Refusal::ConsentMissing { field: field.into() }),
        Some(_) | None => Ok(()),
    }
}

/// An update of a person fulfils the duty to update the customer's archive.
pub(super) fn oblige(world: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    if let Event::Updated(_) = event
        && let Some(person) = fact.subject.id().and_then(|id| id.parse().ok())
        && let Some(person) = world.person.people.get::<SubjectId>(&person)
    {
        sink.close(&customer::UPDATE, person.customer.as_str());
    }
}

/// Takes over who there is, under which name, and what was agreed.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let Some(id) = fact.subject.id().and_then(|id| id.parse::<SubjectId>().ok()) else { return };
    let named = name_in(event).map(|name| Named {
        seal: name.text().to_owned(),
        entry: fact.id.clone(),
        updated: matches!(event, Event::Updated(_)),
    });
    match event {
        Event::Recorded(recorded) => {
            let Some(name) = named else { return };
            let number = id.as_str().strip_prefix("P-").and_then(|digits| digits.parse::<u64>().ok());
            // A number nobody would count to does not end the counting.
            state.issued = state.issued.max(number.unwrap_or(0).min(9_999_999));
            let people = state.customers.entry(recorded.customer_id.clone()).or_default();
            people.ids.push_back(id.clone());
            people.names += 1;
            let person = Person { customer: recorded.customer_id.clone(), name, consents: OrdMap::new() };
            state.people.insert(id, person);
        }
        Event::Updated(_) => {
            let (Some(person), Some(name)) = (state.people.get_mut(&id), named) else { return };
            person.name = name;
            if let Some(people) = state.customers.get_mut(&person.customer) {
                people.names += 1;
            }
        }
        Event::ConsentRecorded(recorded) => {
            if let Some(person) = state.people.get_mut(&id) {
                let third_party = recorded.third_party.as_ref().map(|party| party.0.clone());
                let before = person.consents.insert((recorded.purpose, third_party), recorded.status);
                // Whoever never agreed takes nothing back: it would have everybody at work decide anew.
                if before == Some(Consent::Given) && recorded.status != Consent::Given {
                    state.taken_back += 1;
                }
            }
        }
        Event::RelationshipAssessed(_) => {}
    }
}

/// Lets go of a customer's people; the numbers issued stay used.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    let Part::Customer(id) = part else { return };
    let Some(people) = state.customers.get_mut(id) else { return };
    for person in std::mem::take(&mut people.ids) {
        state.people.remove(&person);
    }
    people.names += 1;
    state.taken_back += 1;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Code;
    use crate::domain::testing::{Given, NOW, Proposed, contact, customer, event, given};

    fn person(id: &str) -> Proposed {
        event("person.recorded", json!({ "person_id": id, "customer_id": "C-01", "name": "s1.sealed" }))
    }

    fn updated(changes: serde_json::Value) -> Proposed {
        event("person.updated", json!({ "changes": changes, "learned_at": NOW })).about("person/P-1")
    }

    fn consent(purpose: &str, status: &str) -> Proposed {
        event("consent.recorded", json!({ "purpose": purpose, "status": status, "method": "oral" })).about("person/P-1")
    }

    fn assessed() -> Proposed {
        let data = json!({ "our_person": "E-101", "our_title": "engineer", "decision_role": "decides", "attitude": "positive" });
        event("relationship.assessed", data).about("person/P-1")
    }

    fn one_person() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works")), ("E-101", person("P-1"))])
    }

    #[test]
    fn a_person_is_recorded_once_under_an_id_given_or_issued() {
        let given = one_person();
        given.when("E-101", person("P-1")).then_refused(Code::E_CONFLICT, "R-010");
        given.when("E-101", person("P-2").with("customer_id", "C-09")).then(["person.recorded"]);
        let issued = given.when("E-101", person("").without("person_id"));
        assert_eq!((issued.subject().as_str(), issued.data()["person_id"].as_str()), ("person/P-00002", Some("P-00002")));
    }

    #[test]
    fn no_id_given_ends_the_issuing_of_ids() {
        let given = one_person().and("E-101", person("P-18446744073709551615"));
        assert_eq!(given.when("E-101", person("").without("person_id")).subject(), "person/P-10000000");
        let named = given.when("E-101", person("").without("person_id").about("person/P-77"));
        assert_eq!((named.subject().as_str(), named.data()["person_id"].as_str()), ("person/P-77", Some("P-77")));
    }

    #[test]
    fn two_people_of_one_customer_have_two_names() {
        let mut given = one_person();
        given.fetched.namesake = Some("P-1".parse().unwrap());
        given.when("E-101", person("P-2")).then_refused(Code::E_CONFLICT, "R-031");
        given.when("E-101", updated(json!({ "name": "s1.other" }))).then_refused(Code::E_CONFLICT, "R-031");
        given.when("E-101", updated(json!({ "mobile": "+86 10 5550 0101" }))).then(["person.updated"]);
    }

    #[test]
    fn what_is_private_needs_the_consent_to_relationship_care() {
        let given = one_person();
        let private = json!({ "hobbies": "chess" });
        given.when("E-101", person("P-2").with("age", 40)).then_refused(Code::E_RULE, "R-046");
        given.when("E-101", updated(private.clone())).then_refused(Code::E_RULE, "R-046");
        given.when("E-101", assessed().with("concerns", "price")).then_refused(Code::E_RULE, "R-046");
        given.when("E-101", assessed()).then(["relationship.assessed"]);
        let asked = given.clone().and("E-101", consent("survey", "given"));
        asked.when("E-101", updated(private.clone())).then_refused(Code::E_RULE, "R-046");
        let agreed = given.and("E-101", consent("relationship_care", "given"));
        agreed.when("E-101", updated(private.clone())).then(["person.updated"]);
        agreed.when("E-101", assessed().with("concerns", "price")).then(["relationship.assessed"]);
        let withdrawn = agreed.clone().and("E-101", consent("relationship_care", "withdrawn"));
        let refused = agreed.and("E-101", consent("survey", "refused"));
        assert_eq!((withdrawn.world.person.taken_back, refused.world.person.taken_back), (1, 0));
        withdrawn.when("E-101", updated(private)).then_refused(Code::E_RULE, "R-046");
    }

    #[test]
    fn a_withdrawn_consent_cannot_be_withdrawn_again() {
        let given = one_person();
        given.when("E-101", consent("survey", "withdrawn")).then_refused(Code::E_STATE, "R-046");
        let given = given.and("E-101", consent("survey", "given")).and("E-101", consent("survey", "withdrawn"));
        given.when("E-101", consent("survey", "withdrawn")).then_refused(Code::E_STATE, "R-046");
        given.when("E-101", consent("survey", "refused")).then(["consent.recorded"]);
        given.when("E-101", consent("survey", "given")).then(["consent.recorded"]);
    }

    #[test]
    fn consent_to_disclosure_names_the_third_party() {
        let given = one_person();
        given.when("E-101", consent("third_party_disclosure", "given")).then_refused(Code::E_SCHEMA, "R-046");
        let named = consent("third_party_disclosure", "given").with("third_party", "Linhai Freight");
        given.when("E-101", named).then(["consent.recorded"]);
    }

    #[test]
    fn an_update_changes_something() {
        let given = one_person();
        given.when("E-101", updated(json!({}))).then_refused(Code::E_SCHEMA, "R-034");
        given.when("E-101", updated(json!({})).with("status", "left")).then(["person.updated"]);
        given.when("E-101", updated(json!({ "age": 15 }))).then_malformed(["/changes/age"]);
        given.when("E-101", updated(json!({ "nickname": "x" }))).then_malformed(["/changes/nickname"]);
    }

    #[test]
    fn only_people_there_are_can_be_spoken_of() {
        let given = one_person();
        given.when("E-101", updated(json!({ "mobile": "55501" })).about("person/P-9")).then_refused(Code::E_REF, "");
        given.when("E-101", assessed().about("customer/C-01")).then_refused(Code::E_SCHEMA, "");
        let given = given.and("E-103", customer("C-02", "Linhai Cables").with("region", "south").with("owner", "E-103"));
        given.when("E-101", contact("C-01", &["E-101"]).with("their_people", json!(["P-1"]))).then(["contact.recorded"]);
        let elsewhere = contact("C-02", &["E-103"]).with("their_people", json!(["P-1"]));
        given.when("E-103", elsewhere).then_refused(Code::E_RULE, "R-065");
    }
}
