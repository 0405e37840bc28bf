//! The two servers: how they are bound, and how they stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, web};
use tokio_util::sync::CancellationToken;

use super::room::Rooms;
use super::routes;

/// How long a head may take.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(15);

/// How long started requests may take to end once we stop, in seconds.
const STOP_SECONDS: u64 = 10;

/// Connections that the system may hold for us before they are taken.
const BACKLOG: i32 = 1_024; // for a burst of vendors' connections

/// The two bound sockets; nothing is taken from them yet.
#[derive(Debug)]
pub struct Listeners {
    vendors: TcpListener,
    api: TcpListener,
    /// Where vendors push.
    pub vendors_address: SocketAddr,
    /// Where questions are asked.
    pub api_address: SocketAddr,
}

impl Listeners {
    /// Binds both; the error names the address.
    pub fn bind(vendors: SocketAddr, api: SocketAddr) -> io::Result<Self> {
        let (vendors, api) = (bind(vendors)?, bind(api)?);
        let (vendors_address, api_address) = (vendors.local_addr()?, api.local_addr()?);
        Ok(Self { vendors, api, vendors_address, api_address })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).map_err(|error| {
        let in_use = error.kind() == io::ErrorKind::AddrInUse;
        let hint = if in_use { "; is another callbox running?" } else { "" };
        io::Error::new(error.kind(), format!("can't listen on {address}: {error}{hint}"))
    })?;
    rustix::net::listen(&bound, BACKLOG)?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}

/// Serves both until `stop`, then ends what was started, within ten seconds; `hurry` cuts that short.
pub async fn serve(
    listeners: Listeners,
    rooms: Arc<Rooms>,
    stop: CancellationToken,
    hurry: CancellationToken,
) -> io::Result<()> {
    let rooms = web::Data::from(rooms);
    let shared = rooms.clone();
    let vendors = HttpServer::new(move || {
        App::new().app_data(shared.clone()).wrap(from_fn(take_leave)).configure(routes::vendors)
    })
    .client_request_timeout(HEAD_TIME)
    .keep_alive(IDLE_TIME)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals()
    .listen(listeners.vendors)?
    .run();
    let api = HttpServer::new(move || {
        App::new().app_data(rooms.clone()).wrap(from_fn(take_leave)).configure(routes::api)
    })
    .workers(1)
    .client_request_timeout(HEAD_TIME)
    .keep_alive(IDLE_TIME)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals()
    .listen(listeners.api)?
    .run();
    let (vendors_handle, api_handle) = (vendors.handle(), api.handle());
    let stopper = async move {
        stop.cancelled().await;
        let graceful = async { tokio::join!(vendors_handle.stop(true), api_handle.stop(true)) };
        tokio::select! {
            biased; // a hurry that is there from the start must not begin a graceful end first
            () = hurry.cancelled() => {
                tokio::join!(vendors_handle.stop(false), api_handle.stop(false));
            }
            _ = graceful => {}
        }
    };
    let ((), vendors, api) = tokio::join!(stopper, vendors, api);
    vendors.and(api)
}

/// Once we stop, every answer says that its connection takes no further request.
async fn take_leave(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let rooms = request.app_data::<web::Data<Rooms>>().cloned();
    let mut response = next.call(request).await?;
    if rooms.is_some_and(|rooms| rooms.now().health.is_stopping()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
