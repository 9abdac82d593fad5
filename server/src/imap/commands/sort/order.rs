//! Putting messages into an order: a column of numbers for each criterion, then sorted by the last
//! of them first, so that what counts most is done last.

use engine::message::SortKeysRef;
use engine::search::Collation;
use engine::{Error, Mailbox, Run, SortKeyReader};

use crate::imap::command::{Direction, SortCriterion, SortField};
use crate::imap::commands::search::{Found, FoundRuns};

/// Messages looked at in one go.
const PIECE_ROWS: usize = 4096;

/// What was found, on its way into an order.
pub(super) struct Order<'o> {
    runs: FoundRuns<'o>,
    columns: Vec<Column>,
    /// For text; a field of a header is not read again for another criterion.
    reader: Option<SortKeyReader>,
    numbers: Vec<u32>,
}

/// One criterion.
struct Column {
    criterion: SortCriterion,
    /// Texts by their number, until all are known.
    collation: Option<Collation>,
    values: Vec<i64>,
}

impl<'o> Order<'o> {
    pub(super) fn new(mailbox: &Mailbox, found: &'o Found, criteria: &[SortCriterion]) -> Self {
        let count = found.count() as usize;
        let columns = criteria.iter().map(|criterion| Column {
            criterion: *criterion,
            collation: criterion.is_text().then(Collation::new),
            values: Vec::with_capacity(count),
        });
        let columns: Vec<Column> = columns.collect();
        let reads_text = columns.iter().any(|column| column.collation.is_some());
        let reader = reads_text.then(|| mailbox.sort_keys());
        Self { runs: FoundRuns::new(found), columns, reader, numbers: Vec::with_capacity(count) }
    }

    /// Looks at some more messages; false when there are no more.
    pub(super) fn read_piece(&mut self) -> Result<bool, Error> {
        let Self { runs, columns, reader, numbers } = self;
        runs.piece(PIECE_ROWS, |run, nth, number| {
            numbers.push(number);
            let keys = reader.as_mut().map(|reader| keys_of(reader, run, nth)).unwrap_or_default();
            columns.iter_mut().for_each(|column| column.push(run, nth, &keys));
        })
    }

    /// The numbers in order.
    pub(super) fn finish(self) -> Vec<u32> {
        let Self { columns, numbers, reader, .. } = self;
        drop(reader);
        let mut order: Option<Vec<u32>> = None;
        for column in columns.into_iter().rev() {
            order = Some(column.refine(order.as_deref()));
        }
        let order = order.unwrap_or_default();
        order.into_iter().filter_map(|place| numbers.get(place as usize).copied()).collect()
    }
}

/// The keys of a message; none of one that cannot be read, which then comes where those without
/// any come.
pub(in crate::imap::commands) fn keys_of<'k>(
    reader: &'k mut SortKeyReader,
    run: &Run,
    nth: usize,
) -> SortKeysRef<'k> {
    let Some(uid) = run.uids().get(nth).copied().and_then(engine::Uid::new) else {
        return SortKeysRef::default();
    };
    reader.read(uid, run.email_id(nth)).unwrap_or_else(|error| {
        tracing::error!(uid = uid.get(), %error, "cannot sort a message");
        SortKeysRef::default()
    })
}

impl SortCriterion {
    fn is_text(self) -> bool {
        !matches!(self.field, SortField::Arrival | SortField::Date | SortField::Size)
    }
}

impl Column {
    fn push(&mut self, run: &Run, nth: usize, keys: &SortKeysRef<'_>) {
        let text = match self.criterion.field {
            SortField::Arrival => return self.values.push(run.internal_date(nth).seconds),
            SortField::Date => return self.values.push(run.sent_date(nth)),
            SortField::Size => return self.values.push(run.size(nth).into()),
            SortField::Subject => keys.base_subject(),
            SortField::From => keys.from(),
            SortField::To => keys.to(),
            SortField::Cc => keys.cc(),
            SortField::DisplayFrom => keys.display_from(),
            SortField::DisplayTo => keys.display_to(),
        };
        let number = self.collation.as_mut().map_or(0, |collation| collation.number(text));
        self.values.push(number.into());
    }

    /// The places of messages in an order by this column; those that are equal stay in the order
    /// they have.
    fn refine(mut self, order: Option<&[u32]>) -> Vec<u32> {
        if let Some(collation) = self.collation.take() {
            let ranks = collation.ranks();
            let rank = |number: i64| usize::try_from(number).ok().and_then(|at| ranks.get(at));
            self.values
                .iter_mut()
                .for_each(|value| *value = rank(*value).map_or(0, |r| (*r).into()));
        }
        let Self { values, criterion, .. } = self;
        let (low, high) = values
            .iter()
            .fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        let place_at = |nth: u32| match order {
            Some(order) => order.get(nth as usize).copied().unwrap_or(0),
            None => nth,
        };
        let value_at = |nth: u32| {
            let value = values.get(place_at(nth) as usize).copied().unwrap_or(0);
            match criterion.direction {
                Direction::Ascending => value.abs_diff(low),
                Direction::Descending => value.abs_diff(high),
            }
        };
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        if low > high || high.abs_diff(low) <= u32::MAX.into() {
            // Value and place in one number, which is most often so.
            let mut packed: Vec<u64> =
                (0..count).map(|nth| value_at(nth) << 32 | u64::from(nth)).collect();
            packed.sort_unstable();
            return packed.into_iter().map(|packed| place_at(low_half(packed))).collect();
        }
        let mut pairs: Vec<(u64, u32)> = (0..count).map(|nth| (value_at(nth), nth)).collect();
        pairs.sort_unstable();
        pairs.into_iter().map(|(_, nth)| place_at(nth)).collect()
    }
}

fn low_half(packed: u64) -> u32 {
    u32::try_from(packed & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refined(values: &[i64], direction: Direction, order: Option<&[u32]>) -> Vec<u32> {
        let criterion = SortCriterion { field: SortField::Date, direction };
        Column { criterion, collation: None, values: values.to_vec() }.refine(order)
    }

    #[test]
    fn equals_stay_in_the_order_they_have_in_either_direction() {
        let (up, down) = (Direction::Ascending, Direction::Descending);
        assert_eq!(refined(&[3, 1, 3, 2], up, None), [1, 3, 0, 2]);
        assert_eq!(refined(&[3, 1, 3, 2], down, None), [0, 2, 3, 1]);
        assert_eq!(refined(&[1, 1, 0], up, Some(&[2, 1, 0])), [2, 1, 0]);
        assert_eq!(refined(&[i64::MAX, i64::MIN, 0], up, None), [1, 2, 0]);
        assert_eq!(refined(&[i64::MAX, i64::MIN, 0, i64::MAX], down, None), [0, 3, 2, 1]);
        assert!(refined(&[], up, None).is_empty());
    }
}
