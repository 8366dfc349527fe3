//! Access beyond one's own: asked for, decided class by class, revoked, and over when its time is.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{Referent, Text, choices, events, objects, refusals};
use crate::domain::class::Class;
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common, policy};
use crate::ids::{self, CustomerId, EmployeeId, EntryId, StreamName, SubjectId, UnitId};

choices! {
    /// A class that access is asked for.
    Opened {
        C1 "C1" "C1 基本资料" "C1 basic data",
        C2 "C2" "C2 商务资料" "C2 commercial data",
        C3 "C3" "C3 信用资料" "C3 credit",
        C4 "C4" "C4 个人身份" "C4 person identity",
        C5 "C5" "C5 个人隐私" "C5 person private",
        C6 "C6" "C6 策略资料" "C6 strategy",
        C8 "C8" "C8 安全记录" "C8 access log",
    }
    /// A way to read that access is asked for.
    Way {
        View "view" "查看" "View",
        Print "print" "打印" "Print",
        Export "export" "导出" "Export",
    }
    /// What a decider says.
    Verdict {
        Granted "granted" "批准" "Granted",
        Refused "refused" "拒绝" "Refused",
    }
    /// Whose decision a class needs.
    Seat {
        DepartmentHead "department_head" "部门负责人" "Head of the owner's department",
        AccountingHead "accounting_head" "核算部负责人" "Accounting head",
        Compliance "compliance" "合规员" "Compliance officer",
    }
}

impl Opened {
    /// Returns the class.
    pub fn class(self) -> Class {
        match self {
            Self::C1 => Class::C1,
            Self::C2 => Class::C2,
            Self::C3 => Class::C3,
            Self::C4 => Class::C4,
            Self::C5 => Class::C5,
            Self::C6 => Class::C6,
            Self::C8 => Class::C8,
        }
    }

    /// Returns whose decisions the class needs, all of them.
    pub fn seats(self) -> &'static [Seat] {
        match self {
            Self::C1 | Self::C2 | Self::C4 | Self::C6 => &[Seat::DepartmentHead],
            Self::C3 => &[Seat::AccountingHead],
            Self::C5 => &[Seat::DepartmentHead, Seat::Compliance],
            Self::C8 => &[Seat::Compliance],
        }
    }
}

impl Seat {
    fn role(self) -> Role {
        match self {
            Self::DepartmentHead => Role::DepartmentHead,
            Self::AccountingHead => Role::Accounting,
            Self::Compliance => Role::Compliance,
        }
    }
}

objects! {
    /// A decision's place: which of the decisions a class needs it is.
    Place {
        /// The class.
        class: Opened, C8, "密级", "Class";
        /// Whose decision it counts as.
        seat: Seat, C8, "席位", "Seat";
    }
}

events! {
    /// Somebody asks to read beyond what they may.
    Requested "access.requested" "查阅申请" "Access requested" {
        /// The request, and the grant it may become; issued when left out.
        grant_id: Option<SubjectId>, C8, "授权编号", "Grant", computed;
        /// Of which customers.
        customers: Vec<CustomerId>, C8, "申请客户", "Customers";
        /// Which classes.
        classes: Vec<Opened>, C8, "申请密级", "Classes";
        /// In which ways.
        modes: Vec<Way>, C8, "方式", "Ways";
        /// From when.
        from: Timestamp, C8, "起", "From";
        /// Until when.
        until: Timestamp, C8, "止", "Until";
        /// What for.
        purpose: Text, C8, "用途", "Purpose";
    }
    /// Somebody decides classes of a request; a class is open when all who decide it have granted it.
    Decided "access.decided" "查阅审批" "Access decided" on "grant" Grant {
        /// Which of the classes asked for.
        classes: Vec<Opened>, C8, "审批密级", "Classes";
        /// The decision.
        decision: Verdict, C8, "决定", "Decision";
        /// In which of the ways asked for; all of them when left out.
        modes: Option<Vec<Way>>, C8, "限定方式", "Ways, if fewer";
        /// Until when, if sooner than asked for.
        until: Option<Timestamp>, C8, "缩短至", "Until, if sooner";
        /// On which conditions.
        conditions: Option<Text>, C8, "附加条件", "Conditions";
        /// Why.
        reason: Text, C8, "理由", "Reason";
        /// Which of the decisions needed it is, class by class.
        places: Option<Vec<Place>>, C8, "审批席位", "Places", computed;
    }
    /// A grant ends before its time.
    Revoked "access.revoked" "授权撤销" "Access revoked" on "grant" Grant {
        /// Why.
        reason: Text, C8, "理由", "Reason";
    }
}

