//! Every path in one place.

use actix_web::body::MessageBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route};

use super::problem::{Code, Problem};
use super::{
    callbacks, conversations, deliveries, destinations, events, health, inbound, messages, metrics,
    reload, replays, reprocess, sources, stream, trial,
};

/// The vendors' listener. Whatever else comes to it is a push, or was meant to be one: the source is found without a pattern.
pub(super) fn vendors(config: &mut ServiceConfig) {
    config
        .service(at("/healthz", web::get().to(health::alive)))
        .service(at("/readyz", web::get().to(health::ready)))
        .default_service(web::to(inbound::push));
}

/// The listener for everybody who asks.
pub(super) fn api(config: &mut ServiceConfig) {
    config
        .service(at("/healthz", web::get().to(health::alive)))
        .service(at("/readyz", web::get().to(health::ready)))
        .service(at("/health", web::get().to(health::whole)))
        .service(at("/metrics", web::get().to(metrics::all)))
        .service(at("/v1/events", web::get().to(events::list)))
        .service(at("/v1/events/stream", web::get().to(stream::open)))
        .service(at("/v1/events/{id}", web::get().to(events::one)))
        .service(at("/v1/messages", web::get().to(messages::list)))
        .service(at("/v1/messages/{source}/{id:.*}", web::get().to(messages::one)))
        .service(at("/v1/conversations/{source}/{id:.*}", web::get().to(conversations::one)))
        .service(at("/v1/callbacks", web::get().to(callbacks::list)))
        .service(at("/v1/callbacks/{id}", web::get().to(callbacks::one)))
        .service(at("/v1/callbacks/{id}/body", web::get().to(callbacks::body)))
        .service(deed("/v1/callbacks/{id}/reprocess", web::post().to(reprocess::reprocess)))
        .service(at("/v1/deliveries", web::get().to(deliveries::list)))
        .service(at("/v1/deliveries/{id}", web::get().to(deliveries::one)))
        .service(deed("/v1/deliveries/{id}/retry", web::post().to(deliveries::retry)))
        .service(deed("/v1/deliveries/{id}/cancel", web::post().to(deliveries::cancel)))
        .service(at("/v1/destinations", web::get().to(destinations::list)))
        .service(at("/v1/destinations/{name}", web::get().to(destinations::one)))
        .service(at("/v1/destinations/{name}/test", web::get().to(trial::test)))
        .service(deed("/v1/destinations/{name}/pause", web::post().to(destinations::pause)))
        .service(deed("/v1/destinations/{name}/resume", web::post().to(destinations::resume)))
        .service(deed("/v1/reload", web::post().to(reload::reload)))
        .service(deed("/v1/events/{id}/replay", web::post().to(replays::one_event)))
        .service(asked_or_done(
            "/v1/replays",
            web::get().to(replays::list),
            web::post().to(replays::begin),
        ))
        .service(at("/v1/replays/{id}", web::get().to(replays::one)))
        .service(deed("/v1/replays/{id}/cancel", web::post().to(replays::cancel)))
        .service(at("/v1/sources", web::get().to(sources::list)))
        .service(at("/v1/sources/{name}", web::get().to(sources::one)))
        .default_service(web::to(nothing));
}

/// A path that is asked with `GET`, or with `HEAD` for the answer's head alone.
fn at(path: &str, route: Route) -> impl HttpServiceFactory + use<> {
    let wrong = web::to(async |request: HttpRequest| wrong_method(&request, "GET, HEAD"));
    web::resource(path).route(route).default_service(wrong).wrap(from_fn(head_as_get))
}

/// A path where something is done, with `POST`.
fn deed(path: &str, route: Route) -> Resource {
    let wrong = web::to(async |request: HttpRequest| wrong_method(&request, "POST"));
    web::resource(path).route(route).default_service(wrong)
}

/// A path that is asked, and where something is done.
fn asked_or_done(path: &str, asked: Route, done: Route) -> impl HttpServiceFactory + use<> {
    let wrong = web::to(async |request: HttpRequest| wrong_method(&request, "GET, HEAD, POST"));
    web::resource(path).route(asked).route(done).default_service(wrong).wrap(from_fn(head_as_get))
}

/// A `HEAD` is answered like a `GET`; the server leaves the body out.
async fn head_as_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}

fn wrong_method(request: &HttpRequest, allowed: &'static str) -> Result<HttpResponse, Problem> {
    let (path, method) = (request.path(), request.method());
    let detail = format!("{path} does not take {method}; it takes {allowed}");
    let allow = HeaderValue::from_static(allowed);
    Err(Problem::new(Code::MethodNotAllowed, detail).with(header::ALLOW, allow))
}

async fn nothing(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path: String = request.path().chars().take(200).collect();
    Err(Problem::new(Code::NotFound, format!("there is nothing at {path}")))
}
