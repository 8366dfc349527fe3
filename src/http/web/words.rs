//! The words of the pages in both languages, and the labels that the catalog and the views declare.

use std::borrow::Cow;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde_json::Value;

use crate::access::principal::{Language, Purpose};
use crate::domain::catalog::{self, Choice, EventType, Field, Kind, Shape};
use crate::domain::customer;
use crate::domain::role::Role;
use crate::projection::{VIEWS, View};

type Bundle = FluentBundle<FluentResource>;

/// Says something in a language.
pub(crate) fn say(language: Language, key: &str) -> String {
    say_with(language, key, &[])
}

/// Says something that has values in it.
pub(crate) fn say_with(language: Language, key: &str, values: &[(&str, &str)]) -> String {
    let bundle = bundle(language);
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else { return key.to_owned() };
    let mut arguments = FluentArgs::new();
    for (name, value) in values {
        arguments.set((*name).to_owned(), (*value).to_owned());
    }
    let mut errors = Vec::new();
    bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned()
}

fn bundle(language: Language) -> &'static Bundle {
    static ENGLISH: OnceLock<Bundle> = OnceLock::new();
    static CHINESE: OnceLock<Bundle> = OnceLock::new();
    match language {
        Language::English => ENGLISH.get_or_init(|| read("en", EN)),
        Language::Chinese => CHINESE.get_or_init(|| read("zh-CN", ZH)),
    }
}

fn read(tag: &str, text: &str) -> Bundle {
    let mut bundle = Bundle::new_concurrent(tag.parse().into_iter().collect());
    // Marks around values would be copied along with them.
    bundle.set_use_isolating(false);
    // What cannot be read is left out and shows as its key; a test reads both files.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    bundle
}

/// Returns the tag of a language.
pub(crate) fn tag(language: Language) -> &'static str {
    language.choose(("en", "zh-CN"))
}

/// Returns the label of a field, as the catalog or a view calls it; its name where neither knows it.
pub(crate) fn label(language: Language, name: &str) -> Cow<'_, str> {
    if let Some(field) = field(name) {
        return Cow::Borrowed(language.choose((field.en, field.zh)));
    }
    let column = VIEWS.iter().flat_map(|view| view.columns).find(|column| column.id == name);
    let own = OWN.iter().find(|(id, ..)| *id == name).map(|(_, en, zh)| (*en, *zh));
    match own.or(column.map(|column| (column.en, column.zh))) {
        Some(pair) => Cow::Borrowed(language.choose(pair)),
        None => Cow::Borrowed(name),
    }
}

/// Returns the label of the field a pointer into a request leads to: the one of these fields, or any of its name.
pub(crate) fn label_at<'a>(language: Language, fields: &'static [Field], pointer: &'a str) -> Cow<'a, str> {
    let within = pointer.split_once("/data").map_or(pointer, |(_, within)| within);
    match catalog::locate(fields, within) {
        Some(place) => Cow::Borrowed(language.choose((place.field.en, place.field.zh))),
        None => label(language, named(pointer)),
    }
}

/// Returns the field a pointer names; an item of a list goes by the name of its list.
fn named(pointer: &str) -> &str {
    pointer.rsplit('/').find(|part| !part.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or_default()
}

/// Finds a field anywhere in the catalog, first among what is recorded of customers: names such as `name` are used twice.
pub(crate) fn field(name: &str) -> Option<&'static Field> {
    let of = |wanted: bool| {
        let types = catalog::types().iter().filter(move |kind| kind.name.starts_with("customer.") == wanted);
        find(types.flat_map(|kind| kind.fields), name)
    };
    of(true).or_else(|| of(false))
}

/// Returns the label of a customer's status.
pub(crate) fn status(language: Language, value: &str) -> String {
    match <customer::Status as Shape>::kind() {
        Kind::Choice(choices) => choice(language, choices, value),
        _ => value.to_owned(),
    }
}

