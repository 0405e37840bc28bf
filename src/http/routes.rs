//! Every path in one place.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use super::operation::{Operation, Verb};
use super::problem::{Code, Problem};
use super::{
    alarms, callbacks, consumers, conversations, deliveries, destinations, document, events,
    health, inbound, keys, messages, metrics, persons, reload, replays, reprocess, sources, stats,
    stream, trial,
};

/// What a path does.
type At = (&'static str, &'static [&'static Operation]);

/// The API: for everybody who asks.
pub(super) const API: &[At] = &[
    ("/openapi.json", &[&document::DOCUMENT]),
    ("/docs", &[&document::PAGE]),
    ("/healthz", &[&health::ALIVE]),
    ("/readyz", &[&health::READY]),
    ("/health", &[&health::WHOLE]),
    ("/metrics", &[&metrics::ALL]),
    ("/v1/alarms", &[&alarms::LIST]),
    ("/v1/events", &[&events::LIST]),
    ("/v1/events/stream", &[&stream::OPEN]),
    ("/v1/events/{id}", &[&events::ONE]),
    ("/v1/events/{id}/replay", &[&replays::ONE_EVENT]),
    ("/v1/replays", &[&replays::LIST, &replays::BEGIN]),
    ("/v1/replays/{id}", &[&replays::ONE]),
    ("/v1/replays/{id}/cancel", &[&replays::CANCEL]),
    ("/v1/messages", &[&messages::LIST]),
    ("/v1/messages/{source}/{id:.*}", &[&messages::ONE]),
    ("/v1/conversations/{source}/{id:.*}", &[&conversations::ONE]),
    ("/v1/callbacks", &[&callbacks::LIST]),
    ("/v1/callbacks/{id}", &[&callbacks::ONE]),
    ("/v1/callbacks/{id}/body", &[&callbacks::BODY]),
    ("/v1/callbacks/{id}/reprocess", &[&reprocess::REPROCESS]),
    ("/v1/deliveries", &[&deliveries::LIST]),
    ("/v1/deliveries/{id}", &[&deliveries::ONE]),
    ("/v1/deliveries/{id}/retry", &[&deliveries::RETRY]),
    ("/v1/deliveries/{id}/cancel", &[&deliveries::CANCEL]),
    ("/v1/destinations", &[&destinations::LIST]),
    ("/v1/destinations/{name}", &[&destinations::ONE]),
    ("/v1/destinations/{name}/test", &[&trial::TEST]),
    ("/v1/destinations/{name}/pause", &[&destinations::PAUSE]),
    ("/v1/destinations/{name}/resume", &[&destinations::RESUME]),
    ("/v1/stats", &[&stats::STATS]),
    ("/v1/consumers", &[&consumers::LIST]),
    ("/v1/consumers/{name}", &[&consumers::ONE, &consumers::KEEP, &consumers::REMOVE]),
    ("/v1/consumers/{name}/events", &[&consumers::EVENTS]),
    ("/v1/consumers/{name}/commit", &[&consumers::COMMIT]),
    ("/v1/consumers/{name}/seek", &[&consumers::SEEK]),
    ("/v1/erasures", &[&persons::LIST, &persons::BEGIN]),
    ("/v1/erasures/{id}", &[&persons::ONE]),
    ("/v1/exports", &[&persons::EXPORT]),
    ("/v1/reload", &[&reload::RELOAD]),
    ("/v1/sources", &[&sources::LIST]),
    ("/v1/sources/{name}", &[&sources::ONE]),
    ("/v1/sources/{name}/drift/clear", &[&sources::CLEAR_DRIFT]),
    ("/v1/keys", &[&keys::LIST]),
];

/// The vendors' listener. Whatever else comes to it is a push, or was meant to be one: the source is found without a pattern.
pub(super) fn vendors(config: &mut ServiceConfig) {
    serve(config, &[("/healthz", &[&health::ALIVE]), ("/readyz", &[&health::READY])]);
    config.default_service(web::to(inbound::push));
}

/// The API's listener.
pub(super) fn api(config: &mut ServiceConfig) {
    serve(config, API);
    config.default_service(web::to(nothing));
}

fn serve(config: &mut ServiceConfig, paths: &'static [At]) {
    for (path, operations) in paths {
        let mut resource = web::resource(*path);
        for operation in *operations {
            resource = resource.route(operation.route());
        }
        let resource = resource.default_service(web::to(async |request: HttpRequest| {
            wrong_method(&request, operations)
        }));
        if operations.iter().any(|operation| operation.verb == Verb::Get) {
            config.service(resource.wrap(from_fn(head_as_get)));
        } else {
            config.service(resource);
        }
    }
}

/// What a request carries of whose answer the head alone is wanted.
pub(super) struct HeadAlone;

/// A `HEAD` is answered like a `GET`; the server leaves the body out.
async fn head_as_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(HeadAlone);
    }
    next.call(request).await
}

fn wrong_method(request: &HttpRequest, operations: &[&Operation]) -> Result<HttpResponse, Problem> {
    let (path, method) = (request.path(), request.method());
    let allowed: Vec<&str> = operations.iter().map(|operation| operation.verb.allowed()).collect();
    let allowed = allowed.join(", ");
    let detail = format!("{path} does not take {method}; it takes {allowed}");
    let allow = HeaderValue::from_str(&allowed).unwrap_or(HeaderValue::from_static(""));
    Err(Problem::new(Code::MethodNotAllowed, detail).with(header::ALLOW, allow))
}

async fn nothing(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path: String = request.path().chars().take(200).collect();
    Err(Problem::new(Code::NotFound, format!("there is nothing at {path}")))
}