/// A request with what was decided of it: while it lives, a grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Who asked and may read.
    pub holder: EmployeeId,
    /// The entry that asked.
    pub entry: EntryId,
    /// Of which customers.
    pub customers: Vec<CustomerId>,
    /// Which classes were asked for.
    pub classes: Vec<Opened>,
    /// In which ways.
    pub ways: Vec<Way>,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// What was decided, class by class.
    pub steps: Vec<Step>,
}

/// What somebody decided of one class.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The class.
    pub class: Opened,
    /// Whose decision it counts as.
    pub seat: Seat,
    /// Who decided.
    pub decider: EmployeeId,
    /// From which unit.
    pub unit: UnitId,
    /// Whether it was granted.
    pub granted: bool,
    /// In which ways.
    pub ways: Vec<Way>,
    /// Until when, exclusive.
    pub until: Timestamp,
}

/// What somebody has asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Holder {
    /// Their requests and grants.
    pub grants: OrdSet<SubjectId>,
    /// The index of the entry that last changed one of them, so that decisions taken before can tell.
    pub changed: u64,
}

/// The requests and grants whose time is not over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By their ids.
    pub open: OrdMap<SubjectId, Grant>,
    /// By whoever asked.
    pub holders: OrdMap<EmployeeId, Holder>,
}

