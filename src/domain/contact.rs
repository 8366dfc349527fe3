//! Contacts with customers, and the promises made in them.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{Int, Kind, Referent, Shape, Str, Text, choices, events, objects, refusals};
use crate::domain::duty::{Charge, Due, Duty, Sink};
use crate::domain::person::PersonId;
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, customer, grade, policy};
use crate::ids::{self, CustomerId, EmployeeId, EntryId, StreamName, SubjectId};

choices! {
    /// Which way a contact went.
    Direction {
        Outbound "outbound" "我方主动" "Outbound",
        Inbound "inbound" "客户来访来电" "Inbound",
    }
    /// How we were in contact.
    Channel {
        Visit "visit" "拜访" "Visit",
        Phone "phone" "电话" "Telephone",
        Letter "letter" "信函" "Letter",
        Fax "fax" "传真" "Fax",
        Email "email" "电子邮件" "E-mail",
        Meeting "meeting" "会议" "Meeting",
        OwnerMeeting "owner_meeting" "业主会谈" "Owners' meeting",
        Negotiation "negotiation" "谈判" "Negotiation",
        Online "online" "线上" "Online",
        Event "event" "活动" "Event",
    }
    /// What for.
    Purpose {
        MarketStudy "market_study" "市场调研" "Market study",
        CompetitorStudy "competitor_study" "竞争调研" "Competitor study",
        CareBond "care_bond" "客情维护" "Care: bond",
        CareVolume "care_volume" "提升销量" "Care: volume",
        CareCollect "care_collect" "催收货款" "Care: collection",
        Develop "develop" "开发新客户" "Development",
        NewProject "new_project" "新项目推介" "New project",
        Influence "influence" "扩大影响" "Influence",
        FirstVisit "first_visit" "首次拜访" "First visit",
        Service "service" "服务" "Service",
        Complaint "complaint" "投诉处理" "Complaint",
        Revisit "revisit" "回访" "Revisit",
        Handover "handover" "交接" "Handover",
        Reception "reception" "接待" "Reception",
        Answer "answer" "答复" "Answer",
        Other "other" "其他" "Other",
    }
    /// Whether the aim was reached.
    Reached {
        Yes "yes" "达成" "Reached",
        Partly "partly" "部分达成" "Partly",
        No "no" "未达成" "Not reached",
    }
    /// How confidential the record is as a whole.
    Confidentiality {
        C1 "C1" "基本" "Basic",
        C2 "C2" "商务" "Commercial",
        C3 "C3" "信用" "Credit",
        C6 "C6" "策略" "Strategy",
    }
    /// What became of a promise.
    Outcome {
        Fulfilled "fulfilled" "已兑现" "Fulfilled",
        ReleasedByCustomer "released_by_customer" "客户免除" "Released by the customer",
        NotFulfilled "not_fulfilled" "未兑现" "Not fulfilled",
    }
}

/// A visit plan, which no module keeps yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

impl Shape for PlanId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Elsewhere("visit_plan"))
    }
}

objects! {
    /// The line of a visit plan a contact carried out.
    PlanLine {
        /// The plan.
        plan_id: PlanId, C1, "计划", "Plan";
        /// The line.
        line: Int<1, 999>, C1, "行", "Line";
    }
    /// Something promised to the customer.
    Promise {
        /// The promise.
        promise_id: SubjectId, C2, "承诺编号", "Promise id";
        /// What was promised.
        text: Str<1, 400>, C2, "内容", "Text";
        /// By when.
        due: Date, C2, "期限", "Due";
        /// By whom it is to be kept.
        responsible: EmployeeId, C2, "责任人", "Responsible";
    }
}

