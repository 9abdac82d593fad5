//! From the bytes of one complete command to its value (RFC 3501, 9), by hand and in one pass.
//!
//! [`parse_command`] is total: any bytes give a command or a [`Fault`], which carries the tag
//! wherever one could be read, so that even nonsense is answered `BAD` under its own name.
//! Literals stand inside the bytes; [`Assembler`] is what waits for them.

mod acl;
mod append;
mod assemble;
mod cursor;
mod date;
mod fetch;
mod list;
mod metadata;
mod notify;
mod quota;
mod returns;
mod search;
mod select;
mod sort;
mod sources;
mod url;

use engine::{FlagSet, Keyword, SpecialUse, SystemFlag};

pub use assemble::{Assembler, Limits, Oversize, Step};
use cursor::{Cursor, Malformed};
pub(crate) use search::CHARSETS;

use super::command::{
    Access, Body, Command, Echo, FlagChange, MailboxName, Numbering, Secret, Store, Tag, Transfer,
};
use super::dialect::Dialect;
use super::mailbox_text;

/// Why bytes are no command, with its tag if they have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The tag, unless that is what is wrong.
    pub tag: Option<Tag>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It does not begin with a tag.
    NoTag,
    /// There is no such command.
    UnknownCommand,
    /// Its arguments are not what it takes; the text says what was missing.
    Malformed(&'static str),
    /// SEARCH in a charset we do not know (RFC 3501, 6.4.4).
    BadCharset,
    /// The same with SAVE: `$` is empty now (RFC 5182, 2.1).
    BadCharsetToSave,
}

impl From<Malformed> for FaultKind {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Expected(what) => Self::Malformed(what),
            Malformed::BadCharset => Self::BadCharset,
            Malformed::BadCharsetToSave => Self::BadCharsetToSave,
        }
    }
}

/// Parses one complete command, with or without its last line end, of a client that enabled nothing.
pub fn parse_command(bytes: &[u8]) -> Result<Command, Fault> {
    parse_command_in(bytes, Dialect::default())
}

/// The same for any client.
pub fn parse_command_in(bytes: &[u8], dialect: Dialect) -> Result<Command, Fault> {
    let mut cursor = Cursor::in_dialect(bytes, dialect);
    let Some(tag) = Tag::new(cursor.until_space()) else {
        return Err(Fault { tag: None, kind: FaultKind::NoTag });
    };
    let body = match cursor.space() {
        Ok(()) => body(&mut cursor),
        Err(fault) => Err(fault.into()),
    };
    match body {
        Ok(body) => Ok(Command { tag, body }),
        Err(kind) => Err(Fault { tag: Some(tag), kind }),
    }
}

/// The tag at the front of bytes that are not a whole command.
pub fn tag_of(bytes: &[u8]) -> Option<Tag> {
    Tag::new(Cursor::new(bytes).until_space())
}

fn body(cursor: &mut Cursor<'_>) -> Result<Body, FaultKind> {
    let word = cursor.upper_word();
    let (word, numbering) = match word.as_str() {
        "UID" => {
            cursor.space()?;
            (cursor.upper_word(), Numbering::Uid)
        }
        _ => (word, Numbering::Sequence),
    };
    let found = match numbering {
        Numbering::Sequence => plain_command(&word, cursor)?,
        Numbering::Uid => None,
    };
    let found = match found {
        Some(body) => Some(body),
        None => message_command(&word, numbering, cursor)?,
    };
    let body = found.ok_or(FaultKind::UnknownCommand)?;
    cursor.end()?;
    Ok(body)
}

