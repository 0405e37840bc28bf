//! `/v1/conversations/{source}/{id}`: what was said in both directions, and what became of it.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::parameters;
use super::params::Params;
use super::path;
use super::problem::Problem;
use super::room::Current;
use crate::domain::event::Event;
use crate::domain::query::Order;

/// One conversation.
pub(super) const ONE: Operation =
    Operation::get("getConversation", "Tell a conversation in both directions", || web::to(one))
        .takes(&[parameters::PAGE])
        .answers(&[Answer::json::<PageOf<Event>>(
            "A page of the events about its messages, oldest first unless told otherwise.",
        )]);

/// `GET /v1/conversations/{source}/{id}`, oldest first unless told otherwise; the id percent-encoded.
async fn one(room: Current, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let page = page::request_from(Order::Ascending, &mut params, List::Conversation, &room.key)?;
    params.end()?;
    let (source, id) = path::source_and_id(&request, "/v1/conversations/", "conversation")?;
    if !caller.reach.has(&source) {
        return Err(Problem::missing("conversation", &id));
    }
    let found = room.store.conversation(&source, &id, page).await?;
    let found = found.ok_or_else(|| Problem::missing("conversation", &id))?;
    Ok(page::answer(found, List::Conversation, &room.key))
}
