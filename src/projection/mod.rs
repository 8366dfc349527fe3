//! Views: pure folds of entries into what people read, before anything is masked.
//!
//! **Invariant:** nothing here reads a clock, a store or a policy; entries and the time of the reading come in.
//!
//! **Invariant:** nothing here opens a seal: a cell that is sealed says where its seal stands.
//!
//! **Invariant:** a view leaves the house only through the redactor, which needs every cell's matter and class.
#![warn(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use serde_json::Value;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::domain::catalog::{self, EventType, Field, Kind, Place};
use crate::domain::class::Class;
use crate::domain::person::by_consent;
use crate::domain::{Event, approval};
use crate::entry::{Entry, Hash};
use crate::ids::{CustomerId, EmployeeId, EntryId, SubjectId};

pub mod anomaly;
pub mod audit;
pub mod business;
pub mod classification;
pub mod composition;
pub mod conduct;
pub mod credit;
pub mod customer;
pub mod difference;
pub mod document;
pub mod employee;
pub mod grade;
pub mod grant;
pub mod leading;
pub mod obligation;
pub mod ownership;
pub mod payment;
pub mod pending;
pub mod person;
pub mod policy;
pub mod privacy;
pub mod record;
pub mod register;
pub mod sale;
pub mod search;
pub mod signoff;
pub mod upkeep;
pub mod visit;

/// A view: what it is called and what it is about.
#[derive(Debug)]
pub struct View {
    /// Its key.
    pub key: &'static str,
    /// Its number among the views of the business.
    pub number: &'static str,
    /// Its label in Chinese.
    pub zh: &'static str,
    /// Its label in English.
    pub en: &'static str,
    /// What its subject is.
    pub scope: Scope,
    /// What one must be permitted to read for it to open at all.
    pub base: Matter,
    /// How many rows a page has at most where the asker does not say.
    pub page_rows: usize,
    /// Its columns, where it is a table.
    pub columns: &'static [Column],
}

impl View {
    /// Tells whether it is shown whole: no answer of it ends where another begins.
    pub fn is_whole(&self) -> bool {
        // The important dates of a page are those of so many customers, however many dates they have.
        self.page_rows == WHOLE && self.key != "important_dates"
    }

    /// Tells whether it is a state that changes, so that two moments of it can be compared; others are lists of entries, to
    /// which only more are added.
    pub fn compares(&self) -> bool {
        matches!(self.scope, Scope::Company | Scope::Customer | Scope::Customers | Scope::Employees)
            && !matches!(
                self.key,
                "grade_audit"
                    | "corrections"
                    | "refusals"
                    | "search"
                    | "important_dates"
                    | "visits"
                    | "checks"
                    | "feed"
                    | "appraisals"
                    | "discipline"
            )
    }
}

/// What a view's subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole company.
    Company,
    /// One customer.
    Customer,
    /// One customer or all of them.
    Customers,
    /// A customer or an employee, as `customer/C-00042`, or all of both.
    Person,
    /// One employee.
    Employee,
    /// One employee or all of them.
    Employees,
    /// One filed document, by its id.
    Document,
    /// Any stream.
    Stream,
    /// One entry, by its index.
    Entry,
    /// The entries of one tile of the tree, by its number and width as tiles are named.
    Tile,
}

impl Scope {
    /// Returns what kind of thing a subject is, in English and Chinese, and how such things are written.
    pub fn subject(self) -> ((&'static str, &'static str), &'static [&'static str]) {
        match self {
            Self::Company => (("the company", "公司"), &[]),
            Self::Customer | Self::Customers => (("a customer", "客户"), &["C-00042"]),
            Self::Person => (("a customer or an employee", "客户或员工"), &["customer/C-00042", "employee/E-101"]),
            Self::Employee | Self::Employees => (("an employee", "员工"), &["E-101"]),
            Self::Document => (("a document", "资料"), &["D-00042"]),
            Self::Stream => (("a stream", "流"), &["customer/C-00042"]),
            Self::Entry => (("an entry by its index", "账本条目的序号"), &["1234"]),
            Self::Tile => (("a tile of the tree", "哈希树的分片"), &["x001/234", "000.p/17"]),
        }
    }
}

/// A column of a table.
#[derive(Debug)]
pub struct Column {
    /// Its identifier in the answer.
    pub id: &'static str,
    /// Its label in Chinese.
    pub zh: &'static str,
    /// Its label in English.
    pub en: &'static str,
}

macro_rules! columns {
    ($($id:literal $zh:literal $en:literal,)*) => {
        &[$(Column { id: $id, zh: $zh, en: $en }),*]
    };
}

/// The rows of a page that nobody has asked to be longer or shorter.
pub const PAGE_ROWS: usize = 50;

/// The page of a view that has no others.
const WHOLE: usize = usize::MAX;

const DOCUMENT: &[Column] = columns! {
    "document_id" "资料编号" "Document", "kind" "资料类别" "Kind", "title" "标题" "Title", "period" "所属期间" "Period",
    "class" "密级" "Class", "file_name" "文件名" "File name", "mime" "文件类型" "File type", "size" "字节数" "Bytes",
    "hash" "哈希" "Hash", "content" "内容" "Content", "person_id" "人员编号" "Person", "filed_by" "归档人" "Filed by", "filed_at" "归档时间" "Filed at",
    "source_event" "来源事件" "Entry",
};