events! {
    /// A contact with a customer: a visit, a call, a letter, with a short report by who took part.
    Recorded "contact.recorded" "联系/访问记录" "Contact recorded" on "contact" Customer {
        /// The contact; issued when left out.
        contact_id: Option<SubjectId>, C1, "联系编号", "Contact id", computed;
        /// Which way it went.
        direction: Direction, C1, "方向", "Direction";
        /// How.
        channel: Channel, C1, "方式", "Channel";
        /// When.
        at: Timestamp, C1, "时间", "At", occurred;
        /// How long, in minutes.
        minutes: Option<Int<0, 1440>>, C1, "时长(分)", "Minutes";
        /// Where.
        place: Option<Str<1, 120>>, C1, "地点", "Place";
        /// Who of us took part.
        our_people: Vec<EmployeeId>, C1, "我方人员", "Our people";
        /// Who of theirs took part.
        their_people: Option<Vec<PersonId>>, C4, "对方人员", "Their people";
        /// What for.
        purpose: Purpose, C1, "目的", "Purpose";
        /// The plan's line it carried out.
        plan_line: Option<PlanLine>, C1, "对应计划", "Plan line";
        /// What happened.
        summary: Text, C2, "情况报告", "Report";
        /// Whether the aim was reached.
        goal_reached: Option<Reached>, C2, "是否达成", "Aim reached";
        /// Why not, and what will be done better.
        cause_and_improvement: Option<Text>, C2, "未达成原因与改进", "Cause and improvement";
        /// What the customer needs.
        needs_learned: Option<Text>, C2, "需求信息", "Needs learned";
        /// What was learned of competitors.
        competitor_info: Option<Text>, C6, "竞争信息", "On competitors";
        /// A first judgement of credit.
        credit_observation: Option<Text>, C3, "信用初判", "On credit";
        /// What was promised.
        promises: Option<Vec<Promise>>, C2, "承诺", "Promises";
        /// Whether it is a major matter.
        major: bool, C1, "重大事项", "Major";
        /// How confidential the record is as a whole.
        class: Confidentiality, C1, "密级", "Class";
        /// Whether the archive needs updating.
        archive_changes: Option<bool>, C1, "需更新档案", "Archive changes";
        /// Whether the customer awaits an answer.
        reply_needed: Option<bool>, C1, "需答复", "Reply needed";
        /// The contact this one answers.
        replies_to: Option<EntryId>, C1, "答复", "Replies to";
        /// To whom it was reported.
        reported_to: Option<EmployeeId>, C1, "已报告", "Reported to";
        /// What else belongs to it.
        related: Option<Vec<EntryId>>, C1, "关联事项", "Related";
    }
    /// A promise is kept, released or given up.
    CommitmentClosed "commitment.closed" "承诺办结" "Promise closed" on "contact" Customer {
        /// The promise.
        promise_id: SubjectId, C2, "承诺编号", "Promise id";
        /// What became of it.
        outcome: Outcome, C2, "结果", "Outcome";
        /// What to say about it.
        note: Option<Text>, C2, "说明", "Note";
    }
}

/// An open promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    /// By when.
    pub due: Date,
    /// By whom it is to be kept.
    pub responsible: EmployeeId,
}

/// The open promises.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By customer and promise.
    pub promises: OrdMap<(CustomerId, SubjectId), Open>,
}

refusals! {
    /// Contacts are recorded by who took part.
    NotTakingPart => E_RULE "R-065" at "/our_people", "our people must include you, unless you are the archivist", "我方人员须包括本人，档案保管人除外";
    /// Nobody of ours took part.
    NobodyOfOurs => E_SCHEMA "R-065" at "/our_people", "name at least one of our people", "至少填写一名我方人员";
    /// Somebody else's people.
    NotTheirs { person: String } => E_RULE "R-065" at "/their_people", "\"{person}\" is no person of this customer", "“{person}”不是该客户的人员";
    /// A visit missed its aim and nobody says why.
    CauseMissing => E_SCHEMA "R-074" at "/cause_and_improvement", "a visit that missed its aim needs cause and improvement", "未达成目的须填写原因与改进";
    /// A report to oneself is none.
    ReportedToOneself => E_RULE "R-074" at "/reported_to", "a visit is reported to somebody else: the head of the department, or a leader", "拜访结果须向部门主管或领导报告，不得填写本人";
    /// The promise id is in use.
    PromiseTaken { promise: String } => E_CONFLICT "R-075" at "/promises", "promise \"{promise}\" is open already", "承诺“{promise}”已存在";
    /// Promises are made by people who can keep them.
    ResponsibleInactive { employee: String } => E_RULE "R-075" at "/promises", "\"{employee}\" cannot take on promises now", "“{employee}”目前不能承担承诺";
    /// The promise is due before it was made.
    DueBefore => E_RULE "R-075" at "/promises", "a promise is not due before it is made", "承诺期限不得早于联系日期";
    /// No such open promise.
    NotOpen { promise: String } => E_STATE "R-075", "promise \"{promise}\" is not open", "承诺“{promise}”不存在或已办结";
    /// Somebody else's promise.
    NotResponsible => E_FORBIDDEN "R-075", "only who made the promise or owns the customer closes it", "仅承诺责任人或责任业务员可办结";
    /// A broken promise needs a word.
    NoteMissing => E_SCHEMA "R-075" at "/note", "a promise not fulfilled needs a note", "未兑现须填写说明";
}

