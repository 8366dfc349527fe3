//! Staff: who works here, in which unit, with which roles, and whether still.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Date;
use crate::domain::approval::{self, Step};
use crate::domain::catalog::{Phone, Referent, Sealed, Str, Text, choices, events, objects, refusals};
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Admission, Context, Fact, World, common};
use crate::ids::{EmployeeId, StreamName, SubjectId, UnitId};

choices! {
    /// Whether somebody works here.
    Status {
        Active "active" "在职" "Active",
        OnNotice "on_notice" "待离职" "On notice",
        Transferred "transferred" "已调动" "Transferred",
        Suspended "suspended" "停职" "Suspended",
        Left "left" "已离职" "Left",
    }
}

objects! {
    /// A role to be given.
    RoleAdded {
        /// The role.
        role: Role, C7, "角色", "Role";
        /// The unit it is bound to.
        unit: UnitId, C7, "部门", "Unit";
        /// The last day it holds.
        until: Option<Date>, C7, "截止日期", "Until";
    }
    /// A role to be taken away.
    RoleRemoved {
        /// The role.
        role: Role, C7, "角色", "Role";
        /// The unit it is bound to.
        unit: UnitId, C7, "部门", "Unit";
    }
}

events! {
    /// Somebody joins the staff.
    Registered "employee.registered" "员工登记" "Employee registered" {
        /// The employee.
        employee_id: SubjectId, C7, "工号", "Employee id";
        /// The name, sealed.
        name: Sealed<Str<1, 60>>, C7, "姓名", "Name";
        /// The unit the person works in.
        unit: UnitId, C7, "部门", "Unit";
        /// The direct superior.
        superior: Option<EmployeeId>, C7, "直接上级", "Superior";
        /// The first day.
        joined_on: Date, C7, "入职日期", "Joined on";
        /// The telephone, sealed.
        contact_phone: Option<Sealed<Phone>>, C7, "联系电话", "Telephone";
    }
    /// Roles are given or taken away.
    RolesChanged "employee.roles_changed" "权限变更" "Roles changed" on "employee" Employee is decision {
        /// The roles given.
        added: Vec<RoleAdded>, C7, "新增角色", "Added";
        /// The roles taken away.
        removed: Vec<RoleRemoved>, C7, "取消角色", "Removed";
        /// Why, sealed because it is about a person.
        reason: Sealed<Text>, C7, "原因", "Reason";
        /// Who approved it.
        approved_by: Option<EmployeeId>, C7, "批准人", "Approved by", computed;
    }
    /// Somebody gives notice, is moved, suspended, reinstated or leaves.
    StatusChanged "employee.status_changed" "员工状态变更" "Employee status changed" on "employee" Employee {
        /// The new status.
        status: Status, C7, "状态", "Status";
        /// From which day.
        effective_on: Date, C7, "生效日期", "Effective on";
        /// The last working day.
        last_day: Option<Date>, C7, "最后工作日", "Last day";
        /// The unit moved to.
        new_unit: Option<UnitId>, C7, "调入部门", "New unit";
        /// Why, sealed because it is about a person.
        reason: Option<Sealed<Text>>, C7, "原因", "Reason";
    }
}

/// A role somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The role.
    pub role: Role,
    /// The unit it is bound to.
    pub unit: UnitId,
    /// The last day it holds.
    pub until: Option<Date>,
}

/// One member of staff.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The unit the person works in.
    pub unit: UnitId,
    /// The direct superior.
    pub superior: Option<EmployeeId>,
    /// Whether the person works here.
    pub status: Status,
    /// The roles held, in the order of the roles.
    pub roles: Vec<Held>,
    /// Moves with every change, so that decisions taken before can tell.
    pub revision: u64,
    /// The index of the entry that last changed the status: what was opened under another one is over.
    pub status_since: u64,
}

