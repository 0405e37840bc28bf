//! Walking a list in its order, a batch at a time, until the page is full, the list ends, or enough was examined.

use rusqlite::{Connection, Error, Params};

use crate::domain::query::{EXAMINED_MAX, Order, Page, PageRequest, Place};

/// Rows found at a time once the first batch did not fill the page.
const BATCH: usize = 500;

/// What a row that had to be read whole counts as, in rows of which a few columns told that they are not wanted.
const READ_COST: usize = 4;

/// A row that may be wanted: its number, and whether its columns rule it out.
pub(super) type Candidate = (i64, bool);

/// Fills a page.
///
/// `find` gives up to so many rows behind a number, in the list's order; `read` reads one that its columns did not rule out, and
/// gives `None` if it is not wanted after all. What was examined counts whether it is wanted or not, so a rare filter pages on.
/// What the page says of its end is exact: nothing is skipped, nothing comes twice.
pub(super) fn walk<T>(
    page: PageRequest,
    mut find: impl FnMut(i64, usize) -> Result<Vec<Candidate>, Error>,
    mut read: impl FnMut(i64) -> Result<Option<T>, Error>,
) -> Result<Page<T>, Error> {
    let beginning = match page.order {
        Order::Descending => i64::MAX,
        Order::Ascending => 0,
    };
    let mut after = page.after.map_or(beginning, |place| place.0);
    let mut place = page.after;
    let (mut items, mut examined, mut batch) = (Vec::new(), 0, page.limit + 1);
    while examined < EXAMINED_MAX {
        let found = find(after, batch)?;
        let last = found.len() < batch;
        for (number, fits) in found {
            let item = if fits { read(number)? } else { None };
            if items.len() == page.limit && item.is_some() {
                return Ok(Page { items, place, more: true });
            }
            examined += if fits { READ_COST } else { 1 };
            after = number;
            place = Some(Place(number));
            items.extend(item);
        }
        if last {
            return Ok(Page { items, place, more: false });
        }
        batch = BATCH;
    }
    Ok(Page { items, place, more: true })
}

/// Up to `limit` candidates of several lists, each in the page's order, as one list in that order.
pub(super) fn merged(order: Order, limit: usize, lists: Vec<Vec<Candidate>>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = lists.into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup_by_key(|(number, _)| *number);
    if order == Order::Descending {
        all.reverse();
    }
    all.truncate(limit);
    all
}

/// The candidates that a statement finds: number and whether it fits, where nothing (`NULL`) does not.
pub(super) fn candidates(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Vec<Candidate>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| {
        Ok((row.get(0)?, row.get::<_, Option<bool>>(1)?.unwrap_or(false)))
    })?;
    found.collect()
}

/// The comparison and order of a list's SQL.
pub(super) fn direction(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Descending => ("<", "DESC"),
        Order::Ascending => (">", "ASC"),
    }
}

/// Between which numbers a list goes on behind `after`, if it goes from the first of `bounds` to before the second.
pub(super) fn beyond(order: Order, after: i64, bounds: (i64, i64)) -> (i64, i64) {
    let (first, end) = bounds;
    match order {
        Order::Ascending => (after.max(first.saturating_sub(1)), end),
        Order::Descending => (first.saturating_sub(1), after.min(end)),
    }
}

/// A number of rows as SQLite takes it.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through the numbers from 1 to `length`, of which the columns let `fits` through and the content `wanted`.
    fn page(
        request: PageRequest,
        length: i64,
        fits: fn(i64) -> bool,
        wanted: fn(i64) -> bool,
    ) -> Page<i64> {
        let find = |after: i64, limit: usize| {
            let all: Vec<i64> = match request.order {
                Order::Ascending => (after.saturating_add(1)..=length).take(limit).collect(),
                Order::Descending => (1..after.min(length + 1)).rev().take(limit).collect(),
            };
            Ok(all.into_iter().map(|number| (number, fits(number))).collect())
        };
        walk(request, find, |number| Ok(wanted(number).then_some(number))).unwrap()
    }

    #[test]
    fn pages_put_together_are_the_whole_list_in_both_orders_however_rare_what_is_wanted() {
        let wanted = |number: i64| number % 7_001 == 3;
        for (order, limit) in
            [(Order::Ascending, 1), (Order::Descending, 2), (Order::Ascending, 200)]
        {
            for fits in [|_| true, |number: i64| number % 2 == 1] {
                let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
                loop {
                    let request = PageRequest { limit, order, after };
                    let found = page(request, 60_000, fits, wanted);
                    assert!(found.items.len() <= limit);
                    seen.extend(found.items);
                    (after, pages) = (found.place, pages + 1);
                    if !found.more {
                        break;
                    }
                }
                let mut expected: Vec<i64> =
                    (1..=60_000).filter(|number| fits(*number) && wanted(*number)).collect();
                if order == Order::Descending {
                    expected.reverse();
                }
                assert_eq!(seen, expected);
                assert!(pages >= 3, "one page examines too much: {pages}");
            }
        }
    }

    #[test]
    fn lists_are_merged_in_the_pages_order_each_row_once() {
        let lists = vec![vec![(1, true), (5, false)], vec![(3, true), (5, false), (9, true)]];
        let ascending = merged(Order::Ascending, 3, lists.clone());
        assert_eq!(ascending, [(1, true), (3, true), (5, false)]);
        assert_eq!(merged(Order::Descending, 2, lists), [(9, true), (5, false)]);
    }
}
