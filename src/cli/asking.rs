//! Asking a running callbox over its API: which one, its lists page by page, and what to do if it does not answer.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use jiff::{Span, SpanRelativeTo};
use serde_json::Value;
use url::form_urlencoded;

use super::target::ApiArgs;
use crate::clock::{Clock, SystemClock, Time};
use crate::domain::query::LIMIT_MAX;
use crate::replay::client::{Addresses, Client, ClientError};

/// Names of a query's parameters, and their values.
pub(super) type Pairs = Vec<(&'static str, String)>;

/// A running callbox that is asked.
#[derive(Debug)]
pub(super) struct Asking {
    client: Client,
    address: String,
}

impl Asking {
    /// The callbox that the options mean.
    pub(super) fn of(args: &ApiArgs) -> anyhow::Result<Self> {
        let addresses: Addresses = args.addresses()?;
        let address = addresses.api.to_string().trim_end_matches('/').to_owned();
        Ok(Self { client: Client::new(addresses)?, address })
    }

    /// The callbox at these addresses.
    pub(super) fn at(addresses: Addresses) -> anyhow::Result<Self> {
        let address = addresses.api.to_string().trim_end_matches('/').to_owned();
        Ok(Self { client: Client::new(addresses)?, address })
    }

    /// What it answers to `POST path` with a JSON body.
    pub(super) async fn post_with(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.client.order_with(path, body).await.map_err(|error| self.explained(error))
    }

    /// What it answers to `POST path` with a JSON body, piece by piece.
    pub(super) async fn flow(
        &self,
        path: &str,
        body: &Value,
        take: impl FnMut(&[u8]),
    ) -> anyhow::Result<()> {
        self.client.flow(path, body, take).await.map_err(|error| self.explained(error))
    }

    /// What it answers to `GET path`.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.client.ask(path).await.map_err(|error| self.explained(error))
    }

    /// The bytes that it answers to `GET path`.
    pub(super) async fn bytes(&self, path: &str) -> anyhow::Result<bytes::Bytes> {
        self.client.bytes(path).await.map_err(|error| self.explained(error))
    }

    /// What it answers to `POST path`.
    pub(super) async fn post(&self, path: &str) -> anyhow::Result<Value> {
        self.client.order(path).await.map_err(|error| self.explained(error))
    }

    /// The first items of a list, so many at the most, page by page.
    pub(super) async fn list(
        &self,
        path: &str,
        mut pairs: Pairs,
        limit: usize,
    ) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        pairs.push(("limit", limit.min(LIMIT_MAX).to_string()));
        let mut cursor: Option<String> = None;
        while items.len() < limit {
            let page = self.get(&at(path, &pairs, cursor.as_deref())).await?;
            items.extend(page.get("data").and_then(Value::as_array).into_iter().flatten().cloned());
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// Prints what it streams for `GET path`, as it comes. Whoever reads no further has had enough.
    pub(super) async fn pour(&self, path: &str) -> anyhow::Result<ExitCode> {
        let mut download = self.client.open(path).await.map_err(|error| self.explained(error))?;
        loop {
            let piece = download.next().await;
            let piece = piece.context("the export broke off: what was printed is not all of it")?;
            let Some(piece) = piece else { return Ok(ExitCode::SUCCESS) };
            match std::io::stdout().lock().write_all(&piece) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    return Ok(ExitCode::SUCCESS);
                }
                other => other.context("can't write the export")?,
            }
        }
    }

    /// The error, with what to do about it where that is known.
    fn explained(&self, error: ClientError) -> anyhow::Error {
        let address = &self.address;
        let hint = match &error {
            ClientError::Unreachable { .. } => {
                format!(
                    "no callbox answers at {address}: start `callbox serve`, or name another place with --api URL"
                )
            }
            ClientError::Refused { status: 401, .. } => {
                format!("{address} wants a key: give one with --key env:NAME or --key file:PATH")
            }
            ClientError::Setup(_)
            | ClientError::Address(_)
            | ClientError::Request(_)
            | ClientError::TooLong(_)
            | ClientError::Refused { .. } => return error.into(),
        };
        anyhow::Error::from(error).context(hint)
    }
}

/// `path` with its parameters.
pub(super) fn at(path: &str, pairs: &Pairs, cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
    format!("{path}?{}", query.finish())
}

/// The parameters that were given.
pub(super) fn given<const N: usize>(options: [(&'static str, Option<String>); N]) -> Pairs {
    options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// How a list is written for programs.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// A JSON object a line
    Jsonl,
    /// Comma-separated values, the names of the columns first
    Csv,
}

impl Format {
    /// The path under which all that fits these pairs is streamed so.
    pub(super) fn of(self, path: &str, mut pairs: Pairs, limit: Option<usize>) -> String {
        let word = match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        };
        pairs.push(("format", word.to_owned()));
        pairs.extend(limit.map(|limit| ("limit", limit.to_string())));
        at(path, &pairs, None)
    }
}

/// A moment: an RFC 3339 time, or how long ago, such as `2h`.
pub(super) fn moment(text: &str) -> Result<Time, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let length = length(text)
        .ok_or("not a time such as 2026-08-12T09:15:57Z, nor how long ago such as 2h or 3d")?;
    Ok(SystemClock::new().now().before(length))
}

/// A length of time such as `2h` or `3d`.
pub(super) fn length(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    length.try_into().ok()
}

/// Prints a result: JSON for programs, one value a line; or what `draw` makes of it, for people.
pub(super) fn print<'a>(
    json: bool,
    values: impl IntoIterator<Item = &'a Value>,
    draw: impl FnOnce() -> String,
) -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    let written = if json {
        values.into_iter().try_for_each(|value| writeln!(out, "{value}"))
    } else {
        write!(out, "{}", draw())
    };
    written.context("can't write the result")?;
    Ok(ExitCode::SUCCESS)
}
