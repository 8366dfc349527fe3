//! Working time: which days are worked, and how deadlines are counted in working days and minutes.
//!
//! **Invariant:** a year without a table is an error that names it; nothing here supposes what a notice will say.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp, Zone};

/// The days of one year that a notice makes other than their weekday says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its version, from 1.
    pub version: i64,
    /// Days off.
    pub off: BTreeSet<Date>,
    /// Saturdays and Sundays that are worked to make up for them.
    pub made_up: BTreeSet<Date>,
}

/// A year for which a calendar has no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calendar \"{calendar}\" has no table for {year}")]
pub struct NoTable {
    /// The calendar.
    pub calendar: String,
    /// The year.
    pub year: i32,
}

/// A stretch of time that counts towards a deadline, from the first instant to the one it ends before.
pub type Stretch = (Timestamp, Timestamp);

/// A deadline with what was counted to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The last instant that is in time.
    pub due: Timestamp,
    /// The stretches counted, in order.
    pub stretches: Vec<Stretch>,
    /// The last year whose table was used.
    pub year: i32,
}

/// A unit's working time: its calendar's tables, its hours, the ledger's zone.
#[derive(Clone, Debug)]
pub struct Worktime<T> {
    /// The calendar's name.
    pub calendar: String,
    /// Finds the table of a year.
    pub table: T,
    /// When work begins and ends on a working day, in minutes after midnight.
    pub hours: Vec<(u32, u32)>,
    /// The zone the hours are those of.
    pub zone: Zone,
}

impl<'a, T: Fn(i32) -> Option<&'a Table>> Worktime<T> {
    /// Tells whether a day is worked: as the notice says, else from Monday to Friday.
    ///
    /// # Errors
    /// There is no table for its year.
    pub fn works(&self, day: Date) -> Result<bool, NoTable> {
        let missing = || NoTable { calendar: self.calendar.clone(), year: day.year() };
        let own = (self.table)(day.year()).ok_or_else(missing)?;
        // The first holiday of a year may begin in the last days of the year before.
        let next = if day.month() == 12 { (self.table)(day.year() + 1) } else { None };
        for table in [Some(own), next].into_iter().flatten() {
            if table.off.contains(&day) {
                return Ok(false);
            }
            if table.made_up.contains(&day) {
                return Ok(true);
            }
        }
        Ok(day.weekday() < 5)
    }

    /// Returns the end of the `count`-th working day after `day`; of that day itself or the next one worked for none.
    ///
    /// # Errors
    /// A year on the way has no table.
    pub fn days_after(&self, day: Date, count: u32) -> Result<Counted, NoTable> {
        let mut stretches = Vec::new();
        let mut last = day;
        if count == 0 {
            while !self.works(last)? {
                last = last.next();
            }
        }
        while stretches.len() < usize::try_from(count).unwrap_or(0) {
            last = last.next();
            if self.works(last)? {
                stretches.push((self.zone.start_of(last), self.zone.start_of(last.next())));
            }
        }
        Ok(Counted { due: self.zone.start_of(last.next()), stretches, year: last.year() })
    }

    /// Returns the `count`-th working day before `day`.
    ///
    /// # Errors
    /// A year on the way has no table.
    pub fn days_before(&self, day: Date, count: u32) -> Result<Date, NoTable> {
        let (mut first, mut left) = (day, count);
        while left > 0 {
            first = first.previous();
            left -= u32::from(self.works(first)?);
        }
        Ok(first)
    }

    /// Returns how much working time lies between two instants.
    ///
    /// # Errors
    /// A year on the way has no table.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Result<Duration, NoTable> {
        let mut sum = Duration::ZERO;
        let mut day = self.zone.date(from);
        while self.zone.start_of(day) < to {
            for (start, end) in self.stretches(day)? {
                sum += end.min(to).since(start.max(from));
            }
            day = day.next();
        }
        Ok(sum)
    }

    /// Returns the last instant up to which no more than `most` of working time has passed since `from`.
    ///
    /// Where that is used up as work ends it is the next beginning of work: what happens in a break is in time.
    ///
    /// # Errors
    /// A year on the way has no table.
    pub fn after(&self, from: Timestamp, most: Duration) -> Result<Counted, NoTable> {
        let mut left = most;
        let mut stretches = Vec::new();
        let mut day = self.zone.date(from);
        loop {
            for (start, end) in self.stretches(day)? {
                let start = start.max(from);
                let long = end.since(start);
                if long.is_zero() {
                    continue;
                }
                if long > left {
                    let due = start.plus(left);
                    if !left.is_zero() {
                        stretches.push((start, due));
                    }
                    return Ok(Counted { due, stretches, year: day.year() });
                }
                left -= long;
                stretches.push((start, end));
            }
            day = day.next();
        }
    }

    /// Tells whether there is work at an instant; of a year without a table its hours alone tell.
    pub fn runs(&self, at: Timestamp) -> bool {
        let day = self.zone.date(at);
        let within = |(start, end): &(u32, u32)| self.zone.at(day, *start) <= at && at < self.zone.at(day, *end);
        self.works(day).unwrap_or(true) && self.hours.iter().any(within)
    }

    /// The stretches of work on a day.
    fn stretches(&self, day: Date) -> Result<Vec<Stretch>, NoTable> {
        if !self.works(day)? {
            return Ok(Vec::new());
        }
        let at = |minute: &u32| self.zone.at(day, *minute);
        Ok(self.hours.iter().map(|(start, end)| (at(start), at(end))).collect())
    }
}

