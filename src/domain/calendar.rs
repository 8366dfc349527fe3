//! Working calendars: which days of a year are worked, as a notice has them, and the working time of a unit.

use std::collections::BTreeSet;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{Count, Int, Str, Text, events, refusals};
use crate::domain::history::{Live, Part};
use crate::domain::worktime::{self, Table, Worktime};
use crate::domain::{self, About, Admission, Context, Fact, World, approval, holidays, policy};
use crate::ids::{EmployeeId, StreamName, SubjectId, UnitId};

events! {
    /// The holidays and make-up days of a year take effect for a working calendar.
    Adopted "calendar.adopted" "工作日历生效" "Working calendar adopted" is decision {
        /// The calendar; units name the one they keep.
        calendar: SubjectId, C0, "工作日历", "Calendar";
        /// The year.
        year: Int<1900, 9998>, C0, "年度", "Year";
        /// The version of this year's table, one more than the one before.
        version: Option<Count>, C0, "日历版本", "Version", computed;
        /// The days off, those on a weekend included or not; the last days of the year before may be among them.
        days_off: Vec<Date>, C0, "放假日期", "Days off";
        /// The Saturdays and Sundays that are worked to make up for them.
        make_up_days: Vec<Date>, C0, "调休上班日期", "Make-up days";
        /// The notice that says so.
        notice: Str<1, 120>, C0, "依据文件", "Notice";
        /// What to say about it.
        reason: Option<Text>, C0, "说明", "Reason";
        /// Who approved it; nobody where it came with the program.
        approved_by: Option<EmployeeId>, C7, "批准人", "Approved by", computed;
    }
}

/// The tables in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By calendar and year.
    pub tables: OrdMap<(String, i32), Table>,
}

refusals! {
    /// The date is not of that year.
    OtherYear { date: Date, year: i64 } => E_RULE "R-017", "{date} is not of the year {year}, nor of the December before", "{date}不属于{year}年或上年12月";
    /// Off and worked at once.
    BothWays { date: Date } => E_RULE "R-017" at "/make_up_days", "{date} cannot be both off and worked", "{date}不能既放假又上班";
    /// Mondays to Fridays need no making up.
    NoWeekend { date: Date } => E_RULE "R-017" at "/make_up_days",
        "{date} is no Saturday or Sunday: it is worked anyway", "{date}不是周末，本来就上班";
    /// The table is in force as it is.
    Unchanged { version: i64 } => E_CONFLICT "R-017", "version {version} of this year says the same", "该年度第{version}版内容相同";
}

/// Returns the tables that come with the program and are not in the ledger yet.
pub fn shipped(world: &World) -> Vec<domain::Event> {
    let known = |year: i32| world.calendar.tables.contains_key(&(holidays::CALENDAR.to_owned(), year));
    holidays::NOTICES.iter().filter(|notice| !known(notice.year)).filter_map(adoption).map(Into::into).collect()
}

fn adoption(notice: &holidays::Notice) -> Option<Event> {
    let mut days_off = Vec::new();
    for (first, last) in notice.off {
        let (mut day, last): (Date, Date) = (first.parse().ok()?, last.parse().ok()?);
        while day <= last {
            days_off.push(day);
            day = day.next();
        }
    }
    Some(Event::Adopted(Adopted {
        calendar: holidays::CALENDAR.parse().ok()?,
        year: Int(notice.year.into()),
        version: None,
        days_off,
        make_up_days: notice.made_up.iter().map(|day| day.parse()).collect::<Result<_, _>>().ok()?,
        notice: Str(notice.number.into()),
        reason: None,
        approved_by: None,
    }))
}

/// Tells whether a unit may name a calendar: one that has a table, or the default.
pub fn is_known(world: &World, name: &str) -> bool {
    known(world).any(|calendar| calendar == name)
}

