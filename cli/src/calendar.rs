//! Moments as people write them. TOML's own form of a date and time is read and written by its crate; owned here is only the way
//! from there to milliseconds since 1970 and back. Deliberately absent: time zones by name, and leap seconds.

use std::time::{Duration, SystemTime};

use meros_types::WallTime;
use toml::value::{Date, Datetime, Offset, Time};

/// How long a day is, in seconds.
const DAY_S: i64 = 86_400;
/// The days of 400 years, after which the calendar repeats itself.
const ERA_DAYS: i64 = 146_097;
/// The days from 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// The present.
pub(crate) fn now() -> WallTime {
    after(Duration::ZERO)
}

/// The moment so long from now.
pub(crate) fn after(wait: Duration) -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_add(wait);
    WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Reads a date with a time and its offset from UTC.
pub(crate) fn parse(text: &str) -> Result<WallTime, String> {
    const HINT: &str = "write a moment such as 2026-12-01T22:00:00Z or 2026-12-01T23:00:00+01:00, or +30m for that long from now";
    let read: Datetime = text.parse().map_err(|_| HINT)?;
    let (Some(date), Some(time), Some(offset)) = (read.date, read.time, read.offset) else { return Err(HINT.to_owned()) };
    let offset_minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute) - offset_minutes;
    let seconds = days(date) * DAY_S + minutes * 60 + i64::from(time.second.unwrap_or_default());
    let milli = seconds * 1_000 + i64::from(time.nanosecond.unwrap_or_default() / 1_000_000);
    u64::try_from(milli).map(WallTime).map_err(|_| "it is before 1970".to_owned())
}

/// The moment in UTC, to the second: `2026-12-01T22:00:00Z`.
pub(crate) fn text(at: WallTime) -> String {
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX);
    let (days, second) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    let Some(date) = date(days) else { return "after the year 9999".to_owned() };
    let part = |seconds: i64, most: i64| u8::try_from(second / seconds % most).unwrap_or_default();
    let time = Time { hour: part(3_600, 24), minute: part(60, 60), second: Some(part(1, 60)), nanosecond: None };
    Datetime { date: Some(date), time: Some(time), offset: Some(Offset::Z) }.to_string()
}

/// The days from 1 January 1970 to this one, by a year that begins in March, so that a leap day is its last.
fn days(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

/// The other way; none beyond what has four digits.
fn date(days: i64) -> Option<Date> {
    let shifted = days.checked_add(EPOCH_DAYS)?;
    let (era, of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * from_march + 2) / 5 + 1, (from_march + 2) % 12 + 1);
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let year = u16::try_from(year).ok().filter(|year| *year <= 9_999)?;
    Some(Date { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_shown() {
        for (written, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-12-01T22:00:00Z", 1_796_162_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(written), Ok(WallTime(seconds * 1_000)), "{written}");
            assert_eq!(text(WallTime(seconds * 1_000)), written);
        }
        assert_eq!(parse("2026-12-01T23:00:00.5+01:00"), Ok(WallTime(1_796_162_400_500)));
        assert_eq!(parse("2026-12-01 20:30:00-01:30"), Ok(WallTime(1_796_162_400_000)));
        assert_eq!(text(WallTime(u64::MAX)), "after the year 9999");
    }

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        let all: Vec<Date> = (0..3_000_000).map_while(date).collect();
        assert!(all.iter().enumerate().all(|(at, date)| days(*date) == at as i64));
        assert_eq!(all.last(), Some(&Date { year: 9_999, month: 12, day: 31 }));
    }

    #[test]
    fn what_has_no_offset_or_is_no_date_is_refused() {
        for bad in ["", "now", "2026-12-01", "22:00:00", "2026-12-01T22:00:00", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("1969-12-31T23:59:59Z").unwrap_err().contains("1970"));
    }
}
