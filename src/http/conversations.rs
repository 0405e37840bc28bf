//! `/v1/conversations/{source}/{id}`: what was said in both directions, and what became of it.

use actix_web::{HttpRequest, HttpResponse};

use super::auth;
use super::page::{self, List};
use super::params::Params;
use super::path;
use super::problem::Problem;
use super::room::Current;
use crate::config::Scope;
use crate::domain::query::Order;

/// `GET /v1/conversations/{source}/{id}`, oldest first unless told otherwise; the id percent-encoded.
pub(super) async fn one(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let page = page::request_from(Order::Ascending, &mut params, List::Conversation, &room.key)?;
    params.end()?;
    let (source, id) = path::source_and_id(&request, "/v1/conversations/", "conversation")?;
    let found = room.store.conversation(&source, &id, page).await?;
    let found = found.ok_or_else(|| Problem::missing("conversation", &id))?;
    Ok(page::answer(found, List::Conversation, &room.key))
}
