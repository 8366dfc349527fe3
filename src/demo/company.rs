//! The invented company: its units, its staff with at least one person in every role, and names for its customers.

use crate::domain::role::Role;

/// A unit of the company.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) parent: &'static str,
    pub(super) head: Option<&'static str>,
    pub(super) territory: Option<&'static str>,
}

/// A member of the staff.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) unit: &'static str,
}

impl Person {
    /// The founding brings these four; the others are registered by them.
    pub(super) fn founds(&self) -> bool {
        matches!(self.role, Role::GeneralManager | Role::Hr | Role::SystemAdmin | Role::Auditor)
    }
}

/// The regions, which are territory words, in the order of their units.
pub(super) const REGIONS: [&str; 4] = ["North", "South", "East", "West"];

/// The region's place among [`REGIONS`] for somebody who works in a unit of one.
pub(super) fn region_of(unit: &str) -> Option<usize> {
    let word = unit.split_once('-').map(|(_, word)| word).unwrap_or_default();
    REGIONS.iter().position(|region| region.to_uppercase() == word)
}

const fn unit(
    id: &'static str,
    name: &'static str,
    kind: &'static str,
    parent: &'static str,
    head: &'static str,
) -> Unit {
    Unit { id, name, kind, parent, head: Some(head), territory: None }
}

const fn region(id: &'static str, name: &'static str, head: &'static str, territory: &'static str) -> Unit {
    Unit { territory: Some(territory), ..unit(id, name, "region", "HQ", head) }
}

/// Every unit below headquarters, those above first.
pub(super) const UNITS: &[Unit] = &[
    region("R-NORTH", "北部大区 North region", "E-301", "North"),
    region("R-SOUTH", "南部大区 South region", "E-302", "South"),
    region("R-EAST", "东部大区 East region", "E-303", "East"),
    region("R-WEST", "西部大区 West region", "E-304", "West"),
    unit("S-NORTH", "北部销售部 North sales", "office", "R-NORTH", "E-201"),
    unit("S-SOUTH", "南部销售部 South sales", "office", "R-SOUTH", "E-202"),
    unit("S-EAST", "东部销售部 East sales", "office", "R-EAST", "E-203"),
    unit("S-WEST", "西部销售部 West sales", "office", "R-WEST", "E-204"),
    unit("B-NORTH", "北部分公司 North branch", "branch", "R-NORTH", "E-705"),
    unit("D-ACCOUNTING", "核算部 Accounting", "department", "HQ", "E-402"),
    unit("D-COMMERCE", "商务部 Commerce", "department", "HQ", "E-411"),
    unit("D-ARCHIVE", "档案室 Archive", "department", "HQ", "E-501"),
    unit("D-MARKET", "市场部 Market", "department", "HQ", "E-601"),
    unit("D-PRODUCT", "产品部 Product", "department", "HQ", "E-606"),
    unit("D-PLANNING", "企划部 Planning", "department", "HQ", "E-608"),
    unit("D-KEY", "大客户管理部 Key accounts", "department", "HQ", "E-622"),
    unit("C-KEY", "大客户管理委员会 Key-account committee", "committee", "HQ", "E-621"),
    unit("D-SERVICE", "服务部 Service", "department", "HQ", "E-701"),
    unit("D-TECHNICAL", "技术部 Technical", "department", "HQ", "E-814"),
    unit("D-MATERIALS", "资材部 Materials", "department", "HQ", "E-815"),
    unit("D-HSE", "HSE部 Health, safety and environment", "department", "HQ", "E-816"),
    unit("D-MONITORING", "生产监控部 Production monitoring", "department", "HQ", "E-811"),
    unit("D-OFFICE", "办公室 Office", "department", "HQ", "E-610"),
    unit("D-COMPLIANCE", "合规部 Compliance", "department", "HQ", "E-902"),
];

macro_rules! staff {
    ($($id:literal $name:literal $role:ident $unit:literal)*) => {
        &[$(Person { id: $id, name: $name, role: Role::$role, unit: $unit }),*]
    };
}

