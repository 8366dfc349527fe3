//! Customer archives: opening, profile, classification, ownership and status.

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{
    Choice, Count, Email, Int, Kind, Money, Phone, Quarter, Referent, Sealed, Shape, Str, Text, choices, events, objects,
    refusals, unseen,
};
use crate::domain::history::{Live, Part, Refold};
use crate::domain::duty::{Charge, Due, Duty, Opening, Sink, Turn};
use crate::domain::role::Role;
use crate::domain::{self, About, Admission, Context, Fact, World, contact, document, obligation, policy, sale, signoff};
use crate::entry::Hash;
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName, SubjectId, UnitId};

choices! {
    /// What the customer is to us.
    Party {
        EndUser "end_user" "最终用户" "End user",
        Distributor "distributor" "经销商" "Distributor",
        Supplier "supplier" "供应商" "Supplier",
        ProfessionalService "professional_service" "专业服务机构" "Professional service firm",
        Partner "partner" "合作伙伴" "Partner",
        Individual "individual" "个人" "Individual",
    }
    /// How the customer became known.
    Origin {
        Visit "visit" "拜访" "Visit",
        Survey "survey" "调查" "Survey",
        Referral "referral" "介绍" "Referral",
        Advert "advert" "广告" "Advertisement",
        Inbound "inbound" "来访来电" "Inbound",
        Exhibition "exhibition" "展会" "Exhibition",
        UnitTransfer "unit_transfer" "部门转交" "Transfer from a unit",
        Other "other" "其他" "Other",
    }
    /// A part of the profile.
    Section {
        Basic "basic" "基本资料" "Basic data",
        BusinessStatus "business_status" "业务状况" "Business status",
        TradingStatus "trading_status" "交易现状" "Trading status",
        Production "production" "生产状况" "Production",
        Organisation "organisation" "组织状况" "Organisation",
        PurchaseProcedure "purchase_procedure" "采购程序" "Purchase procedure",
        Investment "investment" "投资计划" "Investment",
        CompetitorShare "competitor_share" "竞争占比" "Competitors' share",
        Bidding "bidding" "招投标" "Bidding",
        Other "other" "其他" "Other",
    }
    /// A way to classify customers; each is independent of the others.
    Dimension {
        Time "time" "时间" "Time",
        TradeStage "trade_stage" "交易阶段" "Trade stage",
        Nature "nature" "性质" "Nature",
        Weight "weight" "主次" "Weight",
        Industry "industry" "行业" "Industry",
        Size "size" "规模" "Size",
        Region "region" "地区" "Region",
        CooperationYears "cooperation_years" "合作年限" "Years of co-operation",
        Lifecycle "lifecycle" "生命周期" "Lifecycle",
        Value "value" "价值" "Value",
        Intent "intent" "意向" "Intent",
        Channel "channel" "渠道" "Channel",
    }
    /// What a part of a customer is to it.
    Tie {
        Branch "branch" "分支机构" "Branch",
        Subsidiary "subsidiary" "子公司" "Subsidiary",
        Other "other" "其他" "Other",
    }
    /// A status somebody states; the others are computed (SM-1).
    StatedStatus {
        Loyal "loyal" "忠诚" "Loyal",
        Lost "lost" "流失" "Lost",
        Terminated "terminated" "终止" "Terminated",
        Reactivated "reactivated" "恢复" "Reactivated",
    }
    /// Why the owner changes.
    AssignmentReason {
        Initial "initial" "首次指派" "Initial",
        Reassignment "reassignment" "调整" "Reassignment",
        Handover "handover" "交接" "Handover",
        SecondContact "second_contact" "第二联系人" "Second contact",
        KeyAccount "key_account" "大客户" "Key account",
        ForcedCustody "forced_custody" "强制托管" "Forced custody",
    }
    /// Why an archive is checked.
    CheckKind {
        Quarterly "quarterly" "季度核定" "Quarterly",
        Spot "spot" "抽查" "Spot check",
        Handover "handover" "交接核定" "Handover",
    }
    /// What a check found.
    CheckResult {
        Confirmed "confirmed" "确认" "Confirmed",
        Corrected "corrected" "已更正" "Corrected",
        Incomplete "incomplete" "不完整" "Incomplete",
    }
    /// The letter of a customer code.
    Letter {
        A "A" "A" "A",
        B "B" "B" "B",
        C "C" "C" "C",
        D "D" "D" "D",
        E "E" "E" "E",
    }
    /// A customer's status as it is computed (SM-1).
    Status {
        Potential "potential" "潜在" "Potential",
        New "new" "新" "New",
        Loyal "loyal" "忠诚/老" "Loyal",
        Dormant "dormant" "停止交易" "Dormant",
        Lost "lost" "流失" "Lost",
        Terminated "terminated" "终止" "Terminated",
        Duplicate "duplicate" "重复" "Duplicate",
    }
}

/// The id of a handover, which no module keeps yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HandoverId(pub String);

impl Shape for HandoverId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Elsewhere("handover"))
    }
}

objects! {
    /// What a profile update may change; each field belongs to one section.
    ///
    /// What a registration says can be superseded, but for the owner, who is assigned, and the first contact, which was when it was.
    Profile {
        /// The name; another customer's is refused (basic).
        name: Option<Str<1, 120>>, C0, "客户名称", "Name";
        /// An individual's name, sealed (basic).
        individual_name: Option<Sealed<Str<1, 120>>>, C4, "个人姓名", "Individual's name";
        /// What the customer is to us; a firm does not become a natural person (basic).
        party: Option<Party>, C1, "客户界定", "Party";
        /// Whether the customer buys from us directly (basic).
        direct: Option<bool>, C1, "直接客户", "Direct customer";
        /// The region the customer belongs to from now on, which moves who may see it; one the owner works in (basic).
        region: Option<Str<1, 40>>, C1, "所属区域", "Region";
        /// How the customer became known (basic).
        source: Option<Origin>, C1, "客户来源", "Source";
        /// The unit that made the customer known (basic).
        source_unit: Option<UnitId>, C1, "来源单位", "Source unit";
        /// Whether the customer is important and promising, which asks for a second contact of ours (basic).
        important_promising: Option<bool>, C1, "重要且有发展前景", "Important and promising";
        /// Branches and subsidiaries, all of them (basic).
        institutions: Option<Vec<Institution>>, C1, "机构", "Institutions";
        /// Registration number (basic).
        registration_no: Option<Str<8, 30>>, C1, "统一社会信用代码", "Registration number";
        /// Legal representative, sealed (basic).
        legal_representative: Option<Sealed<Str<1, 60>>>, C4, "法定代表人", "Legal representative";
        /// Address (basic).
        address: Option<Str<1, 200>>, C1, "地址", "Address";
        /// An individual's address, sealed (basic).
        individual_address: Option<Sealed<Str<1, 200>>>, C4, "个人地址", "Individual's address";
        /// Postcode (basic).
        postcode: Option<Str<3, 10>>, C1, "邮编", "Postcode";
        /// Telephone (basic).
        phone: Option<Phone>, C1, "电话", "Telephone";
        /// An individual's telephone, sealed (basic).
        individual_phone: Option<Sealed<Phone>>, C4, "个人电话", "Individual's telephone";
        /// Fax (basic).
        fax: Option<Phone>, C1, "传真", "Fax";
        /// E-mail (basic).
        email: Option<Email>, C1, "电子邮件", "E-mail";
        /// An individual's e-mail address, sealed (basic).
        individual_email: Option<Sealed<Email>>, C4, "个人电子邮件", "Individual's e-mail";
        /// Company type (basic).
        company_type: Option<Str<1, 60>>, C1, "公司类型/单位性质", "Company type";
        /// Industry (basic).
        industry: Option<Str<1, 60>>, C1, "行业类别", "Industry";
        /// Business scope (basic).
        business_scope: Option<Text>, C1, "经营范围", "Business scope";
        /// Registered capital in fen (basic).
        registered_capital: Option<Money>, C1, "注册资本", "Registered capital";
        /// Name on invoices (basic).
        invoice_name: Option<Str<1, 120>>, C1, "开票名称", "Invoice name";
        /// Size (basic).
        size: Option<Text>, C2, "规模", "Size";
        /// Assets (basic).
        assets: Option<Text>, C2, "资产状况", "Assets";
        /// Shareholders (basic).
        shareholders: Option<Text>, C2, "股东结构", "Shareholders";
        /// Main products (basic).
        main_products: Option<Text>, C2, "主要产品", "Main products";
        /// Reputation (basic).
        reputation: Option<Text>, C2, "信誉", "Reputation";
        /// Unit code (basic).
        unit_code: Option<Str<1, 40>>, C1, "单位代码", "Unit code";
        /// Substations governed (basic).
        substations: Option<Int<0, 1_000_000>>, C1, "所辖变电站数量", "Substations";
        /// Trading with us since (basic).
        trading_since: Option<Date>, C1, "交易起始", "Trading since";
        /// Relation with us (business status).
        relation_with_us: Option<Text>, C2, "与我司关系", "Relation with us";
        /// Relation with competitors (business status).
        relation_with_competitors: Option<Text>, C6, "与竞争公司关系", "Relation with competitors";
        /// Attitude to co-operation (business status).
        cooperation_attitude: Option<Text>, C2, "合作态度", "Attitude";
        /// Business ties (business status).
        business_ties: Option<Text>, C2, "业务联系", "Business ties";
        /// Sales activity (trading status).
        sales_activity: Option<Text>, C2, "销售活动", "Sales activity";
        /// Demand (trading status).
        demand: Option<Text>, C2, "需求", "Demand";
        /// Main products in demand (trading status).
        main_demand: Option<Text>, C2, "主要产品需求", "Main demand";
        /// State of credit (trading status).
        credit_state: Option<Text>, C3, "信用状况", "State of credit";
        /// Terms of trade (trading status).
        terms_note: Option<Text>, C3, "交易条件", "Terms";
        /// Past credit problems (trading status).
        past_credit_problems: Option<Text>, C3, "以往信用问题", "Past credit problems";
        /// Capacity (production).
        capacity: Option<Text>, C2, "产量规模", "Capacity";
        /// Product mix (production).
        product_mix: Option<Text>, C2, "产品结构", "Product mix";
        /// Production lines (production).
        lines: Option<Text>, C2, "生产线", "Lines";
        /// Plans (production).
        plans: Option<Text>, C6, "发展规划", "Plans";
        /// Strategy (organisation).
        strategy: Option<Text>, C6, "战略方向", "Strategy";
        /// Structure (organisation).
        structure: Option<Text>, C2, "组织结构", "Structure";
        /// Management system (organisation).
        management_system: Option<Text>, C2, "管理体系", "Management system";
        /// Procedure (purchase procedure).
        procedure: Option<Text>, C2, "购买程序", "Procedure";
        /// Scale (investment).
        scale: Option<Text>, C2, "投资规模", "Scale";
        /// Planned projects (investment).
        planned_projects: Option<Text>, C6, "拟开发项目", "Planned projects";
        /// Competitors' shares (competitor share).
        shares: Option<Vec<CompetitorShare>>, C6, "竞争占比", "Shares";
        /// Bidding method (bidding).
        bid_method: Option<Text>, C2, "竞标办法", "Bidding method";
        /// Contract habits (bidding).
        contract_habits: Option<Text>, C2, "合约习惯", "Contract habits";
        /// Price level (bidding).
        price_level: Option<Text>, C2, "价格水平", "Price level";
        /// Kind of contract (bidding).
        contract_mode: Option<Text>, C2, "合同方式", "Contract mode";
        /// Ability to pay (bidding).
        payment_ability: Option<Text>, C3, "支付能力", "Ability to pay";
        /// Project management (bidding).
        project_management: Option<Text>, C2, "项目开发管理能力", "Project management";
        /// Remark (other).
        remark: Option<Text>, C2, "备注", "Remark";
    }
    /// A branch or subsidiary of the customer.
    Institution {
        /// Its name.
        name: Str<1, 120>, C1, "机构名称", "Institution";
        /// What it is to the customer.
        tie: Tie, C1, "隶属关系", "Tie";
        /// Where it is.
        location: Option<Str<1, 200>>, C1, "所处地点", "Location";
    }
    /// One competitor's share of the customer's purchases.
    CompetitorShare {
        /// The competitor.
        competitor: Str<1, 120>, C6, "竞争公司", "Competitor";
        /// Its share in basis points.
        share_bp: Int<0, 10_000>, C6, "占比(基点)", "Share (bp)";
    }
    /// Something a check found missing or wrong.
    Finding {
        /// What.
        item: Str<1, 120>, C1, "项目", "Item";
        /// What is to be done.
        action: Str<1, 200>, C1, "措施", "Action";
        /// By when.
        due: Date, C1, "期限", "Due";
        /// By whom.
        responsible: EmployeeId, C1, "责任人", "Responsible";
    }
}

