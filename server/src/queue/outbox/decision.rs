//! What follows from what the sender did to the copy of a message.

/// What is seen of the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It is in the Outbox.
    There,
    /// It is there, flagged `\Deleted`.
    Deleted,
    /// It is in `Outbox/Now`.
    Now,
    /// It is in neither.
    Gone,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Release(By),
    /// Not sent, for this reason.
    Cancel(&'static str),
}

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Its time is over.
    Clock,
    Sender,
    Administrator,
    /// It was decided before the server stopped.
    Restart,
}

impl By {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clock => "the clock",
            Self::Sender => "the sender",
            Self::Administrator => "the administrator",
            Self::Restart => "the start, as decided before",
        }
    }
}

/// Programs without MOVE copy to `Outbox/Now` and flag the original `\Deleted`: what is in
/// `Outbox/Now` counts more.
pub(super) fn decide(sight: Sight, until: i64, now: i64) -> Verdict {
    match sight {
        Sight::Now => Verdict::Release(By::Sender),
        Sight::Deleted => Verdict::Cancel("flagged \\Deleted in the Outbox"),
        Sight::Gone => Verdict::Cancel("taken out of the Outbox"),
        Sight::There if now >= until => Verdict::Release(By::Clock),
        Sight::There => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_decides_and_then_the_clock() {
        for (sight, now, verdict) in [
            (Sight::There, 99, Verdict::Wait),
            (Sight::There, 100, Verdict::Release(By::Clock)),
            (Sight::Now, 1, Verdict::Release(By::Sender)),
            (Sight::Now, 200, Verdict::Release(By::Sender)),
            (Sight::Deleted, 1, Verdict::Cancel("flagged \\Deleted in the Outbox")),
            (Sight::Deleted, 200, Verdict::Cancel("flagged \\Deleted in the Outbox")),
            (Sight::Gone, 200, Verdict::Cancel("taken out of the Outbox")),
        ] {
            assert_eq!(decide(sight, 100, now), verdict, "{sight:?} at {now}");
        }
    }
}
