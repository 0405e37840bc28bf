//! The query parameters that there are: what each means, what is allowed, and an example of it.

use super::stats;
use crate::domain::callback::CallbackOutcome;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::Channel;
use crate::domain::message::State;
use crate::domain::query::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::domain::words::SEARCH_MAX;

/// A query parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param {
    /// Its name.
    pub(super) name: &'static str,
    /// What it means.
    pub(super) what: &'static str,
    /// What is allowed.
    pub(super) shape: Shape,
    /// A value of it.
    pub(super) example: &'static str,
    /// Whether it has to be there.
    pub(super) required: bool,
}

/// What is allowed as a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Any text but an empty one.
    Text,
    /// A text in which there are digits.
    Digits,
    /// Words with letters or digits in them, so many characters at the most.
    Words(usize),
    /// The name of a source, destination or the like.
    Name,
    /// The id of an event.
    EventId,
    /// The place in a list that an answer named.
    Cursor,
    /// A pattern over event types; may stand several times.
    Globs,
    /// Names; may stand several times.
    Names,
    /// An RFC 3339 time.
    Time,
    /// A length of time such as `10m`, in a form that this pattern tells.
    Length(&'static str),
    /// A whole number.
    Number { least: usize, most: usize, usual: usize },
    /// One of a few words.
    Word(fn() -> Vec<&'static str>),
}

const fn param(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    what: &'static str,
) -> Param {
    Param { name, what, shape, example, required: false }
}

fn flags() -> Vec<&'static str> {
    vec!["true", "false"]
}

fn orders() -> Vec<&'static str> {
    vec!["desc", "asc"]
}

fn states() -> Vec<&'static str> {
    State::ALL.iter().map(|state| state.as_str()).collect()
}

fn channels() -> Vec<&'static str> {
    Channel::ALL.iter().map(|channel| channel.as_str()).collect()
}

fn directions() -> Vec<&'static str> {
    vec!["inbound", "outbound"]
}

fn outcomes() -> Vec<&'static str> {
    CallbackOutcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
}

fn delivery_states() -> Vec<&'static str> {
    DeliveryState::ALL.iter().map(|state| state.as_str()).collect()
}

/// Of every list: its pages.
pub(super) const PAGE: &[Param] = &[
    LIMIT_PARAM,
    param(
        "order",
        Shape::Word(orders),
        "asc",
        "`desc`: the newest first; `asc`: the oldest first.",
    ),
    CURSOR_PARAM,
];

const LIMIT_PARAM: Param = param(
    "limit",
    Shape::Number { least: 1, most: LIMIT_MAX, usual: LIMIT_DEFAULT },
    "50",
    "How many items a page has at the most. It may have fewer, and more behind it: go by `next_cursor`.",
);

/// The length of a page alone.
pub(super) const LIMIT: &[Param] = &[LIMIT_PARAM];

const CURSOR_PARAM: Param = param(
    "cursor",
    Shape::Cursor,
    "AAAAAAAAAAEAAAAAAAAAAA",
    "The place to go on from: `cursor` or `next_cursor` of an earlier answer to the same question.",
);

/// The place alone, where there are no pages.
pub(super) const CURSOR: &[Param] = &[CURSOR_PARAM];

const SINCE: Param =
    param("since", Shape::Time, "2026-08-12T09:15:57Z", "Received at or after this, by our clock.");

const UNTIL: Param =
    param("until", Shape::Time, "2026-08-13T00:00:00Z", "Received before this, by our clock.");

const VENDOR: Param = param("vendor", Shape::Text, "acme", "The vendor's code.");

const CHANNEL: Param =
    param("channel", Shape::Word(channels), "whatsapp", "The channel it went over.");

const DIRECTION: Param = param(
    "direction",
    Shape::Word(directions),
    "outbound",
    "`inbound` to us, or `outbound` from us.",
);

const CONVERSATION: Param = param(
    "conversation",
    Shape::Text,
    "+12025550188",
    "The conversation: the group's or chat's id, else the other side's number, else its id.",
);

const PHONE: Param = param(
    "phone",
    Shape::Digits,
    "+12025550188",
    "The phone number of either side; its digits alone are compared.",
);

/// Which events.
pub(super) const EVENTS: &[Param] = &[
    param(
        "type",
        Shape::Globs,
        "message.*",
        "A pattern over event types, in which `*` stands for any letters, dots too; may stand several times. `callbox.*` finds our own alarms, which are listed only where a pattern begins with `callbox.`.",
    ),
    param("source", Shape::Names, "shop", "The source's name; may stand several times."),
    VENDOR,
    CHANNEL,
    DIRECTION,
    param("message_id", Shape::Text, "4f290edb-ecd8-4d2e", "The vendor's id of the message."),
    param("client_ref", Shape::Text, "km-276596", "The sender's own id of the message."),
    CONVERSATION,
    PHONE,
    param(
        "q",
        Shape::Words(SEARCH_MAX),
        "rye bread",
        "Words that it has to have: in its text, captions, names of files and people, reason of a failure, or with these a part of a phone number. Three letters and more are found anywhere in a word, one or two as a word of their own; letter case and accents do not matter.",
    ),
    param("state", Shape::Word(states), "failed", "The state that the event itself reported."),
    SINCE,
    UNTIL,
    param(
        "occurred_since",
        Shape::Time,
        "2026-08-12T09:15:57Z",
        "Happened at or after this, by the vendor.",
    ),
    param(
        "occurred_until",
        Shape::Time,
        "2026-08-13T00:00:00Z",
        "Happened before this, by the vendor.",
    ),
];

