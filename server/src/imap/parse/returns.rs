//! What a search is to return (RFC 4466, 2.6.1; RFC 4731; RFC 5182; RFC 5267;
//! RFC 9394).

use super::cursor::{Cursor, Malformed};
use super::fetch::items;
use crate::imap::command::{FetchItems, PartialFrom, PartialRange, ReturnOptions};

/// `RETURN (…)` and the space behind it, if that is next; and what UPDATE is to tell of new messages
/// (RFC 5465, 7).
pub(super) fn return_options(
    cursor: &mut Cursor<'_>,
    items_of_new: &mut Option<FetchItems>,
) -> Result<Option<ReturnOptions>, Malformed> {
    if !cursor.eat_word("RETURN") {
        return Ok(None);
    }
    let mut options = ReturnOptions::default();
    cursor.space()?;
    cursor.expect(b'(', "return options in parentheses")?;
    cursor.skip_spaces();
    let mut count = 0;
    while !cursor.eat(b')') {
        option(cursor, &mut options, items_of_new)?;
        count += 1;
        cursor.skip_spaces();
    }
    cursor.space()?;
    options.all |= count == 0;
    if options.all && options.partial.is_some() {
        return Err(Malformed::Expected("ALL or PARTIAL, not both"));
    }
    Ok(Some(options))
}

fn option(
    cursor: &mut Cursor<'_>,
    options: &mut ReturnOptions,
    items_of_new: &mut Option<FetchItems>,
) -> Result<(), Malformed> {
    match cursor.upper_word().as_str() {
        "MIN" => options.min = true,
        "MAX" => options.max = true,
        "COUNT" => options.count = true,
        "ALL" => options.all = true,
        // The results of a search are quick to find again, so the hint changes nothing.
        "CONTEXT" => {}
        "UPDATE" => {
            options.update = true;
            let mut ahead = cursor.clone();
            ahead.skip_spaces();
            if ahead.peek() == Some(b'(') {
                *cursor = ahead;
                *items_of_new = Some(items(cursor)?);
            }
        }
        "SAVE" => options.save = true,
        "PARTIAL" if options.partial.is_none() => {
            cursor.space()?;
            options.partial = Some(partial_range(cursor)?);
        }
        _ => {
            return Err(Malformed::Expected(
                "MIN, MAX, COUNT, ALL, SAVE, CONTEXT, UPDATE or one PARTIAL",
            ));
        }
    }
    Ok(())
}

/// What a fault in the keys of a search means for `$`.
pub(super) fn fault_to_save(fault: Malformed, options: Option<&ReturnOptions>) -> Malformed {
    match fault {
        Malformed::BadCharset if options.is_some_and(|options| options.save) => {
            Malformed::BadCharsetToSave
        }
        fault => fault,
    }
}

/// `partial-range` (RFC 9394, 4).
pub(super) fn partial_range(cursor: &mut Cursor<'_>) -> Result<PartialRange, Malformed> {
    let from = if cursor.peek() == Some(b'-') { PartialFrom::End } else { PartialFrom::Start };
    let mut end = || {
        if from == PartialFrom::End {
            cursor.expect(b'-', "two numbers of one sign")?;
        }
        let number = cursor.nonzero()?;
        Ok((number, cursor.eat(b':')))
    };
    let ((first, has_more), (last, has_third)) = (end()?, end()?);
    if !has_more || has_third {
        return Err(Malformed::Expected("a range such as 1:500 or -1:-500"));
    }
    Ok(PartialRange { first, last, from })
}
