//! What callbox is about, without any I/O: callbacks, events, messages, sources, destinations, deliveries, and the rules that decide.

pub mod address;
pub mod backlog;
pub mod breaker;
pub mod callback;
pub mod delivery;
pub mod destination;
mod destination_url;
pub mod difference;
pub mod drift;
pub mod event;
pub mod event_type;
pub mod fairness;
pub mod filter;
pub mod glob;
pub mod id;
pub mod mapping;
pub mod message;
pub mod message_part;
pub mod name;
pub mod query;
pub mod replay;
pub mod reread;
pub mod retry;
pub mod secret;
pub mod source;
pub mod wish;
pub mod words;
