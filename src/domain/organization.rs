//! The company's units, their heads and their territories.

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use crate::domain::catalog::{Str, choices, events, refusals};
use crate::domain::{self, About, Admission, Context, Fact, World};
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
    pub fn line(&self, unit: &UnitId) -> Vec<UnitId> {
        let mut line = Vec::new();
        let mut next = Some(unit.clone());
        while let Some(unit) = next {
            // Cycles are refused on entry; a bound costs nothing and keeps a fault from hanging.
            if line.contains(&unit) {
                break;
            }
            next = self.units.get(&unit).and_then(|unit| unit.parent.clone());
            line.push(unit);
        }
        line
    }

    /// Tells whether `unit` is `above` or lies below it.
    pub fn within(&self, unit: &UnitId, above: &UnitId) -> bool {
        self.line(unit).contains(above)
    }

    /// Tells whether a role held at `unit` reaches the customers of `region`.
    ///
    /// It reaches the territories of the unit and of those below it; where these have none, those of the
    /// nearest unit above that has any.
    pub fn reaches(&self, unit: &UnitId, region: &str) -> bool {
        let Some(owner) = self.regions.get(region) else { return false };
        self.line(unit)
            .into_iter()
            .find(|candidate| self.regions.values().any(|unit| self.within(unit, candidate)))
            .is_some_and(|seat| self.within(owner, &seat))
    }

    /// Returns the head of the unit or of the nearest one above it that has another head than `excluded`.
    pub fn head_over(&self, unit: &UnitId, excluded: &[&EmployeeId]) -> Option<EmployeeId> {
        self.line(unit)
            .iter()
            .filter_map(|unit| self.units.get(unit)?.head.clone())
            .find(|head| !excluded.contains(&head))
    }
}

refusals! {
    /// A unit would lie above itself.
    Cycle => E_RULE "R-052", "a unit cannot lie below itself", "部门不能隶属于自身或其下级";
    /// Customers of its territory would belong to nobody.
    OwnsCustomers { region: String } => E_RULE "R-052",
        "customers of region \"{region}\" still belong to this unit", "区域“{region}”的客户仍属于该部门";
    /// A territory word belongs to another active unit.
    RegionTaken { region: String, unit: String } => E_RULE "R-052",
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
        active,
    });
}

fn unit_id(defined: &UnitDefined) -> UnitId {
    defined.unit_id.as_str().parse().expect("a subject id is a unit id")
}
