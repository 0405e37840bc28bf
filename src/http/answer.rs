//! What a vendor is answered for a callback that is on disk: the source's own acknowledgement, or ids of callback and events.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use serde::Serialize;

use crate::domain::callback::CallbackOutcome;
use crate::domain::id::{CallbackId, EventId};
use crate::domain::source::Source;
use crate::receive::Accepted;

/// The acknowledgement of a kept callback.
pub(super) fn acknowledge(source: &Source, accepted: &Accepted) -> HttpResponse {
    let by_type = accepted.kind.and_then(|kind| source.answers.get(&kind));
    let answer = by_type.unwrap_or(&source.answer);
    let status = answer
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    let content_type = answer.content_type.as_deref().unwrap_or("application/json");
    match &answer.body {
        // A 204 has no body, whatever is configured.
        _ if status == StatusCode::NO_CONTENT => response.finish(),
        Some(body) if body.is_empty() && answer.content_type.is_none() => response.finish(),
        Some(body) => {
            response.insert_header((header::CONTENT_TYPE, content_type)).body(body.clone())
        }
        None => response.insert_header((header::CONTENT_TYPE, content_type)).body(usual(accepted)),
    }
}

/// `{"callback", "events"}`, and what was odd about it.
fn usual(accepted: &Accepted) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        callback: CallbackId,
        events: &'a [EventId],
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        quarantined: Option<&'a str>,
    }
    let quarantined =
        accepted.reason.as_deref().filter(|_| accepted.outcome == CallbackOutcome::Quarantined);
    let body = Body {
        callback: accepted.callback,
        events: &accepted.events,
        duplicate: accepted.outcome == CallbackOutcome::Duplicate,
        quarantined,
    };
    serde_json::to_string(&body).unwrap_or_default()
}