/// Every view there is.
pub const VIEWS: &[View] = &[
    View {
        key: "list",
        number: "V-12",
        zh: "客户一览表",
        en: "Customer list",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "code" "客户代码" "Code", "name" "客户名称" "Name", "industry" "行业" "Industry",
            "party" "客户界定" "Party", "phone" "联系方式" "Telephone", "region" "区域" "Region", "owner" "责任业务员" "Owner",
            "status" "状态" "Status",
        },
    },
    View {
        key: "search",
        number: "V-12",
        zh: "检索结果",
        en: "Search",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "code" "客户代码" "Code", "name" "客户名称" "Name", "region" "区域" "Region",
            "owner" "责任业务员" "Owner", "person_id" "人员编号" "Person", "person" "姓名" "Person's name",
        },
    },
    View {
        key: "card",
        number: "V-01",
        zh: "客户资料管理卡",
        en: "Customer card",
        scope: Scope::Customer,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: &[],
    },
    View {
        key: "archive",
        number: "V-11",
        zh: "客户档案",
        en: "Customer archive",
        scope: Scope::Customer,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: &[],
    },
    View {
        key: "stats",
        number: "V-04",
        zh: "客户统计表",
        en: "Customer statistics",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: WHOLE,
        columns: columns! {
            "product" "产品名称" "Product", "region" "地址" "Region", "customer_count" "客户数" "Customers", "sales" "销售额" "Sales",
            "average_per_customer" "平均每家年销售额" "Average per customer", "top3" "前三名客户" "Top three",
        },
    },
    View {
        key: "grading",
        number: "V-05",
        zh: "客户分级表",
        en: "Grading table",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "grade" "客户等级分类" "Grade", "product_category" "产品类别 (A,D,E)" "Product category (A, D, E)",
            "line_of_business" "业种 (B,C)" "Line of business (B, C)", "customer_id" "客户编号" "Customer",
            "customer_name" "客户名称" "Name", "customer_code" "客户代码" "Code",
        },
    },
    View {
        key: "key_customers",
        number: "V-06",
        zh: "重点客户管理表",
        en: "Key-customer table",
        scope: Scope::Company,
        base: Matter::Strategy,
        page_rows: WHOLE,
        columns: columns! {
            "rank" "序号" "Rank", "by_sales" "销售额前列" "By sales", "by_growth" "销售增长率前列" "By growth",
            "by_margin" "销售利润率前列" "By margin",
        },
    },
    View {
        key: "visits",
        number: "V-08",
        zh: "客户访问日志",
        en: "Visit log",
        scope: Scope::Customer,
        base: Matter::ContactLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "at" "时间" "At", "our_people" "我方人员" "Our people", "their_people" "对方人员" "Their people", "purpose" "目的" "Purpose",
            "plan_line" "对应计划" "Plan line", "summary" "情况" "Report", "goal_reached" "是否达成" "Aim reached",
            "cause_and_improvement" "原因与改进" "Cause and improvement", "promises" "承诺" "Promises",
            "reported_to" "已报告" "Reported to", "late" "迟录" "Late", "recorded_by" "记录人" "Recorded by",
            "recorded_at" "记录时间" "Recorded at", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "business_report",
        number: "V-09",
        zh: "客户业务报表",
        en: "Customer business report",
        scope: Scope::Customer,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: columns! {
            "customer" "客户" "Name", "from" "起" "From", "until" "止" "Until", "visits" "拜访次数" "Visits", "contacts" "联系次数" "Contacts",
            "sales" "销售额" "Sales", "payments" "回款" "Payments", "business_grade" "业务等级" "Business grade",
            "credit_grade" "信用等级" "Credit grade",
        },
    },
    View {
        key: "composition",
        number: "V-10",
        zh: "客户构成分析",
        en: "Composition analysis",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: WHOLE,
        columns: columns! {
            "class" "类别" "Class", "customers" "客户数" "Customers", "sales" "销售额" "Sales", "share_bp" "占比" "Share",
            "last_share_bp" "上期占比" "Share the year before", "credit_limit" "信用限度" "Credit limit",
            "product_class" "走量/获利/潜力产品" "Volume, profit, potential",
        },
    },
    View {
        key: "special",
        number: "V-13",
        zh: "特殊类客户表",
        en: "Special-class customers",
        scope: Scope::Company,
        base: Matter::Basic,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "kind" "类别" "Kind", "customer_id" "客户编号" "Customer", "name" "名称" "Name", "contact" "联系人" "Contact",
            "since" "建立日期" "Since",
        },
    },
    View {
        key: "classification",
        number: "V-14",
        zh: "客户分类表",
        en: "Classification",
        scope: Scope::Customers,
        base: Matter::Basic,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "dimension" "分类维度" "Dimension", "customer" "客户" "Name", "value" "类别" "Class",
            "lifecycle" "阶段" "Stage", "lost_reason" "流失原因" "Reason of loss", "winback" "挽回措施" "Win-back plan",
            "basis" "依据" "Basis", "since" "自" "Since", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "checks",
        number: "V-15",
        zh: "档案核定表",
        en: "Archive checks",
        scope: Scope::Customers,
        base: Matter::Basic,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "customer" "客户" "Name", "quarter" "季度" "Quarter", "kind" "核定类别" "Kind",
            "verified_by" "核定人" "Verified by", "at" "时间" "At", "result" "结果" "Result", "findings" "完善建议与落实" "Findings and what came of them",
            "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "registration_status",
        number: "V-77",
        zh: "大区登记状态年度审核",
        en: "Registration status by region",
        scope: Scope::Company,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: columns! {
            "region" "大区" "Region", "customers" "客户数" "Customers", "updated" "本年已更新" "Updated this year", "ratio_bp" "比例" "Ratio",
        },
    },
    View {
        key: "ownership",
        number: "V-83",
        zh: "责任人变更史",
        en: "Ownership history",
        scope: Scope::Customers,
        base: Matter::Basic,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "source_event" "来源事件" "Entry", "customer" "客户" "Name", "owner" "责任人" "Owner",
            "co_contacts" "共同联系人" "Co-contacts", "from" "起" "From", "until" "止" "Until", "reason" "原因" "Reason",
            "handover_id" "交接单" "Handover",
        },
    },
    View {
        key: "grades",
        number: "V-32",
        zh: "等级与信用现状",
        en: "Grades in force",
        scope: Scope::Customers,
        base: Matter::Credit,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "customer" "客户" "Name", "business_grade" "业务等级" "Business grade",
            "business_since" "业务等级生效" "Business grade since", "next_business_grade" "待生效业务等级" "Next business grade",
            "next_business_since" "业务等级待生效于" "Next business grade from", "credit_grade" "信用等级" "Credit grade", "since" "生效" "Since",
            "next_credit_grade" "待生效信用等级" "Next credit grade", "next_credit_since" "信用等级待生效于" "Next credit grade from",
            "credit_limit" "信用限度" "Credit limit", "review_quarter" "评定季度" "Quarter to review", "review_due" "评定到期" "Review due",
            "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "grade_audit",
        number: "V-33",
        zh: "等级变更审计",
        en: "Trace of grades",
        scope: Scope::Customers,
        base: Matter::Credit,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "at" "时间" "At", "proposal" "评定编号" "Proposal", "customer" "客户" "Customer", "dimension" "维度" "Kind", "step" "步骤" "Step",
            "actor" "操作人" "Actor", "actor_role" "角色" "Role", "from" "现等级" "From", "to" "拟/新等级" "To",
            "suggested" "系统建议" "Suggested", "deviation_reason" "偏离理由" "Reason to deviate", "reason" "理由/意见" "Reason",
            "evidence" "依据" "Evidence", "refusal" "被拒原因" "Refusal", "chain" "审批链" "Chain", "effective_at" "生效" "Effective",
            "corrected_by" "更正事件" "Corrected by", "corrects" "所更正" "Corrects", "changes" "更正内容" "Changes", "correction_reason" "更正原因" "Reason for the correction",
            "terms_after" "后续交易条件" "Terms set later", "reviews" "季度评定" "Quarterly reviews", "policy_version" "制度版本" "Policy", "index" "账本序号" "Index", "hash" "哈希" "Hash",
        },
    },
    View {
        key: "credit_reviews",
        number: "V-34",
        zh: "重点客户季度信用评定报告",
        en: "Quarterly credit report",
        scope: Scope::Customers,
        base: Matter::Credit,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "customer" "客户" "Name", "quarter" "季度" "Quarter", "grade" "信用等级" "Credit grade",
            "last_grade" "上季等级" "Grade before", "overdue_amount" "逾期金额" "Overdue amount",
            "collection_rate" "回款率" "Collection rate", "comparison" "分析对比" "Comparison", "finding" "结论" "Finding",
            "follow_up" "调整申请" "Change proposed", "reviewed_by" "评定人" "Reviewed by", "at" "时间" "At", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "terms",
        number: "V-35",
        zh: "交易条件表",
        en: "Trade terms",
        scope: Scope::Customers,
        base: Matter::Credit,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "customer_id" "客户编号" "Customer", "customer" "客户" "Name", "credit_grade" "依据信用等级" "Credit grade",
            "credit_limit" "信用限度" "Credit limit", "payment_method" "付款方式" "Payment method", "advance_degree" "垫资程度" "Degree of advance",
            "payment_state" "付款状况" "State of payment", "discount_bp" "价格优惠" "Discount", "priority_supply" "优先供货" "Priority supply",
            "handling" "业务处理方法" "Handling", "valid_until" "有效期" "Valid until", "approved_by" "批准人" "Approved by",
            "needs_reset" "须重设" "To be set anew", "expired" "已过期" "Expired", "since" "生效" "Since", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "payments",
        number: "V-36",
        zh: "回款表",
        en: "Payments",
        scope: Scope::Customer,
        base: Matter::Commercial,
        page_rows: WHOLE,
        columns: columns! {
            "payment_id" "回款编号" "Payment", "received_on" "到账日期" "Received on", "amount" "金额" "Amount", "method" "方式" "Method",
            "due_on" "应付日期" "Due on", "days_late" "逾期天数" "Days late", "contract_id" "合同" "Contract", "collected_by" "收款人" "Collected by",
            "recorded_by" "记录人" "Recorded by", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "access_log",
        number: "V-84",
        zh: "查阅记录",
        en: "Readings",
        scope: Scope::Person,
        base: Matter::AccessLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "at" "时间" "At", "reader" "读者" "Reader", "reader_role" "角色" "Role", "view" "视图/资料" "View", "targets" "对象" "Targets",
            "classes" "密级" "Classes", "masked" "遮蔽字段" "Masked", "mode" "方式" "Mode", "authority" "依据" "Authority",
            "authority_ref" "授权/借阅编号" "Grant or loan", "approved_by" "授权/借阅批准人" "Approved by", "policies" "决定性策略" "Policies", "purpose" "用途" "Purpose", "place" "地点" "Place", "as_of" "数据截至" "As of",
            "valid_at" "业务时间截至" "Valid at", "since" "对比起点" "Compared with", "since_valid_at" "对比起点业务时间" "Compared with, valid at",
            "content_hash" "内容哈希" "Content hash", "denied_rule" "被拒规则" "Denied by", "index" "账本序号" "Index",
        },
    },
    View {
        key: "grants",
        number: "V-85",
        zh: "授权与借阅登记",
        en: "Grants and loans",
        scope: Scope::Company,
        // Whoever has a part in a grant or loan sees that one: row by row it is decided.
        base: Matter::Proofs,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "no" "编号" "No.", "kind" "类别" "Kind", "who" "申请人/借阅人" "Who", "at" "时间" "At", "customers" "客户" "Customers",
            "scope" "范围" "Scope", "modes" "方式" "Ways", "purpose" "用途" "Purpose", "from" "起" "From", "until" "止" "Until",
            "status" "状态" "Status", "decisions" "审批" "Decisions", "waiting_for" "待审批" "Waiting for", "lent_by" "借出人" "Lent by",
            "renews" "续借自" "Renews", "revoked" "撤销" "Revoked", "returned" "归还" "Returned", "overdue" "逾期" "Overdue",
            "index" "账本序号" "Index",
        },
    },
    View {
        key: "refusals",
        number: "V-86",
        zh: "被拒操作",
        en: "Refused commands and reads",
        scope: Scope::Company,
        base: Matter::AccessLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "at" "时间" "At", "who" "人员" "Who", "role" "角色" "Role", "command" "操作" "Command", "target" "目标" "Target",
            "code" "错误码" "Code", "rule" "规则" "Rule", "place" "地点" "Place", "index" "账本序号" "Index",
        },
    },
    View {
        key: "anomalies",
        number: "V-37",
        zh: "异常与风险报告表",
        en: "Anomalies and risk warnings",
        scope: Scope::Company,
        // Whoever one is reported to sees that one: row by row it is decided.
        base: Matter::Proofs,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "no" "编号" "No.", "at" "时间" "At", "kind" "类别" "Kind", "customer" "客户" "Customer", "employee" "涉及员工" "Employee",
            "facts" "异常状况" "Facts", "measure" "建议措施" "Measure", "reporter" "上报人" "Reporter",
            "reported_to" "上报对象" "Reported to", "outcome" "处理" "Outcome", "action" "处理情况" "Action",
            "resolved_by" "处理人" "Resolved by", "open_days" "历时" "Days open", "index" "账本序号" "Index",
        },
    },
    View {
        key: "sod",
        number: "V-87",
        zh: "职责分离检查",
        en: "Separation of duties",
        scope: Scope::Company,
        base: Matter::AccessLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "process" "流程" "Process", "proposer" "提出人" "Proposer", "reviewers" "审核人" "Reviewers", "approver" "批准人" "Approver",
            "substitution" "替代" "Substitution", "repeated" "重复" "Repeated",
        },
    },
    View {
        key: "obligations",
        number: "V-88",
        zh: "未办结义务",
        en: "Open obligations",
        scope: Scope::Employee,
        base: Matter::Staff,
        page_rows: WHOLE,
        columns: columns! {
            "obligation" "义务" "Obligation", "duty" "义务类别" "Duty", "object" "对象" "Object", "customer" "客户" "Customer",
            "trigger" "触发事件" "Trigger", "responsible" "责任人" "Responsible", "opened_at" "开始" "Opened", "due_at" "期限" "Due",
            "extensions" "延期次数" "Extensions", "level" "升级级别" "Level", "missing_calendar" "缺少日历" "Calendar missing",
        },
    },
    View {
        key: "overdue",
        number: "V-88",
        zh: "逾期义务",
        en: "Overdue obligations",
        scope: Scope::Company,
        base: Matter::Staff,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "obligation" "义务" "Obligation", "duty" "义务类别" "Duty", "trigger" "触发事件" "Trigger", "subject" "客户/对象" "Subject",
            "responsible" "责任人" "Responsible", "due_at" "期限" "Due", "extended" "延期" "Extended", "late_by" "逾期时长" "Late by",
            "level" "升级级别" "Level", "escalated_to" "上报对象" "Escalated to", "met_at" "完成时间" "Met at", "state" "状态" "State",
        },
    },
    View {
        key: "approvals",
        number: "V-89",
        zh: "待审批",
        en: "Pending approvals",
        scope: Scope::Company,
        base: Matter::Staff,
        page_rows: WHOLE,
        columns: columns! {
            "form" "单据" "Form", "request" "申请编号" "Request", "subject" "对象" "Subject", "step" "当前步骤" "Step",
            "awaiting" "待签人" "Awaiting", "proposer" "提出人" "Proposer", "since" "提出时间" "Since", "before" "现行" "In force",
            "after" "拟改为" "Proposed",
        },
    },
    View {
        key: "timeline",
        number: "V-90",
        zh: "对象时间线",
        en: "Timeline",
        scope: Scope::Stream,
        base: Matter::Basic,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "index" "账本序号" "Index", "at" "时间" "At", "type" "类型" "Type", "actor" "操作人" "Actor", "payload" "内容" "Payload",
            "corrections" "更正/作废" "Corrections", "corrects" "所更正" "Corrects", "now" "更正后" "As corrected", "hash" "哈希" "Hash",
        },
    },
    View {
        key: "feed",
        number: "V-90",
        zh: "新条目",
        en: "Feed",
        scope: Scope::Company,
        base: Matter::Proofs,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "index" "账本序号" "Index", "at" "时间" "At", "type" "类型" "Type", "subject" "对象" "Subject", "actor" "操作人" "Actor",
            "payload" "内容" "Payload", "corrections" "更正/作废" "Corrections", "corrects" "所更正" "Corrects", "now" "更正后" "As corrected",
            "hash" "哈希" "Hash",
        },
    },
    View {
        key: "policy",
        number: "V-93",
        zh: "现行制度与历史",
        en: "Policy in force and history",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: WHOLE,
        columns: columns! {
            "version" "版本" "Version", "unit" "部门" "Unit", "presets" "预设" "Presets", "parameters" "参数" "Parameters",
            "effective_at" "生效" "Effective", "drafted_by" "起草" "Drafted by", "approved_by" "批准" "Approved by",
            "year" "年度" "Year", "outcome" "年度审核" "Yearly review", "findings" "评估意见" "Findings",
        },
    },
    View {
        key: "promises",
        number: "V-26",
        zh: "承诺跟踪表",
        en: "Promises",
        scope: Scope::Customer,
        base: Matter::ContactLog,
        page_rows: WHOLE,
        columns: columns! {
            "promise" "承诺" "Promise", "text" "内容" "Text", "due" "期限" "Due", "responsible" "责任人" "Responsible", "outcome" "结果" "Outcome",
        },
    },
    View {
        key: "basics",
        number: "V-16",
        zh: "客户基本情况表",
        en: "Customer basics",
        scope: Scope::Customer,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: columns! {
            "unit_name" "单位名称" "Unit", "institutions" "机构" "Institutions", "location" "所处地点" "Location",
            "main_contacts" "主要联系人" "Main contacts", "phones" "电话号码" "Telephones",
        },
    },
    View {
        key: "people",
        number: "V-17",
        zh: "关键人物的个人情况资料",
        en: "Key-person data",
        scope: Scope::Customer,
        base: Matter::PersonIdentity,
        page_rows: WHOLE,
        columns: columns! {
            "unit_name" "单位名称" "Unit", "person_id" "人员编号" "Person", "name" "姓名" "Name", "position" "职务" "Position", "department" "部门" "Department",
            "function" "身份" "Function", "status" "状态" "Status", "office_phone" "办公室电话" "Office telephone", "mobile" "手机" "Mobile",
            "email" "电子邮件" "E-mail", "location" "所处地点" "Location", "home_phone" "家庭电话" "Home telephone",
            "home_address" "家庭地址" "Home address", "age" "年龄" "Age", "birthday" "生日" "Birthday", "education" "学历" "Education",
            "ability" "能力" "Ability", "personality" "性格" "Personality", "hobbies" "嗜好" "Hobbies", "family" "家庭" "Family",
            "preferences_concerns" "个人偏好与担忧" "Preferences and concerns", "important_dates" "重要日子" "Important dates",
            "consents" "同意" "Consent",
        },
    },
    View {
        key: "related_persons",
        number: "V-41",
        zh: "大客户相关人员档案",
        en: "Related persons",
        scope: Scope::Customer,
        base: Matter::PersonIdentity,
        page_rows: WHOLE,
        columns: columns! {
            "person_id" "人员编号" "Person", "name" "姓名" "Name", "position" "职务" "Position", "mobile" "联系方式" "Mobile",
            "family" "家庭成员情况" "Family", "home_address" "家庭地址" "Home address", "hobbies" "兴趣爱好" "Hobbies",
            "decision_power_percent" "决策能力(%)" "Power to decide (%)", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "important_dates",
        number: "V-72",
        zh: "重要日子日历",
        en: "Important dates",
        scope: Scope::Customers,
        base: Matter::PersonPrivate,
        page_rows: WHOLE,
        columns: columns! {
            "date" "日期" "Date", "customer_id" "客户编号" "Customer", "customer" "客户名称" "Name", "person_id" "人员编号" "Person",
            "person" "姓名" "Person's name", "occasion" "事由" "Occasion", "remind_on" "提醒" "Remind on", "done" "已办" "Done",
            "missing_calendar" "缺少日历" "Calendar missing", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "documents",
        number: "V-11",
        zh: "资料",
        en: "Documents",
        scope: Scope::Customer,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: DOCUMENT,
    },
    View {
        key: "document",
        number: "V-11",
        zh: "资料登记",
        en: "Document",
        scope: Scope::Document,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: &[],
    },
    View {
        key: "file",
        number: "V-11",
        zh: "资料原件",
        en: "Document file",
        scope: Scope::Document,
        base: Matter::Basic,
        page_rows: WHOLE,
        columns: &[],
    },
    View {
        key: "signoffs",
        number: "V-89",
        zh: "待签核",
        en: "Pending sign-offs",
        scope: Scope::Company,
        base: Matter::List,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "form" "单据" "Form", "customer_id" "客户编号" "Customer", "subject" "对象" "Subject", "submitted_by" "提交人" "Submitted by",
            "step" "当前步骤" "Step", "awaiting" "待签人" "Awaiting", "purpose" "签核类型" "Purpose", "opinions" "意见" "Opinions",
            "returned" "已退回" "Returned", "subject_event" "签核对象" "Signed entry",
        },
    },
    View {
        key: "relations",
        number: "V-18",
        zh: "关键人物关系图",
        en: "Relationship map",
        scope: Scope::Customer,
        base: Matter::Strategy,
        page_rows: WHOLE,
        columns: columns! {
            "unit_name" "单位名称" "Unit", "person_id" "人员编号" "Person", "key_person" "关键人物" "Key person", "our_person" "我方对应人" "Our person",
            "our_title" "我方职务" "Our title", "decision_role" "角色作用" "Part in decisions", "attitude" "关系状况" "Attitude",
            "met" "已有联系" "In contact before", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "decision_roles",
        number: "V-19",
        zh: "购买决策中关键人物角色作用表",
        en: "Decision roles",
        scope: Scope::Customer,
        base: Matter::Strategy,
        page_rows: WHOLE,
        columns: columns! {
            "unit_name" "单位名称" "Unit", "project" "项目" "Project", "person_id" "人员编号" "Person", "key_person" "关键人物" "Key person",
            "decision_role" "角色" "Part in decisions", "influence" "作用(%)" "Influence (%)", "concerns" "关心的要点" "Concerns",
            "sum_above_100" "合计超过100%" "Sum above 100 %", "source_event" "来源事件" "Entry",
        },
    },
    View {
        key: "personal_data",
        number: "V-22",
        zh: "个人信息清册",
        en: "Personal-data inventory",
        scope: Scope::Customers,
        base: Matter::AccessLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "person" "人员" "Person", "customer" "客户" "Customer", "fields" "持有字段" "Fields held", "consents" "同意" "Consent",
            "last_used" "最近使用" "Last used", "erased" "已删除" "Erased",
        },
    },
    View {
        key: "erasures",
        number: "V-94",
        zh: "个人信息删除证明",
        en: "Erasure certificate",
        scope: Scope::Customers,
        base: Matter::AccessLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "person" "人员" "Person", "customer" "客户" "Customer", "scope" "删除范围" "Scope", "ground" "理由" "Ground",
            "approved_by" "批准人" "Approved by", "erased_at" "删除时间" "Erased at", "erased_by" "删除条目" "Entry",
            "completed_at" "密钥销毁" "Keys destroyed", "completed_by" "完成条目" "Entry of the end",
            "ledger_intact" "账本完好" "Ledger intact", "verified_by" "校验条目" "Entry of the verification",
        },
    },
    View {
        key: "staff",
        number: "V-80",
        zh: "员工、角色与部门史",
        en: "Staff, roles and units over time",
        scope: Scope::Employees,
        base: Matter::Staff,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "employee_id" "工号" "Employee", "name" "姓名" "Name", "unit" "部门" "Unit", "unit_name" "部门名称" "Unit name",
            "units" "历任部门" "Units over time", "roles" "角色起止" "Roles", "approved_by" "批准人" "Approved by",
            "status" "状态" "Status", "last_day" "最后工作日" "Last day", "statuses" "状态变更" "Status over time",
        },
    },
    View {
        key: "appraisals",
        number: "V-78",
        zh: "考核表",
        en: "Appraisals",
        scope: Scope::Company,
        // Row by row it is decided: everybody sees their own.
        base: Matter::Proofs,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "subject" "对象" "Employee", "at" "时间" "At", "scheme" "方案" "Scheme", "period" "期间" "Period",
            "items" "考核项目" "Items", "score" "得分" "Score", "outcome" "奖励/整改" "Reward or rectification",
            "by" "考核人" "By", "index" "账本序号" "Index",
        },
    },
    View {
        key: "discipline",
        number: "V-79",
        zh: "奖惩登记",
        en: "Violations and sanctions",
        scope: Scope::Company,
        base: Matter::Proofs,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "subject" "对象" "Employee", "at" "时间" "At", "kind" "违规类别" "Kind", "violation" "违规" "What was done",
            "basis" "依据" "Basis", "unit" "责任部门" "Unit", "sanction" "处理" "Sanction", "decided_by" "批准人" "Decided by",
            "by" "登记人" "By", "index" "账本序号" "Index",
        },
    },
    View {
        key: "corrections",
        number: "V-91",
        zh: "更正与作废表",
        en: "Corrections",
        scope: Scope::Customers,
        base: Matter::AccessLog,
        page_rows: PAGE_ROWS,
        columns: columns! {
            "index" "账本序号" "Index", "at" "时间" "At", "type" "类型" "Type", "customer" "客户" "Customer",
            "target" "原事件" "Entry corrected", "target_type" "原事件类型" "Its type", "changes" "字段与新值" "Changes",
            "reason" "原因" "Reason", "by" "更正人" "By", "voided_by" "被作废" "Voided by", "hash" "哈希" "Hash",
        },
    },
    View {
        key: "entry",
        number: "V-92",
        zh: "账本条目",
        en: "Ledger entry",
        scope: Scope::Entry,
        base: Matter::Proofs,
        page_rows: WHOLE,
        columns: &[],
    },
    View {
        key: "evidence",
        number: "V-92",
        zh: "证据包",
        en: "Evidence bundle",
        scope: Scope::Stream,
        base: Matter::Proofs,
        // What is taken out is taken out whole, unless it is too much at once.
        page_rows: 10_000,
        columns: &[],
    },
    View {
        key: "entries",
        number: "V-92",
        zh: "条目原文",
        en: "Entry bundle",
        scope: Scope::Tile,
        base: Matter::Proofs,
        page_rows: WHOLE,
        columns: &[],
    },
];