refusals! {
    /// There is no such request, or it has ended.
    NotOpen { grant: String } => E_STATE "SM-10", "request \"{grant}\" does not exist or has ended", "查阅申请“{grant}”不存在或已结束";
    /// Something must be asked for.
    Nothing { field: &'static str } => E_SCHEMA "R-055" at "/{field}", "name at least one", "至少填写一项";
    /// What is asked for would open nothing to whoever asks.
    OpensNothing { class: Opened, way: Way } => E_RULE "R-055" at "/classes",
        "no role of yours could use \"{class}\" in the way \"{way}\", granted or not: leave one of them out",
        "您的任何角色即使获准也不能以“{way:#}”方式使用“{class:#}”，请去掉其一";
    /// The period ends before it begins, or is over.
    Over => E_RULE "R-055" at "/until", "the period must end after it begins and after now", "截止时间须晚于起始时间和当前时间";
    /// The period is longer than the policy allows.
    TooLong { days: i64 } => E_RULE "R-055" at "/until", "access is given for at most {days} days", "查阅授权最长{days}天";
    /// A purpose of a few letters is none.
    PurposeTooShort => E_SCHEMA "R-055" at "/purpose", "the purpose needs at least 5 characters", "用途至少5个字符";
    /// Only what was asked for is decided.
    NotRequested { class: Opened } => E_RULE "R-055" at "/classes", "class \"{class}\" was not requested", "未申请“{class:#}”";
    /// A decision may narrow the ways, not widen them.
    WayNotRequested { way: Way } => E_RULE "R-055" at "/modes", "\"{way}\" was not requested", "未申请“{way:#}”方式";
    /// A decision may shorten the period, not lengthen it.
    Lengthened => E_RULE "R-055" at "/until", "a decision shortens the period requested or leaves it", "审批只能缩短申请的期限";
    /// The decision is taken.
    DecidedAlready { class: Opened } => E_STATE "SM-10" at "/classes", "class \"{class}\" is decided already", "“{class:#}”已审批";
    /// Nobody decides on their own request, nor fills two places of one class.
    OwnRequest => E_SOD "R-025",
        "nobody decides on their own request, nor takes two of the decisions a class needs", "不得审批本人的申请，也不得对同一密级作出两项审批";
    /// The class is somebody else's to decide.
    NotYours { class: Opened } => E_FORBIDDEN "R-055" at "/classes", "class \"{class}\" is not yours to decide", "“{class:#}”不由您审批";
    /// Everybody who could decide is disqualified.
    NobodyLeft { class: Opened } => E_SOD "R-025" at "/classes",
        "nobody is left who may decide class \"{class}\"", "没有可以审批“{class:#}”的人员";
}

impl Grant {
    /// Tells whether the grant opens a class of a customer in this way at that moment.
    ///
    /// Every decision the class needs must have been given by somebody whose unit still answers for the customer.
    pub fn opens(&self, world: &World, class: Opened, customer: &CustomerId, way: Way, at: Timestamp) -> bool {
        self.lives(at)
            && self.customers.contains(customer)
            && self.classes.contains(&class)
            && class.seats().iter().all(|seat| {
                let step = self.steps_of(class, *seat).find(|step| step.covers(world, customer));
                step.is_some_and(|step| step.granted && step.ways.contains(&way) && at < step.until)
            })
    }

    /// Tells whether its period has begun and is not over.
    pub fn lives(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Returns when the next of its decisions ends, or the grant itself.
    pub fn ends(&self, at: Timestamp) -> Timestamp {
        let decided = self.steps.iter().map(|step| step.until).filter(|until| *until > at).min();
        decided.map_or(self.until, |until| until.min(self.until))
    }

    /// Returns the seats of a class that nobody has filled for all of the customers.
    pub fn vacant(&self, world: &World, class: Opened) -> impl Iterator<Item = Seat> {
        let unfilled = move |seat: &Seat| !self.uncovered(world, class, *seat).is_empty();
        class.seats().iter().copied().filter(unfilled)
    }

    fn steps_of(&self, class: Opened, seat: Seat) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.class == class && step.seat == seat)
    }

    /// The customers for whom a class is not decided in this seat.
    fn uncovered(&self, world: &World, class: Opened, seat: Seat) -> Vec<&CustomerId> {
        let decided = |customer: &&CustomerId| self.steps_of(class, seat).any(|step| step.covers(world, customer));
        self.customers.iter().filter(|customer| !decided(customer)).collect()
    }

    /// Tells whether somebody may take part in deciding a class: not on their own request, and once.
    fn qualified(&self, world: &World, class: Opened, employee: &EmployeeId) -> bool {
        *employee != self.holder
            && !self.steps.iter().any(|step| step.class == class && step.decider == *employee)
            && world.employee.members.get(employee).is_some_and(domain::employee::Member::works)
    }
}

impl Step {
    /// Tells whether the decision is about this customer: a department decides for its own.
    fn covers(&self, world: &World, customer: &CustomerId) -> bool {
        self.seat != Seat::DepartmentHead || reaches(world, &self.unit, customer)
    }
}

fn reaches(world: &World, unit: &UnitId, customer: &CustomerId) -> bool {
    let customer = world.customer.customers.get(customer);
    customer.is_some_and(|customer| world.organization.reaches(unit, &customer.region))
}

/// Returns the seat somebody would fill in deciding a class, and whether that step has moved up to them.
///
/// It is `None` where the class is not theirs to decide, whether or not it is decided already.
pub fn seat(world: &World, grant: &Grant, class: Opened, actor: &Actor, at: Timestamp) -> Option<(Seat, bool)> {
    let Actor::Employee { id, role, unit } = actor else { return None };
    let day = world.date(at);
    if let Some(own) = class.seats().iter().find(|seat| seat.role() == *role) {
        let holds = match own {
            Seat::DepartmentHead => grant.customers.iter().any(|customer| reaches(world, unit, customer)),
            Seat::AccountingHead => heads(world, id, unit),
            Seat::Compliance => true,
        };
        if holds {
            return Some((*own, false));
        }
    }
    let moved_up = grant.vacant(world, class).find(|seat| !held(world, grant, class, *seat, day));
    moved_up.filter(|_| above(world, grant, class, day) == Some(*role)).map(|seat| (seat, true))
}

