//! Which capabilities are hidden from whom (CLIENTS.md rule 12): by listener, by what the client
//! calls itself, by user or domain; changed while the server runs.
//!
//! Of the rules that fit, the one for the narrowest audience decides: one for a user before one for
//! a domain, then one for a client before one for all, then one for a listener. Without a rule only
//! [`HIDDEN_BY_DEFAULT`] is hidden. The rules are believed for a second.

mod rule;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tokio::time::Instant;

pub use self::rule::{Audience, CapabilityName, MaskRule, RuleError, Visibility, Whom};
use super::{Address, Directory, DirectoryError};

/// How long rules are believed.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Rules there may be: each is looked at for each capability that is told.
const RULES_MAX: i64 = 1000;
/// Hidden until a rule offers it: clients enable UIDONLY (RFC 9586) because they see it, and then go
/// on to name messages by number.
const HIDDEN_BY_DEFAULT: [&str; 1] = ["UIDONLY"];

/// Who is shown capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The protocol of the listener, such as `imaps`.
    pub listener: &'static str,
    /// The port the client connected to.
    pub port: u16,
    /// Name and version that the client has given itself, in lower case.
    pub client: Option<String>,
    /// Who logged in.
    pub user: Option<Address>,
}

/// All rules at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks(Vec<MaskRule>);

impl Viewer {
    /// A client that has said nothing yet.
    pub fn at(listener: &'static str, port: u16) -> Self {
        Self { listener, port, client: None, user: None }
    }
}

impl Masks {
    /// Whether a capability, in upper case, is hidden from somebody.
    pub fn hide(&self, capability: &str, viewer: &Viewer) -> bool {
        let fitting = self.0.iter().filter(|rule| rule.fits(capability, viewer));
        match fitting.max_by_key(|rule| rule.weight()) {
            Some(rule) => rule.visibility == Visibility::Hidden,
            None => HIDDEN_BY_DEFAULT.contains(&capability),
        }
    }

    /// A list of capabilities, separated by blanks, without those that are hidden.
    pub fn shown(&self, list: &str, viewer: &Viewer) -> String {
        let shown = list.split(' ').filter(|name| !self.hide(name, viewer));
        shown.collect::<Vec<_>>().join(" ")
    }
}

#[derive(Debug, Default)]
pub(super) struct MaskCache {
    known: Mutex<Option<(Instant, Arc<Masks>)>>,
    /// Held by the one who asks, so that a second after a second many sessions ask once.
    asking: tokio::sync::Mutex<()>,
}

impl MaskCache {
    fn fresh(&self, now: Instant) -> Option<Arc<Masks>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(until, _)| *until > now).map(|(_, masks)| Arc::clone(masks))
    }

    fn newest(&self) -> Arc<Masks> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, masks)| Arc::clone(masks)).unwrap_or_default()
    }

    fn remember(&self, masks: &Arc<Masks>, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now + BELIEVED_FOR, Arc::clone(masks)));
    }

    fn clear(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Directory {
    /// The rules of now, or of a second ago. While the directory fails, the last ones stay.
    pub async fn masks(&self) -> Arc<Masks> {
        if let Some(masks) = self.masks.fresh(Instant::now()) {
            return masks;
        }
        let _asking = self.masks.asking.lock().await;
        if let Some(masks) = self.masks.fresh(Instant::now()) {
            return masks;
        }
        let masks = match self.mask_rules().await {
            Ok(rules) => Arc::new(Masks(rules)),
            Err(error) => {
                tracing::error!(%error, "cannot read which capabilities are hidden");
                self.masks.newest()
            }
        };
        self.masks.remember(&masks, Instant::now());
        masks
    }

    /// All rules, sorted.
    pub async fn mask_rules(&self) -> Result<Vec<MaskRule>, DirectoryError> {
        let rows = sqlx::query(
            "SELECT capability, listener, client, user, is_hidden FROM capability_rules \
             ORDER BY capability, user, client, listener",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(rule).collect()
    }

    /// Makes a rule, in the place of one for the same audience.
    pub async fn set_mask(&self, rule: &MaskRule) -> Result<(), DirectoryError> {
        let [listener, client, user] = rule.audience.stored();
        let done = sqlx::query(
            "INSERT OR REPLACE INTO capability_rules (capability, listener, client, user, is_hidden) \
             SELECT ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM capability_rules) < ?",
        )
        .bind(rule.capability.as_str())
        .bind(listener)
        .bind(client)
        .bind(user)
        .bind(rule.visibility == Visibility::Hidden)
        .bind(RULES_MAX)
        .execute(&self.pool)
        .await?;
        self.masks.clear();
        if done.rows_affected() == 0 { Err(RuleError::TooMany.into()) } else { Ok(()) }
    }

    /// Forgets a rule.
    pub async fn clear_mask(
        &self,
        capability: &CapabilityName,
        audience: &Audience,
    ) -> Result<(), DirectoryError> {
        let [listener, client, user] = audience.stored();
        let done = sqlx::query(
            "DELETE FROM capability_rules \
             WHERE capability = ? AND listener = ? AND client = ? AND user = ?",
        )
        .bind(capability.as_str())
        .bind(listener)
        .bind(client)
        .bind(user)
        .execute(&self.pool)
        .await?;
        self.masks.clear();
        match done.rows_affected() {
            0 => Err(DirectoryError::NotFound(format!("rule for {capability} {audience}"))),
            _ => Ok(()),
        }
    }
}

fn rule(row: &SqliteRow) -> Result<MaskRule, DirectoryError> {
    let text = |at: usize| row.try_get::<&str, _>(at);
    let is_hidden = row.try_get::<i64, _>(4)? != 0;
    Ok(MaskRule {
        capability: CapabilityName::parse(text(0)?)?,
        audience: Audience::from_stored([text(1)?, text(2)?, text(3)?])?,
        visibility: if is_hidden { Visibility::Hidden } else { Visibility::Offered },
    })
}

#[cfg(test)]
mod tests;