/// Finds a view by its key.
pub fn view(key: &str) -> Option<&'static View> {
    VIEWS.iter().find(|view| view.key == key)
}

/// A piece of a view.
#[derive(Clone, Debug)]
pub enum Node {
    /// One value.
    Cell(Cell),
    /// Named pieces.
    Row(Vec<(&'static str, Self)>),
    /// Pieces in order.
    List(Vec<Self>),
    /// Pieces whose number tells as much as a value of this class.
    Members(Class, Vec<Self>),
    /// A piece about one customer: its cells are judged by the rights on that customer.
    About(CustomerId, Box<Self>),
    /// A piece about one member of staff.
    AboutStaff(EmployeeId, Box<Self>),
    /// A piece of which more is the case than of what it stands in.
    Concerning(Facts, Box<Self>),
    /// A piece computed from a sealed value: in the hash of what was shown it stands as that seal.
    Computed(String, Box<Self>),
}

/// One value with what decides whether it is shown.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The value; a seal where it is sealed.
    pub value: Value,
    /// The matter it belongs to.
    pub matter: Matter,
    /// Its class.
    pub class: Class,
    /// Where the seal stands, if it is sealed.
    pub sealed: Option<SealedAt>,
    /// The person whose own it is, if it is a key person's.
    pub person: Option<Personal>,
}

/// A key person's own value: whether it is shown depends on what became of the person since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personal {
    /// Whose it is.
    pub id: SubjectId,
    /// Whether the person must agree to its use.
    pub by_consent: bool,
}

