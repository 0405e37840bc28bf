//! `POST /v1/callbacks/{id}/reprocess`: a callback read again with today's adapters, configuration and secrets.

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::operation::{self, Operation};
use super::parameters;
use super::params::Params;
use super::problem::{Code, Problem};
use super::room::Current;
use crate::domain::callback::CallbackOutcome;
use crate::domain::difference::{self, Difference};
use crate::domain::event::Event;
use crate::domain::id::{CallbackId, EventId};
use crate::receive::Reprocessing;
use crate::store::{Reread, Revision, StoreError, StoredCallback};

/// A callback read again.
pub(super) const REPROCESS: Operation =
    Operation::post("reprocessCallback", "Read a callback again with today's adapters", || {
        web::to(reprocess)
    })
    .takes(&[parameters::DRY_RUN])
    .answers(&[operation::Answer::json::<Answer<'static>>("What it reads as now.")])
    .may_refuse(&[Code::Conflict, Code::Erased]);

/// `POST /v1/callbacks/{id}/reprocess`; with `?dry_run=true` it says what would become of it, and changes nothing.
async fn reprocess(
    room: Current,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let dry_run = params.word("dry_run", &[("true", true), ("false", false)])?.unwrap_or(false);
    params.end()?;
    let missing = || Problem::missing("callback", &id);
    let wanted: CallbackId = id.parse().map_err(|_| missing())?;
    let stored = room.store.stored_callback(wanted).await?;
    let stored = stored.filter(|stored| caller.reach.has(&stored.callback.source));
    let stored = stored.ok_or_else(missing)?;
    if let Some(at) = stored.erased_at {
        return Err(Problem::erased("what this callback said", at));
    }
    let source = room.config.sources.iter().find(|source| source.name == stored.callback.source);
    let source = source.ok_or_else(|| sourceless(&stored))?;
    let (public_url, now) = (room.public_url(), room.clock.now());
    let how = Reprocessing { source, public_url, now, dry_run };
    let reread = room.receiver.reprocess(stored, how).await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(answer(wanted, &reread, dry_run)?))
}

fn sourceless(stored: &StoredCallback) -> Problem {
    let name = &stored.callback.source;
    Problem::new(
        Code::Conflict,
        format!(
            "its source `{name}` is not in the configuration any more; put [sources.{name}] back to read it again"
        ),
    )
}

/// What came of it, as it is answered. Absent means absent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Reprocessed")]
struct Answer<'a> {
    callback: CallbackId,
    was: CallbackOutcome,
    outcome: CallbackOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    changed: bool,
    events: &'a [EventId],
    new: &'a [Event],
    revised: Vec<Revised>,
    dry_run: bool,
}

/// An event that stands in for another one.
#[derive(Serialize, JsonSchema)]
struct Revised {
    id: EventId,
    replaces: EventId,
    differences: Vec<Difference>,
}

fn answer(callback: CallbackId, reread: &Reread, dry_run: bool) -> Result<Answer<'_>, StoreError> {
    let Reread { was, outcome, reason, changed, events, new, .. } = reread;
    let revised = |Revision { before, after }: &Revision| {
        let differences = difference::between(before, after)
            .map_err(|error| StoreError::Failed(format!("{} can't be shown: {error}", after.id)))?;
        Ok(Revised { id: after.id, replaces: before.id, differences })
    };
    let revised = reread.revised.iter().map(revised).collect::<Result<_, StoreError>>()?;
    let reason = reason.as_deref();
    Ok(Answer {
        callback,
        was: *was,
        outcome: *outcome,
        reason,
        changed: *changed,
        events,
        new,
        revised,
        dry_run,
    })
}
