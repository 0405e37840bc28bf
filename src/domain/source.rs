//! A configured sender: how it proves itself, how its callbacks are read, and what it is answered.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::event_type::EventType;
use super::mapping::Mapping;
use super::name::Name;
use super::secret::Secret;

/// What a token can't have as it stands in a path: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One configured sender with its push URL: an account at a vendor.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name: the segment behind `/in/`.
    pub name: Name,
    /// The vendor's code, one of the registry's.
    pub vendor: &'static str,
    /// What must hold of a callback, all of it. Never empty: no authentication is written out as [`Scheme::None`].
    pub auth: Vec<Scheme>,
    /// The largest body taken, in bytes.
    pub max_body: usize,
    /// The most callbacks a second; what is beyond is not kept.
    pub rate: Option<NonZeroU32>,
    /// How its callbacks are read.
    pub reading: ReadSettings,
    /// What a stored callback is answered.
    pub answer: Answer,
    /// What it is answered instead, by the type of its first event.
    pub answers: BTreeMap<EventType, Answer>,
    /// The status for a callback that is not authentic: 401, or 200 for vendors that give up on 4xx.
    pub unauthentic_answer: u16,
    /// How much of what is not authentic is kept.
    pub unauthentic_keep: Quota,
}

/// What adapters need to know of a source, besides the bytes.
#[derive(Clone, Debug)]
pub struct ReadSettings {
    /// The zone of times that a vendor writes without one.
    pub timezone: TimeZone,
    /// Whether a literal `\U0001F600` in a text is read as the character it names.
    pub decode_escapes: bool,
    /// Where everything is found, for a vendor that is described in the configuration alone.
    pub mapping: Option<Arc<Mapping>>,
}

/// A source's own acknowledgement. What is absent is as usual: 200, `application/json`, ids of callback and events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// A 2xx status.
    pub status: Option<u16>,
    /// The content type of `body`.
    pub content_type: Option<String>,
    /// The body; may be empty.
    pub body: Option<String>,
}

/// A bound on what is kept; the oldest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The most callbacks.
    pub callbacks: u32,
    /// The most bytes of bodies.
    pub bytes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { callbacks: 1_000, bytes: 64 * 1024 * 1024 }
    }
}

/// One way for a callback to prove where it is from. Several secrets are valid at once, so that they can be changed without a gap.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// Nothing is proved. Has to be written out.
    None,
    /// A secret in the URL (`/in/SOURCE/TOKEN` or `?token=`), or in the named header.
    Token {
        /// The valid tokens, newest first.
        secrets: Vec<Secret>,
        /// The header it may come in as well, in small letters.
        header: Option<String>,
    },
    /// A header with a fixed value.
    Header {
        /// The header, in small letters.
        name: String,
        /// The valid values, newest first.
        secrets: Vec<Secret>,
    },
    /// HTTP Basic (RFC 7617); the secrets are `user:password`.
    Basic {
        /// The valid pairs, newest first.
        secrets: Vec<Secret>,
    },
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer {
        /// The valid tokens, newest first.
        secrets: Vec<Secret>,
    },
    /// A keyed hash over the body, or over the parts that the vendor signs.
    Hmac(HmacScheme),
    /// Standard Webhooks, `v1` signatures; the secrets are `whsec_…`.
    StandardWebhooks {
        /// The valid secrets, newest first.
        secrets: Vec<Secret>,
    },
    /// `Authorization: Bearer …` with a JSON Web Token (RFC 7519) signed by HS256, which has to say when it ends.
    Jwt {
        /// The valid keys, newest first.
        secrets: Vec<Secret>,
    },
    /// The sender's address: the peer's, or behind trusted proxies the one that they forward.
    AllowIps {
        /// Where callbacks may come from.
        networks: Vec<IpNet>,
    },
}

impl Source {
    /// The path that its vendor pushes to: with the newest token if it has one, masked unless `whole`.
    #[must_use]
    pub fn push_path(&self, whole: bool) -> String {
        let token = self.auth.iter().find_map(|scheme| match scheme {
            Scheme::Token { secrets, header: None } => secrets.first(),
            Scheme::Token { .. }
            | Scheme::None
            | Scheme::Header { .. }
            | Scheme::Basic { .. }
            | Scheme::Bearer { .. }
            | Scheme::Hmac(_)
            | Scheme::StandardWebhooks { .. }
            | Scheme::Jwt { .. }
            | Scheme::AllowIps { .. } => None,
        });
        let name = &self.name;
        match token {
            Some(token) if whole => {
                let token = utf8_percent_encode(token.expose(), RESERVED);
                format!("/in/{name}/{token}")
            }
            Some(_) => format!("/in/{name}/***"),
            None => format!("/in/{name}"),
        }
    }
}

impl Scheme {
    /// The scheme's word in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token { .. } => "token",
            Self::Header { .. } => "header",
            Self::Basic { .. } => "basic",
            Self::Bearer { .. } => "bearer",
            Self::Hmac(_) => "hmac",
            Self::StandardWebhooks { .. } => "standard_webhooks",
            Self::Jwt { .. } => "jwt",
            Self::AllowIps { .. } => "allow_ips",
        }
    }

    /// The headers, in small letters, that hold a credential or signature for this scheme.
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        match self {
            Self::None | Self::AllowIps { .. } => Vec::new(),
            Self::Token { header, .. } => header.as_deref().into_iter().collect(),
            Self::Header { name, .. } => vec![name],
            Self::Basic { .. } | Self::Bearer { .. } | Self::Jwt { .. } => vec!["authorization"],
            Self::Hmac(scheme) => vec![&scheme.header],
            Self::StandardWebhooks { .. } => vec!["webhook-signature"],
        }
    }
}

/// How a vendor signs its bodies.
#[derive(Clone, Debug)]
pub struct HmacScheme {
    /// The header with the signature, in small letters.
    pub header: String,
    /// The hash.
    pub algorithm: Algorithm,
    /// How the signature is written.
    pub encoding: Encoding,
    /// What stands before it, such as `sha256=`; empty if nothing does.
    pub prefix: String,
    /// What is signed, joined without anything between.
    pub parts: Vec<SignedPart>,
    /// The header with the time of signing in Unix seconds, in small letters, if there is one.
    pub timestamp_header: Option<String>,
    /// How far that time may be from ours, in either direction.
    pub tolerance: Duration,
    /// The valid keys, newest first.
    pub secrets: Vec<Secret>,
}

/// The hash under an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64, standard or URL-safe, padded or not.
    Base64,
}

/// One piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedPart {
    /// The body, byte for byte: `body`.
    Body,
    /// The value of `timestamp_header`: `timestamp`.
    Timestamp,
    /// The method: `method`.
    Method,
    /// The path as it arrived at the source's public URL: `path`.
    Path,
    /// The query as it arrived: `query`.
    Query,
    /// The public URL as a whole: `url`.
    Url,
    /// The value of a header: `header:NAME`.
    Header(String),
    /// A text as it stands: `text:.`.
    Text(String),
}