/// Reads hours of work such as `08:30-12:00,13:00-17:30`: in order, none overlapping, at least one.
pub fn hours(text: &str) -> Option<Vec<(u32, u32)>> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 2);
        let (hour, minute) = (number(hour)?, number(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let mut hours: Vec<(u32, u32)> = Vec::new();
    for stretch in text.split(',') {
        let (start, end) = stretch.split_once('-')?;
        let (start, end) = (minute(start)?, minute(end)?);
        if start >= end || hours.last().is_some_and(|(_, before)| *before > start) {
            return None;
        }
        hours.push((start, end));
    }
    Some(hours)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::calendar;
    use crate::domain::testing::given;

    const HOURS: &str = "08:30-12:00,13:00-17:30";

    fn tables() -> &'static BTreeMap<i32, Table> {
        static TABLES: std::sync::OnceLock<BTreeMap<i32, Table>> = std::sync::OnceLock::new();
        TABLES.get_or_init(|| {
            let world = given([]).world;
            let mut given = given([]);
            for event in calendar::shipped(&world) {
                let data = event.data().unwrap();
                given = given.and("system", crate::domain::testing::event("calendar.adopted", data));
            }
            given.world.calendar.tables.iter().map(|((_, year), table)| (*year, table.clone())).collect()
        })
    }

    fn china() -> Worktime<impl Fn(i32) -> Option<&'static Table>> {
        let table = |year: i32| tables().get(&year);
        Worktime { calendar: "cn".into(), table, hours: hours(HOURS).unwrap(), zone: Zone::default() }
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        format!("{text}:00+08:00").parse().unwrap()
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(count * 60)
    }

    #[test]
    fn holidays_are_off_and_make_up_days_are_worked() {
        let cases = [
            ("2023-01-02", false),
            ("2022-12-30", true),
            ("2023-01-28", true),
            ("2024-02-09", true),
            ("2024-02-12", false),
            ("2025-01-26", true),
            ("2025-10-08", false),
            ("2026-01-02", false),
            ("2026-01-04", true),
            ("2026-02-14", true),
            ("2026-02-16", false),
            ("2026-03-07", false),
            ("2026-10-10", true),
            ("2026-11-20", true),
        ];
        let mut china_and_before = tables().clone();
        china_and_before.insert(2022, Table::default());
        let table = |year: i32| china_and_before.get(&year);
        let worktime = Worktime { calendar: "cn".into(), table, hours: Vec::new(), zone: Zone::default() };
        for (date, worked) in cases {
            assert_eq!(worktime.works(day(date)).unwrap(), worked, "{date}");
        }
        assert!(!worktime.works(day("2022-12-31")).unwrap(), "the next year's notice begins in December");
    }

    #[test]
    fn ten_working_days_before_a_day_are_those_worked_and_a_year_without_a_table_is_named() {
        for (date, count, first) in [
            ("2026-03-20", 10, "2026-03-06"),
            ("2026-03-04", 10, "2026-02-12"),
            ("2026-01-05", 1, "2026-01-04"),
            ("2026-10-08", 1, "2026-09-30"),
            ("2026-10-08", 0, "2026-10-08"),
        ] {
            assert_eq!(china().days_before(day(date), count), Ok(day(first)), "{count} before {date}");
        }
        assert_eq!(china().days_before(day("2027-01-04"), 10).unwrap_err().year, 2027);
        assert_eq!(china().days_before(day("2023-01-04"), 10).unwrap_err().year, 2022);
    }

    #[test]
    fn each_year_has_as_many_working_days_as_its_notice_leaves() {
        // Days of the year from Monday to Friday, less those off on such days, plus those made up.
        for (year, expected) in [(2024, 251), (2025, 248), (2026, 248)] {
            let mut date = Date::new(year, 1, 1).unwrap();
            let mut worked = 0;
            while date.year() == year {
                worked += u32::from(china().works(date).unwrap());
                date = date.next();
            }
            assert_eq!(worked, expected, "{year}");
        }
    }

    #[test]
    fn a_year_without_a_table_is_refused_by_its_name() {
        let missing = NoTable { calendar: "cn".into(), year: 2027 };
        assert_eq!(china().works(day("2027-01-01")), Err(missing.clone()));
        assert_eq!(china().days_after(day("2026-12-31"), 1), Err(missing.clone()));
        assert_eq!(china().after(at("2026-12-31T17:00"), minutes(31)), Err(missing.clone()));
        assert_eq!(china().between(at("2026-12-31T17:00"), at("2027-01-01T00:01")), Err(missing.clone()));
        assert!(china().after(at("2026-12-31T17:00"), minutes(29)).is_ok());
        assert_eq!(missing.to_string(), "calendar \"cn\" has no table for 2027");
    }

    #[test]
    fn six_hours_from_friday_afternoon_end_with_mondays_lunch() {
        // The example of R-018.
        let (call, limit) = (at("2026-03-06T15:00"), minutes(360));
        let counted = china().after(call, limit).unwrap();
        assert_eq!(counted.due, at("2026-03-09T13:00"));
        assert_eq!(
            counted.stretches,
            [(at("2026-03-06T15:00"), at("2026-03-06T17:30")), (at("2026-03-09T08:30"), at("2026-03-09T12:00")),]
        );
        for (arrival, late) in [("2026-03-09T12:00", false), ("2026-03-09T12:59", false), ("2026-03-09T13:01", true)] {
            assert_eq!(china().between(call, at(arrival)).unwrap() > limit, late, "{arrival}");
        }
        // A call outside working time starts at the next working instant.
        assert_eq!(china().after(at("2026-03-07T11:00"), minutes(60)).unwrap().due, at("2026-03-09T09:30"));
    }

    #[test]
    fn working_days_pass_over_holidays_and_stop_on_make_up_days() {
        let due = |from: &str, days| china().days_after(day(from), days).unwrap().due;
        let midnight = |text: &str| Zone::default().start_of(day(text).next());
        assert_eq!(due("2026-02-12", 3), midnight("2026-02-24"), "13th, the Saturday made up, then after the festival");
        assert_eq!(due("2026-03-02", 3), midnight("2026-03-05"));
        assert_eq!(due("2026-03-06", 1), midnight("2026-03-09"));
        assert_eq!(due("2026-03-07", 0), midnight("2026-03-09"), "what falls on a day off moves on");
        assert_eq!(due("2026-02-14", 0), midnight("2026-02-14"));
        assert_eq!(china().days_after(day("2026-02-12"), 3).unwrap().stretches.len(), 3);
    }

    #[test]
    fn hours_are_read_in_one_form_only() {
        assert_eq!(hours(HOURS), Some(vec![(510, 720), (780, 1050)]));
        for wrong in
            ["", "08:30", "12:00-08:30", "8:30-12:00", "08:30-12:60", "08:30-25:00", "08:30-12:00,11:00-13:00", "a-b"]
        {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn where_clocks_are_set_forward_the_day_is_as_long_as_it_is() {
        let table = Table::default();
        let table = |_| Some(&table);
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let worktime = Worktime { calendar: "de".into(), table, hours: hours("00:00-23:59").unwrap(), zone };
        let sunday = day("2026-03-29");
        assert!(!worktime.works(sunday).unwrap());
        let friday = zone.start_of(day("2026-03-27"));
        assert_eq!(worktime.between(friday, zone.start_of(day("2026-03-31"))).unwrap(), minutes(2 * 1439));
    }

    /// Instants of 2023 to the autumn of 2026.
    fn instant() -> impl Strategy<Value = Timestamp> {
        (0..1_880_000_i64).prop_map(|minute| Timestamp::from_micros(1_672_588_800_000_000 + minute * 60_000_000))
    }

    proptest! {
        #[test]
        fn minutes_added_are_counted_again(from in instant(), count in 0..5000_u64) {
            let counted = china().after(from, minutes(count)).unwrap();
            prop_assert_eq!(china().between(from, counted.due).unwrap(), minutes(count));
            let longer = china().between(from, counted.due.plus(Duration::from_micros(1))).unwrap();
            prop_assert!(longer > minutes(count), "it is the last instant");
            let sum: Duration = counted.stretches.iter().map(|(from, to)| to.since(*from)).sum();
            prop_assert_eq!(sum, minutes(count));
        }

        #[test]
        fn a_deadline_falls_on_a_working_day(from in instant(), count in 0..3000_u64, days in 0..40_u32) {
            let zone = Zone::default();
            let due = china().after(from, minutes(count)).unwrap().due;
            prop_assert!(china().works(zone.date(due)).unwrap());
            let due = china().days_after(zone.date(from), days).unwrap().due;
            prop_assert!(china().works(zone.date(due.minus(Duration::from_micros(1)))).unwrap());
        }

        #[test]
        fn working_time_adds_up_and_never_shrinks(a in instant(), b in instant(), c in instant()) {
            let mut sorted = [a, b, c];
            sorted.sort();
            let [a, b, c] = sorted;
            let between = |from, to| china().between(from, to).unwrap();
            prop_assert_eq!(between(a, b) + between(b, c), between(a, c));
            prop_assert!(between(a, b) <= between(a, c));
            prop_assert_eq!(between(c, a), Duration::ZERO);
        }

        #[test]
        fn days_added_are_the_days_counted(from in instant(), days in 1..60_u32) {
            let zone = Zone::default();
            let counted = china().days_after(zone.date(from), days).unwrap();
            let mut worked = 0;
            let mut day = zone.date(from).next();
            while zone.start_of(day) < counted.due {
                worked += u32::from(china().works(day).unwrap());
                day = day.next();
            }
            prop_assert_eq!(worked, days);
        }
    }
}
