//! A connection with its limits: a head that does not come to its end, and answers that nobody takes, cut it off. It parts well, too.
//!
//! The server times the first head of a connection alone, and no write; whoever sends half a second head could stay for ever.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::parting::{Ear, Stage};
use super::seats::Seat;
use crate::clock::Clock;

/// How long a head may take, from its first byte on.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long answers may wait for a client that takes none of them. A stream of events is ended in good order before.
const STALL_TIME: Duration = Duration::from_mins(1);

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection with its limits.
pub(super) struct Guarded<S> {
    stream: S,
    turn: Turn,
    clock: Arc<dyn Clock>,
    head: Option<Timer>,
    stall: Option<Timer>,
    seat: Seat,
    ear: Ear,
    /// Whether it is the next callbox's now: nothing more may be done to it.
    handed_on: bool,
}

/// Whose turn it is on a connection; shared with the requests on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Rc<Standing>);

#[derive(Debug, Default)]
struct Standing {
    /// Whether a request is being served.
    serving: Cell<bool>,
    /// When the first byte of a head came that has not come to its end.
    begun: Cell<Option<Duration>>,
    /// Whether a request was served.
    used: Cell<bool>,
    /// Whether something of a request may be on its way still that nobody wants.
    littered: Cell<bool>,
    /// Whether a request was answered since it was last looked whether the connection rests.
    answered: Cell<bool>,
}

impl Turn {
    /// A head is whole: from now on its handler has the say, the deadline of bodies included.
    pub(super) fn ours(&self) {
        self.0.serving.set(true);
        self.0.used.set(true);
        self.0.begun.set(None);
    }

    /// It is answered: what comes now belongs to another head, if all of the request was read.
    pub(super) fn theirs(&self, all_read: bool) {
        self.0.serving.set(false);
        self.0.answered.set(true);
        self.0.littered.set(!all_read);
    }

    /// Whether nothing of a request has come yet.
    fn rests(&self) -> bool {
        !self.0.serving.get() && self.0.begun.get().is_none()
    }
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, seat: Seat, clock: Arc<dyn Clock>, ear: Ear) -> Self {
        let turn = Turn::default();
        Self { stream, turn, clock, head: None, stall: None, seat, ear, handed_on: false }
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn.clone()
    }

    /// An error once the connection has had its time.
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if ready(&mut self.stall, context) {
            self.seat.cut("answer");
            return Err(io::ErrorKind::TimedOut.into());
        }
        while ready(&mut self.head, context) {
            // It may have been set for a head that has long been served: there is one timer, not one for each head.
            let Some(begun) = self.turn.0.begun.get() else { break };
            let spent = self.clock.elapsed().saturating_sub(begun);
            if spent >= HEAD_TIME {
                self.seat.cut("head");
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.head = Some(timer(&self.clock, HEAD_TIME.saturating_sub(spent)));
        }
        Ok(())
    }

    /// Bytes came while no request was being served.
    fn head_comes(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.turn.0.begun.get().is_some() {
            return Ok(());
        }
        self.turn.0.begun.set(Some(self.clock.elapsed()));
        if self.head.is_some() {
            return Ok(());
        }
        self.head = Some(timer(&self.clock, HEAD_TIME));
        self.in_time(context)
    }
}

fn timer(clock: &Arc<dyn Clock>, duration: Duration) -> Timer {
    let clock = Arc::clone(clock);
    Box::pin(async move { clock.sleep(duration).await })
}

/// Whether there is a timer and it is over; then it is there no more.
fn ready(timer: &mut Option<Timer>, context: &mut Context<'_>) -> bool {
    let over = timer.as_mut().is_some_and(|timer| timer.as_mut().poll(context).is_ready());
    if over {
        *timer = None;
    }
    over
}

impl<S: AsyncRead + AsFd + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.in_time(context)?;
        if this.stall.is_some() {
            // Whoever takes no answers is not listened to, or the answers would pile up.
            return Poll::Pending;
        }
        this.turn.0.answered.set(false);
        let stage = this.ear.listen(context);
        let leaves = stage > Stage::Staying && this.turn.rests();
        if leaves && !this.turn.0.littered.get() && this.ear.parting().hand_on(&this.stream) {
            // To the server it looks as if the client had gone. What the client sends is read by the next callbox.
            this.handed_on = true;
        }
        if this.handed_on {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && !this.turn.0.serving.get() {
            this.head_comes(context)?;
        }
        let patient = stage < Stage::Late && !this.turn.0.used.get();
        if read.is_pending() && leaves && !patient {
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if written.is_ready() {
            if this.stall.take().is_some() {
                // What was not read meanwhile is read now.
                context.waker().wake_by_ref();
            }
            return written;
        }
        if this.stall.is_none() {
            this.stall = Some(timer(&this.clock, STALL_TIME));
        }
        this.in_time(context)?;
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.turn.0.answered.take() && this.ear.parting().stage() > Stage::Staying {
            // It was not at rest when the parting began, and may be now: it is to be looked at once more.
            context.waker().wake_by_ref();
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.handed_on {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