/// Commands that name no messages.
fn plain_command(word: &str, cursor: &mut Cursor<'_>) -> Result<Option<Body>, Malformed> {
    Ok(Some(match word {
        "CAPABILITY" => Body::Capability,
        "NOOP" => Body::Noop,
        "LOGOUT" => Body::Logout,
        "STARTTLS" => Body::StartTls,
        "UNAUTHENTICATE" => Body::Unauthenticate,
        "NAMESPACE" => Body::Namespace,
        "IDLE" => Body::Idle,
        "NOTIFY" => notify::notify(cursor)?,
        "CHECK" => Body::Check,
        "CLOSE" => Body::Close,
        "UNSELECT" => Body::Unselect,
        "EXPUNGE" => Body::Expunge(None),
        "ID" => Body::Id(id(cursor)?),
        "AUTHENTICATE" => authenticate(cursor)?,
        "LOGIN" => login(cursor)?,
        "ENABLE" => Body::Enable(enable(cursor)?),
        "COMPRESS" => Body::Compress(compress(cursor)?),
        "SELECT" => select::select(cursor, Access::ReadWrite)?,
        "EXAMINE" => select::select(cursor, Access::ReadOnly)?,
        "CREATE" => create(cursor)?,
        "DELETE" => Body::Delete(next_mailbox(cursor)?),
        "RENAME" => Body::Rename { from: next_mailbox(cursor)?, to: next_mailbox(cursor)? },
        "SUBSCRIBE" => Body::Subscribe(next_mailbox(cursor)?),
        "UNSUBSCRIBE" => Body::Unsubscribe(next_mailbox(cursor)?),
        "LIST" => Body::List(list::list(cursor)?),
        "LSUB" => list::lsub(cursor)?,
        "CANCELUPDATE" => Body::CancelUpdate(cancel_update(cursor)?),
        "GETQUOTA" => quota::get(cursor)?,
        "GETQUOTAROOT" => Body::GetQuotaRoot(next_mailbox(cursor)?),
        "SETQUOTA" => quota::set(cursor)?,
        "SETACL" => acl::set(cursor)?,
        "DELETEACL" => acl::delete(cursor)?,
        "GETACL" => Body::GetAcl(next_mailbox(cursor)?),
        "LISTRIGHTS" => acl::list_rights(cursor)?,
        "MYRIGHTS" => Body::MyRights(next_mailbox(cursor)?),
        "GETMETADATA" => metadata::get(cursor)?,
        "SETMETADATA" => metadata::set(cursor)?,
        "STATUS" => list::status(cursor)?,
        "APPEND" => Body::Append(append::append(cursor)?),
        _ => return Ok(None),
    }))
}

/// Commands that come with and without `UID`, and UID EXPUNGE.
fn message_command(
    word: &str,
    numbering: Numbering,
    cursor: &mut Cursor<'_>,
) -> Result<Option<Body>, Malformed> {
    Ok(Some(match (word, numbering) {
        ("FETCH", _) => Body::Fetch(fetch::fetch(cursor, numbering)?),
        ("SEARCH", _) => Body::Search(search::search(cursor, numbering)?),
        // UID changes nothing: the answer has UIDs in any case (RFC 7377, 2.1).
        ("ESEARCH", _) => Body::MultiSearch(search::multi_search(cursor)?),
        ("SORT", _) => Body::Sort(sort::sort(cursor, numbering)?),
        ("THREAD", _) => Body::Thread(sort::thread(cursor, numbering)?),
        ("STORE", _) => Body::Store(store(cursor, numbering)?),
        ("REPLACE", _) => Body::Replace(append::replace(cursor, numbering)?),
        ("COPY", _) => Body::Copy(transfer(cursor, numbering)?),
        ("MOVE", _) => Body::Move(transfer(cursor, numbering)?),
        ("EXPUNGE", Numbering::Uid) => {
            cursor.space()?;
            Body::Expunge(Some(cursor.sequence_set()?))
        }
        _ => return Ok(None),
    }))
}

