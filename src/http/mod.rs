//! The two listeners: vendors push to one, everyone else asks the other. Only this room knows paths and status codes.

mod answer;
mod auth;
mod body;
mod callbacks;
mod conversations;
mod deliveries;
mod destinations;
mod events;
mod follow;
mod head;
mod health;
mod inbound;
mod messages;
mod metrics;
mod page;
mod params;
mod path;
mod problem;
mod reload;
mod replays;
mod reprocess;
mod room;
mod routes;
mod server;
mod sources;
mod strangers;
mod stream;
mod told;
mod trial;

pub use health::Health;
pub use reload::{Reload, Reloaded};
pub use room::{Room, Rooms};
pub use server::{Listeners, serve};