impl Dimension {
    /// Returns the classes of the dimension; `None` where any text may be one.
    pub fn classes(self) -> Option<&'static [Choice]> {
        match self {
            Self::Time => Some(TIME),
            Self::TradeStage => Some(TRADE_STAGE),
            Self::Nature => Some(NATURE),
            Self::Weight => Some(WEIGHT),
            Self::Lifecycle => Some(LIFECYCLE),
            Self::Value => Some(VALUE),
            Self::Intent => Some(INTENT),
            Self::Channel => Some(CHANNEL),
            Self::Industry | Self::Size | Self::Region | Self::CooperationYears => None,
        }
    }
}

const TIME: &[Choice] = &[class("old", "老", "Old"), class("new", "新", "New"), class("future", "未来", "Future")];
const TRADE_STAGE: &[Choice] =
    &[class("past", "曾经", "Past"), class("current", "正在", "Current"), class("prospective", "即将", "Prospective")];
const NATURE: &[Choice] = &[
    class("power_grid", "局方（电网）", "Power grid"),
    class("power_plant", "电厂", "Power plant"),
    class("steel_plant", "钢厂", "Steel plant"),
    class("metro", "地铁", "Metro"),
    class("petroleum", "石油", "Petroleum"),
    class("petrochemical", "石化", "Petrochemical"),
    class("automation_vendor", "综自厂商", "Automation vendor"),
    class("trading_partner", "交易伙伴", "Trading partner"),
];
const WEIGHT: &[Choice] =
    &[class("main", "主力", "Main"), class("general", "一般", "General"), class("scattered", "零散", "Scattered")];
const LIFECYCLE: &[Choice] = &[
    class("potential", "潜在", "Potential"),
    class("new", "新", "New"),
    class("loyal", "忠诚", "Loyal"),
    class("lost", "流失", "Lost"),
];
const VALUE: &[Choice] = &[class("high", "高", "High"), class("middle", "中", "Middle"), class("low", "低", "Low")];
const INTENT: &[Choice] = &[class("A", "A", "A"), class("B", "B", "B"), class("C", "C", "C")];
const CHANNEL: &[Choice] = &[class("C1", "C1", "C1"), class("C2", "C2", "C2"), class("none", "无", "None")];

const fn class(value: &'static str, zh: &'static str, en: &'static str) -> Choice {
    Choice { value, zh, en }
}

events! {
    /// A customer's archive is opened.
    Registered "customer.registered" "客户建档" "Customer registered" {
        /// The customer; issued when left out.
        customer_id: Option<SubjectId>, C0, "客户编号", "Customer id", computed;
        /// The name.
        name: Str<1, 120>, C0, "客户名称", "Name";
        /// What the customer is to us.
        party: Party, C1, "客户界定", "Party";
        /// Whether the customer buys from us directly.
        direct: bool, C1, "直接客户", "Direct customer";
        /// The unified registration number.
        registration_no: Option<Str<8, 30>>, C1, "统一社会信用代码", "Registration number";
        /// The legal representative, sealed.
        legal_representative: Option<Sealed<Str<1, 60>>>, C4, "法定代表人", "Legal representative";
        /// The address.
        address: Option<Str<1, 200>>, C1, "地址", "Address";
        /// The postcode.
        postcode: Option<Str<3, 10>>, C1, "邮编", "Postcode";
        /// The telephone.
        phone: Option<Phone>, C1, "电话", "Telephone";
        /// The fax.
        fax: Option<Phone>, C1, "传真", "Fax";
        /// The e-mail address.
        email: Option<Email>, C1, "电子邮件", "E-mail";
        /// The type of company.
        company_type: Option<Str<1, 60>>, C1, "公司类型/单位性质", "Company type";
        /// The industry.
        industry: Option<Str<1, 60>>, C1, "行业类别", "Industry";
        /// The scope of business.
        business_scope: Option<Text>, C1, "经营范围", "Business scope";
        /// The registered capital in fen.
        registered_capital: Option<Money>, C1, "注册资本", "Registered capital";
        /// The name on invoices.
        invoice_name: Option<Str<1, 120>>, C1, "开票名称", "Invoice name";
        /// The region the customer belongs to.
        region: Str<1, 40>, C1, "所属区域", "Region";
        /// How the customer became known.
        source: Origin, C1, "客户来源", "Source";
        /// The unit that made the customer known.
        source_unit: Option<UnitId>, C1, "来源单位", "Source unit";
        /// When we were first in contact.
        first_contact_at: Timestamp, C1, "首次接触时间", "First contact";
        /// The salesperson responsible.
        owner: EmployeeId, C1, "责任业务员", "Owner";
        /// Whether the customer is important and promising.
        important_promising: Option<bool>, C1, "重要且有发展前景", "Important and promising";
    }
    /// An individual's archive is opened; the name is a person's and is sealed.
    IndividualRegistered "customer.individual_registered" "个人客户建档" "Individual customer registered" {
        /// The customer; issued when left out.
        customer_id: Option<SubjectId>, C0, "客户编号", "Customer id", computed;
        /// The name, sealed.
        name: Sealed<Str<1, 120>>, C4, "客户名称", "Name";
        /// Whether the customer buys from us directly.
        direct: bool, C1, "直接客户", "Direct customer";
        /// The address, sealed.
        address: Option<Sealed<Str<1, 200>>>, C4, "地址", "Address";
        /// The telephone, sealed.
        phone: Option<Sealed<Phone>>, C4, "电话", "Telephone";
        /// The e-mail address, sealed.
        email: Option<Sealed<Email>>, C4, "电子邮件", "E-mail";
        /// The region the customer belongs to.
        region: Str<1, 40>, C1, "所属区域", "Region";
        /// How the customer became known.
        source: Origin, C1, "客户来源", "Source";
        /// When we were first in contact.
        first_contact_at: Timestamp, C1, "首次接触时间", "First contact";
        /// The salesperson responsible.
        owner: EmployeeId, C1, "责任业务员", "Owner";
    }
    /// Something new is learned about a customer; it supersedes what was known.
    ProfileUpdated "customer.profile_updated" "档案更新" "Profile updated" on "customer" Customer {
        /// The part of the profile.
        section: Section, C1, "栏目", "Section";
        /// What is new.
        changes: Profile, C2, "更新内容", "Changes";
        /// When it was learned.
        learned_at: Timestamp, C1, "获知时间", "Learned at";
        /// How close the source is to the customer, 4 being an insider.
        source_channel: Option<Int<1, 4>>, C6, "信息渠道等级", "Source level";
        /// Whether it is a major change.
        major: bool, C1, "重大变动", "Major";
        /// What to say about it.
        reason: Option<Text>, C1, "说明", "Remark";
    }
    /// A customer is classified along one dimension.
    Classified "customer.classified" "客户分类" "Customer classified" on "customer" Customer {
        /// The dimension.
        dimension: Dimension, C1, "分类维度", "Dimension";
        /// The class in it.
        value: Str<1, 40>, C1, "类别", "Value";
        /// On what grounds.
        basis: Text, C1, "依据", "Basis";
    }
    /// A customer gets a code.
    CodeAssigned "customer.code_assigned" "客户编码" "Code assigned" on "customer" Customer {
        /// The code, such as `A-00001`.
        code: Str<7, 7>, C0, "客户代码", "Code";
        /// Its letter.
        letter: Letter, C0, "等级字母", "Letter";
        /// Its digits, unique and never reused.
        digits: Int<1, 99_999>, C0, "五位数字", "Digits";
        /// The code before.
        previous: Option<Str<7, 7>>, C0, "原代码", "Previous code";
    }
    /// The people responsible for a customer change.
    OwnerAssigned "customer.owner_assigned" "责任人/联系人指派" "Owner assigned" on "customer" Customer {
        /// The salesperson responsible.
        owner: EmployeeId, C1, "责任业务员", "Owner";
        /// Who else is in contact with the customer.
        co_contacts: Vec<EmployeeId>, C1, "共同联系人", "Co-contacts";
        /// The unit that keeps the second copy.
        second_holder: Option<UnitId>, C1, "副本保管部门", "Second holder";
        /// Why.
        reason: AssignmentReason, C1, "原因", "Reason";
        /// The handover it belongs to.
        handover_id: Option<HandoverId>, C1, "交接单", "Handover";
        /// From when.
        effective_at: Timestamp, C1, "生效时间", "Effective at";
    }
    /// Somebody states a customer's status.
    StatusChanged "customer.status_changed" "客户状态变更" "Customer status changed" on "customer" Customer {
        /// The status.
        status: StatedStatus, C1, "状态", "Status";
        /// Why.
        reason: Text, C1, "原因", "Reason";
        /// How the customer is to be won back.
        winback_plan: Option<Text>, C6, "挽回措施", "Win-back plan";
    }
    /// An archive turns out to be a second one of the same customer.
    MarkedDuplicate "customer.marked_duplicate" "重复档案标记" "Marked as duplicate" on "customer" Customer {
        /// The main archive.
        duplicate_of: CustomerId, C1, "主档案", "Duplicate of";
        /// Why.
        reason: Text, C1, "理由", "Reason";
    }
    /// An archive is checked.
    Verified "archive.verified" "档案核定" "Archive verified" on "customer" Customer {
        /// Why it is checked.
        kind: CheckKind, C1, "检查类别", "Kind";
        /// The quarter it is checked for.
        period: Option<Quarter>, C1, "季度", "Quarter";
        /// What was found.
        result: CheckResult, C1, "结果", "Result";
        /// What is to be improved.
        findings: Option<Vec<Finding>>, C1, "完善建议", "Findings";
        /// The last index the check reflects.
        as_of: Option<Count>, C1, "核定截至序号", "As of", computed;
        /// The hash of the last entry of the customer's stream, which commits to all before it.
        content_hash: Option<Hash>, C8, "档案内容哈希", "Content hash", computed;
    }
}

