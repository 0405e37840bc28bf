//! Taking a callback in.