impl Member {
    /// Returns the roles held on `day`.
    pub fn roles_on(&self, day: Date) -> impl Iterator<Item = &Held> {
        self.roles.iter().filter(move |held| held.until.is_none_or(|until| day <= until))
    }

    /// Tells whether the person may act at all.
    pub fn works(&self) -> bool {
        match self.status {
            Status::Active | Status::OnNotice | Status::Transferred => true,
            Status::Suspended | Status::Left => false,
        }
    }

    /// Tells whether new duties may be given to the person.
    pub fn available(&self) -> bool {
        match self.status {
            Status::Active | Status::Transferred => true,
            Status::OnNotice | Status::Suspended | Status::Left => false,
        }
    }
}

/// The staff.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Everybody ever registered.
    pub members: OrdMap<EmployeeId, Member>,
    /// What revisions begin above: they move on where the staff is folded anew.
    pub revised: u64,
}

impl State {
    /// Tells whether that is somebody who may act at all.
    pub fn works(&self, id: &EmployeeId) -> bool {
        self.members.get(id).is_some_and(Member::works)
    }
}

refusals! {
    /// The id is in use.
    Taken { employee: String } => E_CONFLICT "R-010" at "/employee_id", "employee \"{employee}\" exists already", "员工“{employee}”已存在";
    /// Somebody would be their own superior's superior.
    Cycle => E_RULE "R-025" at "/superior", "nobody can be above themselves", "上级关系不得成环";
    /// Whoever has left decides on nothing.
    SuperiorGone { employee: String } => E_RULE "R-025" at "/superior", "\"{employee}\" does not work here now", "“{employee}”目前不在岗";
    /// An auditor holds no business role.
    AuditorExclusive => E_RULE "R-063" at "/added", "an auditor holds no other business role", "审计员不得兼任业务角色";
    /// The role is not held.
    NotHeld { role: Role } => E_STATE "R-050", "the role \"{role}\" is not held there", "未在该部门持有角色“{role:#}”";
    /// The role is held.
    AlreadyHeld { role: Role } => E_STATE "R-050", "the role \"{role}\" is held there already", "已在该部门持有角色“{role:#}”";
    /// A role that has ended cannot be given.
    RoleOver { place: usize } => E_RULE "R-050" at "/added/{place}/until", "the role would have ended already", "该角色期限已过";
    /// Nobody changes their own roles.
    OwnRoles => E_SOD "R-025", "nobody changes their own roles", "不得变更本人角色";
    /// SM-18 does not lead there.
    NoTransition { from: Status, to: Status } => E_STATE "SM-18",
        "an employee cannot go from \"{from}\" to \"{to}\"", "员工状态不能由“{from:#}”变为“{to:#}”";
    /// Customers are not handed over.
    OwnsCustomers { customers: String } => E_RULE "R-200" at "/status",
        "hand over the customers first: {customers}", "须先移交客户：{customers}";
}

/// Says which stream the event belongs to; changes name the employee as their subject.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let id = match event {
        Event::Registered(registered) => registered.employee_id.as_str(),
        Event::RolesChanged(_) | Event::StatusChanged(_) => {
            let missing = || domain::no_subject("employee", Referent::Employee);
            let named = named.filter(|named| named.kind() == "employee").and_then(StreamName::id).ok_or_else(missing)?;
            let id: EmployeeId = named.parse().map_err(|_| missing())?;
            if !world.employee.members.contains_key(&id) {
                return Err(common::Refusal::Unknown {
                    pointer: "subject".into(),
                    what: "employee".into(),
                    id: named.into(),
                }
                .into());
            }
            named
        }
    };
    Ok(About::subject(StreamName::of("employee", id)))
}

