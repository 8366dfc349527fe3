//! Archive files lent to supervisors and above, renewed once, and given back.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{Referent, Str, Text, choices, events, refusals};
use crate::domain::duty::{Charge, Due, Duty, Sink};
use crate::domain::employee::Status;
use crate::domain::history::{Live, Part};
use crate::domain::role::Role;
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common, conduct, policy};
use crate::entry::Hash;
use crate::ids::{self, CustomerId, EmployeeId, EntryId, StreamName, SubjectId};

choices! {
    /// How a loan ends.
    How {
        Returned "returned" "归还" "Returned",
        Recalled "recalled" "召回" "Recalled",
        Expired "expired" "到期" "Expired",
        Lost "lost" "遗失" "Lost",
    }
}

events! {
    /// An archive file is lent, or a loan renewed.
    Borrowed "archive.borrowed" "档案借阅" "Archive lent" {
        /// The loan; issued when left out.
        loan_id: Option<SubjectId>, C8, "借阅编号", "Loan", computed;
        /// Whose archive.
        customer_id: CustomerId, C8, "客户", "Customer";
        /// To whom.
        borrower: EmployeeId, C8, "借阅人", "Borrower";
        /// Which of its sections; other words stand for the whole file.
        sections: Vec<Str<1, 40>>, C8, "借阅内容", "Sections";
        /// What for.
        purpose: Text, C8, "用途", "Purpose";
        /// The last day.
        until: Date, C8, "归还期限", "Until";
        /// That the borrower will not read it in public places.
        declaration: bool, C8, "保密声明（不在公共场所阅读）", "Declared: not to be read in public";
        /// The loan it renews.
        renews: Option<SubjectId>, C8, "续借自", "Renews";
        /// The hash of the last entry of the archive as it was lent.
        content_hash: Option<Hash>, C8, "借出内容哈希", "Content hash", computed;
    }
    /// A loan ends.
    Returned "archive.returned" "档案归还" "Archive returned" on "loan" Loan {
        /// How.
        how: How, C8, "方式", "How";
        /// In which state it came back.
        condition: Option<Text>, C8, "状况", "Condition";
    }
}

/// A file that has not come back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Loan {
    /// Whose archive.
    pub customer: CustomerId,
    /// Who has it.
    pub borrower: EmployeeId,
    /// The entry that lent it.
    pub entry: EntryId,
    /// Which of its sections.
    pub sections: Vec<String>,
    /// The last day.
    pub until: Date,
    /// How often it was renewed.
    pub renewals: i64,
    /// The clock has entered that its time is over.
    pub expired: bool,
}

/// What somebody has borrowed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Borrower {
    /// The loans.
    pub loans: OrdSet<SubjectId>,
    /// The index of the entry that last changed one of them, so that decisions taken before can tell.
    pub changed: u64,
}

/// The files that have not come back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By loan.
    pub out: OrdMap<SubjectId, Loan>,
    /// By borrower.
    pub borrowers: OrdMap<EmployeeId, Borrower>,
}

refusals! {
    /// There is no such loan, or the file is back.
    NotOut { loan: String } => E_STATE "SM-10", "loan \"{loan}\" does not exist or has ended", "借阅“{loan}”不存在或已结束";
    /// Something must be lent.
    Nothing => E_SCHEMA "R-053" at "/sections", "name what is lent", "须填写借阅内容";
    /// The borrower has not declared to keep it from public places.
    NotDeclared => E_RULE "R-054" at "/declaration",
        "the borrower must declare not to read it in public places or in transit", "借阅人须声明不在公共场所及途中阅读";
    /// Its time would be over.
    Over => E_RULE "R-053" at "/until", "the last day is past", "归还期限已过";
    /// Longer than the policy allows.
    TooLong { days: i64 } => E_RULE "R-053" at "/until", "a file is lent for at most {days} days", "档案最长借阅{days}天";
    /// The borrower keeps a file too long.
    Overdue { loan: String } => E_RULE "R-053" at "/borrower",
        "the borrower has not returned loan \"{loan}\", which is overdue", "借阅人的借阅“{loan}”已逾期未还";
    /// Renewed often enough.
    RenewedEnough { times: i64 } => E_RULE "R-053" at "/renews", "a loan is renewed at most {times} time(s)", "最多续借{times}次";
    /// A renewal is of the same file for the same borrower.
    OtherLoan => E_RULE "R-053" at "/renews", "the loan renewed is none of this customer and borrower", "续借的不是该借阅人对该客户档案的借阅";
    /// Nobody lends to themselves.
    OwnLoan => E_SOD "R-025" at "/borrower", "nobody lends a file to themselves or takes their own back", "不得借给本人，也不得自行办理归还";
}

