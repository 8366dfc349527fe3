//! The company's units, their heads and their territories.

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use crate::domain::catalog::{Str, choices, events, refusals};
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Admission, Context, Fact, World, calendar};
use crate::ids::{EmployeeId, StreamName, SubjectId, UnitId};

choices! {
    /// What kind of unit it is.
    UnitKind {
        Headquarters "headquarters" "总部" "Headquarters",
        Department "department" "部门" "Department",
        Region "region" "大区" "Region",
        Branch "branch" "分公司" "Branch",
        ServiceCenter "service_center" "服务中心" "Service center",
        Store "store" "门店" "Store",
        Office "office" "办事处" "Office",
        Committee "committee" "委员会" "Committee",
        Partner "partner" "合作伙伴" "Partner",
    }
    /// Whether the unit works.
    UnitStatus {
        Active "active" "启用" "Active",
        Closed "closed" "撤销" "Closed",
    }
}

events! {
    /// A unit is set up, or defined anew.
    UnitDefined "org_unit.defined" "部门设置" "Unit defined" {
        /// The unit.
        unit_id: SubjectId, C0, "部门编号", "Unit id";
        /// Its name.
        name: Str<1, 80>, C0, "部门名称", "Name";
        /// What kind of unit it is.
        kind: UnitKind, C0, "类别", "Kind";
        /// The unit above it.
        parent: Option<UnitId>, C0, "上级", "Parent";
        /// Who heads it.
        head: Option<EmployeeId>, C7, "负责人", "Head";
        /// The territory words it is responsible for.
        territory: Option<Vec<Str<1, 40>>>, C0, "所辖区域", "Territory";
        /// The working calendar it keeps.
        calendar: Option<Str<1, 40>>, C0, "工作日历", "Calendar";
        /// Whether it works.
        status: UnitStatus, C0, "状态", "Status";
    }
}

/// One unit as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// What kind of unit it is.
    pub kind: UnitKind,
    /// The unit above it.
    pub parent: Option<UnitId>,
    /// Who heads it.
    pub head: Option<EmployeeId>,
    /// The territory words it is responsible for.
    pub territory: Vector<String>,
    /// The working calendar it names.
    pub calendar: Option<String>,
    /// Whether it works.
    pub active: bool,
}

/// The units.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Every unit ever defined.
    pub units: OrdMap<UnitId, Unit>,
    /// The active unit of each territory word.
    pub regions: OrdMap<String, UnitId>,
    /// Moves whenever a unit changes, so that decisions taken before can tell.
    pub revision: u64,
}

impl State {
    /// Returns the unit and those above it, nearest first.
    pub fn line<'a>(&'a self, unit: &'a UnitId) -> impl Iterator<Item = &'a UnitId> {
        let mut last = None;
        let next = move || {
            last = last.map_or(Some(unit), |last| self.units.get(last)?.parent.as_ref());
            last
        };
        // Cycles are refused on entry; a bound costs nothing and keeps a fault from hanging.
        std::iter::from_fn(next).take(self.units.len() + 1).fuse()
    }

    /// Tells whether `unit` is `above` or lies below it.
    pub fn within(&self, unit: &UnitId, above: &UnitId) -> bool {
        self.line(unit).any(|unit| unit == above)
    }

    /// Tells whether a role held at `unit` reaches the customers of `region`.
    ///
    /// It reaches the territories of the unit and of those below it; where these have none, those of the
    /// nearest unit above that has any.
    pub fn reaches(&self, unit: &UnitId, region: &str) -> bool {
        let Some(owner) = self.regions.get(region) else { return false };
        self.line(unit)
            .find(|seat| self.within(owner, seat) || self.regions.values().any(|unit| self.within(unit, seat)))
            .is_some_and(|seat| self.within(owner, seat))
    }

    /// Tells whether somebody heads the unit or one above it.
    pub fn heads(&self, head: &EmployeeId, unit: &UnitId) -> bool {
        self.line(unit).any(|unit| self.units.get(unit).is_some_and(|unit| unit.head.as_ref() == Some(head)))
    }

    /// Returns the head of the unit or of the nearest one above it whose head is `eligible`.
    pub fn head_over(&self, unit: &UnitId, eligible: impl Fn(&EmployeeId) -> bool) -> Option<EmployeeId> {
        self.line(unit).filter_map(|unit| self.units.get(unit)?.head.clone()).find(eligible)
    }
}