fn find(fields: impl Iterator<Item = &'static Field>, name: &str) -> Option<&'static Field> {
    let mut within = None;
    for field in fields {
        if field.name == name {
            return Some(field);
        }
        within = within.or_else(|| match &field.kind {
            Kind::Object(inner) => find(inner.iter(), name),
            Kind::List(kind) => match kind.as_ref() {
                Kind::Object(inner) => find(inner.iter(), name),
                _ => None,
            },
            _ => None,
        });
    }
    within
}

/// Returns the label of a value of a closed list.
pub(crate) fn choice(language: Language, choices: &[Choice], value: &str) -> String {
    let found = choices.iter().find(|choice| choice.value == value);
    found.map_or_else(|| value.to_owned(), |choice| language.choose((choice.en, choice.zh)).to_owned())
}

/// Returns the label of a value of whichever closed list has it, among those of fields of this name; itself where none has.
pub(crate) fn elsewhere(language: Language, name: &str, value: &str) -> String {
    of_any(language, value, |field| field.name == name)
}

/// Returns the label of a value of whichever closed list has it; itself where none has.
pub(crate) fn anywhere(language: Language, value: &str) -> String {
    of_any(language, value, |_| true)
}

fn of_any(language: Language, value: &str, wanted: impl Fn(&Field) -> bool) -> String {
    let fields = catalog::types().iter().flat_map(|kind| kind.fields).filter(|field| wanted(field));
    let known = |choices: &[Choice]| choices.iter().any(|choice| choice.value == value);
    let found = fields.filter_map(|field| match &field.kind {
        Kind::Choice(choices) if known(choices) => Some(choice(language, choices, value)),
        _ => None,
    });
    found.into_iter().next().unwrap_or_else(|| value.to_owned())
}

/// Says what somebody does who records such an event, as a button says it; the event's own label where no page has a word for it.
pub(crate) fn doing(language: Language, kind: &str) -> String {
    let key = format!("do-{}", kind.replace(['.', '_'], "-"));
    let said = say(language, &key);
    if said == key { event(language, kind) } else { said }
}

/// Says a value of a closed list by the list's type.
pub(crate) fn chosen<T: Shape>(language: Language, value: &str) -> String {
    match T::kind() {
        Kind::Choice(choices) => choice(language, choices, value),
        _ => value.to_owned(),
    }
}

/// Returns the label of a customer's class along a dimension.
pub(crate) fn class(language: Language, dimension: &str, value: &str) -> String {
    let named: Option<customer::Dimension> = serde_json::from_value(dimension.into()).ok();
    named
        .and_then(customer::Dimension::classes)
        .map_or_else(|| value.to_owned(), |classes| choice(language, classes, value))
}

/// Says what a stream is of: the kind of thing and its number, a customer by its number alone.
pub(crate) fn stream(language: Language, name: &str) -> String {
    let (family, of) = name.split_once('/').unwrap_or((name, ""));
    let key = format!("stream-{family}");
    let called = say(language, &key);
    match (family, of) {
        ("customer", of) if !of.is_empty() => of.to_owned(),
        _ if called == key => name.to_owned(),
        (_, "") => called,
        _ => format!("{called} {of}"),
    }
}

/// Returns the label of a customer's class where it is not said along which dimension.
pub(crate) fn class_of_any(language: Language, value: &str) -> String {
    let Kind::Choice(dimensions) = <customer::Dimension as Shape>::kind() else { return value.to_owned() };
    let called = dimensions.iter().map(|dimension| class(language, dimension.value, value));
    called.into_iter().find(|called| called != value).unwrap_or_else(|| value.to_owned())
}

/// Returns the label of a topic of the policy.
pub(crate) fn topic(language: Language, topic: &str) -> String {
    say(language, &format!("policy-topic-{topic}"))
}

/// Returns what a preset of the policy is called.
pub(crate) fn preset(language: Language, preset: &str) -> String {
    say(language, &format!("preset-{}", preset.replace('.', "-")))
}

/// Returns the label of a parameter of the policy.
pub(crate) fn parameter(language: Language, name: &str) -> String {
    say(language, &name.replace('.', "-"))
}

/// Returns the label of a role; the system acts under none.
pub(crate) fn role(language: Language, key: &str) -> String {
    if key == "system" {
        return say(language, key);
    }
    key.parse().map_or_else(|_| key.to_owned(), |role: Role| language.choose((role.en(), role.zh())).to_owned())
}

/// Returns the label of a section of the archive.
pub(crate) fn section(language: Language, value: &str) -> String {
    match field("section").map(|field| &field.kind) {
        Some(Kind::Choice(choices)) => choice(language, choices, value),
        _ => value.to_owned(),
    }
}

/// Returns the label of an event type.
pub(crate) fn event(language: Language, name: &str) -> String {
    catalog::find(name).map_or_else(|| name.to_owned(), |kind| language.choose((kind.en, kind.zh)).to_owned())
}

/// Returns what an event type records.
pub(crate) fn doc(language: Language, kind: &EventType) -> &'static str {
    let chinese = DOCS.iter().find(|(name, _)| *name == kind.name).map_or(kind.doc, |(_, doc)| doc);
    language.choose((kind.doc, chinese))
}

