//! Every path in one place.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::problem::{Code, Problem};
use super::{
    callbacks, deliveries, destinations, events, health, inbound, messages, metrics, reprocess,
    sources,
};

/// The vendors' listener.
pub(super) fn vendors(config: &mut ServiceConfig) {
    config
        .route("/in/{source}", web::route().to(inbound::push))
        .route("/in/{source}/{below:.*}", web::route().to(inbound::push))
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .default_service(web::to(nothing));
}

/// The listener for everybody who asks.
pub(super) fn api(config: &mut ServiceConfig) {
    config
        .service(at("/healthz", web::get().to(health::alive)))
        .service(at("/readyz", web::get().to(health::ready)))
        .service(at("/health", web::get().to(health::whole)))
        .service(at("/metrics", web::get().to(metrics::all)))
        .service(at("/v1/events", web::get().to(events::list)))
        .service(at("/v1/events/{id}", web::get().to(events::one)))
        .service(at("/v1/messages/{source}/{id:.*}", web::get().to(messages::one)))
        .service(at("/v1/callbacks", web::get().to(callbacks::list)))
        .service(at("/v1/callbacks/{id}", web::get().to(callbacks::one)))
        .service(at("/v1/callbacks/{id}/body", web::get().to(callbacks::body)))
        .service(at("/v1/callbacks/{id}/reprocess", web::post().to(reprocess::reprocess)))
        .service(at("/v1/deliveries", web::get().to(deliveries::list)))
        .service(at("/v1/deliveries/{id}", web::get().to(deliveries::one)))
        .service(at("/v1/deliveries/{id}/retry", web::post().to(deliveries::retry)))
        .service(at("/v1/deliveries/{id}/cancel", web::post().to(deliveries::cancel)))
        .service(at("/v1/destinations", web::get().to(destinations::list)))
        .service(at("/v1/destinations/{name}", web::get().to(destinations::one)))
        .service(at("/v1/destinations/{name}/pause", web::post().to(destinations::pause)))
        .service(at("/v1/destinations/{name}/resume", web::post().to(destinations::resume)))
        .service(at("/v1/sources", web::get().to(sources::list)))
        .service(at("/v1/sources/{name}", web::get().to(sources::one)))
        .default_service(web::to(nothing));
}

/// A path with the one method that it takes; another method is told so.
fn at(path: &str, route: actix_web::Route) -> actix_web::Resource {
    web::resource(path).route(route).default_service(web::to(wrong_method))
}

async fn wrong_method(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (path, method) = (request.path(), request.method());
    Err(Problem::new(Code::MethodNotAllowed, format!("{path} does not take {method}")))
}

async fn nothing(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path: String = request.path().chars().take(200).collect();
    Err(Problem::new(Code::NotFound, format!("there is nothing at {path}")))
}