/// Says which stream the event belongs to: the contacts of the customer named.
pub(super) fn about(world: &World, _: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let customer = domain::named_customer(world, named, "contact")?;
    Ok(About { subject: StreamName::of("contact", customer.as_str()), customer: Some(customer) })
}

impl Recorded {
    /// Returns who answers for what happened: whoever recorded it, or the first of those who took part where the archivist did it for them.
    fn answerable<'a>(&'a self, recorder: &'a Actor) -> Option<&'a EmployeeId> {
        recorder.employee().filter(|recorder| self.our_people.contains(recorder)).or(self.our_people.first())
    }

    /// Tells whether it was a visit of which it does not say to whom it was reported.
    pub(super) fn is_unreported_visit(&self) -> bool {
        self.channel == Channel::Visit && self.reported_to.is_none()
    }

    /// Tells whether people sat together, so that there may be minutes of it.
    pub fn is_meeting(&self) -> bool {
        match self.channel {
            Channel::Meeting | Channel::OwnerMeeting | Channel::Negotiation | Channel::Event => true,
            Channel::Visit | Channel::Phone | Channel::Letter | Channel::Fax | Channel::Email | Channel::Online => false,
        }
    }
}

/// Decides on a contact or on a promise as it stands.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    match event {
        Event::Recorded(recorded) => {
            check_contact(world, context, &recorded)?;
            let id = recorded.contact_id.clone().unwrap_or_else(|| ids::issued(context.id));
            let event = Event::Recorded(Recorded { contact_id: Some(id), ..recorded });
            Ok(vec![Admission::of(event, context)])
        }
        Event::CommitmentClosed(closed) => {
            check_closing(world, context, &closed)?;
            Ok(vec![Admission::of(Event::CommitmentClosed(closed), context)])
        }
    }
}

fn check_contact(world: &World, context: &Context<'_>, contact: &Recorded) -> Result<(), Refusal> {
    if contact.our_people.is_empty() {
        return Err(Refusal::NobodyOfOurs);
    }
    if let Actor::Employee { id, role, .. } = context.actor
        && *role != Role::Archivist
        && !contact.our_people.contains(id)
    {
        return Err(Refusal::NotTakingPart);
    }
    let missed = matches!(contact.goal_reached, Some(Reached::Partly | Reached::No));
    if contact.channel == Channel::Visit && missed && contact.cause_and_improvement.is_none() {
        return Err(Refusal::CauseMissing);
    }
    let visitor = contact.answerable(context.actor);
    if contact.channel == Channel::Visit && contact.reported_to.as_ref().is_some_and(|told| visitor == Some(told)) {
        return Err(Refusal::ReportedToOneself);
    }
    let Some(customer) = &context.about.customer else { return Ok(()) };
    let theirs = |person: &PersonId| world.person.people.get(&person.0).is_some_and(|known| known.customer == *customer);
    if let Some(stranger) = contact.their_people.iter().flatten().find(|person| !theirs(person)) {
        return Err(Refusal::NotTheirs { person: stranger.0.to_string() });
    }
    let day = world.date(contact.at);
    let mut seen: Vec<&SubjectId> = Vec::new();
    for promise in contact.promises.iter().flatten() {
        let key = (customer.clone(), promise.promise_id.clone());
        if world.contact.promises.contains_key(&key) || seen.contains(&&promise.promise_id) {
            return Err(Refusal::PromiseTaken { promise: promise.promise_id.to_string() });
        }
        seen.push(&promise.promise_id);
        if !world.employee.members.get(&promise.responsible).is_some_and(|member| member.works()) {
            return Err(Refusal::ResponsibleInactive { employee: promise.responsible.to_string() });
        }
        if promise.due < day {
            return Err(Refusal::DueBefore);
        }
    }
    Ok(())
}

