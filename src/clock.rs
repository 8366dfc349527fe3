//! Time as a value: instants, dates and zones, and the one place that reads the clock.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC, in microseconds since 1970-01-01.
///
/// Written as RFC 3339 with six digits and `Z`; read with any offset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last instant that can be written, in the year 9999.
    pub const LAST: Self = Self(253_402_300_799_999_999);

    const FIRST: Self = Self(-62_135_596_800_000_000);

    /// Takes microseconds since 1970-01-01 UTC; what lies before the year 1 or behind 9999 becomes the nearest that can be written.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::FIRST.0 {
            Self::FIRST
        } else if micros > Self::LAST.0 {
            Self::LAST
        } else {
            Self(micros)
        }
    }

    /// Returns microseconds since 1970-01-01 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the instant `duration` later, at most the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// Returns the instant `duration` earlier.
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_sub(micros))
    }

    /// Returns how long after `earlier` this is, zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads the one form in which an instant is written, and no other.
    pub fn as_written(text: &str) -> Option<Self> {
        let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
        let form = b"0000-00-00T00:00:00.000000Z";
        // Without an early end the bytes are looked at side by side.
        let fits = text
            .iter()
            .zip(form)
            .fold(true, |fits, (byte, form)| fits & if *form == b'0' { byte.is_ascii_digit() } else { byte == form });
        let number = |places: Range<usize>| {
            let digits = text.get(places).unwrap_or_default();
            digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
        };
        let year = i32::try_from(number(0..4)).ok().filter(|year| fits && *year > 0)?;
        let date = NaiveDate::from_ymd_opt(year, number(5..7), number(8..10))?;
        let at = date.and_hms_micro_opt(number(11..13), number(14..16), number(17..19), number(20..26))?;
        Some(Self(at.and_utc().timestamp_micros()))
    }

    fn date_time(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// Writes every digit to its place: entries carry several instants each, and a format string costs ten times as much.
    fn to_bytes(self) -> [u8; 27] {
        let at = self.date_time();
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put(&mut text, 0..4, at.year().unsigned_abs());
        put(&mut text, 5..7, at.month());
        put(&mut text, 8..10, at.day());
        put(&mut text, 11..13, at.hour());
        put(&mut text, 14..16, at.minute());
        put(&mut text, 17..19, at.second());
        put(&mut text, 20..26, at.timestamp_subsec_micros());
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(written(&self.to_bytes()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| NotATime)?;
        // Four-digit years only: what RFC 3339 can write, and what sorts as text.
        if !(1..=9999).contains(&parsed.with_timezone(&Utc).year()) {
            return Err(NotATime);
        }
        Ok(Self(parsed.timestamp_micros()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(written(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

const FIRST: Date = Date(NaiveDate::from_ymd_opt(1, 1, 1).expect("the first day there is"));
const LAST: Date = Date(NaiveDate::from_ymd_opt(9999, 12, 31).expect("the last day that can be written"));

/// Text that is no instant or date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date or time")]
pub struct NotATime;

/// A calendar date of the years 1 to 9999, written `2026-03-05`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(NaiveDate);

impl Date {
    /// Returns the date of that year, month and day, if it exists.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(Self).filter(|date| (FIRST..=LAST).contains(date))
    }

    /// Returns the year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// Returns the date `months` later, clamped to the month's end.
    pub fn plus_months(self, months: u32) -> Self {
        Self::within(self.0.checked_add_months(Months::new(months)).unwrap_or(LAST.0))
    }

    /// Returns the first date, itself or later, on that day of a month; of a month without it, the last.
    pub fn on_day_of_month(self, day: u32) -> Self {
        let in_month = |date: Self| {
            let first = date.0.with_day(1).unwrap_or(date.0);
            Self::within((1..=day).rev().find_map(|day| first.with_day(day)).unwrap_or(first))
        };
        let this = in_month(self);
        if this >= self { this } else { in_month(self.plus_months(1)) }
    }

    /// Returns the date `months` earlier, clamped to the month's end.
    pub fn minus_months(self, months: u32) -> Self {
        Self::within(self.0.checked_sub_months(Months::new(months)).unwrap_or(FIRST.0))
    }

    /// Returns the last day of a year's quarter, 1 to 4.
    pub fn quarter_end(year: i32, quarter: u32) -> Option<Self> {
        let month = quarter.checked_mul(3)?;
        Self::new(year, month, 31).or_else(|| Self::new(year, month, 30))
    }

    /// Returns the quarter, written `2026Q1`.
    pub fn quarter(self) -> String {
        format!("{:04}Q{}", self.0.year(), self.0.month0() / 3 + 1)
    }

    /// Returns the date `days` later.
    pub fn plus_days(self, days: u32) -> Self {
        Self::within(self.0.checked_add_days(Days::new(days.into())).unwrap_or(LAST.0))
    }

    /// Returns how many days after `earlier` this is; negative if it is before.
    pub fn days_after(self, earlier: Self) -> i64 {
        self.0.signed_duration_since(earlier.0).num_days()
    }

    /// Returns the next day.
    pub fn next(self) -> Self {
        Self::within(self.0.succ_opt().unwrap_or(LAST.0))
    }

    /// Returns the day before.
    pub fn previous(self) -> Self {
        Self::within(self.0.pred_opt().unwrap_or(FIRST.0))
    }

    /// Returns the same day of another year: 28 February for a 29th that it does not have.
    pub fn in_year(self, year: i32) -> Option<Self> {
        Self::new(year, self.0.month(), self.0.day()).or_else(|| Self::new(year, self.0.month(), 28))
    }

    /// Returns the date, or the nearest that can be written.
    fn within(date: NaiveDate) -> Self {
        Self(date).clamp(FIRST, LAST)
    }

    /// Returns the month, from 1.
    pub fn month(self) -> u32 {
        self.0.month()
    }

    /// Returns the day of the week, Monday being 0.
    pub fn weekday(self) -> u32 {
        self.0.weekday().num_days_from_monday()
    }

    fn to_bytes(self) -> [u8; 10] {
        let mut text = *b"0000-00-00";
        put(&mut text, 0..4, self.0.year().unsigned_abs());
        put(&mut text, 5..7, self.0.month());
        put(&mut text, 8..10, self.0.day());
        text
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(written(&self.to_bytes()))
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Date {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        if text.len() != 10 {
            return Err(NotATime);
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Self).map_err(|_| NotATime)?;
        // A sign, a longer year or a shorter month is another way to write it, or one that cannot be written back.
        if date.to_string() == text && (FIRST..=LAST).contains(&date) { Ok(date) } else { Err(NotATime) }
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(written(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Writes a number's last digits over the given places.
fn put(text: &mut [u8], places: Range<usize>, mut number: u32) {
    for place in text.get_mut(places).unwrap_or_default().iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

fn written(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("digits and separators are ASCII")
}

/// A time zone by its IANA name; business dates are dates in the ledger's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// Returns the calendar date of `at` in this zone.
    pub fn date(self, at: Timestamp) -> Date {
        Date::within(at.date_time().with_timezone(&self.0).date_naive())
    }

    /// Returns the first instant of `date` in this zone.
    pub fn start_of(self, date: Date) -> Timestamp {
        let midnight = date.0.and_time(chrono::NaiveTime::MIN);
        // Where a clock change swallows midnight the day begins at the first instant after it.
        let local =
            (0..4).find_map(|hour| self.0.from_local_datetime(&(midnight + chrono::Duration::hours(hour))).earliest());
        local.map_or(Timestamp(0), |at| Timestamp::from_micros(at.timestamp_micros()))
    }

    /// Returns the instant at which a clock on the wall shows so many minutes after midnight of `date`.
    ///
    /// Of an hour that comes twice it is the first; one that a clock change leaves out has passed when the clock goes on.
    pub fn at(self, date: Date, minutes: u32) -> Timestamp {
        let wall = date.0.and_time(chrono::NaiveTime::MIN) + chrono::Duration::minutes(minutes.into());
        let local =
            (0..4).find_map(|hour| self.0.from_local_datetime(&(wall + chrono::Duration::hours(hour))).earliest());
        local.map_or(Timestamp(0), |at| Timestamp::from_micros(at.timestamp_micros()))
    }

    /// Returns `at` in this zone as people write it: date, hour, minute and offset.
    pub fn wall(self, at: Timestamp) -> String {
        at.date_time().with_timezone(&self.0).format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// Reads a time as a clock on the wall shows it, such as `2026-03-05T09:30`, and returns it in RFC 3339 with the offset then.
    ///
    /// Of an hour that comes twice it is the first; `None` for one that a clock change leaves out.
    pub fn from_wall(self, text: &str) -> Option<String> {
        let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
            .iter()
            .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok())?;
        let at = self.0.from_local_datetime(&local).earliest()?;
        Some(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false))
    }

    /// Returns the IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl Default for Zone {
    /// The zone of the business rules (rules §0).
    fn default() -> Self {
        Self(chrono_tz::Asia::Shanghai)
    }
}

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(name: &str) -> Result<Self, NotAZone> {
        name.parse().map(Self).map_err(|_| NotAZone)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Text that names no IANA time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a time zone")]
pub struct NotAZone;

/// What the service asks for the time.
pub trait Clock: Send + Sync {
    /// Returns the wall clock's time.
    fn now(&self) -> Timestamp;

    /// Returns time elapsed since some fixed moment, never set back or forward.
    fn elapsed(&self) -> Duration;

    /// Returns both as they are at one moment, for who compares them.
    fn both(&self) -> (Timestamp, Duration) {
        (self.now(), self.elapsed())
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts reading the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    fn now(&self) -> Timestamp {
        Timestamp(Utc::now().timestamp_micros())
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when it is told to: for tests and for the simulated years of the demo.
#[derive(Clone, Debug)]
pub struct ManualClock {
    /// The wall clock's time, and the time that has passed: they move together, or who looks in between sees a leap.
    hands: Arc<Mutex<(Timestamp, Duration)>>,
}

impl ManualClock {
    /// Stands still at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { hands: Arc::new(Mutex::new((now, Duration::ZERO))) }
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let mut hands = self.hands();
        *hands = (hands.0.plus(duration), hands.1 + duration);
    }

    /// Lets time pass until `at`; does nothing if that is past.
    pub fn advance_to(&self, at: Timestamp) {
        self.advance(at.since(self.now()));
    }

    /// Sets the wall clock without time passing, as a broken or tampered clock would.
    pub fn leap_to(&self, at: Timestamp) {
        self.hands().0 = at;
    }

    fn hands(&self) -> MutexGuard<'_, (Timestamp, Duration)> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.both().0
    }

    fn elapsed(&self) -> Duration {
        self.both().1
    }

    fn both(&self) -> (Timestamp, Duration) {
        *self.hands()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_back_is_no_date() {
        for text in ["+10000-1-1", "-0001-1-1", "0000-01-01", "2026-3-005", "2026-02-30", "+2026-1-01", " 2026-1-01"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert_eq!("0001-01-01".parse::<Date>().map(|date| date.to_string()).as_deref(), Ok("0001-01-01"));
    }

    #[test]
    fn a_day_of_the_month_is_today_or_comes() {
        let on = |date: &str, day| date.parse::<Date>().unwrap().on_day_of_month(day).to_string();
        assert_eq!(
            [on("2026-03-02", 25), on("2026-03-25", 25), on("2026-03-26", 25)],
            ["2026-03-25", "2026-03-25", "2026-04-25"]
        );
        assert_eq!(
            [on("2026-12-26", 25), on("2026-01-31", 30), on("2026-02-01", 30)],
            ["2027-01-25", "2026-02-28", "2026-02-28"]
        );
    }

    #[test]
    fn time_ends_with_the_last_instant_that_can_be_written() {
        let last: Date = "9999-12-31".parse().unwrap();
        assert_eq!((last.next(), last.plus_days(40), last.plus_months(1)), (last, last, last));
        let written = |at: Timestamp| serde_json::from_str::<Timestamp>(&serde_json::to_string(&at).unwrap()).unwrap();
        for at in
            [Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN), Timestamp::LAST.plus(Duration::MAX)]
        {
            assert_eq!(written(at), at);
            for zone in [Zone::default(), Zone(chrono_tz::Tz::UTC), Zone(chrono_tz::America::Anchorage)] {
                assert_eq!(written(zone.start_of(zone.date(at))), zone.start_of(zone.date(at)));
                assert_eq!(zone.date(at).to_string().parse::<Date>(), Ok(zone.date(at)));
            }
        }
    }

    #[test]
    fn an_instant_reads_back_what_it_writes() {
        let at: Timestamp = "2026-03-02T10:00:00.000001+08:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-03-02T02:00:00.000001Z");
        assert_eq!(at.to_string().parse(), Ok(at));
    }

    #[test]
    fn no_other_form_of_an_instant_is_as_written() {
        for text in [
            "2026-03-02T02:00:00.000001+00:00",
            "2026-03-02T02:00:00.00000Z",
            "2026-03-02T02:00:00.0000001Z",
            "2026-03-02t02:00:00.000001z",
            "2026-03-02 02:00:00.000001Z",
            "2026-02-29T02:00:00.000001Z",
            "2026-03-02T24:00:00.000001Z",
            "2026-12-31T23:59:60.000000Z",
            "0000-01-01T00:00:00.000000Z",
            "2026-03-02T02:00:00.00000\u{661}",
            "",
        ] {
            assert_eq!(Timestamp::as_written(text), None, "{text}");
        }
    }

    #[test]
    fn every_digit_of_an_instant_stands_in_its_place() {
        for text in ["0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.987654Z"] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(at.to_string(), text);
            assert_eq!(Timestamp::as_written(text), Some(at));
            assert_eq!(serde_json::to_string(&at).unwrap(), format!("\"{text}\""));
            assert_eq!(at.date_time().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(), text);
            assert_eq!(Date(at.date_time().date_naive()).to_string(), text.split('T').next().unwrap());
        }
    }

    #[test]
    fn a_business_date_begins_at_midnight_of_the_zone() {
        let zone = Zone::default();
        let at: Timestamp = "2026-03-01T16:00:00Z".parse().unwrap();
        assert_eq!(zone.date(at).to_string(), "2026-03-02");
        assert_eq!(zone.start_of(zone.date(at)), at);
    }

    #[test]
    fn what_the_clock_on_the_wall_shows_gets_the_offset_of_then() {
        let zone = Zone::default();
        assert_eq!(zone.from_wall("2026-03-05T09:30").as_deref(), Some("2026-03-05T09:30:00+08:00"));
        assert_eq!(zone.from_wall("2026-03-05T09:30:15.5").as_deref(), Some("2026-03-05T09:30:15.500+08:00"));
        for wrong in ["", "2026-03-05", "2026-03-05T25:00", "2026-02-30T09:30", "2026-03-05T09:30:00+08:00", "noon"] {
            assert_eq!(zone.from_wall(wrong), None, "{wrong}");
        }
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        assert_eq!(berlin.from_wall("2026-03-29T02:30"), None, "left out");
        assert_eq!(berlin.from_wall("2026-10-25T02:30").as_deref(), Some("2026-10-25T02:30:00+02:00"), "twice");
    }

    #[test]
    fn a_month_after_the_thirty_first_is_the_months_last_day() {
        let date: Date = "2027-01-31".parse().unwrap();
        assert_eq!(date.plus_months(1).to_string(), "2027-02-28");
    }

    #[test]
    fn a_day_comes_round_every_year_and_the_29th_of_february_on_the_28th() {
        let (born, leap): (Date, Date) = ("1974-03-20".parse().unwrap(), "1976-02-29".parse().unwrap());
        assert_eq!(born.in_year(2026).unwrap().to_string(), "2026-03-20");
        assert_eq!(leap.in_year(2026).unwrap().to_string(), "2026-02-28");
        assert_eq!(leap.in_year(2028).unwrap().to_string(), "2028-02-29");
        assert_eq!(born.in_year(10_000), None);
        assert_eq!(leap.in_year(2028).unwrap().previous().to_string(), "2028-02-28");
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        assert_eq!("2026-02-30".parse::<Date>(), Err(NotATime));
        assert_eq!("2026-2-3".parse::<Date>(), Err(NotATime));
    }
}