/// Says what something is read for, with what was noted about it.
pub(crate) fn purpose(language: Language, text: &str) -> String {
    match Purpose::parse(text) {
        Ok(purpose) => {
            let label = language.choose(purpose.kind.label());
            purpose.note.map_or_else(|| label.to_owned(), |note| format!("{label}: {note}"))
        }
        Err(_) => text.to_owned(),
    }
}

/// Names fields by their labels.
pub(crate) fn labels(language: Language, fields: &[Value]) -> String {
    let names: Vec<Cow<'_, str>> = fields.iter().filter_map(Value::as_str).map(|name| label(language, name)).collect();
    names.join(language.choose((", ", "、")))
}

/// Returns the label of a module.
pub(crate) fn module(language: Language, name: &str) -> String {
    say(language, &format!("module-{name}"))
}

/// Returns the label of a view.
pub(crate) fn view(language: Language, key: &str) -> String {
    let found = VIEWS.iter().find(|view: &&View| view.key == key);
    found.map_or_else(|| key.to_owned(), |view| language.choose((view.en, view.zh)).to_owned())
}

/// What views compute and the catalog does not name.
const OWN: &[(&str, &str, &str)] = &[
    ("growth_bp", "Growth", "增长率"),
    ("margin_bp", "Margin", "利润率"),
    ("products_bought", "Products bought", "购买产品"),
    ("first_purchase_on", "First purchase", "首次购买"),
    ("last_purchase_on", "Last purchase", "最近购买"),
    ("purchase_count", "Purchases", "购买次数"),
    ("cumulative_amount", "Amount in all", "累计金额"),
    ("paid_amount", "Paid in all", "累计回款"),
    ("last_paid_on", "Last payment", "最近回款"),
    ("balance", "Not yet paid", "尚未回款"),
    ("paid", "Paid", "已回款"),
    ("outstanding", "Not yet paid", "未收"),
    ("prepaid", "Paid ahead", "预收"),
    ("days", "Days", "天数"),
    ("days_late", "Days late", "逾期天数"),
    ("proposed_by", "Proposed by", "申请人"),
    ("active", "Active", "正常"),
    ("view", "On screen", "屏幕查看"),
    ("search", "Search", "查询"),
    ("export", "Export", "导出"),
    ("print", "Print", "打印"),
    ("filled_bp", "Completeness", "完整度"),
    ("missing", "Not filled in", "未填项目"),
    ("long_visit", "Long visit", "长时间拜访"),
    ("contact_count", "Contacts in all", "联系次数"),
    ("office", "Office", "办公场所"),
    ("offsite", "Off site", "外部"),
    ("relationship", "Relationship assessed", "关系评估"),
    ("checked", "Checked", "已核定"),
    ("coverage_bp", "Coverage", "核定率"),
    ("power_sum", "Power to decide in all (%)", "决策能力合计(%)"),
    ("finding", "Finding", "完善建议"),
    ("done", "Put right by", "落实"),
];