refusals! {
    /// No table was ever entered of that calendar, so no deadline could be told by it.
    UnknownCalendar { calendar: String } => E_REF "R-017" at "/calendar",
        "there is no calendar \"{calendar}\"; enter its first year before (calendar.adopted)", "无工作日历“{calendar}”，请先记录其年度安排（calendar.adopted）";
    /// Whoever has left heads nothing.
    HeadGone { employee: String } => E_RULE "R-025" at "/head", "\"{employee}\" does not work here now", "“{employee}”目前不在岗";
    /// A unit would lie above itself.
    Cycle => E_RULE "R-052" at "/parent", "a unit cannot lie below itself", "部门不能隶属于自身或其下级";
    /// Customers of its territory would belong to nobody.
    OwnsCustomers { region: String } => E_RULE "R-052" at "/territory",
        "customers of region \"{region}\" still belong to this unit", "区域“{region}”的客户仍属于该部门";
    /// Customers of people who work there would be out of everybody's reach.
    OwnersInside { customer: String } => E_RULE "R-052" at "/status",
        "customer \"{customer}\" is owned by somebody of this unit", "客户“{customer}”的责任人仍在该部门";
    /// A territory word belongs to another active unit.
    RegionTaken { region: String, unit: String } => E_RULE "R-052" at "/territory",
        "region \"{region}\" belongs to unit \"{unit}\"", "区域“{region}”已属于部门“{unit}”";
}

/// Says which stream a unit's definition belongs to.
pub(super) fn about(_: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::UnitDefined(defined) = event;
    Ok(About::subject(StreamName::of("org", defined.unit_id.as_str())))
}

/// Decides a definition on the units as they are.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Event::UnitDefined(defined) = &event;
    let state = &world.organization;
    let unit: UnitId = unit_id(defined);
    if defined.parent.as_ref().is_some_and(|parent| state.within(parent, &unit)) {
        return Err(Refusal::Cycle.into());
    }
    if let Some(head) = defined.head.as_ref().filter(|head| !world.employee.works(head)) {
        return Err(Refusal::HeadGone { employee: head.to_string() }.into());
    }
    if let Some(name) = defined.calendar.as_ref().filter(|named| !calendar::is_known(world, &named.0)) {
        return Err(Refusal::UnknownCalendar { calendar: name.0.clone() }.into());
    }
    let territory: Vec<&str> = match defined.status {
        UnitStatus::Active => defined.territory.iter().flatten().map(|word| word.0.as_str()).collect(),
        UnitStatus::Closed => Vec::new(),
    };
    for &region in &territory {
        match state.regions.get(region) {
            Some(other) if *other != unit => {
                return Err(Refusal::RegionTaken { region: region.into(), unit: other.to_string() }.into());
            }
            _ => {}
        }
    }
    let given_up = state.units.get(&unit).into_iter().flat_map(|unit| &unit.territory);
    for region in given_up.filter(|region| !territory.contains(&region.as_str())) {
        if world.customer.customers.values().any(|customer| customer.region == *region) {
            return Err(Refusal::OwnsCustomers { region: region.clone() }.into());
        }
    }
    if defined.status == UnitStatus::Closed {
        let inside = |owner: &EmployeeId| {
            world.employee.members.get(owner).is_some_and(|owner| state.within(&owner.unit, &unit))
        };
        let owned = world.customer.customers.iter().find(|(_, customer)| !customer.ended() && inside(&customer.owner));
        if let Some((customer, _)) = owned {
            return Err(Refusal::OwnersInside { customer: customer.to_string() }.into());
        }
    }
    Ok(vec![Admission::of(event, context)])
}

/// Takes over the definition.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    let Event::UnitDefined(defined) = event;
    let unit = unit_id(defined);
    state.revision += 1;
    let regions: Vec<String> =
        state.regions.iter().filter(|(_, owner)| **owner == unit).map(|(region, _)| region.clone()).collect();
    for region in regions {
        state.regions.remove(&region);
    }
    let active = defined.status == UnitStatus::Active;
    let territory: Vector<String> = defined.territory.iter().flatten().map(|word| word.0.clone()).collect();
    if active {
        for region in &territory {
            state.regions.insert(region.clone(), unit.clone());
        }
    }
    state.units.insert(unit, Unit {
        name: defined.name.0.clone(),
        kind: defined.kind,
        parent: defined.parent.clone(),
        head: defined.head.clone(),
        territory,
        calendar: defined.calendar.as_ref().map(|calendar| calendar.0.clone()),
        active,
    });
}

/// Lets go of the units.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    if *part == Part::Company {
        state.units.clear();
        state.regions.clear();
        state.revision += 1;
    }
}

