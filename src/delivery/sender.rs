//! One attempt at one destination: sign, POST, and say how it went.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::connector;
use super::failure::classify;
use super::signing::{NotASigningSecret, Signer};
use crate::clock::Time;
use crate::domain::address::{AddressGuard, literal_address};
use crate::domain::delivery::Outcome;
use crate::domain::destination::{Destination, is_reserved};
use crate::domain::hops;
use crate::domain::id::{DeliveryId, EventId, ReplayId};
use crate::domain::lane::Ending;
use crate::domain::retry::parse_retry_after;

/// The most bytes of a response's body that are read. If there are more, the connection is dropped rather than drained.
const RESPONSE_MAX: usize = 64 * 1024;

/// The most bytes of a failure's body that are kept to be looked at.
const KEPT_MAX: usize = 4 * 1024;

/// Posts to one destination.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    url: Url,
    guard: Arc<AddressGuard>,
    signer: Signer,
    headers: HeaderMap,
    timeout: Duration,
}

/// What is handed over in one attempt.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The event: the same on every attempt, so that a destination can tell a repetition.
    pub event: EventId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How many callboxes it came through, this one counted.
    pub hops: u64,
    /// The replay that made the delivery, if one did.
    pub replay: Option<ReplayId>,
    /// The body's content type, where it is known.
    pub content_type: Option<String>,
    /// The body, the same on every attempt.
    pub body: Bytes,
}

/// How one attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// Why it failed, in words.
    pub reason: Option<String>,
    /// How long the destination asked us to wait.
    pub retry_after: Option<Duration>,
    /// The beginning of a failure's body: at most 4 KiB, untrusted.
    pub response: Option<String>,
}

impl Verdict {
    /// What the schedule goes by.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending { outcome: self.outcome, status: self.status, retry_after: self.retry_after }
    }

    /// A failure that no response came of.
    #[must_use]
    pub fn failure(outcome: Outcome, reason: String) -> Self {
        Self { outcome, status: None, reason: Some(reason), retry_after: None, response: None }
    }
}

