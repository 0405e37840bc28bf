//! Fixtures: recorded callbacks in files, and what must come of them.
//!
//! This module is a client that is handed addresses; it knows nothing of the server it talks to.

pub mod client;
pub mod collection;
pub mod compare;
pub mod deliveries;
pub mod edit;
pub mod find;
pub mod fixture;
pub mod fresh;
pub mod judge;
pub mod junit;
pub mod order;
pub mod report;
pub mod request;
pub mod route;
pub mod run;
pub mod shape;
pub mod sink;
pub mod template;
mod words;