/// A customer as far as decisions need it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Customer {
    /// The region.
    pub region: String,
    /// The salesperson responsible.
    pub owner: EmployeeId,
    /// Who else is in contact with the customer.
    pub co_contacts: Vector<EmployeeId>,
    /// Whether the weight is main (主力), which makes a key customer.
    pub main: bool,
    /// The last status stated and the day it was.
    pub stated: Option<(StatedStatus, Date)>,
    /// The main archive, if this is a second one.
    pub duplicate_of: Option<CustomerId>,
    /// The last quarter checked.
    pub checked: Option<String>,
    /// Whether it is a natural person.
    pub individual: bool,
    /// The name in force as names are compared; none of a natural person, whose name is sealed.
    name: Option<Key>,
    /// The registration number in force, likewise.
    number: Option<Key>,
    /// Moves whenever the rights over the customer may, so that decisions taken before can tell.
    pub rights: u64,
}

impl Customer {
    /// Tells whether the archive has ended: nothing is owed of it any more.
    pub fn ended(&self) -> bool {
        self.duplicate_of.is_some() || matches!(self.stated, Some((StatedStatus::Terminated, _)))
    }
}

/// A text as it is compared, of one length.
pub type Key = [u8; 16];

/// The customers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Every customer ever registered.
    pub customers: OrdMap<CustomerId, Customer>,
    /// The names in force of customers that are no duplicates. Whose they are stands beside them: a correction may leave two with one name
    /// for the time in between, and each lets go of its own alone.
    pub names: OrdSet<(Key, CustomerId)>,
    /// Registration numbers in force, likewise.
    pub numbers: OrdSet<(Key, CustomerId)>,
    /// The last number issued.
    pub issued: u64,
    /// What counters of rights begin above: they move on where a customer is folded anew.
    pub moved: u64,
}

refusals! {
    /// Another customer has the name or the registration number.
    Duplicate { customer: String } => E_CONFLICT "R-031",
        "customer \"{customer}\" has this name or registration number", "客户“{customer}”已使用该名称或信用代码";
    /// The id is in use.
    Taken { customer: String } => E_CONFLICT "R-010" at "/customer_id", "customer \"{customer}\" exists already", "客户“{customer}”已存在";
    /// A firm and a natural person are different things.
    OtherKind => E_RULE "R-026" at "/changes/party",
        "a firm does not become a natural person, nor a natural person a firm: register the other one", "企业与自然人不得互变，请另行建档";
    /// A natural person's own is sealed, in a field of its own.
    InClear { field: String } => E_RULE "R-026" at "/changes/{field}",
        "an individual's \"{field}\" is a person's and goes, sealed, into \"individual_{field}\"", "个人客户的“{field}”属个人信息，请填入加密字段“individual_{field}”";
    /// What would name a natural person in clear.
    NotOfIndividual { field: String } => E_RULE "R-026" at "/changes/{field}",
        "an individual has no \"{field}\"", "个人客户没有“{field}”";
    /// What only a natural person has.
    OfIndividual { field: String } => E_RULE "R-026" at "/changes/{field}",
        "\"{field}\" is an individual's; this customer is none", "“{field}”仅用于个人客户";
    /// An individual's name is a person's and is sealed in a type of its own.
    Individual => E_RULE "R-026" at "/party", "register an individual as customer.individual_registered", "个人客户请使用customer.individual_registered";
    /// The owner does not work here.
    OwnerInactive { employee: String, field: &'static str } => E_RULE "R-028" at "/{field}", "\"{employee}\" cannot be given customers now", "“{employee}”目前不能承接客户";
    /// No role of the person looks after customers.
    OwnerOfNoRole { employee: String, field: &'static str } => E_RULE "R-050" at "/{field}", "no role of \"{employee}\" looks after customers", "“{employee}”没有可负责客户的角色";
    /// Putting an assignment right would give the customer back to whoever cannot have it now.
    OwnerBefore { employee: String } => E_RULE "R-028" at "/target_event",
        "the customer would go back to \"{employee}\", who cannot be given customers now: assign it anew", "客户将退回“{employee}”，而其目前不能承接客户，请重新指派";
    /// The owner belongs elsewhere.
    OwnerElsewhere { employee: String, region: String } => E_RULE "R-028" at "/owner",
        "\"{employee}\" does not work in region \"{region}\", and only its head may give them a customer there",
        "“{employee}”不负责区域“{region}”，仅该区域负责人可指派";
    /// Nobody is responsible for the region.
    NoSuchRegion { region: String } => E_RULE "R-052" at "/region", "no unit is responsible for region \"{region}\"", "没有部门负责区域“{region}”";
    /// The first contact lies in the future.
    FirstContactAhead => E_RULE "R-011" at "/first_contact_at", "the first contact lies in the future", "首次接触时间晚于当前时间";
    /// The value does not belong to the dimension.
    OutsideDimension { value: String } => E_SCHEMA "R-027" at "/value", "\"{value}\" is no class of that dimension", "“{value}”不是该维度的类别";
    /// Grades are proposed and decided.
    Graded { dimension: String } => E_RULE "R-027" at "/dimension",
        "customers are not classified by \"{dimension}\": it is proposed and decided in events of its own",
        "“{dimension}”不属于客户分类，须通过专门的申请与审批评定";
    /// Computed figures are not typed in.
    Computed { field: String } => E_RULE "R-042", "\"{field}\" is computed from sales and cannot be typed in", "“{field}”由销售记录计算，不得手工录入";
    /// Secrets of customers are not kept.
    Secret { field: String } => E_RULE "R-045", "passwords of customers are never kept (\"{field}\")", "不得保存客户密码（“{field}”）";
    /// The field belongs to another section.
    OtherSection { field: String } => E_SCHEMA "R-030" at "/changes/{field}", "\"{field}\" does not belong to this section", "“{field}”不属于该栏目";
    /// Nothing changes.
    NoChange => E_SCHEMA "R-034" at "/changes", "the update changes nothing", "更新内容为空";
    /// What an insider told is strategy.
    InsiderNotStrategy => E_RULE "R-157" at "/source_channel", "what an insider told is class C6; this section has no such field", "四级信息须归入C6，该栏目无此类字段";
    /// The code is not of the form A-00001.
    CodeForm => E_RULE "R-032" at "/code", "a code is its letter, a hyphen and its five digits", "代码须为字母、连字符和五位数字";
    /// Both contracts must be in force first.
    ContractsMissing => E_RULE "R-033", "a code needs the supply and the quality contract in force", "须两份合同均已生效方可编码";
    /// A handover names itself.
    HandoverMissing => E_SCHEMA "R-199" at "/handover_id", "an assignment by handover names the handover", "因交接指派须注明交接单";
    /// SM-1 does not lead there.
    NoTransition { from: Status, to: StatedStatus } => E_STATE "SM-1",
        "a customer cannot go from \"{from}\" to \"{to}\"", "客户状态不能由“{from:#}”变为“{to:#}”";
    /// A duplicate of itself, or of a duplicate.
    DuplicateChain => E_RULE "R-031" at "/duplicate_of", "an archive is no duplicate of itself or of a duplicate", "不得标记为自身或重复档案的重复";
    /// The quarter is checked.
    CheckedAlready { period: String } => E_CONFLICT "R-038" at "/period",
        "the archive is checked for {period} or a later quarter already", "{period}或其后的季度已核定";
    /// The quarter has not begun.
    PeriodAhead { period: String } => E_RULE "R-038" at "/period", "the quarter {period} has not begun", "季度{period}尚未开始";
    /// An incomplete archive says what is missing.
    FindingsMissing => E_SCHEMA "R-040" at "/findings", "an incomplete archive names what is to be improved", "不完整须列出完善建议";
    /// A quarterly check names its quarter.
    PeriodMissing => E_SCHEMA "R-038" at "/period", "a quarterly check names its quarter", "季度核定须注明季度";
}

/// Returns the form in which names are compared: NFKC, case folded, without white space.
pub fn name_key(name: &str) -> Key {
    let mut key = Key::default();
    blake3::Hasher::new().update(folded(name).as_bytes()).finalize_xof().fill(&mut key);
    key
}

/// Returns a name as names are compared: NFKC, case folded, without white space and what nobody sees.
pub fn folded(text: &str) -> String {
    let folded = caseless::default_case_fold_str(&text.nfkc().collect::<String>());
    folded.nfkc().filter(|c| !c.is_whitespace() && !unseen(*c)).collect()
}

/// Returns a customer's status on `day` (SM-1).
pub fn status(world: &World, id: &CustomerId, day: Date, at: Timestamp) -> Option<Status> {
    let customer = world.customer.customers.get(id)?;
    if customer.duplicate_of.is_some() {
        return Some(Status::Duplicate);
    }
    let trading = world.sale.trading.get(id);
    let number = |name| u32::try_from(policy::parameter(world, None, at, name)).unwrap_or(u32::MAX);
    if matches!(customer.stated, Some((StatedStatus::Terminated, _))) {
        return Some(Status::Terminated);
    }
    let Some((trading, last_on)) = trading.and_then(|trading| Some((trading, trading.last_on()?))) else {
        return Some(Status::Potential);
    };
    let (mut awake_on, mut loyal_on) = (last_on, None);
    match customer.stated {
        // A sale from that day on speaks louder than the statement that the customer was lost.
        Some((StatedStatus::Lost, on)) if last_on < on => return Some(Status::Lost),
        Some((StatedStatus::Reactivated, on)) => awake_on = last_on.max(on),
        Some((StatedStatus::Loyal, on)) => loyal_on = Some(on),
        Some((StatedStatus::Lost | StatedStatus::Terminated, _)) | None => {}
    }
    let dormant = number("p.dormant.months");
    if awake_on.plus_months(dormant) < day {
        return Some(Status::Dormant);
    }
    let renews = policy::preset(world, None, at, "newcust") == "newcust.no_tx_3y";
    let trade = trading.since_new(renews.then(|| number("p.newcust.years")));
    let purchases = trade.iter().fold(0_u32, |sum, spell| sum.saturating_add(spell.purchases));
    // SM-1: who comes back after a rest and is not new again by R-091 is an old customer.
    let loyal = purchases >= number("p.loyal.min_purchases")
        || sale::rested(trade, dormant)
        || loyal_on.is_some_and(|on| trade.first().is_some_and(|spell| spell.since <= on));
    Some(if loyal { Status::Loyal } else { Status::New })
}

/// Refuses fields nobody may type in wherever they turn up in a payload.
pub(super) fn forbidden_field(name: &str) -> Option<domain::Refusal> {
    const COMPUTED: &[&str] = &["first_purchase_on", "purchase_count", "cumulative_amount", "products_bought", "customer_count", "average_per_customer"];
    const SECRET: &[&str] = &["password", "passwd", "密码", "login_secret", "pin_code"];
    if COMPUTED.contains(&name) {
        return Some(Refusal::Computed { field: name.into() }.into());
    }
    let lower = name.to_lowercase();
    SECRET.iter().any(|secret| lower.contains(secret)).then(|| Refusal::Secret { field: name.into() }.into())
}

/// Refuses grades where a dimension of classification is named: they have events of their own.
pub(super) fn forbidden_dimension(pointer: &str, named: &str) -> Option<domain::Refusal> {
    const GRADES: &[&str] = &["business_grade", "credit_grade", "key_account", "key_account_grade"];
    (pointer == "/dimension" && GRADES.contains(&named)).then(|| Refusal::Graded { dimension: named.into() }.into())
}

/// Returns the next customer id, for a door to seal under and the writer to check.
pub fn next_id(world: &World) -> CustomerId {
    let mut number = world.customer.issued + 1;
    loop {
        let id: CustomerId = format!("C-{number:05}").parse().expect("digits are an id");
        if !world.customer.customers.contains_key(&id) {
            return id;
        }
        number += 1;
    }
}

/// Says which stream the event belongs to.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let id = match event {
        Event::Registered(Registered { customer_id, .. })
        | Event::IndividualRegistered(IndividualRegistered { customer_id, .. }) => match customer_id {
            Some(id) => customer_id_of(id),
            None => next_id(world),
        },
        Event::ProfileUpdated(_)
        | Event::Classified(_)
        | Event::CodeAssigned(_)
        | Event::OwnerAssigned(_)
        | Event::StatusChanged(_)
        | Event::MarkedDuplicate(_)
        | Event::Verified(_) => domain::named_customer(world, named, "customer")?,
    };
    Ok(About::customer(id))
}

