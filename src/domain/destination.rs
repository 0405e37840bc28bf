//! A configured downstream URL: which events it wants, and how they are handed to it.

use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::backlog::{BacklogBounds, StartFrom};
use super::event::{Channel, Event, EventType};
use super::filter::Filter;
use super::glob::Glob;
use super::lane::FailFast;
use super::name::Name;
use super::order::{OnExhausted, OrderedBy};
use super::retry::RetrySchedule;
use super::secret::Secret;
use super::transform::Transform;

/// Headers that belong to the connection, to the body or to callbox, and are no destination's to set; and all that begin with
/// `webhook-`.
pub const RESERVED_HEADERS: [&str; 16] = [
    "callbox-delivery",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Whether a header, in small letters, is none of a destination's own.
#[must_use]
pub fn is_reserved(header: &str) -> bool {
    RESERVED_HEADERS.contains(&header) || header.starts_with("webhook-")
}

/// A downstream URL with its subscription and its manners.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name.
    pub name: Name,
    /// Where deliveries are posted.
    pub url: Url,
    /// Globs over event types; one must match.
    pub events: Vec<Glob>,
    /// The sources it wants; empty: all.
    pub sources: Vec<Name>,
    /// The channels it wants; empty: all, and events without one.
    pub channels: Vec<Channel>,
    /// Conditions on the event's content.
    pub filter: Option<Filter>,
    /// Standard Webhooks secrets; every one of them signs.
    pub secrets: Vec<Secret>,
    /// Headers added to every attempt; names in small letters.
    pub headers: Vec<(String, Secret)>,
    /// What is posted.
    pub format: Format,
    /// What makes another body of the event.
    pub transform: Option<Transform>,
    /// Whom its connections trust, and what they prove themselves with.
    pub tls: Tls,
    /// The deadline of one attempt, from the first look-up to the last byte of the response.
    pub timeout: Duration,
    /// The most attempts at a time.
    pub max_concurrency: usize,
    /// What it wants to get one after the other; `None`: nothing.
    pub order: Option<OrderedBy>,
    /// What an exhausted delivery does to those behind it, where there is an order.
    pub on_exhausted: OnExhausted,
    /// Deliveries a second, retries included; `None`: as many as there are.
    pub rate: Option<f64>,
    /// Statuses that end a delivery at once.
    pub fail_fast: FailFast,
    /// When failures are tried again.
    pub retry: RetrySchedule,
    /// Which events it gets first, when its name is new.
    pub from: StartFrom,
    /// How much may wait for it.
    pub backlog: BacklogBounds,
    /// Whether it gets deliveries at all.
    pub enabled: bool,
    /// Networks that the address guard lets through for it.
    pub allow_subnets: Vec<IpNet>,
}

/// What a destination's TLS connections go by, beside the machine's own list of authorities.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Authorities in PEM that are trusted in place of the machine's.
    pub ca: Option<String>,
    /// The certificate chain and its key, one after the other in PEM, that callbox proves itself with.
    pub identity: Option<Secret>,
}

/// What a destination is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The event, as `application/json`.
    #[default]
    Event,
    /// The event, as `application/cloudevents+json`.
    CloudEvents,
    /// The vendor's own bytes and content type.
    Raw,
}

impl Destination {
    /// Whether it wants an event that is stored.
    #[must_use]
    pub fn wants_event(&self, event: &Event) -> bool {
        self.wants(event.kind, &event.source, event.data.channel)
            && self.filter.as_ref().is_none_or(|filter| filter.matches(&event.as_filtered()))
    }

    /// Whether it may want an event of this type, source and channel; its filter has a word in it too. Alarms go only where a
    /// glob names them in so many words.
    #[must_use]
    pub fn wants(&self, kind: EventType, source: &Name, channel: Option<Channel>) -> bool {
        let named =
            |glob: &&Glob| glob.matches(kind.as_str()) && (!kind.is_alarm() || glob.names_alarms());
        self.enabled
            && self.events.iter().any(|glob| named(&glob))
            && (self.sources.is_empty() || self.sources.contains(source))
            && (self.channels.is_empty()
                || channel.is_some_and(|channel| self.channels.contains(&channel)))
    }
    /// Whether it is what an alarm is about: then the alarm does not go to it.
    #[must_use]
    pub fn is_subject_of(&self, kind: EventType, subject: Option<&str>) -> bool {
        kind.as_str().starts_with("callbox.destination.") && subject == Some(self.name.as_str())
    }
}