/// Where a seal stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SealedAt {
    /// The id it was sealed under.
    pub id: EntryId,
    /// The type of the entry.
    pub kind: String,
    /// Where in the entry.
    pub pointer: String,
}

impl Node {
    /// A value of a class, in the matter the class is by itself.
    pub fn of(class: Class, value: impl Into<Value>) -> Self {
        Self::within(class.matter(), class, value)
    }

    /// A value of a class within another matter.
    pub fn within(matter: Matter, class: Class, value: impl Into<Value>) -> Self {
        Self::Cell(Cell { value: value.into(), matter, class, sealed: None, person: None })
    }

    /// What everybody sees who sees the view at all: indexes, hashes and names of things.
    pub fn plain(value: impl Into<Value>) -> Self {
        Self::of(Class::C0, value)
    }

    /// No value.
    pub fn absent() -> Self {
        Self::plain(Value::Null)
    }
}

/// An entry with its event, as a fold reads it.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Its index.
    pub index: u64,
    /// Its envelope.
    pub entry: &'a Entry,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its event.
    pub event: &'a Event,
    /// The correction that counts, where it is read as corrected; its bytes are those entered all the same.
    pub corrected: Option<u64>,
}

impl Read<'_> {
    /// Its hash, which few views show.
    pub fn hash(&self) -> Hash {
        Hash::of(self.bytes)
    }

    /// The customer the entry concerns, by its streams.
    pub fn customer(&self) -> Option<CustomerId> {
        customer_of(self.entry)
    }
}

