//! The two servers: how they are bound, and how they stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpServiceBuilder, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};
use tokio_util::sync::CancellationToken;

use super::guard::{Guarded, HEAD_TIME, Turn};
use super::room::Rooms;
use super::{descriptors, encoding, routes};

/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(15);

/// How long we go on reading what was not asked for, so that the answer to it is read before the connection is gone.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// Connections of those who ask; one more waits.
const API_CONNECTIONS_MAX: usize = 1_024;

/// Threads that serve vendors, at most.
const WORKERS_MAX: usize = 64;

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
    let connections = descriptors::room_for(rooms.now().config.server.max_connections);
    let rooms = web::Data::from(rooms);
    let shared = rooms.clone();
    let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = workers.min(WORKERS_MAX);
    let vendors = Server::build().workers(workers);
    let each = connections.div_ceil(workers);
    let vendors = run(listeners.vendors, vendors, each, rooms.clone(), move || {
        App::new().app_data(shared.clone()).wrap(from_fn(attend)).configure(routes::vendors)
    })?;
    let shared = rooms.clone();
    let api =
        run(listeners.api, Server::build().workers(1), API_CONNECTIONS_MAX, rooms, move || {
            App::new()
                .app_data(shared.clone())
                .wrap(from_fn(encoding::encode))
                .wrap(from_fn(attend))
                .configure(routes::api)
        })?;
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

/// Runs the server of one listener. What is more than these connections for each of its workers waits in the system's queue until
/// one of them ends.
fn run<F, I, S, B>(
    listener: TcpListener,
    server: ServerBuilder,
    connections: usize,
    rooms: web::Data<Rooms>,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Error = actix_web::Error, InitError = ()>
        + 'static,
    S::Response: Into<actix_http::Response<B>>,
    S::Future: 'static,
    <S::Service as actix_service::Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let stopping = server.graceful_shutdown_signal();
    let service = move || {
        let (stopping, room) = (stopping.clone(), rooms.now());
        let http = HttpServiceBuilder::default()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .client_request_timeout(HEAD_TIME)
            .client_disconnect_timeout(LINGER_TIME)
            .keep_alive(IDLE_TIME)
            .on_connect_ext(|connection: &Guarded<TcpStream>, data| {
                data.insert(connection.turn());
            })
            .h1(map_config(app().into_factory().map_err(|error| error.error_response()), |()| {
                AppConfig::default()
            }));
        fn_service(move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            let seat = room.seats.take(peer.map(|peer| peer.ip()));
            let clock = Arc::clone(&room.clock);
            std::future::ready(match seat {
                Some(seat) => Ok((Guarded::new(stream, seat, clock), peer)),
                None => Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into())),
            })
        })
        .and_then(http)
    };
    let server = server
        .max_concurrent_connections(connections)
        .shutdown_timeout(STOP_SECONDS)
        .disable_signals()
        .listen("callbox", listener, service)?;
    Ok(server.run())
}

/// Tells the connection whose turn it is. Once we stop, every answer says that its connection takes no further request.
async fn attend(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let turn = request.conn_data::<Turn>().cloned();
    if let Some(turn) = &turn {
        turn.ours();
    }
    let rooms = request.app_data::<web::Data<Rooms>>().cloned();
    let answered = next.call(request).await;
    if let Some(turn) = turn {
        turn.theirs();
    }
    let mut response = answered?;
    if rooms.is_some_and(|rooms| rooms.now().health.is_stopping()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
