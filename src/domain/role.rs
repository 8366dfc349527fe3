//! The system roles a person may hold, each bound to a unit (roles §1).

use crate::domain::catalog::{Choice, Kind, Shape, choices};

choices! {
    /// A system role, in the order in which a holder of several acts.
    Role {
        Salesperson "salesperson" "业务员" "Salesperson",
        SalesManager "sales_manager" "销售经理/主管" "Sales manager",
        RegionalGm "regional_gm" "大区总经理" "Regional general manager",
        CustomerManager "customer_manager" "专职客户经理" "Customer manager",
        KaCommittee "ka_committee" "大客户管理委员会" "Key-account committee",
        KaDepartment "ka_department" "大客户管理部门" "Key-account department",
        Marketing "marketing" "营销管理" "Marketing",
        MarketDirector "market_director" "市场部部长" "Market director",
        MarketSection "market_section" "市场分部" "Market section",
        OfficeSection "office_section" "内勤分部" "Office section",
        Archivist "archivist" "档案保管人" "Archivist",
        Commerce "commerce" "商务部" "Commerce",
        Accounting "accounting" "核算部/会计" "Accounting",
        SalesAdmin "sales_admin" "销管组" "Sales administration",
        Product "product" "产品部" "Product",
        Planning "planning" "企划部" "Planning",
        PlanningManager "planning_manager" "企划部经理" "Planning manager",
        Specialist "specialist" "相关部门专业人员" "Specialist",
        MaterialsHead "materials_head" "资材部长" "Head of materials",
        ServiceClerk "service_clerk" "服务中心业务员" "Service clerk",
        Technician "technician" "技术员" "Technician",
        ServiceSupervisor "service_supervisor" "服务主任" "Service supervisor",
        BranchManager "branch_manager" "分公司经理" "Branch manager",
        ServiceDepartment "service_department" "服务部" "Service department",
        ProductionMonitor "production_monitor" "生产监控部" "Production monitoring",
        BranchEngineer "branch_engineer" "分公司工程科回访人" "Branch engineer",
        MarketDevelopment "market_development" "市场开发部" "Market development",
        CorrespondenceAdmin "correspondence_admin" "传真文件管理员" "Correspondence administrator",
        Hse "hse" "HSE部" "Health, safety and environment",
        DepartmentHead "department_head" "部门负责人" "Department head",
        DeputyGm "deputy_gm" "副总经理" "Deputy general manager",
        GeneralManager "general_manager" "总经理" "General manager",
        Hr "hr" "人事" "Human resources",
        Compliance "compliance" "合规员" "Compliance officer",
        Auditor "auditor" "审计员" "Auditor",
        SystemAdmin "system_admin" "系统管理员" "System administrator",
    }
}

impl Role {
    /// Every role with its labels, in the order in which a holder of several acts.
    pub fn choices() -> &'static [Choice] {
        match Self::kind() {
            Kind::Choice(choices) => choices,
            _ => &[],
        }
    }

    /// Reads a role's key.
    pub fn from_key(key: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(key.to_owned())).ok()
    }

    /// Returns the label in English and Chinese.
    pub fn label(self) -> (&'static str, &'static str) {
        Self::choices()
            .iter()
            .find(|choice| choice.value == self.as_str())
            .map_or(("", ""), |choice| (choice.en, choice.zh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_six_roles_and_each_reads_back_from_its_key() {
        assert_eq!(Role::choices().len(), 36);
        for choice in Role::choices() {
            assert_eq!(Role::from_key(choice.value).map(Role::as_str), Some(choice.value));
        }
    }
}
