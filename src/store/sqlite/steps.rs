//! Steps that bring later releases' tables and indexes to a file; each is named by what it brings, and never changed.

mod lean;
mod lines;

pub(super) use lean::LEAN;
pub(super) use lines::LINES;

/// Indexes for what is asked for by name and is rare, so that nobody has to walk through a whole list for it. No condition has a
/// list in it: for every row that is written SQLite would make a table of the list, which costs as much as the row.
pub(super) const RARE: &str = "
    -- Which messages are on the way still, or failed? A message leaves it when it arrives.
    CREATE INDEX message_open ON message (state) WHERE state = 'queued' OR state = 'sent' OR state = 'failed';
    -- Which events are of a type of which there are few? The usual ones are found soon wherever one looks.
    CREATE INDEX event_rare ON event (type)
        WHERE type <> 'message.received' AND type <> 'message.echoed' AND type <> 'message.accepted' AND type <> 'message.queued'
        AND type <> 'message.sent' AND type <> 'message.delivered' AND type <> 'message.read';
    -- Which deliveries ended without success?
    CREATE INDEX delivery_ended ON delivery (state) WHERE state = 'exhausted' OR state = 'expired' OR state = 'cancelled';
";
