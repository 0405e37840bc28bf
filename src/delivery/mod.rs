//! Handing events out: the worker that finds what is due, the sender that posts it, and the connector that knows where not to.

mod attempt;
pub mod body;
pub mod connector;
pub mod destinations;
pub mod failure;
mod latest;
mod look;
pub mod press;
pub mod replaying;
pub mod sender;
pub mod signing;
mod steady;
pub mod tending;
pub mod watch;
pub mod worker;

pub use body::{Body, NothingToSend};
pub use destinations::{Destinations, Standing};
pub use replaying::Replaying;
pub use tending::Tending;
pub use watch::Watch;
pub use worker::{DeliveryWorker, Round};
