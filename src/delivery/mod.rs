//! Handing events out: the worker that finds what is due, the sender that posts it, and the connector that knows where not to.

pub mod connector;
pub mod failure;
pub mod sender;
pub mod signing;