/// Tells whether somebody is left who may fill a seat of a class for every customer it is not decided for.
fn held(world: &World, grant: &Grant, class: Opened, seat: Seat, day: Date) -> bool {
    let holders: Vec<&UnitId> = world
        .employee
        .members
        .iter()
        .filter(|(id, _)| grant.qualified(world, class, id))
        .flat_map(|(id, member)| member.roles_on(day).map(move |held| (id, held)))
        .filter(|(id, held)| {
            held.role == seat.role() && (seat != Seat::AccountingHead || heads(world, id, &held.unit))
        })
        .map(|(_, held)| &held.unit)
        .collect();
    match seat {
        Seat::DepartmentHead => grant
            .uncovered(world, class, seat)
            .into_iter()
            .all(|customer| holders.iter().any(|unit| reaches(world, unit, customer))),
        Seat::AccountingHead | Seat::Compliance => !holders.is_empty(),
    }
}

/// The level a step moves up to: the general manager, else the deputy, else compliance.
fn above(world: &World, grant: &Grant, class: Opened, day: Date) -> Option<Role> {
    [Role::GeneralManager, Role::DeputyGm, Role::Compliance].into_iter().find(|role| {
        let mut members = world.employee.members.iter().filter(|(id, _)| grant.qualified(world, class, id));
        members.any(|(_, member)| member.roles_on(day).any(|held| held.role == *role))
    })
}

fn heads(world: &World, employee: &EmployeeId, unit: &UnitId) -> bool {
    world.organization.units.get(unit).is_some_and(|unit| unit.head.as_ref() == Some(employee))
}

/// Returns what follows for the grants of those who have left: they are revoked.
pub fn due(world: &World) -> Vec<(EntryId, Event, About)> {
    let state = &world.grant;
    let gone = state.holders.iter().filter(|(id, _)| {
        world.employee.members.get(*id).is_some_and(|member| member.status == domain::employee::Status::Left)
    });
    let grants = gone.flat_map(|(_, holder)| &holder.grants);
    grants
        .filter_map(|id| {
            let reason = Text("离职 the holder has left".into());
            Some((end_id(&state.open.get(id)?.entry), Event::Revoked(Revoked { reason }), about_grant(id)))
        })
        .collect()
}

/// Returns the id under which the system will end a grant, from the entry that asked for it.
pub fn end_id(request: &EntryId) -> EntryId {
    ids::derived(request, "revoked")
}

/// Returns the grants whose time is over at `at`: nothing follows in their streams.
pub fn over(world: &World, at: Timestamp) -> impl Iterator<Item = &SubjectId> {
    world.grant.open.iter().filter(move |(_, grant)| grant.until <= at).map(|(id, _)| id)
}

/// Returns the stream of a grant.
pub fn stream(grant: &SubjectId) -> StreamName {
    StreamName::of("grant", grant.as_str())
}

fn about_grant(grant: &SubjectId) -> About {
    About::subject(stream(grant))
}

/// Finds the open grant a stream is about.
pub fn of<'a>(world: &'a World, subject: &StreamName) -> Option<(SubjectId, &'a Grant)> {
    let id: SubjectId = subject.id().filter(|_| subject.kind() == "grant")?.parse().ok()?;
    let grant = world.grant.open.get(&id)?;
    Some((id, grant))
}

/// Says which stream the event belongs to: the grant's.
pub(super) fn about(_: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    match event {
        // An id that is issued is known only where it is admitted.
        Event::Requested(requested) => {
            Ok(requested.grant_id.as_ref().map_or_else(|| About::subject(StreamName::of("grant", "issued")), about_grant))
        }
        Event::Decided(_) | Event::Revoked(_) => {
            let missing = || domain::no_subject("grant", Referent::Grant);
            let named = named.filter(|named| named.kind() == "grant" && named.id().is_some()).ok_or_else(missing)?;
            Ok(About::subject(named.clone()))
        }
    }
}

