//! The one reader of request bodies: bytes as they come, with a cap on what really arrives and a deadline; never decompressed.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::clock::Clock;

/// Time that every body has.
const TIME_MIN: Duration = Duration::from_secs(10);

/// Bytes that earn a body one more second.
const BYTES_A_SECOND: usize = 100 * 1024;

/// Time after which a body is cut off, however large it is.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Bytes read past the cap, and thrown away, so that the sender gets to hear its answer.
const DRAINED_MAX: usize = 8 * 1024 * 1024;

/// Bytes of bodies in flight in all; a request beyond is answered 503.
const IN_FLIGHT_MAX: usize = 256 * 1024 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// More came than the source takes.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The connection broke off, or what came was not HTTP.
    BrokenOff,
    /// Too much is in flight already.
    Crowded,
}

/// A request's body that was not read yet.
pub(super) struct Body {
    payload: dev::Payload,
    /// The length that the head says it has; it may lie.
    declared: usize,
}

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        ready(Ok(Self { payload: payload.take(), declared: length.unwrap_or(0) }))
    }
}

impl Body {
    /// Reads it all, up to `cap` bytes. The room that it takes is given back when the last clone of the bytes is dropped, which may
    /// be after the sender has gone.
    pub(super) async fn read(
        mut self,
        cap: usize,
        flight: &InFlight,
        clock: &dyn Clock,
    ) -> Result<Bytes, NoBody> {
        let start = clock.elapsed();
        if flight.is_full_with(self.declared.min(cap)) {
            return Err(NoBody::Crowded);
        }
        let mut held = Held { buffer: BytesMut::new(), taken: 0, flight: flight.clone() };
        let mut total: usize = 0;
        loop {
            let extra = u32::try_from(total / BYTES_A_SECOND).unwrap_or(u32::MAX);
            let allowed =
                TIME_MIN.saturating_add(Duration::from_secs(1).saturating_mul(extra)).min(TIME_MAX);
            let left = allowed.saturating_sub(clock.elapsed().saturating_sub(start));
            let next = tokio::select! {
                biased;
                next = self.payload.next() => next,
                () = clock.sleep(left) => return Err(NoBody::TooSlow),
            };
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(|_| NoBody::BrokenOff)?;
            total = total.saturating_add(chunk.len());
            if total > cap.saturating_add(DRAINED_MAX) {
                break;
            }
            if total <= cap {
                held.take(&chunk)?;
            }
        }
        if total > cap { Err(NoBody::TooLarge) } else { Ok(Bytes::from_owner(held)) }
    }
}

/// A body's bytes, and the room that they take.
struct Held {
    buffer: BytesMut,
    taken: usize,
    flight: InFlight,
}

impl Held {
    fn take(&mut self, chunk: &[u8]) -> Result<(), NoBody> {
        let before = self.flight.0.fetch_add(chunk.len(), Ordering::Relaxed);
        self.taken += chunk.len();
        if before.saturating_add(chunk.len()) > IN_FLIGHT_MAX {
            return Err(NoBody::Crowded);
        }
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.flight.0.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

/// How many bytes of bodies are in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Whether so many bytes more would be too many: then nothing of them needs to be read.
    fn is_full_with(&self, more: usize) -> bool {
        self.0.load(Ordering::Relaxed).saturating_add(more) > IN_FLIGHT_MAX
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::clock::SystemClock;

    async fn read(sent: &'static str, cap: usize, flight: &InFlight) -> Result<Bytes, NoBody> {
        let (request, mut payload) = TestRequest::post().set_payload(sent).to_http_parts();
        let body = Body::from_request(&request, &mut payload).await.unwrap();
        body.read(cap, flight, &SystemClock::new()).await
    }

    #[tokio::test]
    async fn a_body_takes_room_for_as_long_as_anybody_holds_it() {
        let flight = InFlight::default();
        let in_flight = || flight.0.load(Ordering::Relaxed);
        let body = read("kettle", 6, &flight).await.unwrap();
        let waiting_for_the_writer = body.clone();
        assert_eq!((body.as_ref(), in_flight()), (b"kettle".as_slice(), 6));
        drop(body);
        assert_eq!(in_flight(), 6);
        drop(waiting_for_the_writer);
        assert_eq!(in_flight(), 0);
    }

    #[tokio::test]
    async fn a_body_that_is_refused_gives_its_room_back() {
        let flight = InFlight::default();
        assert_eq!(read("kettles", 6, &flight).await.unwrap_err(), NoBody::TooLarge);
        assert_eq!(flight.0.load(Ordering::Relaxed), 0);
        flight.0.store(IN_FLIGHT_MAX, Ordering::Relaxed);
        assert_eq!(read("kettle", 6, &flight).await.unwrap_err(), NoBody::Crowded);
        assert_eq!(flight.0.load(Ordering::Relaxed), IN_FLIGHT_MAX);
    }
}