/// `id-params-list` (RFC 2971, 3.1): at most 30 pairs.
fn id(cursor: &mut Cursor<'_>) -> Result<Vec<(String, String)>, Malformed> {
    const PAIRS_MAX: usize = 30;
    cursor.space()?;
    if cursor.eat_word("NIL") {
        return Ok(Vec::new());
    }
    let mut pairs = Vec::new();
    cursor.expect(b'(', "a list of fields in parentheses")?;
    while !cursor.eat(b')') {
        cursor.skip_spaces();
        let field = String::from_utf8_lossy(&cursor.string()?).into_owned();
        cursor.space()?;
        let value = if cursor.eat_word("NIL") {
            String::new()
        } else {
            String::from_utf8_lossy(&cursor.string()?).into_owned()
        };
        cursor.skip_spaces();
        if pairs.len() < PAIRS_MAX {
            pairs.push((field, value));
        }
    }
    Ok(pairs)
}

fn authenticate(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    let mechanism = cursor.upper_word();
    if mechanism.is_empty() {
        return Err(Malformed::Expected("a SASL mechanism"));
    }
    cursor.skip_spaces();
    let initial = Some(cursor.until_space().to_vec()).filter(|initial| !initial.is_empty());
    Ok(Body::Authenticate { mechanism, initial })
}

/// LOGIN takes its arguments unquoted too, whatever is in them (CLIENTS.md rule 14).
fn login(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    let user = utf8(cursor.loose_string()?.into_owned())?;
    cursor.space()?;
    let password = Secret(utf8(cursor.loose_string()?.into_owned())?);
    Ok(Body::Login { user, password })
}

