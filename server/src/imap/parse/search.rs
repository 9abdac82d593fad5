//! SEARCH's arguments (RFC 3501, 6.4.4; RFC 5032; RFC 7162, 3.1.5; RFC 8474, 6;
//! RFC 8514, 4.3; RFC 9738, 3.2).

use std::num::NonZeroU32;

use encoding_rs::{Encoding, UTF_8};
use engine::{EmailId, Keyword, SystemFlag, ThreadId};

use super::cursor::{Cursor, Malformed};
use super::date::date;
use super::returns::{fault_to_save, return_options};
use super::sources::filter;
use crate::imap::command::{
    DateField, DateRelation, MailboxFilter, MultiSearch, Numbering, ReturnOptions, Search,
    SearchKey, SequenceSet,
};

/// How deep NOT, OR and parentheses may stand in one another. A chain of OR is one level.
const DEPTH_MAX: usize = 100;

/// Filters of mailboxes in one ESEARCH.
const FILTERS_MAX: usize = 100;

/// The charsets that BADCHARSET names (RFC 3501, 7.1); text in any other that `encoding_rs` knows
/// is taken too.
pub(crate) const CHARSETS: &str =
    "UTF-8 US-ASCII ISO-8859-1 ISO-2022-JP Shift_JIS EUC-JP GB18030 Big5 EUC-KR";

/// What follows `SEARCH`.
pub(super) fn search(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Search, Malformed> {
    cursor.space()?;
    program(cursor, numbering)
}

fn program(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Search, Malformed> {
    let mut items_of_new = None;
    let returns = return_options(cursor, &mut items_of_new)?;
    let mut charset = UTF_8;
    if cursor.eat_word("CHARSET") {
        if cursor.dialect().utf8_accept {
            return Err(Malformed::Expected("no CHARSET once UTF8=ACCEPT is enabled"));
        }
        cursor.space()?;
        let known = known_charset(&cursor.astring()?);
        charset = known.map_err(|fault| fault_to_save(fault, returns.as_ref()))?;
        cursor.space()?;
    }
    Ok(Search { numbering, returns, items_of_new, keys: keys(cursor, charset)? })
}

/// What follows `ESEARCH` (RFC 7377, 4).
pub(super) fn multi_search(cursor: &mut Cursor<'_>) -> Result<MultiSearch, Malformed> {
    cursor.space()?;
    let mut sources = vec![MailboxFilter::Selected];
    if cursor.eat_word("IN") {
        cursor.space()?;
        cursor.expect(b'(', "mailboxes in parentheses")?;
        cursor.skip_spaces();
        sources = vec![filter(cursor)?];
        cursor.skip_spaces();
        while !cursor.eat(b')') {
            sources.push(filter(cursor)?);
            if sources.len() > FILTERS_MAX {
                return Err(Malformed::Expected("fewer filters"));
            }
            cursor.skip_spaces();
        }
        cursor.space()?;
    }
    let Search { returns, keys, .. } = program(cursor, Numbering::Uid)?;
    let returns = returns.unwrap_or(ReturnOptions { all: true, ..ReturnOptions::default() });
    if returns.save && sources != [MailboxFilter::Selected] {
        return Err(Malformed::Expected("SAVE for the selected mailbox alone"));
    }
    Ok(MultiSearch { sources, returns, keys })
}

/// A charset and keys, as SORT and THREAD have them (RFC 5256, 5: search-criteria).
pub(super) fn criteria(cursor: &mut Cursor<'_>) -> Result<Vec<SearchKey>, Malformed> {
    let charset = known_charset(&cursor.astring()?)?;
    cursor.space()?;
    keys(cursor, charset)
}

fn keys(cursor: &mut Cursor<'_>, charset: &'static Encoding) -> Result<Vec<SearchKey>, Malformed> {
    let mut parser = KeyParser { cursor, charset, depth: 0 };
    let mut keys = vec![parser.key()?];
    while parser.cursor.more_words() {
        keys.push(parser.key()?);
    }
    Ok(keys)
}

/// US-ASCII is read as UTF-8, of which it is a part.
fn known_charset(label: &[u8]) -> Result<&'static Encoding, Malformed> {
    if label.eq_ignore_ascii_case(b"US-ASCII") {
        return Ok(UTF_8);
    }
    Encoding::for_label_no_replacement(label).ok_or(Malformed::BadCharset)
}

struct KeyParser<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    charset: &'static Encoding,
    depth: usize,
}

