//! Numbers that are never used twice, though the row that had the highest one may be gone.
//!
//! SQLite could see to that, by a table of counters that it brings up to date at every insert. Here the last number is in memory, and
//! found again at the start by the highest row; only who removes that very row writes down what it was.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, Error, params};

/// The last numbers that were given, by the one thread that writes. One that is given in a step which is then undone is left out.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// Of callbacks.
    pub(super) callback: Floor,
    /// Of events.
    pub(super) event: Floor,
    /// Of deliveries.
    pub(super) delivery: Floor,
}

/// One table's last number.
#[derive(Debug, Default)]
pub(super) struct Floor(AtomicI64);

impl Floor {
    /// A new number.
    pub(super) fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn raise(&self, number: i64) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }
}

/// The highest numbers that are in the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tops {
    callback: i64,
    event: i64,
    delivery: i64,
}

impl Tops {
    /// As they are now.
    pub(super) fn of(connection: &Connection) -> Result<Self, Error> {
        connection
            .prepare_cached(
                "SELECT coalesce((SELECT max(id) FROM callback), 0), coalesce((SELECT max(sequence) FROM event), 0),
                        coalesce((SELECT max(id) FROM delivery), 0)",
            )?
            .query_row([], |row| {
                Ok(Self { callback: row.get(0)?, event: row.get(1)?, delivery: row.get(2)? })
            })
    }
}

impl Floors {
    /// As the file tells.
    pub(super) fn load(connection: &Connection) -> Result<Self, Error> {
        let (floors, tops) = (Self::default(), Tops::of(connection)?);
        floors.callback.raise(tops.callback);
        floors.event.raise(tops.event);
        floors.delivery.raise(tops.delivery);
        let mut all = connection.prepare("SELECT name, number FROM floor")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let number = row.get(1)?;
            match row.get_ref(0)?.as_str()? {
                "callback" => floors.callback.raise(number),
                "event" => floors.event.raise(number),
                "delivery" => floors.delivery.raise(number),
                _ => {}
            }
        }
        Ok(floors)
    }

    /// After rows were removed: writes down the highest numbers that there were, where they are gone.
    pub(super) fn hold(connection: &Connection, before: Tops) -> Result<(), Error> {
        let after = Tops::of(connection)?;
        let tables = [
            ("callback", before.callback, after.callback),
            ("event", before.event, after.event),
            ("delivery", before.delivery, after.delivery),
        ];
        for (name, before, after) in tables {
            if after < before {
                connection
                    .prepare_cached(
                        "INSERT INTO floor (name, number) VALUES (?1, ?2)
                         ON CONFLICT DO UPDATE SET number = max(number, excluded.number)",
                    )?
                    .execute(params![name, before])?;
            }
        }
        Ok(())
    }
}
