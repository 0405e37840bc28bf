//! The client that replays: it pushes recorded requests as a vendor would, and asks the API what became of them.

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use super::request::Request;
use crate::domain::secret::Secret;

/// How long one request may take, from connecting to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The largest answer that is read, in bytes. An event is smaller than the largest body that is taken.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// How long something may be streamed.
const DOWNLOAD_MAX: Duration = Duration::from_hours(24);

/// What is written with a percent sign in one segment of a path (RFC 3986, `unreserved` is not).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the server is that fixtures are sent to.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// What push paths are appended to.
    pub push: Url,
    /// What API paths are appended to.
    pub api: Url,
    /// The API key, where one is needed.
    pub key: Option<Secret>,
}

/// Sends recorded requests to one server, and asks it about them.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    addresses: Addresses,
}

/// What came back for a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type, as it was sent.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// An answer that is taken piece by piece.
#[derive(Debug)]
pub struct Download {
    url: Url,
    response: reqwest::Response,
}

/// A request that got no answer, or not the one that goes on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client could not be made.
    #[error("the HTTP client did not start: {}", reasons(.0))]
    Setup(reqwest::Error),
    /// An address that can't be asked.
    #[error("{0} is not an address")]
    Address(String),
    /// A request that HTTP can't carry.
    #[error("the request can't be sent: {0}")]
    Request(String),
    /// Nothing, or nothing whole, came back.
    #[error("{url}: {}", reasons(error))]
    Unreachable {
        /// What was asked for.
        url: Url,
        /// Why it failed.
        error: reqwest::Error,
    },
    /// More came back than is read.
    #[error("{0}: the answer is longer than {ANSWER_MAX} bytes")]
    TooLong(Url),
    /// The API answered, but not with what was asked for.
    #[error("{url}: answered {status}{}", detail(body))]
    Refused {
        /// What was asked for.
        url: Url,
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
}

impl Client {
    /// A client of the server at `addresses`.
    pub fn new(addresses: Addresses) -> Result<Self, ClientError> {
        // A second call finds the provider of the first, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Self { http, addresses })
    }

    /// Finds out whether anything answers where callbacks are pushed to.
    pub async fn knock(&self) -> Result<(), ClientError> {
        let url = at(&self.addresses.push, "/healthz")?;
        let request = self.http.get(url.clone());
        receive(url, request).await.map(drop)
    }

