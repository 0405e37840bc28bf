//! The test program: the whole of callbox, one module per capability.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that is surprised has failed, and says so at once"
)]

mod alarms;
mod ask;
mod authenticate;
mod backlog;
mod backup;
mod capture;
mod capture_unseen;
mod clock_jumps;
mod command;
mod consumers;
mod days;
mod deliver;
mod demo;
mod deploy;
mod disk;
mod document;
mod door;
mod durable;
mod erase;
mod erase_who;
mod evidence;
mod export;
mod follow;
mod handover;
mod hostile;
mod joining;
mod keys;
mod messages;
mod operate;
mod order;
mod pace;
mod package;
mod paging;
mod receive;
mod refuse;
mod reload;
mod replay;
mod replays;
mod reprocess;
mod retention;
mod search;
mod shape;
mod simulate;
mod size;
mod slow;
mod stats;
mod store;
mod support;
mod tls;
mod traffic;
mod vendors;
mod wanted;
mod watch;
