//! What is sent of an event: made anew from what is stored, so that it is the same on every attempt.

use bytes::Bytes;

use super::press::{NotPressed, Press};
use crate::clock::Clock;
use crate::domain::destination::{Destination, Format};
use crate::domain::event::Event;
use crate::store::{Questions, StoreError};

/// A body with its content type, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The content type.
    pub content_type: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// There is nothing that could be sent.
#[derive(Debug, thiserror::Error)]
pub enum NothingToSend {
    /// Nobody pushed it.
    #[error("an alarm of callbox's own has no vendor's bytes to send; use format = \"event\"")]
    Alarm,
    /// Retention was faster.
    #[error("the callback is not kept any more")]
    CallbackGone,
    /// The store has trouble.
    #[error("the callback can't be read: {0}")]
    Store(#[from] StoreError),
    /// An event is always JSON; this is our bug.
    #[error("the event can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The transform made nothing of it.
    #[error(transparent)]
    Transform(#[from] NotPressed),
}

/// The body that this destination gets.
pub(super) async fn make<Q: Questions + ?Sized>(
    destination: &Destination,
    press: Option<&Press>,
    event: &Event,
    store: &Q,
    clock: &dyn Clock,
) -> Result<Body, NothingToSend> {
    if let (Some(press), Some(transform)) = (press, &destination.transform) {
        let made = press.make(serde_json::to_value(event)?, clock).await?;
        let content_type = Some(transform.content_type().to_owned());
        return Ok(Body { content_type, bytes: made.into() });
    }
    let json = |kind: &str| -> Result<Body, NothingToSend> {
        let bytes = serde_json::to_vec(event)?.into();
        Ok(Body { content_type: Some(kind.to_owned()), bytes })
    };
    match destination.format {
        Format::Event => json("application/json"),
        Format::CloudEvents => json("application/cloudevents+json"),
        Format::Raw => {
            let id = event.callback_id.ok_or(NothingToSend::Alarm)?;
            let found = store.callback_body(id).await?;
            let (content_type, bytes) = found.ok_or(NothingToSend::CallbackGone)?;
            Ok(Body { content_type, bytes })
        }
    }
}