/// Returns the customer an entry concerns.
pub fn customer_of(entry: &Entry) -> Option<CustomerId> {
    entry.streams.iter().find(|link| link.name.kind() == "customer").and_then(|link| link.name.id()?.parse().ok())
}

/// The matter of an event type's payload: where the matrix keeps it.
pub fn matter_of(kind: &str) -> Option<Matter> {
    match kind.split('.').next().unwrap_or_default() {
        "contact" | "commitment" => Some(Matter::ContactLog),
        "credit_grade" | "business_grade" | "credit_review" => Some(Matter::Credit),
        "sale" | "payment" => Some(Matter::Commercial),
        "employee" | "appraisal" | "violation" | "approval" => Some(Matter::Staff),
        "archive" if kind != "archive.verified" => Some(Matter::AccessLog),
        "access" => Some(Matter::AccessLog),
        "anomaly" => Some(Matter::Strategy),
        "command" => Some(Matter::AccessLog),
        "ledger" | "clock" | "access_policy" | "policy" | "calendar" | "org_unit" => Some(Matter::Proofs),
        "obligation" => Some(Matter::Staff),
        _ => None,
    }
}

/// Returns how confidential a payload says it is as a whole; contacts and documents say so for themselves.
pub fn floor(kind: &EventType, data: &Value) -> Option<Class> {
    let class = data
        .get("class")
        .and_then(Value::as_str)
        .filter(|_| matches!(kind.name, "contact.recorded" | "document.filed"));
    class.and_then(|class| Class::ALL.into_iter().find(|known| known.key() == class))
}

