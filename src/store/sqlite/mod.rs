//! The store in one SQLite file: one thread writes, a few read.