fn check_closing(world: &World, context: &Context<'_>, closed: &CommitmentClosed) -> Result<(), Refusal> {
    let not_open = || Refusal::NotOpen { promise: closed.promise_id.to_string() };
    let customer = context.about.customer.as_ref().ok_or_else(not_open)?;
    let key = (customer.clone(), closed.promise_id.clone());
    let open = world.contact.promises.get(&key).ok_or_else(not_open)?;
    let owner = world.customer.customers.get(customer).map(|customer| &customer.owner);
    let actor = context.actor.employee();
    if actor != Some(&open.responsible) && actor != owner {
        return Err(Refusal::NotResponsible);
    }
    if closed.outcome == Outcome::NotFulfilled && closed.note.is_none() {
        return Err(Refusal::NoteMissing);
    }
    Ok(())
}

/// A promise is due on its day.
pub(super) const PROMISE: Duty =
    Duty { number: 13, rule: "R-075", zh: "兑现承诺", en: "Keep a promise", met_by: "commitment.closed" };

/// A customer's question is answered within a working day.
pub const ANSWER: Duty =
    Duty { number: 15, rule: "R-077", zh: "答复客户", en: "Answer the customer", met_by: "contact.recorded" };

/// How a visit went is reported to the head of the department on its day.
pub(super) const REPORT: Duty =
    Duty { number: 9, rule: "R-074", zh: "向主管报告拜访结果", en: "Report the visit to the head", met_by: "signoff.recorded" };

/// Minutes of a meeting called by the owner are filed by a day of the month.
pub(super) const MINUTES: Duty = Duty {
    number: 30,
    rule: "R-133",
    zh: "归档业主会谈纪要",
    en: "File the minutes of the owners' meeting",
    met_by: "document.filed",
};

/// Whoever owns a customer is in contact with it again before the days of its tier are over.
pub const REVISIT: Duty =
    Duty { number: 14, rule: "R-071", zh: "按客户等级回访", en: "Revisit the customer", met_by: "contact.recorded" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&REPORT, &PROMISE, &REVISIT, &ANSWER, &MINUTES];

/// Contacts open duties by what was promised, asked and learned in them, visits by not saying to whom they were reported, meetings of owners by
/// needing minutes; they close by being kept, answered, noted and filed. From each on it is counted when the next one is due.
pub(super) fn oblige(world: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    match event {
        Event::Recorded(recorded) => {
            // Another customer's question is not answered by it.
            let theirs = |answered: &&EntryId| {
                let mut asked = world.obligation.about(&ANSWER, answered.as_str());
                asked.all(|(_, open)| open.customer == fact.customer())
            };
            if let Some(answered) = recorded.replies_to.as_ref().filter(theirs) {
                sink.close(&ANSWER, answered.as_str());
            }
            let Some(customer) = fact.customer() else { return };
            let day = world.date(recorded.at);
            sink.close_until(&REVISIT, customer.as_str(), &day.to_string());
            if let Some(due) = next_contact(world, &customer, day, fact.at) {
                sink.open_since(day, &REVISIT, &customer, Charge::Owner(customer.clone()), Due::EndOf(due));
            }
            let update = recorded.archive_changes == Some(true);
            let question = recorded.direction == Direction::Inbound && recorded.reply_needed == Some(true);
            let unreported = recorded.is_unreported_visit();
            let owners_meet = recorded.channel == Channel::OwnerMeeting;
            for promise in recorded.promises.iter().flatten() {
                let charge = Charge::Person(promise.responsible.clone());
                sink.open(&PROMISE, kept(&customer, &promise.promise_id), &customer, charge, Due::EndOf(promise.due));
            }
            if update {
                let days = policy::parameter(world, fact.actor.unit(), fact.at, "p.archive.update_days");
                let due = Due::WorkingDays(u32::try_from(days).unwrap_or(0));
                sink.open(&customer::UPDATE, customer.as_str(), &customer, Charge::Owner(customer.clone()), due);
            }
            // The archivist passes on what was asked.
            if let Some(handler) = recorded.answerable(fact.actor).filter(|_| question) {
                sink.open(&ANSWER, fact.id.as_str(), &customer, Charge::Person(handler.clone()), Due::WorkingDays(1));
            }
            if let Some(visitor) = recorded.answerable(fact.actor).filter(|_| unreported) {
                let due = Due::EndOf(world.date(recorded.at));
                sink.open(&REPORT, fact.id.as_str(), &customer, Charge::Person(visitor.clone()), due);
            }
            if let Some(there) = recorded.answerable(fact.actor).filter(|_| owners_meet) {
                let day = policy::parameter(world, fact.actor.unit(), fact.at, "p.ka.day");
                let due = Due::EndOf(world.date(recorded.at).on_day_of_month(u32::try_from(day).unwrap_or(1)));
                let meeting = recorded.contact_id.as_ref().map_or(fact.id.as_str(), SubjectId::as_str);
                sink.open(&MINUTES, meeting, &customer, Charge::Person(there.clone()), due);
            }
        }
        Event::CommitmentClosed(closed) => {
            let Some(customer) = fact.customer() else { return };
            let object = kept(&customer, &closed.promise_id);
            match closed.outcome {
                Outcome::Fulfilled => sink.close(&PROMISE, object),
                Outcome::ReleasedByCustomer | Outcome::NotFulfilled => sink.release(&PROMISE, object),
            }
        }
    }
}

