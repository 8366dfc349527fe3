//! Business policy: presets and parameters in force per unit, and the access policy sets adopted.

use std::collections::BTreeSet;

use imbl::{OrdSet, Vector};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{Date, Timestamp};
use crate::domain::approval;
use crate::domain::catalog::{Count, INTEGER_MAX, Int, Str, Text, choices, events, refusals};
use crate::domain::duty::{Charge, Due, Duty, Opening, Sink, Turn};
use crate::domain::history::{Live, Part};
use crate::domain::role::Role;
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, worktime};
use crate::entry::Hash;
use crate::ids::{EmployeeId, StreamName, UnitId};

/// The presets per topic; the first of each is in force where nothing else was adopted (rules §1).
pub const PRESETS: &[(&str, &[&str])] = &[
    ("tier", &[
        "tier.share_5_1", "tier.share_5_2_1", "tier.retail_cumulative", "tier.relation_abc", "tier.scale_abc",
        "tier.star", "tier.intent_abc", "tier.value_3", "tier.abcde_manual", "tier.dept_lists",
    ]),
    ("newcust", &["newcust.no_tx_3y", "newcust.never", "newcust.recent_first"]),
    ("code", &["code.after_contracts", "code.at_archive"]),
    ("credit", &["credit.accounting_key", "credit.regional_gm"]),
    ("verify", &["verify.quarterly", "verify.annual"]),
    ("revisit", &["revisit.interval", "revisit.monthly_25"]),
];

/// The parameters with their defaults and bounds (rules §2).
pub const PARAMETERS: &[Parameter] = &[
    Parameter::number("p.backdate.hours", 24, 0, 8760),
    Parameter::number("p.visit.max_minutes", 30, 1, 1440),
    Parameter::number("p.newcust.years", 3, 1, 20),
    Parameter::number("p.dormant.months", 6, 1, 120),
    Parameter::number("p.lost.months", 12, 1, 240),
    Parameter::number("p.loyal.min_purchases", 3, 1, 1000),
    Parameter::number("p.grade.lapse_days", 30, 1, 366),
    Parameter::number("p.loan.max_days", 7, 1, 366),
    Parameter::number("p.loan.renewals", 1, 0, 12),
    Parameter::number("p.grant.max_days", 30, 1, 366),
    Parameter::number("p.checkpoint.every", 1000, 1, 1_000_000),
    Parameter::number("p.service.onsite_fee_max", 200, 0, 1_000_000),
    Parameter::number("p.archive.first_contact_hours", 24, 1, 8760),
    Parameter::number("p.archive.update_days", 3, 1, 60),
    Parameter::number("p.quarter.grace_days", 15, 0, 90),
    Parameter::number("p.ka.day", 25, 1, 28),
    Parameter::number("p.ka.top_n", 10, 1, 100),
    Parameter::number("p.visit.log_hours", 24, 1, 8760),
    Parameter { name: "p.grade.credit_scale", default: Default::Scale("A,B,C,D,E"), min: 1, max: 40 },
    Parameter { name: "p.grade.business_scale", default: Default::Scale("A,B,C,D,E"), min: 1, max: 40 },
    Parameter::table("p.grade.business_thresholds", "p.grade.business_scale", "A=1500000,B=1000000,C=800000,D=500000"),
    Parameter::table("p.credit.limit_table", "p.grade.credit_scale", "A=5000000,B=2000000,C=800000,D=200000,E=0"),
    Parameter { name: "p.work.hours", default: Default::Hours("08:30-12:00,13:00-17:30"), min: 11, max: 80 },
    Parameter { name: "p.escalate.days", default: Default::Days("1,3"), min: 3, max: 5 },
    Parameter { name: "p.revisit.days", default: Default::Days("30,60,90"), min: 5, max: 11 },
];

/// The yearly review of the policy is due by the end of the year it is for.
pub(super) const REVIEW: Duty =
    Duty { number: 58, rule: "R-015", zh: "制度年度审核", en: "Review the policy for the year", met_by: "policy.reviewed" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&REVIEW];

/// A parameter: its default and what values it may take.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its default.
    pub default: Default,
    /// The least value, or the least number of characters.
    pub min: i64,
    /// The greatest value, or the greatest number of characters.
    pub max: i64,
}