/// Decides on the staff as it is.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let state = &world.employee;
    match &event {
        Event::Registered(registered) => {
            let id = registered.employee_id.as_str();
            if id.parse().is_ok_and(|id: EmployeeId| state.members.contains_key(&id)) {
                return Err(Refusal::Taken { employee: id.into() }.into());
            }
            if registered.superior.as_ref().is_some_and(|superior| superior.as_str() == id) {
                return Err(Refusal::Cycle.into());
            }
            if let Some(superior) = registered.superior.as_ref().filter(|superior| !world.employee.works(superior)) {
                return Err(Refusal::SuperiorGone { employee: superior.to_string() }.into());
            }
            if registered.joined_on > world.date(context.at) {
                return Err(domain::Refusal::field("/joined_on", "has not come yet: who is registered may work at once", "尚未到来：登记后即可办理业务"));
            }
            Ok(vec![Admission::of(event, context)])
        }
        Event::RolesChanged(changed) => admit_roles(world, context, changed),
        Event::StatusChanged(changed) => {
            let (id, member) = subject(world, context)?;
            check_transition(world, &id, member, changed)?;
            Ok(vec![Admission::of(event, context)])
        }
    }
}

fn admit_roles(world: &World, context: &Context<'_>, changed: &RolesChanged) -> Result<Vec<Admission>, domain::Refusal> {
    let (id, member) = subject(world, context)?;
    if changed.added.is_empty() && changed.removed.is_empty() {
        return Err(domain::Refusal::field("/added", "name a role to add or to remove", "须填写新增或取消的角色"));
    }
    if context.actor.employee() == Some(&id) {
        return Err(Refusal::OwnRoles.into());
    }
    let mut roles: Vec<(Role, &UnitId)> = member.roles.iter().map(|held| (held.role, &held.unit)).collect();
    for removed in &changed.removed {
        let held = roles.iter().position(|(role, unit)| *role == removed.role && **unit == removed.unit);
        roles.remove(held.ok_or(Refusal::NotHeld { role: removed.role })?);
    }
    for (place, added) in changed.added.iter().enumerate() {
        if added.until.is_some_and(|until| until < world.date(context.at)) {
            return Err(Refusal::RoleOver { place }.into());
        }
        if roles.contains(&(added.role, &added.unit)) {
            return Err(Refusal::AlreadyHeld { role: added.role }.into());
        }
        roles.push((added.role, &added.unit));
    }
    let audits = roles.iter().any(|(role, _)| *role == Role::Auditor);
    if audits && roles.iter().any(|(role, _)| *role != Role::Auditor) {
        return Err(Refusal::AuditorExclusive.into());
    }
    let steps = steps(world, context, &id, member, &changed.added);
    if let Some(request) = approval::request(world, context, &Event::RolesChanged(changed.clone()).into(), steps)? {
        return Ok(request);
    }
    let approver = context.approvals.first().or(changed.approved_by.as_ref()).cloned();
    let approved_by = domain::computed("approved_by", changed.approved_by.clone(), approver)?;
    Ok(vec![Admission::of(Event::RolesChanged(RolesChanged { approved_by, ..changed.clone() }), context)])
}

/// The head of the employee's unit approves, and the head of each unit at which a role is to be held, or of the whole company for a role
/// that watches over everybody: nobody gives away what is not theirs. One level up where that is the employee, who asks, or nobody at
/// work.
fn steps(world: &World, context: &Context<'_>, id: &EmployeeId, member: &Member, added: &[RoleAdded]) -> Vec<Step> {
    let concerned: Vec<&EmployeeId> = [Some(id), context.actor.employee()].into_iter().flatten().collect();
    let works = |head: &EmployeeId| world.employee.works(head);
    let organization = &world.organization;
    let whole = |unit| organization.line(unit).last().unwrap_or(unit);
    let held = added.iter().map(|added| if added.role.is_of_company() { whole(&added.unit) } else { &added.unit });
    let mut steps: Vec<Step> = Vec::new();
    for unit in std::iter::once(&member.unit).chain(held) {
        let covers = |step: &Step| match step {
            Step::Person(head) => organization.heads(head, unit),
            // Those at the top, who decide where no head can.
            Step::Holder(_) | Step::Either(..) => true,
        };
        if steps.iter().any(covers) {
            continue;
        }
        let more = match organization.head_over(unit, |head| works(head) && !concerned.contains(&head)) {
            Some(head) => vec![Step::Person(head)],
            None => approval::at_the_top(world, context.at, &concerned),
        };
        let new: Vec<Step> = more.into_iter().filter(|step| !steps.contains(step)).collect();
        steps.extend(new);
    }
    steps
}