/// Returns the last day for the contact after one on `day`, unless the customer's archive has ended: so many days on as its tier asks for, or by
/// a day of the next month where the policy in force for its owner wants it visited every month (R-071, OB-14).
fn next_contact(world: &World, customer: &CustomerId, day: Date, at: Timestamp) -> Option<Date> {
    let owner = world.customer.customers.get(customer).filter(|known| !known.ended()).map(|known| &known.owner)?;
    let unit = world.employee.members.get(owner).map(|member| &member.unit);
    if policy::preset(world, unit, at, "revisit") == "revisit.monthly_25" {
        let by = policy::parameter(world, unit, at, "p.ka.day");
        return Some(day.plus_months(1).on_day_of_month(u32::try_from(by).unwrap_or(1)));
    }
    let [strategic, key, ordinary] = policy::days(world, unit, at, "p.revisit.days");
    Some(day.plus_days(match grade::tier(world, customer, at) {
        grade::Tier::Strategic => strategic,
        grade::Tier::Key => key,
        grade::Tier::Ordinary => ordinary,
    }))
}

/// What a promise is known by: promises of different customers may have one id.
pub fn kept(customer: &CustomerId, promise: &SubjectId) -> String {
    format!("{customer}/{promise}")
}

/// Takes over the promises made and lets go of those closed.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let Some(customer) = fact.customer() else { return };
    match event {
        Event::Recorded(recorded) => {
            for promise in recorded.promises.iter().flatten() {
                let open = Open { due: promise.due, responsible: promise.responsible.clone() };
                state.promises.insert((customer.clone(), promise.promise_id.clone()), open);
            }
        }
        Event::CommitmentClosed(closed) => {
            state.promises.remove(&(customer, closed.promise_id.clone()));
        }
    }
}

