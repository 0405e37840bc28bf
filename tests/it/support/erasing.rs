//! Erasing people in a test: a source of every vendor's, the wishes, and a look for what is left of somebody.

use std::collections::BTreeMap;

use callbox::domain::person::{Marks, Wanted};
use serde_json::{Value, json};

use super::callbox::Callbox;
use super::http::{self, Answer};

/// A source of every vendor's, one that wants a secret, and one whose callbacks nobody can read.
pub(crate) const EVERYBODY: &str = r#"
[sources.wachat]
vendor = "wachat"
auth = [{ type = "none" }]
[sources.wavecell]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.wessaal]
vendor = "wessaal"
auth = [{ type = "none" }]
[sources.whautochat]
vendor = "whautochat"
auth = [{ type = "none" }]
[sources.generic]
vendor = "generic"
auth = [{ type = "none" }]
[sources.generic.mapping]
each = "/events"
type = "/kind"
types = { "msg.in" = "message.received", "msg.out" = "message.echoed", "person.new" = "contact.created" }
id = ["/message/id", "/person/id"]
from_phone = "/message/from/number"
from_name = "/message/from/name"
to_phone = "/message/to/number"
text = "/message/body"
[sources.locked]
vendor = "wavecell"
auth = [{ type = "bearer", secrets = ["kettle-kettle-kettle"] }]
"#;

pub(crate) const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

pub(crate) async fn order(callbox: &Callbox, target: &str, wish: &Value) -> Answer {
    let body = wish.to_string();
    http::send(callbox.api, "POST", target, &JSON, body.as_bytes()).await.unwrap()
}

/// Erases, and waits for the receipt.
pub(crate) async fn erase(callbox: &Callbox, wish: &Value) -> Value {
    let begun = order(callbox, "/v1/erasures", wish).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let ended = |erasure: &Value| erasure["state"] != "running";
    callbox.until(&format!("/v1/erasures/{id}"), ended).await
}

/// The lines of an export.
pub(crate) async fn export(callbox: &Callbox, wish: &Value) -> Vec<Value> {
    let answer = order(callbox, "/v1/exports", wish).await;
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Everything that the API says, by where it says it.
pub(crate) async fn everything(callbox: &Callbox) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for list in ["events?type=*&type=callbox.*&", "messages?", "callbacks?", "deliveries?"] {
        let mut cursor = String::new();
        loop {
            let page = callbox.json(&format!("/v1/{list}limit=200{cursor}")).await;
            for item in page["data"].as_array().unwrap() {
                let id = item["id"].as_str().unwrap();
                let key = format!("{list} {} {} {id}", item["source"], item["instance"]);
                all.insert(key, item.clone());
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    for list in ["sources", "destinations", "consumers", "replays", "alarms"] {
        all.insert(list.to_owned(), callbox.json(&format!("/v1/{list}")).await);
    }
    all
}

/// Whether the number is anywhere in these bytes, however it is written. Another one that begins with the same digits does not count,
/// unless it is the number with a moment behind it, as ids of groups are.
pub(crate) fn has(bytes: &[u8], phone: &str) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_whole = |at: usize| {
        let behind =
            bytes[at + phone.len()..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        !digit(at.checked_sub(1)) && [0, 10, 13].contains(&behind)
    };
    let mut places = bytes.windows(phone.len()).enumerate();
    places.any(|(at, window)| window == phone.as_bytes() && is_whole(at))
        || Marks::of(&Wanted::phone(phone).unwrap()).is_in(bytes)
}

/// What stands around each place where the number is.
pub(crate) fn around(bytes: &[u8], phone: &str) -> Vec<String> {
    let places = bytes.windows(phone.len()).enumerate();
    let places = places.filter(|(_, window)| *window == phone.as_bytes()).map(|(at, _)| at);
    let shown = |at: usize| {
        let part = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
        String::from_utf8_lossy(part).escape_debug().to_string()
    };
    places.map(shown).collect()
}

pub(crate) fn text_of(everything: &BTreeMap<String, Value>) -> String {
    json!(everything).to_string()
}
