//! When messages were sent: one after another, some minutes apart.

/// 1 January 2024, 00:00:00 UTC, in seconds of Unix.
const FIRST: u64 = 1_704_067_200;
const DAY: u64 = 86_400;
/// The day of the week of `FIRST`, counted from Sunday: a Monday.
const FIRST_WEEKDAY: u64 = 1;
/// Between one message and the next.
const APART: u64 = 61;

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// Seconds of Unix when a message was sent.
pub(crate) fn sent(number: u64) -> u64 {
    FIRST + number * APART
}

/// A time as a message tells it (RFC 5322, 3.3), in a zone so many hours ahead of UTC.
pub(crate) fn told(seconds: u64, zone: u64) -> String {
    let local = seconds + zone * 3600 - FIRST;
    let (days, time) = (local / DAY, local % DAY);
    let weekday = WEEKDAYS[usize::try_from((days + FIRST_WEEKDAY) % 7).unwrap_or(0)];
    let (year, month, day) = calendar(days);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{weekday}, {day} {month} {year} {hour:02}:{minute:02}:{second:02} +{zone:02}00")
}

/// Year, month and day, so many days after 1 January 2024.
fn calendar(mut days: u64) -> (u64, &'static str, u64) {
    let mut year = 2024;
    loop {
        // True until 2100.
        let is_leap = year % 4 == 0;
        for (place, (month, len)) in MONTHS.iter().enumerate() {
            let len = len + u64::from(is_leap && place == 1);
            if days < len {
                return (year, month, days + 1);
            }
            days -= len;
        }
        year += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        assert_eq!(told(FIRST, 0), "Mon, 1 Jan 2024 00:00:00 +0000");
        assert_eq!(told(FIRST + 59 * DAY, 9), "Thu, 29 Feb 2024 09:00:00 +0900");
        assert_eq!(told(FIRST + 366 * DAY, 0), "Wed, 1 Jan 2025 00:00:00 +0000");
    }
}