/// What the types that people propose record, in Chinese; in English the catalog says it.
const DOCS: &[(&str, &str)] = &[
    ("ledger.verified", "对账本的一段进行校验。"),
    ("clock.accepted", "时钟跳变后，由管理员确认新时间。"),
    ("policy.adopted", "制度的一个版本生效。"),
    ("policy.reviewed", "对全部制度进行年度审核；无须修改也应记录。"),
    ("calendar.adopted", "某年度的放假与调休安排对一份工作日历生效。"),
    ("obligation.extended", "责任人的上级在期限之前延长期限。"),
    ("org_unit.defined", "设立、变更或撤销部门。"),
    ("employee.registered", "员工入职登记。"),
    ("employee.roles_changed", "授予或取消角色。"),
    ("employee.status_changed", "员工提出离职、调动、停职、复职或离职。"),
    ("appraisal.recorded", "按考核方案记录员工某期间的考核。"),
    ("violation.recorded", "登记员工违规及处理。"),
    ("approval.given", "批准待批的事项。"),
    ("approval.declined", "不批准待批的事项，该事项即告终止。"),
    ("customer.registered", "建立客户档案。"),
    ("customer.individual_registered", "建立个人客户档案；姓名加密保存。"),
    ("customer.profile_updated", "获知客户的新情况，取代原有内容。"),
    ("customer.classified", "按一个维度对客户分类。"),
    ("customer.code_assigned", "为客户编码。"),
    ("customer.owner_assigned", "变更客户的责任人员。"),
    ("customer.status_changed", "说明客户的状态。"),
    ("customer.marked_duplicate", "发现档案与另一档案属同一客户。"),
    ("archive.verified", "核对客户档案。"),
    ("person.recorded", "登记客户的关键人物；其资料均以本人专用密钥加密。"),
    ("person.updated", "获知关键人物的新情况，取代原有内容。"),
    ("consent.recorded", "本人同意、拒绝或撤回同意将其资料用于某一用途。"),
    ("relationship.assessed", "我方人员评估此人与我方的关系及其决策作用。"),
    ("personal_data.erased", "删除此人的信息；须另一人批准，此后任何人不得查阅。"),
    ("legal_hold.placed", "因争议或主管机关要求保留此人的信息，其间不得使用。"),
    ("legal_hold.lifted", "解除法律保留。"),
    ("access.requested", "申请查阅权限以外的客户资料；按密级由相应负责人审批。"),
    ("access.decided", "对申请的各密级批准或拒绝；一个密级的全部审批人均批准后方可查阅。"),
    ("access.revoked", "在期限届满前撤销授权。"),
    ("archive.borrowed", "借出客户档案，或续借；借阅人须为主管及以上。"),
    ("archive.returned", "档案归还、召回或遗失。"),
    ("anomaly.reported", "上报异常、风险预警或强化攻关建议。"),
    ("anomaly.resolved", "由上报对象处理异常。"),
    ("contact.recorded", "与客户的一次联系（拜访、电话、信函等），由参加者简要报告。"),
    ("commitment.closed", "承诺已兑现、被免除或放弃。"),
    ("credit_grade.proposed", "申请评定信用等级。"),
    ("credit_grade.reviewed", "审核人同意上报或退回评定申请。"),
    ("credit_grade.approved", "批准评定申请，等级生效。"),
    ("credit_grade.rejected", "否决评定申请。"),
    ("credit_grade.withdrawn", "撤回评定申请，或逾期未决而失效。"),
    ("business_grade.proposed", "申请评定业务等级；系统按近12个月销售额提出建议。"),
    ("business_grade.reviewed", "审核人同意上报或退回评定申请。"),
    ("business_grade.approved", "批准评定申请，等级生效。"),
    ("business_grade.rejected", "否决评定申请。"),
    ("business_grade.withdrawn", "撤回评定申请，或逾期未决而失效。"),
    ("credit_review.recorded", "核算部按季度评定客户的信用等级，并作分析对比。"),
    ("trade_terms.set", "按信用等级设定客户的交易条件；须核算部另一人批准。"),
    ("payment.recorded", "客户回款。"),
    ("record.corrected", "更正某一事件中的错误：此后按新值计，原事件保持不变。"),
    ("record.voided", "作废某一不应记入的事件：此后不再计入，原事件保持不变。"),
    ("sale.recorded", "货物售出、作为样品发出或退回。"),
    ("document.filed", "资料归档：原件以其内容的哈希为名，存于账本之旁。"),
    ("signoff.recorded", "对他人提交的单据签核，或予以退回。"),
];