fn enable(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Malformed> {
    const NAMES_MAX: usize = 100;
    let mut names = Vec::new();
    while cursor.more_words() {
        names.push(cursor.upper_word());
        if names.last().is_some_and(String::is_empty) || names.len() > NAMES_MAX {
            return Err(Malformed::Expected("capability names"));
        }
    }
    if names.is_empty() { Err(Malformed::Expected("capability names")) } else { Ok(names) }
}

/// The tags are quoted (RFC 5267, 5).
fn cancel_update(cursor: &mut Cursor<'_>) -> Result<Vec<Tag>, Malformed> {
    const TAGS_MAX: usize = 100;
    let mut tags = Vec::new();
    while tags.is_empty() || cursor.more_words() {
        if tags.is_empty() {
            cursor.space()?;
        }
        if tags.len() >= TAGS_MAX {
            return Err(Malformed::Expected("fewer tags"));
        }
        tags.push(Tag::new(&cursor.string()?).ok_or(Malformed::Expected("a tag"))?);
    }
    Ok(tags)
}

fn compress(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    cursor.space()?;
    let mechanism = cursor.upper_word();
    if mechanism.is_empty() { Err(Malformed::Expected("a mechanism")) } else { Ok(mechanism) }
}

/// A name, and perhaps what it is for: `USE (…)`, the one parameter we know (RFC 6154, 3).
fn create(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    let mailbox = next_mailbox(cursor)?;
    let mut uses = Vec::new();
    if cursor.more_words() {
        cursor.expect(b'(', "parameters in parentheses")?;
        if !cursor.eat_word("USE") {
            return Err(Malformed::Expected("USE, the one parameter we know"));
        }
        cursor.space()?;
        cursor.expect(b'(', "special uses in parentheses")?;
        cursor.skip_spaces();
        while !cursor.eat(b')') {
            let name = cursor.flag_word()?;
            let known = SpecialUse::ALL.into_iter();
            let found = known.into_iter().find(|at| at.attribute().eq_ignore_ascii_case(name));
            if uses.len() > SpecialUse::ALL.len() {
                return Err(Malformed::Expected("fewer special uses"));
            }
            uses.push(found);
            cursor.skip_spaces();
        }
        cursor.expect(b')', "the end of the parameters")?;
    }
    Ok(Body::Create { mailbox, uses })
}

fn store(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Store, Malformed> {
    cursor.space()?;
    let messages = cursor.sequence_set()?;
    cursor.space()?;
    let mut unchanged_since = None;
    if cursor.eat(b'(') {
        if !cursor.eat_word("UNCHANGEDSINCE") {
            return Err(Malformed::Expected("UNCHANGEDSINCE, the one modifier we know"));
        }
        cursor.space()?;
        unchanged_since = Some(cursor.mod_sequence()?);
        cursor.expect(b')', "the end of the modifiers")?;
        cursor.space()?;
    }
    let change = match cursor.peek() {
        Some(b'+') => FlagChange::Add,
        Some(b'-') => FlagChange::Remove,
        _ => FlagChange::Replace,
    };
    if change != FlagChange::Replace {
        cursor.advance(1);
    }
    let echo = match cursor.upper_word().as_str() {
        "FLAGS" => Echo::Told,
        "FLAGS.SILENT" => Echo::Silent,
        _ => return Err(Malformed::Expected("FLAGS or FLAGS.SILENT")),
    };
    cursor.space()?;
    let flags = match cursor.peek() {
        Some(b'(') => flag_list(cursor)?,
        _ => bare_flags(cursor)?,
    };
    Ok(Store { numbering, messages, change, echo, flags, unchanged_since })
}

fn transfer(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Transfer, Malformed> {
    cursor.space()?;
    let messages = cursor.sequence_set()?;
    Ok(Transfer { numbering, messages, mailbox: next_mailbox(cursor)? })
}

fn flag_list(cursor: &mut Cursor<'_>) -> Result<FlagSet, Malformed> {
    let mut flags = FlagSet::default();
    cursor.expect(b'(', "flags in parentheses")?;
    cursor.skip_spaces();
    while !cursor.eat(b')') {
        flag(cursor, &mut flags)?;
        cursor.skip_spaces();
    }
    Ok(flags)
}

fn bare_flags(cursor: &mut Cursor<'_>) -> Result<FlagSet, Malformed> {
    let mut flags = FlagSet::default();
    flag(cursor, &mut flags)?;
    while cursor.more_words() {
        flag(cursor, &mut flags)?;
    }
    Ok(flags)
}

/// `\Recent` is taken and ignored: some clients send back every flag they were told of, and no
/// client can set it (RFC 3501, 2.3.2).
fn flag(cursor: &mut Cursor<'_>, flags: &mut FlagSet) -> Result<(), Malformed> {
    let name = cursor.flag_word()?;
    if let Some(system) = SystemFlag::by_name(name) {
        flags.system = flags.system | system.bit();
    } else if !name.eq_ignore_ascii_case("\\Recent") {
        let keyword = Keyword::new(name).ok_or(Malformed::Expected("a flag that may be set"))?;
        if flags.keywords.len() >= engine::KEYWORDS_MAX && !flags.keywords.contains(&keyword) {
            return Err(Malformed::Expected("fewer keywords"));
        }
        flags.insert(keyword);
    }
    Ok(())
}

/// A space and a mailbox name.
fn next_mailbox(cursor: &mut Cursor<'_>) -> Result<MailboxName, Malformed> {
    cursor.space()?;
    mailbox_name(cursor)
}

fn mailbox_name(cursor: &mut Cursor<'_>) -> Result<MailboxName, Malformed> {
    let name = cursor.astring()?;
    let name = decoded_name(&name, cursor.dialect())?;
    if name.is_empty() {
        Err(Malformed::Expected("a mailbox name that is not empty"))
    } else {
        Ok(MailboxName::new(&name))
    }
}

/// A mailbox name, or a pattern for some.
fn decoded_name(bytes: &[u8], dialect: Dialect) -> Result<String, Malformed> {
    mailbox_text::decode(bytes, dialect).ok_or(Malformed::Expected(if dialect.has_utf8() {
        "a mailbox name in UTF-8"
    } else {
        "a mailbox name in modified UTF-7"
    }))
}

fn utf8(bytes: Vec<u8>) -> Result<String, Malformed> {
    String::from_utf8(bytes).map_err(|_| Malformed::Expected("UTF-8"))
}

#[cfg(test)]
mod tests;