/// Turns an entry's payload into cells, by what the catalog declares of its fields; none is more open than `floor`.
pub fn payload(kind: &EventType, entry: &Entry, data: &Value, floor: Option<Class>) -> Node {
    let waiting = data.get("proposed").and_then(Value::as_str).filter(|_| kind.name == "approval.requested");
    let matter = match kind.name {
        // A signature is about what it signs.
        "signoff.recorded" => matter_of(entry.subject.kind()),
        // What waits is as confidential as it will be once it is entered.
        name => matter_of(waiting.unwrap_or(name)),
    };
    let person = match kind.name {
        "document.filed" => data.get("person_id").and_then(Value::as_str),
        _ => entry.subject.id().filter(|_| entry.subject.kind() == "person"),
    };
    fields(
        kind.fields,
        data,
        &Source {
            id: &entry.id,
            kind: &entry.kind,
            matter,
            floor,
            person: person.and_then(|id| id.parse().ok()),
            waiting: waiting.and_then(catalog::find).map(|kind| (kind, approval::approved_id(&entry.id))),
        },
        "/data",
    )
}

/// Turns a payload that waits into cells, as confidential as it will be once it is entered; `waits` is the entry that asks.
pub fn proposed(kind: &'static EventType, waits: &EntryId, subject: Option<&str>, data: &Value) -> Node {
    let source = Source {
        id: &approval::approved_id(waits),
        kind: kind.name,
        matter: matter_of(kind.name),
        floor: None,
        person: subject
            .filter(|_| kind.subject.is_some_and(|subject| subject.stream == "person"))
            .and_then(|id| id.parse().ok()),
        waiting: None,
    };
    fields(kind.fields, data, &source, "/data")
}

