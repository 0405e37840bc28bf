//! `POST /v1/reload`: the configuration is read again, and taken over if it is right.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use tokio::sync::oneshot;

use super::auth;
use super::problem::{Code, Problem};
use super::room::Current;
use crate::config::Scope;

/// That somebody asks for the configuration to be read again, and where to tell what came of it: on failure, why.
pub type Reload = oneshot::Sender<Result<Reloaded, String>>;

/// A configuration that was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// How many sources it has.
    pub sources: usize,
    /// How many destinations.
    pub destinations: usize,
    /// How many API keys.
    pub keys: usize,
    /// Keys whose values are others now, and which wait for the next start.
    pub needs_restart: Vec<&'static str>,
}

/// `POST /v1/reload`.
pub(super) async fn reload(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let (tell, told) = oneshot::channel();
    let no_file = || Problem::new(Code::Conflict, "this callbox was not started from a file");
    room.reloads.send(tell).await.map_err(|_| no_file())?;
    match told.await.map_err(|_| no_file())? {
        Ok(reloaded) => Ok(HttpResponse::Ok().json(reloaded)),
        Err(why) => Err(Problem::new(Code::Conflict, format!("{why}\nwhat ran so far runs on"))),
    }
}