/// A parameter's default.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// A number.
    Number(i64),
    /// Grades from best to worst, such as `A,B,C`.
    Scale(&'static str),
    /// Amounts in yuan per grade, the largest first, such as `A=1500000,B=1000000`.
    Table {
        /// The parameter with the scale the grades lie on.
        scale: &'static str,
        /// The amounts.
        amounts: &'static str,
    },
    /// Hours of work, as `08:30-12:00,13:00-17:30`.
    Hours(&'static str),
    /// Rising numbers of days, as many as here, such as `1,3`.
    Days(&'static str),
}

impl Parameter {
    const fn number(name: &'static str, default: i64, min: i64, max: i64) -> Self {
        Self { name, default: Default::Number(default), min, max }
    }

    const fn table(name: &'static str, scale: &'static str, amounts: &'static str) -> Self {
        Self { name, default: Default::Table { scale, amounts }, min: 3, max: 200 }
    }

    fn allows(&self, value: &Value) -> bool {
        match self.default {
            Default::Number(_) => value.as_i64().is_some_and(|number| (self.min..=self.max).contains(&number)),
            Default::Scale(_) | Default::Table { .. } | Default::Hours(_) | Default::Days(_) => value.as_str().is_some_and(|text| {
                let length = i64::try_from(text.chars().count()).unwrap_or(INTEGER_MAX);
                (self.min..=self.max).contains(&length) && self.default.reads(text)
            }),
        }
    }
}

impl Default {
    fn reads(self, text: &str) -> bool {
        match self {
            Self::Hours(_) => worktime::hours(text).is_some(),
            Self::Scale(_) => grades(text).is_some(),
            Self::Table { .. } => rows(text).is_some(),
            Self::Days(default) => rising(text).is_some_and(|days| Some(days.len()) == rising(default).map(|days| days.len())),
            Self::Number(_) => true,
        }
    }

    /// Returns it as it is written; `None` for a number.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Self::Number(_) => None,
            Self::Scale(text) | Self::Table { amounts: text, .. } | Self::Hours(text) | Self::Days(text) => Some(text),
        }
    }
}

/// Reads numbers of days such as `1,3`, each greater than the one before.
fn rising(text: &str) -> Option<Vec<u32>> {
    let days: Vec<u32> = text.split(',').map(|days| days.trim().parse().ok()).collect::<Option<_>>()?;
    days.is_sorted_by(|one, next| one < next).then_some(days)
}

choices! {
    /// What a yearly review of the policy comes to.
    Outcome {
        Unchanged "unchanged" "维持" "Unchanged",
        ToRevise "to_revise" "需修订" "To be revised",
    }
}

events! {
    /// A version of the business policy is adopted.
    Adopted "policy.adopted" "制度生效" "Policy adopted" is decision {
        /// The version, one more than the highest before.
        version: Option<Count>, C0, "制度版本", "Version", computed;
        /// The unit it holds for, and those below.
        unit: UnitId, C0, "适用部门", "Unit";
        /// The preset chosen per topic.
        presets: Map<String, Value>, C0, "制度预设", "Presets";
        /// The parameters set.
        parameters: Map<String, Value>, C0, "参数", "Parameters";
        /// From when it holds; never in the past.
        effective_at: Timestamp, C0, "生效时间", "Effective from";
        /// Who drafted it.
        drafted_by: Option<EmployeeId>, C7, "起草人", "Drafted by", computed;
        /// Who approved it.
        approved_by: Option<EmployeeId>, C7, "批准人", "Approved by", computed;
        /// Why it changes.
        reason: Text, C0, "修订原因", "Reason";
    }
    /// A set of access policies is adopted, before it decides anything.
    AccessAdopted "access_policy.adopted" "访问策略生效" "Access policy adopted" by system {
        /// The hash of the set.
        policy_set: Hash, C0, "策略集哈希", "Policy set";
        /// How many policies it holds.
        policies: Count, C0, "策略数", "Policies";
        /// The release it came with.
        release: Str<1, 40>, C0, "版本", "Release";
    }
    /// The whole policy was reviewed for a year; recorded even where nothing is to change.
    Reviewed "policy.reviewed" "制度年度审核" "Policy reviewed" {
        /// The year it was reviewed for.
        year: Int<1900, 9999>, C0, "年度", "Year";
        /// What the review came to.
        outcome: Outcome, C0, "结论", "Outcome";
        /// What was found.
        findings: Text, C0, "评估意见", "Findings";
    }
}

