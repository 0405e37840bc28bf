//! What the demo's callbacks became: counted from the answers that vendors got, and from what the API says.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Time;
use crate::replay::client::{Answer, Client, ClientError};
use crate::replay::request::Request;

/// The longest body that is shown in a line of shell, in bytes.
const LINE_MAX: usize = 160;

/// What came in and what it became.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// By vendor.
    pub(super) vendors: BTreeMap<String, VendorAccount>,
    /// By destination.
    pub(super) destinations: BTreeMap<String, DestinationAccount>,
    /// The delivery that took the most attempts.
    pub(super) hardest: Option<Hardest>,
    /// The message with the most events, as source and id.
    pub(super) longest_message: Option<(String, String)>,
    /// Deliveries that have not ended yet.
    pub(super) open: usize,
    /// A request that made events and fits into a line of shell.
    pub(super) short: Option<Request>,
}

/// What one vendor sent.
#[derive(Debug, Default)]
pub(super) struct VendorAccount {
    /// Requests.
    pub(super) callbacks: usize,
    /// Events, by type.
    pub(super) events: BTreeMap<String, usize>,
    /// Requests that were known already.
    pub(super) duplicates: usize,
    /// Requests that were kept but not understood.
    pub(super) quarantined: usize,
    /// Requests that were not answered 2xx.
    pub(super) refused: usize,
}

/// What one destination got.
#[derive(Debug, Default)]
pub(super) struct DestinationAccount {
    /// Deliveries that it took.
    pub(super) succeeded: usize,
    /// Deliveries that ended otherwise.
    pub(super) given_up: usize,
    /// Attempts after the first of a delivery.
    pub(super) retries: usize,
}

/// A delivery that took several attempts.
#[derive(Debug)]
pub(super) struct Hardest {
    /// The event's id.
    pub(super) event: String,
    /// The destination's name.
    pub(super) destination: String,
    /// When each attempt began, and the HTTP status it got.
    pub(super) attempts: Vec<(Time, Option<u64>)>,
}

impl Account {
    /// Notes what a vendor was answered to a request.
    pub(super) fn note(&mut self, vendor: &str, request: &Request, answer: &Answer) {
        let account = self.vendors.entry(vendor.to_owned()).or_default();
        let members = answer.members();
        account.callbacks += 1;
        account.duplicates += usize::from(members.get("duplicate") == Some(&Value::Bool(true)));
        account.quarantined += usize::from(members.contains_key("quarantined"));
        account.refused += usize::from(!(200..300).contains(&answer.status));
        let events = members.get("events").and_then(Value::as_array).map_or(0, Vec::len);
        if events > 0 && self.short.is_none() && fits_a_line(request) {
            self.short = Some(request.clone());
        }
    }

    /// Asks the API for every event.
    pub(super) async fn count_events(&mut self, client: &Client) -> Result<(), ClientError> {
        let mut messages: BTreeMap<(String, String), usize> = BTreeMap::new();
        for event in every(client, "/v1/events").await? {
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
            let (Some(vendor), Some(kind), Some(source)) =
                (text("/data/vendor"), text("/type"), text("/source"))
            else {
                continue;
            };
            let account = self.vendors.entry(vendor.to_owned()).or_default();
            *account.events.entry(kind.to_owned()).or_default() += 1;
            if let Some(id) = text("/data/message/id") {
                *messages.entry((source.to_owned(), id.to_owned())).or_default() += 1;
            }
        }
        let longest = messages.into_iter().max_by_key(|(_, events)| *events);
        self.longest_message = longest.map(|(message, _)| message);
        Ok(())
    }

    /// Asks the API for every delivery.
    pub(super) async fn count_deliveries(&mut self, client: &Client) -> Result<(), ClientError> {
        self.destinations.clear();
        self.open = 0;
        for delivery in every(client, "/v1/deliveries").await? {
            let text = |name: &str| delivery.get(name).and_then(Value::as_str).unwrap_or_default();
            let attempts = attempts(&delivery);
            let account = self.destinations.entry(text("destination").to_owned()).or_default();
            account.retries += attempts.len().saturating_sub(1);
            match text("state") {
                "pending" | "in_flight" => self.open += 1,
                "succeeded" => account.succeeded += 1,
                _ => account.given_up += 1,
            }
            let most = self.hardest.as_ref().map_or(1, |hardest| hardest.attempts.len());
            if attempts.len() > most {
                let (event, destination) = (text("event_id"), text("destination"));
                let (event, destination) = (event.to_owned(), destination.to_owned());
                self.hardest = Some(Hardest { event, destination, attempts });
            }
        }
        Ok(())
    }
}

/// Whether the body can stand between single quotes in a shell, and be read there.
fn fits_a_line(request: &Request) -> bool {
    let body = &request.body;
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'\'';
    request.method == "POST" && !body.is_empty() && body.len() <= LINE_MAX && body.iter().all(plain)
}

fn attempts(delivery: &Value) -> Vec<(Time, Option<u64>)> {
    let attempts = delivery.get("attempts").and_then(Value::as_array);
    let attempt = |attempt: &Value| {
        let began = attempt.get("started_at")?.as_str()?.parse().ok()?;
        Some((began, attempt.get("status").and_then(Value::as_u64)))
    };
    attempts.into_iter().flatten().filter_map(attempt).collect()
}

/// Every item of a list, page by page.
async fn every(client: &Client, list: &str) -> Result<Vec<Value>, ClientError> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let mut page = client.ask(&format!("{list}?limit=200{after}")).await?;
        if let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) {
            items.extend(data);
        }
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(items);
        }
    }
}