/// Decides on an archive as it is.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    match &event {
        Event::Registered(registered) => return admit_registration(world, context, registered),
        Event::IndividualRegistered(registered) => return admit_individual(world, context, registered),
        Event::ProfileUpdated(updated) => check_update(world, context, updated)?,
        Event::Classified(classified) => check_class(classified)?,
        Event::CodeAssigned(assigned) => {
            if assigned.code.0 != format!("{}-{:05}", assigned.letter.as_str(), assigned.digits.0) {
                return Err(Refusal::CodeForm.into());
            }
            // No module keeps contracts or recognitions yet, so neither preset is ever fulfilled.
            return Err(Refusal::ContractsMissing.into());
        }
        Event::OwnerAssigned(assigned) => check_assignment(world, context, assigned)?,
        Event::StatusChanged(changed) => check_status(world, context, changed)?,
        Event::MarkedDuplicate(_) => check_free(world, context.about.customer.as_ref(), &event)?,
        Event::Verified(verified) => return admit_check(world, context, verified),
    }
    Ok(vec![Admission::of(event, context)])
}

fn admit_registration(world: &World, context: &Context<'_>, registered: &Registered) -> Result<Vec<Admission>, domain::Refusal> {
    if registered.party == Party::Individual {
        return Err(Refusal::Individual.into());
    }
    let id = check_new(world, context, registered.customer_id.as_ref(), registered.first_contact_at)?;
    check_owner(world, context, &registered.owner, &registered.region.0)?;
    check_free(world, None, &Event::Registered(registered.clone()))?;
    let event = Event::Registered(Registered { customer_id: Some(id), ..registered.clone() });
    Ok(opened(world, context, event, registered.first_contact_at))
}

fn admit_individual(world: &World, context: &Context<'_>, registered: &IndividualRegistered) -> Result<Vec<Admission>, domain::Refusal> {
    let id = check_new(world, context, registered.customer_id.as_ref(), registered.first_contact_at)?;
    check_owner(world, context, &registered.owner, &registered.region.0)?;
    let event = Event::IndividualRegistered(IndividualRegistered { customer_id: Some(id), ..registered.clone() });
    Ok(opened(world, context, event, registered.first_contact_at))
}

/// Lets an archive in, and where it comes too late after the first contact the breach with it.
///
/// Contacts from before the ledger was founded ask for nothing: these archives are taken over.
fn opened(world: &World, context: &Context<'_>, event: Event, first_contact_at: Timestamp) -> Vec<Admission> {
    let hours = policy::parameter(world, context.actor.unit(), context.at, "p.archive.first_contact_hours");
    let due = first_contact_at.plus(std::time::Duration::from_secs(3600 * u64::try_from(hours).unwrap_or(0)));
    let asked = first_contact_at >= world.ledger.founded_at;
    let late = asked.then(|| obligation::done_late(world, context, &ARCHIVE, due)).flatten();
    std::iter::once(Admission::of(event, context)).chain(late).collect()
}

fn check_new(
    world: &World,
    context: &Context<'_>,
    given: Option<&SubjectId>,
    first_contact_at: Timestamp,
) -> Result<SubjectId, domain::Refusal> {
    if first_contact_at > context.at.plus(std::time::Duration::from_secs(300)) {
        return Err(Refusal::FirstContactAhead.into());
    }
    let id = context.about.customer.clone().unwrap_or_else(|| next_id(world));
    if world.customer.customers.contains_key(&id) {
        return Err(Refusal::Taken { customer: id.to_string() }.into());
    }
    Ok(given.cloned().unwrap_or_else(|| id.as_str().parse().expect("a customer id is a subject id")))
}

fn check_owner(world: &World, context: &Context<'_>, owner: &EmployeeId, region: &str) -> Result<(), Refusal> {
    check_region(world, region)?;
    check_looks_after(world, context.at, owner, "owner")?;
    check_works_in(world, context, owner, region)
}

/// Refuses to give customers to whoever is not here to look after them, or could enter nothing in their archives.
fn check_looks_after(world: &World, at: Timestamp, employee: &EmployeeId, field: &'static str) -> Result<(), Refusal> {
    let Some(member) = world.employee.members.get(employee).filter(|member| member.available()) else {
        return Err(Refusal::OwnerInactive { employee: employee.to_string(), field });
    };
    if member.roles_on(world.date(at)).any(|held| held.role.may_own()) {
        return Ok(());
    }
    Err(Refusal::OwnerOfNoRole { employee: employee.to_string(), field })
}

fn check_region(world: &World, region: &str) -> Result<(), Refusal> {
    if world.organization.regions.contains_key(region) { Ok(()) } else { Err(Refusal::NoSuchRegion { region: region.into() }) }
}

/// Refuses an owner whose unit, and whose roles' units, reach no further than other regions, unless the head of the region enters it: that
/// is the sign-off.
fn check_works_in(world: &World, context: &Context<'_>, owner: &EmployeeId, region: &str) -> Result<(), Refusal> {
    let today = world.date(context.at);
    let reaches = world.employee.members.get(owner).is_some_and(|member| {
        world.organization.reaches(&member.unit, region)
            || member.roles_on(today).any(|held| world.organization.reaches(&held.unit, region))
    });
    let signed = world.organization.regions.get(region).is_some_and(|unit| {
        let mut line = world.organization.line(unit).filter_map(|unit| world.organization.units.get(unit)?.head.as_ref());
        line.any(|head| context.actor.employee() == Some(head))
    });
    if reaches || signed { Ok(()) } else { Err(Refusal::OwnerElsewhere { employee: owner.to_string(), region: region.into() }) }
}

fn check_update(world: &World, context: &Context<'_>, updated: &ProfileUpdated) -> Result<(), domain::Refusal> {
    let changes = serde_json::to_value(&updated.changes).unwrap_or_default();
    let changed: Vec<&str> = changes.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if changed.is_empty() {
        return Err(Refusal::NoChange.into());
    }
    if let Some(field) = changed.iter().find(|field| section_of(field) != updated.section) {
        return Err(Refusal::OtherSection { field: (*field).into() }.into());
    }
    let strategic = Profile::fields()
        .iter()
        .any(|field| changed.contains(&field.name) && field.class == domain::class::Class::C6);
    if updated.source_channel.is_some_and(|level| level.0 == 4) && !strategic {
        return Err(Refusal::InsiderNotStrategy.into());
    }
    if let Some(id) = &context.about.customer
        && let Some(customer) = world.customer.customers.get(id)
    {
        check_kind(customer, &updated.changes, &changed)?;
        if let Some(region) = updated.changes.region.as_ref().filter(|region| region.0 != customer.region) {
            check_region(world, &region.0)?;
            check_works_in(world, context, &customer.owner, &region.0)?;
        }
    }
    check_free(world, context.about.customer.as_ref(), &Event::ProfileUpdated(updated.clone()))
}

/// A natural person stays one, and what tells who it is is sealed; a firm stays one, too.
fn check_kind(customer: &Customer, changes: &Profile, changed: &[&str]) -> Result<(), Refusal> {
    const NAMING: &[&str] = &["fax", "invoice_name", "legal_representative", "postcode", "registration_no"];
    if changes.party.is_some_and(|party| customer.individual || party == Party::Individual) {
        return Err(Refusal::OtherKind);
    }
    let sealed = |field: &&str| Profile::fields().iter().any(|one| one.name.strip_prefix(INDIVIDUAL) == Some(*field));
    let mut of_individual = changed.iter().filter(|field| field.starts_with(INDIVIDUAL));
    if !customer.individual {
        return of_individual.next().map_or(Ok(()), |field| Err(Refusal::OfIndividual { field: (*field).into() }));
    }
    if let Some(field) = changed.iter().find(|field| sealed(field)) {
        return Err(Refusal::InClear { field: (*field).into() });
    }
    let naming = changed.iter().find(|field| NAMING.contains(field));
    naming.map_or(Ok(()), |field| Err(Refusal::NotOfIndividual { field: (*field).into() }))
}

/// What the fields of a profile begin with that are an individual's, sealed.
const INDIVIDUAL: &str = "individual_";

