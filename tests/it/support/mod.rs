//! What tests share: a clock in the test's hand, and a destination whose answers are scripted.

pub(crate) mod clock;
pub(crate) mod receiver;
