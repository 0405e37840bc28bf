//! `/v1/messages`: where messages stand, and the whole story of one.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::Caller;
use super::export::{self, Export, What};
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::parameters;
use super::params::{self, Params};
use super::path;
use super::problem::Problem;
use super::room::Current;
use super::told::{MessageTold, StoryTold};
use crate::domain::query::{MessageFilter, Page};

/// A list of messages.
pub(super) const LIST: Operation =
    Operation::get("listMessages", "List messages by where they stand", || web::to(list))
        .takes(&[parameters::MESSAGES, parameters::FORMAT, parameters::PAGE])
        .answers(&[
            Answer::json::<PageOf<MessageTold<'static>>>(
                "A page of messages, the latest to be heard of for the first time at the beginning; or all of them as lines.",
            ),
            Answer::text("application/x-ndjson", "With `format=jsonl`: a message a line."),
            Answer::text("text/csv", "With `format=csv`: a line for each message behind the names of the columns."),
        ]);

/// One message.
pub(super) const ONE: Operation =
    Operation::get("getMessage", "Tell the whole story of a message", || web::to(one))
        .takes(&[parameters::INSTANCE])
        .answers(&[Answer::json::<StoryTold<'static>>(
            "The message, with all that happened to it, oldest first.",
        )]);

/// `GET /v1/messages`, the latest to be heard of for the first time at the beginning.
async fn list(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let stuck_for = params.duration("stuck_for")?;
    let filter = MessageFilter {
        state: params.state()?,
        stuck_since: stuck_for.map(|length| room.clock.now().before(length)),
        source: params
            .parsed("source", "the name of a source")?
            .or_else(|| caller.reach.only().cloned()),
        reach: caller.reach,
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
    if let Some(format) = export::format(&mut params)? {
        let export = Export::read(What::Messages(filter), format, params, &room)?;
        return export.answer(&request, room).await;
    }
    let page = page::request(&mut params, List::Messages, &room.key)?;
    params.end()?;
    let found = room.store.messages(filter, page).await?;
    let items = found.items.iter().map(MessageTold::of).collect();
    let found = Page { items, place: found.place, more: found.more };
    Ok(page::answer(found, List::Messages, &room.key))
}

/// `GET /v1/messages/{source}/{message_id}`; the id is percent-encoded, for ids hold `/`, `+` and `@`.
async fn one(room: Current, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let instance = params.text("instance")?;
    params.end()?;
    let (source, id) = path::source_and_id(&request, "/v1/messages/", "message")?;
    if !caller.reach.has(&source) {
        return Err(Problem::missing("message", &id));
    }
    let story = room.store.message(&source, &id, instance.as_deref()).await?;
    let story = story.ok_or_else(|| Problem::missing("message", &id))?;
    Ok(HttpResponse::Ok().json(StoryTold::of(&story)))
}