/// The versions adopted.
#[derive(Clone, Debug, Serialize, Deserialize, std::default::Default)]
pub struct State {
    /// Versions of the business policy, oldest first.
    pub adopted: Vector<Version>,
    /// The access policy set that decides now.
    pub access: Option<Hash>,
    /// The years the policy was reviewed for.
    pub reviewed: OrdSet<i64>,
}

/// One version of the business policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Its number.
    pub version: i64,
    /// The unit it holds for, and those below.
    pub unit: UnitId,
    /// From when it holds.
    pub effective_at: Timestamp,
    /// The preset chosen per topic.
    pub presets: Vec<(String, String)>,
    /// The parameters set, numbers and texts alike as text.
    pub parameters: Vec<(String, String)>,
}

impl Version {
    fn of(adopted: &Adopted) -> Self {
        let texts = |map: &Map<String, Value>| {
            map.iter().map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect()
        };
        Self {
            version: adopted.version.map_or(0, |version| version.0),
            unit: adopted.unit.clone(),
            effective_at: adopted.effective_at,
            presets: texts(&adopted.presets),
            parameters: texts(&adopted.parameters),
        }
    }
}

refusals! {
    /// It would have held before it was decided.
    Retroactive => E_RULE "R-014" at "/effective_at", "a policy cannot take effect in the past", "制度不得追溯生效";
    /// No such preset.
    UnknownPreset { topic: String, preset: String } => E_SCHEMA "" at "/presets/{topic}",
        "there is no preset \"{preset}\" for \"{topic}\"", "“{topic}”没有预设“{preset}”";
    /// No such parameter, or out of its range.
    BadParameter { name: String } => E_SCHEMA "" at "/parameters/{name}", "\"{name}\" is no parameter or its value is out of range", "“{name}”不是参数或取值超出范围";
    /// Amounts are set for grades that nobody can have, or not from the best to the worst.
    OffScale { name: String, unit: String, scale: String } => E_RULE "R-103" at "/parameters/{name}",
        "\"{name}\" must name grades of the scale of \"{unit}\" only, in its order: {scale}", "“{name}”只能列出“{unit}”所用等级表中的等级，并按其次序：{scale}";
    /// The year is reviewed.
    ReviewedAlready { year: i64 } => E_CONFLICT "R-015" at "/year",
        "the policy is reviewed for {year} already", "{year}年度制度已审核";
    /// The year has not begun.
    YearAhead { year: i64 } => E_RULE "R-015" at "/year", "the year {year} has not begun", "{year}年度尚未开始";
}

/// Returns the preset in force for `topic` at `unit`.
pub fn preset<'a>(world: &'a World, unit: Option<&'a UnitId>, at: Timestamp, topic: &str) -> &'a str {
    in_force(world, unit, at)
        .find_map(|version| version.presets.iter().find(|(name, _)| name == topic))
        .map(|(_, preset)| preset.as_str())
        .or_else(|| PRESETS.iter().find(|(name, _)| *name == topic)?.1.first().copied())
        .unwrap_or_default()
}

/// Returns the number in force for the parameter `name` at `unit`.
pub fn parameter(world: &World, unit: Option<&UnitId>, at: Timestamp, name: &str) -> i64 {
    let adopted = set(world, unit, at, name).and_then(|value| value.parse().ok());
    adopted.unwrap_or_else(|| match default(name) {
        Some(Default::Number(number)) => number,
        _ => 0,
    })
}

/// Returns the text in force for the parameter `name` at `unit`.
pub fn text_parameter<'a>(
    world: &'a World,
    unit: Option<&'a UnitId>,
    at: Timestamp,
    name: &str,
) -> &'a str {
    set(world, unit, at, name).or_else(|| default(name)?.text()).unwrap_or_default()
}

