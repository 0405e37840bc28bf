//! The names of an event's fields, as far down as they are the same for every event: for telling a slip of the pen at the start.

/// What every event has at its top.
pub const TOP: [&str; 8] =
    ["specversion", "id", "type", "source", "subject", "time", "datacontenttype", "data"];

/// What `data` can have.
const DATA: [&str; 30] = [
    "sequence",
    "revised",
    "replaced_by",
    "vendor",
    "dialect",
    "channel",
    "direction",
    "received_at",
    "time_basis",
    "callback_id",
    "account",
    "sub_account",
    "instance",
    "message",
    "extra",
    "contact",
    "template",
    "connection",
    "quality",
    "account_update",
    "link",
    "survey",
    "call",
    "number",
    "group",
    "chat",
    "presence",
    "label",
    "history",
    "alarm",
];

/// The place that was probably meant by one that no event has; `None` if it may be there.
#[must_use]
pub fn meant(place: &[&str]) -> Option<String> {
    match place {
        [first, ..] if !TOP.contains(first) => {
            let below = DATA.contains(first).then(|| format!("data.{first}"));
            below.or_else(|| near(first, &TOP).map(str::to_owned))
        }
        ["data", second, ..] if !DATA.contains(second) => {
            near(second, &DATA).map(|near| format!("data.{near}"))
        }
        _ => None,
    }
}

/// The name that was probably meant: one slip of the pen away.
fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().find(|known| {
        strsim::damerau_levenshtein(word, known) <= if known.len() > 4 { 2 } else { 1 }
    });
    near.copied()
}