/// Decides on a request, on a decision about one, or on its end (SM-10).
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    match event {
        Event::Requested(requested) => admit_request(world, context, requested),
        Event::Decided(decided) => admit_decision(world, context, decided),
        Event::Revoked(_) => {
            open(world, context)?;
            Ok(vec![Admission::of(event, context)])
        }
    }
}

fn open<'a>(world: &'a World, context: &Context<'_>) -> Result<&'a Grant, Refusal> {
    let subject = &context.about.subject;
    let found = of(world, subject).map(|(_, grant)| grant).filter(|grant| context.at < grant.until);
    found.ok_or_else(|| Refusal::NotOpen { grant: subject.id().unwrap_or_default().to_owned() })
}

fn admit_request(world: &World, context: &Context<'_>, requested: Requested) -> Result<Vec<Admission>, domain::Refusal> {
    let Actor::Employee { id: holder, unit, .. } = context.actor else { return Err(common::Refusal::SystemOnly.into()) };
    let named = [
        ("customers", requested.customers.is_empty()),
        ("classes", requested.classes.is_empty()),
        ("modes", requested.modes.is_empty()),
    ];
    if let Some((field, _)) = named.into_iter().find(|(_, empty)| *empty) {
        return Err(Refusal::Nothing { field }.into());
    }
    if requested.purpose.0.trim().chars().count() < 5 {
        return Err(Refusal::PurposeTooShort.into());
    }
    if requested.until <= requested.from || requested.until <= context.at {
        return Err(Refusal::Over.into());
    }
    let days = policy::parameter(world, Some(unit), context.at, "p.grant.max_days");
    let most = std::time::Duration::from_secs(u64::try_from(days).unwrap_or(0) * 86_400);
    if requested.until.since(requested.from) > most || requested.until.since(context.at) > 2 * most {
        return Err(Refusal::TooLong { days }.into());
    }
    let id = requested.grant_id.clone().unwrap_or_else(|| ids::issued(context.id));
    let asked = Grant::asked(holder.clone(), context.id.clone(), &requested);
    let day = world.date(context.at);
    for class in &asked.classes {
        let stuck = class.seats().iter().any(|seat| !held(world, &asked, *class, *seat, day));
        if stuck && above(world, &asked, *class, day).is_none() {
            return Err(Refusal::NobodyLeft { class: *class }.into());
        }
    }
    let about = about_grant(&id);
    let event = Event::Requested(Requested { grant_id: Some(id), ..requested });
    Ok(vec![Admission { about, ..Admission::of(event, context) }])
}

fn admit_decision(world: &World, context: &Context<'_>, decided: Decided) -> Result<Vec<Admission>, domain::Refusal> {
    let grant = open(world, context)?;
    let decider = context.actor.employee().ok_or(Refusal::OwnRequest)?;
    if *decider == grant.holder {
        return Err(Refusal::OwnRequest.into());
    }
    if decided.classes.is_empty() {
        return Err(Refusal::Nothing { field: "classes" }.into());
    }
    if let Some(way) = decided.modes.iter().flatten().find(|way| !grant.ways.contains(way)) {
        return Err(Refusal::WayNotRequested { way: *way }.into());
    }
    if decided.until.is_some_and(|until| until > grant.until) {
        return Err(Refusal::Lengthened.into());
    }
    if decided.until.is_some_and(|until| until <= context.at.max(grant.from)) {
        return Err(Refusal::Over.into());
    }
    let mut places: Vec<Place> = Vec::new();
    for class in &decided.classes {
        let class = *class;
        if !grant.classes.contains(&class) {
            return Err(Refusal::NotRequested { class }.into());
        }
        let decided_already = || Refusal::DecidedAlready { class };
        if grant.steps.iter().any(|step| step.class == class && step.decider == *decider) {
            return Err(Refusal::OwnRequest.into());
        }
        if grant.vacant(world, class).next().is_none() || places.iter().any(|place| place.class == class) {
            return Err(decided_already().into());
        }
        let Some((seat, _)) = seat(world, grant, class, context.actor, context.at) else {
            return Err(Refusal::NotYours { class }.into());
        };
        let unit = context.actor.unit();
        let adds = grant.uncovered(world, class, seat).into_iter().any(|customer| {
            seat != Seat::DepartmentHead || unit.is_some_and(|unit| reaches(world, unit, customer))
        });
        if !adds {
            return Err(decided_already().into());
        }
        places.push(Place { class, seat });
    }
    let places = domain::computed("places", decided.places.clone(), Some(places))?;
    Ok(vec![Admission::of(Event::Decided(Decided { places, ..decided }), context)])
}

