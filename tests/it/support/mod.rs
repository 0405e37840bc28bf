//! What tests share: a whole callbox, a clock in the test's hand, a destination whose answers are scripted, a plain client.

pub(crate) mod bodies;
pub(crate) mod callbox;
pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod program;
pub(crate) mod receiver;
