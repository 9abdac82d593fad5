//! The Date field, with its obsolete forms (RFC 5322, 3.3 and 4.3).

/// When a message says it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentDate {
    /// Since 1970-01-01 00:00 UTC.
    pub unix_seconds: i64,
    /// East of UTC.
    pub zone_minutes: i16,
}

const SECONDS_PER_DAY: i64 = 86_400;

impl SentDate {
    /// Days from 1970-01-01 to the date as written: SENTON and its like disregard the zone
    /// (RFC 9051, 6.4.4).
    pub fn day(&self) -> i64 {
        (self.unix_seconds + i64::from(self.zone_minutes) * 60).div_euclid(SECONDS_PER_DAY)
    }

    /// Reads a Date field's value; `None` if it names no day that exists.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut tokens = Tokens { rest: value };
        let mut first = tokens.next()?;
        if !first.first()?.is_ascii_digit() {
            // The day of the week.
            first = tokens.next()?;
        }
        // `1-Jan-2001` is one token less than `1 Jan 2001`, but `-` ends tokens too.
        let day = number(first, 2)?;
        let month = month(tokens.next()?)?;
        let year = year(tokens.next()?)?;
        if day == 0 || day > days_in_month(year, month) {
            return None;
        }
        let seconds = time_of_day(tokens.next().unwrap_or_default())?;
        let zone_minutes = tokens.zone();
        let local = days_from_civil(year, month, day) * SECONDS_PER_DAY + seconds;
        Some(Self { unix_seconds: local - i64::from(zone_minutes) * 60, zone_minutes })
    }
}

/// Words between white space, commas and comments.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(b"-").unwrap_or(self.rest);
        self.take(|byte| is_blank(byte) || matches!(byte, b'-' | b'('))
    }

    /// Minutes east of UTC; a zone that is missing or not known is UTC (RFC 5322, 4.3).
    fn zone(&mut self) -> i16 {
        self.skip_blanks();
        let token = self.take(|byte| is_blank(byte) || byte == b'(').unwrap_or_default();
        let (sign, digits) = match token {
            [b'+', digits @ ..] => (1, digits),
            [b'-', digits @ ..] => (-1, digits),
            name => return named_zone(name),
        };
        let Some(value) = digits.get(..4).and_then(|digits| number(digits, 4)) else { return 0 };
        let (hours, minutes) = (value / 100, value % 100);
        if hours > 23 || minutes > 59 {
            return 0;
        }
        i16::try_from(sign * (hours * 60 + minutes)).unwrap_or(0)
    }

    fn take(&mut self, is_end: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let len = self.rest.iter().position(|byte| is_end(*byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(len);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn skip_blanks(&mut self) {
        loop {
            let blank = self.rest.iter().take_while(|byte| is_blank(**byte)).count();
            self.rest = self.rest.get(blank..).unwrap_or_default();
            if self.rest.first() != Some(&b'(') {
                return;
            }
            self.rest = super::content_type::after_comment(self.rest);
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | 0)
}

fn number(digits: &[u8], len_max: usize) -> Option<i64> {
    if digits.is_empty() || digits.len() > len_max || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn month(name: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let name = name.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| month.eq_ignore_ascii_case(name)).map(|(at, _)| at)
}

/// Two and three digits count from the twentieth century's end (RFC 5322, 4.3).
fn year(digits: &[u8]) -> Option<i64> {
    let year = number(digits, 4)?;
    Some(match digits.len() {
        2 if year < 50 => year + 2000,
        2 | 3 => year + 1900,
        _ => year,
    })
}

/// `hour:minute` or `hour:minute:second`; midnight if there is none.
fn time_of_day(token: &[u8]) -> Option<i64> {
    if token.is_empty() {
        return Some(0);
    }
    let mut parts = token.split(|byte| matches!(byte, b':' | b'.'));
    let mut next = |max: i64| match parts.next() {
        Some(digits) => number(digits, 2).filter(|value| *value <= max),
        None => Some(0),
    };
    let (hours, minutes) = (next(23)?, next(59)?);
    // A leap second is the last second of its minute.
    Some(hours * 3600 + minutes * 60 + next(60)?.min(59))
}

/// RFC 5322, 4.3; the one-letter military zones mean UTC, as they were used wrongly.
fn named_zone(name: &[u8]) -> i16 {
    let hours = match name.to_ascii_uppercase().as_slice() {
        b"EDT" => -4,
        b"EST" | b"CDT" => -5,
        b"CST" | b"MDT" => -6,
        b"MST" | b"PDT" => -7,
        b"PST" => -8,
        _ => 0,
    };
    hours * 60
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Years start in March here, so that
/// the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_shape_are_read() {
        for (value, unix_seconds, zone_minutes) in [
            ("Thu, 1 Jan 1970 00:00:00 +0000", 0, 0),
            (" Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", 837_595_405, -420),
            ("29 Feb 2000 23:59:60 +0530", 951_848_999, 330),
            ("(c) Fri, 21 (d) Nov 97 09:55:06(e)-0600", 880_127_706, -360),
            ("21 Nov 97 09:55:06 EST", 880_124_106, -300),
            ("Thu,\r\n 21-Nov-1997 09:55 GMT", 880_106_100, 0),
            ("Sat, 01 Feb 2003 10:00:00", 1_044_093_600, 0),
            ("1 Jan 1600 00:00 +0000", -11_676_096_000, 0),
        ] {
            let date = SentDate::parse(value.as_bytes());
            assert_eq!(date, Some(SentDate { unix_seconds, zone_minutes }), "{value}");
        }
        for value in
            ["", "yesterday", "31 Feb 2001 10:00", "1 Foo 2001", "Fri, 1 Jan", "0 Jan 2001"]
        {
            assert_eq!(SentDate::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn the_day_is_the_one_written() {
        let day = |value: &str| SentDate::parse(value.as_bytes()).map(|date| date.day());
        assert_eq!(day("2 Jan 1970 00:30 +0900"), Some(1));
        assert_eq!(day("2 Jan 1970 23:30 -0900"), Some(1));
    }
}
