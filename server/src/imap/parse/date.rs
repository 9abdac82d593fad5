//! Dates and times as IMAP writes them (RFC 3501, 9: date, date-time).

use super::cursor::{Cursor, Malformed};
use crate::imap::command::DateTime;

const DATE: Malformed = Malformed::Expected("a date such as 1-Feb-2024");
const DATE_TIME: Malformed =
    Malformed::Expected("a date-time such as \" 1-Feb-2024 08:00:00 +0000\"");

/// The months' names, January first.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `date`, quoted or not: days since 1970-01-01.
pub(super) fn date(cursor: &mut Cursor<'_>) -> Result<i32, Malformed> {
    let text = cursor.astring()?;
    let mut inner = Cursor::new(&text);
    let day = day(&mut inner)?;
    match inner.peek() {
        None => Ok(day),
        Some(_) => Err(DATE),
    }
}

/// The inside of a quoted `date-time`.
pub(super) fn date_time(text: &[u8]) -> Result<DateTime, Malformed> {
    let mut cursor = Cursor::new(text);
    cursor.skip_spaces();
    let days = day(&mut cursor)?;
    cursor.expect(b' ', "a space and a time")?;
    let mut seconds = i64::from(days) * 86_400;
    for (index, (max, unit)) in [(23, 3600), (59, 60), (60, 1)].into_iter().enumerate() {
        if index > 0 {
            cursor.expect(b':', "a colon in a time")?;
        }
        let value = cursor.number()?;
        if value > max {
            return Err(DATE_TIME);
        }
        seconds += i64::from(value) * unit;
    }
    cursor.expect(b' ', "a space and a zone")?;
    let zone_minutes = zone(&mut cursor)?;
    match cursor.peek() {
        None => Ok(DateTime { seconds: seconds - i64::from(zone_minutes) * 60, zone_minutes }),
        Some(_) => Err(DATE_TIME),
    }
}

/// `zone`: `+hhmm` or `-hhmm`.
fn zone(cursor: &mut Cursor<'_>) -> Result<i16, Malformed> {
    let is_west = cursor.eat(b'-');
    if !is_west && !cursor.eat(b'+') {
        return Err(DATE_TIME);
    }
    let zone = i16::try_from(cursor.number()?).map_err(|_| DATE_TIME)?;
    let (hours, minutes) = (zone / 100, zone % 100);
    if hours > 23 || minutes > 59 {
        return Err(DATE_TIME);
    }
    let zone = hours * 60 + minutes;
    Ok(if is_west { -zone } else { zone })
}

/// `d-Mon-yyyy` as days since 1970-01-01.
fn day(cursor: &mut Cursor<'_>) -> Result<i32, Malformed> {
    let day = cursor.number()?;
    cursor.expect(b'-', "a date such as 1-Feb-2024")?;
    let mut month = None;
    for (name, number) in MONTHS.into_iter().zip(1_u32..) {
        if month.is_none() && cursor.eat_prefix(name) {
            month = Some(number);
        }
    }
    let month = month.ok_or(DATE)?;
    cursor.expect(b'-', "a date such as 1-Feb-2024")?;
    let year = i32::try_from(cursor.number()?).map_err(|_| DATE)?;
    if !(1..=31).contains(&day) || !(1..=9999).contains(&year) {
        return Err(DATE);
    }
    Ok(days_from_civil(year, month, day))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_time_keeps_its_zone() {
        let at = |seconds, zone_minutes| Ok(DateTime { seconds, zone_minutes });
        assert_eq!(date_time(b" 1-Jan-1970 00:00:00 +0000"), at(0, 0));
        assert_eq!(date_time(b"17-jul-1996 02:44:25 -0700"), at(837_596_665, -420));
        assert_eq!(date_time(b"29-Feb-2024 23:59:60 +0530"), at(1_709_231_400, 330));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "1-Foo-2024 00:00:00 +0000",
            "32-Jan-2024 00:00:00 +0000",
            "1-Jan-2024",
            "1-Jan-2024 24:00:00 +0000",
            "1-Jan-2024 00:00:00",
            "1-Jan-2024 00:00:00 +0060",
            "1-Jan-0 00:00:00 +0000",
            "1-Jan-2024 00:00:00 +0000 x",
        ] {
            assert!(date_time(text.as_bytes()).is_err(), "{text}");
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
}
