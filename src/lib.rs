//! One inbox for every messaging vendor's callbacks.
//!
//! The modules stand in reading order, outermost first. A module uses only those below it; `ARCHITECTURE.md` says why.

pub mod cli;

pub mod embedded;

pub mod app;

pub mod http;

pub mod delivery;
pub mod receive;
pub mod replay;

pub mod config;

pub mod store;
pub mod vendor;

pub mod domain;

pub mod clock;
pub mod random;

pub mod telemetry;