/// A file is back by the last day of its loan.
pub(super) const RETURN: Duty =
    Duty { number: 52, rule: "R-053", zh: "归还借阅档案", en: "Return the file", met_by: "archive.returned" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&RETURN];

/// A loan is to be returned, and a loss recorded; that its time is over is no return.
pub(super) fn oblige(_: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    match event {
        Event::Borrowed(borrowed) => {
            if let Some(renewed) = &borrowed.renews {
                sink.release(&RETURN, renewed.as_str());
            }
            let charge = Charge::Person(borrowed.borrower.clone());
            let loan = fact.subject.id().unwrap_or_default();
            sink.open(&RETURN, loan, &borrowed.customer_id, charge, Due::EndOf(borrowed.until));
        }
        Event::Returned(returned) => {
            let loan = fact.subject.id().unwrap_or_default();
            match returned.how {
                How::Returned => sink.close(&RETURN, loan),
                How::Recalled | How::Lost => sink.release(&RETURN, loan),
                How::Expired => {}
            }
            if let Some(customer) = fact.customer().filter(|_| returned.how == How::Lost) {
                let charge = Charge::Holders(Role::Compliance);
                sink.open(&conduct::LOSS, fact.id.as_str(), &customer, charge, Due::WorkingDays(1));
            }
        }
    }
}

impl Loan {
    /// Tells whether it may be read by: the last day is not over, and nobody has ended it.
    pub fn lives(&self, world: &World, at: Timestamp) -> bool {
        !self.expired && world.date(at) <= self.until
    }

    /// Returns when its last day is over.
    pub fn ends(&self, world: &World) -> Timestamp {
        world.ledger.zone.start_of(self.until.next())
    }
}

/// Returns the files of a borrower that are overdue.
pub fn overdue<'a>(world: &'a World, borrower: &EmployeeId, day: Date) -> impl Iterator<Item = &'a SubjectId> {
    let loans = world.loan.borrowers.get(borrower).into_iter().flat_map(|borrower| &borrower.loans);
    loans.filter(move |id| world.loan.out.get(*id).is_some_and(|loan| loan.until < day))
}

/// Returns what time and notices bring: loans of leavers are recalled, others expire.
pub fn due(world: &World, at: Timestamp) -> Vec<(EntryId, Event, About)> {
    let today = world.date(at);
    let leaves = |employee: &EmployeeId| {
        let member = world.employee.members.get(employee);
        member.is_some_and(|member| matches!(member.status, Status::OnNotice | Status::Left))
    };
    let ends = world.loan.out.iter().filter_map(|(id, loan)| {
        let how = match (leaves(&loan.borrower), loan.until < today && !loan.expired) {
            (true, _) => How::Recalled,
            (false, true) => How::Expired,
            (false, false) => return None,
        };
        let about = About { subject: stream(id), customer: Some(loan.customer.clone()) };
        Some((end_id(&loan.entry, how), Event::Returned(Returned { how, condition: None }), about))
    });
    ends.collect()
}

/// Returns the id under which the system will end a loan, from the entry that lent it.
pub fn end_id(lending: &EntryId, how: How) -> EntryId {
    ids::derived(lending, how.as_str())
}

/// Returns the stream of a loan.
pub fn stream(loan: &SubjectId) -> StreamName {
    StreamName::of("loan", loan.as_str())
}

/// Finds the loan a stream is about, if the file is out.
pub fn of<'a>(world: &'a World, subject: &StreamName) -> Option<(SubjectId, &'a Loan)> {
    let id: SubjectId = subject.id().filter(|_| subject.kind() == "loan")?.parse().ok()?;
    let loan = world.loan.out.get(&id)?;
    Some((id, loan))
}