/// Returns the calendars that a unit may name: the default, and those that have a table.
pub fn known(world: &World) -> impl Iterator<Item = &str> {
    let tables = world.calendar.tables.keys().map(|(calendar, _)| calendar.as_str());
    std::iter::once(DEFAULT).chain(tables).collect::<BTreeSet<_>>().into_iter()
}

/// What the rules call the calendar of whoever names no other.
const DEFAULT: &str = "default";

/// Returns the working time of a unit: on the calendar that it or the nearest unit above names, in the hours of its policy.
pub fn worktime<'a>(
    world: &'a World,
    unit: Option<&UnitId>,
    at: Timestamp,
) -> Worktime<impl Fn(i32) -> Option<&'a Table> + use<'a>> {
    let own = unit.and_then(|unit| {
        world.organization.line(unit).find_map(|unit| world.organization.units.get(unit)?.calendar.clone())
    });
    let calendar = own.filter(|own| own != DEFAULT).unwrap_or_else(|| holidays::CALENDAR.to_owned());
    let hours = worktime::hours(policy::text_parameter(world, unit, at, "p.work.hours")).unwrap_or_default();
    let named = calendar.clone();
    let table = move |year: i32| world.calendar.tables.get(&(named.clone(), year));
    Worktime { calendar, table, hours, zone: world.ledger.zone }
}

/// Says which stream a table belongs to: the calendar's.
pub(super) fn about(_: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::Adopted(adopted) = event;
    Ok(About::subject(StreamName::of("calendar", adopted.calendar.as_str())))
}

/// Decides on a table, which the general manager approves as any parameter.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Event::Adopted(adopted) = event;
    let table = check(&adopted)?;
    let before = world.calendar.tables.get(&key(&adopted));
    if let Some(before) = before.filter(|before| before.off == table.off && before.made_up == table.made_up) {
        return Err(Refusal::Unchanged { version: before.version }.into());
    }
    let proposer: Vec<&EmployeeId> = context.actor.employee().into_iter().collect();
    let steps = approval::at_the_top(world, context.at, &proposer);
    if let Some(request) = approval::request(world, context, &Event::Adopted(adopted.clone()).into(), steps)? {
        return Ok(request);
    }
    let version = Int(before.map_or(0, |before| before.version) + 1);
    let approver = context.approvals.last().cloned();
    Ok(vec![Admission::of(
        Event::Adopted(Adopted {
            version: domain::computed("version", adopted.version, Some(version))?,
            approved_by: domain::computed("approved_by", adopted.approved_by.clone(), approver)?,
            ..adopted
        }),
        context,
    )])
}

fn check(adopted: &Adopted) -> Result<Table, Refusal> {
    let year = adopted.year.0;
    let (off, made_up): (BTreeSet<Date>, BTreeSet<Date>) =
        (adopted.days_off.iter().copied().collect(), adopted.make_up_days.iter().copied().collect());
    for &date in off.iter().chain(&made_up) {
        let of = i64::from(date.year());
        if of != year && (of + 1 != year || date.month() != 12) {
            return Err(Refusal::OtherYear { date, year });
        }
    }
    if let Some(date) = off.intersection(&made_up).next() {
        return Err(Refusal::BothWays { date: *date });
    }
    if let Some(date) = made_up.iter().find(|date| date.weekday() < 5) {
        return Err(Refusal::NoWeekend { date: *date });
    }
    Ok(Table { version: 0, off, made_up })
}

fn key(adopted: &Adopted) -> (String, i32) {
    (adopted.calendar.to_string(), i32::try_from(adopted.year.0).unwrap_or_default())
}

/// Takes over a table.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    let Event::Adopted(adopted) = event;
    let table = Table {
        version: adopted.version.map_or(1, |version| version.0),
        off: adopted.days_off.iter().copied().collect(),
        made_up: adopted.make_up_days.iter().copied().collect(),
    };
    state.tables.insert(key(adopted), table);
}

