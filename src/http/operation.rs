//! What the API can do: each operation with the right it needs and what it takes. It is served and documented from here.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpMessage, ResponseError, Route, web};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::auth;
use super::parameters::Param;
use super::params;
use super::problem::{Code, Problem};
use super::room::Rooms;
use crate::config::Scope;

/// One thing that the API does at a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    /// Its name in the document, such as `listEvents`.
    pub(super) id: &'static str,
    /// How it is asked for.
    pub(super) verb: Verb,
    /// The scope that a key needs for it; nobody needs a key where there is none.
    pub(super) scope: Option<Scope>,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// The groups of query parameters that it takes; it refuses all others.
    pub(super) query: &'static [&'static [Param]],
    /// What it answers when all is well; for a health check, also when not.
    pub(super) answers: &'static [Answer],
    /// What it may refuse beside what every operation may.
    pub(super) problems: &'static [Code],
    /// The JSON that it takes as its body.
    pub(super) body: Option<fn(&mut SchemaGenerator) -> Schema>,
    handler: fn() -> Route,
}

/// An answer of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// What it is.
    pub(super) what: &'static str,
    /// Its content type.
    pub(super) media: &'static str,
    /// What its body looks like.
    pub(super) body: Body,
}

/// What a body looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// JSON of a type.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Text.
    Text,
    /// Bytes of any kind.
    Bytes,
}

impl Answer {
    /// A 200 with JSON of the type `T`.
    pub(super) const fn json<T: JsonSchema>(what: &'static str) -> Self {
        let body = Body::Json(SchemaGenerator::subschema_for::<T>);
        Self { status: 200, what, media: "application/json", body }
    }

    /// A 200 with text of this content type.
    pub(super) const fn text(media: &'static str, what: &'static str) -> Self {
        Self { status: 200, what, media, body: Body::Text }
    }

    /// A 200 with bytes.
    pub(super) const fn bytes(what: &'static str) -> Self {
        Self { status: 200, what, media: "application/octet-stream", body: Body::Bytes }
    }

    /// The same with another status.
    pub(super) const fn with(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// The methods that operations are asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Asks; answers `HEAD` too.
    Get,
    /// Does something.
    Post,
    /// Makes something be as it is asked for.
    Put,
    /// Removes something.
    Delete,
}

impl Verb {
    /// The method.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
        }
    }

    /// The methods that are answered, as `Allow` names them.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl Operation {
    /// A question, for keys with the scope `read`.
    pub(super) const fn get(
        id: &'static str,
        summary: &'static str,
        handler: fn() -> Route,
    ) -> Self {
        let (verb, scope) = (Verb::Get, Some(Scope::Read));
        Self {
            id,
            verb,
            scope,
            summary,
            query: &[],
            answers: &[],
            problems: &[],
            body: None,
            handler,
        }
    }

    /// A deed, for keys with the scope `operate`.
    pub(super) const fn post(
        id: &'static str,
        summary: &'static str,
        handler: fn() -> Route,
    ) -> Self {
        let (verb, scope) = (Verb::Post, Some(Scope::Operate));
        Self {
            id,
            verb,
            scope,
            summary,
            query: &[],
            answers: &[],
            problems: &[],
            body: None,
            handler,
        }
    }

    /// A deed that makes something, for keys with the scope `operate`.
    pub(super) const fn put(
        id: &'static str,
        summary: &'static str,
        handler: fn() -> Route,
    ) -> Self {
        Self { verb: Verb::Put, ..Self::post(id, summary, handler) }
    }

    /// A deed that removes something, for keys with the scope `operate`.
    pub(super) const fn delete(
        id: &'static str,
        summary: &'static str,
        handler: fn() -> Route,
    ) -> Self {
        Self { verb: Verb::Delete, ..Self::post(id, summary, handler) }
    }

    /// The same, for keys with another scope.
    pub(super) const fn needs(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// The same, for everybody, without a key.
    pub(super) const fn open(self) -> Self {
        Self { scope: None, ..self }
    }

    /// The same, with these groups of query parameters.
    pub(super) const fn takes(self, query: &'static [&'static [Param]]) -> Self {
        Self { query, ..self }
    }

    /// The same, with JSON of the type `T` as its body.
    pub(super) const fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// The same, with these answers.
    pub(super) const fn answers(self, answers: &'static [Answer]) -> Self {
        Self { answers, ..self }
    }

    /// The same, where this may be refused too.
    pub(super) const fn may_refuse(self, problems: &'static [Code]) -> Self {
        Self { problems, ..self }
    }

    /// Its route: who asks and what for are looked at before its handler is.
    pub(super) fn route(&'static self) -> Route {
        let admitted =
            move |request: ServiceRequest, next: Next<BoxBody>| self.admit(request, next);
        (self.handler)().method(self.verb.method()).wrap(from_fn(admitted))
    }

    async fn admit(
        &self,
        request: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
        if let Err(problem) = self.judge(&request) {
            return Ok(request.into_response(problem.error_response()));
        }
        next.call(request).await
    }

    /// First who asks, then what for: whoever has no key learns nothing about parameters.
    fn judge(&self, request: &ServiceRequest) -> Result<(), Problem> {
        if let (Some(scope), Some(rooms)) = (self.scope, request.app_data::<web::Data<Rooms>>()) {
            let caller = auth::caller(&rooms.now(), request.request())?;
            caller.require(scope)?;
            request.extensions_mut().insert(caller);
        }
        if self.scope.is_none() {
            return Ok(()); // what balancers and browsers append does no harm here
        }
        let known: Vec<&str> =
            self.query.iter().copied().flatten().map(|param| param.name).collect();
        params::all_known(request.query_string(), &known)
    }
}
