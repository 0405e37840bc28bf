//! `/v1/messages`: where messages stand, and the whole story of one.

use actix_web::{HttpRequest, HttpResponse};

use super::auth;
use super::page::{self, List};
use super::params::{self, Params};
use super::path;
use super::problem::Problem;
use super::room::Current;
use super::told::{MessageTold, StoryTold};
use crate::config::Scope;
use crate::domain::query::{MessageFilter, Page};

/// `GET /v1/messages`, the latest to be heard of for the first time at the beginning.
pub(super) async fn list(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let stuck_for = params.duration("stuck_for")?;
    let filter = MessageFilter {
        state: params.state()?,
        stuck_since: stuck_for.map(|length| room.clock.now().before(length)),
        source: params.parsed("source", "the name of a source")?,
        vendor: params.text("vendor")?,
        conversation: params.text("conversation")?,
        phone: params.phone()?,
        client_ref: params.text("client_ref")?,
        direction: params.direction()?,
        channel: params.channel()?,
        contradictory: params.word("contradictory", &[("true", true), ("false", false)])?,
        since: params.parsed("since", params::TIME)?,
        until: params.parsed("until", params::TIME)?,
    };
    let page = page::request(&mut params, List::Messages, &room.key)?;
    params.end()?;
    let found = room.store.messages(filter, page).await?;
    let items = found.items.iter().map(MessageTold::of).collect();
    let found = Page { items, place: found.place, more: found.more };
    Ok(page::answer(found, List::Messages, &room.key))
}

/// `GET /v1/messages/{source}/{message_id}`; the id is percent-encoded, for ids hold `/`, `+` and `@`.
pub(super) async fn one(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let instance = params.text("instance")?;
    params.end()?;
    let (source, id) = path::source_and_id(&request, "/v1/messages/", "message")?;
    let story = room.store.message(&source, &id, instance.as_deref()).await?;
    let story = story.ok_or_else(|| Problem::missing("message", &id))?;
    Ok(HttpResponse::Ok().json(StoryTold::of(&story)))
}