/// Says which stream the event belongs to: the loan's, and the customer's.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    match event {
        Event::Borrowed(borrowed) => {
            // An id that is issued is known only where it is admitted.
            let subject = StreamName::of("loan", borrowed.loan_id.as_ref().map_or("issued", SubjectId::as_str));
            Ok(About { subject, customer: Some(borrowed.customer_id.clone()) })
        }
        Event::Returned(_) => {
            let missing = || domain::no_subject("loan", Referent::Loan);
            let named = named.filter(|named| named.kind() == "loan" && named.id().is_some()).ok_or_else(missing)?;
            let not_out = || Refusal::NotOut { loan: named.id().unwrap_or_default().to_owned() };
            let (_, loan) = of(world, named).ok_or_else(not_out)?;
            Ok(About { subject: named.clone(), customer: Some(loan.customer.clone()) })
        }
    }
}

/// Decides on a loan, a renewal or a return (SM-10).
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    match event {
        Event::Borrowed(borrowed) => admit_loan(world, context, borrowed),
        Event::Returned(ref returned) => {
            let subject = &context.about.subject;
            let not_out = || Refusal::NotOut { loan: subject.id().unwrap_or_default().to_owned() };
            let (_, loan) = of(world, subject).ok_or_else(not_out)?;
            if *context.actor != Actor::System && returned.how == How::Expired {
                return Err(common::Refusal::SystemOnly.into());
            }
            if context.actor.employee() == Some(&loan.borrower) {
                return Err(Refusal::OwnLoan.into());
            }
            Ok(vec![Admission::of(event, context)])
        }
    }
}

fn admit_loan(world: &World, context: &Context<'_>, borrowed: Borrowed) -> Result<Vec<Admission>, domain::Refusal> {
    let Borrowed { borrower, customer_id, until, .. } = &borrowed;
    if context.actor.employee() == Some(borrower) {
        return Err(Refusal::OwnLoan.into());
    }
    if borrowed.sections.is_empty() {
        return Err(Refusal::Nothing.into());
    }
    if !borrowed.declaration {
        return Err(Refusal::NotDeclared.into());
    }
    let today = world.date(context.at);
    if *until < today {
        return Err(Refusal::Over.into());
    }
    let unit = context.actor.unit();
    let days = policy::parameter(world, unit, context.at, "p.loan.max_days");
    if (0..days).try_fold(today, |day, _| if day == *until { None } else { Some(day.next()) }).is_some_and(|last| last < *until) {
        return Err(Refusal::TooLong { days }.into());
    }
    if let Some(loan) = overdue(world, borrower, today).next() {
        return Err(Refusal::Overdue { loan: loan.to_string() }.into());
    }
    if let Some(renewed) = &borrowed.renews {
        let same = |loan: &&Loan| loan.borrower == *borrower && loan.customer == *customer_id;
        let loan = world.loan.out.get(renewed).filter(same).ok_or(Refusal::OtherLoan)?;
        let times = policy::parameter(world, unit, context.at, "p.loan.renewals");
        if loan.renewals >= times {
            return Err(Refusal::RenewedEnough { times }.into());
        }
    }
    let id = borrowed.loan_id.clone().unwrap_or_else(|| ids::issued(context.id));
    let hash = context.fetched.archive.map(|(_, hash)| hash);
    let content_hash = domain::computed("content_hash", borrowed.content_hash, hash)?;
    let about = About { subject: stream(&id), customer: Some(customer_id.clone()) };
    let event = Event::Borrowed(Borrowed { loan_id: Some(id), content_hash, ..borrowed });
    Ok(vec![Admission { about, ..Admission::of(event, context) }])
}

impl State {
    /// Lets go of a loan and returns it.
    fn end(&mut self, id: &SubjectId, index: u64) -> Option<Loan> {
        let loan = self.out.remove(id)?;
        if let Some(borrower) = self.borrowers.get_mut(&loan.borrower) {
            borrower.loans.remove(id);
            borrower.changed = index;
            if borrower.loans.is_empty() {
                self.borrowers.remove(&loan.borrower);
            }
        }
        Some(loan)
    }
}