impl Grant {
    fn asked(holder: EmployeeId, entry: EntryId, requested: &Requested) -> Self {
        Self {
            holder,
            entry,
            customers: requested.customers.clone(),
            classes: requested.classes.clone(),
            ways: requested.modes.clone(),
            from: requested.from,
            until: requested.until,
            steps: Vec::new(),
        }
    }

    /// Tells whether nothing of it can be opened any more: every class was refused, for all of the customers.
    fn refused(&self) -> bool {
        let for_all = |step: &Step| step.seat != Seat::DepartmentHead || self.customers.len() == 1;
        let refused = |class: &Opened| self.steps.iter().any(|step| step.class == *class && !step.granted && for_all(step));
        self.classes.iter().all(refused)
    }
}

impl State {
    /// Lets go of a grant.
    fn end(&mut self, id: &SubjectId, index: u64) {
        let Some(grant) = self.open.remove(id) else { return };
        let Some(holder) = self.holders.get_mut(&grant.holder) else { return };
        holder.grants.remove(id);
        holder.changed = index;
        if holder.grants.is_empty() {
            self.holders.remove(&grant.holder);
        }
    }
}

/// Takes over requests and decisions, and lets go of what has ended.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let id: Option<SubjectId> = fact.subject.id().and_then(|id| id.parse().ok());
    let Some(id) = id else { return };
    match event {
        Event::Requested(requested) => {
            // What time has ended goes when the next one comes: no entry says that it is over.
            let over: Vec<SubjectId> =
                state.open.iter().filter(|(_, grant)| grant.until <= fact.at).map(|(id, _)| id.clone()).collect();
            for id in over {
                state.end(&id, fact.index);
            }
            let Some(employee) = fact.actor.employee() else { return };
            let holder = state.holders.entry(employee.clone()).or_default();
            holder.grants.insert(id.clone());
            holder.changed = fact.index;
            state.open.insert(id, Grant::asked(employee.clone(), fact.id.clone(), requested));
        }
        Event::Decided(decided) => {
            let Some(grant) = state.open.get_mut(&id) else { return };
            let Actor::Employee { id: decider, unit, .. } = fact.actor else { return };
            for place in decided.places.iter().flatten() {
                grant.steps.push(Step {
                    class: place.class,
                    seat: place.seat,
                    decider: decider.clone(),
                    unit: unit.clone(),
                    granted: decided.decision == Verdict::Granted,
                    ways: decided.modes.clone().unwrap_or_else(|| grant.ways.clone()),
                    until: decided.until.unwrap_or(grant.until),
                });
            }
            let (refused, asker) = (grant.refused(), grant.holder.clone());
            if let Some(holder) = state.holders.get_mut(&asker) {
                holder.changed = fact.index;
            }
            if refused {
                state.end(&id, fact.index);
            }
        }
        Event::Revoked(_) => state.end(&id, fact.index),
    }
}

