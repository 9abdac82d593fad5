//! Dates and times as IMAP writes them (RFC 3501, 9: date, date-time).

use super::cursor::{Cursor, Malformed};
use crate::calendar::{MONTHS, days_from_civil};
use crate::imap::command::DateTime;

const DATE: Malformed = Malformed::Expected("a date such as 1-Feb-2024");
const DATE_TIME: Malformed =
    Malformed::Expected("a date-time such as \" 1-Feb-2024 08:00:00 +0000\"");

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
}