/// Everybody, each with one role held in their own unit. The names are syllables, not people.
pub(super) const STAFF: &[Person] = staff! {
    "E-801" "Dong" GeneralManager "HQ"
    "E-812" "Ning" Hr "HQ"
    "E-813" "Cen" SystemAdmin "HQ"
    "E-901" "Ji" Auditor "HQ"
    "E-101" "Lin" Salesperson "S-NORTH"
    "E-102" "Qiao" Salesperson "S-NORTH"
    "E-103" "Fu" Salesperson "S-SOUTH"
    "E-104" "An" Salesperson "S-SOUTH"
    "E-105" "Bo" Salesperson "S-EAST"
    "E-106" "Cai" Salesperson "S-EAST"
    "E-107" "Dai" Salesperson "S-WEST"
    "E-108" "Fei" Salesperson "S-WEST"
    "E-109" "Ge" Salesperson "S-NORTH"
    "E-110" "Hua" Salesperson "S-SOUTH"
    "E-111" "Jia" Salesperson "S-EAST"
    "E-113" "Kuang" Salesperson "S-WEST"
    "E-114" "Lan" Salesperson "S-NORTH"
    "E-115" "Mi" Salesperson "S-SOUTH"
    "E-116" "Nie" Salesperson "S-EAST"
    "E-117" "Ou" Salesperson "S-WEST"
    "E-118" "Pang" Salesperson "S-NORTH"
    "E-119" "Qi" Salesperson "S-SOUTH"
    "E-120" "Ren" Salesperson "S-EAST"
    "E-121" "Sha" Salesperson "S-WEST"
    "E-122" "Teng" Salesperson "S-NORTH"
    "E-123" "Wei" Salesperson "S-SOUTH"
    "E-124" "Xi" Salesperson "S-EAST"
    "E-125" "Yan" Salesperson "S-WEST"
    "E-112" "Sui" CustomerManager "S-NORTH"
    "E-126" "Zhan" CustomerManager "S-SOUTH"
    "E-127" "Bian" CustomerManager "S-EAST"
    "E-128" "Che" CustomerManager "S-WEST"
    "E-201" "Meng" SalesManager "S-NORTH"
    "E-202" "Duan" SalesManager "S-SOUTH"
    "E-203" "Feng" SalesManager "S-EAST"
    "E-204" "Gan" SalesManager "S-WEST"
    "E-211" "Hou" DepartmentHead "S-NORTH"
    "E-212" "Jin" DepartmentHead "S-SOUTH"
    "E-213" "Lei" DepartmentHead "S-EAST"
    "E-214" "Mao" DepartmentHead "S-WEST"
    "E-301" "Gao" RegionalGm "R-NORTH"
    "E-302" "Tan" RegionalGm "R-SOUTH"
    "E-303" "Pei" RegionalGm "R-EAST"
    "E-304" "Qin" RegionalGm "R-WEST"
    "E-401" "Shu" Accounting "D-ACCOUNTING"
    "E-402" "Yue" Accounting "D-ACCOUNTING"
    "E-403" "Shi" Accounting "D-ACCOUNTING"
    "E-411" "Tao" Commerce "D-COMMERCE"
    "E-412" "Wan" Commerce "D-COMMERCE"
    "E-501" "Bai" Archivist "D-ARCHIVE"
    "E-502" "Xiang" Archivist "D-ARCHIVE"
    "E-601" "Hong" MarketDirector "D-MARKET"
    "E-602" "Yao" Marketing "D-MARKET"
    "E-603" "Zang" MarketSection "D-MARKET"
    "E-604" "Bao" OfficeSection "D-MARKET"
    "E-605" "Chai" MarketDevelopment "D-MARKET"
    "E-606" "Ding" Product "D-PRODUCT"
    "E-607" "Fan" Planning "D-PLANNING"
    "E-608" "Guan" PlanningManager "D-PLANNING"
    "E-609" "Hao" SalesAdmin "D-MARKET"
    "E-610" "Jing" CorrespondenceAdmin "D-OFFICE"
    "E-621" "Kou" KaCommittee "C-KEY"
    "E-622" "Lai" KaDepartment "D-KEY"
    "E-701" "Rao" ServiceDepartment "D-SERVICE"
    "E-702" "Xin" ServiceSupervisor "B-NORTH"
    "E-703" "Pu" Technician "B-NORTH"
    "E-704" "Mu" ServiceClerk "B-NORTH"
    "E-705" "Nong" BranchManager "B-NORTH"
    "E-706" "Ouyang" BranchEngineer "B-NORTH"
    "E-802" "Wen" DeputyGm "HQ"
    "E-811" "Ruan" ProductionMonitor "D-MONITORING"
    "E-814" "Peng" Specialist "D-TECHNICAL"
    "E-815" "Que" MaterialsHead "D-MATERIALS"
    "E-816" "Rong" Hse "D-HSE"
    "E-902" "Kang" Compliance "D-COMPLIANCE"
};

/// A firm whose customer the company is: a bank, a law office.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) chinese: bool,
    pub(super) scope: &'static str,
}

const fn service(name: &'static str, scope: &'static str, chinese: bool) -> Service {
    Service { name, chinese, scope }
}

/// One of each kind the company is served by, named like the other customers.
const SERVICES: [Service; 7] = [
    service("甲辰己律师事务所", "法律服务", true),
    service("Vomodar Bank", "Banking", false),
    service("乙巳庚财务顾问", "财务顾问", true),
    service("Zavelix Insurance", "Insurance", false),
    service("丙午辛广告", "广告", true),
    service("Thriramond Finance", "Help with financing", false),
    service("丁未壬公关", "公共关系", true),
];

/// Returns the firm that stands at that number instead of somebody who buys: one in forty, until all are there.
pub(super) fn service_at(number: usize) -> Option<&'static Service> {
    SERVICES.get(number / 40).filter(|_| number % 40 == 20)
}