fn check_transition(world: &World, id: &EmployeeId, member: &Member, changed: &StatusChanged) -> Result<(), domain::Refusal> {
    use Status::{Active, Left, OnNotice, Suspended, Transferred};
    let allowed = match (member.status, changed.status) {
        (Active | Transferred, OnNotice | Transferred | Suspended)
        | (OnNotice, Active | Left | Suspended)
        | (Suspended, Active | OnNotice | Left) => true,
        (Active | Transferred | OnNotice | Suspended | Left, Active | OnNotice | Transferred | Suspended | Left) => false,
    };
    if !allowed {
        return Err(Refusal::NoTransition {
            from: member.status,
            to: changed.status,
        }
        .into());
    }
    match (changed.status, &changed.last_day, &changed.new_unit) {
        (OnNotice, Some(last), _) if *last < changed.effective_on => {
            return Err(domain::Refusal::field("/last_day", "is before the notice takes effect", "早于离职预告生效日期"));
        }
        (OnNotice, None, _) => return Err(domain::Refusal::field("/last_day", "is required on notice", "待离职时必填")),
        (Transferred, _, None) => return Err(domain::Refusal::field("/new_unit", "is required on transfer", "调动时必填")),
        (OnNotice | Transferred | Active | Suspended | Left, _, _) => {}
    }
    if changed.status == Left {
        let owned: Vec<String> = world
            .customer
            .customers
            .iter()
            .filter(|(_, customer)| customer.owner == *id)
            .map(|(customer, _)| customer.to_string())
            .take(20)
            .collect();
        if !owned.is_empty() {
            return Err(Refusal::OwnsCustomers { customers: owned.join(", ") }.into());
        }
    }
    Ok(())
}

fn subject<'a>(world: &'a World, context: &Context<'_>) -> Result<(EmployeeId, &'a Member), domain::Refusal> {
    let id: Option<EmployeeId> = context.about.subject.id().and_then(|id| id.parse().ok());
    let found = id.and_then(|id| world.employee.members.get(&id).map(|member| (id, member)));
    found.ok_or_else(|| domain::no_subject("employee", Referent::Employee).into())
}

/// Takes over who works where and as what.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let id: Option<EmployeeId> = fact.subject.id().and_then(|id| id.parse().ok());
    let Some(id) = id else { return };
    match event {
        Event::Registered(registered) => {
            state.members.insert(id, Member {
                unit: registered.unit.clone(),
                superior: registered.superior.clone(),
                status: Status::Active,
                roles: Vec::new(),
                revision: state.revised + 1,
                status_since: fact.index,
            });
        }
        Event::RolesChanged(changed) => {
            let Some(member) = state.members.get_mut(&id) else { return };
            member.revision += 1;
            member.roles.retain(|held| {
                !changed.removed.iter().any(|removed| removed.role == held.role && removed.unit == held.unit)
            });
            for added in &changed.added {
                member.roles.push(Held { role: added.role, unit: added.unit.clone(), until: added.until });
            }
            // Who holds several roles acts under the first that permits, in the order of the roles.
            member.roles.sort_by_key(|held| held.role);
        }
        Event::StatusChanged(changed) => {
            let Some(member) = state.members.get_mut(&id) else { return };
            member.revision += 1;
            member.status = changed.status;
            member.status_since = fact.index;
            if let Some(unit) = &changed.new_unit {
                member.unit = unit.clone();
            }
        }
    }
}