/// Lets go of nothing: a table is superseded by another.
pub(super) fn forget(_: &mut State, _: &Part, _: &[Live]) {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, event, given};

    fn table(off: &[&str], made_up: &[&str]) -> Proposed {
        let data = json!({ "calendar": "cn", "year": 2027, "days_off": off, "make_up_days": made_up, "notice": "a notice" });
        event("calendar.adopted", data)
    }

    fn approved(given: &Given, proposed: Proposed, id: &'static str) -> Given {
        let asked = given.when("E-001", proposed.id(id)).then(["approval.requested"]);
        asked.when("E-801", event("approval.given", json!({ "request_id": id }))).then(["approval.given", "calendar.adopted"])
    }

    #[test]
    fn what_comes_with_the_program_is_entered_once_with_its_notices() {
        let mut given = given([]);
        let shipped = shipped(&given.world);
        assert_eq!(shipped.len(), 4);
        for adopted in &shipped {
            let data = adopted.data().unwrap();
            assert!(data["notice"].as_str().unwrap().starts_with("国办发明电〔"), "{data}");
            given = given.when("system", event("calendar.adopted", data)).then(["calendar.adopted"]);
        }
        assert!(super::shipped(&given.world).is_empty());
        assert_eq!(given.world.calendar.tables[&("cn".to_owned(), 2026)].off.len(), 33);
    }

    #[test]
    fn a_year_is_entered_with_the_general_managers_approval_and_may_be_put_right() {
        let given = approved(&given([]), table(&["2026-12-31", "2027-01-01"], &["2027-01-02"]), "year-0001");
        given.when("E-001", table(&["2027-01-01", "2026-12-31"], &["2027-01-02"])).then_refused(Code::E_CONFLICT, "R-017");
        let given = approved(&given, table(&["2027-01-01"], &[]), "year-0002");
        assert_eq!(given.world.calendar.tables[&("cn".to_owned(), 2027)].version, 2);
    }

    #[test]
    fn a_table_that_cannot_be_is_refused() {
        for (off, made_up) in [
            (&["2028-01-01"][..], &[][..]),
            (&["2026-11-30"], &[]),
            (&[], &["2025-12-28"]),
            (&["2027-01-02"], &["2027-01-02"]),
            (&[], &["2027-01-04"]),
        ] {
            given([]).when("E-001", table(off, made_up)).then_refused(Code::E_RULE, "R-017");
        }
    }

    #[test]
    fn a_unit_keeps_the_calendar_named_nearest_above_and_the_hours_of_its_policy() {
        let unit = |id: &str, parent: &str, calendar: &str| {
            let data = json!({
                "unit_id": id, "name": id, "kind": "branch", "status": "active", "parent": parent, "calendar": calendar,
            });
            event("org_unit.defined", data)
        };
        let table = json!({ "calendar": "sg", "year": 2026, "days_off": ["2026-08-10"], "make_up_days": [], "notice": "a notice" });
        let given = given([("E-002", unit("abroad", "north", "default"))]);
        given.when("E-002", unit("abroad", "north", "sg")).then_refused(Code::E_REF, "R-017");
        assert_eq!(worktime(&given.world, Some(&"abroad".parse().unwrap()), given.at).calendar, "cn");
        let given = given.and("system", event("calendar.adopted", table)).and("E-002", unit("abroad", "north", "sg"));
        let hours = json!({ "p.work.hours": "09:00-17:00" });
        let given = given.and("system", domain::testing::policy("abroad", json!({}), hours));
        let of = |unit: &str| {
            let unit: UnitId = unit.parse().unwrap();
            let worktime = worktime(&given.world, Some(&unit), given.at);
            (worktime.calendar.clone(), worktime.hours)
        };
        assert_eq!(of("abroad"), ("sg".to_owned(), vec![(540, 1020)]));
        assert_eq!(of("branch"), ("cn".to_owned(), vec![(510, 720), (780, 1050)]));
    }
}