/// Long polling.
pub(super) const WAIT: &[Param] = &[param(
    "wait",
    Shape::Length("^([1-9]|[1-5][0-9]|60)s$"),
    "5s",
    "Wait so long, 60s at the most, for the first event behind the cursor. The order is `asc` then.",
)];

fn formats() -> Vec<&'static str> {
    vec!["json", "jsonl", "csv"]
}

/// Of lists that can be had whole: how they are written.
pub(super) const FORMAT: &[Param] = &[param(
    "format",
    Shape::Word(formats),
    "json",
    "`json`: a page. `jsonl` and `csv`: everything that fits, from `cursor` on, as a stream of lines; `limit` is then the most lines in all, without it there is no limit. An export that can't be completed breaks off without the last chunk of its transfer. In CSV, a quotation mark stands before what a spreadsheet would take for a formula.",
)];

/// Which messages.
pub(super) const MESSAGES: &[Param] = &[
    param(
        "state",
        Shape::Word(states),
        "failed",
        "Where the message stands: the highest rung of all its events.",
    ),
    param(
        "stuck_for",
        Shape::Length("^[1-9][0-9]{0,3}[smh]$"),
        "10m",
        "Queued or sent, neither confirmed nor failed, and nothing was heard of it for so long.",
    ),
    param("source", Shape::Name, "shop", "The source's name."),
    VENDOR,
    CONVERSATION,
    PHONE,
    param("client_ref", Shape::Text, "km-276596", "The sender's own id of the message."),
    DIRECTION,
    CHANNEL,
    param(
        "contradictory",
        Shape::Word(flags),
        "true",
        "Whether one of its legs was reported both failed and arrived.",
    ),
    param("since", Shape::Time, "2026-08-12T09:15:57Z", "Last heard of at or after this."),
    param("until", Shape::Time, "2026-08-13T00:00:00Z", "Last heard of before this."),
];

/// Which of the messages that share an id.
pub(super) const INSTANCE: &[Param] = &[param(
    "instance",
    Shape::Text,
    "kettle",
    "The instance, where several of the source's share the id; without it the one that was heard of last.",
)];

/// Which callbacks.
pub(super) const CALLBACKS: &[Param] = &[
    param("source", Shape::Name, "shop", "The source's name."),
    param("outcome", Shape::Word(outcomes), "quarantined", "What became of it."),
    SINCE,
    UNTIL,
];

/// Which deliveries.
pub(super) const DELIVERIES: &[Param] = &[
    param("destination", Shape::Name, "crm", "The destination's name."),
    param("state", Shape::Word(delivery_states), "pending", "Where it stands."),
    param("event_id", Shape::EventId, "evt_01M2N3P4Q5R6S7T8V9W0X1Y2Z3", "The event's id."),
    param(
        "blocking",
        Shape::Word(flags),
        "true",
        "Whether it is exhausted and holds up those behind it until an operator retries or cancels it.",
    ),
    param("since", Shape::Time, "2026-08-12T09:15:57Z", "Made at or after this, by our clock."),
    param("until", Shape::Time, "2026-08-13T00:00:00Z", "Made before this, by our clock."),
];

/// The event that something is tried out with.
pub(super) const EVENT: &[Param] = &[Param {
    required: true,
    ..param("event", Shape::EventId, "evt_01M2N3P4Q5R6S7T8V9W0X1Y2Z3", "The event's id.")
}];

/// Which counts.
pub(super) const STATS: &[Param] = &[
    param(
        "by",
        Shape::Word(stats::by_words),
        "type",
        "What is counted, and by what: events by `type` or `source`, callbacks by `outcome` or, by source, `callbacks`; deliveries that have ended by `state` or `destination`; attempts by `attempt`, their outcome. Without it by `type`, or where a `destination` is named by that.",
    ),
    param("per", Shape::Word(stats::per_words), "hour", "The length of a bucket, in UTC."),
    param(
        "since",
        Shape::Time,
        "2026-08-12T09:00:00Z",
        "From the bucket that this is in. Per minute at most a day in all and two days back; per hour 31 and 62 days; per day 366 and 732.",
    ),
    param(
        "until",
        Shape::Time,
        "2026-08-13T00:00:00Z",
        "Up to the bucket that this is in; now without it.",
    ),
    param(
        "source",
        Shape::Names,
        "shop",
        "Of this source; may stand several times. Not for deliveries and attempts.",
    ),
    param(
        "type",
        Shape::Globs,
        "message.*",
        "Of these types of events; may stand several times. For events alone.",
    ),
    param(
        "destination",
        Shape::Names,
        "crm",
        "Of this destination; may stand several times. For deliveries and attempts alone.",
    ),
];

/// Where a consumer begins.
pub(super) const FROM: &[Param] = &[param(
    "from",
    Shape::Text,
    "beginning",
    "Where it begins: `now`, `beginning`, an RFC 3339 time of arrival, or a cursor of `/v1/events`. Without it a new one begins now, and one that is there stays where it is.",
)];

/// Where a consumer is set to.
pub(super) const TO: &[Param] = &[Param {
    required: true,
    ..param(
        "to",
        Shape::Text,
        "beginning",
        "The new place: `now`, `beginning`, an RFC 3339 time of arrival, or a cursor of `/v1/events`.",
    )
}];

/// How far a consumer has come.
pub(super) const COMMITTED: &[Param] = &[Param {
    required: true,
    ..param(
        "cursor",
        Shape::Cursor,
        "AAAAAAAAAAEAAAAAAAAAAA",
        "The `cursor` of the page that was worked through.",
    )
}];

/// Whether it is only tried out.
pub(super) const DRY_RUN: &[Param] = &[param(
    "dry_run",
    Shape::Word(flags),
    "true",
    "Say what would become of it, and change nothing.",
)];