const EN: &str = include_str!("words/en.ftl");
const ZH: &str = include_str!("words/zh.ftl");

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect()
    }

    #[test]
    fn a_field_is_called_as_its_own_type_calls_it_wherever_else_the_name_is_used() {
        let fields = |kind: &str| catalog::find(kind).unwrap().fields;
        let called = |kind: &str, pointer| label_at(Language::Chinese, fields(kind), pointer).into_owned();
        assert_eq!(called("contact.recorded", "/data/major"), "重大事项");
        assert_eq!(called("customer.profile_updated", "/3/data/major"), "重大变动");
        assert_eq!(called("contact.recorded", "/data/promises/0/due"), "期限");
        assert_eq!(called("contact.recorded", "/latereason"), label(Language::Chinese, "latereason"));
    }

    #[test]
    fn both_languages_have_the_same_words_in_the_same_order() {
        assert_eq!(keys(EN), keys(ZH));
        for text in [EN, ZH] {
            assert!(FluentResource::try_new(text.to_owned()).is_ok());
        }
    }

    #[test]
    fn every_word_a_page_says_is_written() {
        let pages = [
            include_str!("layout.rs"),
            include_str!("sign_in.rs"),
            include_str!("customers.rs"),
            include_str!("access.rs"),
            include_str!("duties.rs"),
            include_str!("archive.rs"),
            include_str!("people.rs"),
            include_str!("grades.rs"),
            include_str!("reads.rs"),
            include_str!("tables.rs"),
            include_str!("entry.rs"),
            include_str!("correct.rs"),
            include_str!("corrections.rs"),
            include_str!("form.rs"),
            include_str!("propose.rs"),
            include_str!("card.rs"),
            include_str!("documents.rs"),
            include_str!("signoffs.rs"),
            include_str!("dates.rs"),
            include_str!("offers.rs"),
            include_str!("policy.rs"),
            include_str!("changes.rs"),
            include_str!("questions.rs"),
            include_str!("staff.rs"),
            include_str!("privacy.rs"),
            include_str!("compare.rs"),
            include_str!("search.rs"),
        ];
        let known = keys(EN);
        for page in pages {
            for rest in page.split(".say(\"").skip(1).chain(page.split(".say_with(\"").skip(1)) {
                let key = rest.split('"').next().unwrap();
                assert!(known.contains(&key), "no word for {key}");
            }
        }
    }

    #[test]
    fn every_type_that_people_propose_is_told_in_both_languages_under_a_module_with_a_name() {
        for kind in catalog::types().iter().filter(|kind| !kind.system) {
            assert_ne!(doc(Language::Chinese, kind), kind.doc, "{}", kind.name);
            for language in [Language::English, Language::Chinese] {
                assert!(!module(language, kind.module).starts_with("module-"), "{}", kind.module);
            }
        }
        assert!(DOCS.iter().all(|(name, _)| catalog::find(name).is_some_and(|kind| !kind.system)));
    }

    #[test]
    fn every_stream_that_may_be_named_has_a_name() {
        let families = catalog::types().iter().filter_map(|kind| kind.subject).map(|subject| subject.stream);
        let others = ["policy", "calendar", "org", "ledger", "access_policy", "employee", "document"];
        for (family, language) in families.chain(others).flat_map(|f| [(f, Language::English), (f, Language::Chinese)])
        {
            assert_ne!(stream(language, family), family, "no word for the stream {family}");
        }
        assert_eq!(stream(Language::Chinese, "calendar/cn"), "工作日历 cn");
        assert_eq!(stream(Language::English, "customer/C-01"), "C-01");
        assert_eq!(stream(Language::English, "C-01"), "C-01", "and what is no stream is called as it is");
    }

    #[test]
    fn a_value_stands_in_the_sentence_without_marks_around_it() {
        assert_eq!(say_with(Language::English, "position", &[("index", "7")]), "As of entry 7");
        assert_eq!(say_with(Language::Chinese, "rule", &[("rule", "R-101")]), "规则 R-101");
        assert_eq!(say(Language::English, "nothing-such"), "nothing-such");
    }

    #[test]
    fn fields_are_called_what_the_catalog_calls_them() {
        assert_eq!(label(Language::Chinese, "needs_reset"), "须重设", "a column of a view");
        assert_eq!(label(Language::Chinese, "name"), "客户名称", "and not the name of a unit");
        assert_eq!(status(Language::Chinese, "loyal"), "忠诚/老");
        assert_eq!(label(Language::English, "no_such_field"), "no_such_field");
        assert_eq!(class(Language::Chinese, "weight", "main"), "主力");
        assert_eq!(class(Language::Chinese, "industry", "steel"), "steel", "any text is a class of this dimension");
        assert_eq!(elsewhere(Language::Chinese, "channel", "visit"), "拜访", "a choice of another type");
        assert_eq!(elsewhere(Language::English, "channel", "no_such_choice"), "no_such_choice");
        assert_eq!(doing(Language::Chinese, "archive.returned"), "登记归还");
        assert_eq!(doing(Language::English, "sale.recorded"), "Sale recorded", "no page has a word for it");
        assert_eq!(field("limit").map(|field| field.en), Some("Limit"), "a field of an object");
    }
}