/// Lets go of the staff.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    if *part == Part::Company {
        let moved = state.members.values().map(|member| member.revision).max();
        state.revised = state.revised.max(moved.unwrap_or(0));
        state.members.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, customer, event, given, role_given, staff_status, unit};

    fn id(text: &str) -> EmployeeId {
        text.parse().unwrap()
    }

    fn registered(id: &str) -> Proposed {
        event("employee.registered", json!({ "employee_id": id, "name": "s1.sealed", "unit": "north", "joined_on": "2026-03-02" }))
    }

    fn roles(id: &str, added: Value, removed: Value) -> Proposed {
        let data = json!({ "added": added, "removed": removed, "reason": "tests" });
        event("employee.roles_changed", data).about(format!("employee/{id}"))
    }

    fn consent() -> Proposed {
        event("approval.given", json!({ "request_id": "ask-0001" }))
    }

    /// E-102 in each status there is.
    fn in_status(status: &str) -> Given {
        match status {
            "active" => given([]),
            "left" => given([("system", staff_status("E-102", "on_notice")), ("system", staff_status("E-102", "left"))]),
            other => given([("system", staff_status("E-102", other))]),
        }
    }

    #[test]
    fn an_employee_id_is_given_once() {
        let given = given([("E-001", registered("E-110"))]);
        given.when("E-001", registered("E-110")).then_refused(Code::E_CONFLICT, "R-010");
        given.when("E-001", registered("E-111").with("superior", "E-110")).then(["employee.registered"]);
        given.when("E-001", registered("E-111").with("superior", "E-111")).then_refused(Code::E_RULE, "R-025");
    }

    #[test]
    fn the_status_follows_its_state_machine_and_nothing_else() {
        const ALLOWED: &[(&str, &[&str])] = &[
            ("active", &["on_notice", "transferred", "suspended"]),
            ("transferred", &["on_notice", "transferred", "suspended"]),
            ("on_notice", &["active", "suspended", "left"]),
            ("suspended", &["active", "on_notice", "left"]),
            ("left", &[]),
        ];
        for (from, allowed) in ALLOWED {
            let given = in_status(from);
            for (to, _) in ALLOWED {
                let when = given.when("E-001", staff_status("E-102", to));
                if allowed.contains(to) {
                    when.then(["employee.status_changed"]);
                } else {
                    when.then_refused(Code::E_STATE, "SM-18");
                }
            }
        }
    }

    #[test]
    fn notice_names_the_last_day_and_a_transfer_the_new_unit() {
        let given = given([]);
        given.when("E-001", staff_status("E-102", "on_notice").without("last_day")).then_malformed(["/last_day"]);
        let before = staff_status("E-102", "on_notice").with("last_day", json!("2020-01-01"));
        given.when("E-001", before).then_malformed(["/last_day"]);
        given.when("E-001", staff_status("E-102", "transferred").without("new_unit")).then_malformed(["/new_unit"]);
        let given = given.and("E-001", staff_status("E-102", "transferred"));
        assert_eq!(given.world.employee.members[&id("E-102")].unit.as_str(), "south");
    }

    #[test]
    fn nobody_is_placed_under_whoever_has_left_or_joins_before_the_day() {
        let given = in_status("left");
        given.when("E-001", registered("E-110").with("superior", "E-102")).then_refused(Code::E_RULE, "R-025");
        given.when("E-001", registered("E-110").with("joined_on", "2026-03-03")).then_malformed(["/joined_on"]);
        given.when("E-001", unit("north", Some("hq"), Some("E-102"), &["north"])).then_refused(Code::E_RULE, "R-025");
    }

    #[test]
    fn nobody_leaves_before_their_customers_are_handed_over() {
        let given = given([
            ("E-101", customer("C-01", "Heyuan Alloy Works")),
            ("E-001", staff_status("E-101", "on_notice")),
        ]);
        let refused = given.when("E-001", staff_status("E-101", "left")).then_refused(Code::E_RULE, "R-200");
        assert!(refused.contains("C-01"));
        let handed = json!({ "owner": "E-102", "co_contacts": [], "reason": "reassignment", "effective_at": "2026-03-02T02:00:00Z" });
        let given = given.and("E-201", event("customer.owner_assigned", handed).about("customer/C-01"));
        given.when("E-001", staff_status("E-101", "left")).then(["employee.status_changed"]);
    }

    #[test]
    fn who_works_may_act_and_who_stays_may_be_given_duties() {
        for (status, works, available) in [
            ("active", true, true),
            ("transferred", true, true),
            ("on_notice", true, false),
            ("suspended", false, false),
            ("left", false, false),
        ] {
            let member = in_status(status).world.employee.members[&id("E-102")].clone();
            assert_eq!((member.works(), member.available()), (works, available), "{status}");
        }
    }

    #[test]
    fn an_auditor_holds_no_other_role() {
        let given = given([]);
        given.when("E-002", role_given("E-901", "salesperson", "north")).then_refused(Code::E_RULE, "R-063");
        given.when("E-002", role_given("E-101", "auditor", "hq")).then_refused(Code::E_RULE, "R-063");
        let both = json!([{ "role": "auditor", "unit": "hq" }, { "role": "compliance", "unit": "hq" }]);
        given.when("E-002", roles("E-101", both, json!([{ "role": "salesperson", "unit": "north" }]))).then_refused(Code::E_RULE, "R-063");
        let changed = roles("E-101", json!([{ "role": "auditor", "unit": "hq" }]), json!([{ "role": "salesperson", "unit": "north" }]));
        given.when("E-002", changed).then(["approval.requested"]);
    }

    #[test]
    fn roles_are_given_and_taken_as_they_stand() {
        let given = given([]);
        given.when("E-002", roles("E-101", json!([]), json!([]))).then_malformed(["/added"]);
        given.when("E-002", role_given("E-101", "salesperson", "north")).then_refused(Code::E_STATE, "R-050");
        let held = json!({ "role": "salesperson", "unit": "north" });
        let elsewhere = json!([{ "role": "salesperson", "unit": "south" }]);
        given.when("E-002", roles("E-101", json!([]), elsewhere)).then_refused(Code::E_STATE, "R-050");
        given.when("E-002", roles("E-101", json!([]), json!([held, held]))).then_refused(Code::E_STATE, "R-050");
        given.when("E-002", roles("E-101", json!([{ "role": "wizard", "unit": "hq" }]), json!([]))).then_malformed(["/added/0/role"]);
        // A term is set by taking the role and giving it again.
        let term = json!([{ "role": "salesperson", "unit": "north", "until": "2026-03-31" }]);
        let given = given.and("system", roles("E-101", term, json!([held])));
        let member = &given.world.employee.members[&id("E-101")];
        let on = |day: &str| member.roles_on(day.parse().unwrap()).count();
        assert_eq!((on("2026-03-31"), on("2026-04-01")), (1, 0));
    }

    #[test]
    fn roles_stand_in_the_order_of_precedence() {
        let given = given([("system", role_given("E-301", "salesperson", "north"))]);
        let held: Vec<Role> = given.world.employee.members[&id("E-301")].roles.iter().map(|held| held.role).collect();
        assert_eq!(held, [Role::Salesperson, Role::RegionalGm]);
    }

    #[test]
    fn nobody_changes_their_own_roles() {
        given([]).when("E-002", role_given("E-002", "general_manager", "hq")).then_refused(Code::E_SOD, "R-025");
    }

    #[test]
    fn the_head_of_the_employees_unit_consents() {
        let given = given([]).when("E-002", role_given("E-101", "customer_manager", "north").id("ask-0001")).then(["approval.requested"]);
        given.when("E-302", consent()).then_refused(Code::E_FORBIDDEN, "R-025");
        assert_eq!(given.when("E-201", consent()).data()["approved_by"], "E-201");
        given.when("E-201", consent()).then(["approval.given", "employee.roles_changed"]);
    }

    #[test]
    fn nobody_gives_away_a_role_at_a_unit_they_do_not_head() {
        for (role, unit, other) in [("salesperson", "south", "E-302"), ("general_manager", "hq", "E-801"), ("compliance", "north", "E-801")] {
            let given = given([]).when("E-002", role_given("E-101", role, unit).id("ask-0001")).then(["approval.requested"]);
            let given = given.when("E-201", consent()).then(["approval.given"]);
            given.when("E-201", consent()).then_refused(Code::E_SOD, "R-025");
            given.when(other, consent()).then(["approval.given", "employee.roles_changed"]);
        }
        // Whoever heads both consents to both at once.
        let below = given([]).when("E-002", role_given("E-101", "salesperson", "branch").id("ask-0001")).then(["approval.requested"]);
        below.when("E-201", consent()).then(["approval.given", "employee.roles_changed"]);
        let over = json!([{ "role": "salesperson", "unit": "north", "until": "2026-03-01" }]);
        given([]).when("E-002", roles("E-102", over, json!([]))).then_refused(Code::E_RULE, "R-050");
        let today = json!([{ "role": "archivist", "unit": "north", "until": "2026-03-02" }]);
        given([]).when("E-002", roles("E-102", today, json!([]))).then(["approval.requested"]);
    }

    #[test]
    fn one_level_up_decides_where_the_head_is_concerned_asks_or_is_away() {
        let own = given([]).when("E-002", role_given("E-201", "regional_gm", "north").id("ask-0001")).then(["approval.requested"]);
        own.when("E-201", consent()).then_refused(Code::E_SOD, "R-025");
        own.when("E-801", consent()).then(["approval.given", "employee.roles_changed"]);
        let asks = given([]).when("E-201", role_given("E-101", "customer_manager", "north").id("ask-0001")).then(["approval.requested"]);
        asks.when("E-801", consent()).then(["approval.given", "employee.roles_changed"]);
        let away = given([("system", staff_status("E-201", "suspended"))]);
        let away = away.when("E-002", role_given("E-101", "customer_manager", "north").id("ask-0001")).then(["approval.requested"]);
        away.when("E-801", consent()).then(["approval.given", "employee.roles_changed"]);
    }

    #[test]
    fn the_general_managers_roles_are_for_the_deputy_and_compliance() {
        let given = given([]).when("E-002", role_given("E-801", "salesperson", "north").id("ask-0001")).then(["approval.requested"]);
        given.when("E-801", consent()).then_refused(Code::E_SOD, "R-025");
        let given = given.when("E-802", consent()).then(["approval.given"]);
        given.when("E-902", consent()).then(["approval.given", "employee.roles_changed"]);
    }

    #[test]
    fn without_a_head_anywhere_the_general_manager_decides() {
        let headless = given([("system", unit("hq", None, None, &[])), ("system", unit("north", Some("hq"), None, &["north"]))]);
        let given = headless.when("E-002", role_given("E-101", "customer_manager", "north").id("ask-0001")).then(["approval.requested"]);
        given.when("E-802", consent()).then_refused(Code::E_FORBIDDEN, "R-025");
        given.when("E-801", consent()).then(["approval.given", "employee.roles_changed"]);
    }

    #[test]
    fn changes_name_an_employee_there_is() {
        let given = given([]);
        let change = event("employee.status_changed", json!({ "status": "suspended", "effective_on": "2026-03-02" }));
        given.when("E-001", change.clone()).then_refused(Code::E_SCHEMA, "");
        given.when("E-001", change.clone().about("customer/E-101")).then_refused(Code::E_SCHEMA, "");
        given.when("E-001", change.about("employee/E-999")).then_refused(Code::E_REF, "");
    }
}
