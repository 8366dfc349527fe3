//! The 36 system roles somebody can hold and act as.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::catalog::{Choice, Kind, Shape};

macro_rules! roles {
    ($($variant:ident $key:literal $zh:literal $en:literal $doc:literal)*) => {
        /// A system role, bound to a unit when an employee holds it.
        ///
        /// The order is that of precedence: whoever holds several acts under the first that permits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Role {
            $(
                #[doc = $doc]
                #[serde(rename = $key)]
                $variant,
            )*
        }

        impl Role {
            /// Every role, in the order of precedence.
            pub const ALL: [Self; 36] = [$(Self::$variant),*];

            /// Every role as a value of the catalog.
            pub const CHOICES: [Choice; 36] = [$(Choice { value: $key, zh: $zh, en: $en }),*];

            /// Returns the key used in events, policies and tokens.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// Returns the Chinese label.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// Returns the English label.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }
        }
    };
}

roles! {
    Salesperson "salesperson" "业务员" "Salesperson" "Looks after customers of their own."
    SalesManager "sales_manager" "销售经理/主管" "Sales manager" "Leads salespeople and supports their customers inside the company."
    RegionalGm "regional_gm" "大区总经理" "Regional general manager" "Reviews grades and answers for the archives of a region."
    CustomerManager "customer_manager" "专职客户经理/大客户经理" "Customer manager" "Looks after key customers full time."
    KaCommittee "ka_committee" "大客户管理委员会" "Key-account committee" "Decides on key accounts, their units and managers."
    KaDepartment "ka_department" "大客户管理部门" "Key-account department" "Keeps the rules, scores and archives of key accounts."
    Marketing "marketing" "营销管理" "Marketing management" "Owns the archive's rules, suggestions and general complaints."
    MarketDirector "market_director" "市场部部长/主管副部长" "Market director" "Recognizes customers and reviews the whole policy each year."
    MarketSection "market_section" "市场分部" "Market section" "Decides on new-customer applications."
    OfficeSection "office_section" "内勤分部" "Office section" "Files new-customer applications."
    Archivist "archivist" "档案保管人" "Archivist" "Keeps, verifies and lends the archives."
    Commerce "commerce" "商务部" "Commerce" "Follows projects, sales and regional registration."
    Accounting "accounting" "核算部/会计" "Accounting" "Records payments and rates the credit of key customers."
    SalesAdmin "sales_admin" "销管组" "Sales administration" "Issues gifts, plans receptions and checks visit plans."
    Product "product" "产品部" "Product department" "Brings new products to customers and their answers back."
    Planning "planning" "企划部" "Planning" "Judges and distributes demand information."
    PlanningManager "planning_manager" "企划部经理" "Planning manager" "Sets the plan for demand information and rewards it."
    Specialist "specialist" "技术/设计/质量/相关部门" "Specialist" "Studies suggestions and surveys customers for one department."
    MaterialsHead "materials_head" "资材部长" "Head of materials" "Surveys suppliers and signs supply contracts."
    ServiceClerk "service_clerk" "服务中心/分公司业务员" "Service clerk" "Registers service calls and customers' products."
    Technician "technician" "技术员" "Technician" "Repairs at the customer's and in the workshop."
    ServiceSupervisor "service_supervisor" "服务主任" "Service supervisor" "Dispatches technicians and inspects their work."
    BranchManager "branch_manager" "分公司经理" "Branch manager" "Countersigns a branch's service reports."
    ServiceDepartment "service_department" "服务部" "Service department" "Surveys opinions and settles ordinary complaints."
    ProductionMonitor "production_monitor" "生产监控部" "Production monitoring" "Spot-checks revisits and contact points."
    BranchEngineer "branch_engineer" "分公司工程科回访人" "Branch engineer" "Revisits key customers every month."
    MarketDevelopment "market_development" "市场开发部" "Market development" "Nominates key accounts."
    CorrespondenceAdmin "correspondence_admin" "传真文件管理员" "Correspondence administrator" "Numbers, files and hands out letters and faxes."
    Hse "hse" "HSE部" "Health, safety and environment" "Investigates quality complaints."
    DepartmentHead "department_head" "部门负责人/主管" "Department head" "Leads a unit and decides on access to its customers."
    DeputyGm "deputy_gm" "副总经理" "Deputy general manager" "Decides major complaints."
    GeneralManager "general_manager" "总经理" "General manager" "Adopts policies and takes the last step of a chain."
    Hr "hr" "人事" "Human resources" "Registers employees and notices of departure."
    Compliance "compliance" "合规员" "Compliance officer" "Decides on private data, erasure and anomalies."
    Auditor "auditor" "审计员" "Auditor" "Reads everything with a purpose and writes nothing into business streams."
    SystemAdmin "system_admin" "系统管理员" "System administrator" "Manages accounts and sees no business content."
}

impl Role {
    /// Tells whether whoever holds it can look after customers: what an owner owes can be entered by right of being the owner, or by the
    /// region (roles.md §3).
    #[must_use]
    pub const fn may_own(self) -> bool {
        matches!(
            self,
            Self::Salesperson | Self::SalesManager | Self::CustomerManager | Self::RegionalGm | Self::MarketDevelopment
        )
    }

    /// Tells whether it directs, watches over or admits to the whole company, at whatever unit it is held.
    #[must_use]
    pub const fn is_of_company(self) -> bool {
        matches!(
            self,
            Self::DeputyGm | Self::GeneralManager | Self::Hr | Self::Compliance | Self::Auditor | Self::SystemAdmin
        )
    }
}

impl Shape for Role {
    fn kind() -> Kind {
        Kind::Choice(&Self::CHOICES)
    }
}

/// Writes the key; the Chinese label as `{:#}`.
impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if formatter.alternate() { self.zh() } else { self.key() })
    }
}

/// A word that is no role's key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no role \"{0}\"")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(key: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.key() == key).ok_or_else(|| UnknownRole(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_36_roles_with_36_keys_and_labels() {
        let distinct =
            |label: fn(Role) -> &'static str| Role::ALL.map(label).into_iter().collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(Role::key), 36);
        assert_eq!(distinct(Role::zh), 36);
        assert_eq!(distinct(Role::en), 36);
    }

    #[test]
    fn roles_stand_in_the_order_of_precedence() {
        assert!(Role::ALL.is_sorted());
    }

    #[test]
    fn a_key_reads_back_as_its_role_in_text_and_in_json() {
        for role in Role::ALL {
            assert_eq!(role.key().parse(), Ok(role));
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("\"{}\"", role.key()));
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
        }
    }

    #[test]
    fn the_system_is_no_role_a_person_can_hold() {
        assert_eq!("system".parse::<Role>(), Err(UnknownRole("system".to_owned())));
    }
}