/// A destination's configuration does not make a sender.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// A secret can't sign.
    #[error(transparent)]
    Secret(#[from] NotASigningSecret),
    /// A header can't be sent, or is not the destination's to set.
    #[error("the header `{0}` can't be sent: {1}")]
    Header(String, &'static str),
    /// The HTTP client could not be made, for want of root certificates for example.
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// There is no thread for its transform.
    #[error("no thread for the transform: {0}")]
    Transform(#[source] std::io::Error),
}

impl Sender {
    /// A sender for this destination, which never connects to one of `own_listeners`.
    pub fn new(
        destination: &Destination,
        own_listeners: Vec<SocketAddr>,
    ) -> Result<Self, SenderError> {
        let allow_subnets = destination.allow_subnets.clone();
        let guard = Arc::new(AddressGuard { allow_subnets, own_listeners });
        Ok(Self {
            client: connector::connect(&destination.url, &destination.tls, Arc::clone(&guard))
                .map_err(SenderError::Client)?,
            url: destination.url.clone(),
            guard,
            signer: Signer::new(&destination.secrets)?,
            headers: static_headers(destination)?,
            timeout: destination.timeout,
        })
    }

    /// One attempt: at most the destination's timeout from the first look-up to the last byte of the response.
    pub async fn send(&self, parcel: &Parcel, now: Time) -> Verdict {
        if let Some(Err(refusal)) =
            literal_address(&self.url).map(|ip| connector::judge(&self.guard, ip))
        {
            return Verdict::failure(Outcome::Refused, refusal.to_string());
        }
        let headers = match self.headers_for(parcel, now) {
            Ok(headers) => headers,
            Err(reason) => return Verdict::failure(Outcome::Failed, reason.to_string()),
        };
        let request = self.client.post(self.url.clone()).timeout(self.timeout).headers(headers);
        match request.body(parcel.body.clone()).send().await {
            Ok(response) => self.judge(response, now).await,
            Err(error) => self.broken(None, &error),
        }
    }

    fn headers_for(&self, parcel: &Parcel, now: Time) -> Result<HeaderMap, SenderError> {
        let id = parcel.event.to_string();
        let (timestamp, signature) = self.signer.sign(&id, now, &parcel.body);
        let ours = [
            ("webhook-id", Some(id)),
            ("webhook-timestamp", Some(timestamp)),
            ("webhook-signature", signature),
            ("webhook-attempt", Some(parcel.attempt.to_string())),
            (hops::HEADER, Some(parcel.hops.to_string())),
            ("webhook-replay", parcel.replay.map(|replay| replay.to_string())),
            ("callbox-delivery", Some(parcel.delivery.to_string())),
            (CONTENT_TYPE.as_str(), parcel.content_type.clone()),
        ];
        let mut headers = self.headers.clone();
        for (name, value) in ours {
            let Some(value) = value else { continue };
            let value = HeaderValue::from_str(&value)
                .map_err(|_| SenderError::Header(name.to_owned(), "its value is not a header's"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }

    async fn judge(&self, mut response: Response, now: Time) -> Verdict {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| parse_retry_after(value, now));
        let (beginning, ended) = read(&mut response).await;
        drop(response); // closes the connection if there is more to come
        if status.is_success() {
            return match ended {
                Ok(()) => Verdict {
                    outcome: Outcome::Succeeded,
                    status: Some(status.as_u16()),
                    reason: None,
                    retry_after: None,
                    response: None,
                },
                Err(error) => self.broken(Some(status), &error),
            };
        }
        // A failure's status says enough, even if its body broke off.
        let kept = text(&beginning);
        Verdict {
            outcome: Outcome::Rejected,
            status: Some(status.as_u16()),
            reason: Some(reason_of(status)),
            retry_after,
            response: (!kept.is_empty()).then_some(kept),
        }
    }

    fn broken(&self, status: Option<StatusCode>, error: &reqwest::Error) -> Verdict {
        let (outcome, reason) = classify(error, self.timeout);
        let status = status.map(|status| status.as_u16());
        Verdict { status, ..Verdict::failure(outcome, reason) }
    }
}

/// The headers a destination is configured with, as far as they are its to set.
fn static_headers(destination: &Destination) -> Result<HeaderMap, SenderError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &destination.headers {
        let refuse = |why| SenderError::Header(name.clone(), why);
        if is_reserved(name) {
            return Err(refuse("callbox or the connection sets it"));
        }
        let key: HeaderName = name.parse().map_err(|_| refuse("its name is not a header's"))?;
        let visible = value.expose().bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let value = HeaderValue::from_str(value.expose()).ok().filter(|_| visible);
        let mut value = value.ok_or_else(|| refuse("its value holds more than visible ASCII"))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// The body's beginning, and whether all of it, or [`RESPONSE_MAX`] bytes of it, came.
async fn read(response: &mut Response) -> (Vec<u8>, reqwest::Result<()>) {
    let (mut beginning, mut length) = (Vec::new(), 0_usize);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = KEPT_MAX.saturating_sub(beginning.len());
                beginning.extend(chunk.iter().take(room));
                length = length.saturating_add(chunk.len());
                if length > RESPONSE_MAX {
                    return (beginning, Ok(()));
                }
            }
            Ok(None) => return (beginning, Ok(())),
            Err(error) => return (beginning, Err(error)),
        }
    }
}

/// Untrusted bytes as text; what is not UTF-8 grows when it is replaced, so it is cut once more.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    text.truncate(text.floor_char_boundary(KEPT_MAX));
    text
}

fn reason_of(status: StatusCode) -> String {
    let words = status.canonical_reason().unwrap_or("without a name");
    let more = if status.is_redirection() { "; redirects are not followed" } else { "" };
    format!("{} {words}{more}", status.as_u16())
}

#[cfg(test)]
mod tests;
