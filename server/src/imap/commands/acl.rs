//! SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314, 3). The owner has all rights, always.

use std::fmt::Write as _;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::context::Context;
use crate::directory::{ANYONE, Address};
use crate::imap::command::{AclChange, MailboxName, SetAcl};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{push_mailbox, push_string};
use crate::imap::outcome::Outcome;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::Authenticated;
use crate::imap::sharing::{Acl, ENTRY, Place, Rights};

/// A list is read, changed and written again by one command at a time.
static CHANGING: Mutex<()> = Mutex::const_new(());

/// Gives rights and takes them away.
pub(crate) async fn set(session: &Authenticated, set: &SetAcl, dialogue: &Dialogue) -> Outcome {
    let rights = Rights::parse(&set.letters);
    let rights = rights.ok_or_else(|| Refusal::bad("One of the letters is no right"))?;
    change(session, (&set.mailbox, &set.identifier), dialogue, |before| match set.change {
        AclChange::Replace => rights,
        AclChange::Add => before.and(rights),
        AclChange::Remove => before.without(rights),
    })
    .await?;
    Ok(Done::ok("SETACL completed"))
}

/// Takes all rights away that an identifier has.
pub(crate) async fn delete(
    session: &Authenticated,
    (mailbox, identifier): (&MailboxName, &str),
    dialogue: &Dialogue,
) -> Outcome {
    change(session, (mailbox, identifier), dialogue, |_| Rights::default()).await?;
    Ok(Done::ok("DELETEACL completed"))
}

async fn change(
    session: &Authenticated,
    (mailbox, identifier): (&MailboxName, &str),
    dialogue: &Dialogue,
    change: impl FnOnce(Rights) -> Rights,
) -> Result<(), Refusal> {
    let place = session.place(mailbox, dialogue).await?;
    place.require(Rights::ADMINISTER)?;
    let (context, owner) = (&dialogue.context, owner(&place, &dialogue.context).await?);
    let who = Identifier::of(identifier, context).await?;
    if who.name == owner.to_string() {
        return Err(Refusal::no("CANNOT", "The owner of a mailbox has all rights"));
    }
    let _alone = CHANGING.lock().await;
    let mut acl = acl_of(&place)?;
    let rights = change(acl.get(&who.entry));
    acl.set(&who.entry, rights);
    let is_given = !who.is_negative && rights != Rights::default();
    if is_given {
        // Before the rights: of those that nobody finds by it nothing is seen.
        context.directory.add_share(place.account.id(), &who.name).await?;
    }
    let value = acl.encode().map(Arc::from);
    let annotated = place.account.annotate(Some(&place.name), vec![(ENTRY.into(), value)]).await;
    annotated.map_err(|error| match error {
        engine::Error::AnnotationTooLarge { .. } | engine::Error::TooManyAnnotations => {
            Refusal::no("LIMIT", "There are too many with rights")
        }
        error => error.into(),
    })?;
    if !is_given {
        let list = place.account.mailboxes();
        let gives = |acl: Acl| acl.get(&who.name) != Rights::default();
        if !list.iter().any(|entry| gives(Acl::of(&list, entry))) {
            context.directory.remove_share(place.account.id(), &who.name).await?;
        }
    }
    Ok(())
}

