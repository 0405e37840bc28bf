//! What a destination of the replay's own got for one fixture, once every delivery has ended.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use super::client::{Client, ClientError};
use super::sink::Sink;
use crate::clock::Clock;
use crate::domain::secret::Secret;

/// How often it is looked whether all deliveries have ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long that may take, before what is there is taken as all.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

/// Looks at what a destination gets.
#[derive(Debug)]
pub struct Witness {
    sink: Sink,
    secrets: Vec<Secret>,
    clock: Arc<dyn Clock>,
    told: Mutex<usize>,
}

impl Witness {
    /// A witness of what `sink` gets; `secrets` are what deliveries to it are signed with.
    #[must_use]
    pub fn new(sink: Sink, secrets: Vec<Secret>, clock: Arc<dyn Clock>) -> Self {
        Self { sink, secrets, clock, told: Mutex::new(0) }
    }

    /// Forgets what came until every delivery so far has ended.
    ///
    /// # Errors
    /// When the server can't be asked.
    pub async fn forget(&self, client: &Client) -> Result<(), ClientError> {
        self.testify(client).await.map(drop)
    }

    /// What came since the last time, in order, as expectations speak of it. Waits until every delivery has ended.
    ///
    /// # Errors
    /// When the server can't be asked.
    pub async fn testify(&self, client: &Client) -> Result<Vec<Value>, ClientError> {
        let begun = self.clock.elapsed();
        while is_open(client).await? {
            if self.clock.elapsed().saturating_sub(begun) > ENDED_WITHIN {
                break;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        let all = self.sink.received();
        let mut told = self.told.lock();
        let new = all.get(*told..).unwrap_or_default();
        let new = new.iter().map(|received| received.told(&self.secrets)).collect();
        *told = all.len();
        Ok(new)
    }
}

/// Whether a delivery has not ended yet.
async fn is_open(client: &Client) -> Result<bool, ClientError> {
    for state in ["pending", "in_flight"] {
        let page = client.ask(&format!("/v1/deliveries?state={state}&limit=1")).await?;
        if page.get("data").and_then(Value::as_array).is_some_and(|items| !items.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}
