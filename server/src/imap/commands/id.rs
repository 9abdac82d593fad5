//! ID (RFC 2971): who the two programs are; for statistics, for finding faults, and for what an
//! operator hides from a program that misuses it.

use super::capability::capabilities;
use crate::imap::command::Tag;
use crate::imap::dialogue::Dialogue;
use crate::imap::response::Done;
use crate::imap::session::Session;

/// What is kept of a client's name and version, in characters.
const NAME_LEN_MAX: usize = 256;

/// Answers with our name and version; and with the capabilities, if a client of this name is shown
/// others than before.
pub(crate) async fn id(
    session: &Session,
    tag: &Tag,
    fields: &[(String, String)],
    dialogue: &mut Dialogue,
) {
    tracing::debug!(client = ?fields, "client told its name");
    let before = capabilities(session, dialogue).await;
    dialogue.viewer.client = name(fields);
    let now = capabilities(session, dialogue).await;
    let version = env!("CARGO_PKG_VERSION");
    dialogue.untagged(format_args!("ID (\"name\" \"Fumikura\" \"version\" \"{version}\")"));
    let text = "ID completed";
    dialogue.done(tag, &if before == now { Done::ok(text) } else { Done::with(now, text) });
}

/// Name and version, as rules look for them.
fn name(fields: &[(String, String)]) -> Option<String> {
    let field = |wanted: &str| {
        let found = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let (name, version) = (field("name")?, field("version"));
    let both = version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"));
    Some(both.chars().take(NAME_LEN_MAX).flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_called_by_name_and_version() {
        let fields = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(field, value)| ((*field).into(), (*value).into())).collect()
        };
        assert_eq!(name(&fields(&[("os", "x"), ("VERSION", "9")])), None);
        let called = name(&fields(&[("version", "16.0"), ("Name", "Outlook")]));
        assert_eq!(called.as_deref(), Some("outlook 16.0"));
        let called = name(&fields(&[("name", &"X".repeat(1000)), ("version", "")]));
        assert_eq!(called.map(|called| called.len()), Some(NAME_LEN_MAX));
    }
}