fn unit_id(defined: &UnitDefined) -> UnitId {
    defined.unit_id.as_str().parse().expect("a subject id is a unit id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, customer, event, given, role_given, unit};
    use serde_json::json;

    #[test]
    fn a_unit_never_lies_below_itself() {
        let given = given([("system", unit("desk", Some("branch"), None, &[]))]);
        for parent in ["north", "branch", "desk"] {
            given.when("E-002", unit("north", Some(parent), None, &["north"])).then_refused(Code::E_RULE, "R-052");
        }
        given.when("E-002", unit("new", Some("new"), None, &[])).then_refused(Code::E_RULE, "R-052");
        given.when("E-002", unit("desk", Some("south"), None, &[])).then(["org_unit.defined"]);
    }

    #[test]
    fn a_region_belongs_to_one_active_unit() {
        let taken = given([]).when("E-002", unit("south", Some("hq"), None, &["south", "north"]));
        assert!(taken.then_refused(Code::E_RULE, "R-052").contains("unit \"north\""));
        let closed = unit("north", Some("hq"), None, &["north"]).with("status", "closed");
        let given = given([("system", closed)]);
        assert!(!given.world.organization.regions.contains_key("north"));
        given.when("E-002", unit("south", Some("hq"), None, &["south", "north"])).then(["org_unit.defined"]);
    }

    #[test]
    fn a_unit_that_owns_customers_is_not_closed_and_keeps_its_region() {
        let given = given([("E-101", customer("C-01", "Heyuan Alloy Works"))]);
        let closed = unit("north", Some("hq"), None, &["north"]).with("status", "closed");
        given.when("E-002", closed).then_refused(Code::E_RULE, "R-052");
        given.when("E-002", unit("north", Some("hq"), None, &["elsewhere"])).then_refused(Code::E_RULE, "R-052");
        given.when("E-002", unit("north", Some("hq"), None, &["north", "elsewhere"])).then(["org_unit.defined"]);
        let closed = unit("south", Some("hq"), None, &["south"]).with("status", "closed");
        given.when("E-002", closed).then(["org_unit.defined"]);
    }

    #[test]
    fn a_unit_whose_people_own_customers_is_not_closed_though_the_region_is_anothers() {
        let joined = json!({ "employee_id": "E-150", "name": "s1.sealed", "unit": "branch", "joined_on": "2026-01-01" });
        let given = given([
            ("E-001", event("employee.registered", joined)),
            ("system", role_given("E-150", "salesperson", "branch")),
            ("E-150", customer("C-01", "Heyuan Alloy Works").with("owner", "E-150")),
        ]);
        let closed = |given: &Given| given.when("E-002", unit("branch", Some("north"), None, &[]).with("status", "closed"));
        assert!(closed(&given).then_refused(Code::E_RULE, "R-052").contains("C-01"));
        let ended = json!({ "status": "terminated", "reason": "the plant is closed" });
        let ended = event("customer.status_changed", ended).about("customer/C-01");
        closed(&given.and("E-150", ended)).then(["org_unit.defined"]);
    }

    #[test]
    fn a_role_reaches_its_units_territory_and_below_or_that_of_the_nearest_unit_above() {
        let organization = given([]).world.organization;
        for (unit, north, south) in [
            ("hq", true, true),
            ("north", true, false),
            ("branch", true, false),
            ("south", false, true),
            ("accounting", true, true),
            ("unheard-of", false, false),
        ] {
            let unit: UnitId = unit.parse().unwrap();
            assert_eq!(organization.reaches(&unit, "north"), north, "{unit} north");
            assert_eq!(organization.reaches(&unit, "south"), south, "{unit} south");
            assert!(!organization.reaches(&unit, "elsewhere"));
        }
    }

    #[test]
    fn the_head_over_a_unit_is_the_nearest_eligible_one() {
        let organization = given([]).world.organization;
        let over = |unit: &str, not: &str| organization.head_over(&unit.parse().unwrap(), |head| head.as_str() != not);
        assert_eq!(over("branch", "nobody"), "E-201".parse().ok());
        assert_eq!(over("branch", "E-201"), "E-801".parse().ok());
        assert_eq!(over("hq", "E-801"), None);
    }

    #[test]
    fn every_definition_moves_the_revision_that_decisions_rest_on() {
        let given = given([]);
        let before = given.world.organization.revision;
        assert_eq!(given.and("system", unit("desk", Some("hq"), None, &[])).world.organization.revision, before + 1);
    }
}
