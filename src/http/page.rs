//! Pages: `limit`, `order`, and cursors that belong to one list of one store.

use actix_web::HttpResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::Sha256;

use super::params::{Params, not_allowed};
use super::problem::{Code, Problem};
use crate::domain::query::{LIMIT_DEFAULT, LIMIT_MAX, Order, Page, PageRequest, Place};

/// Bytes of the tag that ties a cursor to its store and list.
const TAG: usize = 8;

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Events.
    Events,
    /// Callbacks.
    Callbacks,
    /// Deliveries.
    Deliveries,
    /// Messages.
    Messages,
    /// Replays.
    Replays,
    /// Erasures.
    Erasures,
    /// The events of one conversation.
    Conversation,
}

impl List {
    fn letter(self) -> u8 {
        match self {
            Self::Events => b'e',
            Self::Callbacks => b'c',
            Self::Deliveries => b'd',
            Self::Messages => b'm',
            Self::Replays => b'r',
            Self::Erasures => b'p',
            Self::Conversation => b'v',
        }
    }
}

/// Reads `limit`, `order` and `cursor`; the newest come first unless told otherwise.
pub(super) fn request(
    params: &mut Params,
    list: List,
    key: &[u8; 32],
) -> Result<PageRequest, Problem> {
    request_from(Order::Descending, params, list, key)
}

/// The same, for a list that begins at this end unless told otherwise.
pub(super) fn request_from(
    end: Order,
    params: &mut Params,
    list: List,
    key: &[u8; 32],
) -> Result<PageRequest, Problem> {
    let limit = limit(params)?;
    let (order, after) = place(end, params, list, key)?;
    Ok(PageRequest { limit, order, after })
}

/// Reads `order` and `cursor`.
pub(super) fn place(
    end: Order,
    params: &mut Params,
    list: List,
    key: &[u8; 32],
) -> Result<(Order, Option<Place>), Problem> {
    let orders = [("desc", Order::Descending), ("asc", Order::Ascending)];
    let order = params.word("order", &orders)?.unwrap_or(end);
    let after = params.text("cursor")?.map(|text| read(&text, list, key)).transpose()?;
    Ok((order, after))
}

/// Reads `limit`.
pub(super) fn limit(params: &mut Params) -> Result<usize, Problem> {
    let allowed = format!("1 to {LIMIT_MAX}");
    let limit: usize = params.parsed("limit", &allowed)?.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(not_allowed("limit", &limit.to_string(), &allowed))
}

/// A page as it is answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub(super) struct PageOf<T> {
    /// The items.
    data: Vec<T>,
    /// The place after the last item that was looked at: always there, for polling.
    cursor: String,
    /// The same place, only while there may be more behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A list that is answered whole.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ListOf{T}")]
pub(super) struct Listed<T> {
    /// The items.
    pub(super) data: Vec<T>,
}

/// Makes the answer of a page.
pub(super) fn answer<T: Serialize>(page: Page<T>, list: List, key: &[u8; 32]) -> HttpResponse {
    // Of a list that has nothing yet, the place before everything: whoever polls from there hears of all that comes.
    let cursor = write(page.place.unwrap_or(Place(0)), list, key);
    let next_cursor = page.more.then(|| cursor.clone());
    HttpResponse::Ok().json(PageOf { data: page.items, cursor, next_cursor })
}

/// The place as a cursor.
pub(super) fn write(place: Place, list: List, key: &[u8; 32]) -> String {
    let number = place.0.to_be_bytes();
    let mut bytes = number.to_vec();
    bytes.extend(tag(number, list, key).iter().take(TAG));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of this list stands for.
pub(super) fn read(text: &str, list: List, key: &[u8; 32]) -> Result<Place, Problem> {
    let foreign = || {
        Problem::new(
            Code::InvalidParameter,
            "parameter `cursor`: it is not of this list, or of another store",
        )
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign())?;
    let (number, tag_given) = bytes.split_first_chunk::<8>().ok_or_else(foreign)?;
    let valid = tag_given.len() == TAG && tag(*number, list, key).starts_with(tag_given);
    if valid { Ok(Place(i64::from_be_bytes(*number))) } else { Err(foreign()) }
}

fn tag(number: [u8; 8], list: List, key: &[u8; 32]) -> Vec<u8> {
    // An HMAC takes keys of any length, so this can't fail; an empty tag would match no cursor.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(b"cursor");
    mac.update(&[list.letter()]);
    mac.update(&number);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_only_by_its_own_list_and_store() {
        let key = [7; 32];
        for number in [0, 1, 18_211, i64::MAX] {
            let cursor = write(Place(number), List::Events, &key);
            assert!(
                cursor
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            );
            assert_eq!(read(&cursor, List::Events, &key).unwrap(), Place(number));
            assert!(read(&cursor, List::Deliveries, &key).is_err());
            assert!(read(&cursor, List::Events, &[8; 32]).is_err());
        }
        for bad in ["", "x", "AAAA", "AAAAAAAAAAA", "é", &"A".repeat(22), &"A".repeat(500)] {
            assert!(read(bad, List::Events, &key).is_err(), "{bad}");
        }
    }
}
