//! The two servers: what serves their connections, and how they stop.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpServiceBuilder, Request};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, web};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::crew::Crew;
use super::guard::{Guarded, HEAD_TIME, Turn};
use super::listeners::Listeners;
use super::parting::{Ear, Parting};
use super::room::Rooms;
use super::{descriptors, encoding, routes};
use crate::clock::Clock;

/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(15);

/// How long we go on reading what was not asked for, so that the answer to it is read before the connection is gone.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// Connections of those who ask; one more waits.
const API_CONNECTIONS_MAX: usize = 1_024;

/// Threads that serve vendors, at most.
const WORKERS_MAX: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// How long we wait, once we stop, for the first request on a connection that was just taken in.
const FIRST_TIME: Duration = Duration::from_secs(1);

/// How long started requests may take to end once we stop.
const STOP_TIME: Duration = Duration::from_secs(10);

/// The same if others wait for us to make room for the next callbox.
const HAND_ON_TIME: Duration = Duration::from_secs(2);

/// How the servers are told to stop.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// No connection is taken in any more, and started requests end.
    pub stop: CancellationToken,
    /// The next callbox gets the connections that rest; it is told before the stop.
    pub hand_on: CancellationToken,
    /// What has not ended yet is cut off.
    pub hurry: CancellationToken,
}

/// Serves both until they are told to stop, then ends what was started. What it returns are connections for the next callbox.
pub async fn serve(
    listeners: Listeners,
    rooms: Arc<Rooms>,
    ends: Ends,
) -> io::Result<Vec<OwnedFd>> {
    let connections = descriptors::room_for(rooms.now().config.server.max_connections);
    let clock = Arc::clone(&rooms.now().clock);
    let rooms = web::Data::from(rooms);
    let (of_vendors, of_api) = (Parting::default(), Parting::default());
    let cut = CancellationToken::new();
    let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let shared = rooms.clone();
    let house = House { rooms, clock: Arc::clone(&clock), cut: cut.clone() };
    let app = move || {
        App::new().app_data(shared.clone()).wrap(from_fn(attend)).configure(routes::vendors)
    };
    let workers = workers.min(WORKERS_MAX);
    let mut vendors = house.crew(workers, connections, &of_vendors, app)?;
    let shared = house.rooms.clone();
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .wrap(from_fn(encoding::encode))
            .wrap(from_fn(attend))
            .configure(routes::api)
    };
    let mut api = house.crew(NonZeroUsize::MIN, API_CONNECTIONS_MAX, &of_api, app)?;

    vendors.adopt(listeners.connections)?;
    let took_in = tokio::try_join!(
        vendors.take_in(listeners.vendors, &ends.stop),
        api.take_in(listeners.api, &ends.stop)
    );
    let hands_on = ends.hand_on.is_cancelled();
    of_vendors.begin(hands_on);
    of_api.begin(false);
    let ended = async { tokio::join!(vendors.ended(), api.ended()) };
    let patience = async {
        clock.sleep(FIRST_TIME).await;
        of_vendors.grow_late();
        of_api.grow_late();
        let most = if hands_on { HAND_ON_TIME } else { STOP_TIME };
        clock.sleep(most.saturating_sub(FIRST_TIME)).await;
    };
    tokio::pin!(ended);
    tokio::select! {
        biased; // a hurry that is there from the start must not begin a graceful end first
        () = ends.hurry.cancelled() => cut.cancel(),
        _ = &mut ended => return took_in.map(|_| of_vendors.handed_on()),
        () = patience => cut.cancel(),
    }
    ended.await;
    took_in.map(|_| of_vendors.handed_on())
}

/// What both listeners share.
struct House {
    rooms: web::Data<Rooms>,
    clock: Arc<dyn Clock>,
    cut: CancellationToken,
}

impl House {
    /// The threads of one listener. What is more than these connections waits in the system's queue until one of them ends.
    fn crew<F, I, S, B>(
        &self,
        threads: NonZeroUsize,
        connections: usize,
        parting: &Parting,
        app: F,
    ) -> io::Result<Crew>
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
        let (rooms, parting) = (self.rooms.clone(), parting.clone());
        let service = move || {
            let (parting, room) = (parting.clone(), rooms.now());
            let http = HttpServiceBuilder::default()
                .client_request_timeout(HEAD_TIME)
                .client_disconnect_timeout(LINGER_TIME)
                .keep_alive(IDLE_TIME)
                .on_connect_ext(|connection: &Guarded<TcpStream>, data| {
                    data.insert(connection.turn());
                })
                .h1(map_config(
                    app().into_factory().map_err(|error| error.error_response()),
                    |()| AppConfig::default(),
                ));
            fn_service(move |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                let seat = room.seats.take(peer.map(|peer| peer.ip()));
                let clock = Arc::clone(&room.clock);
                let ear = Ear::new(parting.clone());
                std::future::ready(match seat {
                    Some(seat) => Ok((Guarded::new(stream, seat, clock, ear), peer)),
                    None => Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into())),
                })
            })
            .and_then(http)
        };
        Crew::start(threads, connections, &service, Arc::clone(&self.clock), &self.cut)
    }
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
        // Where it was not a success, some of the body may not have been read, and is yet to come.
        turn.theirs(answered.as_ref().is_ok_and(|response| response.status().is_success()));
    }
    let mut response = answered?;
    if rooms.is_some_and(|rooms| rooms.now().health.is_stopping()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
