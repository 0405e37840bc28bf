//! Fixtures: recorded callbacks in files, and what must come of them.
//!
//! This module is a client that is handed addresses; it knows nothing of the server it talks to.

pub mod compare;
pub mod fixture;
pub mod request;
