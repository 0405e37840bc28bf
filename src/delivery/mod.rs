//! Handing events out: the worker that finds what is due, the sender that posts it, and the connector that knows where not to.

mod attempt;
pub mod connector;
pub mod destinations;
pub mod failure;
mod latest;
pub mod replaying;
pub mod sender;
pub mod signing;
mod steady;
pub mod tending;
pub mod worker;

pub use destinations::{Destinations, Standing};
pub use replaying::Replaying;
pub use tending::Tending;
pub use worker::{DeliveryWorker, Round};