/// Returns what is in force for the parameter `name` at `unit`: a number or a text.
pub fn value(world: &World, unit: Option<&UnitId>, at: Timestamp, name: &str) -> Value {
    match default(name) {
        Some(Default::Number(_)) => Value::from(parameter(world, unit, at, name)),
        Some(_) => Value::from(text_parameter(world, unit, at, name)),
        None => Value::Null,
    }
}

/// Returns the numbers of days in force for the parameter `name` at `unit`, which has `COUNT` of them.
pub fn days<const COUNT: usize>(world: &World, unit: Option<&UnitId>, at: Timestamp, name: &str) -> [u32; COUNT] {
    let days = rising(text_parameter(world, unit, at, name)).and_then(|days| days.try_into().ok());
    days.unwrap_or([0; COUNT])
}

/// Returns the grades of the scale in force for the parameter `name` at `unit`, from best to worst.
pub fn scale<'a>(world: &'a World, unit: Option<&'a UnitId>, at: Timestamp, name: &str) -> Vec<&'a str> {
    grades(text_parameter(world, unit, at, name)).unwrap_or_default()
}

/// Returns the amounts in fen per grade in force for the parameter `name` at `unit`, the largest first.
pub fn table<'a>(world: &'a World, unit: Option<&'a UnitId>, at: Timestamp, name: &str) -> Vec<(&'a str, i64)> {
    rows(text_parameter(world, unit, at, name)).unwrap_or_default()
}

/// Reads a scale as it is written; `None` unless every grade is named once, in one to four characters.
fn grades(text: &str) -> Option<Vec<&str>> {
    let grades: Vec<&str> = text.split(',').map(str::trim).collect();
    let mut named = BTreeSet::new();
    grades.iter().all(|grade| is_grade(grade) && named.insert(*grade)).then_some(grades)
}

fn is_grade(text: &str) -> bool {
    (1..=4).contains(&text.chars().count())
}

/// Reads a table of amounts as it is written, in yuan, into fen; `None` unless every grade is named once and no amount exceeds the one before.
pub fn rows(text: &str) -> Option<Vec<(&str, i64)>> {
    let mut rows: Vec<(&str, i64)> = Vec::new();
    for row in text.split(',') {
        let (grade, yuan) = row.split_once('=')?;
        let (grade, yuan) = (grade.trim(), yuan.trim());
        let digits = !yuan.is_empty() && yuan.bytes().all(|byte| byte.is_ascii_digit());
        let fen = yuan.parse::<i64>().ok().filter(|_| digits)?.checked_mul(100).filter(|fen| *fen <= INTEGER_MAX)?;
        let named = is_grade(grade) && rows.iter().all(|(other, _)| *other != grade);
        if !named || rows.last().is_some_and(|(_, before)| fen > *before) {
            return None;
        }
        rows.push((grade, fen));
    }
    Some(rows)
}

/// Returns the highest version in force at `unit`; 0 before the first.
pub fn version(world: &World, unit: Option<&UnitId>, at: Timestamp) -> u64 {
    in_force(world, unit, at).map(|version| u64::try_from(version.version).unwrap_or(0)).max().unwrap_or(0)
}

fn default(name: &str) -> Option<Default> {
    PARAMETERS.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.default)
}

fn set<'a>(world: &'a World, unit: Option<&'a UnitId>, at: Timestamp, name: &str) -> Option<&'a str> {
    in_force(world, unit, at)
        .find_map(|version| version.parameters.iter().find(|(set, _)| set == name))
        .map(|(_, value)| value.as_str())
}

/// Returns the versions in force at `unit`, newest first; the company's first unit stands in where there is none.
pub fn in_force<'a>(world: &'a World, unit: Option<&'a UnitId>, at: Timestamp) -> impl Iterator<Item = &'a Version> {
    let unit = unit.or_else(|| world.policy.adopted.front().map(|version| &version.unit));
    world.policy.adopted.iter().rev().filter(move |version| {
        version.effective_at <= at && unit.is_some_and(|unit| world.organization.within(unit, &version.unit))
    })
}

/// Says which stream the event belongs to.
pub(super) fn about(_: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    Ok(About::subject(StreamName::single(match event {
        Event::Adopted(_) | Event::Reviewed(_) => "policy",
        Event::AccessAdopted(_) => "access_policy",
    })))
}