/// Returns the customer's name: in Chinese an ordinal of stems and branches, in English a word no language has, and the trade.
///
/// Names are the same for the same number and different for different ones, up to some ten thousand.
pub(super) fn name(number: usize) -> (String, bool) {
    let pick = |words: &[&'static str], at: usize| words.get(at % words.len().max(1)).copied().unwrap_or_default();
    if number % 3 == 2 {
        let at = number / 3;
        let word = format!(
            "{}{}{}",
            pick(&FIRST, at),
            pick(&MIDDLE, at / FIRST.len()),
            pick(&LAST, at / (FIRST.len() * MIDDLE.len()) + at),
        );
        return (format!("{word} {}", pick(&TRADES_ENGLISH, at * 7 + at / 5)), false);
    }
    let at = number - number / 3;
    let ordinal = format!("{}{}{}", pick(&STEMS, at), pick(&BRANCHES, at), pick(&STEMS, at / 60 + at % 7),);
    (format!("{ordinal}{}", pick(&TRADES_CHINESE, at / 60 + at * 5)), true)
}

const STEMS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];
const BRANCHES: [&str; 12] = ["子", "丑", "寅", "卯", "辰", "巳", "午", "未", "申", "酉", "戌", "亥"];
const TRADES_CHINESE: [&str; 23] = [
    "电机厂",
    "阀门厂",
    "泵业",
    "造纸厂",
    "化工厂",
    "水泥厂",
    "变电站",
    "热电厂",
    "轨道交通",
    "自来水厂",
    "冶炼厂",
    "炼化厂",
    "制药厂",
    "纺织厂",
    "玻璃厂",
    "锅炉厂",
    "轴承厂",
    "电缆厂",
    "港务",
    "矿业",
    "仪表经销部",
    "机电经销部",
    "自动化工程",
];
const FIRST: [&str; 19] = [
    "Vo", "Za", "Que", "Thri", "Bru", "Kle", "Yo", "Dra", "Fi", "Glo", "Hu", "Ju", "Ni", "Pra", "Ru", "Sko", "Tu",
    "Wi", "Xa",
];
const MIDDLE: [&str; 11] = ["mo", "ve", "li", "ra", "du", "sti", "ko", "pe", "nu", "gra", "zi"];
const LAST: [&str; 13] = ["dar", "lix", "mond", "nar", "pon", "rek", "sil", "tov", "vik", "wend", "xim", "yor", "zel"];
const TRADES_ENGLISH: [&str; 17] = [
    "Pumps",
    "Valves",
    "Paper Mill",
    "Chemicals",
    "Cement",
    "Power Station",
    "Metro",
    "Waterworks",
    "Foundry",
    "Refinery",
    "Glass",
    "Textiles",
    "Boilers",
    "Bearings",
    "Cables",
    "Port Services",
    "Automation",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_role_is_held_by_somebody() {
        let held: BTreeSet<Role> = STAFF.iter().map(|person| person.role).collect();
        assert_eq!(held.len(), Role::ALL.len());
        assert!(STAFF.len() >= 36);
    }

    #[test]
    fn ids_and_names_are_given_once_and_units_and_heads_exist() {
        let ids: BTreeSet<&str> = STAFF.iter().map(|person| person.id).collect();
        let names: BTreeSet<&str> = STAFF.iter().map(|person| person.name).collect();
        assert_eq!((ids.len(), names.len()), (STAFF.len(), STAFF.len()));
        let units: BTreeSet<&str> = UNITS.iter().map(|unit| unit.id).chain(["HQ"]).collect();
        assert_eq!(units.len(), UNITS.len() + 1);
        for person in STAFF {
            assert!(units.contains(person.unit), "{}", person.id);
        }
        for unit in UNITS {
            assert!(units.contains(unit.parent), "{}", unit.id);
            assert!(unit.head.is_none_or(|head| ids.contains(head)), "{}", unit.id);
        }
    }

    #[test]
    fn each_region_has_a_general_manager_a_sales_manager_and_six_salespeople() {
        for region in 0..REGIONS.len() {
            let count = |role| STAFF.iter().filter(|p| p.role == role && region_of(p.unit) == Some(region)).count();
            assert_eq!((count(Role::RegionalGm), count(Role::SalesManager), count(Role::Salesperson)), (1, 1, 6));
        }
        assert_eq!(region_of("HQ"), None);
    }

    #[test]
    fn customers_have_names_of_their_own_in_both_scripts() {
        let services = SERVICES.iter().map(|service| service.name.to_owned());
        let names: BTreeSet<[u8; 16]> = (0..6000)
            .map(|number| name(number).0)
            .chain(services)
            .map(|name| crate::domain::customer::name_key(&name))
            .collect();
        assert_eq!(names.len(), 6000 + SERVICES.len());
        assert!((0..30).any(|number| name(number).1) && (0..30).any(|number| !name(number).1));
    }
}
