//! The copy of a message in the Outbox of its sender: an ordinary message of an ordinary mailbox,
//! which is made when it is first needed and may have another name since.

use engine::{
    Account, AppendItem, Error, Expunge, FlagSet, InternalDate, Mailbox, MailboxId, Prepared, Row,
    SpecialUse, SystemFlag, Uid, UidSet,
};

use super::Place;
use super::decision::Sight;

/// Where copies are.
const OUTBOX: &str = "Outbox";
/// Below it: what is put here is sent at once.
const NOW: &str = "Now";
/// How much earlier than its entry the clock may say that a copy came, in seconds.
const CLOCK_SLACK: i64 = 3600;

/// Puts a copy into the Outbox.
pub(super) async fn put(account: &Account, message: Prepared, now: i64) -> Result<Place, Error> {
    let outbox = match account.mailbox(OUTBOX) {
        Ok(mailbox) => mailbox,
        Err(Error::NoSuchMailbox) => make(account, OUTBOX).await?,
        Err(error) => return Err(error),
    };
    let below = format!("{OUTBOX}/{NOW}");
    if account.mailboxes().find(&below).is_none() {
        make(account, &below).await?;
    }
    let flags = FlagSet::system(&[SystemFlag::Seen]);
    let internal_date = InternalDate { seconds: now, zone_minutes: 0 };
    let appended = outbox.append(vec![AppendItem { message, flags, internal_date }]).await?;
    let uid = appended.uid().ok_or(Error::NoSuchMessage)?;
    // Whoever was so fast as to take it out already finds it gone.
    let email = outbox.snapshot().row(uid)?.map_or(0, |row| row.email_id.0);
    Ok(Place { mailbox: outbox.id().0, uid: uid.get(), email })
}

/// Subscribed to, since many programs show no other mailboxes.
async fn make(account: &Account, name: &str) -> Result<Mailbox, Error> {
    match account.create(name, None).await {
        Ok(()) | Err(Error::MailboxExists) => {}
        Err(error) => return Err(error),
    }
    account.subscribe(name).await?;
    account.mailbox(name)
}

/// What is seen of a copy. An error says nothing of it: what cannot be read is not gone.
pub(super) fn look(account: &Account, place: Place) -> Result<Sight, Error> {
    let (outbox, now) = mailboxes(account, place)?;
    if let Some(now) = now
        && rows_of(&now, place)?.iter().any(|row| !is_deleted(row))
    {
        return Ok(Sight::Now);
    }
    Ok(match outbox.map(|outbox| row(&outbox, place)).transpose()?.flatten() {
        Some(row) if is_deleted(&row) => Sight::Deleted,
        Some(_) => Sight::There,
        None => Sight::Gone,
    })
}

/// Removes a copy from where it may be; `false` if it was there no more.
pub(super) async fn remove(account: &Account, place: Place) -> Result<bool, Error> {
    let (outbox, now) = mailboxes(account, place)?;
    let mut found = false;
    if let (Some(outbox), Some(uid)) = (outbox, Uid::new(place.uid)) {
        found |= expunge(&outbox, UidSet::from_iter([uid])).await?;
    }
    if let Some(now) = now {
        let uids: UidSet = rows_of(&now, place)?.iter().map(|row| row.uid).collect();
        found |= expunge(&now, uids).await?;
    }
    Ok(found)
}

/// Moves a copy to the drafts, if there are any.
pub(super) async fn to_drafts(account: &Account, place: Place) -> Result<(), Error> {
    let list = account.mailboxes();
    let drafts = list.iter().find(|entry| entry.special_use == Some(SpecialUse::Drafts));
    let (Some(drafts), (Some(outbox), _)) = (drafts, mailboxes(account, place)?) else {
        return Ok(());
    };
    if let Some(row) = row(&outbox, place)? {
        outbox.move_to(UidSet::from_iter([row.uid]), &account.mailbox(&drafts.name)?).await?;
    }
    Ok(())
}

/// Removes what a message left in the Outbox that was not accepted: it has the size of the message, and
/// its name in a trace field.
pub(super) async fn remove_unaccepted(
    account: &Account,
    (id, size): (&str, u64),
    arrived: i64,
) -> Result<(), Error> {
    let outbox = match account.mailbox(OUTBOX) {
        Ok(mailbox) => mailbox,
        Err(Error::NoSuchMailbox) => return Ok(()),
        Err(error) => return Err(error),
    };
    let (snapshot, mut uids) = (outbox.snapshot(), UidSet::new());
    let all = snapshot.all_uids()?;
    for row in snapshot.rows(&all) {
        let row = row?;
        let is_like_it =
            u64::from(row.size) == size && row.save_date >= arrived.saturating_sub(CLOCK_SLACK);
        if is_like_it && has_name(&outbox.message(&row).header()?, id) {
            uids.insert(row.uid);
        }
    }
    expunge(&outbox, uids).await.map(drop)
}

fn has_name(header: &[u8], id: &str) -> bool {
    memchr::memmem::find(header, format!(" id {id}").as_bytes()).is_some()
}

async fn expunge(mailbox: &Mailbox, uids: UidSet) -> Result<bool, Error> {
    if uids.is_empty() {
        return Ok(false);
    }
    match mailbox.expunge(uids, Expunge::Any).await {
        Ok(expunged) => Ok(!expunged.uids.is_empty()),
        // Deleted meanwhile, with all that was in it.
        Err(Error::NoSuchMailbox) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The mailbox that the copy was put into, unless it was deleted, and the one below it.
fn mailboxes(account: &Account, place: Place) -> Result<(Option<Mailbox>, Option<Mailbox>), Error> {
    let list = account.mailboxes();
    let outbox = list.iter().find(|entry| entry.id == MailboxId(place.mailbox));
    let name = outbox.map_or(OUTBOX, |entry| &entry.name);
    let now = list.find(&format!("{name}/{NOW}"));
    let open = |name: &str| account.mailbox(name);
    Ok((
        outbox.map(|entry| open(&entry.name)).transpose()?,
        now.map(|entry| open(&entry.name)).transpose()?,
    ))
}

/// The copy where it was put.
fn row(outbox: &Mailbox, place: Place) -> Result<Option<Row>, Error> {
    let Some(uid) = Uid::new(place.uid) else { return Ok(None) };
    outbox.snapshot().row(uid)
}

/// Copies of it.
fn rows_of(mailbox: &Mailbox, place: Place) -> Result<Vec<Row>, Error> {
    let snapshot = mailbox.snapshot();
    let all = snapshot.all_uids()?;
    let is_copy = |row: &Row| row.email_id.0 == place.email;
    snapshot.rows(&all).filter(|row| row.as_ref().map_or(true, is_copy)).collect()
}

fn is_deleted(row: &Row) -> bool {
    row.flags.has(SystemFlag::Deleted)
}
