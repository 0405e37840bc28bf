//! `POST /v1/reload`: the configuration is read again, and taken over if it is right.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::oneshot;

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::problem::{Code, Problem};
use super::room::Current;

/// That somebody asks for the configuration to be read again, and where to tell what came of it: on failure, why.
pub type Reload = oneshot::Sender<Result<Reloaded, String>>;

/// A configuration that was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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

/// Reading the configuration again.
pub(super) const RELOAD: Operation =
    Operation::post("reload", "Read the configuration again and take it over", || web::to(reload))
        .answers(&[Answer::json::<Reloaded>("It was taken over.")])
        .may_refuse(&[Code::Conflict]);

/// `POST /v1/reload`, for who may operate on everything.
async fn reload(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    if caller.reach.sources().is_some() {
        let detail = "a key that is limited to sources can't change what the others go by";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let (tell, told) = oneshot::channel();
    let no_file = || Problem::new(Code::Conflict, "this callbox was not started from a file");
    room.reloads.send(tell).await.map_err(|_| no_file())?;
    match told.await.map_err(|_| no_file())? {
        Ok(reloaded) => Ok(HttpResponse::Ok().json(reloaded)),
        Err(why) => Err(Problem::new(Code::Conflict, format!("{why}\nwhat ran so far runs on"))),
    }
}
