//! What was decided of mail that waited in an Outbox, by whom and when.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Directory, DirectoryError};

/// How long it is known what was decided.
pub const HISTORY_KEPT_FOR: Duration = Duration::from_hours(365 * 24);

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// When; seconds since 1970.
    pub at: i64,
    /// The name of the message in the queue.
    pub message: String,
    /// The address it comes from; empty for none.
    pub sender: String,
    /// What was decided.
    pub event: Event,
    /// By whom, or what.
    pub actor: String,
    /// Why, or what else is to be known.
    pub note: String,
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What may be decided of a message that waits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $name,)*
        }

        impl Event {
            /// The word that stands in the table.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            fn of(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

events! {
    /// It waits.
    Held = "held";
    /// It waits until somebody releases it.
    Kept = "kept";
    /// It is sent.
    Released = "released";
    /// It is not sent.
    Cancelled = "cancelled";
}

impl Directory {
    /// Puts a decision on record; a message is not released or cancelled twice.
    pub async fn note(&self, row: &HistoryRow) -> Result<(), DirectoryError> {
        let change = sqlx::query(
            "INSERT INTO history (at, message, sender, event, actor, note) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?4 = 'kept' OR NOT EXISTS \
             (SELECT 1 FROM history WHERE message = ?2 AND event = ?4)",
        );
        let change = change.bind(row.at).bind(&row.message).bind(row.sender.to_lowercase());
        let change = change.bind(row.event.word()).bind(&row.actor).bind(&row.note);
        change.execute(&self.pool).await?;
        Ok(())
    }

    /// Decisions, the latest first, as many as this at most; of a message, of a sender, or all.
    pub async fn history(
        &self,
        message: Option<&str>,
        sender: Option<&str>,
        count_max: u32,
    ) -> Result<Vec<HistoryRow>, DirectoryError> {
        let asked = sqlx::query(
            "SELECT at, message, sender, event, actor, note FROM history \
             WHERE (?1 IS NULL OR message = ?1) AND (?2 IS NULL OR sender = ?2) \
             ORDER BY id DESC LIMIT ?3",
        );
        let asked = asked.bind(message).bind(sender.map(str::to_lowercase)).bind(count_max);
        let rows = asked.fetch_all(&self.pool).await?;
        rows.iter().filter_map(|found| row(found).transpose()).collect()
    }

    /// Forgets what was decided before `time`.
    pub async fn forget_history(&self, time: i64) -> Result<(), DirectoryError> {
        sqlx::query("DELETE FROM history WHERE at < ?").bind(time).execute(&self.pool).await?;
        Ok(())
    }
}

/// `None` for what a later version wrote.
fn row(row: &SqliteRow) -> Result<Option<HistoryRow>, DirectoryError> {
    let Some(event) = Event::of(row.try_get(3)?) else { return Ok(None) };
    Ok(Some(HistoryRow {
        at: row.try_get(0)?,
        message: row.try_get(1)?,
        sender: row.try_get(2)?,
        event,
        actor: row.try_get(4)?,
        note: row.try_get(5)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn decisions_are_found_by_message_and_sender_and_forgotten_in_time() {
        let dir = tempfile::tempdir().expect("directory");
        let file = dir.path().join("directory.sqlite");
        let directory = Directory::open(&file, "+").await.expect("opens");
        let row = |at, message: &str, sender: &str, event| HistoryRow {
            at,
            message: message.to_owned(),
            sender: sender.to_owned(),
            event,
            actor: "the sender".to_owned(),
            note: String::new(),
        };
        let one = row(10, "00aa", "a@example.test", Event::Held);
        let two = row(20, "00aa", "a@example.test", Event::Cancelled);
        let three = row(30, "00bb", "b@example.test", Event::Kept);
        for row in [&one, &two, &two, &three, &three] {
            directory.note(row).await.expect("noted");
        }
        let all = directory.history(None, None, 10).await.expect("asked");
        assert_eq!(all, [three.clone(), three.clone(), two.clone(), one.clone()]);
        let of = directory.history(Some("00aa"), None, 1).await.expect("asked");
        assert_eq!(of.first(), Some(&two));
        let of = directory.history(None, Some("A@Example.test"), 10).await.expect("asked");
        assert_eq!(of, [two, one]);
        directory.forget_history(30).await.expect("forgotten");
        assert_eq!(directory.history(None, None, 10).await.expect("asked").len(), 2);
        directory.close().await;
    }
}