/// Takes over who has which file.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let id: Option<SubjectId> = fact.subject.id().and_then(|id| id.parse().ok());
    let Some(id) = id else { return };
    match event {
        Event::Borrowed(borrowed) => {
            let renewed = borrowed.renews.as_ref().and_then(|renewed| state.end(renewed, fact.index));
            let borrower = state.borrowers.entry(borrowed.borrower.clone()).or_default();
            borrower.loans.insert(id.clone());
            borrower.changed = fact.index;
            state.out.insert(id, Loan {
                customer: borrowed.customer_id.clone(),
                borrower: borrowed.borrower.clone(),
                entry: fact.id.clone(),
                sections: borrowed.sections.iter().map(|section| section.0.clone()).collect(),
                until: borrowed.until,
                renewals: renewed.map_or(0, |renewed| renewed.renewals + 1),
                expired: false,
            });
        }
        // Its time over, the file may no longer be read; it is out until somebody takes it back.
        Event::Returned(Returned { how: How::Expired, .. }) => {
            let Some(loan) = state.out.get_mut(&id) else { return };
            loan.expired = true;
            if let Some(borrower) = state.borrowers.get_mut(&loan.borrower) {
                borrower.changed = fact.index;
            }
        }
        Event::Returned(Returned { how: How::Returned | How::Recalled | How::Lost, .. }) => {
            state.end(&id, fact.index);
        }
    }
}

/// Lets go of nothing: nothing of it can be corrected.
pub(super) fn forget(_: &mut State, _: &Part, _: &[Live]) {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, customer, event, given, staff_status};

    fn lent(until: &str) -> Proposed {
        event(
            "archive.borrowed",
            json!({
                "loan_id": "L-1", "customer_id": "C-01", "borrower": "E-302", "sections": ["basic"], "purpose": "a bid",
                "until": until, "declaration": true,
            }),
        )
    }

    fn one() -> Given {
        given([("E-101", customer("C-01", "Heyuan"))])
    }

    #[test]
    fn a_file_is_lent_for_as_many_days_as_the_policy_says() {
        for (until, rule) in [("2026-03-01", Some("R-053")), ("2026-03-02", None), ("2026-03-09", None), ("2026-03-10", Some("R-053"))] {
            let when = one().when("E-501", lent(until));
            match rule {
                Some(rule) => drop(when.then_refused(Code::E_RULE, rule)),
                None => drop(when.then(["archive.borrowed"])),
            }
        }
        let refused = one().when("E-501", lent("2026-03-05").with("declaration", false));
        refused.then_refused(Code::E_RULE, "R-054");
        one().when("E-501", lent("2026-03-05").with("borrower", "E-501")).then_refused(Code::E_SOD, "R-025");
        one().when("E-501", lent("2026-03-05").with("sections", json!([]))).then_refused(Code::E_SCHEMA, "R-053");
    }

    #[test]
    fn a_loan_lives_to_the_end_of_its_last_day_and_what_follows_is_due_once() {
        let given = one().and("E-501", lent("2026-03-04"));
        let lives = |at: &str| {
            let at = at.parse().unwrap();
            (given.world.loan.out.values().all(|loan| loan.lives(&given.world, at)), due(&given.world, at).len())
        };
        assert_eq!(lives("2026-03-04T23:59:59.999999+08:00"), (true, 0));
        assert_eq!(lives("2026-03-05T00:00:00+08:00"), (false, 1));
        let over = given.clone().at("2026-03-05T00:00:00+08:00");
        let expired = event("archive.returned", json!({ "how": "expired" })).about("loan/L-1");
        over.when("E-501", expired.clone()).then_refused(Code::E_FORBIDDEN, "R-023");
        let over = over.and("system", expired);
        assert_eq!((due(&over.world, over.at).len(), over.world.loan.out.len()), (0, 1));
        over.when("E-501", lent("2026-03-06").with("loan_id", "L-2")).then_refused(Code::E_RULE, "R-053");
        let back = over.and("E-501", event("archive.returned", json!({ "how": "returned" })).about("loan/L-1"));
        assert!(back.world.loan.out.is_empty() && back.world.loan.borrowers.is_empty());
    }

    #[test]
    fn the_loans_of_who_gives_notice_are_due_to_be_recalled() {
        let given = one().and("E-501", lent("2026-03-05")).and("E-001", staff_status("E-302", "on_notice"));
        let ends = due(&given.world, given.at);
        assert!(matches!(&ends[..], [(_, Event::Returned(Returned { how: How::Recalled, .. }), _)]));
    }
}
