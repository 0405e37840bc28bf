//! One HTTP request from a vendor as it arrived. Its bytes are never changed and never re-encoded.

use std::net::IpAddr;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::CallbackId;
use super::name::Name;
use crate::clock::Time;

/// A callback as it arrived, with the path's token cut out.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Its id.
    pub id: CallbackId,
    /// The source it came in on.
    pub source: Name,
    /// When its head was read.
    pub received_at: Time,
    /// What was asked for, besides the body.
    pub head: Head,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Head {
    /// `POST` or `GET`.
    pub method: String,
    /// The path as sent, percent-encoding and all, without the token.
    pub path: String,
    /// The query as sent, without the question mark and without the token; empty if there was none.
    pub query: String,
    /// Sorted by name in small letters; the values of one name in the order of arrival. Values that are not UTF-8 are read as Latin-1.
    pub headers: Vec<(String, String)>,
    /// The token that was cut out of path or query.
    pub token: Option<super::secret::Secret>,
    /// Who sent it: the peer, or behind a trusted proxy the forwarded address.
    pub remote: Option<IpAddr>,
}

impl Head {
    /// The first value of the header `name`, which is in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The content type without parameters, in small letters; empty if there was none.
    #[must_use]
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// What became of a callback.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum CallbackOutcome {
    /// It made new events (or was read and means nothing: none).
    Events,
    /// Every event of it was known already.
    Duplicate,
    /// It was kept, but not understood.
    Quarantined,
    /// It was kept, but is not from whom it says.
    Unauthentic,
}

impl CallbackOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] =
        [Self::Events, Self::Duplicate, Self::Quarantined, Self::Unauthentic];

    /// The outcome's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Unauthentic => "unauthentic",
        }
    }
}