/// Turns one declared value of a person into cells, where it stands in the entry it came with.
pub fn value(field: &'static Field, value: &Value, at: &SealedAt, person: &SubjectId) -> Node {
    let source =
        Source { id: &at.id, kind: &at.kind, matter: None, floor: None, person: Some(person.clone()), waiting: None };
    node(field, value, &source, at.pointer.clone())
}

/// The entry a value came with, and what is said of the entry as a whole.
struct Source<'a> {
    id: &'a EntryId,
    kind: &'a str,
    matter: Option<Matter>,
    floor: Option<Class>,
    /// The key person it is about.
    person: Option<SubjectId>,
    /// The type of the proposal it holds, if it holds one, and the id that will be entered under.
    waiting: Option<(&'static EventType, EntryId)>,
}

fn fields(declared: &'static [Field], data: &Value, source: &Source<'_>, pointer: &str) -> Node {
    let Value::Object(map) = data else { return Node::absent() };
    let mut row = Vec::with_capacity(map.len());
    for field in declared {
        let Some(value) = map.get(field.name) else { continue };
        row.push((field.name, node(field, value, source, format!("{pointer}/{}", field.name))));
    }
    Node::Row(row)
}

fn node(field: &'static Field, value: &Value, source: &Source<'_>, pointer: String) -> Node {
    placed(&Place { field, kind: &field.kind }, value, source, pointer)
}

