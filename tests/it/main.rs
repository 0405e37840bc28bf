//! The test program: the whole of callbox, one module per capability.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that is surprised has failed, and says so at once"
)]

mod ask;
mod authenticate;
mod backlog;
mod backup;
mod command;
mod deliver;
mod demo;
mod disk;
mod door;
mod durable;
mod evidence;
mod follow;
mod messages;
mod operate;
mod paging;
mod receive;
mod refuse;
mod reload;
mod replay;
mod replays;
mod reprocess;
mod retention;
mod search;
mod store;
mod support;
mod traffic;
mod vendors;
mod wanted;
mod watch;
