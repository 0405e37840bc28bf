//! A callback with its bytes and its events, fetched from the API.

use anyhow::Context;
use serde_json::Value;

use crate::cli::asking::Asking;
use crate::clock::Time;
use crate::replay::captured::Kept;
use crate::replay::request::{FRAMING, Request};

/// The callback of a list, with what the list leaves out.
pub(super) async fn of(asking: &Asking, callback: &Value) -> anyhow::Result<(Time, Kept)> {
    let text = |name: &str| callback.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = text("id");
    let body = asking.bytes(&format!("/v1/callbacks/{id}/body")).await;
    let body = body.context("capturing needs a key with the scope `raw`")?;
    let outcome = text("outcome");
    let is_duplicate = outcome == "duplicate";
    let mut events = Vec::new();
    let ids = callback.get("events").and_then(Value::as_array).into_iter().flatten();
    for id in ids.filter_map(Value::as_str).filter(|_| !is_duplicate) {
        let mut found = asking.get(&format!("/v1/events/{id}")).await?;
        events.extend(found.get_mut("event").map(Value::take));
    }
    let query = text("query");
    let target = match query {
        "" => text("path").to_owned(),
        query => format!("{}?{query}", text("path")),
    };
    let headers = callback.get("headers").and_then(Value::as_array).into_iter().flatten();
    let headers = headers.filter_map(|pair| {
        let part = |at: usize| Some(pair.get(at)?.as_str()?.to_owned());
        Some((part(0)?, part(1)?))
    });
    let headers = headers.filter(|(name, _)| !FRAMING.contains(&name.as_str())).collect();
    let request = Request { method: text("method").to_owned(), target, headers, body };
    let quarantined = (outcome == "quarantined").then(|| text("reason").to_owned());
    let received_at = text("received_at").parse().unwrap_or_else(|_| Time::from_millis(0));
    Ok((received_at, Kept { request, quarantined, events, is_duplicate }))
}
