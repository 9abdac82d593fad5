//! `date-time` (RFC 3501, 9): neighbouring messages came on the same days, so a day is worked out
//! once.

use super::Pen;
use crate::calendar::{MONTHS, civil_from_days};

/// Writes internal dates, quoted.
#[derive(Debug)]
pub(crate) struct DateTexts {
    day: i64,
    /// `"dd-Mmm-yyyy `, with its quote and its space.
    day_text: [u8; 13],
    zone_minutes: i16,
    /// ` +zzzz"`.
    zone_text: [u8; 7],
}

impl DateTexts {
    /// Ready for any date.
    pub(crate) fn new() -> Self {
        let (day_text, zone_text) = (day_text(0), zone_text(0));
        Self { day: 0, day_text, zone_minutes: 0, zone_text }
    }

    /// The date in the zone it came with.
    #[inline]
    pub(crate) fn push(&mut self, unix_seconds: i64, zone_minutes: i16, pen: &mut Pen<'_>) {
        let local = unix_seconds.saturating_add(i64::from(zone_minutes) * 60);
        let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        if day != self.day {
            (self.day, self.day_text) = (day, day_text(day));
        }
        if zone_minutes != self.zone_minutes {
            (self.zone_minutes, self.zone_text) = (zone_minutes, zone_text(zone_minutes));
        }
        pen.push(&self.day_text);
        let [h1, h2] = two(second / 3600);
        let [m1, m2] = two(second / 60 % 60);
        let [s1, s2] = two(second % 60);
        pen.push(&[h1, h2, b':', m1, m2, b':', s1, s2]);
        pen.push(&self.zone_text);
    }
}

fn day_text(day: i64) -> [u8; 13] {
    let (year, month, day) = civil_from_days(day);
    let mut text = *b"\" 1-Jan-1970 ";
    let [tens, ones] = two(day);
    // `4DIGIT`: what lies outside cannot be said.
    let year = year.clamp(0, 9999);
    let year = [two(year / 100), two(year % 100)];
    let name = MONTHS.get(month.wrapping_sub(1)).unwrap_or(&"Jan").as_bytes();
    let digits = [if tens == b'0' { b' ' } else { tens }, ones];
    let pieces =
        digits.iter().chain(b"-").chain(name).chain(b"-").chain(year.as_flattened()).copied();
    text.iter_mut().skip(1).zip(pieces).for_each(|(slot, byte)| *slot = byte);
    text
}

fn zone_text(zone_minutes: i16) -> [u8; 7] {
    let minutes = i64::from(zone_minutes.unsigned_abs());
    let ([h1, h2], [m1, m2]) = (two(minutes / 60 % 100), two(minutes % 60));
    let sign = if zone_minutes < 0 { b'-' } else { b'+' };
    [b' ', sign, h1, h2, m1, m2, b'"']
}

/// Two digits of a number from 0 to 99.
#[inline]
fn two(value: i64) -> [u8; 2] {
    let digit = |value: i64| b"0123456789".get(usize::try_from(value % 10).unwrap_or(0));
    [value / 10, value].map(|value| digit(value).copied().unwrap_or(b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::encode::Sheet;

    #[test]
    fn dates_are_written_in_their_zone() {
        let mut dates = DateTexts::new();
        for (seconds, zone, text) in [
            (837_596_665, -420, "\"17-Jul-1996 02:44:25 -0700\""),
            (837_596_666, -420, "\"17-Jul-1996 02:44:26 -0700\""),
            (0, 0, "\" 1-Jan-1970 00:00:00 +0000\""),
            (-1, 330, "\" 1-Jan-1970 05:29:59 +0530\""),
            (i64::MIN, 0, "\"27-Jan-0000 08:29:52 +0000\""),
            (i64::MAX, 0, "\" 4-Dec-9999 15:30:07 +0000\""),
        ] {
            let (mut sheet, mut out) = (Sheet::new(), Vec::new());
            let mut pen = sheet.pen(&mut out);
            dates.push(seconds, zone, &mut pen);
            pen.settle();
            assert_eq!(String::from_utf8(out).expect("ASCII"), text, "{seconds}");
        }
    }
}