impl KeyParser<'_, '_> {
    fn key(&mut self) -> Result<SearchKey, Malformed> {
        match self.cursor.peek() {
            Some(b'(') => self.deeper(Self::list),
            Some(b'0'..=b'9' | b'*' | b'$') => self.cursor.sequence_set().map(SearchKey::Sequence),
            _ => {
                let word = self.cursor.upper_word();
                self.named(&word)
            }
        }
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        if self.depth >= DEPTH_MAX {
            return Err(Malformed::Expected("search keys less deep in one another"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Of the UIDs above one (RFC 9738, 3.2).
    fn uids_after(&mut self) -> Result<SearchKey, Malformed> {
        let next = self.cursor.nonzero()?.checked_add(1);
        let above = |next| SearchKey::Uid(SequenceSet::between(next, NonZeroU32::MAX));
        Ok(next.map_or(SearchKey::Nothing, above))
    }

    /// Of the UIDs below one.
    fn uids_before(&mut self) -> Result<SearchKey, Malformed> {
        let last = NonZeroU32::new(self.cursor.nonzero()?.get() - 1);
        let below = |last| SearchKey::Uid(SequenceSet::between(NonZeroU32::MIN, last));
        Ok(last.map_or(SearchKey::Nothing, below))
    }

    fn list(&mut self) -> Result<SearchKey, Malformed> {
        self.cursor.advance(1);
        self.cursor.skip_spaces();
        let mut keys = vec![self.key()?];
        self.cursor.skip_spaces();
        while !self.cursor.eat(b')') {
            keys.push(self.key()?);
            self.cursor.skip_spaces();
        }
        Ok(SearchKey::And(keys))
    }

    /// `OR a OR b c` is one list of three, so that a long chain is not deep.
    fn or(&mut self) -> Result<SearchKey, Malformed> {
        let mut keys = Vec::new();
        loop {
            self.cursor.space()?;
            keys.push(self.key()?);
            self.cursor.space()?;
            if !self.cursor.eat_word("OR") {
                keys.push(self.key()?);
                return Ok(SearchKey::Or(keys));
            }
        }
    }

    fn not(&mut self) -> Result<SearchKey, Malformed> {
        self.cursor.space()?;
        self.key().map(|key| SearchKey::Not(Box::new(key)))
    }

    fn named(&mut self, word: &str) -> Result<SearchKey, Malformed> {
        if let Some(key) = plain_key(word) {
            return Ok(key);
        }
        match word {
            "NOT" => return self.deeper(Self::not),
            "OR" => return self.deeper(Self::or),
            _ => self.cursor.space()?,
        }
        Ok(match word {
            "KEYWORD" => self.keyword()?,
            "UNKEYWORD" => SearchKey::Not(Box::new(self.keyword()?)),
            "UID" => SearchKey::Uid(self.cursor.sequence_set()?),
            "OLDER" => SearchKey::Older(self.cursor.nonzero()?),
            "YOUNGER" => SearchKey::Younger(self.cursor.nonzero()?),
            "UIDAFTER" => self.uids_after()?,
            "UIDBEFORE" => self.uids_before()?,
            "LARGER" => SearchKey::Larger(self.cursor.number64()?),
            "SMALLER" => SearchKey::Smaller(self.cursor.number64()?),
            "MODSEQ" => self.mod_sequence()?,
            "EMAILID" => SearchKey::EmailId(self.object_id('M', EmailId)?),
            "THREADID" => SearchKey::ThreadId(self.object_id('T', ThreadId)?),
            "BODY" => SearchKey::Body(self.text()?),
            "TEXT" => SearchKey::Text(self.text()?),
            "HEADER" => {
                let field = String::from_utf8_lossy(&self.cursor.astring()?).into_owned();
                self.cursor.space()?;
                SearchKey::Header { field, text: self.text()? }
            }
            "FROM" | "TO" | "CC" | "BCC" | "SUBJECT" => {
                SearchKey::Header { field: word.to_owned(), text: self.text()? }
            }
            _ => self.date(word)?,
        })
    }

    fn date(&mut self, word: &str) -> Result<SearchKey, Malformed> {
        let (field, relation) = match word {
            "BEFORE" => (DateField::Internal, DateRelation::Before),
            "ON" => (DateField::Internal, DateRelation::On),
            "SINCE" => (DateField::Internal, DateRelation::Since),
            "SENTBEFORE" => (DateField::Sent, DateRelation::Before),
            "SENTON" => (DateField::Sent, DateRelation::On),
            "SENTSINCE" => (DateField::Sent, DateRelation::Since),
            "SAVEDBEFORE" => (DateField::Saved, DateRelation::Before),
            "SAVEDON" => (DateField::Saved, DateRelation::On),
            "SAVEDSINCE" => (DateField::Saved, DateRelation::Since),
            _ => return Err(Malformed::Expected("a search key we know")),
        };
        Ok(SearchKey::Date { field, relation, day: date(self.cursor)? })
    }

    fn keyword(&mut self) -> Result<SearchKey, Malformed> {
        let word = self.cursor.flag_word()?;
        Ok(match SystemFlag::by_name(word) {
            Some(flag) => SearchKey::Flag(flag),
            None => SearchKey::Keyword(Keyword::new(word)),
        })
    }

    /// `MODSEQ ["/flags/…" all|priv|shared] n`: the entry is taken and not used, for we keep one
    /// mod-sequence per message (RFC 7162, 3.1.5).
    fn mod_sequence(&mut self) -> Result<SearchKey, Malformed> {
        if self.cursor.peek() == Some(b'"') {
            self.cursor.string()?;
            self.cursor.space()?;
            if !matches!(self.cursor.upper_word().as_str(), "ALL" | "PRIV" | "SHARED") {
                return Err(Malformed::Expected("all, priv or shared"));
            }
            self.cursor.space()?;
        }
        self.cursor.mod_sequence().map(SearchKey::ModSeq)
    }

    /// An id, if it is written as ours are.
    fn object_id<T: ToString>(
        &mut self,
        kind: char,
        id: impl FnOnce(u64) -> T,
    ) -> Result<Option<T>, Malformed> {
        let text = self.cursor.astring()?;
        let text = str::from_utf8(&text).unwrap_or_default();
        let number = text.strip_prefix(kind).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        Ok(number.map(id).filter(|id| id.to_string() == text))
    }

    /// Text that its charset cannot decode cannot be found either, and is an error.
    fn text(&mut self) -> Result<String, Malformed> {
        let bytes = self.cursor.astring()?;
        let text = self.charset.decode_without_bom_handling_and_without_replacement(&bytes);
        let text = text.ok_or(Malformed::Expected("text in the charset that was named"))?;
        Ok(text.into_owned())
    }
}

/// Keys without arguments.
fn plain_key(word: &str) -> Option<SearchKey> {
    let flag = SearchKey::Flag;
    let not = |flag| SearchKey::Not(Box::new(SearchKey::Flag(flag)));
    Some(match word {
        "ALL" | "OLD" | "SAVEDATESUPPORTED" => SearchKey::All,
        "RECENT" | "NEW" => SearchKey::Nothing,
        "ANSWERED" => flag(SystemFlag::Answered),
        "DELETED" => flag(SystemFlag::Deleted),
        "DRAFT" => flag(SystemFlag::Draft),
        "FLAGGED" => flag(SystemFlag::Flagged),
        "SEEN" => flag(SystemFlag::Seen),
        "UNANSWERED" => not(SystemFlag::Answered),
        "UNDELETED" => not(SystemFlag::Deleted),
        "UNDRAFT" => not(SystemFlag::Draft),
        "UNFLAGGED" => not(SystemFlag::Flagged),
        "UNSEEN" => not(SystemFlag::Seen),
        _ => return None,
    })
}
