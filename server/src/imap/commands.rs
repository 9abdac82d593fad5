//! One file for each command. A handler gets the state it may touch and the parsed arguments,
//! writes untagged answers, and returns how the command ended; the tagged line is written after
//! it. Only commands that change the session's state write it themselves.

mod acl;
mod append;
mod authenticate;
mod cancel_update;
mod capability;
mod close;
mod compress;
mod copy;
mod create;
mod delete;
mod enable;
mod expunge;
mod fetch;
mod id;
mod idle;
mod list;
mod logout;
mod lsub;
mod metadata;
mod r#move;
mod multi_search;
mod namespace;
mod notify;
mod quota;
mod rename;
mod replace;
mod search;
mod select;
mod sort;
mod start_tls;
mod status;
mod store;
mod subscribe;
mod thread;
mod unauthenticate;

pub(crate) use authenticate::{authenticate, login};
pub(crate) use capability::{before_login, capabilities};
pub(crate) use close::close;
pub(crate) use compress::compress;
pub use fetch::fetch_answers;
pub(crate) use fetch::fetch_new;
pub(crate) use id::id;
pub(crate) use idle::idle;
pub(crate) use list::{names as list_names, push_notice as push_list_notice};
pub(crate) use logout::logout;
pub(crate) use notify::notify_selected;
pub(crate) use replace::replace;
pub(crate) use search::Contexts;
pub(crate) use select::select;
pub(crate) use start_tls::start_tls;
pub(crate) use status::push_counters as push_status;
pub(crate) use unauthenticate::unauthenticate;

use std::sync::Arc;

use super::command::{Append, Body, Tag};
use super::dialogue::Dialogue;
use super::outcome::Outcome;
use super::progress::Progress;
use super::response::{Done, Refusal};
use super::session::{Authenticated, Selected};
use crate::spool::Spooled;

/// A command that ended as it should, with nothing more to say.
pub(crate) fn completed(text: &'static str) -> Done {
    Done::ok(text)
}

/// Whether the command acts on the selected mailbox.
pub(crate) fn needs_mailbox(body: &Body) -> bool {
    matches!(
        body,
        Body::Check
            | Body::Expunge(_)
            | Body::Search(_)
            | Body::MultiSearch(_)
            | Body::CancelUpdate(_)
            | Body::Sort(_)
            | Body::Thread(_)
            | Body::Fetch(_)
            | Body::Store(_)
            | Body::Copy(_)
            | Body::Move(_)
    )
}

/// Commands of a session that has logged in, whether or not it has selected a mailbox
/// (RFC 3501, 6.3).
pub(crate) async fn with_account(
    session: &mut Authenticated,
    (tag, body): (&Tag, Body),
    bytes: Spooled,
    dialogue: &mut Dialogue,
) -> Outcome {
    match body {
        Body::Noop => Ok(Done::ok("NOOP completed")),
        Body::Enable(names) => Ok(enable::enable(session, &names, dialogue)),
        Body::Create { mailbox, uses } => create::create(session, &mailbox, &uses, dialogue).await,
        Body::Delete(mailbox) => delete::delete(session, &mailbox, dialogue).await,
        Body::Rename { from, to } => rename::rename(session, &from, &to, dialogue).await,
        Body::Subscribe(mailbox) => subscribe::subscribe(session, &mailbox).await,
        Body::Unsubscribe(mailbox) => subscribe::unsubscribe(session, &mailbox).await,
        Body::List(query) => list::list(session, &query, dialogue).await,
        Body::Lsub { reference, pattern } => {
            lsub::lsub(session, &reference, &pattern, dialogue).await
        }
        Body::Namespace => Ok(namespace::namespace(dialogue)),
        Body::GetQuota(root) => quota::get(session, &root, dialogue).await,
        Body::GetQuotaRoot(mailbox) => quota::get_root(session, &mailbox, dialogue).await,
        Body::SetQuota(limits) => quota::set(session, &limits, dialogue).await,
        Body::SetAcl(set) => acl::set(session, &set, dialogue).await,
        Body::DeleteAcl { mailbox, identifier } => {
            acl::delete(session, (&mailbox, &identifier), dialogue).await
        }
        Body::GetAcl(mailbox) => acl::get(session, &mailbox, dialogue).await,
        Body::ListRights { mailbox, identifier } => {
            acl::list_rights(session, (&mailbox, &identifier), dialogue).await
        }
        Body::MyRights(mailbox) => acl::my_rights(session, &mailbox, dialogue).await,
        Body::Notify(notify) => notify::notify(session, None, notify, dialogue).await,
        Body::GetMetadata(get) => metadata::get(session, &get, dialogue),
        Body::SetMetadata(set) => metadata::set(session, set).await,
        Body::Status { mailbox, items } => {
            status::status(session, &mailbox, &items, dialogue).await
        }
        Body::Append(append) => {
            append::append(append::Library::of_account(session), append, bytes, dialogue).await
        }
        Body::MultiSearch(search) => {
            multi_search::multi_search(&session.account, None, (tag, &search), dialogue).await
        }
        Body::StartTls | Body::Authenticate { .. } | Body::Login { .. } => {
            Err(Refusal::bad("You are logged in already").into())
        }
        _ => Err(Refusal::bad("Select a mailbox first").into()),
    }
}

/// APPEND with a mailbox selected, which URLs may be relative to (RFC 4469, 3).
pub(crate) async fn append_beside(
    selected: &Selected,
    append: Append,
    bytes: Spooled,
    dialogue: &mut Dialogue,
) -> Outcome {
    append::append(append::Library::of_selected(selected), append, bytes, dialogue).await
}

/// Commands on the selected mailbox (RFC 3501, 6.4).
pub(crate) async fn with_mailbox(
    selected: &mut Selected,
    tag: &Tag,
    body: Body,
    dialogue: &mut Dialogue,
) -> Outcome {
    match body {
        // Everything is on disk already (RFC 3501, 6.4.1).
        Body::Check => Ok(Done::ok("CHECK completed")),
        Body::Expunge(set) => expunge::expunge(selected, set.as_ref(), dialogue).await,
        Body::Search(search) => search::search(selected, tag, &search, dialogue).await,
        Body::MultiSearch(search) => {
            let account = selected.authenticated.account.clone();
            let what = (tag, &search);
            multi_search::multi_search(&account, Some(selected), what, dialogue).await
        }
        Body::CancelUpdate(tags) => cancel_update::cancel_update(selected, &tags),
        Body::Sort(sort) => sort::sort(selected, tag, &sort, dialogue).await,
        Body::Thread(thread) => thread::thread(selected, &thread, dialogue).await,
        Body::Fetch(fetch) => fetch::fetch(selected, &fetch, dialogue).await,
        Body::Store(store) => store::store(selected, store, dialogue).await,
        Body::Copy(copy) => {
            let to = copy::destination(&selected.authenticated, &copy.mailbox, dialogue).await?;
            let (progress, context) = (Progress::new(dialogue), Arc::clone(&dialogue.context));
            progress.waiting(copy::copy(selected, &context, (&copy, &to)), dialogue).await?
        }
        Body::Move(transfer) => r#move::r#move(selected, &transfer, dialogue).await,
        _ => Err(Refusal::bad("Select a mailbox first").into()),
    }
}
