//! SORT's and THREAD's arguments (RFC 5256, 5; RFC 5957, 4; RFC 5267, 5).

use engine::search::ThreadAlgorithm;

use super::cursor::{Cursor, Malformed};
use super::returns::{fault_to_save, return_options};
use super::search::criteria;
use crate::imap::command::{Direction, Numbering, Sort, SortCriterion, SortField, Thread};

/// What follows `SORT`.
pub(super) fn sort(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Sort, Malformed> {
    cursor.space()?;
    // Sorted results are not followed.
    let returns = return_options(cursor, &mut None)?;
    let order = sort_criteria(cursor)?;
    cursor.space()?;
    let keys = criteria(cursor).map_err(|fault| fault_to_save(fault, returns.as_ref()))?;
    Ok(Sort { numbering, returns, criteria: order, keys })
}

/// A field that comes again changes nothing: messages that it could order are ordered by it.
fn sort_criteria(cursor: &mut Cursor<'_>) -> Result<Vec<SortCriterion>, Malformed> {
    let mut criteria: Vec<SortCriterion> = Vec::new();
    cursor.expect(b'(', "sort criteria in parentheses")?;
    cursor.skip_spaces();
    loop {
        let criterion = criterion(cursor)?;
        if criteria.iter().all(|known| known.field != criterion.field) {
            criteria.push(criterion);
        }
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok(criteria);
        }
    }
}

fn criterion(cursor: &mut Cursor<'_>) -> Result<SortCriterion, Malformed> {
    let mut direction = Direction::Ascending;
    let mut word = cursor.upper_word();
    if word == "REVERSE" {
        direction = Direction::Descending;
        cursor.space()?;
        word = cursor.upper_word();
    }
    let field = match word.as_str() {
        "ARRIVAL" => SortField::Arrival,
        "CC" => SortField::Cc,
        "DATE" => SortField::Date,
        "DISPLAYFROM" => SortField::DisplayFrom,
        "DISPLAYTO" => SortField::DisplayTo,
        "FROM" => SortField::From,
        "SIZE" => SortField::Size,
        "SUBJECT" => SortField::Subject,
        "TO" => SortField::To,
        _ => return Err(Malformed::Expected("a sort criterion")),
    };
    Ok(SortCriterion { field, direction })
}

/// What follows `THREAD`.
pub(super) fn thread(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Thread, Malformed> {
    cursor.space()?;
    let algorithm = match cursor.upper_word().as_str() {
        "ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        "REFERENCES" => ThreadAlgorithm::References,
        "REFS" => ThreadAlgorithm::Refs,
        _ => return Err(Malformed::Expected("ORDEREDSUBJECT, REFERENCES or REFS")),
    };
    cursor.space()?;
    Ok(Thread { numbering, algorithm, keys: criteria(cursor)? })
}