/// Turns what stands at a place of a payload into cells.
fn placed(place: &Place, value: &Value, source: &Source<'_>, pointer: String) -> Node {
    match (place.kind, value) {
        (Kind::Object(inner), value) => fields(inner, value, source, &pointer),
        (Kind::Payload, value) if let Some((kind, id)) = &source.waiting => {
            let held = Source { id, kind: kind.name, waiting: None, person: source.person.clone(), ..*source };
            fields(kind.fields, value, &held, "/data")
        }
        (Kind::List(item), Value::Array(values)) if let Kind::Object(inner) = item.as_ref() => {
            let items = values.iter().enumerate();
            Node::List(
                items.map(|(place, value)| fields(inner, value, source, &format!("{pointer}/{place}"))).collect(),
            )
        }
        (_, value) => cell(place.field, value, source, pointer),
    }
}

fn cell(field: &Field, value: &Value, source: &Source<'_>, pointer: String) -> Node {
    let class = match source.floor {
        Some(floor) if floor > field.class && (field.sealed || matches!(field.kind, Kind::Text | Kind::Hash)) => floor,
        _ => field.class,
    };
    let matter = source.matter.unwrap_or_else(|| class.matter());
    let sealed = field.sealed.then(|| SealedAt { id: source.id.clone(), kind: source.kind.to_owned(), pointer });
    let own = field.sealed || field.name == "function";
    let by_consent = by_consent(field) || source.floor == Some(Class::C5);
    let person = source.person.clone().filter(|_| own).map(|id| Personal { id, by_consent });
    let dated = matches!(field.kind, Kind::Date) && class == Class::C5;
    let cell = Node::Cell(Cell { value: value.clone(), matter, class, sealed, person });
    // Whoever sends gifts on important dates sees these and nothing else that is private.
    if dated { Node::Concerning(Facts::ABOUT_DATES, Box::new(cell)) } else { cell }
}

/// Who acted, as views name them.
pub fn actor(entry: &Entry) -> Node {
    Node::plain(entry.actor.as_str())
}
