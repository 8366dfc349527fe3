//! The words of the pages in both languages, and the labels that the catalog and the views declare.

use std::borrow::Cow;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

use crate::access::principal::Language;
use crate::domain::catalog::{self, Choice, Field, Kind, Shape};
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

/// Returns the label of a customer's class along a dimension.
pub(crate) fn class(language: Language, dimension: &str, value: &str) -> String {
    let named: Option<customer::Dimension> = serde_json::from_value(dimension.into()).ok();
    named
        .and_then(customer::Dimension::classes)
        .map_or_else(|| value.to_owned(), |classes| choice(language, classes, value))
}

/// Returns the label of a role.
pub(crate) fn role(language: Language, key: &str) -> String {
    key.parse().map_or_else(|_| key.to_owned(), |role: Role| language.choose((role.en(), role.zh())).to_owned())
}

/// Returns the label of an event type.
pub(crate) fn event(language: Language, name: &str) -> String {
    catalog::find(name).map_or_else(|| name.to_owned(), |kind| language.choose((kind.en, kind.zh)).to_owned())
}

/// Returns the label of a view.
pub(crate) fn view(language: Language, key: &str) -> String {
    let found = VIEWS.iter().find(|view: &&View| view.key == key);
    found.map_or_else(|| key.to_owned(), |view| language.choose((view.en, view.zh)).to_owned())
}

/// What views compute and the catalog does not name.
const OWN: &[(&str, &str, &str)] = &[
    ("products_bought", "Products bought", "购买产品"),
    ("first_purchase_on", "First purchase", "首次购买"),
    ("last_purchase_on", "Last purchase", "最近购买"),
    ("purchase_count", "Purchases", "购买次数"),
    ("cumulative_amount", "Amount in all", "累计金额"),
    ("active", "Active", "正常"),
    ("view", "On screen", "屏幕查看"),
    ("search", "Search", "查询"),
    ("export", "Export", "导出"),
    ("print", "Print", "打印"),
    ("office", "Office", "办公场所"),
    ("offsite", "Off site", "外部"),
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
            include_str!("archive.rs"),
            include_str!("grades.rs"),
            include_str!("reads.rs"),
            include_str!("entry.rs"),
            include_str!("form.rs"),
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
    fn a_value_stands_in_the_sentence_without_marks_around_it() {
        assert_eq!(say_with(Language::English, "position", &[("index", "7")]), "As of entry 7");
        assert_eq!(say_with(Language::Chinese, "rule", &[("rule", "R-101")]), "规则 R-101");
        assert_eq!(say(Language::English, "nothing-such"), "nothing-such");
    }

    #[test]
    fn fields_are_called_what_the_catalog_calls_them() {
        assert_eq!(label(Language::Chinese, "credit_grade"), "信用等级");
        assert_eq!(label(Language::Chinese, "name"), "客户名称", "and not the name of a unit");
        assert_eq!(status(Language::Chinese, "loyal"), "忠诚/老");
        assert_eq!(label(Language::English, "no_such_field"), "no_such_field");
        assert_eq!(class(Language::Chinese, "weight", "main"), "主力");
        assert_eq!(class(Language::Chinese, "industry", "steel"), "steel", "any text is a class of this dimension");
        assert_eq!(field("limit").map(|field| field.en), Some("Limit"), "a field of an object");
    }
}