/// Lets go of nothing: nothing of it can be corrected.
pub(super) fn forget(_: &mut State, _: &Part, _: &[Live]) {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, customer, customer_id, event, given, role_given};

    fn asked(classes: &[&str]) -> Proposed {
        event(
            "access.requested",
            json!({
                "grant_id": "G-1", "customers": ["C-01"], "classes": classes, "modes": ["view"], "from": "2026-03-02T10:00:00+08:00",
                "until": "2026-03-12T10:00:00+08:00", "purpose": "bid of June",
            }),
        )
    }

    fn decided(classes: &[&str], decision: &str) -> Proposed {
        event("access.decided", json!({ "classes": classes, "decision": decision, "reason": "tests" })).about("grant/G-1")
    }

    fn waiting(classes: &[&str]) -> Given {
        given([("E-101", customer("C-01", "Heyuan")), ("E-102", asked(classes))])
    }

    fn opens(given: &Given, class: Opened) -> bool {
        let grant = given.world.grant.open.values().next();
        grant.is_some_and(|grant| grant.opens(&given.world, class, &customer_id("C-01"), Way::View, given.at))
    }

    #[test]
    fn a_class_is_open_when_all_who_decide_it_have_granted_it() {
        let half = waiting(&["C1", "C5"]).and("E-201/department_head", decided(&["C1", "C5"], "granted"));
        assert!(opens(&half, Opened::C1) && !opens(&half, Opened::C5));
        let whole = half.clone().and("E-902", decided(&["C5"], "granted"));
        assert!(opens(&whole, Opened::C5));
        let refused = half.and("E-902", decided(&["C5"], "refused"));
        assert!(!opens(&refused, Opened::C5) && opens(&refused, Opened::C1));
        // Open to the last instant of its period, and not at the next.
        assert!(opens(&whole.clone().at("2026-03-12T09:59:59.999999+08:00"), Opened::C1));
        assert!(!opens(&whole.at("2026-03-12T10:00:00+08:00"), Opened::C1));
    }

    #[test]
    fn a_decision_says_which_seat_it_fills_and_nobody_fills_two() {
        let given = waiting(&["C1", "C5"]);
        let data = given.when("E-201/department_head", decided(&["C5"], "granted")).data();
        assert_eq!(data["places"], json!([{ "class": "C5", "seat": "department_head" }]));
        let given = given.and("system", role_given("E-902", "department_head", "north"));
        let given = given.and("E-902/department_head", decided(&["C5"], "granted"));
        given.when("E-902/compliance", decided(&["C5"], "granted")).then_refused(Code::E_SOD, "R-025");
        given.when("E-201/department_head", decided(&["C5"], "granted")).then_refused(Code::E_STATE, "SM-10");
        given.when("E-201/sales_manager", decided(&["C1"], "granted")).then_refused(Code::E_FORBIDDEN, "R-055");
    }

    #[test]
    fn a_request_refused_in_every_class_or_revoked_has_ended() {
        let given = waiting(&["C1", "C3"]).and("E-201/department_head", decided(&["C1"], "refused"));
        let ended = given.and("E-402", decided(&["C3"], "refused"));
        assert!(ended.world.grant.open.is_empty() && ended.world.grant.holders.is_empty());
        ended.when("E-402", decided(&["C3"], "granted")).then_refused(Code::E_STATE, "SM-10");
        let revoked = event("access.revoked", json!({ "reason": "tests" })).about("grant/G-1");
        let given = waiting(&["C1"]).and("E-902", revoked.clone());
        given.when("E-902", revoked).then_refused(Code::E_STATE, "SM-10");
    }

    #[test]
    fn what_is_over_is_let_go_of_when_the_next_request_comes() {
        let given = waiting(&["C1"]).at("2026-03-12T10:00:00+08:00");
        let next = asked(&["C1"])
            .with("grant_id", "G-2")
            .with("from", "2026-03-12T10:00:00+08:00")
            .with("until", "2026-03-13T10:00:00+08:00");
        let given = given.and("E-103", next);
        assert_eq!(given.world.grant.open.keys().map(SubjectId::as_str).collect::<Vec<_>>(), ["G-2"]);
        assert_eq!(given.world.grant.holders.len(), 1);
    }

    #[test]
    fn a_grant_ends_with_the_next_of_its_decisions() {
        let shorter = decided(&["C1"], "granted").with("until", "2026-03-05T10:00:00+08:00");
        let given = waiting(&["C1", "C3"]).and("E-201/department_head", shorter);
        let grant = given.world.grant.open.values().next().unwrap();
        assert_eq!(grant.ends(given.at), "2026-03-05T10:00:00+08:00".parse().unwrap());
        assert_eq!(grant.ends("2026-03-06T10:00:00+08:00".parse().unwrap()), grant.until);
    }
}
