//! The judgement over one fixture: send what goes before it, send it, ask what became of it, and compare.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::client::{Answer, Client, ClientError};
use super::compare::{ANYTHING, Difference, compare};
use super::deliveries::Witness;
use super::fixture::{Expectation, Fixture};
use super::request::Request;
use super::words;

/// What a fixture turned out to be.
#[derive(Debug)]
pub enum Verdict {
    /// Everything that it names is so.
    Passed,
    /// Something else came of it.
    Differs(Vec<Difference>),
    /// It was not sent; why.
    Skipped(String),
    /// It can't be told; why.
    Failed(String),
}

/// What is known of the server, and so what can be judged.
#[derive(Clone, Copy, Debug)]
pub enum Server<'a> {
    /// A callbox that can be asked; with a destination of its own, where one was put there.
    Callbox(Option<&'a Witness>),
    /// Anything else: it has nothing but its answer.
    Plain,
}

/// Sends `request`, which is the fixture's own or one with credentials added, and compares what comes of it.
pub async fn judge(
    client: &Client,
    server: Server<'_>,
    fixture: &Fixture,
    request: &Request,
) -> (Verdict, Option<Answer>) {
    let answer = match client.push(request).await {
        Ok(answer) => answer,
        Err(error) => return (Verdict::Failed(error.to_string()), None),
    };
    let expected = fixture.expectation.clone().unwrap_or_default();
    let found = match server {
        Server::Plain => Ok(compare_status(&expected, &answer)),
        Server::Callbox(witness) => differences(client, witness, &expected, request, &answer).await,
    };
    let verdict = match found {
        Ok(differences) if differences.is_empty() => Verdict::Passed,
        Ok(differences) => Verdict::Differs(differences),
        Err(error) => Verdict::Failed(error.to_string()),
    };
    (verdict, Some(answer))
}

/// Sends a request that is known already once more, and compares its answer with the first one's.
pub async fn judge_again(
    client: &Client,
    server: Server<'_>,
    request: &Request,
    first: &Answer,
) -> Verdict {
    let again = match client.push(request).await {
        Ok(again) => again,
        Err(error) => return Verdict::Failed(format!("sent once more: {error}")),
    };
    let told = |answer: &Answer| {
        let members = answer.members();
        let mut told = serde_json::Map::from_iter([("status".to_owned(), answer.status.into())]);
        if let Server::Callbox(_) = server
            && let Some(events) = members.get("events").filter(|events| is_filled(events))
        {
            told.insert("events".to_owned(), events.clone());
            told.insert("duplicate".to_owned(), true.into());
        }
        told
    };
    let mut actual = again.members();
    actual.insert("status".to_owned(), again.status.into());
    let (expected, actual) = (Value::Object(told(first)), Value::Object(actual));
    let found = compare("answer, sent once more", &expected, Some(&actual));
    if found.is_empty() { Verdict::Passed } else { Verdict::Differs(found) }
}

fn is_filled(list: &Value) -> bool {
    list.as_array().is_some_and(|items| !items.is_empty())
}

async fn differences(
    client: &Client,
    witness: Option<&Witness>,
    expected: &Expectation,
    request: &Request,
    answer: &Answer,
) -> Result<Vec<Difference>, ClientError> {
    let mut found = compare_answer(expected, answer);
    found.extend(words::unknown(expected));
    let Expectation { events, quarantined, message, received, .. } = expected;
    // Of what was refused against expectation nothing else is worth a line.
    let refused = !(200..300).contains(&answer.status) && !found.is_empty();
    let asks = events.is_some() || quarantined.is_some() || message.is_some() || received.is_some();
    if refused || !asks {
        return Ok(found);
    }
    let outcome = Outcome::ask(client, request, answer).await?;
    if let Some(events) = events {
        let expected = Value::Array(events.clone());
        found.extend(compare("events", &expected, Some(&Value::Array(outcome.events.clone()))));
    }
    if let Some(reason) = quarantined {
        found.extend(compare("quarantined", reason, outcome.reason.as_ref()));
    } else if events.is_some() && !outcome.unauthentic {
        found.extend(compare("quarantined", &Value::Null, outcome.reason.as_ref()));
    }
    if let Some(message) = message
        && !was_known(expected, answer)
    {
        let actual = ask_message(client, message, &outcome).await?;
        found.extend(compare("message", message, actual.as_ref()));
    }
    if let (Some(received), Some(witness)) = (received, witness) {
        let actual = Value::Array(witness.testify(client).await?);
        found.extend(compare("received", &Value::Array(received.clone()), Some(&actual)));
    }
    Ok(found)
}

