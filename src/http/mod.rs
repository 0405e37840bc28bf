//! The two listeners: vendors push to one, everyone else asks the other. Only this room knows paths and status codes.

mod answer;
mod auth;
mod body;
mod callbacks;
mod deliveries;
mod destinations;
mod events;
mod head;
mod health;
mod inbound;
mod messages;
mod metrics;
mod page;
mod params;
mod problem;
mod reprocess;
mod routes;
mod server;
mod sources;
mod strangers;

pub use health::Health;
pub use server::{Doors, Listeners, Room, serve};
