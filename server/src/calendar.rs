//! Days since 1970-01-01 and the dates they are, in the proleptic Gregorian calendar.

use std::fmt;

/// The months' names, January first.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1970-01-01. Years are counted from March, so
/// that the leap day is their last.
pub(crate) fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i32::try_from((month + 9) % 12).unwrap_or(0);
    let day = i32::try_from(day).unwrap_or(1);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The year, month and day of a day since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1), day)
}

/// The seconds since 1970-01-01 of a time as RFC 3339 writes it, such as `2026-11-24T09:25:45Z`; parts of
/// seconds are dropped.
pub(crate) fn unix_seconds_of(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut numbers = date.split('-').map(number);
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let is_date = numbers.next().is_none() && date.len() == 10;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(zone_at);
    let time = time.split_once('.').map_or(time, |(time, _)| time);
    let mut numbers = time.split(':').map(number);
    let (hour, minute, second) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let is_time = numbers.next().is_none() && time.len() == 8;
    let offset = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let minutes = number(hours)? * 60 + number(minutes)?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !is_date || !is_time || !fits || second > 60 || offset.abs() >= 24 * 60 {
        return None;
    }
    let (year, month, day) = (i32::try_from(year), u32::try_from(month), u32::try_from(day));
    let days = days_from_civil(year.ok()?, month.ok()?, day.ok()?);
    Some(i64::from(days) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60)
}

fn number(digits: &str) -> Option<i64> {
    let is_number =
        !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// A time as RFC 3339 writes it, in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rfc3339(pub(crate) i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A date as header fields write it, in UTC (RFC 5322, 3.3): seconds since 1970-01-01.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderDate(pub(crate) i64);

impl fmt::Display for HeaderDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        let (days, seconds) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let weekday = usize::try_from(days.rem_euclid(7)).ok().and_then(|day| WEEKDAYS.get(day));
        let month = month.checked_sub(1).and_then(|month| MONTHS.get(month));
        let (weekday, month) = (weekday.unwrap_or(&""), month.unwrap_or(&""));
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(out, "{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_at_the_edges_of_the_calendar() {
        for (seconds, expected) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (4_107_542_400, "Mon, 1 Mar 2100 00:00:00 +0000"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
        ] {
            assert_eq!(HeaderDate(seconds).to_string(), expected);
        }
    }

    #[test]
    fn days_and_civil_dates_agree_for_ten_thousand_years() {
        let mut expected = (1_i64, 1_usize, 1_i64);
        let start = i64::from(days_from_civil(1, 1, 1));
        for days in start..i64::from(days_from_civil(9999, 12, 31)) {
            assert_eq!(civil_from_days(days), expected);
            let (year, month, day) = expected;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let len = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (day < len, month) {
                (true, _) => (year, month, day + 1),
                (false, 12) => (year + 1, 1, 1),
                (false, _) => (year, month + 1, 1),
            };
        }
    }

    #[test]
    fn times_are_read_in_their_zone() {
        assert_eq!(Rfc3339(1_795_512_345).to_string(), "2026-11-24T09:25:45Z");
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-24T09:25:45Z", Some(1_795_512_345)),
            ("2026-11-24T10:25:45.25+01:00", Some(1_795_512_345)),
            ("2026-11-24t04:25:45-05:00", Some(1_795_512_345)),
            ("2026-11-24", None),
            ("2026-11-24T09:25Z", None),
            ("2026-13-24T09:25:45Z", None),
            ("2026-11-24T24:25:45Z", None),
            ("2026-11-24T09:25:45", None),
            ("2026-11-24T09:25:45+99:00", None),
            ("2026-11-24T09:25:45Zx", None),
            ("+026-11-24T09:25:45Z", None),
        ] {
            assert_eq!(unix_seconds_of(text), seconds, "{text}");
        }
    }
}
