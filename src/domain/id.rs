//! Ids that sort by time: a UUIDv7 from our own clock and chance, written as a prefix and 26 Crockford characters.

use std::fmt;
use std::str::FromStr;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Time;
use crate::random::Random;

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters behind the prefix: 128 bits at five bits each.
const LENGTH: usize = 26;

/// The text was not an id of the wanted kind.
#[derive(Debug, thiserror::Error)]
#[error("not an id of the form `{prefix}` and 26 of 0-9 and A-Z without I, L, O, U")]
pub struct NotAnId {
    /// How ids of the wanted kind begin.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// How an id of this kind begins.
            pub const PREFIX: &'static str = $prefix;

            /// The id of these 128 bits.
            #[must_use]
            pub fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The id's 128 bits.
            #[must_use]
            pub fn bits(self) -> u128 {
                self.0
            }

            /// The id as the database keeps it: 16 bytes, big end first, so that they sort as the ids do.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The id of 16 bytes, as the database keeps it.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id($prefix, self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id($prefix, self.0, formatter)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read_id($prefix, text).map(Self).ok_or(NotAnId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// The id of an event; also its `webhook-id`.
    EventId = "evt_";
    /// The id of a callback.
    CallbackId = "cbk_";
    /// The id of a delivery.
    DeliveryId = "dlv_";
    /// The id of a replay.
    ReplayId = "rpl_";
    /// The id of an erasure.
    ErasureId = "ers_";
}

fn write_id(prefix: &str, bits: u128, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut letters = [b'0'; LENGTH];
    for (place, letter) in letters.iter_mut().rev().enumerate() {
        let digit = usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0);
        *letter = ALPHABET.get(digit).copied().unwrap_or(b'0');
    }
    formatter.write_str(prefix)?;
    formatter.write_str(std::str::from_utf8(&letters).map_err(|_| fmt::Error)?)
}

fn read_id(prefix: &str, text: &str) -> Option<u128> {
    let digits = text.strip_prefix(prefix)?;
    if digits.len() != LENGTH {
        return None;
    }
    let mut bits: u128 = 0;
    for byte in digits.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = bits.checked_mul(32)?.checked_add(u128::try_from(digit).ok()?)?;
    }
    Some(bits)
}

/// Makes ids that rise strictly, whatever the wall clock does.
#[derive(Debug)]
pub struct IdMaker {
    random: Random,
    last: Mutex<u128>,
}

impl IdMaker {
    /// Ids out of this chance.
    #[must_use]
    pub fn new(random: Random) -> Self {
        Self { random, last: Mutex::new(0) }
    }

    /// The bits of a UUIDv7 (RFC 9562) for the moment `now`; always greater than the ones before.
    pub fn next(&self, now: Time) -> u128 {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let fresh = uuid::Builder::from_unix_timestamp_millis(millis, &self.random.bytes())
            .into_uuid()
            .as_u128();
        let mut last = self.last.lock();
        *last = if fresh > *last { fresh } else { last.saturating_add(1) };
        *last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_and_read_back() {
        let id = EventId::from_bits(u128::MAX);
        assert_eq!(id.to_string(), "evt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        for bad in [
            "",
            "evt_",
            "cbk_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "evt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "evt_7ZZZZZZZZZZZZZZZZZZZZZZZZU",
        ] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_rise_even_when_the_clock_falls() {
        let maker = IdMaker::new(Random::from_seed(1));
        let mut last = 0;
        for millis in [1_000, 1_000, 1_000, 999, 5, 2_000, 1_999] {
            let next = maker.next(Time::from_millis(millis));
            assert!(next > last);
            last = next;
        }
    }
}