/// Lets go of a customer's promises.
pub(super) fn forget(state: &mut State, part: &Part, live: &[Live]) {
    let Part::Customer(id) = part else { return };
    for live in live {
        let domain::Event::Contact(Event::Recorded(recorded)) = &live.event else { continue };
        for promise in recorded.promises.iter().flatten() {
            state.promises.remove(&(id.clone(), promise.promise_id.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::domain::Code;
    use crate::domain::duty::Charge;
    use crate::domain::signoff::Form;
    use crate::domain::testing::{Given, Proposed, contact, customer, event, given, staff_status};

    fn one_customer() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works"))])
    }

    fn promise(id: &str, due: &str, responsible: &str) -> Value {
        json!({ "promise_id": id, "text": "send the drawings", "due": due, "responsible": responsible })
    }

    fn promising(promises: &[Value]) -> Proposed {
        contact("C-01", &["E-101"]).with("promises", promises.to_vec())
    }

    fn closed(id: &str, outcome: &str) -> Proposed {
        event("commitment.closed", json!({ "promise_id": id, "outcome": outcome })).about("contact/C-01")
    }

    #[test]
    fn a_contact_is_for_one_of_the_purposes_of_the_rules() {
        let given = one_customer();
        // Market and competitor study, care for three ends, new customers and projects, influence, and the first visit.
        for purpose in [
            "market_study", "competitor_study", "care_bond", "care_volume", "care_collect", "develop", "new_project",
            "influence", "first_visit",
        ] {
            given.when("E-101", contact("C-01", &["E-101"]).with("purpose", purpose)).then(["contact.recorded"]);
        }
        for none in ["", "chat", "市场调研"] {
            given.when("E-101", contact("C-01", &["E-101"]).with("purpose", none)).then_malformed(["/purpose"]);
        }
    }

    #[test]
    fn a_question_is_not_answered_by_a_contact_with_somebody_else() {
        let question = contact("C-01", &["E-101"]).with("direction", "inbound").with("reply_needed", true);
        let given = one_customer().and("E-101", customer("C-02", "Linhai Pumps")).and("E-101", question.id("question-1"));
        let open = |given: &Given| given.world.obligation.open.values().filter(|open| open.duty == 15).count();
        assert_eq!(open(&given), 1);
        let answer = |customer: &str| contact(customer, &["E-101"]).with("replies_to", "question-1");
        assert_eq!(open(&given.clone().and("E-101", answer("C-02"))), 1);
        assert_eq!(open(&given.and("E-101", answer("C-01"))), 0);
    }

    #[test]
    fn a_visit_is_reported_to_somebody_else_or_noted_by_the_head() {
        let given = one_customer();
        let open = |given: &Given| -> Vec<Charge> {
            given.world.obligation.open.values().filter(|open| open.duty == 9).flat_map(|open| open.charges.clone()).collect()
        };
        let visit = |told: &str| contact("C-01", &["E-101"]).with("reported_to", told).id("visit-0001");
        let silent = || visit("").without("reported_to");
        given.when("E-101", visit("E-101")).then_refused(Code::E_RULE, "R-074");
        given.when("E-501", visit("E-101")).then_refused(Code::E_RULE, "R-074");
        assert_eq!(open(&given.clone().and("E-101", visit("E-201"))), []);
        assert_eq!(open(&given.clone().and("E-101", silent().with("channel", "phone"))), []);
        // The archivist records it for whoever was there.
        let unreported = given.and("E-501", silent());
        assert_eq!(open(&unreported), [Charge::Person("E-101".parse().unwrap())]);
        let noted = |purpose: &str, decision: &str| {
            let data = json!({ "subject_event": "visit-0001", "purpose": purpose, "step": 1, "decision": decision });
            event("signoff.recorded", data).about("contact/C-01")
        };
        unreported.when("E-201/department_head", noted("approve", "approved")).then_refused(Code::E_RULE, "R-021");
        unreported.when("E-302", noted("noted", "noted")).then_refused(Code::E_FORBIDDEN, "R-021");
        let known = unreported.and("E-201/department_head", noted("noted", "noted"));
        assert_eq!(open(&known), []);
        assert!(known.world.signoff.open.values().all(|round| round.form != Form::VisitReport));
    }

    #[test]
    fn minutes_are_owed_by_the_day_of_the_month_that_comes() {
        let met = |at: &str| {
            let met = contact("C-01", &["E-101"]).with("channel", "owner_meeting").with("at", at);
            let given = one_customer().and("E-101", met.late("was ill"));
            let open = given.world.obligation.open.values().find(|open| open.duty == 30).unwrap().due().unwrap();
            given.world.ledger.zone.wall(open).get(..10).unwrap().to_owned()
        };
        assert_eq!([met("2026-02-25T09:00:00+08:00"), met("2026-02-26T09:00:00+08:00")], ["2026-02-26", "2026-03-26"]);
    }

    #[test]
    fn a_contact_is_recorded_by_who_took_part_or_by_the_archivist() {
        let given = one_customer();
        given.when("E-101", contact("C-01", &["E-102", "E-101"])).then(["contact.recorded"]);
        given.when("E-101", contact("C-01", &["E-102"])).then_refused(Code::E_RULE, "R-065");
        given.when("E-501", contact("C-01", &["E-102"])).then(["contact.recorded"]);
        given.when("E-501", contact("C-01", &[])).then_refused(Code::E_SCHEMA, "R-065");
    }

    #[test]
    fn a_contact_names_a_customer_there_is_as_its_subject() {
        let given = one_customer();
        given.when("E-101", contact("C-09", &["E-101"])).then_refused(Code::E_REF, "");
        for subject in ["customer/C-01", "contact", "contact/C-01/x"] {
            let when = given.when("E-101", contact("C-01", &["E-101"]).about(subject));
            when.then_refused(Code::E_SCHEMA, "");
        }
    }

    #[test]
    fn a_visit_that_missed_its_aim_says_why() {
        let given = one_customer();
        let visit = |reached: &str| contact("C-01", &["E-101"]).with("goal_reached", reached);
        given.when("E-101", visit("yes")).then(["contact.recorded"]);
        for reached in ["partly", "no"] {
            given.when("E-101", visit(reached)).then_refused(Code::E_SCHEMA, "R-074");
            given.when("E-101", visit(reached).with("cause_and_improvement", " ")).then_malformed(["/cause_and_improvement"]);
            given.when("E-101", visit(reached).with("cause_and_improvement", "call ahead")).then(["contact.recorded"]);
            given.when("E-101", visit(reached).with("channel", "phone")).then(["contact.recorded"]);
        }
    }

    #[test]
    fn a_promise_is_due_on_the_day_it_is_made_or_later() {
        let given = one_customer();
        given.when("E-101", promising(&[promise("PR-1", "2026-03-02", "E-101")])).then(["contact.recorded"]);
        given.when("E-101", promising(&[promise("PR-1", "2026-03-01", "E-101")])).then_refused(Code::E_RULE, "R-075");
    }

    #[test]
    fn a_promise_is_made_once_and_by_somebody_at_work() {
        let given = one_customer();
        let twice = [promise("PR-1", "2026-03-09", "E-101"), promise("PR-1", "2026-03-09", "E-101")];
        given.when("E-101", promising(&twice)).then_refused(Code::E_CONFLICT, "R-075");
        let given = given.and("E-101", promising(&twice[..1])).and("E-001", staff_status("E-102", "suspended"));
        given.when("E-101", promising(&twice[..1])).then_refused(Code::E_CONFLICT, "R-075");
        let away = promise("PR-2", "2026-03-09", "E-102");
        given.when("E-101", promising(&[away])).then_refused(Code::E_RULE, "R-075");
    }

    #[test]
    fn a_promise_is_closed_once_by_who_made_it_or_owns_the_customer() {
        let given = one_customer().and("E-101", promising(&[promise("PR-1", "2026-03-09", "E-102")]));
        given.when("E-103", closed("PR-1", "fulfilled")).then_refused(Code::E_FORBIDDEN, "R-075");
        given.when("E-101", closed("PR-1", "fulfilled")).then(["commitment.closed"]);
        let given = given.and("E-102", closed("PR-1", "released_by_customer"));
        given.when("E-102", closed("PR-1", "fulfilled")).then_refused(Code::E_STATE, "R-075");
        given.when("E-102", closed("PR-2", "fulfilled")).then_refused(Code::E_STATE, "R-075");
    }

    #[test]
    fn a_broken_promise_needs_a_word() {
        let given = one_customer().and("E-101", promising(&[promise("PR-1", "2026-03-09", "E-101")]));
        given.when("E-101", closed("PR-1", "not_fulfilled")).then_refused(Code::E_SCHEMA, "R-075");
        given.when("E-101", closed("PR-1", "not_fulfilled").with("note", "out of stock")).then(["commitment.closed"]);
    }

    #[test]
    fn a_contact_without_an_id_is_issued_one() {
        let data = one_customer().when("E-101", contact("C-01", &["E-101"]).id("contact-01")).data();
        assert_eq!(data["contact_id"], "contact-01");
    }

    #[test]
    fn a_call_has_at_most_a_days_minutes() {
        let given = one_customer();
        given.when("E-101", contact("C-01", &["E-101"]).with("minutes", 1440)).then(["contact.recorded"]);
        given.when("E-101", contact("C-01", &["E-101"]).with("minutes", 1441)).then_malformed(["/minutes"]);
    }
}