    /// What the API answers to `POST path` with a JSON body, piece by piece, however long it is.
    pub async fn flow(
        &self,
        path: &str,
        body: &Value,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), ClientError> {
        /// How long it may take in all.
        const FLOW_TIMEOUT: Duration = Duration::from_hours(24);
        let url = at(&self.addresses.api, path)?;
        let mut request = self.http.post(url.clone()).header("content-type", "application/json");
        if let Some(key) = &self.addresses.key {
            request = request.bearer_auth(key.expose());
        }
        let unreachable = |error: reqwest::Error| ClientError::Unreachable {
            url: url.clone(),
            error: error.without_url(),
        };
        let request = request.timeout(FLOW_TIMEOUT).body(body.to_string());
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let mut refusal = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if status == 200 {
                take(&chunk);
            } else if refusal.len() < ANSWER_MAX {
                refusal.extend_from_slice(&chunk);
            }
        }
        if status == 200 {
            return Ok(());
        }
        let answer = Answer { status, content_type: None, body: refusal.into() };
        Err(refused(url, &answer))
    }

    /// Whether a callbox answers questions where this client asks.
    pub async fn is_callbox(&self) -> bool {
        let asked = self.ask("/openapi.json").await;
        let is_ours = |title: &str| title.to_ascii_lowercase().contains("callbox");
        let title = |document: &Value| {
            document.pointer("/info/title").and_then(Value::as_str).is_some_and(is_ours)
        };
        match asked {
            Ok(document) => title(&document),
            // A callbox without that page still knows what a list is.
            Err(_) => matches!(
                self.ask("/v1/events?limit=1").await,
                Ok(_) | Err(ClientError::Refused { status: 401 | 403, .. })
            ),
        }
    }

    /// Sends a recorded request as it is, and says what it was answered.
    pub async fn push(&self, request: &Request) -> Result<Answer, ClientError> {
        let url = at(&self.addresses.push, &request.target)?;
        let unfit = |what: &str| ClientError::Request(what.to_owned());
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| unfit(&request.method))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit(name))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unfit(name))?;
            headers.append(known, value);
        }
        let sent = self.http.request(method, url.clone()).headers(headers);
        receive(url, sent.body(request.body.clone())).await
    }

    /// The event with this id, as `{"event", "deliveries"}`.
    pub async fn event(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&format!("/v1/events/{}", segment(id))).await
    }

    /// The callback with this id.
    pub async fn callback(&self, id: &str) -> Result<Value, ClientError> {
        self.ask(&format!("/v1/callbacks/{}", segment(id))).await
    }

    /// The newest callbacks of a source, the last to come first.
    pub async fn newest_callbacks(&self, source: &str) -> Result<Vec<Value>, ClientError> {
        let page = self.ask(&format!("/v1/callbacks?source={}&limit=50", segment(source))).await?;
        Ok(page.get("data").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// The folded state of a message.
    pub async fn message(
        &self,
        source: &str,
        id: &str,
        instance: Option<&str>,
    ) -> Result<Value, ClientError> {
        let mut path = format!("/v1/messages/{}/{}", segment(source), segment(id));
        if let Some(instance) = instance {
            path.push_str("?instance=");
            path.push_str(&segment(instance));
        }
        self.ask(&path).await
    }

    /// What the API answers to `GET path`.
    pub async fn ask(&self, path: &str) -> Result<Value, ClientError> {
        self.answered(reqwest::Method::GET, path).await
    }

    /// The bytes that the API answers to `GET path`.
    pub async fn bytes(&self, path: &str) -> Result<Bytes, ClientError> {
        let url = at(&self.addresses.api, path)?;
        let answer = self.send(&url, self.http.get(url.clone())).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(refused(url, &answer)) }
    }

    /// What the API streams for `GET path`, to be taken piece by piece, however long that lasts.
    pub async fn open(&self, path: &str) -> Result<Download, ClientError> {
        let url = at(&self.addresses.api, path)?;
        let mut request = self.http.get(url.clone()).timeout(DOWNLOAD_MAX);
        if let Some(key) = &self.addresses.key {
            request = request.bearer_auth(key.expose());
        }
        let unreachable = |error: reqwest::Error| ClientError::Unreachable {
            url: url.clone(),
            error: error.without_url(),
        };
        let response = request.send().await.map_err(unreachable)?;
        if response.status() == 200 {
            return Ok(Download { url, response });
        }
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(unreachable)?;
        Err(refused(url, &Answer { status, content_type: None, body }))
    }

    /// What the API answers to `POST path`: something is to be done.
    pub async fn order(&self, path: &str) -> Result<Value, ClientError> {
        self.answered(reqwest::Method::POST, path).await
    }

    /// What the API answers to `POST path` with a JSON body.
    pub async fn order_with(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let url = at(&self.addresses.api, path)?;
        let request = self.http.post(url.clone()).header("content-type", "application/json");
        self.read(url, request.body(body.to_string())).await
    }

    async fn answered(&self, method: reqwest::Method, path: &str) -> Result<Value, ClientError> {
        let url = at(&self.addresses.api, path)?;
        let request = self.http.request(method, url.clone());
        self.read(url, request).await
    }

    async fn read(&self, url: Url, request: reqwest::RequestBuilder) -> Result<Value, ClientError> {
        let answer = self.send(&url, request).await?;
        match serde_json::from_slice(&answer.body) {
            Ok(value) if answer.status == 200 => Ok(value),
            Ok(_) | Err(_) => Err(refused(url, &answer)),
        }
    }

    /// Asks with the key, where one is needed.
    async fn send(
        &self,
        url: &Url,
        mut request: reqwest::RequestBuilder,
    ) -> Result<Answer, ClientError> {
        if let Some(key) = &self.addresses.key {
            request = request.bearer_auth(key.expose());
        }
        receive(url.clone(), request).await
    }
}

impl Download {
    /// The next piece; none once everything came. One that breaks off before is an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let url = &self.url;
        self.response.chunk().await.map_err(|error| ClientError::Unreachable {
            url: url.clone(),
            error: error.without_url(),
        })
    }
}

impl Answer {
    /// The members of the body, if it is a JSON object.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn refused(url: Url, answer: &Answer) -> ClientError {
    let body = String::from_utf8_lossy(&answer.body).chars().take(500).collect();
    ClientError::Refused { url, status: answer.status, body }
}

/// `path` at the server `base`, which may itself stand below a path.
fn at(base: &Url, path: &str) -> Result<Url, ClientError> {
    let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| ClientError::Address(text))
}

/// `text` as one segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

async fn receive(url: Url, request: reqwest::RequestBuilder) -> Result<Answer, ClientError> {
    let unreachable = |error: reqwest::Error| ClientError::Unreachable {
        url: url.clone(),
        error: error.without_url(),
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(ClientError::TooLong(url));
        }
        body.extend_from_slice(&chunk);
    }
    let content_type = response.headers().get("content-type");
    let content_type =
        content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Ok(Answer { status: response.status().as_u16(), content_type, body: body.into() })
}

/// The error with everything that stands behind it, as one line.
fn reasons(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(reason) = cause {
        text = format!("{text}: {reason}");
        cause = reason.source();
    }
    text
}

/// What a refusal says of itself: the problem's detail or title.
fn detail(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    let words = problem.get("detail").or_else(|| problem.get("title")).and_then(Value::as_str);
    words.map(|words| format!(" ({words})")).unwrap_or_default()
}
