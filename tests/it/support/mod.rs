//! What tests share: a whole callbox, its clock in the test's hand, destinations and stores that fail on demand, plain clients.

use std::time::Duration;

pub(crate) mod bodies;
pub(crate) mod callbox;
pub(crate) mod clock;
pub(crate) mod erasing;
pub(crate) mod faulty;
mod faulty_erasures;
pub(crate) mod house;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod program;
pub(crate) mod receiver;
pub(crate) mod shelf;
pub(crate) mod vendor;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
