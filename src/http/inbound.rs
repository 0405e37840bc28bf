//! `/in/{source}` and all below it: where vendors push. The answers are decided in the contract's order.

use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;

use super::answer::acknowledge;
use super::body::{Body, NoBody};
use super::head;
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::id::CallbackId;
use crate::domain::source::Source;
use crate::receive::NotTaken;
use crate::store::StoreError;
use crate::vendor::{self, authenticity};

/// A push: 404, 405, 401 from the head, 408 and 413, 401 over the body, 429, 503, and 200 once it is on disk. Where there is no
/// room on the disk or in memory, the 503 comes before the body is read.
pub(super) async fn push(
    room: Current,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let received_at = room.clock.now();
    let source = find(&room, &request)?;
    allowed(source, &request)?;
    let request_head = head::read(&request, source, &room.config.server.trusted_proxies);
    let proven = authenticity::check_head(&source.auth, &request_head, received_at);
    if let Err(error) = room.store.has_room() {
        return Err(not_kept(source, error, proven.is_ok()));
    }
    let body = match body.read(source.max_body, &room.in_flight, &*room.clock).await {
        Ok(body) => body,
        Err(no_body) => {
            return Err(if proven.is_err() {
                unauthentic()
            } else {
                without_body(source, no_body)
            });
        }
    };
    let id = CallbackId::from_bits(room.ids.next(received_at));
    let callback =
        Callback { id, source: source.name.clone(), received_at, head: request_head, body };
    match room.receiver.accept(source, callback, room.public_url()).await {
        Err(NotTaken::TooMany(wait)) => Err(too_many(source, wait)),
        Err(NotTaken::Unauthentic(error)) => Err(not_kept(source, error, false)),
        Err(NotTaken::Store(error)) => Err(not_kept(source, error, true)),
        Ok(accepted)
            if accepted.outcome == CallbackOutcome::Unauthentic
                && source.unauthentic_answer == 401 =>
        {
            Err(unauthentic())
        }
        Ok(accepted) => Ok(acknowledge(source, &accepted)),
    }
}

/// The source that the path names; a push URL may have been mistyped before its name, too.
fn find<'a>(room: &'a Room, request: &HttpRequest) -> Result<&'a Source, Problem> {
    let below = request.path().strip_prefix("/in/").filter(|below| !is_trick(below));
    let name = below.and_then(|below| below.split('/').next());
    let mut sources = room.config.sources.iter();
    let found = name.and_then(|name| sources.find(|source| source.name.as_str() == name));
    found.ok_or_else(|| no_source(room, request))
}

/// Whether a proxy in front may read the path as another one: with a step back, or an end in its middle.
fn is_trick(path: &str) -> bool {
    let odd = path.contains("..") || path.contains('%');
    let step_back = |part: &str| percent_decode_str(part).eq(b"..".iter().copied());
    odd && (path.contains("%00") || path.split('/').any(step_back))
}

/// What leads to no source is counted, and is answered the same wherever it went.
fn no_source(room: &Room, request: &HttpRequest) -> Problem {
    room.strangers.note(room.clock.now(), request.method().as_str(), request.path());
    Problem::new(
        Code::NotFound,
        "there is no source at this path; `callbox check` lists the push URLs",
    )
}

fn allowed(source: &Source, request: &HttpRequest) -> Result<(), Problem> {
    let takes_get =
        vendor::find(source.vendor).is_some_and(|vendor| vendor.takes_get(&source.reading));
    if request.method() == Method::POST || (takes_get && request.method() == Method::GET) {
        return Ok(());
    }
    let allow = HeaderValue::from_static(if takes_get { "GET, POST" } else { "POST" });
    let problem = Problem::new(Code::MethodNotAllowed, "callbacks are pushed with POST");
    Err(problem.with(header::ALLOW, allow))
}

fn unauthentic() -> Problem {
    Problem::new(
        Code::Unauthentic,
        "a credential or signature that this source asks for is missing or wrong",
    )
}

/// The store did not take it. What is not authentic is told so all the same, unless its source is to hear of it only once it is kept.
fn not_kept(source: &Source, error: StoreError, is_authentic: bool) -> Problem {
    if is_authentic || source.unauthentic_answer != 401 {
        return error.into();
    }
    tracing::warn!(source.name = %source.name, %error, "a callback that is not authentic was not kept");
    unauthentic()
}

/// Whole seconds are told: a vendor that comes as early as it may has to find room then.
fn too_many(source: &Source, wait: Duration) -> Problem {
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    let rate = source.rate.map_or(0, NonZeroU32::get);
    let detail = format!("more than the {rate} callbacks a second that this source may bring");
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    Problem::new(Code::TooMany, detail).with(header::RETRY_AFTER, HeaderValue::from(seconds))
}

fn without_body(source: &Source, reason: NoBody) -> Problem {
    match reason {
        NoBody::TooLarge => Problem::new(
            Code::TooLarge,
            format!("more than the {} bytes that this source takes", source.max_body),
        ),
        NoBody::TooSlow => Problem::new(
            Code::TooSlow,
            "a body has 10 s, and 1 s more for each 100 KiB, up to 30 s",
        ),
        NoBody::BrokenOff => Problem::new(Code::BrokenOff, "the body could not be read to its end"),
        NoBody::Crowded => Problem::new(Code::Unavailable, "too many bytes are in flight"),
    }
}
