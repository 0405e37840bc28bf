//! Answers of the API, compressed for who takes them so. Requests are never inflated, and vendors never answered so.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::routes::HeadAlone;

/// The shortest answer that is compressed, in bytes: less fits into one packet as it is.
const LEAST: u64 = 1_024;

/// How much is compressed at a time, in bytes, so that no answer keeps the others waiting.
const PIECE: usize = 64 * 1_024;

/// Content types that shrink. A callback's own bytes are none of them: they go out as they came.
const TYPES: [&str; 8] = [
    "application/json",
    "application/openmetrics-text",
    "application/problem+json",
    "application/x-ndjson",
    "text/csv",
    "text/event-stream",
    "text/html",
    "text/plain",
];

/// Compresses the answer if that is wanted and worth it, and says that it depends on what was asked for.
pub(super) async fn encode(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let wants_gzip = wants_gzip(&request);
    let is_head = request.method() == Method::HEAD;
    let mut response = next.call(request).await?;
    if !is_compressible(response.headers()) {
        return Ok(response);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let is_long = match response.response().body().size() {
        BodySize::None => false,
        BodySize::Sized(length) => length >= LEAST,
        BodySize::Stream => true,
    };
    let head_alone = is_head || response.request().extensions().contains::<HeadAlone>();
    if !wants_gzip || !is_long || head_alone {
        return Ok(response);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(header::CONTENT_LENGTH);
    Ok(response.map_body(|_, body| {
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        Gzipped { body, encoder: Some(encoder), rest: Bytes::new() }.boxed()
    }))
}

/// Whether the asker takes gzip, and likes it no less than an answer as it is (RFC 9110, 12.5.3).
fn wants_gzip(request: &ServiceRequest) -> bool {
    let values = request.headers().get_all(header::ACCEPT_ENCODING);
    let codings: Vec<(String, f32)> =
        values.filter_map(|value| value.to_str().ok()).flat_map(codings).collect();
    let weight = |name: &str| codings.iter().find(|(known, _)| known == name).map(|(_, q)| *q);
    let gzip = weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*"));
    gzip.is_some_and(|gzip| gzip > 0.0 && gzip >= weight("identity").unwrap_or(0.0))
}

/// The codings that a header names, each with its weight; what can't be read has none.
fn codings(value: &str) -> Vec<(String, f32)> {
    let read = |coding: &str| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let (key, weight) = weight.trim().split_once('=')?;
        let weight: f32 = weight.trim().parse().ok()?;
        let fits = key.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&weight);
        fits.then(|| (name.trim().to_ascii_lowercase(), weight))
    };
    value.split(',').filter_map(read).collect()
}

fn is_compressible(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    TYPES.contains(&essence.trim()) && !headers.contains_key(header::CONTENT_ENCODING)
}

/// A body that is compressed as it is sent: every piece can be read as soon as it is there.
struct Gzipped {
    body: BoxBody,
    /// None once the body has ended.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// What of a piece was not compressed yet.
    rest: Bytes,
}

impl Gzipped {
    /// What becomes of the next part of the rest.
    fn compressed(&mut self) -> io::Result<Bytes> {
        let part = self.rest.split_to(PIECE.min(self.rest.len()));
        let Some(encoder) = self.encoder.as_mut() else { return Ok(Bytes::new()) };
        encoder.write_all(&part)?;
        if self.rest.is_empty() {
            encoder.flush()?;
        }
        Ok(std::mem::take(encoder.get_mut()).into())
    }
}

impl MessageBody for Gzipped {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        loop {
            while !self.rest.is_empty() {
                match self.compressed() {
                    Ok(bytes) if bytes.is_empty() => {}
                    compressed => return Poll::Ready(Some(compressed.map_err(Into::into))),
                }
            }
            if self.encoder.is_none() {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let ended = self.encoder.take().map(GzEncoder::finish);
                    let bytes = ended.unwrap_or_else(|| Ok(Vec::new()));
                    return Poll::Ready(Some(bytes.map(Bytes::from).map_err(Into::into)));
                }
            }
        }
    }
}
