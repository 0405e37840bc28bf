//! `/v1/destinations`: how each one stands, and pausing or resuming it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::auth;
use super::problem::Problem;
use super::server::Room;
use crate::config::Scope;
use crate::domain::destination::Destination;
use crate::domain::name::Name;

/// `GET /v1/destinations`.
pub(super) async fn list(
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut data = Vec::new();
    for destination in &room.config.destinations {
        data.push(shown(&room, destination).await?);
    }
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// `GET /v1/destinations/{name}`.
pub(super) async fn one(
    room: web::Data<Room>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let destination = find(&room, &name)?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

/// `POST /v1/destinations/{name}/pause`: what is due waits; attempts under way end.
pub(super) async fn pause(
    room: web::Data<Room>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let destination = find(&room, &name)?;
    room.board.pause(&destination.name, "paused by an operator").await?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

/// `POST /v1/destinations/{name}/resume`.
pub(super) async fn resume(
    room: web::Data<Room>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let destination = find(&room, &name)?;
    room.board.resume(&destination.name).await?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

fn find<'a>(room: &'a Room, name: &str) -> Result<&'a Destination, Problem> {
    let found =
        room.config.destinations.iter().find(|destination| destination.name.as_str() == name);
    found.ok_or_else(|| Problem::missing("destination", name))
}

async fn shown(room: &Room, destination: &Destination) -> Result<Value, Problem> {
    let name: &Name = &destination.name;
    let backlog = room.store.backlog(name).await?;
    let mut shown = json!({
        "name": name,
        "url": destination.url.as_str(),
        "state": "active",
        "backlog": backlog.waiting,
    });
    let Some(fields) = shown.as_object_mut() else { return Ok(shown) };
    if let Some(oldest) = backlog.oldest_pending_at {
        fields.insert("oldest_pending_at".to_owned(), json!(oldest));
    }
    if let Some(standing) = room.board.standing(name) {
        fields.insert("breaker".to_owned(), json!(standing.breaker.as_str()));
        fields.insert("in_flight".to_owned(), json!(standing.in_flight));
        if let Some(reason) = standing.paused {
            fields.insert("state".to_owned(), json!("paused"));
            fields.insert("paused_reason".to_owned(), json!(reason));
        }
    }
    Ok(shown)
}