/// The status of an answer that has nothing else to be compared.
fn compare_status(expected: &Expectation, answer: &Answer) -> Vec<Difference> {
    let status = expected.answer.as_ref().and_then(|answer| answer.get("status"));
    match status {
        Some(status) => compare("answer.status", status, Some(&answer.status.into())),
        None if (200..300).contains(&answer.status) => Vec::new(),
        None => compare("answer.status", &200.into(), Some(&answer.status.into())),
    }
}

/// Whether the server knew the callback before, other than the fixture expects: then it also knows what goes after it, and the
/// message's state is no longer the one that the fixture speaks of.
fn was_known(expected: &Expectation, answer: &Answer) -> bool {
    let duplicate = answer.members().get("duplicate") == Some(&Value::Bool(true));
    let foreseen = expected.answer.as_ref().is_some_and(|answer| answer.contains_key("duplicate"));
    duplicate && !foreseen
}

/// The answer as an expectation speaks of it: `status`, `content_type`, and the members of its body, or `body` if it is no object.
fn compare_answer(expected: &Expectation, answer: &Answer) -> Vec<Difference> {
    let mut actual = answer.members();
    if actual.is_empty() {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        actual.insert("body".to_owned(), body.into());
    }
    actual.insert("status".to_owned(), answer.status.into());
    if let Some(content_type) = &answer.content_type {
        actual.insert("content_type".to_owned(), content_type.as_str().into());
    }
    let mut wanted = expected.answer.clone().unwrap_or_default();
    if !wanted.contains_key("status") && !(200..300).contains(&answer.status) {
        wanted.insert("status".to_owned(), 200.into());
    }
    compare("answer", &Value::Object(wanted), Some(&Value::Object(actual)))
}

/// What the server kept of a request.
#[derive(Debug, Default)]
struct Outcome {
    /// Its events, as the API shows them.
    events: Vec<Value>,
    /// Why it was not read.
    reason: Option<Value>,
    /// Whether it was not read because it is not authentic.
    unauthentic: bool,
}

impl Outcome {
    /// Asks what became of `request`. Nothing did, if no callback of it was kept.
    async fn ask(client: &Client, request: &Request, answer: &Answer) -> Result<Self, ClientError> {
        let members = answer.members();
        let callback = match members.get("callback").and_then(Value::as_str) {
            Some(id) => Some(client.callback(id).await?),
            None => find_callback(client, request).await?,
        };
        let Some(callback) = callback else { return Ok(Self::default()) };
        // A duplicate's answer names the events of the first one; its callback may have none of its own.
        let ids = texts(members.get("events")).or_else(|| texts(callback.get("events")));
        let mut events = Vec::new();
        for id in ids.unwrap_or_default() {
            events.extend(client.event(&id).await?.get_mut("event").map(Value::take));
        }
        let outcome = callback.get("outcome").and_then(Value::as_str);
        let unread = matches!(outcome, Some("quarantined" | "unauthentic"));
        let reason = callback.get("reason").filter(|_| unread).cloned();
        Ok(Self { events, reason, unauthentic: outcome == Some("unauthentic") })
    }
}

/// The newest kept callback with the body of `request`: for a source whose own answer does not name it.
async fn find_callback(client: &Client, request: &Request) -> Result<Option<Value>, ClientError> {
    let Some(source) = request.source() else { return Ok(None) };
    let digest = hex::encode(Sha256::digest(&request.body));
    let callbacks = match client.newest_callbacks(source).await {
        Ok(callbacks) => callbacks,
        Err(ClientError::Refused { status: 404, .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let same = |callback: &Value| callback.get("body_sha256").is_some_and(|sum| *sum == *digest);
    Ok(callbacks.into_iter().find(same))
}

/// The state of the message that is expected: the one that `expected` names, or the one of the first event.
async fn ask_message(
    client: &Client,
    expected: &Value,
    outcome: &Outcome,
) -> Result<Option<Value>, ClientError> {
    let first = outcome.events.first();
    let of_event = |pointer: &str| Some(first?.pointer(pointer)?.as_str()?.to_owned());
    let named = |name: &str| expected.get(name)?.as_str().filter(|text| *text != ANYTHING);
    let named = |name: &str| named(name).map(str::to_owned);
    let source = named("source").or_else(|| of_event("/source"));
    let id = named("id").or_else(|| of_event("/data/message/id"));
    let (Some(source), Some(id)) = (source, id) else { return Ok(None) };
    let instance = named("instance").or_else(|| of_event("/data/instance"));
    match client.message(&source, &id, instance.as_deref()).await {
        Ok(message) => Ok(Some(message)),
        Err(ClientError::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let items = value?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
