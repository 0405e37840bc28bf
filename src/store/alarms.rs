//! Alarms in the store: where each stands, and the events that tell of a change, in one step with it.

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Time;
use crate::domain::alarm::Alarm;
use crate::domain::event::EventType;
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::name::Name;

/// Alarms that outlive a restart.
#[async_trait]
pub trait Alarms: Send + Sync {
    /// Every alarm that was ever looked at.
    async fn alarms(&self) -> Result<Vec<Alarm>, StoreError>;

    /// Writes down where alarms stand, and keeps the event that tells of it with its deliveries, in one step.
    async fn note_alarms(
        &self,
        alarms: Vec<Alarm>,
        event: Option<AlarmEvent>,
    ) -> Result<(), StoreError>;
}

/// An event of callbox's own.
#[derive(Clone, Debug)]
pub struct AlarmEvent {
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub kind: EventType,
    /// What it is about: the name of a destination or source; `disk`.
    pub subject: String,
    /// When.
    pub at: Time,
    /// What it says, as JSON.
    pub data: String,
    /// Whom it is to be delivered to.
    pub deliveries: Vec<(DeliveryId, Name)>,
}
