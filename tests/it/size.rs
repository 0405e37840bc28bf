//! A store that is too large: the oldest goes before its age, what is still to be delivered stays, and the file becomes smaller.

use std::sync::Arc;
use std::time::Duration;

use callbox::domain::query::{EventFilter, Order, PageRequest};
use callbox::store::{Ages, Kept, Retention};

use crate::support::shelf::{STORES, Shelf};

const HOUR: Duration = Duration::from_hours(1);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Nothing goes for its age.
const AGES: Ages =
    Ages { callbacks: YEAR, quarantined: YEAR, unauthentic: YEAR, events: YEAR, attempts: YEAR };

/// Callbacks that are kept, one an hour, and the bytes of each.
const CALLBACKS: usize = 1_000;
const BYTES: usize = 8 * 1024;

/// What the log may take besides.
const LOG: u64 = 4 * 1024 * 1024;

async fn filled(open: crate::support::shelf::Open) -> Shelf {
    let shelf = Shelf::new(open);
    for number in 0..CALLBACKS {
        // One that is old and one in the middle are still to be delivered.
        let to: &[&str] = if number == 10 || number == CALLBACKS / 2 { &["crm"] } else { &[] };
        let event = shelf.event(&format!("m{number:04}"), "sent", to);
        let body = format!("{number:04}").repeat(BYTES / 4);
        let kept = match number % 10 {
            3 => Kept::Quarantined("not what it says".to_owned()),
            _ => Kept::Events(vec![event]),
        };
        shelf.store.append(shelf.callback(&body, kept)).await.unwrap();
        shelf.clock.advance(HOUR);
    }
    shelf.restart().await
}

async fn sweep(retention: &mut Retention) -> Vec<usize> {
    let mut removed = Vec::new();
    loop {
        let round = retention.tick().await.unwrap();
        removed.push(round.removed);
        if !round.rest.is_zero() {
            return removed;
        }
    }
}

async fn subjects(shelf: &Shelf) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: 200, order: Order::Ascending, after };
        let page = shelf.store.events(EventFilter::default(), page).await.unwrap();
        found.extend(page.items.iter().filter_map(|event| event.subject.clone()));
        after = page.place;
        if !page.more {
            return found;
        }
    }
}

fn retention(shelf: &Shelf, max_size: u64) -> Retention {
    let clock = Arc::clone(&shelf.clock) as Arc<_>;
    Retention::new(Arc::clone(&shelf.store), clock, AGES, Some(max_size))
}

#[tokio::test]
async fn the_oldest_of_a_store_that_is_too_large_goes_and_the_file_shrinks() {
    for open in STORES {
        let shelf = filled(open).await;
        let full = shelf.store.extent().await.unwrap();
        let limit = full.file / 2;
        let mut retention = retention(&shelf, limit);
        let removed = sweep(&mut retention).await;
        assert!(removed.iter().all(|removed| *removed <= 1_000), "{removed:?}");
        let left = shelf.store.extent().await.unwrap();
        assert!(left.file <= limit, "{left:?} of {full:?}");
        let kept = subjects(&shelf).await;
        let (open, rest): (Vec<_>, Vec<_>) =
            kept.iter().partition(|subject| matches!(subject.as_str(), "m0010"));
        assert_eq!(open, ["m0010"], "an open delivery protects its event");
        assert!(kept.contains(&"m0500".to_owned()));
        // Nine tenths of a half are filled with what is youngest, and nothing that could have stayed has gone.
        let young: Vec<String> = (0..CALLBACKS)
            .filter(|number| number % 10 != 3)
            .map(|number| format!("m{number:04}"))
            .collect();
        let expected = CALLBACKS * 9 / 10 * 45 / 100;
        let rest: Vec<&String> = rest.into_iter().filter(|subject| *subject != "m0500").collect();
        assert!(
            (expected * 9 / 10..=expected * 11 / 10).contains(&rest.len()),
            "{} of about {expected}",
            rest.len()
        );
        assert_eq!(rest.last().copied(), young.last());
        assert_eq!(sweep(&mut retention).await.iter().sum::<usize>(), 0, "one sweep is enough");
        let shelf = shelf.restart().await;
        assert!(shelf.size() <= limit + LOG, "{}", shelf.size());
    }
}

#[tokio::test]
async fn what_has_to_stay_stays_though_it_is_too_much() {
    for open in STORES {
        let shelf = filled(open).await;
        let mut retention = retention(&shelf, 1 << 20);
        for _ in 0..3 {
            sweep(&mut retention).await;
            shelf.clock.advance(HOUR);
        }
        let kept = subjects(&shelf).await;
        assert!(kept.contains(&"m0010".to_owned()) && kept.contains(&"m0500".to_owned()));
        assert!(kept.len() < CALLBACKS / 10, "{}", kept.len());
        assert!(shelf.store.extent().await.unwrap().file <= 1 << 20);
    }
}

#[tokio::test]
async fn a_store_that_is_small_enough_keeps_all() {
    for open in STORES {
        let shelf = filled(open).await;
        let full = shelf.store.extent().await.unwrap();
        let mut retention = retention(&shelf, full.file * 2);
        assert_eq!(sweep(&mut retention).await.iter().sum::<usize>(), 0);
        assert_eq!(subjects(&shelf).await.len(), CALLBACKS * 9 / 10);
    }
}
