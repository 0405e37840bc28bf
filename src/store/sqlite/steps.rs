//! Steps that bring later releases' tables and indexes to a file; each is named by what it brings, and never changed.

mod lean;
mod lines;

pub(super) use lean::LEAN;
pub(super) use lines::LINES;

/// Indexes for what is asked for by name and is rare, so that nobody has to walk through a whole list for it.
pub(super) const RARE: &str = "
    -- Which messages are on the way still, or failed? A message leaves it when it arrives.
    CREATE INDEX message_open ON message (state) WHERE state IN ('queued', 'sent', 'failed');
    -- Which events are of a type of which there are few? The usual ones are found soon wherever one looks.
    CREATE INDEX event_rare ON event (type)
        WHERE type NOT IN ('message.received', 'message.echoed', 'message.accepted', 'message.queued', 'message.sent',
                           'message.delivered', 'message.read');
    -- Which deliveries ended without success?
    CREATE INDEX delivery_ended ON delivery (state) WHERE state IN ('exhausted', 'expired', 'cancelled');
";
