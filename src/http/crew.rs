//! The threads that serve one listener's connections, and who takes the connections in for them.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_service::{Service, ServiceFactory};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;

/// How long nobody is taken in after the system had no room for one more open file or socket.
const CROWDED_REST: Duration = Duration::from_millis(500);

/// Threads that serve a listener's connections, each with a runtime of its own.
pub(super) struct Crew {
    hands: Vec<Hand>,
    next: usize,
    /// Places for connections; who finds none waits in the system's queue.
    places: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

/// One of the threads.
struct Hand {
    queue: mpsc::Sender<Arrival>,
    ended: oneshot::Receiver<()>,
}

/// A connection on its way to its thread, with its place.
struct Arrival {
    stream: TcpStream,
    place: OwnedSemaphorePermit,
}

impl Crew {
    /// Starts `threads` threads for so many connections in all. Each thread makes its own service, which is called with every
    /// connection; `cut` ends the threads with whatever they still serve.
    pub(super) fn start<F, S>(
        threads: NonZeroUsize,
        connections: usize,
        service: &F,
        clock: Arc<dyn Clock>,
        cut: &CancellationToken,
    ) -> io::Result<Self>
    where
        F: Fn() -> S + Clone + Send + 'static,
        S: ServiceFactory<tokio::net::TcpStream, Config = (), InitError = ()> + 'static,
        S::Service: 'static,
    {
        let hands = (0..threads.get()).map(|_| {
            let (queue, arrivals) = mpsc::channel(connections);
            let (tell, ended) = oneshot::channel();
            let (service, cut) = (service.clone(), cut.clone());
            let runtime = tokio::runtime::Builder::new_current_thread();
            std::thread::Builder::new().name("callbox-http".to_owned()).spawn(move || {
                work(runtime, &service, arrivals, &cut);
                // Nobody may wait for it any more.
                let _ = tell.send(());
            })?;
            Ok(Hand { queue, ended })
        });
        let hands = hands.collect::<io::Result<_>>()?;
        Ok(Self { hands, next: 0, places: Arc::new(Semaphore::new(connections)), clock })
    }

    /// Serves connections that were handed on to us, as far as there are places.
    pub(super) fn adopt(&mut self, streams: Vec<TcpStream>) -> io::Result<()> {
        for stream in streams {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { break };
            self.pass_on(Arrival { stream, place })?;
        }
        Ok(())
    }

    /// Takes connections in until `stop`. Every one that was taken in is served; the others stay in the system's queue.
    pub(super) async fn take_in(
        &mut self,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        while let Some(Ok(place)) =
            stop.run_until_cancelled(Arc::clone(&self.places).acquire_owned()).await
        {
            match stop.run_until_cancelled(listener.accept()).await {
                None => break,
                Some(Ok((stream, _))) => {
                    // It is watched by the thread that serves it, and no more by ours.
                    if let Ok(stream) = stream.into_std() {
                        self.pass_on(Arrival { stream, place })?;
                    }
                }
                Some(Err(error)) if is_the_clients(&error) => {}
                Some(Err(error)) => {
                    tracing::error!(%error, "can't take connections in; trying again in half a second");
                    stop.run_until_cancelled(self.clock.sleep(CROWDED_REST)).await;
                }
            }
        }
        Ok(())
    }

    /// Gives a connection to the thread whose turn it is.
    fn pass_on(&mut self, mut arrival: Arrival) -> io::Result<()> {
        let count = self.hands.len();
        for _ in 0..count {
            self.next = (self.next + 1) % count;
            let Some(hand) = self.hands.get(self.next) else { continue };
            match hand.queue.try_send(arrival) {
                Ok(()) => return Ok(()),
                // There is room in it for every place, so it has ended.
                Err(error) => arrival = error.into_inner(),
            }
        }
        Err(io::Error::other("no thread is left to serve connections"))
    }

    /// Waits until every connection has ended.
    pub(super) async fn ended(self) {
        let ended: Vec<_> = self.hands.into_iter().map(|hand| hand.ended).collect();
        for ended in ended {
            // One that panicked has ended, too.
            let _ = ended.await;
        }
    }
}

/// Whether it failed for a connection alone that went before it was taken in.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// What a thread does: serves what is passed to it, until nothing more comes and all of it has ended.
fn work<F, S>(
    mut runtime: tokio::runtime::Builder,
    service: &F,
    mut arrivals: mpsc::Receiver<Arrival>,
    cut: &CancellationToken,
) where
    F: Fn() -> S,
    S: ServiceFactory<tokio::net::TcpStream, Config = (), InitError = ()> + 'static,
    S::Service: 'static,
{
    let runtime = match runtime.enable_all().build_local(tokio::runtime::LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a thread that serves connections could not start");
            return;
        }
    };
    let serving = async {
        let Ok(service) = service().new_service(()).await else { return };
        let (service, tasks) = (std::rc::Rc::new(service), TaskTracker::new());
        while let Some(Arrival { stream, place }) = arrivals.recv().await {
            let service = std::rc::Rc::clone(&service);
            tasks.spawn_local(async move {
                // One that can't be watched any more is gone; how a connection ended is nobody's business.
                if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
                    let _ = service.call(stream).await;
                }
                drop(place);
            });
        }
        tasks.close();
        tasks.wait().await;
    };
    runtime.block_on(cut.run_until_cancelled(serving));
}
