//! Plausible traffic of a vendor: messages with all that is reported of them, disturbed as vendors and networks disturb it.

pub mod sending;
pub mod story;
pub mod verdict;
