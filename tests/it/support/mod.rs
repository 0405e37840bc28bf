//! What tests share: a whole callbox, a clock in the test's hand, a destination whose answers are scripted, a plain client.

use std::time::Duration;

pub(crate) mod bodies;
pub(crate) mod callbox;
pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod program;
pub(crate) mod receiver;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
