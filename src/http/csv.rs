//! Events and messages as comma-separated values (RFC 4180), in which no cell is a formula.

use std::borrow::Cow;

use ::csv::{Terminator, Writer, WriterBuilder};
use serde::Serialize;
use serde_json::Value;

/// A column: its name, and where in the JSON its value stands.
pub(super) type Column = (&'static str, &'static str);

/// The columns of an event.
pub(super) const EVENTS: &[Column] = &[
    ("id", "/id"),
    ("type", "/type"),
    ("source", "/source"),
    ("subject", "/subject"),
    ("time", "/time"),
    ("received_at", "/data/received_at"),
    ("sequence", "/data/sequence"),
    ("vendor", "/data/vendor"),
    ("dialect", "/data/dialect"),
    ("channel", "/data/channel"),
    ("direction", "/data/direction"),
    ("account", "/data/account"),
    ("sub_account", "/data/sub_account"),
    ("instance", "/data/instance"),
    ("message_id", "/data/message/id"),
    ("client_ref", "/data/message/client_ref"),
    ("batch_ref", "/data/message/batch_ref"),
    ("reply_to", "/data/message/reply_to"),
    ("conversation", "/data/message/conversation"),
    ("from_id", "/data/message/from/id"),
    ("from_phone", "/data/message/from/phone"),
    ("from_name", "/data/message/from/name"),
    ("to_id", "/data/message/to/id"),
    ("to_phone", "/data/message/to/phone"),
    ("to_name", "/data/message/to/name"),
    ("content_type", "/data/message/content/type"),
    ("text", "/data/message/content/text"),
    ("media_url", "/data/message/content/media/0/url"),
    ("media_caption", "/data/message/content/media/0/caption"),
    ("state", "/data/message/status/state"),
    ("vendor_state", "/data/message/status/vendor_state"),
    ("vendor_detail", "/data/message/status/vendor_detail"),
    ("error_code", "/data/message/error/code"),
    ("error_provider_code", "/data/message/error/provider_code"),
    ("error_reason", "/data/message/error/reason"),
    ("price_total", "/data/message/price/total"),
    ("price_currency", "/data/message/price/currency"),
    ("folded_state", "/data/message/folded/state"),
    ("callback_id", "/data/callback_id"),
];

/// The columns of a message.
pub(super) const MESSAGES: &[Column] = &[
    ("source", "/source"),
    ("vendor", "/vendor"),
    ("instance", "/instance"),
    ("id", "/id"),
    ("state", "/state"),
    ("contradictory", "/contradictory"),
    ("channel", "/channel"),
    ("direction", "/direction"),
    ("from_id", "/from/id"),
    ("from_phone", "/from/phone"),
    ("from_name", "/from/name"),
    ("to_id", "/to/id"),
    ("to_phone", "/to/phone"),
    ("to_name", "/to/name"),
    ("conversation", "/conversation"),
    ("client_ref", "/client_ref"),
    ("received_time", "/times/received"),
    ("queued_time", "/times/queued"),
    ("sent_time", "/times/sent"),
    ("delivered_time", "/times/delivered"),
    ("read_time", "/times/read"),
    ("failed_time", "/times/failed"),
    ("error_code", "/error/code"),
    ("error_provider_code", "/error/provider_code"),
    ("error_reason", "/error/reason"),
    ("updated_at", "/updated_at"),
];

/// What a cell begins with that spreadsheets take for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The names of the columns, as the first line.
pub(super) fn heading(columns: &[Column]) -> Vec<u8> {
    let mut writer = writer();
    // Writing to memory can't fail.
    let _ = writer.write_record(columns.iter().map(|(name, _)| name));
    writer.into_inner().unwrap_or_default()
}

/// The items, a line each.
pub(super) fn rows<T: Serialize>(columns: &[Column], items: &[T]) -> Vec<u8> {
    let mut writer = writer();
    for item in items {
        let Ok(value) = serde_json::to_value(item) else { continue };
        let _ = writer.write_record(columns.iter().map(|(_, place)| cell(&value, place)));
    }
    writer.into_inner().unwrap_or_default()
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

/// What stands there, as text; a quotation mark before what would be a formula makes it text for spreadsheets, too.
fn cell(value: &Value, place: &str) -> String {
    let text: Cow<'_, str> = match value.pointer(place) {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(other) => Cow::Owned(other.to_string()),
    };
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_quoted_where_they_must_and_are_no_formulas() {
        let columns: &[Column] = &[("one", "/a"), ("two", "/b/c"), ("three", "/n")];
        assert_eq!(heading(columns), b"one,two,three\r\n");
        let table = [
            (json!("x"), "x"),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"hi\""), "\"say \"\"hi\"\"\""),
            (json!("two\r\nlines"), "\"two\r\nlines\""),
            (json!("=1+2"), "'=1+2"),
            (json!("+12025550188"), "'+12025550188"),
            (json!("-1"), "'-1"),
            (json!("@sum(a1)"), "'@sum(a1)"),
            (json!("\t=1"), "'\t=1"),
            (json!("\r=1"), "\"'\r=1\""),
            (json!("=\"a\",1"), "\"'=\"\"a\"\",1\""),
            (json!(7), "7"),
            (json!(true), "true"),
            (json!(null), ""),
            (json!("日本 é"), "日本 é"),
        ];
        for (value, written) in table {
            let item = json!({ "a": value, "b": { "c": "z" } });
            let lines = String::from_utf8(rows(columns, &[item])).unwrap();
            assert_eq!(lines, format!("{written},z,\r\n"), "{value}");
        }
    }
}