/// Decides on a draft, which the general manager approves, and on a yearly review.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let adopted = match event {
        Event::Adopted(adopted) => adopted,
        Event::AccessAdopted(_) if *context.actor == Actor::System => return Ok(vec![Admission::of(event, context)]),
        Event::AccessAdopted(_) => return Err(domain::common::Refusal::SystemOnly.into()),
        Event::Reviewed(reviewed) => {
            check_year(world, context, reviewed.year.0)?;
            return Ok(vec![Admission::of(Event::Reviewed(reviewed), context)]);
        }
    };
    check_values(&adopted)?;
    check_tables(world, &adopted)?;
    if adopted.effective_at < context.at && *context.actor != Actor::System {
        return Err(Refusal::Retroactive.into());
    }
    let drafter: Vec<&EmployeeId> = context.actor.employee().into_iter().collect();
    let steps = approval::at_the_top(world, context.at, &drafter);
    if let Some(request) = approval::request(world, context, &Event::Adopted(adopted.clone()).into(), steps)? {
        return Ok(request);
    }
    let highest = world.policy.adopted.iter().map(|version| version.version).max().unwrap_or(0);
    let approver = context.approvals.first().or(adopted.approved_by.as_ref()).cloned();
    let drafter = context.actor.employee().or(adopted.drafted_by.as_ref()).cloned();
    Ok(vec![Admission::of(
        Event::Adopted(Adopted {
            version: domain::computed("version", adopted.version, Some(Int(highest + 1)))?,
            drafted_by: domain::computed("drafted_by", adopted.drafted_by.clone(), drafter)?,
            approved_by: domain::computed("approved_by", adopted.approved_by.clone(), approver)?,
            ..adopted
        }),
        context,
    )])
}

fn check_values(adopted: &Adopted) -> Result<(), Refusal> {
    for (topic, preset) in &adopted.presets {
        let known = PRESETS.iter().find(|(name, _)| name == topic).map_or(&[][..], |(_, presets)| presets);
        if !preset.as_str().is_some_and(|preset| known.contains(&preset)) {
            let preset = preset.as_str().map_or_else(|| preset.to_string(), str::to_owned);
            return Err(Refusal::UnknownPreset { topic: topic.clone(), preset });
        }
    }
    for (name, value) in &adopted.parameters {
        if !PARAMETERS.iter().any(|parameter| parameter.name == name && parameter.allows(value)) {
            return Err(Refusal::BadParameter { name: name.clone() });
        }
    }
    Ok(())
}

/// What a version sets, and what it leaves as it is, fits together wherever it holds and from its day on: a table of amounts
/// names grades of its scale only, from the best to the worst.
fn check_tables(world: &World, adopted: &Adopted) -> Result<(), Refusal> {
    let mut after = world.clone();
    after.policy.adopted.push_back(Version::of(adopted));
    let days = after.policy.adopted.iter().map(|version| version.effective_at).filter(|day| *day >= adopted.effective_at);
    let units = || after.organization.units.keys().filter(|unit| after.organization.within(unit, &adopted.unit));
    for (at, unit) in days.flat_map(|at| units().map(move |unit| (at, unit))) {
        for parameter in PARAMETERS {
            let Default::Table { scale: of, .. } = parameter.default else { continue };
            let scale = scale(&after, Some(unit), at, of);
            let table = table(&after, Some(unit), at, parameter.name);
            let places = table.iter().map(|(grade, _)| scale.iter().position(|other| other == grade));
            if places.clone().any(|place| place.is_none()) || !places.is_sorted() {
                let name = parameter.name.to_owned();
                return Err(Refusal::OffScale { name, unit: unit.to_string(), scale: scale.join(", ") });
            }
        }
    }
    Ok(())
}

/// A year is reviewed once, and not before it has begun.
fn check_year(world: &World, context: &Context<'_>, year: i64) -> Result<(), Refusal> {
    if world.policy.reviewed.contains(&year) {
        return Err(Refusal::ReviewedAlready { year });
    }
    if year > i64::from(world.date(context.at).year()) {
        return Err(Refusal::YearAhead { year });
    }
    Ok(())
}

