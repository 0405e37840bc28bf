//! cli

pub mod demo;
pub mod embedded;
pub mod replay;
pub mod stage;
pub mod target;
