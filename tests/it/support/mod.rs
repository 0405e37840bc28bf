//! What tests share: a clock in the test's hand, a destination whose answers are scripted, a store that fails on demand.

pub(crate) mod clock;
pub(crate) mod faulty;
pub(crate) mod house;
pub(crate) mod receiver;
