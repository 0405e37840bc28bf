//! cli

pub mod stage;
pub mod target;
