//! The two listeners: vendors push to one, everyone else asks the other. Only this room knows paths and status codes.

mod answer;
mod auth;
mod body;
mod callbacks;
mod consumers;
mod conversations;
mod deliveries;
mod descriptors;
mod destinations;
mod events;
mod follow;
mod guard;
mod head;
mod health;
mod inbound;
mod messages;
mod metrics;
mod page;
mod params;
mod path;
mod problem;
mod replays;
mod reprocess;
mod room;
mod routes;
mod seats;
mod server;
mod sources;
mod stats;
mod strangers;
mod stream;
mod told;
mod trial;

pub use health::Health;
pub use room::Room;
pub use server::{Listeners, serve};