/// Returns the item of the archive that a field of a profile supersedes: an individual's name is its name.
pub fn item_of(field: &'static str) -> &'static str {
    field.strip_prefix(INDIVIDUAL).unwrap_or(field)
}

/// Refuses what another customer has or is already: the name, the registration number, the main archive or a second one.
fn check_free(world: &World, this: Option<&CustomerId>, event: &Event) -> Result<(), domain::Refusal> {
    let state = &world.customer;
    let (name, number) = match event {
        Event::Registered(registered) => (Some(&registered.name), registered.registration_no.as_ref()),
        Event::ProfileUpdated(updated) => (updated.changes.name.as_ref(), updated.changes.registration_no.as_ref()),
        Event::MarkedDuplicate(marked) => {
            let chained = state.customers.get(&marked.duplicate_of).is_none_or(|main| main.duplicate_of.is_some());
            let mut others = state.customers.values().filter_map(|other| other.duplicate_of.as_ref());
            if chained || this == Some(&marked.duplicate_of) || others.any(|main| Some(main) == this) {
                return Err(Refusal::DuplicateChain.into());
            }
            (None, None)
        }
        Event::IndividualRegistered(_)
        | Event::Classified(_)
        | Event::CodeAssigned(_)
        | Event::OwnerAssigned(_)
        | Event::StatusChanged(_)
        | Event::Verified(_) => (None, None),
    };
    let (name, number) = (name.map(|name| name_key(&name.0)), number.map(|number| name_key(&number.0)));
    match state.other(this, name, number) {
        Some(other) => Err(Refusal::Duplicate { customer: other.to_string() }.into()),
        None => Ok(()),
    }
}

/// Refuses a correction or voiding that would leave a customer with what another has by now, or a chain of duplicates.
///
/// Only what the customer is called in the end is compared: a name it had in between is whoever's it is now.
pub(super) fn check_amended(world: &World, record: Option<&EntryId>, refold: &Refold) -> Result<(), domain::Refusal> {
    let (Part::Customer(id), domain::Event::Customer(_)) = (&refold.part, &refold.of) else { return Ok(()) };
    let mut left = State::default();
    for live in &refold.after {
        let domain::Event::Customer(event) = &live.event else { continue };
        if matches!(event, Event::MarkedDuplicate(_)) && Some(&live.id) == record {
            check_free(world, Some(id), event)?;
        }
        evolve(&mut left, &live.fact(), event);
    }
    if let (Some(after), Some(now)) = (left.customers.get(id), world.customer.customers.get(id))
        && after.owner != now.owner
        && check_looks_after(world, world.ledger.noted_at, &after.owner, "owner").is_err()
    {
        return Err(Refusal::OwnerBefore { employee: after.owner.to_string() }.into());
    }
    let Some(customer) = left.customers.get(id).filter(|customer| customer.duplicate_of.is_none()) else { return Ok(()) };
    match world.customer.other(Some(id), customer.name, customer.number) {
        Some(other) => Err(Refusal::Duplicate { customer: other.to_string() }.into()),
        None => Ok(()),
    }
}

impl State {
    /// Finds another customer than this one that has the name or the number.
    fn other(&self, this: Option<&CustomerId>, name: Option<Key>, number: Option<Key>) -> Option<&CustomerId> {
        let named = name.into_iter().flat_map(|key| having(&self.names, key));
        let numbered = number.into_iter().flat_map(|key| having(&self.numbers, key));
        named.chain(numbered).find(|other| Some(*other) != this)
    }

    /// Forgets what customers are called: where the past of one of them is lived through again, the others stand as they are now, and what
    /// it is called in the end is compared with them.
    pub(super) fn forget_names(&mut self) {
        self.names.clear();
        self.numbers.clear();
    }

    /// Lets a customer be called otherwise, or nothing any more.
    fn rename(&mut self, id: &CustomerId, name: Option<Key>) {
        let Some(customer) = self.customers.get_mut(id) else { return };
        replace(&mut self.names, id, &mut customer.name, name);
    }

    /// Gives a customer another registration number, or none any more.
    fn renumber(&mut self, id: &CustomerId, number: Option<Key>) {
        let Some(customer) = self.customers.get_mut(id) else { return };
        replace(&mut self.numbers, id, &mut customer.number, number);
    }
}

fn having(taken: &OrdSet<(Key, CustomerId)>, key: Key) -> impl Iterator<Item = &CustomerId> {
    let first: CustomerId = "0".parse().expect("no id comes before it");
    taken.range((key, first)..).take_while(move |(other, _)| *other == key).map(|(_, id)| id)
}

fn replace(taken: &mut OrdSet<(Key, CustomerId)>, id: &CustomerId, held: &mut Option<Key>, key: Option<Key>) {
    if let Some(before) = std::mem::replace(held, key) {
        taken.remove(&(before, id.clone()));
    }
    taken.extend(key.map(|key| (key, id.clone())));
}

/// The section a profile field belongs to.
fn section_of(field: &str) -> Section {
    match field {
        "relation_with_us" | "relation_with_competitors" | "cooperation_attitude" | "business_ties" => Section::BusinessStatus,
        "sales_activity" | "demand" | "main_demand" | "credit_state" | "terms_note" | "past_credit_problems" => Section::TradingStatus,
        "capacity" | "product_mix" | "lines" | "plans" => Section::Production,
        "strategy" | "structure" | "management_system" => Section::Organisation,
        "procedure" => Section::PurchaseProcedure,
        "scale" | "planned_projects" => Section::Investment,
        "shares" => Section::CompetitorShare,
        "bid_method" | "contract_habits" | "price_level" | "contract_mode" | "payment_ability" | "project_management" => Section::Bidding,
        "remark" => Section::Other,
        _ => Section::Basic,
    }
}

fn check_class(classified: &Classified) -> Result<(), Refusal> {
    let value = classified.value.0.as_str();
    if classified.dimension.classes().is_none_or(|classes| classes.iter().any(|class| class.value == value)) {
        return Ok(());
    }
    Err(Refusal::OutsideDimension { value: value.to_owned() })
}

fn check_assignment(world: &World, context: &Context<'_>, assigned: &OwnerAssigned) -> Result<(), domain::Refusal> {
    if assigned.reason == AssignmentReason::Handover && assigned.handover_id.is_none() {
        return Err(Refusal::HandoverMissing.into());
    }
    let customer = context.about.customer.as_ref().and_then(|id| world.customer.customers.get(id));
    let region = customer.map(|customer| customer.region.clone()).unwrap_or_default();
    check_owner(world, context, &assigned.owner, &region)?;
    for person in &assigned.co_contacts {
        check_looks_after(world, context.at, person, "co_contacts")?;
    }
    Ok(())
}

fn check_status(world: &World, context: &Context<'_>, changed: &StatusChanged) -> Result<(), Refusal> {
    let today = world.date(context.at);
    let current = context.about.customer.as_ref().and_then(|id| status(world, id, today, context.at));
    let from = current.unwrap_or(Status::Potential);
    let allowed = match (from, changed.status) {
        (Status::Duplicate, _) => false,
        (Status::Terminated, StatedStatus::Reactivated) => true,
        (Status::Terminated, _) => false,
        (_, StatedStatus::Terminated) => true,
        (Status::New, StatedStatus::Loyal) => true,
        (Status::Dormant, StatedStatus::Lost | StatedStatus::Reactivated) => true,
        (Status::Lost, StatedStatus::Reactivated) => true,
        (_, StatedStatus::Loyal | StatedStatus::Lost | StatedStatus::Reactivated) => false,
    };
    if allowed {
        return Ok(());
    }
    Err(Refusal::NoTransition { from, to: changed.status })
}

fn admit_check(world: &World, context: &Context<'_>, verified: &Verified) -> Result<Vec<Admission>, domain::Refusal> {
    if verified.result == CheckResult::Incomplete && verified.findings.as_ref().is_none_or(Vec::is_empty) {
        return Err(Refusal::FindingsMissing.into());
    }
    let customer = context.about.customer.as_ref().and_then(|id| world.customer.customers.get(id));
    if verified.kind == CheckKind::Quarterly {
        let period = verified.period.as_ref().ok_or(Refusal::PeriodMissing)?;
        if period.0 > world.date(context.at).quarter() {
            return Err(Refusal::PeriodAhead { period: period.0.clone() }.into());
        }
        if customer.and_then(|customer| customer.checked.as_deref()).is_some_and(|checked| checked >= period.0.as_str()) {
            return Err(Refusal::CheckedAlready { period: period.0.clone() }.into());
        }
    }
    let archive = context.fetched.archive;
    let as_of = archive.map(|(index, _)| Int(i64::try_from(index).unwrap_or(0)));
    let event = Event::Verified(Verified {
        as_of: domain::computed("as_of", verified.as_of, as_of)?,
        content_hash: domain::computed("content_hash", verified.content_hash, archive.map(|(_, hash)| hash))?,
        ..verified.clone()
    });
    Ok(vec![Admission::of(event, context)])
}

/// An archive is opened within hours of the first contact, by whoever had it.
///
/// The ledger hears of the one only by the other, so this is never open: the entry that fulfills it tells whether it came late.
pub const ARCHIVE: Duty =
    Duty { number: 1, rule: "R-028", zh: "首次接触后建档", en: "Open the archive after the first contact", met_by: "customer.registered" };

/// What is learned of a customer goes into the archive within days.
pub(super) const UPDATE: Duty =
    Duty { number: 2, rule: "R-034", zh: "更新档案", en: "Update the archive", met_by: "customer.profile_updated" };

/// Every archive is checked for every quarter.
pub(super) const CHECK: Duty =
    Duty { number: 4, rule: "R-038", zh: "季度档案核定", en: "Check the archive for the quarter", met_by: "archive.verified" };

/// An important and promising customer gets a second contact of ours.
pub(super) const SECOND_CONTACT: Duty =
    Duty { number: 18, rule: "R-076", zh: "指派第二联系人", en: "Name a second contact person", met_by: "customer.owner_assigned" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&ARCHIVE, &UPDATE, &CHECK, &SECOND_CONTACT];

/// Working days in which an important and promising customer gets a second contact of ours.
const SECOND_CONTACT_DAYS: u32 = 10;

/// Archives open duties when they are opened, and fulfil them as they are kept; of an archive that ends nothing is owed.
pub(super) fn oblige(world: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    match event {
        Event::Registered(registered) => {
            sink.close(&ARCHIVE, fact.subject.id().unwrap_or_default());
            let id = registered.customer_id.as_ref().map(customer_id_of);
            if let Some(id) = id.filter(|_| registered.important_promising == Some(true)) {
                ask_second_contact(&id, sink);
            }
        }
        Event::IndividualRegistered(_) => sink.close(&ARCHIVE, fact.subject.id().unwrap_or_default()),
        Event::ProfileUpdated(updated) => {
            sink.close(&UPDATE, fact.subject.id().unwrap_or_default());
            let Some(id) = fact.customer() else { return };
            signoff::ask_second_holder(&id, fact.at, sink);
            let alone = world.customer.customers.get(&id).is_some_and(|customer| customer.co_contacts.is_empty() && !customer.ended());
            match updated.changes.important_promising {
                Some(true) if alone => ask_second_contact(&id, sink),
                Some(false) => sink.release(&SECOND_CONTACT, id.as_str()),
                Some(true) | None => {}
            }
        }
        Event::OwnerAssigned(assigned) => {
            if !assigned.co_contacts.is_empty() {
                sink.close(&SECOND_CONTACT, fact.subject.id().unwrap_or_default());
            }
        }
        Event::Verified(verified) => {
            if let (CheckKind::Quarterly, Some(period)) = (verified.kind, &verified.period) {
                sink.close_until(&CHECK, fact.subject.id().unwrap_or_default(), &period.0);
            }
        }
        Event::StatusChanged(StatusChanged { status: StatedStatus::Terminated, .. }) | Event::MarkedDuplicate(_) => {
            let id = fact.subject.id().unwrap_or_default();
            for duty in DUTIES.iter().chain(signoff::DUTIES).chain(&[&contact::REVISIT]) {
                sink.release(duty, id);
            }
            document::release(world, fact, id, sink);
        }
        Event::StatusChanged(_) | Event::Classified(_) | Event::CodeAssigned(_) => {}
    }
}

/// Once: a customer of whom it is said again is not given more time.
fn ask_second_contact(id: &CustomerId, sink: &mut Sink) {
    sink.open_once(&SECOND_CONTACT, id.as_str(), id, Charge::OwnersHead(id.clone()), Due::WorkingDays(SECOND_CONTACT_DAYS));
}

/// The end of a quarter asks for a check of every archive, unless the policy asks for yearly ones alone.
pub(super) fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    let Turn::QuarterEnded { year, quarter, after } = turn else { return };
    let period = format!("{year:04}Q{quarter}");
    let at = world.ledger.zone.start_of(after);
    for (id, customer) in &world.customer.customers {
        let checked = customer.checked.as_ref().is_some_and(|checked| *checked >= period);
        let unit = world.employee.members.get(&customer.owner).map(|member| &member.unit);
        if customer.ended() || checked || policy::preset(world, unit, at, "verify") != "verify.quarterly" {
            continue;
        }
        let days = policy::parameter(world, unit, at, "p.quarter.grace_days");
        // The day after the quarter is the first of the days of grace.
        let last = after.plus_days(u32::try_from(days - 1).unwrap_or(0));
        sink.release(&CHECK, id.as_str());
        sink.openings.push(Opening {
            duty: &CHECK,
            object: id.to_string(),
            customer: Some(id.clone()),
            charges: vec![Charge::Holders(Role::Archivist), Charge::Owner(id.clone())],
            due: Due::EndOf(last),
            since: None,
        });
    }
}