/// Tells who has which rights.
pub(crate) async fn get(
    session: &Authenticated,
    mailbox: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    let place = session.place(mailbox, dialogue).await?;
    place.require(Rights::ADMINISTER)?;
    let (acl, owner) = (acl_of(&place)?, owner(&place, &dialogue.context).await?);
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* ACL ");
    push_mailbox(out, mailbox.as_str(), dialect);
    let all = std::iter::once((owner.to_string(), Rights::ALL));
    for (name, rights) in all.chain(acl.iter().map(|(name, rights)| (name.to_owned(), rights))) {
        out.push(b' ');
        push_string(out, name.as_bytes());
        out.extend_from_slice(format!(" {rights}").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Ok(Done::ok("GETACL completed"))
}

/// Tells which rights somebody can be given: each by itself, to an owner all always.
pub(crate) async fn list_rights(
    session: &Authenticated,
    (mailbox, identifier): (&MailboxName, &str),
    dialogue: &mut Dialogue,
) -> Outcome {
    let place = session.place(mailbox, dialogue).await?;
    place.require(Rights::ADMINISTER)?;
    acl_of(&place)?;
    let who = Identifier::of(identifier, &dialogue.context).await?;
    let is_owner = who.name == owner(&place, &dialogue.context).await?.to_string();
    let mut text = String::new();
    if is_owner {
        text = format!(" {}", Rights::ALL);
    } else {
        text.push_str(" \"\"");
        for letter in Rights::ALL.to_string().chars() {
            // Writing to a string cannot fail.
            let _ = write!(text, " {letter}");
        }
    }
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* LISTRIGHTS ");
    push_mailbox(out, mailbox.as_str(), dialect);
    out.push(b' ');
    push_string(out, identifier.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
    Ok(Done::ok("LISTRIGHTS completed"))
}

/// Tells what the user may do.
pub(crate) async fn my_rights(
    session: &Authenticated,
    mailbox: &MailboxName,
    dialogue: &mut Dialogue,
) -> Outcome {
    const ANY: Rights = Rights::LOOKUP
        .and(Rights::READ)
        .and(Rights::INSERT)
        .and(Rights::CREATE)
        .and(Rights::DELETE_MAILBOX)
        .and(Rights::ADMINISTER);
    let place = session.place(mailbox, dialogue).await?;
    let list = place.account.mailboxes();
    if list.find(&place.name).is_none() || !place.rights.has_any(ANY) {
        return Err(engine::Error::NoSuchMailbox.into());
    }
    push_my_rights(dialogue, mailbox.as_str(), place.rights);
    Ok(Done::ok("MYRIGHTS completed"))
}

/// `* MYRIGHTS name rights` (RFC 4314, 3.8), also within LIST (RFC 8440).
pub(super) fn push_my_rights(dialogue: &mut Dialogue, name: &str, rights: Rights) {
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* MYRIGHTS ");
    push_mailbox(out, name, dialect);
    out.extend_from_slice(format!(" {rights}\r\n").as_bytes());
}

/// A new mailbox has the rights of the one above it (RFC 4314, 4).
pub(super) async fn inherit(place: &Place) -> Result<(), Refusal> {
    let list = place.account.mailboxes();
    let mut levels = place.name.as_str();
    while let Some((above, _)) = levels.rsplit_once('/') {
        if let Some(entry) = list.find(above) {
            if let Some(value) = Acl::of(&list, entry).encode() {
                let entries = vec![(ENTRY.into(), Some(value.into()))];
                place.account.annotate(Some(&place.name), entries).await?;
            }
            return Ok(());
        }
        levels = above;
    }
    Ok(())
}

fn acl_of(place: &Place) -> Result<Acl, Refusal> {
    let list = place.account.mailboxes();
    let entry = list.find(&place.name).ok_or(engine::Error::NoSuchMailbox)?;
    Ok(Acl::of(&list, entry))
}

async fn owner(place: &Place, context: &Context) -> Result<Address, Refusal> {
    let found = context.directory.quota(place.account.id()).await?;
    found.map(|found| found.address).ok_or_else(|| engine::Error::NoSuchAccount.into())
}

/// Who is given rights.
struct Identifier {
    /// As the list has it.
    entry: String,
    /// The same without the dash of rights that are taken away.
    name: String,
    is_negative: bool,
}

impl Identifier {
    /// Only users of this server can have rights (RFC 4314, 6).
    async fn of(text: &str, context: &Context) -> Result<Self, Refusal> {
        let (name, is_negative) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let nobody = || Refusal::no("NONEXISTENT", "There is no such user");
        let name = if name.eq_ignore_ascii_case(ANYONE) {
            ANYONE.to_owned()
        } else {
            if name.is_empty() {
                return Err(Refusal::bad("Expected an identifier"));
            }
            let address = Address::parse(name).map_err(|_| nobody())?;
            context.directory.user(&address).await?.ok_or_else(nobody)?;
            address.to_string()
        };
        let entry = if is_negative { format!("-{name}") } else { name.clone() };
        Ok(Self { entry, name, is_negative })
    }
}