/// A review fulfils the duty of its year.
pub(super) fn oblige(_: &World, _: &Fact<'_>, event: &Event, sink: &mut Sink) {
    if let Event::Reviewed(reviewed) = event {
        sink.close(&REVIEW, reviewed.year.0.to_string());
    }
}

/// Each year asks for its review.
pub(super) fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    let Turn::YearBegun { year } = turn else { return };
    let (false, Some(last)) = (world.policy.reviewed.contains(&i64::from(year)), Date::new(year, 12, 31)) else { return };
    sink.openings.push(Opening {
        duty: &REVIEW,
        object: year.to_string(),
        customer: None,
        charges: vec![Charge::Holders(Role::MarketDirector)],
        due: Due::EndOf(last),
        since: None,
    });
}

/// Takes over what was adopted and which years were reviewed.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    match event {
        Event::Adopted(adopted) => state.adopted.push_back(Version::of(adopted)),
        Event::AccessAdopted(adopted) => state.access = Some(adopted.policy_set),
        Event::Reviewed(reviewed) => {
            state.reviewed.insert(reviewed.year.0);
        }
    }
}

/// Lets go of what was adopted and reviewed; which access policies decide is none of the company's facts.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    if *part == Part::Company {
        state.adopted.clear();
        state.reviewed.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, event, given, policy as draft, role_given};

    fn given_consent(request: &str) -> Proposed {
        event("approval.given", json!({ "request_id": request }))
    }

    fn unit(id: &str) -> UnitId {
        id.parse().unwrap()
    }

    fn hours(given: &Given, at: &str) -> i64 {
        parameter(&given.world, Some(&unit(at)), given.at, "p.backdate.hours")
    }

    #[test]
    fn the_general_manager_approves_a_draft_and_nobody_else() {
        let given = given([]).when("E-601", draft("hq", json!({}), json!({})).id("draft-01")).then(["approval.requested"]);
        given.when("E-601", given_consent("draft-01")).then_refused(Code::E_SOD, "R-025");
        given.when("E-802", given_consent("draft-01")).then_refused(Code::E_FORBIDDEN, "R-025");
        let approval = given.when("E-801", given_consent("draft-01"));
        let data = approval.data();
        assert_eq!((&data["version"], &data["drafted_by"], &data["approved_by"]), (&json!(2), &json!("E-601"), &json!("E-801")));
        let given = approval.then(["approval.given", "policy.adopted"]);
        assert_eq!(version(&given.world, Some(&unit("north")), given.at), 2);
    }

    #[test]
    fn the_general_managers_own_draft_needs_deputy_and_compliance() {
        // Acting under another role does not make it somebody else's draft.
        let both = given([("system", role_given("E-801", "marketing", "hq"))]);
        for who in ["E-801/general_manager", "E-801/marketing"] {
            let waiting = both.when(who, draft("hq", json!({}), json!({})).id("draft-02")).then(["approval.requested"]);
            waiting.when("E-801/general_manager", given_consent("draft-02")).then_refused(Code::E_SOD, "R-025");
            for order in [["E-802", "E-902"], ["E-902", "E-802"]] {
                let half = waiting.when(order[0], given_consent("draft-02")).then(["approval.given"]);
                half.when(order[0], given_consent("draft-02")).then_refused(Code::E_SOD, "R-025");
                half.when(order[1], given_consent("draft-02")).then(["approval.given", "policy.adopted"]);
            }
        }
    }

    #[test]
    fn a_policy_never_takes_effect_in_the_past() {
        let given = given([]);
        let before = given.at.minus(std::time::Duration::from_micros(1));
        let past = draft("hq", json!({}), json!({})).with("effective_at", json!(before));
        given.when("E-601", past).then_refused(Code::E_RULE, "R-014");
        let waiting = given.when("E-601", draft("hq", json!({}), json!({})).id("draft-03")).then(["approval.requested"]);
        // Approved too late it would hold for what was decided meanwhile.
        let waiting = waiting.later(std::time::Duration::from_secs(1));
        waiting.when("E-801", given_consent("draft-03")).then_refused(Code::E_RULE, "R-014");
    }

    #[test]
    fn presets_and_parameters_that_do_not_exist_are_malformed() {
        let given = given([]);
        for presets in [json!({ "tier": "tier.unheard_of" }), json!({ "weather": "weather.fine" }), json!({ "tier": 5 })] {
            let told = given.when("E-601", draft("hq", presets, json!({}))).then_refused(Code::E_SCHEMA, "");
            assert!(!told.contains("\"\""), "{told}");
        }
        for parameters in [json!({ "p.unheard_of": 1 }), json!({ "p.backdate.hours": "24" }), json!({ "p.grade.credit_scale": 5 })] {
            given.when("E-601", draft("hq", json!({}), parameters)).then_refused(Code::E_SCHEMA, "");
        }
    }

    #[test]
    fn every_parameter_takes_its_bounds_and_nothing_beyond() {
        let given = given([]);
        for parameter in PARAMETERS {
            let values = match parameter.default {
                Default::Number(_) => [parameter.min - 1, parameter.min, parameter.max, parameter.max + 1].map(|number| json!(number)),
                // The shortest scale that still has the grades of its table, and the longest.
                Default::Scale(_) => ["", "A,B,C,D,E", "A,B,C,D,E,FFFF,GGGG,HHHH,IIII,JJJJ,KK,L", "A,B,C,D,E,FFFF,GGGG,HHHH,IIII,JJJJ,KK,LLL"]
                    .map(|text| json!(text)),
                Default::Table { .. } => [parameter.min - 1, parameter.min, parameter.max, parameter.max + 1]
                    .map(|length| json!(format!("A={}", "0".repeat(usize::try_from(length - 2).unwrap())))),
                Default::Hours(_) => ["08:30-12:0", "08:30-12:00", "08:30-12:00,13:00-17:30,18:00-20:00", "12:00-08:30"].map(|text| json!(text)),
                Default::Days(days) => {
                    let fewer = days.rsplit_once(',').unwrap().0;
                    let falling: Vec<&str> = days.rsplit(',').collect();
                    [fewer, days, &days.replace('1', "2"), &falling.join(",")].map(|text| json!(text))
                }
            };
            for (value, fits) in values.into_iter().zip([false, true, true, false]) {
                let when = given.when("E-601", draft("hq", json!({}), json!({ parameter.name: value })));
                if fits {
                    when.then(["approval.requested"]);
                } else {
                    when.then_refused(Code::E_SCHEMA, "");
                }
            }
        }
    }

    #[test]
    fn a_table_names_every_grade_once_and_falls() {
        assert_eq!(rows("A=2, B = 1,C=1"), Some(vec![("A", 200), ("B", 100), ("C", 100)]));
        let most = INTEGER_MAX / 100;
        assert_eq!(rows(&format!("A={most}")), Some(vec![("A", most * 100)]));
        let beyond = format!("A={}", most + 1);
        for bad in ["", "A", "A=", "=1", "A=1,", "A=-1", "A=+1", "A=1.5", "A=1,A=0", "A=1,B=2", "ABCDE=1", &beyond, "A=99999999999999999999"] {
            assert_eq!(rows(bad), None, "{bad}");
        }
        for bad in ["", "A,", "A,B,A", "A, ,B", "ABCDE"] {
            assert_eq!(grades(bad), None, "{bad}");
        }
        assert_eq!(grades("VIP, N"), Some(vec!["VIP", "N"]));
        for parameter in PARAMETERS {
            assert!(parameter.default.text().is_none_or(|text| parameter.default.reads(text)), "{}", parameter.name);
        }
    }

    #[test]
    fn amounts_are_set_for_grades_of_their_scale_only_wherever_and_whenever_a_version_holds() {
        let (scale, thresholds) = ("p.grade.business_scale", "p.grade.business_thresholds");
        let given = given([]);
        let fits = |given: &Given, unit: &str, parameters: Value| {
            given.when("E-601", draft(unit, json!({}), parameters)).then(["approval.requested"]);
        };
        let unfit = |given: &Given, unit: &str, parameters: Value| {
            given.when("E-601", draft(unit, json!({}), parameters)).then_refused(Code::E_RULE, "R-103")
        };
        let told = unfit(&given, "hq", json!({ thresholds: "A=2,X=1" }));
        assert!(told.contains(thresholds) && told.contains("A, B, C, D, E"), "{told}");
        unfit(&given, "hq", json!({ thresholds: "B=1,A=1" }));
        unfit(&given, "hq", json!({ "p.credit.limit_table": "A=2,X=1" }));
        unfit(&given, "hq", json!({ scale: "VIP,N" }));
        unfit(&given, "hq", json!({ "p.grade.credit_scale": "A,B,C" }));
        fits(&given, "hq", json!({ scale: "VIP,N", thresholds: "VIP=1" }));
        // A unit with criteria of its own keeps the grades they name.
        let own = given.clone().and("system", draft("north", json!({}), json!({ scale: "VIP,N", thresholds: "VIP=1" })));
        unfit(&own, "hq", json!({ scale: "A,B,C,D,E" }));
        fits(&own, "hq", json!({ scale: "A,B,C,D,VIP", thresholds: "A=2,B=1" }));
        // What holds later is looked at too: from then on the scale is another.
        let later = draft("hq", json!({}), json!({ scale: "VIP,N", thresholds: "VIP=1" })).with("effective_at", "2026-04-01T00:00:00+08:00");
        let ahead = given.and("system", later);
        unfit(&ahead, "hq", json!({ thresholds: "A=1" }));
        fits(&ahead, "hq", json!({ thresholds: "A=1", scale: "A,B" }));
    }

    #[test]
    fn every_preset_can_be_adopted_and_the_first_holds_until_one_is() {
        let given = given([]);
        for (topic, presets) in PRESETS {
            assert_eq!(preset(&given.world, None, given.at, topic), presets[0]);
            for chosen in *presets {
                let given = given.clone().and("system", draft("hq", json!({ *topic: chosen }), json!({})));
                assert_eq!(preset(&given.world, Some(&unit("branch")), given.at, topic), *chosen);
            }
        }
    }

    #[test]
    fn a_policy_holds_for_its_unit_and_below_from_its_day_on() {
        let given = given([("system", draft("north", json!({}), json!({ "p.backdate.hours": 48 })))]);
        assert_eq!(["north", "branch", "hq", "south"].map(|at| hours(&given, at)), [48, 48, 24, 24]);
        let next = draft("hq", json!({}), json!({ "p.backdate.hours": 72 })).with("effective_at", "2026-04-01T00:00:00+08:00");
        let given = given.and("system", next).at("2026-03-31T23:59:59.999999+08:00");
        assert_eq!(hours(&given, "hq"), 24);
        let given = given.at("2026-04-01T00:00:00+08:00");
        assert_eq!(["north", "hq"].map(|at| hours(&given, at)), [72, 72]);
    }

    #[test]
    fn the_version_is_computed() {
        let given = given([]);
        given.when("system", draft("hq", json!({}), json!({})).with("version", 2)).then(["policy.adopted"]);
        given.when("system", draft("hq", json!({}), json!({})).with("version", 7)).then_refused(Code::E_RULE, "R-042");
    }

    #[test]
    fn only_the_system_adopts_access_policies() {
        let adopted = event("access_policy.adopted", json!({ "policy_set": "ab".repeat(32), "policies": 90, "release": "1.0" }));
        given([]).when("E-801", adopted.clone()).then_refused(Code::E_FORBIDDEN, "R-023");
        let given = given([("system", adopted)]);
        assert_eq!(given.world.policy.access.map(|hash| hash.to_string()), Some("ab".repeat(32)));
    }

    #[test]
    fn the_policy_is_reviewed_once_a_year_and_not_ahead_of_it() {
        let review = |year: i64| {
            event("policy.reviewed", json!({ "year": year, "outcome": "unchanged", "findings": "Fits the practice." }))
        };
        let given = given([("E-601", review(2026))]);
        given.when("E-601", review(2026).with("outcome", "to_revise")).then_refused(Code::E_CONFLICT, "R-015");
        given.when("E-601", review(2027)).then_refused(Code::E_RULE, "R-015");
        given.when("E-601", review(2025)).then(["policy.reviewed"]);
        // The year is that of the ledger's zone, where it begins before it does in UTC.
        let given = given.at("2027-01-01T00:00:00+08:00").and("E-601", review(2027));
        assert_eq!(version(&given.world, None, given.at), 1, "a review changes nothing by itself");
        given.when("E-601", review(2028).with("year", 1899)).then_malformed(["/year"]);
    }
}