/// Takes over what is known of the customers.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Registered(registered) => {
            let Some(id) = registered.customer_id.as_ref().map(customer_id_of) else { return };
            open(state, id.clone(), &registered.region.0, &registered.owner);
            state.rename(&id, Some(name_key(&registered.name.0)));
            state.renumber(&id, registered.registration_no.as_ref().map(|number| name_key(&number.0)));
        }
        Event::IndividualRegistered(registered) => {
            let Some(id) = registered.customer_id.as_ref().map(customer_id_of) else { return };
            open(state, id.clone(), &registered.region.0, &registered.owner);
            if let Some(customer) = state.customers.get_mut(&id) {
                customer.individual = true;
            }
        }
        Event::ProfileUpdated(ProfileUpdated { changes, .. }) => {
            change(state, fact, |customer| {
                if let Some(region) = &changes.region {
                    customer.region.clone_from(&region.0);
                    customer.rights += 1;
                }
            });
            let Some(id) = fact.customer() else { return };
            if state.customers.get(&id).is_some_and(|customer| customer.duplicate_of.is_some()) {
                return;
            }
            // The newest value supersedes: the one before it is free for whom it belongs to.
            if let Some(name) = &changes.name {
                state.rename(&id, Some(name_key(&name.0)));
            }
            if let Some(number) = &changes.registration_no {
                state.renumber(&id, Some(name_key(&number.0)));
            }
        }
        Event::CodeAssigned(_) => {}
        Event::Classified(classified) => change(state, fact, |customer| {
            if classified.dimension == Dimension::Weight {
                customer.main = classified.value.0 == "main";
                customer.rights += 1;
            }
        }),
        Event::OwnerAssigned(assigned) => change(state, fact, |customer| {
            customer.owner = assigned.owner.clone();
            customer.co_contacts = assigned.co_contacts.iter().cloned().collect();
            customer.rights += 1;
        }),
        Event::StatusChanged(changed) => {
            // A day off does not matter in ordering a statement and a sale; the ledger's zone is not this state's to know.
            let day = crate::clock::Zone::default().date(fact.at);
            change(state, fact, |customer| customer.stated = Some((changed.status, day)));
        }
        Event::MarkedDuplicate(marked) => {
            let Some(id) = fact.customer() else { return };
            state.rename(&id, None);
            state.renumber(&id, None);
            change(state, fact, |customer| customer.duplicate_of = Some(marked.duplicate_of.clone()));
        }
        Event::Verified(verified) => change(state, fact, |customer| {
            if let (CheckKind::Quarterly, Some(period)) = (verified.kind, &verified.period) {
                customer.checked = Some(period.0.clone());
            }
        }),
    }
}

/// Lets go of a customer; the numbers issued stay used.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    let Part::Customer(id) = part else { return };
    state.rename(id, None);
    state.renumber(id, None);
    if let Some(customer) = state.customers.remove(id) {
        state.moved = state.moved.max(customer.rights);
    }
}

fn open(state: &mut State, id: CustomerId, region: &str, owner: &EmployeeId) {
    if let Some(number) = id.as_str().strip_prefix("C-").and_then(|digits| digits.parse::<u64>().ok()) {
        state.issued = state.issued.max(number.min(9_999_999));
    }
    let rights = state.moved + 1;
    state.customers.insert(id, Customer {
        region: region.into(),
        owner: owner.clone(),
        co_contacts: Vector::new(),
        main: false,
        stated: None,
        duplicate_of: None,
        checked: None,
        individual: false,
        name: None,
        number: None,
        rights,
    });
}

fn change(state: &mut State, fact: &Fact<'_>, change: impl FnOnce(&mut Customer)) {
    if let Some(customer) = fact.customer().and_then(|id| state.customers.get_mut(&id)) {
        change(customer);
    }
}

