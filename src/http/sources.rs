//! `/v1/sources`: who pushes here, and how much came of it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::auth;
use super::problem::Problem;
use super::server::Room;
use crate::config::Scope;
use crate::domain::source::Source;

/// `GET /v1/sources`, with the requests that came to no source.
pub(super) async fn list(
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let raw = auth::has(&room, &request, Scope::Raw);
    let mut data = Vec::new();
    for source in &room.config.sources {
        data.push(shown(&room, source, raw).await?);
    }
    let (number, latest) = room.strangers.seen();
    Ok(HttpResponse::Ok()
        .json(json!({ "data": data, "no_source": { "received": number, "latest": latest } })))
}

/// `GET /v1/sources/{name}`.
pub(super) async fn one(
    room: web::Data<Room>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let source = room.config.sources.iter().find(|source| source.name.as_str() == name.as_str());
    let source = source.ok_or_else(|| Problem::missing("source", &name))?;
    let raw = auth::has(&room, &request, Scope::Raw);
    Ok(HttpResponse::Ok().json(shown(&room, source, raw).await?))
}

async fn shown(room: &Room, source: &Source, raw: bool) -> Result<Value, Problem> {
    let counts = room.store.intake_of(&source.name).await?;
    let unauthentic: Map<String, Value> =
        counts.unauthentic.into_iter().map(|(reason, number)| (reason, json!(number))).collect();
    let mut shown = json!({
        "name": source.name,
        "vendor": source.vendor,
        "push_path": source.push_path(raw),
        "received": counts.received,
        "duplicates": counts.duplicates,
        "quarantined": counts.quarantined,
        "unauthentic": unauthentic,
    });
    if let (Some(at), Some(fields)) = (counts.last_received_at, shown.as_object_mut()) {
        fields.insert("last_received_at".to_owned(), json!(at));
    }
    Ok(shown)
}
