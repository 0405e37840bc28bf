//! Fixtures: recorded callbacks in files, and what must come of them.
//!
//! This module is a client that is handed addresses; it knows nothing of the server it talks to.

pub mod client;
pub mod collection;
pub mod compare;
pub mod fixture;
pub mod judge;
pub mod report;
pub mod request;
pub mod route;
pub mod run;