fn customer_id_of(id: &SubjectId) -> CustomerId {
    id.as_str().parse().expect("a subject id is a customer id")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{
        Given, Proposed, customer, customer_id, customer_status, day, duplicate, event, given, policy as adopted, role_given, sold, staff_status,
    };

    fn individual(id: &str) -> Proposed {
        event("customer.individual_registered", json!({
            "customer_id": id, "name": "s1.sealed", "direct": true, "region": "north", "source": "inbound",
            "first_contact_at": "2026-03-02T01:00:00Z", "owner": "E-101",
        }))
    }

    fn updated(section: &str, changes: Value) -> Proposed {
        let data = json!({ "section": section, "changes": changes, "learned_at": "2026-03-02T01:00:00Z", "major": false });
        event("customer.profile_updated", data).about("customer/C-01")
    }

    fn numbered(id: &str, name: &str, number: &str) -> Proposed {
        customer(id, name).with("registration_no", number)
    }

    fn assigned(owner: &str, co_contacts: &[&str], reason: &str) -> Proposed {
        let data = json!({ "owner": owner, "co_contacts": co_contacts, "reason": reason, "effective_at": "2026-03-02T02:00:00Z" });
        event("customer.owner_assigned", data).about("customer/C-01")
    }

    fn checked(kind: &str, period: &str) -> Proposed {
        event("archive.verified", json!({ "kind": kind, "period": period, "result": "confirmed" })).about("customer/C-01")
    }

    fn two() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works")), ("E-101", customer("C-02", "Linhai Shipyard"))])
    }

    fn sales(days: &[&str]) -> Given {
        days.iter().fold(two(), |given, day| given.and("system", sold(&format!("S-{day}"), "C-01", day, 100)))
    }

    fn status_on(given: &Given, on: &str) -> &'static str {
        status(&given.world, &customer_id("C-01"), day(on), given.at).unwrap().as_str()
    }

    #[test]
    fn a_name_is_compared_without_width_case_and_white_space() {
        let given = given([("E-101", customer("C-01", "Straße Motoren 北方电力"))]);
        for same in ["STRASSE MOTOREN 北方电力", "straßemotoren北方电力", "Ｓｔｒａｓｓｅ\u{3000}Ｍｏｔｏｒｅｎ 北方 电力", "Stra\u{df}e\u{a0}Motoren北方电力"] {
            let refused = given.when("E-102", customer("C-02", same)).then_refused(Code::E_CONFLICT, "R-031");
            assert!(refused.contains("C-01"), "{same}");
        }
        // Nor by what nobody sees in it: joiners, soft hyphens, fillers and selectors.
        for same in ["Strasse\u{200b}Motoren北方电力", "Stra\u{ad}sse Motoren 北方\u{feff}电力", "StrasseMotoren北方\u{fe00}电力\u{3164}"] {
            given.when("E-102", customer("C-02", same)).then_refused(Code::E_CONFLICT, "R-031");
        }
        for hidden in ["北方\u{202e}电力", "\u{2066}北方电力", "\u{200b}", "\u{3164} \u{ad}"] {
            given.when("E-102", customer("C-02", hidden)).then_malformed(["/name"]);
        }
        given.when("E-102", customer("C-02", "Straße Motoren 南方电力")).then(["customer.registered"]);
        assert_eq!(name_key("e\u{301}cole"), name_key("\u{c9}COLE"));
    }

    #[test]
    fn a_registration_number_belongs_to_one_live_customer() {
        let given = given([("E-101", numbered("C-01", "Heyuan", "91370100MA3C1X"))]);
        for same in ["91370100MA3C1X", "91370100ma3c1x", "9137 0100 MA3C1X"] {
            given.when("E-101", numbered("C-02", "Linhai", same)).then_refused(Code::E_CONFLICT, "R-031");
        }
        let given = given.and("E-101", numbered("C-02", "Linhai", "91370100MA3C2Y"));
        let taken = updated("basic", json!({ "registration_no": "91370100MA3C2Y" }));
        given.when("E-101", taken.clone()).then_refused(Code::E_CONFLICT, "R-031");
        // The newest number supersedes, and the one before is free.
        let given = given.and("E-101", updated("basic", json!({ "registration_no": "91370100MA3C3Z" })));
        given.when("E-101", numbered("C-03", "Xinda", "91370100MA3C3Z")).then_refused(Code::E_CONFLICT, "R-031");
        given.when("E-101", numbered("C-03", "Xinda", "91370100MA3C1X")).then(["customer.registered"]);
        // A duplicate's number is free, and stays so.
        let given = given.and("E-501", duplicate("C-02", "C-01")).and("E-101", taken);
        let other = updated("basic", json!({ "registration_no": "91370100MA3C4Q" })).about("customer/C-02");
        given.and("E-101", other).when("E-101", numbered("C-03", "Xinda", "91370100MA3C4Q")).then(["customer.registered"]);
    }

    #[test]
    fn a_customer_id_is_given_once_or_issued() {
        let given = two();
        given.when("E-101", customer("C-01", "Another Works")).then_refused(Code::E_CONFLICT, "R-010");
        given.when("E-101", individual("C-02")).then_refused(Code::E_CONFLICT, "R-010");
        let issued = given.when("E-101", customer("C-01", "Another Works").without("customer_id"));
        assert_eq!(issued.data()["customer_id"], "C-00003");
        let given = issued.then(["customer.registered"]);
        assert_eq!(given.when("E-101", individual("x").without("customer_id")).subject(), "customer/C-00004");
        given.when("E-101", customer("C-05", "Another").about("customer/C-06")).then_refused(Code::E_SCHEMA, "");
    }

    #[test]
    fn an_individual_has_a_type_and_a_sealed_name_of_its_own() {
        given([]).when("E-101", customer("C-01", "Some Body").with("party", "individual")).then_refused(Code::E_RULE, "R-026");
        let given = given([("E-101", individual("C-01"))]);
        // Sealed names cannot be compared.
        given.when("E-101", individual("C-02")).then(["customer.individual_registered"]);
    }

    #[test]
    fn an_archive_is_opened_within_a_day_of_the_first_contact_or_reported_with_its_entry() {
        let given = given([]).at("2026-03-05T10:00:00+08:00");
        let hours = |given: &Given, hours: i64| {
            given.clone().and("system", adopted("north", json!({}), json!({ "p.archive.first_contact_hours": hours }))
                .with("effective_at", "2026-03-04T00:00:00Z"))
        };
        for register in [customer("C-01", "Heyuan"), individual("C-01")] {
            let at = |at: &str| register.clone().with("first_contact_at", at).with("owner", "E-102");
            let of = |given: &Given, proposed: Proposed| given.when("E-101", proposed).admitted().lived.last().unwrap().0.kind.name;
            let entered = of(&given, register.clone());
            assert_ne!(entered, "obligation.breached", "what was before the founding is taken over");
            assert_eq!(of(&given, at("2026-03-04T10:00:00+08:00")), entered, "a day later is in time");
            assert_eq!(of(&given, at("2026-03-04T09:59:59.999999+08:00")), "obligation.breached");
            assert_eq!(of(&given, at("2026-03-02T10:00:00+08:00")), "obligation.breached", "as of the founding");
            assert_eq!(of(&given, at("2026-03-02T09:59:59.999999+08:00")), entered);
            assert_eq!(of(&hours(&given, 48), at("2026-03-04T09:00:00+08:00")), entered);
            assert_eq!(of(&hours(&given, 12), at("2026-03-04T12:00:00+08:00")), "obligation.breached");
            let late = given.when("E-101", at("2026-03-04T09:00:00+08:00").id("opened-late"));
            let told = late.data();
            assert_eq!(told["trigger_event"], "opened-late");
            assert_eq!((&told["object"], &told["level"], &told["due_at"]), (&json!("C-01"), &json!(1), &json!("2026-03-05T01:00:00.000000Z")));
            assert_eq!((&told["responsible"], &told["escalated_to"]), (&json!(["E-101"]), &json!(["E-201"])));
            assert!(late.admitted().world.obligation.open.values().all(|open| open.duty != ARCHIVE.number), "nothing stays open");
        }
    }

    #[test]
    fn a_first_contact_put_right_reports_nothing_and_takes_no_report_back() {
        let given = given([]).at("2026-03-05T10:00:00+08:00");
        let at = |at: &str| customer("C-01", "Heyuan").with("first_contact_at", at).id("opened-01");
        let put_right = |given: &Given, at: &str| {
            let changes = json!([{ "path": "/first_contact_at", "new": at }]);
            given.amend("E-101", &"opened-01".parse().unwrap(), Some(changes)).then(["record.corrected"])
        };
        let breaches = |given: &Given| given.lived.iter().filter(|one| one.0.kind.name == "obligation.breached").count();
        let late = given.clone().and("E-101", at("2026-03-03T10:00:00+08:00"));
        assert_eq!(breaches(&put_right(&late, "2026-03-05T09:00:00+08:00")), 1);
        let in_time = given.and("E-101", at("2026-03-05T09:00:00+08:00"));
        let found = put_right(&in_time, "2026-03-03T10:00:00+08:00");
        assert_eq!(breaches(&found), 0);
        assert!(found.world.obligation.open.values().all(|open| open.duty != ARCHIVE.number));
        let voided = late.amend("E-101", &"opened-01".parse().unwrap(), None).admitted();
        assert!(voided.world.obligation.open.values().all(|open| open.duty != ARCHIVE.number));
        assert_eq!(breaches(&voided), 1);
    }

    #[test]
    fn the_owner_is_at_work_and_of_the_region() {
        let given = given([("E-001", staff_status("E-102", "on_notice"))]);
        for register in [customer("C-01", "Heyuan"), individual("C-01")] {
            given.when("E-101", register.clone().with("owner", "E-103")).then_refused(Code::E_RULE, "R-028");
            given.when("E-101", register.clone().with("owner", "E-102")).then_refused(Code::E_RULE, "R-028");
            given.when("E-101", register.clone().with("region", "nowhere")).then_refused(Code::E_RULE, "R-052");
            given.when("E-101", register.with("first_contact_at", "2026-03-02T10:05:00.000001+08:00")).then_refused(Code::E_RULE, "R-011");
        }
        // Whoever holds a role that reaches the region is of the region.
        let given = given.and("system", role_given("E-103", "sales_manager", "hq"));
        given.when("E-101", customer("C-01", "Heyuan").with("owner", "E-103")).then(["customer.registered"]);
    }

    #[test]
    fn an_update_changes_fields_of_its_section_and_no_others() {
        let given = two().and("E-101", individual("C-03"));
        for field in Profile::fields() {
            let value = match field.name {
                "registered_capital" | "substations" => json!(5),
                "trading_since" => json!("2020-01-01"),
                "email" | "individual_email" => json!("office@example.com"),
                "shares" => json!([{ "competitor": "Rival", "share_bp": 3000 }]),
                "party" => json!("partner"),
                "direct" | "important_promising" => json!(true),
                "region" | "source_unit" => json!("north"),
                "source" => json!("referral"),
                "institutions" => json!([{ "name": "Heyuan East", "tie": "branch", "location": "2 Station Road" }]),
                _ => json!("12345678"),
            };
            let of = if field.name.starts_with(INDIVIDUAL) { "customer/C-03" } else { "customer/C-01" };
            let right = section_of(field.name);
            for section in [
                Section::Basic, Section::BusinessStatus, Section::TradingStatus, Section::Production, Section::Organisation,
                Section::PurchaseProcedure, Section::Investment, Section::CompetitorShare, Section::Bidding, Section::Other,
            ] {
                let when = given.when("E-101", updated(section.as_str(), json!({ field.name: value })).about(of));
                if section == right {
                    when.then(["customer.profile_updated"]);
                } else {
                    when.then_refused(Code::E_SCHEMA, "R-030");
                }
            }
        }
        given.when("E-101", updated("basic", json!({}))).then_refused(Code::E_SCHEMA, "R-034");
        given.when("E-101", updated("basic", json!({ "weather": "fine" }))).then_malformed(["/changes/weather"]);
        given.when("E-101", updated("weather", json!({ "size": "big" }))).then_malformed(["/section"]);
    }

    /// C-01 called otherwise.
    fn renamed(name: &str) -> Proposed {
        updated("basic", json!({ "name": name }))
    }

    #[test]
    fn a_new_name_is_nobodys_and_the_one_before_is_free() {
        let given = two();
        for taken in ["Linhai Shipyard", "ＬＩＮＨＡＩ\u{3000}shipyard"] {
            let refused = given.when("E-101", renamed(taken)).then_refused(Code::E_CONFLICT, "R-031");
            assert!(refused.contains("C-02"), "{taken}");
        }
        // What it is called already it may be called again, in capitals too.
        let given = given.and("E-101", renamed("HEYUAN alloy works")).and("E-101", renamed("Heyuan Metals"));
        given.when("E-101", customer("C-03", "heyuan metals")).then_refused(Code::E_CONFLICT, "R-031");
        given.when("E-101", customer("C-03", "Heyuan Alloy Works")).then(["customer.registered"]);
        // A second archive's name is free, and stays so.
        let given = given.and("E-501", duplicate("C-01", "C-02")).and("E-101", renamed("Heyuan Copper"));
        given.when("E-101", customer("C-03", "Heyuan Copper")).then(["customer.registered"]);
    }

    #[test]
    fn a_name_that_goes_back_meets_whoever_has_it_by_now() {
        let given = two().and("E-101", renamed("Heyuan Metals"));
        let update = given.lived.last().unwrap().0.id.clone();
        let other = json!([{ "path": "/changes/name", "new": "LINHAI Shipyard" }]);
        assert!(given.amend("E-501", &update, Some(other)).then_refused(Code::E_CONFLICT, "R-031").contains("C-02"));
        let back = given.amend("E-501", &update, None).then(["record.voided"]);
        back.when("E-101", customer("C-03", "Heyuan Alloy Works")).then_refused(Code::E_CONFLICT, "R-031");
        back.when("E-101", customer("C-03", "Heyuan Metals")).then(["customer.registered"]);
        // Somebody else took the name meanwhile.
        let given = given.and("E-101", customer("C-03", "Heyuan Alloy Works"));
        assert!(given.amend("E-501", &update, None).then_refused(Code::E_CONFLICT, "R-031").contains("C-03"));
        let copper = json!([{ "path": "/changes/name", "new": "Heyuan Copper" }]);
        let given = given.amend("E-501", &update, Some(copper)).then(["record.corrected"]);
        given.when("E-101", customer("C-04", "Heyuan Metals")).then(["customer.registered"]);
        given.when("E-101", customer("C-04", "Heyuan Alloy Works")).then_refused(Code::E_CONFLICT, "R-031");
        // What it is no longer called stands in nobody's way, nor does anybody in its.
        let first = given.lived.iter().find(|one| one.0.subject.as_str() == "customer/C-01").unwrap().0.id.clone();
        let phone = json!([{ "path": "/phone", "new": "0531 8000 0009" }]);
        let given = given.amend("E-501", &first, Some(phone)).then(["record.corrected"]);
        given.when("E-101", customer("C-04", "Heyuan Alloy Works")).then_refused(Code::E_CONFLICT, "R-031");
        // Nor does a second archive become one of its own again under a name that is another's.
        let given = given.and("E-501", duplicate("C-03", "C-02"));
        let marked = given.lived.last().unwrap().0.id.clone();
        let given = given.and("E-101", customer("C-05", "Heyuan Alloy Works"));
        assert!(given.amend("E-501", &marked, None).then_refused(Code::E_CONFLICT, "R-031").contains("C-05"));
    }

    #[test]
    fn a_name_that_is_written_over_is_still_the_others() {
        let given = two().and("E-101", renamed("Heyuan Metals"));
        let first = given.lived.iter().find(|one| one.0.subject.as_str() == "customer/C-01").unwrap().0.id.clone();
        // What C-01 was called first is no longer its name, so it may be what C-02 is called, who keeps it.
        let other = json!([{ "path": "/name", "new": "Linhai Shipyard" }]);
        let given = given.amend("E-501", &first, Some(other)).then(["record.corrected"]);
        given.when("E-101", customer("C-03", "Linhai Shipyard")).then_refused(Code::E_CONFLICT, "R-031");
        given.when("E-101", customer("C-03", "Heyuan Metals")).then_refused(Code::E_CONFLICT, "R-031");
    }

    #[test]
    fn a_natural_person_stays_one_and_is_named_nowhere_in_clear() {
        let given = two().and("E-101", individual("C-03"));
        let of = |changes: Value| updated("basic", changes).about("customer/C-03");
        for field in ["name", "address", "phone"] {
            let words = given.when("E-101", of(json!({ field: "12345678" }))).then_refused(Code::E_RULE, "R-026");
            assert!(words.contains(&format!("individual_{field}")), "{words}");
        }
        for field in ["fax", "invoice_name", "legal_representative", "postcode", "registration_no"] {
            given.when("E-101", of(json!({ field: "12345678" }))).then_refused(Code::E_RULE, "R-026");
        }
        given.when("E-101", of(json!({ "party": "partner" }))).then_refused(Code::E_RULE, "R-026");
        given.when("E-101", updated("basic", json!({ "party": "individual" }))).then_refused(Code::E_RULE, "R-026");
        given.when("E-101", updated("basic", json!({ "individual_name": "s1.x" }))).then_refused(Code::E_RULE, "R-026");
        given.when("E-101", updated("basic", json!({ "party": "supplier", "direct": false }))).then(["customer.profile_updated"]);
        let sealed = json!({ "individual_name": "s1.later", "individual_phone": "0531 8000 0009", "direct": false, "trading_since": "2024-01-01" });
        given.when("E-101", of(sealed)).then(["customer.profile_updated"]);
    }

    #[test]
    fn a_region_is_some_units_and_the_owner_works_there() {
        let given = two();
        let moved = |region: &str| updated("basic", json!({ "region": region }));
        given.when("E-101", moved("nowhere")).then_refused(Code::E_RULE, "R-052");
        given.when("E-101", moved("south")).then_refused(Code::E_RULE, "R-028");
        // Where it is already it may be said to be, whoever the owner is.
        given.when("E-101", moved("north")).then(["customer.profile_updated"]);
        let given = given.and("system", role_given("E-102", "sales_manager", "hq"));
        let given = given.and("E-201", assigned("E-102", &[], "reassignment")).and("E-501", moved("south"));
        let now = &given.world.customer.customers[&customer_id("C-01")];
        assert_eq!((now.region.as_str(), now.rights), ("south", 3), "whoever may see it is asked anew");
        let update = given.lived.last().unwrap().0.id.clone();
        // E-103 could not have been given a customer of the north.
        let given = given.and("E-302", assigned("E-103", &[], "reassignment"));
        given.amend("E-501", &update, None).then_refused(Code::E_RULE, "R-005");
    }

    #[test]
    fn computed_figures_and_passwords_are_refused_by_name() {
        let given = two();
        for (field, rule) in [
            ("first_purchase_on", "R-042"), ("purchase_count", "R-042"), ("cumulative_amount", "R-042"), ("products_bought", "R-042"),
            ("customer_count", "R-042"), ("average_per_customer", "R-042"),
            ("password", "R-045"), ("Portal_Password", "R-045"), ("客户密码", "R-045"), ("login_secret", "R-045"),
        ] {
            given.when("E-101", updated("basic", json!({ field: "x" }))).then_refused(Code::E_RULE, rule);
            given.when("E-101", customer("C-03", "Xinda").with(field, "x")).then_refused(Code::E_RULE, rule);
        }
    }

    #[test]
    fn what_an_insider_told_is_strategy() {
        let given = two();
        let insider = |section: &str, changes: Value| updated(section, changes).with("source_channel", 4);
        given.when("E-101", insider("production", json!({ "capacity": "5 kt" }))).then_refused(Code::E_RULE, "R-157");
        given.when("E-101", insider("production", json!({ "capacity": "5 kt", "plans": "a third line" }))).then(["customer.profile_updated"]);
        given.when("E-101", updated("production", json!({ "capacity": "5 kt" })).with("source_channel", 3)).then(["customer.profile_updated"]);
        given.when("E-101", updated("production", json!({ "capacity": "5 kt" })).with("source_channel", 5)).then_malformed(["/source_channel"]);
    }

    #[test]
    fn a_class_belongs_to_its_dimension() {
        let given = two();
        let classified = |dimension: &str, value: &str| {
            event("customer.classified", json!({ "dimension": dimension, "value": value, "basis": "tests" })).about("customer/C-01")
        };
        for (dimension, good, bad) in [
            ("time", "old", "former"), ("trade_stage", "current", "new"), ("nature", "metro", "bank"), ("weight", "main", "A"),
            ("lifecycle", "loyal", "dormant"), ("value", "high", "A"), ("intent", "A", "D"), ("channel", "C1", "C3"),
        ] {
            given.when("E-101", classified(dimension, good)).then(["customer.classified"]);
            given.when("E-101", classified(dimension, bad)).then_refused(Code::E_SCHEMA, "R-027");
        }
        for free in ["industry", "size", "region", "cooperation_years"] {
            given.when("E-101", classified(free, "whatever")).then(["customer.classified"]);
        }
        given.when("E-101", classified("credit", "A")).then_malformed(["/dimension"]);
        let main = given.and("E-101", classified("weight", "main"));
        assert!(main.world.customer.customers[&customer_id("C-01")].main);
        assert!(!main.and("E-101", classified("weight", "general")).world.customer.customers[&customer_id("C-01")].main);
    }

    #[test]
    fn a_code_has_its_form_and_waits_for_contracts() {
        let given = two();
        let code = |code: &str| event("customer.code_assigned", json!({ "code": code, "letter": "A", "digits": 1 })).about("customer/C-01");
        for bad in ["A-00002", "B-00001", "A_00001", "A-0001 "] {
            given.when("E-101", code(bad)).then_refused(Code::E_RULE, "R-032");
        }
        given.when("E-101", code("A-1")).then_malformed(["/code"]);
        given.when("E-101", code("A-00001")).then_refused(Code::E_RULE, "R-033");
    }

    #[test]
    fn an_owner_and_co_contacts_are_at_work() {
        let given = two().and("E-001", staff_status("E-102", "on_notice"));
        given.when("E-201", assigned("E-201", &["E-103", "E-101"], "second_contact")).then(["customer.owner_assigned"]);
        given.when("E-201", assigned("E-102", &[], "reassignment")).then_refused(Code::E_RULE, "R-028");
        // Somebody of another region by the sign-off of the region's head alone, which is to enter it.
        given.when("E-302", assigned("E-103", &[], "reassignment")).then_refused(Code::E_RULE, "R-028");
        given.when("E-201", assigned("E-103", &[], "reassignment")).then(["customer.owner_assigned"]);
        given.when("E-201", assigned("E-101", &["E-102"], "second_contact")).then_refused(Code::E_RULE, "R-028");
        given.when("E-201", assigned("E-201", &[], "handover")).then_refused(Code::E_SCHEMA, "R-199");
        let rights = |given: &Given| given.world.customer.customers[&customer_id("C-01")].rights;
        let before = rights(&given);
        assert_eq!(rights(&given.and("E-201", assigned("E-201", &[], "reassignment"))), before + 1);
    }

    #[test]
    fn nobody_owns_customers_whose_roles_look_after_none() {
        let given = two();
        for outsider in ["E-901", "E-902", "E-501", "E-801"] {
            let words = given.when("E-201", assigned(outsider, &[], "reassignment")).then_refused(Code::E_RULE, "R-050");
            assert!(words.contains(outsider), "{words}");
            given.when("E-201", assigned("E-101", &[outsider], "second_contact")).then_refused(Code::E_RULE, "R-050");
        }
    }

    #[test]
    fn no_voiding_gives_a_customer_back_to_whoever_cannot_have_it() {
        let given = two().and("E-201", assigned("E-102", &[], "reassignment"));
        let given = given.and("E-201", assigned("E-101", &[], "reassignment"));
        let last = |given: &Given| given.lived.last().unwrap().0.id.clone();
        given.amend("E-501", &last(&given), None).then(["record.voided"]);
        let gone = given.and("E-001", staff_status("E-102", "on_notice"));
        let assigned = gone.lived[gone.lived.len() - 2].0.id.clone();
        let words = gone.amend("E-501", &assigned, None).then_refused(Code::E_RULE, "R-028");
        assert!(words.contains("E-102"), "{words}");
    }

    #[test]
    fn a_duplicate_is_of_a_main_archive_and_never_of_a_duplicate() {
        let given = two().and("E-101", customer("C-03", "Xinda"));
        given.when("E-501", duplicate("C-01", "C-01")).then_refused(Code::E_RULE, "R-031");
        let given = given.and("E-501", duplicate("C-01", "C-02"));
        given.when("E-501", duplicate("C-03", "C-01")).then_refused(Code::E_RULE, "R-031");
        // Nor does a main archive become a duplicate itself: that would make the same chain from the other end.
        given.when("E-501", duplicate("C-02", "C-03")).then_refused(Code::E_RULE, "R-031");
        given.when("E-501", duplicate("C-01", "C-03")).then(["customer.marked_duplicate"]);
        assert_eq!(status_on(&given, "2026-03-02"), "duplicate");
        given.when("E-101", customer("C-04", "Heyuan Alloy Works")).then(["customer.registered"]);
    }

    #[test]
    fn a_status_is_stated_only_where_the_state_machine_leads() {
        let last_year = ["2025-03-01"];
        let states: [(&str, Given, &[&str]); 7] = [
            ("potential", two(), &["terminated"]),
            ("new", sales(&["2026-03-01"]), &["loyal", "terminated"]),
            ("loyal", sales(&["2026-01-05", "2026-02-05", "2026-03-01"]), &["terminated"]),
            ("dormant", sales(&last_year), &["lost", "terminated", "reactivated"]),
            ("lost", sales(&last_year).and("E-101", customer_status("C-01", "lost")), &["terminated", "reactivated"]),
            ("terminated", two().and("E-101", customer_status("C-01", "terminated")), &["reactivated"]),
            ("duplicate", two().and("E-501", duplicate("C-01", "C-02")), &[]),
        ];
        for (from, given, allowed) in states {
            assert_eq!(status_on(&given, "2026-03-02"), from);
            for to in ["loyal", "lost", "terminated", "reactivated"] {
                let when = given.when("E-101", customer_status("C-01", to));
                if allowed.contains(&to) {
                    when.then(["customer.status_changed"]);
                } else {
                    when.then_refused(Code::E_STATE, "SM-1");
                }
            }
        }
    }

    #[test]
    fn a_customer_is_dormant_when_the_months_after_the_last_sale_are_over() {
        for (last, awake, dormant) in [
            ("2025-08-02", "2026-02-02", "2026-02-03"),
            ("2025-08-31", "2026-02-28", "2026-03-01"),
            ("2025-02-28", "2025-08-28", "2025-08-29"),
        ] {
            let given = sales(&[last]);
            assert_eq!((status_on(&given, awake), status_on(&given, dormant)), ("new", "dormant"), "{last}");
        }
    }

    #[test]
    fn who_comes_back_is_an_old_customer_unless_new_again_after_three_years() {
        assert_eq!(status_on(&sales(&["2025-06-01", "2026-03-01"]), "2026-03-02"), "loyal");
        assert_eq!(status_on(&sales(&["2023-03-02", "2026-03-01"]), "2026-03-02"), "loyal");
        let back = sales(&["2021-01-01", "2021-02-01", "2021-03-01", "2023-03-01", "2026-03-01"]);
        assert_eq!(status_on(&back, "2026-03-02"), "new");
        let never = back.and("system", adopted("hq", json!({ "newcust": "newcust.never" }), json!({})));
        assert_eq!(status_on(&never, "2026-03-02"), "loyal");
        let lost = sales(&["2025-03-01"]).and("E-101", customer_status("C-01", "lost"));
        for back_on in ["2026-03-02", "2026-03-05"] {
            let back = lost.clone().at("2026-03-05T10:00:00+08:00").and("system", sold("S-9", "C-01", back_on, 1));
            assert_eq!(status_on(&back, "2026-03-05"), "loyal");
        }
        assert_eq!(status_on(&lost, "2026-03-05"), "lost");
    }

    #[test]
    fn a_statement_of_loyalty_lasts_but_does_not_keep_anybody_awake() {
        let given = sales(&["2026-03-01"]).and("E-101", customer_status("C-01", "loyal"));
        assert_eq!(status_on(&given, "2026-09-01"), "loyal");
        assert_eq!(status_on(&given, "2026-09-02"), "dormant");
        let given = given.at("2026-04-01T10:00:00+08:00").and("system", sold("S-2", "C-01", "2026-04-01", 1));
        assert_eq!(status_on(&given, "2026-04-02"), "loyal");
    }

    #[test]
    fn a_reactivated_customer_has_as_long_as_after_a_sale() {
        let given = sales(&["2025-03-01"]).and("E-101", customer_status("C-01", "reactivated"));
        assert_eq!((status_on(&given, "2026-09-02"), status_on(&given, "2026-09-03")), ("new", "dormant"));
    }

    #[test]
    fn a_terminated_customer_stays_so_whatever_is_still_delivered() {
        let given = sales(&["2026-03-01"]).and("E-101", customer_status("C-01", "terminated"));
        let given = given.at("2026-03-05T10:00:00+08:00").and("system", sold("S-2", "C-01", "2026-03-05", 1));
        assert_eq!(status_on(&given, "2026-03-05"), "terminated");
        assert_eq!(status_on(&given.and("E-101", customer_status("C-01", "reactivated")), "2026-03-05"), "new");
    }

    #[test]
    fn an_archive_is_checked_once_a_quarter() {
        let given = two();
        given.when("E-501", checked("quarterly", "2026Q1").without("period")).then_refused(Code::E_SCHEMA, "R-038");
        given.when("E-501", checked("quarterly", "2026Q2")).then_refused(Code::E_RULE, "R-038");
        given.when("E-501", checked("quarterly", "2026Q5")).then_malformed(["/period"]);
        // A spot check takes no quarter's place.
        let given = given.and("E-501", checked("spot", "2026Q1")).and("E-501", checked("quarterly", "2026Q1"));
        given.when("E-501", checked("quarterly", "2026Q1")).then_refused(Code::E_CONFLICT, "R-038");
        given.when("E-501", checked("spot", "2026Q1")).then(["archive.verified"]);
        let given = given.at("2026-04-01T00:00:00+08:00");
        given.when("E-501", checked("quarterly", "2026Q2")).then(["archive.verified"]);
    }

    #[test]
    fn an_incomplete_archive_names_what_is_missing() {
        let given = two();
        let incomplete = checked("spot", "2026Q1").with("result", "incomplete");
        given.when("E-501", incomplete.clone()).then_refused(Code::E_SCHEMA, "R-040");
        given.when("E-501", incomplete.clone().with("findings", json!([]))).then_refused(Code::E_SCHEMA, "R-040");
        let finding = json!([{ "item": "address", "action": "ask", "due": "2026-04-01", "responsible": "E-101" }]);
        given.when("E-501", incomplete.with("findings", finding)).then(["archive.verified"]);
    }

    #[test]
    fn what_a_check_reflects_is_computed() {
        let mut given = two();
        given.fetched.archive = Some((41, Hash([7; 32])));
        let data = given.when("E-501", checked("spot", "2026Q1")).data();
        assert_eq!((&data["as_of"], &data["content_hash"]), (&json!(41), &json!(Hash([7; 32]))));
        given.when("E-501", checked("spot", "2026Q1").with("as_of", 40)).then_refused(Code::E_RULE, "R-042");
    }
}
